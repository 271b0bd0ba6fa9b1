import { webcrypto } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSession } from '../src/session';
import type { Session } from '../src/session';
import { createStore } from '../src/store';
import type { Store } from '../src/store';
import { FakeClock, FakeSocket, chat, memoryKeep, settled } from './fixtures';

const CHANNELS = { channels: [{ id: 1, name: 'general', sort_order: 1 }] };
const KEY = 'channel:general';

let clock: FakeClock;
let keep: ReturnType<typeof memoryKeep>;
let sockets: FakeSocket[];
let visited: string[];
let routes: Record<string, () => Response>;
let search: string;
let store: Store;
let session: Session;

const json =
  (body: object, status = 200) =>
  () =>
    new Response(JSON.stringify(body), { status });
const socket = () => sockets[sockets.length - 1]!;
const general = () => store.get().conversations.get(KEY)!;

function make(): void {
  sockets = [];
  store = createStore();
  session = createSession(store, {
    fetch: (async (url: string) => {
      const route = routes[url.split('?')[0]!];
      if (!route) throw new TypeError('network');
      return route();
    }) as typeof fetch,
    keep,
    crypto: webcrypto as unknown as Crypto,
    clock,
    redirectUri: 'http://localhost:8080/',
    location: { protocol: 'http:', host: 'localhost:8080', search },
    go: (url) => visited.push(url),
    cleanAddress: () => (search = ''),
    socket: (url, protocols) => {
      sockets.push(new FakeSocket(url, protocols));
      return socket();
    },
    random: () => 1,
  });
}

beforeEach(() => {
  clock = new FakeClock();
  keep = memoryKeep();
  visited = [];
  search = '';
  routes = { '/discovery': json({ server_name: 'Harbour' }), '/healthz': json({}) };
  make();
});

async function enter(name = 'alice'): Promise<void> {
  await session.start();
  session.enter(name);
  await settled();
  socket().open();
  socket().say('active_channels', CHANNELS);
  socket().say('connected_users', { users: [{ id: name, username: name, status: true }] });
}

describe('an open server', () => {
  it('asks for a name, enters with it, and remembers it for this tab', async () => {
    await session.start();
    expect(store.get().screen).toEqual({ name: 'sign-in', mode: 'name' });
    expect(store.get().serverName).toBe('Harbour');
    session.enter('   ');
    session.enter('x'.repeat(65));
    expect(sockets).toEqual([]);
    session.enter(' a&b é ');
    await settled();
    expect(socket().url).toBe('ws://localhost:8080/ws?name=a%26b%20%C3%A9');
    expect(socket().protocols).toEqual([]);
    make();
    await session.start();
    await settled();
    expect(sockets).toHaveLength(1);
    session.signOut();
    expect(store.get().screen).toMatchObject({ name: 'sign-in', mode: 'name' });
    expect(keep.map.size).toBe(0);
  });

  it('goes back to the door when the name is refused', async () => {
    await session.start();
    session.enter('root');
    await settled();
    socket().end(1006);
    await settled();
    expect(store.get().screen).toMatchObject({ name: 'sign-in', username: 'root' });
    expect(store.get().screen).toHaveProperty(
      'problem',
      expect.stringContaining('did not let “root” in'),
    );
  });

  it('says so when the server does not answer', async () => {
    routes = {};
    await session.start();
    expect(store.get().screen).toEqual({
      name: 'unreachable',
      why: 'The server cannot be reached.',
    });
  });

  it('knocks at a channel that is silent, and takes any ack', async () => {
    await enter();
    const join = socket().sent[0]!;
    expect(join).toMatchObject({ type: 'join_channel', channel: 'general' });
    socket().say('ack', { id: join.id });
    expect(general().joined).toBe('yes');
    session.open(KEY);
    expect(socket().sent).toHaveLength(1);
  });
});

