// What the user does and what the server says, brought together: the one place that knows the
// store, the connection and the sign-in. Components call these functions and read the store;
// nothing else.
//
// Invariant: a message is in the store before it is on the wire, and leaves `pending` only by the
// server's word, so that after any reconnect whatever is pending is sent again under its old id.

import { Oidc, readDiscovery } from './auth';
import type { AuthSurroundings, Discovery } from './auth';
import { Connection, Refusal } from './connection';
import type { Clock, Socket } from './connection';
import { parseFrame } from './protocol';
import type { ClientFrame } from './protocol';
import { TYPING_MS, neighbour } from './state';
import type { Conversation, Person, State } from './state';
import type { Store } from './store';
import { waiting } from './timeline';

export interface Environment extends AuthSurroundings {
  location: { protocol: string; host: string; search: string };
  /** Leave for another page. */
  go(url: string): void;
  /** Take the query out of the address bar. */
  cleanAddress(): void;
  socket(url: string, protocols: string[]): Socket;
  random(): number;
  clock: Clock;
}

/** In bytes of UTF-8, as the server counts. */
export const NAME_MAX = 64;
export const TYPING_EVERY_MS = 3000;
const NAME = 'name';

export const fits = (name: string): boolean => new TextEncoder().encode(name).length <= NAME_MAX;

const wordsOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'Something went wrong.';

export type Session = ReturnType<typeof createSession>;

