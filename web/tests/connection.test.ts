import { beforeEach, describe, expect, it } from 'vitest';
import { BASE_MS, CAP_MS, Connection, Refusal, backoff, closeWords, hint } from '../src/connection';
import type { Link } from '../src/connection';
import { FakeClock, FakeSocket, settled } from './fixtures';

describe('back-off', () => {
  it('draws from nothing up to a ceiling that doubles to 30 s', () => {
    const top = (attempt: number) => backoff(attempt, () => 1);
    expect([0, 1, 2, 3].map(top)).toEqual([500, 1000, 2000, 4000]);
    expect(top(6)).toBe(CAP_MS);
    expect(top(10_000)).toBe(CAP_MS);
    expect(backoff(5, () => 0)).toBe(0);
    expect(backoff(0, () => 0.5)).toBe(BASE_MS / 2);
  });

  it('reads the hint of a restart and nothing else', () => {
    expect(hint('{"reconnect_in_ms":1234}')).toBe(1234);
    expect(hint('{"reconnect_in_ms":99999999}')).toBe(300_000);
    for (const reason of [
      '',
      'soon',
      'null',
      '[]',
      '{"reconnect_in_ms":"5"}',
      '{"reconnect_in_ms":-1}',
    ]) {
      expect(hint(reason)).toBeNull();
    }
  });

  it('puts close codes into words, with the reason of the server', () => {
    expect(closeWords(4403, 'spam')).toBe('You were removed from this server: spam');
    expect(closeWords(1012, '{"reconnect_in_ms":5}')).toBe('The server is restarting.');
    expect(closeWords(1006, '')).toBe('The connection was lost.');
  });
});

describe('connection', () => {
  let clock: FakeClock;
  let sockets: FakeSocket[];
  let links: Link[];
  let log: string[];
  let healthy: boolean;
  let refusal: Refusal | null;
  let access: () => Promise<{ url: string; protocols: string[] }>;
  let connection: Connection;

  const last = () => links[links.length - 1]!;
  const socket = () => sockets[sockets.length - 1]!;
  const waitingFor = () => {
    const link = last();
    return link.state === 'waiting' ? link.until - clock.time : null;
  };

  beforeEach(() => {
    clock = new FakeClock();
    [sockets, links, log] = [[], [], []];
    [healthy, refusal] = [true, null];
    access = async () => ({ url: 'ws://here/ws', protocols: ['parley'] });
    connection = new Connection(
      {
        access: () => access(),
        socket: (url, protocols) => {
          sockets.push(new FakeSocket(url, protocols));
          return socket();
        },
        healthy: async () => healthy,
        clock,
        random: () => 1,
      },
      {
        link: (link) => links.push(link),
        opened: () => log.push('opened'),
        closed: () => log.push('closed'),
        frame: (data) => log.push(String(data)),
        refused: () => refusal,
      },
    );
  });

  const online = async () => {
    connection.start();
    await settled();
    socket().open();
  };

  it('goes online, passes frames, and sends only then', async () => {
    expect(connection.send({ type: 'x' })).toBe(false);
    await online();
    expect(last().state).toBe('online');
    socket().onmessage?.({ data: 'frame' });
    expect(log).toEqual(['opened', 'frame']);
    expect(connection.send({ type: 'x' })).toBe(true);
    expect(socket().sent).toEqual([{ type: 'x' }]);
  });

  it('comes back with a growing ceiling and starts anew after a steady connection', async () => {
    await online();
    for (const ceiling of [500, 1000, 2000]) {
      socket().end(1006);
      await settled();
      expect(waitingFor()).toBe(ceiling);
      clock.pass(ceiling);
      await settled();
      socket().open();
    }
    clock.pass(10_000);
    socket().end(1006);
    await settled();
    expect(waitingFor()).toBe(500);
  });

  it('follows the hint of 1012', async () => {
    await online();
    socket().end(1012, '{"reconnect_in_ms":7777}');
    expect(waitingFor()).toBe(7777);
    clock.pass(7776);
    expect(sockets).toHaveLength(1);
    clock.pass(1);
    await settled();
    expect(sockets).toHaveLength(2);
  });

  it.each([
    [4401, 'sign-in'],
    [4403, 'retry'],
    [4429, 'retry'],
  ])('stops after %i', async (code, action) => {
    await online();
    socket().end(code);
    expect(last()).toMatchObject({ state: 'stopped', action });
    clock.pass(3_600_000);
    await settled();
    expect(sockets).toHaveLength(1);
  });

  it('goes on by itself after 1001, 1013 and 4408', async () => {
    for (const code of [1001, 1013, 4408]) {
      await online();
      socket().end(code);
      expect(last().state).toBe('waiting');
    }
  });

  it('tells an unreachable server from one that refuses', async () => {
    connection.start();
    await settled();
    healthy = false;
    socket().end(1006);
    await settled();
    expect(last()).toMatchObject({ state: 'waiting', why: 'The server cannot be reached.' });
    clock.pass(500);
    await settled();
    healthy = true;
    socket().end(1006);
    await settled();
    expect(last()).toMatchObject({ why: 'The server is up but refused the connection.' });
    clock.pass(1000);
    await settled();
    refusal = new Refusal('Not this name.', 'sign-in');
    socket().end(1006);
    await settled();
    expect(last()).toEqual({ state: 'stopped', why: 'Not this name.', action: 'sign-in' });
    expect(log).toEqual([]);
  });

  it('stops at a refusal before the socket, and retries any other failure', async () => {
    access = async () => {
      throw new Error('No ticket.');
    };
    connection.start();
    await settled();
    expect(last()).toMatchObject({ state: 'waiting', why: 'No ticket.' });
    access = async () => {
      throw new Refusal('User is banned.', 'retry');
    };
    connection.now();
    await settled();
    expect(last()).toEqual({ state: 'stopped', why: 'User is banned.', action: 'retry' });
  });

  it('ignores a socket that was given up', async () => {
    await online();
    const old = socket();
    const onclose = old.onclose;
    connection.now();
    await settled();
    socket().open();
    onclose?.({ code: 4403, reason: '' });
    expect(old.gone).toBe(true);
    expect(log).toEqual(['opened', 'closed', 'opened']);
  });

  it('gives up a handshake that takes too long', async () => {
    connection.start();
    await settled();
    clock.pass(15_000);
    expect(last()).toMatchObject({ state: 'waiting', why: 'The server did not answer.' });
    expect(socket().gone).toBe(true);
  });

  it('takes silence for death only when an answer is due', async () => {
    await online();
    clock.pass(600_000);
    expect(last().state).toBe('online');
    connection.expectAnswer();
    clock.pass(10_000);
    socket().onmessage?.({ data: 'frame' });
    clock.pass(60_000);
    expect(last().state).toBe('online');
    connection.expectAnswer();
    clock.pass(20_000);
    expect(last().state).toBe('waiting');
  });

  it('follows the network', async () => {
    await online();
    connection.networkLost();
    expect(last()).toMatchObject({ state: 'waiting', why: 'There is no network.' });
    connection.networkBack();
    await settled();
    expect(sockets).toHaveLength(2);
    expect(last().state).toBe('connecting');
  });

  it('stays down after stop', async () => {
    await online();
    connection.stop();
    clock.pass(3_600_000);
    await settled();
    expect(last()).toEqual({ state: 'idle' });
    expect(sockets).toHaveLength(1);
  });
});
