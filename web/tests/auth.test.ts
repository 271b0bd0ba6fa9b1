import { webcrypto } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { Oidc, base64url, challengeOf, claimsOf, readDiscovery, withScheme } from '../src/auth';
import type { Discovery } from '../src/auth';
import { FakeClock, memoryKeep, settled } from './fixtures';

const crypto = webcrypto as unknown as Crypto;

describe('discovery', () => {
  const answer = {
    auth_url: 'sso.example/a',
    token_url: 'sso.example/t',
    chat_client: 'c',
    server_name: 'S',
  };

  it('asks for a name where nothing else is said', () => {
    expect(readDiscovery({ server_name: 'S' }, 'https:')).toEqual({
      mode: 'open',
      serverName: 'S',
    });
    expect(readDiscovery({ auth_url: '' }, 'https:').mode).toBe('open');
    for (const odd of [null, 7, 'x', [], { auth_url: {} }]) {
      expect(readDiscovery(odd, 'https:').mode).toBe('open');
    }
  });

  it('puts https before the addresses', () => {
    expect(readDiscovery(answer, 'http:')).toEqual({
      mode: 'oidc',
      serverName: 'S',
      authUrl: 'https://sso.example/a',
      tokenUrl: 'https://sso.example/t',
      clientId: 'c',
    });
  });

  it('says so when half of it is missing', () => {
    expect(() => readDiscovery({ ...answer, token_url: '' }, 'https:')).toThrow('how to sign in');
  });

  it('uses http only for a loopback host, and only from an http page', () => {
    for (const host of ['localhost:9000', '127.0.0.1:9000', '127.9.9.9', '[::1]:9000']) {
      expect(withScheme(`${host}/a`, 'http:')).toBe(`http://${host}/a`);
      expect(withScheme(`${host}/a`, 'https:')).toBe(`https://${host}/a`);
    }
    for (const host of [
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      'evil.example',
      '128.0.0.1',
    ]) {
      expect(withScheme(`${host}/a`, 'http:')).toBe(`https://${host}/a`);
    }
    expect(withScheme('http://evil.example/a', 'http:')).toBe('https://evil.example/a');
    expect(withScheme('localhost@evil.example/a', 'http:')).toMatch(/^https:/);
  });
});

describe('PKCE', () => {
  it('makes the challenge of RFC 7636, appendix B', async () => {
    const challenge = await challengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', crypto);
    expect(challenge).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
  });

  it('says why it cannot on an insecure page', async () => {
    await expect(challengeOf('x', {} as Crypto)).rejects.toThrow('https');
  });

  it('encodes without padding', () => {
    expect(base64url(new Uint8Array([251, 255, 254, 1]))).toBe('-__-AQ');
  });
});

describe('claims', () => {
  const token = (claims: object) =>
    `h.${base64url(new TextEncoder().encode(JSON.stringify(claims)))}.s`;

  it('reads names of any script and survives anything else', () => {
    expect(claimsOf(token({ sub: 'u1', preferred_username: 'Зоя' }))).toEqual({
      sub: 'u1',
      username: 'Зоя',
    });
    expect(claimsOf(token({ sub: 'u1' })).username).toBe('u1');
    for (const odd of ['', 'opaque', 'a.b.c', token([]), token({ sub: 7 })]) {
      expect(claimsOf(odd)).toEqual({ sub: '', username: '' });
    }
  });
});

