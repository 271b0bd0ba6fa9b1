// One WebSocket at a time, and the way back when it is lost: exponential back-off with full jitter,
// the server's own hint after 1012, and a stop where coming back by itself would be wrong. It knows
// close codes, not frames; the socket, the clock and the dice are handed in, so that tests own
// them.
//
// Invariant: events of a socket that was given up are ignored (each attempt has its own number).

export type Link =
  | { state: 'idle' }
  | { state: 'connecting' }
  | { state: 'online' }
  /** Back at `until` (local milliseconds). */
  | { state: 'waiting'; until: number; why: string }
  /** Only the user goes on from here. */
  | { state: 'stopped'; why: string; action: 'retry' | 'sign-in' };

/** Thrown by `access` when trying again by itself is pointless. */
export class Refusal extends Error {
  constructor(
    why: string,
    readonly action: 'retry' | 'sign-in',
  ) {
    super(why);
  }
}

export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  send(data: string): void;
  close(): void;
}

export interface Clock {
  now(): number;
  after(ms: number, run: () => void): number;
  cancel(timer: number): void;
}

export interface Surroundings {
  /** Where to connect, with a fresh ticket where one is needed. */
  access(): Promise<{ url: string; protocols: string[] }>;
  socket(url: string, protocols: string[]): Socket;
  /** Does the server answer plain HTTP? */
  healthy(): Promise<boolean>;
  clock: Clock;
  random(): number;
}

export interface Hooks {
  link(link: Link): void;
  opened(): void;
  frame(data: unknown): void;
  /** A connection that stood is gone. */
  closed(): void;
  /** The server is up and refused the handshake; a Refusal stops the attempts. */
  refused(): Refusal | null;
}

export const BASE_MS = 500;
export const CAP_MS = 30_000;
const HANDSHAKE_MS = 15_000;
const ANSWER_MS = 20_000;
const STEADY_MS = 10_000;
const LONGEST_HINT_MS = 300_000;

/** Full jitter: anything from nothing up to a ceiling that doubles with each attempt. */
export const backoff = (attempt: number, random: () => number): number =>
  random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 16));

/** The `reconnect_in_ms` of a close reason, or null. */
export function hint(reason: string): number | null {
  try {
    const ms = (JSON.parse(reason) as { reconnect_in_ms?: unknown } | null)?.reconnect_in_ms;
    if (typeof ms === 'number' && ms >= 0) return Math.min(ms, LONGEST_HINT_MS);
  } catch {
    // Not JSON: no hint.
  }
  return null;
}

const WORDS: Record<number, string> = {
  1000: 'The server closed the connection.',
  1001: 'The server is going away.',
  1009: 'A message was too large for the server.',
  1012: 'The server is restarting.',
  1013: 'The server is busy.',
  4401: 'Your sign-in has expired or was revoked.',
  4403: 'You were removed from this server.',
  4408: 'This connection was too slow to keep up.',
  4429: 'You have too many connections open.',
};

const STOPS: Record<number, 'retry' | 'sign-in'> = {
  4401: 'sign-in',
  4403: 'retry',
  4429: 'retry',
};

/**
 * What a close code means in words, with the server's own reason where it gave one in plain text.
 */
export function closeWords(code: number, reason: string): string {
  const words = WORDS[code] ?? 'The connection was lost.';
  const plain = reason.trim();
  return plain === '' || plain.startsWith('{') ? words : `${words.slice(0, -1)}: ${plain}`;
}

export class Connection {
  private attempt = 0;
  private generation = 0;
  private socket: Socket | null = null;
  private openedAt: number | null = null;
  private timer: number | null = null;
  private answer: number | null = null;
  private link: Link = { state: 'idle' };

  constructor(
    private readonly around: Surroundings,
    private readonly hooks: Hooks,
  ) {}

  /** Connect now, whatever was going on. */
  start(): void {
    this.abandon();
    void this.connect();
  }

  /** Connect now, with the back-off forgotten. */
  now(): void {
    this.attempt = 0;
    this.start();
  }

