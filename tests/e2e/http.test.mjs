// What is served over HTTP: who this server is, its channels and its health, the page, the metrics, and who may see them.
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { enter } from './lib/client.mjs';
import { Daemon } from './lib/daemon.mjs';
import { parseOpenMetrics } from './lib/openmetrics.mjs';
import { Raw, ask } from './lib/raw.mjs';

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });

test('/discovery', async (t) => {
    const d = await Daemon.start(t);
    const get = async (options, base = d.http) => JSON.parse((await ask(base, '/discovery', options)).text);
    const first = await get();
    assert.deepEqual(Object.keys(first).sort(), ['chat_url', 'health_url', 'server_id', 'server_name'], 'what is not set is not there');
    assert.equal(first.chat_url, `ws://${d.address}/ws`);
    assert.equal(first.health_url, `${d.address}/healthz`);
    assert.equal(first.server_name, 'Parley');
    assert.match(first.server_id, /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal((await fetch(`http://${first.health_url}`)).status, 200);
    assert.equal((await get({ headers: { host: 'chat.example.org:8443' } })).chat_url, 'ws://chat.example.org:8443/ws', 'as who asks knows it');
    assert.equal((await get({ headers: { host: 'x"<script>' } })).chat_url, first.chat_url, 'unless that is no name');
    assert.equal((await get({}, d.admin)).chat_url, first.chat_url, 'the admin listener tells of the public one');
    await d.terminate();
    await d.restart();
    const { server_id } = await get();
    await d.terminate('SIGKILL');
    await d.restart();
    assert.equal((await get()).server_id, server_id, 'the same after a restart');
});

test('/channels, /healthz, /readyz, and how an error looks', async (t) => {
    const d = await Daemon.start(t);
    const channels = await ask(d.http, '/channels');
    assert.equal(channels.headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(channels.text), {
        channels: [
            { id: 1, name: 'general', description: 'Everything and anything', sort_order: 1 }, { id: 2, name: 'gaming', description: 'What to play, and with whom', sort_order: 2 },
            { id: 3, name: 'tech', description: 'Questions and answers', sort_order: 3 },
        ],
    });
    for (const base of [d.http, d.admin])
        for (const [path, text] of [['/healthz', 'ok\n'], ['/readyz', 'ready\n']]) {
            const r = await ask(base, path);
            assert.deepEqual([r.status, r.text], [200, text]);
            assert.equal(r.headers['cache-control'], 'no-store');
        }
    const plain = await ask(d.http, '/nowhere');
    assert.deepEqual([plain.status, plain.headers['content-type'], plain.text], [404, 'text/plain; charset=utf-8', 'Not found.\n']);
    const json = await ask(d.http, '/nowhere', { headers: { accept: 'application/json' } });
    assert.deepEqual([json.status, JSON.parse(json.text)], [404, { error: 'Not found.' }]);
    for (const r of [channels, plain, json]) {
        assert.equal(r.headers['x-content-type-options'], 'nosniff');
        assert.equal(r.headers['referrer-policy'], 'no-referrer');
    }
    const put = await ask(d.http, '/channels', { method: 'PUT', body: '{}' });
    assert.deepEqual([put.status, put.headers.allow.includes('GET')], [405, true]);
    // No token, then; under `open` there are none.
    assert.equal((await ask(d.http, '/ticket', { method: 'POST', body: '' })).status, 401);
});

test('the page: its policy, its files, their tags, gzip, HEAD', async (t) => {
    const d = await Daemon.start(t);
    const page = await ask(d.http, '/');
    assert.equal(page.status, 200);
    assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(page.headers['cache-control'], 'no-cache');
    const policy = page.headers['content-security-policy'];
    assert.match(policy, /default-src 'self'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.match(policy, /base-uri 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*(?!;| |:\*)|script-src/);
    for (const [, attributes, inside] of page.text.matchAll(/<script\b([^>]*)>(.*?)<\/script>/gs)) {
        assert.match(attributes, /\bsrc="/, 'no inline script');
        assert.equal(inside.trim(), '');
    }
    assert.doesNotMatch(page.text, /<style|\sstyle=|\son\w+=|javascript:/i);
    const files = [...page.text.matchAll(/(?:src|href)="\.?(\/[^"]+)"/g)].map((m) => m[1]);
    assert.ok(files.length >= 3, 'a script, a style, an icon');
    for (const path of ['/', ...files]) {
        const whole = await ask(d.http, path);
        assert.equal(whole.status, 200, path);
        assert.equal(Number(whole.headers['content-length']), whole.body.length);
        const { etag } = whole.headers;
        assert.match(etag, /^"[^"]+"$/);
        if (path.startsWith('/assets/')) assert.match(whole.headers['cache-control'], /immutable/);
        const head = await ask(d.http, path, { method: 'HEAD' });
        assert.deepEqual([head.status, head.body.length, head.headers['content-length'], head.headers.etag], [200, 0, whole.headers['content-length'], etag]);
        for (const match of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
            const again = await ask(d.http, path, { headers: { 'if-none-match': match } });
            assert.deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, etag], match);
        }
        assert.equal((await ask(d.http, path, { headers: { 'if-none-match': '"other"' } })).status, 200);
        const small = await ask(d.http, path, { headers: { 'accept-encoding': 'br, gzip' } });
        if (small.headers['content-encoding']) {
            assert.equal(small.headers['content-encoding'], 'gzip');
            assert.ok(small.body.length < whole.body.length);
            assert.deepEqual(gunzipSync(small.body), whole.body);
            assert.match(small.headers.vary, /Accept-Encoding/);
        }
        for (const not of ['gzip;q=0', 'identity', 'gzip;q=0.000, *;q=0', 'xgzip'])
            assert.equal((await ask(d.http, path, { headers: { 'accept-encoding': not } })).headers['content-encoding'], undefined, not);
    }
    const script = files.find((f) => f.endsWith('.js'));
    assert.equal((await ask(d.http, script, { headers: { 'accept-encoding': 'gzip' } })).headers['content-encoding'], 'gzip');
    assert.match((await ask(d.http, script)).headers['content-type'], /^text\/javascript/);
    // A page read by somebody slow, and one who leaves in its midst.
    const slowly = await Raw.open(t, d.port);
    slowly.socket.pause();
    slowly.write(`GET ${script} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(1));
    slowly.socket.resume();
    await slowly.until((r) => r.text.includes('\r\n\r\n') && r.got.length >= Number(/Content-Length: (\d+)/.exec(r.text)[1]), 'the whole script');
    for (let i = 0; i < 20; i++) (await Raw.sent(t, d.port, `GET ${script} HTTP/1.1\r\nHost: x\r\n\r\n`)).socket.destroy();
    assert.equal((await ask(d.http, '/healthz')).status, 200);
});

test('/metrics is OpenMetrics to the letter, and tells the truth', async (t) => {
    const d = await Daemon.start(t, { changes: { server: { pumps: 2 } } });
    const [ann, bob] = [await enter(t, d, 'ann'), await enter(t, d, 'b"o\\b')];
    await ann.next('user_status', (p) => p.status);
    for (let i = 0; i < 5; i++) await ann.say('general', `m${i}`);
    await bob.ask({ type: 'join_channel', channel: 'nowhere' }).catch(() => {});
    await bob.settle();
    await bob.close();
    await ann.next('user_status', (p) => !p.status);
    const r = await ask(d.admin, '/metrics', bearer(await d.adminToken()));
    assert.equal(r.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    const families = parseOpenMetrics(r.text);
    const value = (name, labels = {}) =>
        [...families.values()].flatMap((f) => f.samples).find((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels.get(k) === v))?.value;
    assert.equal(value('parley_clients'), 1);
    assert.equal(value('parley_handshakes_total'), 2);
    assert.equal(value('parley_messages_by_type_total', { type: 'chat_message' }), 5);
    assert.equal(value('parley_disconnects_total', { reason: 'normal' }), 1);
    assert.equal(value('parley_build_info'), 1);
    assert.ok(value('process_resident_memory_bytes') > 1e6);
    assert.ok(value('process_open_fds') > 5);
    assert.ok(Math.abs(value('process_start_time_seconds') - Date.now() / 1000) < 120);
    assert.equal(value('parley_analytics_refusals_total', { by: 'core' }), 2);
    assert.equal(value('parley_settled_total', { outcome: 'rejected' }), 2);
    for (const f of families.values()) {
        assert.ok(f.TYPE && f.HELP, `${f.name} is explained`);
        assert.ok(f.name.startsWith('parley_') || f.name.startsWith('process_'), f.name);
    }
    // Counters do not fall.
    const later = parseOpenMetrics((await ask(d.admin, '/metrics', bearer(await d.adminToken()))).text);
    for (const f of families.values()) {
        if (f.TYPE !== 'counter') continue;
        for (const s of f.samples) {
            const now = later.get(f.name).samples.find((x) => x.name === s.name && JSON.stringify([...x.labels]) === JSON.stringify([...s.labels]));
            assert.ok(now && now.value >= s.value, `${s.name} ${[...s.labels]}`);
        }
    }
});

test('the local token: a file of its own, mode 0600, and it survives', async (t) => {
    const d = await Daemon.start(t);
    const file = join(d.folder, 'admin.token');
    const { mode } = await stat(file);
    assert.equal(mode & 0o777, 0o600);
    const token = (await readFile(file, 'utf8')).trim();
    assert.match(token, /^[0-9a-f]{64}$/);
    assert.equal((await ask(d.admin, '/metrics', bearer(token))).status, 200);
    assert.equal((await ask(d.admin, '/metrics', bearer(token.toUpperCase()))).status, 401);
    assert.equal((await ask(d.admin, '/metrics', bearer(token.slice(0, -1)))).status, 401);
    assert.equal((await ask(d.admin, `/metrics?token=${token}`)).status, 401);
    assert.equal((await ask(d.admin, '/metrics', { headers: { cookie: `token=${token}` } })).status, 401);
    await d.terminate();
    await d.restart();
    assert.equal(await d.adminToken(), token);
    assert.equal((await ask(d.admin, '/metrics', bearer(token))).status, 200);
    assert.ok(!d.raw.includes(token));
});

test('who guesses is locked out, and nobody else', async (t) => {
    const d = await Daemon.start(t, { changes: { server: { trusted_proxies: '127.0.0.1' } } });
    const token = await d.adminToken();
    const from = (address, secret) => ({ headers: { 'x-forwarded-for': address, ...(secret ? { authorization: `Bearer ${secret}` } : {}) } });
    for (let i = 0; i < 20; i++) assert.equal((await ask(d.admin, '/metrics', from('192.0.2.1'))).status, 401, 'without a token it is no guess');
    for (let i = 0; i < 10; i++) assert.equal((await ask(d.admin, '/metrics', from('192.0.2.1', `guess ${i}`))).status, 401);
    const locked = await ask(d.admin, '/metrics', from('192.0.2.1', token));
    assert.equal(locked.status, 429, 'the right one comes too late');
    assert.equal(locked.headers['retry-after'], '60');
    assert.equal((await ask(d.admin, '/admin/mute/mutes', from('192.0.2.1', token))).status, 429);
    assert.equal((await ask(d.admin, '/healthz', from('192.0.2.1'))).status, 200);
    assert.equal((await ask(d.admin, '/metrics', from('192.0.2.2', token))).status, 200);
    assert.equal((await ask(d.http, '/channels', from('192.0.2.1'))).status, 200);
    assert.equal(await d.metric('parley_refusals_total{reason="lockout"}'), 2);
});

test('an operator mutes, by HTTP', async (t) => {
    const d = await Daemon.start(t);
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    const admin = { authorization: `Bearer ${await d.adminToken()}` };
    const mutes = (method, query = '', body = undefined, headers = admin) => ask(d.admin, `/admin/mute/mutes${query}`, { method, headers, body: body && JSON.stringify(body) });
    assert.equal((await mutes('GET', '', undefined, {})).status, 401);
    assert.equal((await mutes('POST', '', { user: 'ann' }, {})).status, 401);
    assert.equal((await ask(d.http, '/admin/mute/mutes', { headers: admin })).status, 404, 'not in public');
    assert.equal((await mutes('POST', '', undefined)).status, 400, 'an empty body');
    assert.equal((await ask(d.admin, '/admin/mute/mutes', { method: 'POST', headers: admin, body: '{' })).status, 400);
    assert.ok((await mutes('POST', '', { user: 'ann', minutes: 5, why: 'a rest' })).status < 300);
    assert.equal(JSON.parse((await mutes('GET')).text).mutes.length, 1);
    const e = await ann.say('general', 'x').then(() => assert.fail('not muted'), (x) => x.payload);
    assert.equal(e.code, 'muted');
    await bob.say('general', 'y');
    assert.ok((await mutes('DELETE', '?user=ann')).status < 300);
    await ann.say('general', 'again');
});
