// A real OpenID provider (npm oidc-provider, certified) on a free port of 127.0.0.1, with https and a certificate of its own.
//
// Users sign in by the code flow with PKCE, over HTTP; the provider's own page asks for a name and nothing else. Every token comes from its
// token endpoint and is signed by it. What a test wants of a token (another audience, a short life, claims that a plain one has not) it says in
// `token(user, wish)`; the wish travels as the resource indicator (RFC 8707), as which API a token is for does in real life.
//
// A rotation of keys puts a new Provider with the new key set behind the same address: what an operator's restart with other keys is.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer as createHttp, request as httpRequest } from 'node:http';
import { createServer as createHttps, request as httpsRequest } from 'node:https';
import Provider, { interactionPolicy } from 'oidc-provider';
import { makeCertificate } from './certificate.mjs';
import { patience } from './daemon.mjs';

const API = 'urn:parley';
const REDIRECT = 'http://127.0.0.1/';

function makeKey(alg, kid) {
    const { privateKey } = alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
    return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

export class OpenIdProvider {
    users = new Map(); // login name, which is the sub -> { username, roles }
    requests = []; // paths that were asked for
    held = []; // answers that wait, while hold is on
    keys = [];
    failing = false; // the key set is answered with 500
    holding = false; // the key set is not answered at all
    #wishes = new Map();
    #made = 0;

    /** @param options  tls: false for plain http (a page of http://127.0.0.1 may go to it); path: of the issuer; sharing: another provider, to have its keys. */
    static async start(t, { tls = true, sharing } = {}) {
        const op = new OpenIdProvider();
        op.certificate = tls ? await makeCertificate(t) : undefined;
        op.caFile = op.certificate?.certFile;
        const handle = (request, response) => op.#handle(request, response);
        op.server = tls ? createHttps({ cert: op.certificate.cert, key: op.certificate.key }, handle) : createHttp(handle);
        op.keys = sharing ? sharing.keys : [makeKey('RS256', 'rs-1'), makeKey('ES256', 'es-1')];
        await op.#listen(0);
        op.port = op.server.address().port;
        op.issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${op.port}`;
        op.jwks = `${op.issuer}/jwks`;
        op.#assemble();
        t.after(() => op.stop());
        return op;
    }

    #listen(port) {
        return new Promise((done, fail) => this.server.once('error', fail).listen(port, '127.0.0.1', done));
    }

    /** What [auth jwt] needs to believe this provider. */
    options(more = {}) {
        return { issuer: this.issuer, jwks: this.jwks, ca_file: this.caFile ?? null, audience: 'parley', ...more };
    }

    /** Nobody listens there any more. */
    async stop() {
        if (!this.server.listening) return;
        this.release();
        this.server.closeAllConnections();
        await new Promise((r) => this.server.close(r));
    }

    /** Listens again, on the same port. */
    restart() {
        return this.#listen(this.port);
    }

    #assemble() {
        const found = async (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: this.#user(id).username }) });
        const client = (client_id, more) => ({
            client_id, application_type: 'native', token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT], response_types: ['code'],
            grant_types: ['authorization_code', 'refresh_token'], ...more,
        });
        const policy = interactionPolicy.base();
        policy.remove('consent'); // a name is all that users are asked for
        this.provider = new Provider(this.issuer, {
            clients: [
                client('ChatClient'), client('WebClient'), client('OtherClient'),
                client('Robot', { application_type: 'web', token_endpoint_auth_method: 'client_secret_basic', client_secret: 'robots have secrets', redirect_uris: [], response_types: [], grant_types: ['client_credentials'] }),
            ],
            cookies: { keys: ['of a test'] },
            jwks: { keys: this.keys },
            findAccount: found,
            clientBasedCORS: () => true,
            issueRefreshToken: async () => true,
            rotateRefreshToken: true,
            interactions: { policy, url: (ctx, interaction) => `/interaction/${interaction.uid}` },
            loadExistingGrant: (ctx) => this.#grant(ctx),
            extraTokenClaims: (ctx, token) => this.#extra(token),
            claims: { openid: ['sub'], profile: ['preferred_username'] },
            pkce: { required: () => true, methods: ['S256'] },
            ttl: { AccessToken: (ctx, token) => token.resourceServer?.accessTokenTTL ?? 300, ClientCredentials: 300, AuthorizationCode: 60, Grant: 3600, IdToken: 300, Interaction: 600, RefreshToken: 3600, Session: 3600 },
            features: {
                devInteractions: { enabled: false },
                clientCredentials: { enabled: true },
                resourceIndicators: {
                    enabled: true,
                    defaultResource: (ctx, c, oneOf) => oneOf?.[0] ?? API,
                    useGrantedResource: () => true,
                    getResourceServerInfo: (ctx, resource) => {
                        const w = this.#wishes.get(resource) ?? {};
                        return {
                            scope: 'chat', audience: w.audience ?? 'parley', accessTokenTTL: w.ttl ?? 300, accessTokenFormat: 'jwt',
                            jwt: { sign: { alg: w.alg ?? 'RS256', kid: w.kid } },
                        };
                    },
                },
            },
            formats: {
                customizers: {
                    jwt: (ctx, token, jwt) => {
                        const w = this.#wishes.get(token.resourceServer?.identifier()) ?? {};
                        Object.assign(jwt.payload, w.claims);
                    },
                },
            },
        });
        this.provider.on('server_error', (ctx, error) => (this.lastError = error));
        this.callback = this.provider.callback();
    }

    #user(id) {
        return this.users.get(id) ?? { username: id, roles: [] };
    }

    #extra(token) {
        if (!token.accountId) return { preferred_username: `robot ${token.clientId}`, azp: token.clientId };
        const u = this.#user(token.accountId);
        return { preferred_username: u.username, azp: token.clientId, realm_access: { roles: u.roles ?? [] } };
    }

    async #grant(ctx) {
        const { oidc } = ctx;
        const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
        grant.addOIDCScope('openid profile offline_access');
        for (const resource of [API, ...[oidc.params.resource ?? []].flat()]) grant.addResourceScope(resource, 'chat');
        await grant.save();
        return grant;
    }

    async #handle(request, response) {
        const path = request.url.split('?')[0];
        this.requests.push(path);
        if (path === '/jwks' && this.failing) return response.writeHead(500).end('not now');
        if (path === '/jwks' && this.holding) return void this.held.push(() => this.callback(request, response));
        if (path.startsWith('/interaction/')) return this.#signIn(request, response);
        return this.callback(request, response);
    }

    /** The sign-in page: a name is enough. */
    async #signIn(request, response) {
        if (request.method === 'GET') {
            response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
            return response.end(`<!doctype html><html lang="en"><title>Sign in</title><link rel="icon" href="data:,">
<form method="post"><input name="login" aria-label="Name" autofocus><button>Sign in</button></form></html>`);
        }
        let body = '';
        for await (const chunk of request) body += chunk;
        const login = new URLSearchParams(body).get('login');
        return this.provider.interactionFinished(request, response, { login: { accountId: login } }, { mergeWithLastSubmission: false });
    }

    /** How often that path was asked for. */
    count(path = '/jwks') {
        return this.requests.filter((p) => p === path).length;
    }

    /** Keeps requests for the key set waiting until release(). */
    hold() {
        this.holding = true;
    }

    release() {
        this.holding = false;
        for (const go of this.held.splice(0)) go();
    }

    /** A new key, which signs from now on; the others stay in the key set, or are dropped. */
    rotate({ alg = 'RS256', keep = true } = {}) {
        const key = makeKey(alg, `${alg === 'RS256' ? 'rs' : 'es'}-${++this.#made}-new`);
        this.keys = [key, ...(keep ? this.keys : this.keys.filter((k) => k.alg !== alg))];
        this.#assemble();
        return key.kid;
    }

    /** A request to the provider, with a jar of cookies. */
    #ask(method, path, { jar, form, authorization } = {}) {
        const body = form ? new URLSearchParams(form).toString() : undefined;
        const headers = {
            ...(jar?.size ? { cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; ') } : {}),
            ...(body ? { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) } : {}),
            ...(authorization ? { authorization } : {}),
        };
        return new Promise((done, fail) => {
            const send = this.certificate ? httpsRequest : httpRequest;
            const request = send(new URL(path, this.issuer), { method, headers, agent: false, timeout: patience, ca: this.certificate?.cert }, (response) => {
                for (const c of response.headers['set-cookie'] ?? []) {
                    const [pair] = c.split(';');
                    const at = pair.indexOf('=');
                    if (at + 1 === pair.length) jar?.delete(pair.slice(0, at));
                    else jar?.set(pair.slice(0, at), pair.slice(at + 1));
                }
                let text = '';
                response.setEncoding('utf8').on('data', (d) => (text += d)).on('end', () => done({ status: response.statusCode, headers: response.headers, text }));
            });
            request.on('timeout', () => request.destroy(new Error(`${path}: no answer`))).on('error', fail).end(body);
        });
    }

    #wish(wish) {
        if (Object.keys(wish).length === 0) return API;
        const resource = `urn:parley:wish:${++this.#made}`;
        this.#wishes.set(resource, wish);
        return resource;
    }

    /** All tokens of a sign-in: { access_token, id_token, refresh_token, … }. */
    async signIn(user, { client = 'ChatClient', nonce, ...wish } = {}) {
        const jar = new Map();
        const verifier = base64url(randomBytes(32));
        const resource = this.#wish(wish);
        const query = new URLSearchParams({
            response_type: 'code', client_id: client, redirect_uri: REDIRECT, scope: 'openid profile chat', resource,
            code_challenge: base64url(createHash('sha256').update(verifier).digest()), code_challenge_method: 'S256', ...(nonce ? { nonce } : {}),
        });
        let answer = await this.#ask('GET', `/auth?${query}`, { jar });
        for (let i = 0; i < 6; i++) {
            const to = answer.headers.location;
            if (!to) throw new Error(`sign-in: ${answer.status} ${answer.text.slice(0, 400)} ${this.lastError ?? ''}`);
            if (to.startsWith(REDIRECT)) {
                const back = new URL(to).searchParams;
                if (!back.get('code')) throw new Error(`sign-in: ${back}`);
                const form = { grant_type: 'authorization_code', client_id: client, code: back.get('code'), redirect_uri: REDIRECT, code_verifier: verifier, resource };
                const tokens = await this.#ask('POST', '/token', { form });
                if (tokens.status !== 200) throw new Error(`token: ${tokens.status} ${tokens.text} ${this.lastError ?? ''}`);
                return JSON.parse(tokens.text);
            }
            answer = to.includes('/interaction/') ? await this.#ask('POST', to, { jar, form: { login: user } }) : await this.#ask('GET', to, { jar });
        }
        throw new Error('sign-in: it goes round in circles');
    }

    /** An access token of that user. wish: client, audience, ttl (seconds), alg, kid, claims (on top of the usual ones). */
    async token(user, wish = {}) {
        return (await this.signIn(user, wish)).access_token;
    }

    /** An access token without a user (client credentials). */
    async robotToken() {
        const authorization = `Basic ${Buffer.from(`Robot:${encodeURIComponent('robots have secrets')}`).toString('base64')}`;
        const r = await this.#ask('POST', '/token', { form: { grant_type: 'client_credentials', resource: API, scope: 'chat' }, authorization });
        if (r.status !== 200) throw new Error(`token: ${r.status} ${r.text}`);
        return JSON.parse(r.text).access_token;
    }
}