export function createSession(store: Store, env: Environment) {
  let discovery: Discovery | null = null;
  let oidc: Oidc | null = null;
  let counter = 0;
  const lastTyping = new Map<string, number>();
  const prefix = Array.from(env.crypto.getRandomValues(new Uint8Array(8)), (b) =>
    b.toString(16).padStart(2, '0'),
  ).join('');

  const nextId = () => `${prefix}-${++counter}`;
  const state = (): State => store.get();
  const conversation = (key: string | null): Conversation | undefined =>
    key === null ? undefined : state().conversations.get(key);

  async function access(): Promise<{ url: string; protocols: string[] }> {
    const scheme = env.location.protocol === 'https:' ? 'wss:' : 'ws:';
    const url = `${scheme}//${env.location.host}/ws`;
    if (!oidc) {
      const name = encodeURIComponent(state().self.username);
      return { url: `${url}?name=${name}`, protocols: [] };
    }
    return { url, protocols: ['parley', `ticket.${await oidc.ticket()}`] };
  }

  async function healthy(): Promise<boolean> {
    const timeout = new AbortController();
    const timer = env.clock.after(5000, () => timeout.abort());
    try {
      return (await env.fetch('/healthz', { cache: 'no-store', signal: timeout.signal })).ok;
    } catch {
      return false;
    } finally {
      env.clock.cancel(timer);
    }
  }

  const connection: Connection = new Connection(
    { access, healthy, socket: env.socket, clock: env.clock, random: env.random },
    {
      link(link) {
        store.dispatch({ type: 'link', link });
        // Refused before anything was to be seen: back to the door, with the reason.
        if (link.state === 'stopped' && !state().entered) leave(link.why);
      },
      opened() {
        store.dispatch({ type: 'opened' });
        returnToWork();
      },
      frame: receive,
      closed: () => store.dispatch({ type: 'closed' }),
      refused() {
        if (oidc || state().entered) return null;
        return new Refusal(
          `The server is running but did not let “${state().self.username}” in. ` +
            'The name may not be allowed, or too many connections may be open. ' +
            'Try another name, or this one again in a moment.',
          'sign-in',
        );
      },
    },
  );

  function put(frame: ClientFrame): boolean {
    return connection.send(frame);
  }

  function transmit(c: Conversation, id: string, message: string): boolean {
    return c.kind === 'channel'
      ? put({ type: 'chat_message', channel: c.title, message, id })
      : put({ type: 'private_chat_message', recipient_id: c.peer, message, id });
  }

  // A connection stands (again): membership first, then what was missed, then what was not acked.
  function returnToWork(): void {
    const all = [...state().conversations.values()];
    for (const c of all) {
      if (c.kind === 'channel' && c.asked) requestJoin(c);
    }
    for (const { key, title, resume } of all) {
      if (!resume) continue;
      const id = nextId();
      store.dispatch({ type: 'request', kind: 'resume', id, key });
      put({ type: 'resume', channel: title, ...resume.from, id });
    }
    for (const c of all) {
      for (const m of waiting(c.items)) transmit(c, m.id ?? nextId(), m.text);
    }
  }

  function requestJoin(c: Conversation): void {
    const id = nextId();
    store.dispatch({ type: 'request', kind: 'join', id, key: c.key });
    put({ type: 'join_channel', channel: c.title, id });
  }

  // A channel from which nothing comes is perhaps one that this user never entered.
  function joinIfSilent(key: string | null): void {
    const c = conversation(key);
    if (c?.kind !== 'channel' || c.joined !== 'unknown' || state().link.state !== 'online') return;
    if (c.items.length === 0) requestJoin(c);
  }

  function receive(data: unknown): void {
    const frame = parseFrame(data);
    if (!frame) return;
    const now = env.clock.now();
    store.dispatch({ type: 'frame', frame, now });
    if (frame.type === 'active_channels') joinIfSilent(state().current);
    if (frame.type === 'token_expiring') void renewInBand(frame.payload.expires_in);
    if (frame.type === 'typing') {
      env.clock.after(TYPING_MS + 10, () => store.dispatch({ type: 'tick', now: env.clock.now() }));
    }
  }

  async function renewInBand(expiresIn: number): Promise<void> {
    if (!oidc) return;
    try {
      put({ type: 'refresh', token: await oidc.token((expiresIn + 30) * 1000) });
    } catch (error) {
      const text = `Your sign-in could not be renewed. ${wordsOf(error)}`;
      store.dispatch({ type: 'notice', kind: 'error', text });
    }
  }

  // Back to the door; `problem` says why, if it was not the user's wish.
  function leave(problem?: string): void {
    const { username } = state().self;
    connection.stop();
    store.dispatch({ type: 'reset' });
    const mode = oidc ? 'oidc' : 'name';
    store.dispatch({ type: 'screen', screen: { name: 'sign-in', mode, problem, username } });
  }

  function enterChat(person: Person): void {
    store.dispatch({ type: 'self', person });
    store.dispatch({ type: 'screen', screen: { name: 'chat' } });
    connection.now();
  }

  async function startOidc(provider: Oidc): Promise<void> {
    const query = new URLSearchParams(env.location.search);
    const returned = query.has('state') && (query.has('code') || query.has('error'));
    const ask = { name: 'sign-in', mode: 'oidc' } as const;
    try {
      if (returned) {
        env.cleanAddress();
        await provider.finish(query);
      } else if (provider.remembered()) {
        await provider.token(0);
      } else {
        store.dispatch({ type: 'screen', screen: ask });
        return;
      }
    } catch (error) {
      store.dispatch({ type: 'screen', screen: { ...ask, problem: wordsOf(error) } });
      return;
    }
    const { sub, username } = provider.self();
    enterChat({ id: sub, username });
  }

  return {
    /** Find out how this server lets people in, and go in where the tab still knows how. */
    async start(): Promise<void> {
      store.dispatch({ type: 'screen', screen: { name: 'loading' } });
      try {
        const answer = await env.fetch('/discovery', { cache: 'no-store' });
        if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
        discovery = readDiscovery(await answer.json(), env.location.protocol);
      } catch (error) {
        const why = error instanceof TypeError ? 'The server cannot be reached.' : wordsOf(error);
        store.dispatch({ type: 'screen', screen: { name: 'unreachable', why } });
        return;
      }
      store.dispatch({ type: 'server', name: discovery.serverName });
      if (discovery.mode === 'oidc') {
        oidc = new Oidc(discovery, env);
        await startOidc(oidc);
        return;
      }
      const name = env.keep.get(NAME);
      if (name) enterChat({ id: name, username: name });
      else store.dispatch({ type: 'screen', screen: { name: 'sign-in', mode: 'name' } });
    },

    /** Enter a server that asks for nothing but a name. */
    enter(raw: string): void {
      const name = raw.trim();
      if (name === '' || !fits(name)) return;
      env.keep.set(NAME, name);
      enterChat({ id: name, username: name });
    },

    /** Go to the sign-in service, or back to the name form. */
    async signIn(): Promise<void> {
      if (!oidc) {
        leave();
        return;
      }
      try {
        env.go(await oidc.begin());
      } catch (error) {
        leave(wordsOf(error));
      }
    },

    signOut(): void {
      oidc?.forget();
      env.keep.remove(NAME);
      leave();
    },

    open(key: string): void {
      store.dispatch({ type: 'open', key });
      joinIfSilent(key);
    },

    whisper(person: Person): void {
      if (person.id !== state().self.id) store.dispatch({ type: 'whisper', person });
    },

    step(by: 1 | -1): void {
      const key = neighbour(state(), by);
      if (key !== null) this.open(key);
    },

    send(key: string, text: string): void {
      const c = conversation(key);
      const message = text.trim();
      if (!c || message === '') return;
      const id = nextId();
      lastTyping.delete(key);
      store.dispatch({ type: 'sent', key, id, text: message, now: env.clock.now() });
      if (transmit(c, id, message)) connection.expectAnswer();
    },

    retry(key: string, id: string): void {
      store.dispatch({ type: 'retry', key, id, now: env.clock.now() });
      const c = conversation(key);
      const message = c && waiting(c.items).find((m) => m.id === id);
      if (c && message) transmit(c, id, message.text);
    },

    discard: (key: string, id: string) => store.dispatch({ type: 'discard', key, id }),
    takeBack: (key: string, id: string) => store.dispatch({ type: 'take-back', key, id }),
    draft: (key: string, text: string) => store.dispatch({ type: 'draft', key, text }),

    typing(key: string): void {
      const c = conversation(key);
      const now = env.clock.now();
      if (c?.kind !== 'channel' || now - (lastTyping.get(key) ?? -Infinity) < TYPING_EVERY_MS)
        return;
      if (put({ type: 'typing', channel: c.title })) lastTyping.set(key, now);
    },

    join(key: string): void {
      const c = conversation(key);
      if (c?.kind === 'channel' && state().link.state === 'online') requestJoin(c);
    },

    leaveChannel(key: string): void {
      const c = conversation(key);
      if (c?.kind !== 'channel' || state().link.state !== 'online') return;
      const id = nextId();
      store.dispatch({ type: 'request', kind: 'leave', id, key });
      put({ type: 'leave_channel', channel: c.title, id });
    },

    reconnect: () => connection.now(),
    networkLost: () => connection.networkLost(),
    networkBack: () => connection.networkBack(),
    seeing: (value: boolean) => store.dispatch({ type: 'seeing', value }),
    dismiss: (key: number) => store.dispatch({ type: 'dismiss', key }),
  };
}
