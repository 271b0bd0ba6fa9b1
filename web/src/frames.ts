// What each frame of the server does to the state: the part of the reducer that speaks the
// protocol. Pure, like store.ts. The greeting's frames and live ones take the same way; sorting and
// de-duplication in timeline.ts make a repeated or early one harmless.

import { channelKey, userKey } from './protocol';
import type {
  Ack,
  ChannelInfo,
  ChatMessage,
  ErrorInfo,
  PrivateMessage,
  ServerFrame,
  UserInfo,
} from './protocol';
import { TYPING_MS, emptyConversation, withConversation, withNotice } from './state';
import type { Conversation, Person, State } from './state';
import * as timeline from './timeline';
import type { Message } from './timeline';

const toMessage = (p: ChatMessage | PrivateMessage): Message => ({
  kind: 'message',
  key: `m${p.cacheID}@${p.authored_at}`,
  cacheID: p.cacheID,
  epoch: 'epoch' in p ? p.epoch : undefined,
  offset: 'offset' in p ? p.offset : undefined,
  ownerId: p.owner_id,
  username: p.username,
  text: p.message,
  at: Date.parse(p.authored_at),
  status: 'sent',
});

// The newest position seen, within an epoch; another epoch takes over.
function advance(c: Conversation, messages: readonly Message[]): Conversation['position'] {
  let position = c.position;
  for (const { epoch, offset } of messages) {
    if (epoch === undefined || offset === undefined) continue;
    if (position?.epoch === epoch && position.offset >= offset) continue;
    position = { epoch, offset };
  }
  return position;
}

function take(
  state: State,
  key: string,
  fresh: () => Conversation,
  messages: Message[],
  counted: boolean,
): State {
  const known = state.conversations.get(key);
  const c = known ?? fresh();
  const { items, added } = timeline.insert(c.items, messages, state.self.id);
  const next: Conversation = { ...c, items };
  if (c.kind === 'channel') {
    next.joined = 'yes';
    next.joinProblem = undefined;
    if (!c.resume) next.position = advance(c, messages);
  }
  if (counted && !(state.seeing && state.current === key)) {
    next.unread += added.filter((m) => m.ownerId !== state.self.id).length;
  }
  return { ...state, conversations: new Map(state.conversations).set(key, next) };
}

const takeChannel = (state: State, name: string, messages: Message[], counted: boolean): State => {
  const key = channelKey(name);
  return take(state, key, () => emptyConversation('channel', key, name), messages, counted);
};

// Who the other one is: the recipient of what this user wrote, the author of what he received.
const otherOf = (state: State, p: PrivateMessage): Person =>
  p.owner_id === state.self.id || (state.self.id === '' && p.username === state.self.username)
    ? { id: p.recipient_id, username: p.recipient }
    : { id: p.owner_id, username: p.username };

const takePrivate = (state: State, with_: Person, messages: Message[], counted: boolean): State => {
  const key = userKey(with_.id);
  const fresh = () => emptyConversation('user', key, with_.username, with_.id);
  return take(state, key, fresh, messages, counted);
};

function bulk<P, G>(payloads: P[], groupOf: (p: P) => [string, G]): Map<string, [G, P[]]> {
  const groups = new Map<string, [G, P[]]>();
  for (const p of payloads) {
    const [key, group] = groupOf(p);
    const entry = groups.get(key);
    if (entry) entry[1].push(p);
    else groups.set(key, [group, [p]]);
  }
  return groups;
}

// The catalogue: a known id with another name is a renamed channel and keeps its messages; what the
// catalogue no longer lists is gone; what it never listed stays.
function catalogue(state: State, list: ChannelInfo[]): State {
  const old = [...state.conversations.values()];
  const byId = new Map(old.filter((c) => c.info).map((c) => [c.info!.id, c]));
  const conversations = new Map(old.filter((c) => !c.info).map((c) => [c.key, c]));
  let current = state.current;
  for (const info of list) {
    const key = channelKey(info.name);
    const before = byId.get(info.id) ?? conversations.get(key);
    if (before && before.key === state.current) current = key;
    const c = before ?? emptyConversation('channel', key, info.name);
    conversations.set(key, { ...c, key, title: info.name, info });
  }
  if (current === null || !conversations.has(current)) {
    const first = [...list].sort((a, b) => a.sort_order - b.sort_order || a.id - b.id)[0];
    current = first ? channelKey(first.name) : null;
  }
  return { ...state, conversations, current };
}

