// The messages of one conversation, in order and bounded. Every function is pure: it takes a list
// and returns a list (the same one when nothing changed).
//
// Invariant: what the server has placed comes first, in the server's order, each message once; what
// it has not answered yet (pending, failed) stays at the end, in the order of sending.

import type { Ack, Epoch } from './protocol';

export const LIMIT = 1000;

export interface Problem {
  code: string;
  words: string;
  /** Local milliseconds before which a retry is pointless; 0 when it may go at once. */
  retryAt: number;
}

export interface Message {
  kind: 'message';
  /** Stays the same from pending to sent, so that the row on the screen does too. */
  key: string;
  /** The id this page chose for it, while its outcome is open. */
  id?: string;
  cacheID?: number;
  epoch?: Epoch;
  offset?: number;
  ownerId: string;
  username: string;
  text: string;
  /** Milliseconds; NaN when the server's time could not be read. */
  at: number;
  status: 'sent' | 'pending' | 'failed';
  problem?: Problem;
  edited?: boolean;
  deleted?: boolean;
  /** Known from an ack alone; its frame, with the server's text and time, was not seen yet. */
  bare?: boolean;
}

/** "Some messages may be missing here." */
export interface Gap {
  kind: 'gap';
  key: string;
  cacheID?: number;
  epoch?: Epoch;
  offset?: number;
  at: number;
}

export type Item = Message | Gap;
export type Timeline = readonly Item[];

const unplaced = (item: Item): boolean =>
  item.kind === 'message' && item.status !== 'sent' && item.cacheID === undefined;

/** Below 0 when a comes before b. Within an epoch the offset decides, across epochs the time. */
function order(a: Item, b: Item): number {
  if (
    a.epoch !== undefined &&
    a.epoch === b.epoch &&
    a.offset !== undefined &&
    b.offset !== undefined
  ) {
    return a.offset - b.offset;
  }
  return a.at - b.at || (a.cacheID ?? 0) - (b.cacheID ?? 0);
}

function same(a: Item, b: Message): boolean {
  if (a.kind !== 'message' || a.cacheID === undefined) return false;
  if (
    a.offset !== undefined &&
    a.offset === b.offset &&
    a.epoch !== undefined &&
    a.epoch === b.epoch
  ) {
    return true;
  }
  // A server without history counts from 1 again after a restart: the number alone proves nothing.
  return a.cacheID === b.cacheID && a.ownerId === b.ownerId && (a.at === b.at || a.bare === true);
}

function place(items: Item[], item: Item): void {
  let i = items.length;
  while (i > 0) {
    const previous = items[i - 1]!;
    if (!unplaced(previous) && !(order(previous, item) > 0)) break;
    i--;
  }
  items.splice(i, 0, item);
}

function findLast(items: Timeline, test: (item: Item) => boolean): number {
  for (let i = items.length - 1; i >= 0; i--) if (test(items[i]!)) return i;
  return -1;
}

const bound = (items: Item[]): Item[] => (items.length > LIMIT ? items.slice(-LIMIT) : items);

/**
 * Put in what the server sent. A message of this user's own that equals one still pending is taken
 * for its echo and replaces it; the ack then confirms that, or corrects it.
 */
export function insert(
  items: Timeline,
  messages: readonly Message[],
  selfId: string,
): { items: Timeline; added: Message[] } {
  const out = items.slice();
  const added: Message[] = [];
  let changed = false;
  for (const message of messages) {
    const known = findLast(out, (item) => same(item, message));
    if (known >= 0) {
      const old = out[known] as Message;
      if (!old.bare) continue;
      out.splice(known, 1);
      place(out, { ...message, key: old.key });
    } else {
      const twin = out.findIndex(
        (item) =>
          unplaced(item) &&
          message.ownerId === selfId &&
          (item as Message).status === 'pending' &&
          (item as Message).text === message.text,
      );
      if (twin >= 0) {
        const { key, id } = out.splice(twin, 1)[0] as Message;
        place(out, { ...message, key, id, status: 'pending' });
      } else {
        place(out, message);
      }
      added.push(message);
    }
    changed = true;
  }
  return changed ? { items: bound(out), added } : { items, added };
}

export const addPending = (items: Timeline, message: Message): Timeline =>
  bound([...items, message]);

export const hasId = (items: Timeline, id: string): boolean =>
  items.some((item) => item.kind === 'message' && item.id === id);

