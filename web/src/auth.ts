// Who the user is, towards the server: discovery, the OpenID Connect code flow with PKCE, and
// tickets. The access token stays in memory; only the refresh token and a running flow's secrets
// are kept for this tab. Nothing here trusts a token's content; the server checks it, the page only
// shows the name.

import { Refusal } from './connection';
import type { Clock } from './connection';

export type Discovery = { serverName: string } & (
  { mode: 'open' } | { mode: 'oidc'; authUrl: string; tokenUrl: string; clientId: string }
);

export interface Keep {
  get(name: string): string | null;
  set(name: string, value: string): void;
  remove(name: string): void;
}

export interface AuthSurroundings {
  fetch: typeof fetch;
  keep: Keep;
  crypto: Crypto;
  clock: Clock;
  /** The page's origin and a slash. */
  redirectUri: string;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;
const FLOW = 'oidc';
const REFRESH = 'refresh';

/**
 * Discovery gives addresses without a scheme: https, save for a loopback host seen from an http
 * page.
 */
export function withScheme(address: string, pageProtocol: string): string {
  const bare = address.replace(/^https?:\/\//i, '');
  const url = new URL(`https://${bare}`);
  if (pageProtocol === 'http:' && LOOPBACK.test(url.hostname)) return `http://${bare}`;
  return url.href;
}

export function readDiscovery(json: unknown, pageProtocol: string): Discovery {
  const of = (name: string): string => {
    const v =
      typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[name] : '';
    return typeof v === 'string' ? v.trim() : '';
  };
  const serverName = of('server_name');
  const auth = of('auth_url');
  if (!auth) return { mode: 'open', serverName };
  const token = of('token_url');
  const clientId = of('chat_client');
  if (!token || !clientId) throw new Error('The server did not say how to sign in.');
  const [authUrl, tokenUrl] = [withScheme(auth, pageProtocol), withScheme(token, pageProtocol)];
  return { mode: 'oidc', serverName, authUrl, tokenUrl, clientId };
}

export function base64url(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (b) => String.fromCharCode(b)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** The S256 challenge of a PKCE verifier (RFC 7636). */
export async function challengeOf(verifier: string, crypto: Crypto): Promise<string> {
  if (!crypto.subtle) throw new Error('Signing in needs a secure page: open it by https.');
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

/** The claims of a JWT, unchecked; empty for any other token. */
export function claimsOf(token: string): { sub: string; username: string } {
  try {
    const part = token.split('.')[1] ?? '';
    const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const of = (name: string) => (typeof claims[name] === 'string' ? (claims[name] as string) : '');
    return { sub: of('sub'), username: of('preferred_username') || of('sub') };
  } catch {
    return { sub: '', username: '' };
  }
}

const oneLine = (body: string): string => body.trim().split('\n')[0]!.slice(0, 200);

export class Oidc {
  private access: { token: string; until: number } | null = null;
  private renewing: Promise<string> | null = null;
  private timer: number | null = null;
  // Grows with every sign-out: an answer that was still on its way then is not taken any more.
  private era = 0;

  constructor(
    private readonly config: Discovery & { mode: 'oidc' },
    private readonly around: AuthSurroundings,
  ) {}

  /** Start a sign-in; the page must go to the address that this returns. */
  async begin(): Promise<string> {
    const { crypto, keep, redirectUri } = this.around;
    const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
    const state = base64url(crypto.getRandomValues(new Uint8Array(16)));
    const challenge = await challengeOf(verifier, crypto);
    keep.set(FLOW, JSON.stringify({ state, verifier }));
    const url = new URL(this.config.authUrl);
    const query = {
      response_type: 'code',
      client_id: this.config.clientId,
      redirect_uri: redirectUri,
      scope: 'openid profile',
      state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url.href;
  }

  /** The provider sent the user back with this query. */
  async finish(query: URLSearchParams): Promise<void> {
    const kept = this.around.keep.get(FLOW);
    this.around.keep.remove(FLOW);
    const flow = JSON.parse(kept ?? '{}') as { state?: string; verifier?: string };
    if (!flow.state || !flow.verifier || query.get('state') !== flow.state) {
      throw new Error('That sign-in was not started in this tab. Please sign in again.');
    }
    const error = query.get('error');
    if (error) throw new Error(`Signing in failed: ${query.get('error_description') || error}`);
    await this.grant({
      grant_type: 'authorization_code',
      code: query.get('code') ?? '',
      redirect_uri: this.around.redirectUri,
      code_verifier: flow.verifier,
    });
  }

  /** Can this tab sign in again by itself? */
  remembered(): boolean {
    return this.around.keep.get(REFRESH) !== null;
  }

  /** An access token that is good for at least `ms` more, renewed where needed and possible. */
  async token(ms: number): Promise<string> {
    const left = this.access ? this.access.until - this.around.clock.now() : 0;
    if (this.access && left > ms) return this.access.token;
    if (this.remembered()) return this.renew();
    if (this.access && left > 0) return this.access.token;
    throw new Refusal('Your sign-in has expired.', 'sign-in');
  }

  self(): { sub: string; username: string } {
    return claimsOf(this.access?.token ?? '');
  }

  /** A single-use ticket for one connection. */
  async ticket(): Promise<string> {
    let answer = await this.askTicket(await this.token(5000));
    if (answer.status === 401 && this.remembered()) {
      const words = oneLine(await answer.clone().text());
      if (!/banned/i.test(words)) answer = await this.askTicket(await this.renew());
    }
    if (answer.ok) {
      const { ticket } = (await answer.json()) as { ticket?: unknown };
      if (typeof ticket === 'string' && ticket !== '') return ticket;
      throw new Error('The server gave no ticket.');
    }
    const words = oneLine(await answer.text());
    if (/banned/i.test(words) || answer.status === 403) {
      throw new Refusal(words || 'You may not enter this server.', 'retry');
    }
    if (answer.status === 401)
      throw new Refusal('The server did not accept your sign-in.', 'sign-in');
    throw new Error(words || `The server gave no ticket (${answer.status}).`);
  }

  forget(): void {
    this.era++;
    this.access = null;
    this.renewing = null;
    if (this.timer !== null) this.around.clock.cancel(this.timer);
    this.timer = null;
    this.around.keep.remove(REFRESH);
    this.around.keep.remove(FLOW);
  }

  private async askTicket(token: string): Promise<Response> {
    try {
      const headers = { Authorization: `Bearer ${token}` };
      return await this.around.fetch('/ticket', { method: 'POST', headers, cache: 'no-store' });
    } catch {
      throw new Error('The server cannot be reached.');
    }
  }

  private renew(): Promise<string> {
    this.renewing ??= this.grant({
      grant_type: 'refresh_token',
      refresh_token: this.around.keep.get(REFRESH) ?? '',
    }).finally(() => (this.renewing = null));
    return this.renewing;
  }

  private async grant(fields: Record<string, string>): Promise<string> {
    const { fetch, clock, keep } = this.around;
    const era = this.era;
    let answer: Response;
    try {
      answer = await fetch(this.config.tokenUrl, {
        method: 'POST',
        body: new URLSearchParams({ client_id: this.config.clientId, ...fields }),
        cache: 'no-store',
      });
    } catch {
      throw new Error('The sign-in service cannot be reached.');
    }
    const body = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
    if (era !== this.era) throw new Refusal('You are signed out.', 'sign-in');
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
      keep.remove(REFRESH);
      const why = body['error_description'] ?? body['error'];
      throw new Refusal(
        `Signing in failed: ${typeof why === 'string' ? why : answer.status}`,
        'sign-in',
      );
    }
    const token = body['access_token'];
    if (!answer.ok || typeof token !== 'string') throw new Error('The sign-in service failed.');
    const seconds = typeof body['expires_in'] === 'number' ? body['expires_in'] : 300;
    this.access = { token, until: clock.now() + seconds * 1000 };
    if (typeof body['refresh_token'] === 'string') keep.set(REFRESH, body['refresh_token']);
    this.schedule(seconds * 1000);
    return token;
  }

  // Renew a little before the end; when that fails, `token` tries again at the next need.
  private schedule(lifetime: number): void {
    const { clock } = this.around;
    if (this.timer !== null) clock.cancel(this.timer);
    this.timer = null;
    if (!this.remembered()) return;
    const early = Math.min(60_000, lifetime / 5);
    const delay = Math.min(Math.max(lifetime - early, 5000), 2 ** 31 - 1);
    this.timer = clock.after(delay, () => void this.renew().catch(() => undefined));
  }
}
