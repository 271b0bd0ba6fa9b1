// What several tests share: frames as the server would send them, a clock that is moved by hand,
// and a socket whose far end the test plays.

import type { Clock, Socket } from '../src/connection';
import type { Keep } from '../src/auth';
import { parseFrame } from '../src/protocol';
import { initial } from '../src/state';
import type { State } from '../src/state';
import { reduce } from '../src/store';

export const wire = (type: string, payload: object, sender = 'Server'): string =>
  JSON.stringify({ type, sender, payload });

export const at = (n: number): string => new Date(Date.UTC(2026, 0, 5, 12, 0, n)).toISOString();

/** The n-th message of #general. */
export const chat = (n: number, more: object = {}) => ({
  cacheID: n,
  owner_id: 'u-bob',
  username: 'bob',
  channel: 'general',
  message: `message ${n}`,
  authored_at: at(n),
  epoch: 'e1',
  offset: n,
  ...more,
});

export const whisper = (n: number, from: string, to: string, message = `whisper ${n}`) => ({
  cacheID: n,
  owner_id: `u-${from}`,
  username: from,
  recipient_id: `u-${to}`,
  recipient: to,
  message,
  authored_at: at(n),
});

export const alice: State = {
  ...initial,
  self: { id: 'u-alice', username: 'alice' },
  entered: true,
};

/** Give the state frames, as they would come from the socket. */
export function feed(state: State, ...frames: [type: string, payload: object][]): State {
  return frames.reduce((s, [type, payload]) => {
    const frame = parseFrame(wire(type, payload));
    if (!frame) throw new Error(`not a frame: ${type}`);
    return reduce(s, { type: 'frame', frame, now: 1000 });
  }, state);
}

export class FakeClock implements Clock {
  time = 1_000_000;
  private count = 0;
  private timers = new Map<number, { due: number; run: () => void }>();

  now = (): number => this.time;
  after = (ms: number, run: () => void): number => {
    this.timers.set(++this.count, { due: this.time + ms, run });
    return this.count;
  };
  cancel = (timer: number): void => void this.timers.delete(timer);

  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = [...this.timers]
        .filter(([, t]) => t.due <= end)
        .sort((a, b) => a[1].due - b[1].due)[0];
      if (!next) break;
      this.timers.delete(next[0]);
      this.time = next[1].due;
      next[1].run();
    }
    this.time = end;
  }
}

export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  sent: { type: string; id?: string; [name: string]: unknown }[] = [];
  gone = false;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }
  close(): void {
    this.gone = true;
  }
  open(): void {
    this.onopen?.();
  }
  say(type: string, payload: object): void {
    this.onmessage?.({ data: wire(type, payload) });
  }
  end(code: number, reason = ''): void {
    this.onclose?.({ code, reason });
  }
}

export function memoryKeep(): Keep & { map: Map<string, string> } {
  const map = new Map<string, string>();
  return {
    map,
    get: (name) => map.get(name) ?? null,
    set: (name, value) => void map.set(name, value),
    remove: (name) => void map.delete(name),
  };
}

/** Let promises that are ready run. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await new Promise((done) => setTimeout(done, 0));
}
