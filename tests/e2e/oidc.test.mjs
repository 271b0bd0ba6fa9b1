// Signing in with the tokens of a real OpenID provider: every way in, rotation, outages, attacks, expiry and refresh, caps, who may see the metrics.
import assert from 'node:assert/strict';
import { createHmac, createPublicKey, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { Client } from './lib/client.mjs';
import { Daemon, slow } from './lib/daemon.mjs';
import { OpenIdProvider } from './lib/oidc.mjs';

const now = () => Math.floor(Date.now() / 1000);
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
const encode = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });

/** A daemon that believes this provider. */
const daemonOf = (t, op, { auth, server, ...changes } = {}, more = {}) =>
    Daemon.start(t, { base: 'parley.ini', ...more, changes: { 'auth jwt': op.options(auth), server: { max_per_address: 0, ...server }, ...changes } });

async function enter(t, d, token) {
    const c = await Client.open(t, d.ws, bearer(token));
    await c.next('connected_users');
    return c;
}

/** The refusal of an upgrade: { status, body, headers }. */
const refused = (t, d, options, url = d.ws) => Client.open(t, url, options).then(() => assert.fail('it got in'), (e) => (e.status ? e : Promise.reject(e)));

async function ticketOf(d, token) {
    const r = await fetch(`${d.http}/ticket`, { method: 'POST', ...bearer(token) });
    assert.equal(r.status, 200, await r.clone().text());
    const body = await r.json();
    assert.equal(body.expires_in, 30);
    assert.ok(body.ticket.length <= 100);
    return body.ticket;
}

const withTicket = (ticket) => ({ protocols: ['parley', `ticket.${ticket}`] });