describe('sending', () => {
  beforeEach(() => enter());

  it('shows first, sends with an id, settles with the ack', () => {
    session.send(KEY, '  hello  ');
    const frame = socket().sent.at(-1)!;
    expect(frame).toMatchObject({ type: 'chat_message', channel: 'general', message: 'hello' });
    expect(new TextEncoder().encode(frame.id).length).toBeLessThanOrEqual(64);
    expect(general().items).toMatchObject([{ status: 'pending', text: 'hello' }]);
    socket().say(
      'chat_message',
      chat(1, { owner_id: 'alice', username: 'alice', message: 'hello' }),
    );
    socket().say('ack', { id: frame.id, cacheID: 1, epoch: 'e1', offset: 1 });
    expect(general().items).toMatchObject([{ status: 'sent', text: 'hello', cacheID: 1 }]);
    session.send(KEY, '   ');
    expect(general().items).toHaveLength(1);
  });

  it('tries again under the same id', () => {
    session.send(KEY, 'hello');
    const { id } = socket().sent.at(-1)!;
    socket().say('error', { id, code: 'rate_limited', message: 'Slow.' });
    session.retry(KEY, id!);
    expect(socket().sent.at(-1)).toMatchObject({ id, message: 'hello' });
    expect(general().items).toMatchObject([{ status: 'pending' }]);
  });

  it('after a reconnect joins, resumes, and sends what was not acked, in this order', async () => {
    socket().say('ack', { id: socket().sent[0]!.id });
    socket().say('chat_message', chat(4));
    session.send(KEY, 'lost');
    const { id } = socket().sent.at(-1)!;
    socket().end(1006);
    session.send(KEY, 'written meanwhile');
    clock.pass(500);
    await settled();
    socket().open();
    expect(socket().sent.map((f) => f.type)).toEqual([
      'join_channel',
      'resume',
      'chat_message',
      'chat_message',
    ]);
    expect(socket().sent[1]).toMatchObject({ channel: 'general', epoch: 'e1', offset: 4 });
    expect(socket().sent[2]).toMatchObject({ id, message: 'lost' });
    expect(socket().sent[3]).toMatchObject({ message: 'written meanwhile' });
  });

  it('whispers by id', () => {
    session.whisper({ id: 'u-bob', username: 'bob' });
    session.send('user:u-bob', 'psst');
    expect(socket().sent.at(-1)).toMatchObject({
      type: 'private_chat_message',
      recipient_id: 'u-bob',
      message: 'psst',
    });
    session.whisper({ id: 'alice', username: 'alice' });
    expect(store.get().current).toBe('user:u-bob');
  });

  it('says that it types, every three seconds at most', () => {
    const typed = () => socket().sent.filter((f) => f.type === 'typing').length;
    session.typing(KEY);
    session.typing(KEY);
    clock.pass(2999);
    session.typing(KEY);
    expect(typed()).toBe(1);
    clock.pass(1);
    session.typing(KEY);
    expect(typed()).toBe(2);
  });

  it('stops showing who types after five seconds', () => {
    socket().say('typing', { channel: 'general', owner_id: 'u-bob', username: 'bob' });
    expect(store.get().typists.size).toBe(1);
    clock.pass(5100);
    expect(store.get().typists.size).toBe(0);
  });
});

describe('a server with sign-in', () => {
  const claims = btoa(JSON.stringify({ sub: 'u1', preferred_username: 'Alice' })).replaceAll(
    '=',
    '',
  );

  beforeEach(() => {
    routes['/discovery'] = json({
      auth_url: 'localhost:9000/auth',
      token_url: 'localhost:9000/token',
      chat_client: 'ChatClient',
    });
    routes['http://localhost:9000/token'] = json({
      access_token: `h.${claims}.s`,
      refresh_token: 'r1',
      expires_in: 300,
    });
    routes['/ticket'] = json({ ticket: 'abc', expires_in: 30 });
    make();
  });

  async function signIn(): Promise<void> {
    await session.start();
    expect(store.get().screen).toEqual({ name: 'sign-in', mode: 'oidc' });
    await session.signIn();
    const state = new URL(visited[0]!).searchParams.get('state')!;
    search = `?code=xyz&state=${state}`;
    make();
    await session.start();
    await settled();
  }

  it('goes out, comes back, and connects with a ticket', async () => {
    await signIn();
    expect(search).toBe('');
    expect(socket().url).toBe('ws://localhost:8080/ws');
    expect(socket().protocols).toEqual(['parley', 'ticket.abc']);
    expect(store.get().self).toEqual({ id: 'u1', username: 'Alice' });
  });

  it('answers token_expiring with a fresh token', async () => {
    await signIn();
    socket().open();
    clock.pass(200_000);
    socket().say('token_expiring', { expires_in: 100 });
    await settled();
    expect(socket().sent.at(-1)).toEqual({ type: 'refresh', token: `h.${claims}.s` });
  });

  it('says in words that somebody is banned', async () => {
    routes['/ticket'] = () => new Response('User is banned.', { status: 401 });
    await signIn();
    expect(store.get().screen).toMatchObject({ name: 'sign-in', problem: 'User is banned.' });
  });

  it('stays put after 4401 until the user signs in again', async () => {
    await signIn();
    socket().open();
    socket().end(4401);
    expect(store.get().link).toMatchObject({ state: 'stopped', action: 'sign-in' });
    clock.pass(3_600_000);
    await settled();
    expect(sockets).toHaveLength(1);
    await session.signIn();
    expect(visited.at(-1)).toContain('http://localhost:9000/auth?');
  });
});