describe('Oidc', () => {
  const config: Discovery & { mode: 'oidc' } = {
    mode: 'oidc',
    serverName: 'S',
    authUrl: 'https://sso.example/auth?kc=1',
    tokenUrl: 'https://sso.example/token',
    clientId: 'ChatClient',
  };
  let clock: FakeClock;
  let keep: ReturnType<typeof memoryKeep>;
  let calls: { url: string; init: RequestInit }[];
  let answers: (() => Response)[];
  let oidc: Oidc;

  const json =
    (body: object, status = 200) =>
    () =>
      new Response(JSON.stringify(body), { status });
  const grant = (n: number, seconds = 300) =>
    json({ access_token: `access${n}`, refresh_token: `refresh${n}`, expires_in: seconds });
  const body = (i: number) => new URLSearchParams(String(calls[i]!.init.body));
  const make = () =>
    new Oidc(config, {
      fetch: (async (url: string, init: RequestInit) => {
        calls.push({ url, init });
        const answer = answers.shift();
        if (!answer) throw new TypeError('network');
        return answer();
      }) as typeof fetch,
      keep,
      crypto,
      clock,
      redirectUri: 'https://chat.example/',
    });

  beforeEach(() => {
    clock = new FakeClock();
    keep = memoryKeep();
    [calls, answers] = [[], []];
    oidc = make();
  });

  const signIn = async (seconds = 300) => {
    const url = new URL(await oidc.begin());
    answers.push(grant(1, seconds));
    await oidc.finish(new URLSearchParams({ code: 'abc', state: url.searchParams.get('state')! }));
    return url;
  };

  it('walks the code flow with S256 and keeps the access token out of storage', async () => {
    const url = await signIn();
    const query = Object.fromEntries(url.searchParams);
    expect(query).toMatchObject({
      kc: '1',
      response_type: 'code',
      client_id: 'ChatClient',
      redirect_uri: 'https://chat.example/',
      code_challenge_method: 'S256',
    });
    expect(calls[0]!.url).toBe(config.tokenUrl);
    const sent = Object.fromEntries(body(0));
    expect(sent).toMatchObject({
      grant_type: 'authorization_code',
      code: 'abc',
      client_id: 'ChatClient',
    });
    expect(await challengeOf(sent['code_verifier']!, crypto)).toBe(query['code_challenge']);
    expect([...keep.map.values()]).toEqual(['refresh1']);
    expect(await oidc.token(0)).toBe('access1');
  });

  it('refuses an answer with another state, and uses a flow once', async () => {
    await oidc.begin();
    const forged = new URLSearchParams({ code: 'abc', state: 'forged' });
    await expect(oidc.finish(forged)).rejects.toThrow('not started in this tab');
    const url = new URL(await oidc.begin());
    const right = new URLSearchParams({ code: 'abc', state: url.searchParams.get('state')! });
    answers.push(grant(1));
    await oidc.finish(right);
    await expect(oidc.finish(right)).rejects.toThrow('not started in this tab');
    expect(calls).toHaveLength(1);
  });

  it("passes on the provider's words", async () => {
    const state = new URL(await oidc.begin()).searchParams.get('state')!;
    const query = new URLSearchParams({
      error: 'access_denied',
      error_description: 'No, thanks',
      state,
    });
    await expect(oidc.finish(query)).rejects.toThrow('No, thanks');
  });

  it('renews before the end, once for all who ask', async () => {
    await signIn(300);
    answers.push(grant(2));
    clock.pass(240_000);
    await settled();
    expect(Object.fromEntries(body(1))).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'refresh1',
    });
    expect(await oidc.token(1000)).toBe('access2');
    answers.push(grant(3));
    const all = await Promise.all([oidc.token(400_000), oidc.token(400_000)]);
    expect(all).toEqual(['access3', 'access3']);
    expect(calls).toHaveLength(3);
  });

  it('comes back after a reload with the refresh token alone', async () => {
    keep.set('refresh', 'refresh0');
    expect(oidc.remembered()).toBe(true);
    answers.push(grant(1));
    expect(await oidc.token(0)).toBe('access1');
  });

  it('forgets a refresh token that is refused, but not when the network fails', async () => {
    keep.set('refresh', 'refresh0');
    await expect(oidc.token(0)).rejects.toThrow('cannot be reached');
    expect(oidc.remembered()).toBe(true);
    answers.push(json({ error: 'invalid_grant', error_description: 'Session not active' }, 400));
    await expect(oidc.token(0)).rejects.toMatchObject({
      action: 'sign-in',
      message: /Session not active/,
    });
    expect(oidc.remembered()).toBe(false);
  });

  it('buys a ticket with the token', async () => {
    await signIn();
    answers.push(json({ ticket: 't-1', expires_in: 30 }));
    expect(await oidc.ticket()).toBe('t-1');
    const { url, init } = calls[1]!;
    expect([url, init.method, init.body]).toEqual(['/ticket', 'POST', undefined]);
    expect(init.headers).toEqual({ Authorization: 'Bearer access1' });
  });

  it('renews once when the ticket is refused, then gives up', async () => {
    await signIn();
    const no = () => new Response('invalid token', { status: 401 });
    answers.push(no, grant(2), json({ ticket: 't-2' }));
    expect(await oidc.ticket()).toBe('t-2');
    answers.push(no, grant(3), no);
    await expect(oidc.ticket()).rejects.toMatchObject({ action: 'sign-in' });
  });

  it('shows a ban and does not go on; is patient with a busy server', async () => {
    await signIn();
    answers.push(() => new Response('User is banned.\n', { status: 401 }));
    await expect(oidc.ticket()).rejects.toMatchObject({
      action: 'retry',
      message: 'User is banned.',
    });
    answers.push(() => new Response('Too many requests.', { status: 429 }));
    const busy = await oidc.ticket().catch((error: unknown) => error);
    expect(busy).toMatchObject({ message: 'Too many requests.' });
    expect(busy).not.toHaveProperty('action');
  });

  it('takes nothing that arrives after signing out', async () => {
    await signIn();
    answers.push(grant(2));
    const late = oidc.token(400_000);
    oidc.forget();
    await expect(late).rejects.toMatchObject({ action: 'sign-in' });
    expect(keep.map.size).toBe(0);
    await expect(oidc.token(0)).rejects.toMatchObject({ action: 'sign-in' });
  });
});