// A wrong guess of `insert`: the frame was somebody's (another tab's) message, not this one's echo.
const released = (m: Message): Message => ({
  ...m,
  id: undefined,
  status: 'sent',
  key: `${m.key}~`,
});

// Is this the message that the ack names? Its place proves it; a number alone only with its author.
function named(ack: Ack, item: Message, mine: Message): boolean {
  if (item.cacheID !== ack.cacheID) return false;
  if (ack.epoch !== undefined && item.epoch !== undefined) {
    return item.epoch === ack.epoch && item.offset === ack.offset;
  }
  return !mine.ownerId || item.ownerId === mine.ownerId || item.username === mine.username;
}

/** The server accepted a message. */
export function settle(items: Timeline, ack: Ack): Timeline {
  const i = items.findIndex((item) => item.kind === 'message' && item.id === ack.id);
  if (i < 0) return items;
  const mine = items[i] as Message;
  const out = items.slice();
  const done = { id: undefined, problem: undefined, status: 'sent' as const };
  if (ack.cacheID === undefined || ack.cacheID === mine.cacheID) {
    out[i] = { ...mine, ...done };
    return out;
  }
  if (mine.cacheID === undefined) out.splice(i, 1);
  else out[i] = released(mine);
  const seen = findLast(out, (item) => item.kind === 'message' && named(ack, item, mine));
  if (seen >= 0) {
    out[seen] = { ...(out[seen] as Message), ...done };
  } else {
    const { cacheID, epoch, offset } = ack;
    place(out, { ...mine, ...done, cacheID, epoch, offset, bare: true });
  }
  return out;
}

/** The server refused a message. */
export function fail(items: Timeline, id: string, problem: Problem): Timeline {
  const i = items.findIndex((item) => item.kind === 'message' && item.id === id);
  if (i < 0) return items;
  const mine = items[i] as Message;
  const out = items.slice();
  if (mine.cacheID === undefined) {
    out[i] = { ...mine, status: 'failed', problem };
  } else {
    const { key, ownerId, username, text, at } = mine;
    out[i] = released(mine);
    out.push({ kind: 'message', key, id, ownerId, username, text, at, status: 'failed', problem });
  }
  return out;
}

/** Try a failed message again, under the same id. */
export const retry = (items: Timeline, id: string, now: number): Timeline =>
  items.map((item) =>
    item.kind === 'message' && item.id === id && item.status === 'failed'
      ? { ...item, status: 'pending', problem: undefined, at: now }
      : item,
  );

/** Forget a message that failed. */
export const discard = (items: Timeline, id: string): Timeline =>
  items.filter((item) => !(item.kind === 'message' && item.id === id && item.status === 'failed'));

function change(items: Timeline, cacheID: number, to: (m: Message) => Message): Timeline {
  const i = findLast(items, (item) => item.kind === 'message' && item.cacheID === cacheID);
  if (i < 0) return items;
  const out = items.slice();
  out[i] = to(items[i] as Message);
  return out;
}

export const edit = (items: Timeline, cacheID: number, text: string): Timeline =>
  change(items, cacheID, (m) => (m.deleted ? m : { ...m, text, edited: true }));

/** What was deleted leaves an empty place, so that a late copy of it stays out. */
export const remove = (items: Timeline, cacheID: number): Timeline =>
  change(items, cacheID, (m) => ({ ...m, text: '', deleted: true }));

/** The newest item that the server has placed. */
export const newest = (items: Timeline): Item | undefined =>
  items[findLast(items, (item) => !unplaced(item))];

/** Say that messages may be missing after `anchor`, the newest item of the time before. */
export function addGap(items: Timeline, anchor: Item | undefined, key: string): Timeline {
  if (anchor?.kind === 'gap') return items;
  const at = anchor ? items.findIndex((item) => item.key === anchor.key) + 1 : 0;
  if (items[at]?.kind === 'gap') return items;
  const { cacheID, epoch, offset } = anchor ?? {};
  const gap: Gap = { kind: 'gap', key, cacheID, epoch, offset, at: anchor?.at ?? -Infinity };
  return [...items.slice(0, at), gap, ...items.slice(at)];
}

/** What still waits for its ack. */
export const waiting = (items: Timeline): Message[] =>
  items.filter((item): item is Message => item.kind === 'message' && item.status === 'pending');
