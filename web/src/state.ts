// What the page knows: the types of the state and of the events that change it, and the questions
// that the components ask of it. Immutable: a change makes a new state that shares what did not
// change.

import type { Link } from './connection';
import type { ChannelInfo, Position, ServerFrame } from './protocol';
import type { Item, Timeline } from './timeline';

/** How long a `typing` frame is shown. */
export const TYPING_MS = 5000;
export const MAX_NOTICES = 4;

/** A channel, or the whispers with one user. */
export interface Conversation {
  key: string;
  kind: 'channel' | 'user';
  /** A channel's or a user's name. */
  title: string;
  /**
   * The catalogue's entry; absent for whispers, and for a channel that the catalogue does not list.
   */
  info?: ChannelInfo;
  /** The other user's id; empty for a channel. */
  peer: string;
  items: Timeline;
  unread: number;
  /** `unknown` until something comes from the channel or a join is answered. */
  joined: 'unknown' | 'asking' | 'yes' | 'no';
  /** This page asked to be let in, so it must ask again on a new connection. */
  asked?: boolean;
  /** Why the last join was refused. */
  joinProblem?: string;
  /** Up to here the page has all there is. */
  position?: Position;
  /** Set from the loss of the connection until `resumed`: what the page had then. */
  resume?: { from: Position; anchor: Item | undefined };
}

export interface Person {
  id: string;
  username: string;
}

export interface Typist {
  id: string;
  username: string;
  until: number;
}

export interface Notice {
  key: number;
  kind: 'error' | 'info';
  text: string;
  code?: string;
  times: number;
}

export type Screen =
  | { name: 'loading' }
  | { name: 'unreachable'; why: string }
  | { name: 'sign-in'; mode: 'name' | 'oidc'; problem?: string; username?: string }
  | { name: 'chat' };

export interface State {
  screen: Screen;
  serverName: string;
  self: Person;
  link: Link;
  /** False until the first connection of this sign-in stood. */
  entered: boolean;
  /**
   * True once a connection was lost: what a greeting brings from then on was missed, not history.
   */
  returning: boolean;
  conversations: ReadonlyMap<string, Conversation>;
  people: ReadonlyMap<string, Person>;
  current: string | null;
  /** The newest message of the current conversation is on a visible screen. */
  seeing: boolean;
  typists: ReadonlyMap<string, readonly Typist[]>;
  /** What is written but not sent, by conversation. */
  drafts: ReadonlyMap<string, string>;
  notices: readonly Notice[];
  noticeCount: number;
  /** Commands whose answer is open, by the id they were sent with. */
  requests: ReadonlyMap<string, { kind: 'join' | 'leave' | 'resume'; key: string }>;
}

export type Event =
  | { type: 'screen'; screen: Screen }
  | { type: 'server'; name: string }
  | { type: 'self'; person: Person }
  | { type: 'link'; link: Link }
  | { type: 'opened' }
  | { type: 'closed' }
  | { type: 'frame'; frame: ServerFrame; now: number }
  | { type: 'open'; key: string }
  | { type: 'whisper'; person: Person }
  | { type: 'seeing'; value: boolean }
  | { type: 'sent'; key: string; id: string; text: string; now: number }
  | { type: 'retry'; key: string; id: string; now: number }
  | { type: 'discard'; key: string; id: string }
  /** Back into the draft with a message that failed. */
  | { type: 'take-back'; key: string; id: string }
  | { type: 'draft'; key: string; text: string }
  | { type: 'request'; id: string; kind: 'join' | 'leave' | 'resume'; key: string }
  | { type: 'notice'; kind: Notice['kind']; text: string; code?: string }
  | { type: 'dismiss'; key: number }
  | { type: 'tick'; now: number }
  | { type: 'reset' };

export const initial: State = {
  screen: { name: 'loading' },
  serverName: '',
  self: { id: '', username: '' },
  link: { state: 'idle' },
  entered: false,
  returning: false,
  conversations: new Map(),
  people: new Map(),
  current: null,
  seeing: true,
  typists: new Map(),
  drafts: new Map(),
  notices: [],
  noticeCount: 0,
  requests: new Map(),
};

export const emptyConversation = (
  kind: Conversation['kind'],
  key: string,
  title: string,
  peer = '',
): Conversation => ({ kind, key, title, peer, items: [], unread: 0, joined: 'unknown' });

/** The state with one conversation changed; the same state when there is no such conversation. */
export function withConversation(
  state: State,
  key: string,
  to: (c: Conversation) => Conversation,
): State {
  const old = state.conversations.get(key);
  if (!old) return state;
  const next = to(old);
  if (next === old) return state;
  return { ...state, conversations: new Map(state.conversations).set(key, next) };
}

export function withNotice(state: State, kind: Notice['kind'], text: string, code?: string): State {
  const twin = state.notices.find((n) => n.kind === kind && n.text === text);
  const rest = state.notices.filter((n) => n !== twin);
  const key = state.noticeCount + 1;
  const notice = { key, kind, text, code, times: (twin?.times ?? 0) + 1 };
  return { ...state, noticeCount: key, notices: [...rest, notice].slice(-MAX_NOTICES) };
}

const compareNames = new Intl.Collator().compare;

/** Channels in the catalogue's order, then unlisted ones. */
export const channels = (state: State): Conversation[] =>
  [...state.conversations.values()]
    .filter((c) => c.kind === 'channel')
    .sort(
      (a, b) =>
        (a.info?.sort_order ?? Infinity) - (b.info?.sort_order ?? Infinity) ||
        (a.info?.id ?? 0) - (b.info?.id ?? 0) ||
        compareNames(a.title, b.title),
    );

const lastAt = (c: Conversation): number => {
  const at = c.items[c.items.length - 1]?.at;
  return at !== undefined && Number.isFinite(at) ? at : 0;
};

/** Whispers, the latest first. */
export const whispers = (state: State): Conversation[] =>
  [...state.conversations.values()]
    .filter((c) => c.kind === 'user')
    .sort((a, b) => lastAt(b) - lastAt(a) || compareNames(a.title, b.title));

/** Who is here, this user first. */
export const sortPeople = (people: State['people'], selfId: string): Person[] =>
  [...people.values()].sort(
    (a, b) =>
      Number(b.id === selfId) - Number(a.id === selfId) || compareNames(a.username, b.username),
  );

/** The conversation above or below the current one, as the sidebar shows them. */
export function neighbour(state: State, step: 1 | -1): string | null {
  const all = [...channels(state), ...whispers(state)];
  if (all.length === 0) return null;
  const at = all.findIndex((c) => c.key === state.current);
  if (at < 0) return all[0]!.key;
  return all[(at + step + all.length) % all.length]!.key;
}

export const unreadTotal = (state: State): number =>
  [...state.conversations.values()].reduce((sum, c) => sum + c.unread, 0);