describe('with an OpenID provider', { concurrency: 3 }, () => {
    it('a ticket is good for 30 s', { skip: slow > 1 && 'a sanitizer has nothing to see while one waits' }, async (t) => {
        const op = await OpenIdProvider.start(t);
        const d = await daemonOf(t, op);
        const ticket = await ticketOf(d, await op.token('ann'));
        await wait(30_500);
        const e = await refused(t, d, withTicket(ticket));
        assert.equal(e.status, 401);
        assert.match(e.body, /ticket/);
        assert.ok(!e.body.includes(ticket));
    });

    it('one enters by header and by ticket, with RS256 and ES256; by ?token= only where that is on', async (t) => {
        const op = await OpenIdProvider.start(t);
        op.users.set('u-1', { username: 'Ann Ångström', roles: [] });
        const d = await daemonOf(t, op);
        for (const alg of ['RS256', 'ES256']) {
            const token = await op.token('u-1', { alg });
            const c = await enter(t, d, token);
            assert.deepEqual(c.of('connected_users').at(-1).users, [{ username: 'Ann Ångström', id: 'u-1', status: true }]);
            const ticket = await ticketOf(d, token);
            const byTicket = await Client.open(t, d.ws, withTicket(ticket));
            assert.equal(byTicket.socket.protocol, 'parley', 'the subprotocol is answered, the ticket is not');
            await byTicket.next('connected_users');
            assert.equal((await refused(t, d, withTicket(ticket))).status, 401, 'a ticket is good once');
            assert.equal((await refused(t, d, {}, `${d.ws}?token=${token}`)).status, 401);
            await c.close();
            await byTicket.close();
        }
        for (const garbage of ['x', 'A'.repeat(32), `${'A'.repeat(55)}`, '..', '-_-'])
            assert.equal((await refused(t, d, withTicket(garbage))).status, 401, garbage);
        // With a robot's token too: it has a name like everyone.
        await enter(t, d, await op.robotToken());
        const none = await refused(t, d, {});
        assert.equal(none.status, 401);
        assert.equal(none.headers['www-authenticate'], 'Bearer');
        for (const authorization of [undefined, 'Bearer', 'Bearer x', 'Basic YTpi', `Bearer ${'x'.repeat(8000)}`]) {
            const r = await fetch(`${d.http}/ticket`, { method: 'POST', headers: authorization ? { authorization } : {} });
            assert.equal(r.status, 401, String(authorization).slice(0, 20));
            assert.equal((await r.text()).trim().split('\n').length, 1);
        }

        const query = await daemonOf(t, op, { auth: { query_token: 'yes' } });
        const c = await Client.open(t, `${query.ws}?token=${await op.token('u-1')}`);
        await c.next('connected_users');
        assert.equal((await refused(t, query, {}, `${query.ws}?token=x`)).status, 401);
        assert.equal((await refused(t, query, {}, `${query.ws}?token=`)).status, 401);
    });

    it('by discovery, it finds the keys without being told where they are', async (t) => {
        const op = await OpenIdProvider.start(t);
        op.hold();
        const d = await daemonOf(t, op, { auth: { jwks: null } });
        const early = await Client.open(t, d.ws, bearer(await op.token('ann'))); // before there are any keys
        assert.equal((await fetch(`${d.http}/readyz`)).status, 503);
        op.release();
        await early.next('connected_users');
        await enter(t, d, await op.token('bob'));
        assert.equal((await fetch(`${d.http}/readyz`)).status, 200);
        assert.equal(op.count('/.well-known/openid-configuration'), 1);
        assert.equal(op.count(), 1);
    });

    it('keys are rotated while clients are connected', async (t) => {
        const op = await OpenIdProvider.start(t);
        const d = await daemonOf(t, op, { auth: { refresh_cooldown: '1s' } });
        await d.logged('jwt_keys');
        const before = await op.token('ann');
        const ann = await enter(t, d, before);
        assert.equal(op.count(), 1);

        op.rotate({ keep: true });
        const fresh = await op.token('bob');
        await wait(1100); // the cooldown after the first fetch
        op.hold();
        // Ten at once ask for a key that nobody knows yet: all are taken in and wait, and it is fetched once.
        const clients = await Promise.all(Array.from({ length: 9 }, () => Client.open(t, d.ws, bearer(fresh))));
        const fake = await Client.open(t, d.ws, bearer(forge(before, { kid: 'no such key' }, {})));
        assert.equal((await fetch(`${d.http}/ticket`, { method: 'POST', ...bearer(fresh) })).status, 503, 'a ticket cannot wait');
        assert.deepEqual(clients.flatMap((c) => c.frames), [], 'not in yet');
        await ann.say('general', 'still here'); // and nobody else waits for it
        op.release();
        for (const c of clients) await c.next('connected_users');
        assert.deepEqual(await fake.closed, { code: 4401, reason: 'The token is signed with a key that its issuer does not list.' });
        assert.equal(op.count(), 2, 'one fetch for all');
        await enter(t, d, before); // the old one is in the set still
        await ticketOf(d, fresh);
        assert.equal(op.count(), 2);

        // The set cannot be had: the old keys stay in use.
        op.rotate({ keep: false });
        const latest = await op.token('cat');
        await wait(1100);
        op.failing = true;
        const late = await Client.open(t, d.ws, bearer(latest));
        assert.equal((await late.closed).code, 4401);
        assert.match((await d.logged('jwt_keys_failed')).msg, /status 500; the old ones stay/);
        await enter(t, d, before);
        await enter(t, d, fresh);
        assert.equal((await fetch(`${d.http}/readyz`)).status, 200, 'there are keys');

        // And when it is there again, the dropped ones are dropped, and who is in stays in.
        op.failing = false;
        await wait(1100);
        await enter(t, d, latest);
        assert.equal((await refused(t, d, bearer(before))).status, 401);
        await ann.say('general', 'here all along');
        assert.ok(op.count() <= 4);
    });

    it('a provider that is away: one log line an attempt, /readyz says why, and all is well when it comes', async (t) => {
        const op = await OpenIdProvider.start(t);
        const token = await op.token('ann');
        await op.stop();
        const d = await daemonOf(t, op, { server: { authentication_timeout: '1s' } });
        const line = await d.logged('jwt_keys_failed');
        assert.match(line.msg, /127\.0\.0\.1:\d+: .*refused; nobody can sign in/);
        const r = await fetch(`${d.http}/readyz`);
        assert.equal(r.status, 503);
        assert.match(await r.text(), /keys are not there yet/);
        assert.equal((await fetch(`${d.http}/healthz`)).status, 200);
        const early = await Client.open(t, d.ws, bearer(token));
        assert.deepEqual(await early.closed, { code: 4401, reason: 'no decision in time' });
        assert.equal((await refused(t, d, {})).status, 401, 'who brings nothing need not wait');
        await op.restart();
        await d.logged('jwt_keys');
        assert.equal((await fetch(`${d.http}/readyz`)).status, 200);
        await enter(t, d, token);
        const failures = d.lines.filter((l) => l.event === 'jwt_keys_failed').length;
        assert.equal(failures, await d.metric('parley_jwt_key_fetches_total{section="jwt",outcome="failed"}'), 'a line an attempt');
    });

    it('a provider that takes the connection and says nothing', async (t) => {
        const op = await OpenIdProvider.start(t);
        op.hold();
        const d = await daemonOf(t, op);
        const line = await d.logged('jwt_keys_failed'); // after the ten seconds that a fetch may take
        assert.match(line.msg, /timed out; nobody can sign in/);
        assert.equal((await fetch(`${d.http}/readyz`)).status, 503);
        op.release();
        await d.logged('jwt_keys');
        assert.equal((await fetch(`${d.http}/readyz`)).status, 200);
    });

    it('no token that was made for another purpose, or by another hand, lets anybody in', async (t) => {
        const op = await OpenIdProvider.start(t);
        const other = await OpenIdProvider.start(t, { sharing: op }); // the same keys, another issuer
        const d = await daemonOf(t, op, { auth: { clients: 'ChatClient', query_token: 'yes' } });
        await d.logged('jwt_keys');
        const good = await op.token('ann');
        const both = await op.signIn('ann', { nonce: 'n' });
        const publicKey = createPublicKey({ key: op.keys.find((k) => k.kid === 'rs-1'), format: 'jwk' });
        const pem = publicKey.export({ type: 'spki', format: 'pem' });
        const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
        const [head, body, signature] = good.split('.');
        const claims = JSON.parse(Buffer.from(body, 'base64url'));
        const hs = (key) => {
            const text = `${encode({ alg: 'HS256', typ: 'JWT', kid: 'rs-1' })}.${body}`;
            return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
        };
        const attacks = {
            issuer: [await other.token('ann')],
            audience: [await op.token('ann', { audience: 'elsewhere' })],
            client: [await op.token('ann', { client: 'OtherClient' }), await op.token('ann', { claims: { azp: '' } })],
            expired: [await op.token('ann', { claims: { exp: now() - 31 } })],
            not_yet_valid: [await op.token('ann', { claims: { nbf: now() + 3600 } }), await op.token('ann', { claims: { iat: now() + 3600 } })],
            no_user: [await op.token('ann', { claims: { sub: '' } })],
            no_username: [await op.token('ann', { claims: { preferred_username: 7 } })],
            not_an_access_token: [both.id_token, await op.token('ann', { claims: { typ: 'Refresh' } })],
            algorithm: [
                ...['none', 'nOnE', 'NONE', ''].map((alg) => `${encode({ alg, typ: 'JWT' })}.${body}.`),
                `${encode({ alg: 'none', typ: 'JWT', kid: 'rs-1' })}.${body}.${signature}`,
                hs(pem), hs(pem.trim()), hs(publicKey.export({ type: 'spki', format: 'der' })), hs(publicKey.export({ type: 'pkcs1', format: 'pem' })),
            ],
            signature: [
                `${head}.${encode({ ...claims, sub: 'root', realm_access: { roles: ['admin'] } })}.${signature}`,
                forge(good, { kid: 'rs-1' }, {}, own.privateKey), `${head}.${body}.`,
            ],
            key_in_header: [forge(good, { kid: 'rs-1', jwk: own.publicKey.export({ format: 'jwk' }) }, {}, own.privateKey), forge(good, { jku: 'https://evil.example/jwks' }, {}, own.privateKey)],
            critical_header: [forge(good, { crit: ['exp'] }, {})],
            key_type: [forge(good, { kid: 'es-1' }, {}, own.privateKey)],
            unknown_key: [forge(good, { kid: '../../etc/passwd' }, {}, own.privateKey), forge(good, { kid: "' or 1=1 --" }, {}, own.privateKey)],
            kid: [forge(good, { kid: 'k'.repeat(129) }, {}), forge(good, { kid: 5 }, {})],
            malformed: [`${good}=`, `${head}.${body}.!`, `${head}..${signature}`],
            type: [forge(good, { typ: 'logout+jwt' }, {})],
            not_a_jwt: ['x', `${good}.x`, 'a.b'],
        };
        for (const [reason, tokens] of Object.entries(attacks))
            for (const [i, token] of tokens.entries()) {
                const name = `parley_jwt_refused_total{section="jwt",reason="${reason}"}`;
                const count = async () => (await d.metric(name)) || 0;
                const was = await count();
                const e = await refused(t, d, bearer(token));
                assert.equal(e.status, 401, `${reason} ${i}`);
                assert.match(e.body, /^[A-Z][^\n]{8,100}\.$/, 'a sentence');
                assert.equal(await count(), was + 1, `${reason} ${i}: counted as such; ${e.body}`);
                assert.equal((await refused(t, d, {}, `${d.ws}?token=${encodeURIComponent(token)}`)).status, 401);
                const r = await fetch(`${d.http}/ticket`, { method: 'POST', ...bearer(token) });
                assert.equal(r.status, 401);
                assert.ok(!(await r.text()).includes(token.slice(0, 30) || 'x'.repeat(30)));
            }
        await enter(t, d, good);
        await enter(t, d, await op.token('ann', { claims: { nbf: now() + 10, exp: now() + 100 } })); // clocks differ a little
    });

    it('made-up keys cost at most one fetch a cooldown', async (t) => {
        const op = await OpenIdProvider.start(t);
        const d = await daemonOf(t, op, { auth: { refresh_cooldown: '2s' }, server: { accept_rate: 0 } });
        await d.logged('jwt_keys');
        const began = Date.now();
        const good = await op.token('ann');
        const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
        let turnedAway = 0;
        while (Date.now() - began < 5000 || turnedAway < 100) {
            await Promise.all(Array.from({ length: 20 }, async () => {
                const token = forge(good, { kid: randomBytes(8).toString('hex') }, { jti: 'x' }, key);
                const c = await Client.open(t, d.ws, bearer(token)).catch((e) => e);
                if (c.status) assert.equal(c.status, 401);
                else assert.equal((await c.closed).code, 4401);
                turnedAway++;
            }));
        }
        const seconds = (Date.now() - began) / 1000;
        assert.ok(op.count() >= 2, 'it does ask again');
        assert.ok(op.count() <= 2 + seconds / 2, `${op.count()} fetches in ${seconds} s for ${turnedAway} tokens`);
        await enter(t, d, good);
    });

    it('before a token expires one is told, a fresh one is taken in-band, and who brings none is closed', async (t) => {
        const op = await OpenIdProvider.start(t);
        const d = await daemonOf(t, op, { auth: { leeway: '0' } });
        await d.logged('jwt_keys');
        const ttl = 50; // for ann, who has much to do before its end; she is told in its last minute
        const first = await op.token('ann', { ttl });
        const bobs = await op.token('bob', { ttl: 6 * slow });
        const ann = await enter(t, d, first);
        const bob = await enter(t, d, bobs);
        const { payload } = await ann.next('token_expiring');
        assert.deepEqual(Object.keys(payload), ['expires_in']);
        assert.ok(Number.isInteger(payload.expires_in) && payload.expires_in > 0 && payload.expires_in <= ttl);

        const e = await ann.ask({ type: 'refresh', token: 'rubbish' }).then(() => assert.fail('taken'), (x) => x.payload);
        assert.equal(e.code, 'forbidden');
        const wrong = await op.token('ann', { audience: 'elsewhere' });
        const e2 = await ann.ask({ type: 'refresh', token: wrong }).then(() => assert.fail('taken'), (x) => x.payload);
        assert.equal(e2.code, 'forbidden');
        assert.ok(!JSON.stringify(e2).includes(wrong.slice(-20)));
        assert.equal((await ann.ask({ type: 'refresh' }).then(() => assert.fail('taken'), (x) => x.payload)).code, 'invalid_message');
        op.users.set('ann', { username: 'Annabel', roles: [] });
        const ack = await ann.ask({ type: 'refresh', token: await op.token('ann', { ttl: 300 }) }, 'fresh');
        assert.deepEqual(ack, { id: 'fresh' });
        assert.deepEqual((await bob.closed).code, 4401);
        await ann.say('general', 'I may stay');
        const { payload: mine } = await ann.next('chat_message');
        assert.equal(mine.username, 'Annabel', "the newest token's name");
        assert.equal(mine.owner_id, 'ann');

        const eve = await enter(t, d, await op.token('eve'));
        eve.send({ type: 'refresh', token: await op.token('ann') });
        assert.deepEqual(await eve.closed, { code: 4401, reason: 'another user' });
        await ann.say('general', 'and nothing of that touched me');
    });

    it('on_expiry = keep keeps', async (t) => {
        const op = await OpenIdProvider.start(t);
        const d = await daemonOf(t, op, { auth: { leeway: '0', on_expiry: 'keep' } });
        await d.logged('jwt_keys');
        const ttl = 5 * slow;
        const token = await op.token('ann', { ttl });
        const until = Date.now() + ttl * 1000;
        const ann = await enter(t, d, token);
        await ann.next('token_expiring');
        await wait(until + 2500 - Date.now()); // past it, and past the next tick
        await ann.say('general', 'kept');
        assert.equal((await refused(t, d, bearer(token))).status, 401, 'but the token opens no door any more');
    });

    it('no token gets into a log, a metric or an error', async (t) => {
        const op = await OpenIdProvider.start(t);
        const d = await daemonOf(t, op, { auth: { query_token: 'yes', refresh_cooldown: '1s' }, log: { level: 'debug' } });
        await d.logged('jwt_keys');
        const said = []; // all that anybody was told
        const tell = (e) => said.push(e.body ?? e.reason ?? JSON.stringify(e), JSON.stringify(e.headers ?? {}));
        const good = await op.token('ann');
        const admin = (op.users.set('root', { username: 'root', roles: ['admin'] }), await op.token('root'));
        const bad = await Promise.all([
            op.token('ann', { audience: 'x' }), op.token('ann', { claims: { exp: 1 } }), op.token('ann', { claims: { preferred_username: 'two\r\nlines' } }),
            op.token('ann', { claims: { sub: '' } }),
        ]);
        const unknown = forge(good, { kid: 'unknown' }, {});
        const broken = `${good.slice(0, -4)}AAAA`;
        const tickets = [await ticketOf(d, good), await ticketOf(d, good)];
        const ann = await enter(t, d, good);
        await (await Client.open(t, `${d.ws}?token=${good}`)).next('connected_users');
        await (await Client.open(t, `${d.ws}?token=${good}&token=${good}&x=${good}`)).next('connected_users');
        await (await Client.open(t, d.ws, withTicket(tickets[0]))).next('connected_users');
        await refused(t, d, withTicket(tickets[0])).then(tell);
        await wait(1100);
        const late = await Client.open(t, `${d.ws}?token=${unknown}`);
        tell(await late.closed);
        const tokens = [good, admin, unknown, broken, ...bad];
        for (const token of [broken, ...bad]) {
            await refused(t, d, bearer(token)).then(tell);
            await refused(t, d, {}, `${d.ws}?token=${token}`).then(tell);
            await refused(t, d, { headers: { authorization: `bearer  ${token}` } }).then(tell);
            await refused(t, d, {}, `${d.ws.replace('/ws', '/nowhere')}?token=${token}`).then(tell);
            await refused(t, d, { headers: { origin: 'https://evil.example' } }, `${d.ws}?token=${token}`).then(tell);
            await ann.ask({ type: 'refresh', token }).catch((e) => tell(e.payload));
            for (const [url, method] of [[`${d.http}/ticket`, 'POST'], [`${d.http}/${token}`, 'GET'], [`${d.http}/channels?token=${token}`, 'GET'], [`${d.admin}/metrics`, 'GET'], [`${d.admin}/metrics?token=${token}`, 'DELETE']]) {
                const r = await fetch(url, { method, ...bearer(token) });
                said.push(await r.text(), JSON.stringify([...r.headers]));
            }
        }
        ann.send(`{"type":"refresh","token":"${good}"`); // broken JSON
        ann.send({ type: 'nope', token: good });
        await ann.next('error', (p) => p.code === 'unknown_type');
        said.push(...ann.frames.map((f) => JSON.stringify(f)));
        said.push(await d.metrics().catch((e) => e.message));
        const metrics = await fetch(`${d.admin}/metrics`, bearer(admin)); // 429 by now: those failures were counted
        said.push(await metrics.text());
        await d.terminate();
        await d.stderrEnded;
        for (const text of [d.raw, ...said])
            for (const token of [...tokens.flatMap((x) => x.split('.').filter((p) => p.length > 8).map((p) => p.slice(-24))), ...tickets, await localToken(d)])
                assert.ok(!text.includes(token), `a part of a token in: ${text.split('\n').find((l) => l.includes(token))}`);
        assert.ok(!d.raw.includes('eyJ'), 'nor the beginning of one');
        assert.ok(d.lines.filter((l) => l.event === 'login_refused').length >= 10, 'and yet refusals are logged');
        const log = d.lines.find((l) => l.event === 'login_refused' && /audience|server/.test(l.msg));
        assert.ok(log?.address === '127.0.0.1');
    });

    it('a user, and an address, has so many connections and no more', async (t) => {
        const op = await OpenIdProvider.start(t);
        const d = await daemonOf(t, op, { server: { max_per_user: 2, max_per_address: 3, trusted_proxies: '127.0.0.1' }, auth: { refresh_cooldown: '1s' } });
        await d.logged('jwt_keys');
        const from = (address, token) => ({ headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': address } });
        const [ann, bob, cat] = [await op.token('ann'), await op.token('bob'), await op.token('cat')];
        const a1 = await Client.open(t, d.ws, from('198.51.100.1', ann));
        await Client.open(t, d.ws, from('198.51.100.2', ann));
        const e = await refused(t, d, from('198.51.100.3', ann));
        assert.equal(e.status, 429);
        assert.match(e.body, /user/);
        assert.equal(e.headers['retry-after'], '5');
        await Client.open(t, d.ws, from('198.51.100.1', bob));
        await Client.open(t, d.ws, from('198.51.100.1, 127.0.0.1', bob));
        const full = await refused(t, d, from('198.51.100.1', cat));
        assert.equal(full.status, 429);
        assert.match(full.body, /address/);
        assert.equal((await refused(t, d, from('203.0.113.9, 198.51.100.1', cat))).status, 429, 'what the client itself writes before it does not count');
        await Client.open(t, d.ws, from('198.51.100.4', cat));
        // Who leaves makes room, for his address and for himself.
        await a1.close();
        await d.logged('client_closed', (l) => l.user === 'ann');
        await Client.open(t, d.ws, from('198.51.100.1', ann));
        assert.equal(await d.metric('parley_refusals_total{reason="user"}'), 1);
        assert.equal(await d.metric('parley_refusals_total{reason="address"}'), 2);
        // Who had to wait for a key is told by a code.
        op.rotate();
        await wait(1100);
        const late = await Client.open(t, d.ws, from('198.51.100.7', await op.token('ann')));
        assert.equal((await late.closed).code, 4429);

        const direct = await daemonOf(t, op, { server: { max_per_address: 1 } });
        await direct.logged('jwt_keys');
        await Client.open(t, direct.ws, from('198.51.100.1', cat));
        assert.equal((await refused(t, direct, from('198.51.100.2', cat))).status, 429, 'nobody trusted this header');
    });

    it('/metrics is for admins', async (t) => {
        const op = await OpenIdProvider.start(t);
        op.users.set('root', { username: 'root', roles: ['user', 'admin'] });
        op.users.set('eve', { username: 'eve', roles: ['administrator', 'Admin', 'admin '] });
        const d = await daemonOf(t, op);
        await d.logged('jwt_keys');
        const ask = (options) => fetch(`${d.admin}/metrics`, options);
        assert.equal((await ask(bearer(await op.token('root')))).status, 200);
        assert.equal((await ask(bearer(await localToken(d)))).status, 200);
        for (const user of ['eve', 'ann']) assert.equal((await ask(bearer(await op.token(user)))).status, 403);
        const nobody = await ask();
        assert.equal(nobody.status, 401);
        assert.equal(nobody.headers.get('www-authenticate'), 'Bearer');
        assert.equal((await ask(bearer(await op.token('root', { claims: { exp: 1 } })))).status, 401);
        assert.equal((await ask({ method: 'DELETE' })).status, 401, 'who one is comes first');
        assert.equal((await ask({ method: 'DELETE', ...bearer(await op.token('root')) })).status, 405);
        assert.equal((await fetch(`${d.http}/metrics`, bearer(await op.token('root')))).status, 404, 'not for the public at all');
        assert.equal((await refused(t, d, bearer(await localToken(d)))).status, 401, 'the local token is no way to chat');
    });
});

async function localToken(d) {
    d.localToken ??= (await readFile(`${d.folder}/admin.token`, 'utf8')).trim();
    return d.localToken;
}

/** Not the provider's: its claims, with this header, signed by some other key. */
function forge(like, header, claims, key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey) {
    const [, body] = like.split('.');
    const text = `${encode({ alg: 'RS256', typ: 'JWT', ...header })}.${encode({ ...JSON.parse(Buffer.from(body, 'base64url')), ...claims })}`;
    return `${text}.${createSign('sha256').update(text).sign(key, 'base64url')}`;
}