// Under `open` a user's id is the name; otherwise the page may not know its own id until it is
// told.
function meet(state: State, users: UserInfo[]): State {
  const people = new Map(
    users.filter((u) => u.status).map(({ id, username }) => [id, { id, username }]),
  );
  const { self } = state;
  if (people.has(self.id)) return { ...state, people };
  const namesakes = users.filter((u) => u.username === self.username);
  const only = namesakes.length === 1 ? namesakes[0] : undefined;
  return only
    ? { ...state, people, self: { id: only.id, username: only.username } }
    : { ...state, people };
}

function present(state: State, user: UserInfo): State {
  const people = new Map(state.people);
  if (user.status) people.set(user.id, { id: user.id, username: user.username });
  else people.delete(user.id);
  const next = { ...state, people };
  if (!user.status) return next;
  return withConversation(next, userKey(user.id), (c) =>
    c.title === user.username ? c : { ...c, title: user.username },
  );
}

const answered = (state: State, id: string): State => {
  const requests = new Map(state.requests);
  requests.delete(id);
  return { ...state, requests };
};

const owner = (state: State, id: string): string | undefined =>
  [...state.conversations.values()].find((c) => timeline.hasId(c.items, id))?.key;

const forgotten = (c: Conversation): Conversation => ({
  ...c,
  joined: 'no',
  asked: false,
  position: undefined,
  resume: undefined,
});

function ack(state: State, a: Ack): State {
  const request = state.requests.get(a.id);
  if (request) {
    return withConversation(answered(state, a.id), request.key, (c) => {
      if (request.kind === 'leave') return forgotten(c);
      if (request.kind === 'resume') return c;
      const at = a.epoch !== undefined && a.offset !== undefined;
      const position = c.position ?? (at ? { epoch: a.epoch!, offset: a.offset! } : undefined);
      return { ...c, joined: 'yes', asked: true, joinProblem: undefined, position };
    });
  }
  const key = owner(state, a.id);
  if (key === undefined) return state;
  const next = withConversation(state, key, (c) => ({
    ...c,
    items: timeline.settle(c.items, a),
  }));
  return introduce(next, key, a);
}

// What was acked is this user's own, so its frame tells under which id and name the server knows
// him: a name may have been normalised, and a token may be one that the page cannot read.
function introduce(state: State, key: string, a: Ack): State {
  const mine = state.conversations
    .get(key)
    ?.items.find(
      (i): i is Message =>
        i.kind === 'message' &&
        !i.bare &&
        i.cacheID === a.cacheID &&
        (state.self.id === '' || (i.epoch !== undefined && i.epoch === a.epoch)),
    );
  if (!mine || mine.cacheID === undefined || mine.ownerId === state.self.id) return state;
  return { ...state, self: { id: mine.ownerId, username: mine.username } };
}

function refused(state: State, e: ErrorInfo, now: number): State {
  const request = e.id === undefined ? undefined : state.requests.get(e.id);
  if (request) {
    const next = answered(state, e.id!);
    if (request.kind === 'resume') return resumed(next, request.key, { recovered: false });
    if (request.kind === 'leave') return withNotice(next, 'error', e.message, e.code);
    return withConversation(next, request.key, (c) =>
      // A server without joining has everybody in every channel.
      e.code === 'unknown_type'
        ? { ...c, joined: 'yes' }
        : { ...c, joined: 'no', joinProblem: e.message },
    );
  }
  const key = e.id === undefined ? undefined : owner(state, e.id);
  if (key === undefined) return withNotice(state, 'error', e.message, e.code);
  const retryAt = e.retry_after_ms ? now + e.retry_after_ms : 0;
  const problem = { code: e.code, words: e.message, retryAt };
  return withConversation(state, key, (c) => ({
    ...c,
    items: timeline.fail(c.items, e.id!, problem),
  }));
}

