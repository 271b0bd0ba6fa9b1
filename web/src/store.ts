// The one function that changes what the page knows, reduce(state, event), and the store that holds
// the result. Pure: it talks to nobody and reads no clock. Events are applied in the order in which
// they came; what the frames of the server do is in frames.ts.

import { applyFrame } from './frames';
import { userKey } from './protocol';
import { emptyConversation, initial, withConversation, withNotice } from './state';
import type { Conversation, Event, State, Typist } from './state';
import * as timeline from './timeline';
import type { Message } from './timeline';

const own = (state: State, event: { id: string; text: string; now: number }): Message => ({
  kind: 'message',
  key: event.id,
  id: event.id,
  ownerId: state.self.id,
  username: state.self.username,
  text: event.text,
  at: event.now,
  status: 'pending',
});

// The connection is gone: keep what a resume needs, unless an earlier one was never answered.
function lost(c: Conversation): Conversation {
  const joined = c.joined === 'asking' ? 'unknown' : c.joined;
  if (!c.position || c.resume || c.joined === 'no') return { ...c, joined };
  return { ...c, joined, resume: { from: c.position, anchor: timeline.newest(c.items) } };
}

export function reduce(state: State, event: Event): State {
  switch (event.type) {
    case 'screen':
      return { ...state, screen: event.screen };
    case 'server':
      return { ...state, serverName: event.name };
    case 'self':
      return { ...state, self: event.person };
    case 'link':
      return { ...state, link: event.link };
    case 'opened':
      return { ...state, entered: true };
    case 'closed':
      return {
        ...state,
        returning: state.returning || state.entered,
        requests: new Map(),
        typists: new Map(),
        conversations: new Map([...state.conversations].map(([k, c]) => [k, lost(c)])),
      };
    case 'frame':
      return applyFrame(state, event.frame, event.now);
    case 'open':
      if (!state.conversations.has(event.key)) return state;
      return withConversation({ ...state, current: event.key }, event.key, (c) =>
        c.unread ? { ...c, unread: 0 } : c,
      );
    case 'whisper': {
      const key = userKey(event.person.id);
      if (state.conversations.has(key)) return reduce(state, { type: 'open', key });
      const fresh = emptyConversation('user', key, event.person.username, event.person.id);
      return {
        ...state,
        current: key,
        conversations: new Map(state.conversations).set(key, fresh),
      };
    }
    case 'seeing': {
      if (state.seeing === event.value) return state;
      const next = { ...state, seeing: event.value };
      if (!event.value || state.current === null) return next;
      return withConversation(next, state.current, (c) => (c.unread ? { ...c, unread: 0 } : c));
    }
    case 'sent':
      return withConversation(state, event.key, (c) => ({
        ...c,
        items: timeline.addPending(c.items, own(state, event)),
      }));
    case 'retry':
      return withConversation(state, event.key, (c) => ({
        ...c,
        items: timeline.retry(c.items, event.id, event.now),
      }));
    case 'discard':
      return withConversation(state, event.key, (c) => ({
        ...c,
        items: timeline.discard(c.items, event.id),
      }));
    case 'draft':
      return { ...state, drafts: new Map(state.drafts).set(event.key, event.text) };
    case 'take-back': {
      const items = state.conversations.get(event.key)?.items ?? [];
      const failed = items.find((i) => i.kind === 'message' && i.id === event.id) as
        Message | undefined;
      if (failed?.status !== 'failed') return state;
      const text = [state.drafts.get(event.key) ?? '', failed.text].filter(Boolean).join('\n');
      const next = reduce(state, { ...event, type: 'discard' });
      return reduce(next, { type: 'draft', key: event.key, text });
    }
    case 'request': {
      const { id, kind, key } = event;
      const next = { ...state, requests: new Map(state.requests).set(id, { kind, key }) };
      if (kind !== 'join') return next;
      return withConversation(next, key, (c) => ({
        ...c,
        joined: 'asking',
        joinProblem: undefined,
      }));
    }
    case 'notice':
      return withNotice(state, event.kind, event.text, event.code);
    case 'dismiss':
      return { ...state, notices: state.notices.filter((n) => n.key !== event.key) };
    case 'tick': {
      const typists = new Map<string, readonly Typist[]>();
      let changed = false;
      for (const [key, all] of state.typists) {
        const still = all.filter((t) => t.until > event.now);
        changed ||= still.length !== all.length;
        if (still.length > 0) typists.set(key, still);
      }
      return changed ? { ...state, typists } : state;
    }
    case 'reset':
      return { ...initial, serverName: state.serverName, screen: state.screen };
  }
}

export interface Store {
  get(): State;
  dispatch(event: Event): void;
  /** Call back after every change, with what made it; returns the way to stop. */
  subscribe(listener: (event: Event) => void): () => void;
}

export function createStore(): Store {
  let state = initial;
  const listeners = new Set<(event: Event) => void>();
  return {
    get: () => state,
    dispatch(event) {
      const next = reduce(state, event);
      if (next === state) return;
      state = next;
      for (const listener of listeners) listener(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