  stop(): void {
    this.abandon();
    this.attempt = 0;
    this.show({ state: 'idle' });
  }

  /** False when there is no connection to send on. */
  send(frame: object): boolean {
    if (this.openedAt === null || !this.socket) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** From now on silence means that the connection is dead, though the browser did not notice. */
  expectAnswer(): void {
    if (this.openedAt === null) return;
    this.answer ??= this.around.clock.after(ANSWER_MS, () =>
      this.lose('The server did not answer.'),
    );
  }

  networkLost(): void {
    if (this.link.state === 'online' || this.link.state === 'connecting')
      this.lose('There is no network.');
  }

  networkBack(): void {
    if (this.link.state === 'waiting') this.now();
  }

  private show(link: Link): void {
    this.link = link;
    this.hooks.link(link);
  }

  private clearTimers(): void {
    for (const timer of [this.timer, this.answer])
      if (timer !== null) this.around.clock.cancel(timer);
    this.timer = this.answer = null;
  }

  // Leave the present socket, if any, without waiting for its close.
  private abandon(): void {
    this.generation++;
    this.clearTimers();
    const { socket } = this;
    const stood = this.openedAt !== null;
    if (stood && this.around.clock.now() - this.openedAt! >= STEADY_MS) this.attempt = 0;
    this.socket = null;
    this.openedAt = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    if (stood) this.hooks.closed();
  }

  private lose(why: string): void {
    this.abandon();
    this.wait(null, why);
  }

  private wait(ms: number | null, why: string): void {
    const { clock, random } = this.around;
    const delay = ms ?? backoff(this.attempt, random);
    this.attempt++;
    this.show({ state: 'waiting', until: clock.now() + delay, why });
    this.timer = clock.after(delay, () => this.start());
  }

  private halt(refusal: Refusal): void {
    this.attempt = 0;
    this.show({ state: 'stopped', why: refusal.message, action: refusal.action });
  }

  private async connect(): Promise<void> {
    const generation = this.generation;
    const stale = () => generation !== this.generation;
    this.show({ state: 'connecting' });
    let socket: Socket;
    try {
      const { url, protocols } = await this.around.access();
      if (stale()) return;
      socket = this.around.socket(url, protocols);
    } catch (error) {
      if (stale()) return;
      if (error instanceof Refusal) this.halt(error);
      else this.wait(null, error instanceof Error ? error.message : 'The connection failed.');
      return;
    }
    this.socket = socket;
    this.timer = this.around.clock.after(HANDSHAKE_MS, () =>
      this.lose('The server did not answer.'),
    );
    socket.onopen = () => {
      if (stale()) return;
      this.clearTimers();
      this.openedAt = this.around.clock.now();
      this.show({ state: 'online' });
      this.hooks.opened();
    };
    socket.onmessage = (event) => {
      if (stale()) return;
      if (this.answer !== null) this.around.clock.cancel(this.answer);
      this.answer = null;
      this.hooks.frame(event.data);
    };
    socket.onclose = (event) => {
      if (!stale()) void this.closed(event.code, event.reason);
    };
  }

  private async closed(code: number, reason: string): Promise<void> {
    const stood = this.openedAt !== null;
    this.abandon();
    if (stood || code !== 1006) {
      this.verdict(code, reason);
      return;
    }
    // The browser does not say why a handshake failed; plain HTTP tells the two reasons apart.
    const generation = this.generation;
    const healthy = await this.around.healthy();
    if (generation !== this.generation) return;
    if (!healthy) {
      this.wait(null, 'The server cannot be reached.');
      return;
    }
    const refusal = this.hooks.refused();
    if (refusal) this.halt(refusal);
    else this.wait(null, 'The server is up but refused the connection.');
  }

  private verdict(code: number, reason: string): void {
    const why = closeWords(code, reason);
    const action = STOPS[code];
    if (action) {
      this.halt(new Refusal(why, action));
      return;
    }
    if (code === 1013) this.attempt = Math.max(this.attempt, 4);
    this.wait(code === 1012 ? hint(reason) : null, why);
  }
}