type Resumed = Omit<(ServerFrame & { type: 'resumed' })['payload'], 'channel'>;

function resumed(state: State, key: string, answer: Resumed): State {
  const requests = new Map(
    [...state.requests].filter(([, r]) => r.kind !== 'resume' || r.key !== key),
  );
  return withConversation({ ...state, requests }, key, (c) => {
    if (!c.resume) return c;
    const { epoch, offset } = answer;
    const told = epoch !== undefined && offset !== undefined ? { epoch, offset } : c.resume.from;
    const later = c.items.filter(
      (i): i is Message => i.kind === 'message' && i.epoch === told.epoch,
    );
    const items = answer.recovered
      ? c.items
      : timeline.addGap(
          c.items,
          c.resume.anchor,
          `gap-${told.epoch}-${told.offset}-${c.items.length}`,
        );
    const position = advance({ ...c, position: told }, later);
    return { ...c, items, resume: undefined, position };
  });
}

function typing(state: State, key: string, id: string, username: string, now: number): State {
  if (id === state.self.id) return state;
  const others = (state.typists.get(key) ?? []).filter((t) => t.id !== id);
  const typists = new Map(state.typists);
  typists.set(key, [...others.slice(-9), { id, username, until: now + TYPING_MS }]);
  return { ...state, typists };
}

function wrote(state: State, key: string, id: string): State {
  const all = state.typists.get(key);
  if (!all?.some((t) => t.id === id)) return state;
  return {
    ...state,
    typists: new Map(state.typists).set(
      key,
      all.filter((t) => t.id !== id),
    ),
  };
}

// With a channel named, that one; otherwise every channel is asked. Whispers count on their own.
const inChannels = (
  state: State,
  name: string | undefined,
  to: (c: Conversation) => Conversation,
) =>
  [...state.conversations.values()]
    .filter((c) => c.kind === 'channel' && (!name || c.key === channelKey(name)))
    .reduce((s, c) => withConversation(s, c.key, to), state);

export function applyFrame(state: State, frame: ServerFrame, now: number): State {
  switch (frame.type) {
    case 'bulk_chat_messages': {
      const groups = bulk(frame.payload.messages, (m) => [channelKey(m.channel), m.channel]);
      return [...groups.values()].reduce(
        (s, [name, list]) => takeChannel(s, name, list.map(toMessage), state.returning),
        state,
      );
    }
    case 'bulk_private_messages': {
      const groups = bulk(frame.payload.messages, (m) => {
        const other = otherOf(state, m);
        return [other.id, other];
      });
      return [...groups.values()].reduce(
        (s, [other, list]) => takePrivate(s, other, list.map(toMessage), state.returning),
        state,
      );
    }
    case 'active_channels':
      return catalogue(state, frame.payload.channels);
    case 'connected_users':
      return meet(state, frame.payload.users);
    case 'user_status':
      return present(state, frame.payload);
    case 'chat_message': {
      const m = frame.payload;
      const next = takeChannel(state, m.channel, [toMessage(m)], true);
      return wrote(next, channelKey(m.channel), m.owner_id);
    }
    case 'private_chat_message':
      return takePrivate(state, otherOf(state, frame.payload), [toMessage(frame.payload)], true);
    case 'ack':
      return ack(state, frame.payload);
    case 'error':
      return refused(state, frame.payload, now);
    case 'message_edited': {
      const { cacheID, channel, message } = frame.payload;
      return inChannels(state, channel, (c) => ({
        ...c,
        items: timeline.edit(c.items, cacheID, message),
      }));
    }
    case 'message_deleted': {
      const { cacheIDs, channel } = frame.payload;
      return inChannels(state, channel, (c) => ({
        ...c,
        items: cacheIDs.reduce(timeline.remove, c.items),
      }));
    }
    case 'typing': {
      const { channel, owner_id, username } = frame.payload;
      return typing(state, channelKey(channel), owner_id, username, now);
    }
    case 'notice':
      return withNotice(state, 'info', frame.payload.message);
    case 'resumed':
      return resumed(state, channelKey(frame.payload.channel), frame.payload);
    case 'token_expiring':
      return state;
  }
}
