// What strangers send: raw bytes against the built daemon. Whatever it is, the next one is served as if nothing had been.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Client, enter } from './lib/client.mjs';
import { Daemon, patience, slow } from './lib/daemon.mjs';
import { Raw, RawWebSocket, ask, frame, upgrade } from './lib/raw.mjs';

const wait = (ms) => new Promise((r) => setTimeout(r, ms));

/** A daemon, and at the end of the test the proof that it is as it was. */
async function guarded(t, options) {
    const d = await Daemon.start(t, options);
    d.unharmed = async () => {
        const c = await enter(t, d, 'unharmed');
        await c.say('general', 'all is well');
        await c.close();
        assert.equal((await ask(d.http, '/healthz')).text, 'ok\n');
        assert.equal((await d.terminate()).status, 0);
    };
    return d;
}

/** Seconds of computing so far. */
async function cpuSeconds(d) {
    const stat = await readFile(`/proc/${d.process.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
}

describe('strangers', { concurrency: 2 }, () => {
    it('upgrades that are none', async (t) => {
        const d = await guarded(t);
        const path = '/ws?name=ann';
        const cases = [
            [400, upgrade(path, { 'Sec-WebSocket-Version': '8' })], [400, upgrade(path, { 'Sec-WebSocket-Version': undefined })], [400, upgrade(path, { 'Sec-WebSocket-Version': '13, 8' })],
            [400, upgrade(path, { 'Sec-WebSocket-Key': undefined })], [400, upgrade(path, { 'Sec-WebSocket-Key': 'short' })], [400, upgrade(path, { 'Sec-WebSocket-Key': 'x'.repeat(24) })],
            [400, upgrade(path, { Connection: 'keep-alive' })], [400, upgrade(path, {}, { method: 'POST' })], [400, upgrade(path, {}, { version: 'HTTP/1.0' })],
            [400, upgrade(path, { Host: undefined })], [400, upgrade(path, { 'Content-Length': '5' })], [400, upgrade(path, { 'Sec-WebSocket-Protocol': 'chat' })],
            [400, upgrade(path, { 'Sec-WebSocket-Protocol': `parley, ${'x'.repeat(200)}` })],
            [400, upgrade(path, { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABkAAQCAAAAAAIAAAAA' })],
            [404, upgrade('/', {})], [404, upgrade('/wss?name=ann')], [404, upgrade('/ws/?name=ann')], [404, upgrade('/ws%2f?name=ann')],
            [401, upgrade('/ws')], [401, upgrade('/ws?name=')], [403, upgrade(path, { Origin: 'https://evil.example' })], [403, upgrade(path, { Origin: 'null' })],
            [403, upgrade(path, { Origin: 'http://127.0.0.1.evil.example' })], [403, upgrade(path, { Origin: 'http://evil.example/http://127.0.0.1' })],
        ];
        for (const [status, text] of cases) {
            const r = await Raw.sent(t, d.port, text);
            const all = await r.toEnd();
            assert.match(all, new RegExp(`^HTTP/1\\.1 ${status} `), text);
            if (/Version: (8|13,)/.test(text)) assert.match(all, /Sec-WebSocket-Version: 13\r\n/);
            assert.ok(!all.includes('101 '));
        }
        // To other protocols lws answers by itself, or hangs up; behind a request on the same connection, too.
        for (const before of ['', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'])
            for (const Upgrade of ['foo', 'websocket2', 'TLS/1.0', 'h2', 'raw', 'mqtt', 'websocket, foo'])
                for (const Connection of ['Upgrade', 'keep-alive, Upgrade']) {
                    const r = await Raw.open(t, d.port);
                    if (before) await r.write(before).until((x) => x.text.endsWith('ok\n'), 'the first answer');
                    r.write(upgrade(path, { Upgrade, Connection }));
                    const all = (await r.toEnd()).slice(before ? r.text.indexOf('ok\n') + 3 : 0);
                    assert.match(all, /^$|^HTTP\/1\.[01] [34]\d\d /, `Upgrade: ${Upgrade}`);
                }
        const tunnel = await Raw.sent(t, d.port, 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n');
        assert.match(await tunnel.toEnd(), /^$|^HTTP\/1\.1 405 /);
        const good = await Raw.sent(t, d.port, upgrade(path, { Upgrade: 'WebSocket', Connection: 'keep-alive, upgrade', Origin: `http://127.0.0.1` }));
        assert.equal(await good.status(), 101, 'case does not matter, and other words in Connection do not');
        assert.ok((await d.metric('parley_refusals_total{reason="version"}')) >= 3);
        await d.unharmed();
    });

    it('heads that are none', async (t) => {
        const d = await guarded(t, { changes: { server: { handshake_timeout: '1s' } } });
        for (const bytes of [
            '\0', 'GET\r\n\r\n', 'GET / \r\n\r\n', 'G'.repeat(70_000), `GET /${'a'.repeat(70_000)} HTTP/1.1\r\n\r\n`, `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}\r\n`, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
            'GET / HTTP/1.1\r\nHost\r\n\r\n', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', '\r\n\r\n\r\n', Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256)), 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n',
            'POST /ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n', 'POST /ticket HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
        ]) {
            const r = await Raw.sent(t, d.port, bytes);
            r.socket.end();
            const all = await r.toEnd();
            assert.ok(!all.includes(' 200 ') || /^GET \/ HTTP\/1\.1/.test(bytes.toString()), JSON.stringify([bytes.toString().slice(0, 60), all.slice(0, 60)]));
        }
        await d.unharmed();
    });

    it('requests: what has no length, no route, no such method', async (t) => {
        const d = await guarded(t);
        const chunked = await Raw.sent(t, d.port, 'POST /ticket HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n');
        assert.match(await chunked.toEnd(), /^HTTP\/1\.1 411 /);
        const without = await Raw.sent(t, d.port, 'POST /ticket HTTP/1.1\r\nHost: x\r\n\r\n');
        assert.match(await without.toEnd(), /^HTTP\/1\.1 411 /);
        for (const path of ['/..%2f..%2fetc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/../../etc/passwd', '/%00', '/healthz%00', '/healthz/', '/healthz%2f', '/nowhere', '/metrics', '/admin/', '/assets/', '/assets/../index.html', '/index.html%00.js', '/HEALTHZ', '/\\..\\x', '/%c0%ae%c0%ae/', '/admin/mute/mutes', '/%', '/%zz'])
            for (const method of ['GET', 'DELETE', 'OPTIONS']) {
                const r = await Raw.sent(t, d.port, `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
                const all = await r.toEnd();
                // At a NUL and at what is no %xx the library below us hangs up, or says 403.
                assert.match(all, /%zz|%$/.test(path) ? /^HTTP\/1\.[01] 40[34] / : path.includes('%00') ? /^HTTP\/1\.1 404 |^$/ : /^HTTP\/1\.1 404 /, `${method} ${path}: ${all.slice(0, 60)}`);
                assert.ok(!all.includes('root:'));
            }
        for (const path of ['/..%2f', '//', '/../', '/x/..']) // resolved before anybody looks: it is the page, and nothing above it
            assert.equal((await ask(d.http, path)).text, (await ask(d.http, '/')).text, path);
        for (const [path, allow] of [['/healthz', /GET/], ['/discovery', /GET/], ['/ticket', /POST/], ['/channels', /GET/]])
            for (const method of ['PUT', 'PATCH', 'DELETE']) {
                const r = await Raw.sent(t, d.port, `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
                const all = await r.toEnd();
                assert.match(all, /^HTTP\/1\.1 405 /, `${method} ${path}: ${all.slice(0, 60)}`);
                assert.match(/\r\nAllow: ([^\r]*)/.exec(all)?.[1] ?? '', allow);
            }
        for (const method of ['TRACE', 'BREW']) assert.match(await (await Raw.sent(t, d.port, `${method} /healthz HTTP/1.1\r\nHost: x\r\n\r\n`)).toEnd(), /^$|^HTTP\/1\.[01] 40\d /, 'no method that the library below us knows');
        // Several at once on one connection, and bodies nobody asked for: answered one by one or hung up on, never mixed.
        const many = await Raw.sent(t, d.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5));
        await many.until((r) => r.ended || r.text.split('ok\n').length === 6, 'five answers').catch((e) => assert.fail(e));
        assert.ok((many.text.match(/HTTP\/1\.1 /g) ?? []).length === (many.text.match(/ok\n/g) ?? []).length);
        await d.unharmed();
    });

    it('a foreign page may ask for nothing, an allowed one may', async (t) => {
        const d = await guarded(t, { changes: { server: { origins: 'https://friend.example' } } });
        const preflight = (origin, path = '/channels') => ask(d.http, path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' } });
        const friend = await preflight('https://friend.example');
        assert.equal(friend.status, 200);
        assert.equal(friend.headers['access-control-allow-origin'], 'https://friend.example');
        assert.equal(friend.headers['access-control-allow-methods'], 'GET, POST, PATCH, OPTIONS, DELETE');
        assert.equal(friend.headers['access-control-allow-headers'], 'Content-Type, Authorization');
        assert.match(friend.headers.vary, /Origin/);
        assert.equal((await preflight('https://friend.example', '/ticket')).status, 200, 'none is needed for a preflight');
        for (const foreign of ['https://evil.example', 'http://friend.example', 'https://friend.example.evil.example', 'https://friend.example:444', 'null', 'https://xfriend.example']) {
            const r = await preflight(foreign);
            assert.equal(r.status, 403, foreign);
            assert.equal(r.headers['access-control-allow-origin'], undefined);
            const get = await ask(d.http, '/channels', { headers: { origin: foreign } });
            assert.equal(get.headers['access-control-allow-origin'], undefined);
            await assert.rejects(Client.open(t, `${d.ws}?name=ann`, { headers: { origin: foreign } }), { status: 403 });
        }
        for (const [path, status] of [['/channels', 200], ['/nowhere', 404], ['/ticket', 405]]) {
            const r = await ask(d.http, path, { headers: { origin: 'https://friend.example' } });
            assert.equal(r.status, status);
            assert.equal(r.headers['access-control-allow-origin'], 'https://friend.example', 'on errors too');
        }
        await Client.open(t, `${d.ws}?name=ann`, { headers: { origin: 'https://friend.example' } });
        await d.unharmed();
    });

    it('frames: what closes, and with which code', async (t) => {
        const d = await guarded(t, { changes: { server: { message_timeout: '1s' } } });
        const bob = await enter(t, d, 'bob');
        const say = (text) => JSON.stringify({ type: 'chat_message', channel: 'general', message: text });
        const closes = async (code, ...parts) => {
            const r = await RawWebSocket.open(t, d.port);
            for (const p of parts) r.write(p);
            assert.equal((await r.closed()).code, code, `wanted ${code}`);
            r.write(frame(8, Buffer.from([code >> 8, code & 255])));
            await r.toEnd();
        };
        await closes(1009, frame(1, 'x', { length: 2 ** 40 }));
        await closes(1009, frame(1, '{', { length: 16 * 1024 + 1 }));
        await closes(1009, frame(1, 'x'.repeat(16_000), { fin: false }), frame(0, 'x'.repeat(385)));
        await closes(1008, frame(1, '{', { fin: false }), ...Array.from({ length: 64 }, () => frame(0, ' ', { fin: false })));
        await closes(1008, frame(1, '{', { fin: false })); // and no more of it, ever
        await closes(1007, frame(1, Buffer.from([0xc3]), { fin: false }), frame(0, Buffer.from([0x28])));
        await closes(1007, frame(1, Buffer.from('f0288cbc', 'hex')));
        await closes(1007, frame(1, Buffer.from('eda080', 'hex'))); // half of a pair
        await closes(1007, frame(1, Buffer.from([0xe2, 0x82]), { fin: false }), frame(0, Buffer.from([]), { fin: true })); // cut short
        await closes(1003, frame(2, 'binary'));
        await closes(1003, frame(2, 'binary', { fin: false }), frame(0, 'x'));
        await closes(1002, frame(3, 'reserved'));
        await closes(1002, frame(9, 'x', { fin: false }));
        await closes(1002, frame(0, 'nothing to go on with'));
        await closes(1002, frame(1, 'a', { fin: false }), frame(1, 'b'));
        await closes(1002, Buffer.from([0x81, 0x02, 0x68, 0x69])); // not masked
        await closes(1008, ...Array.from({ length: 301 }, () => frame(9, 'flood'))); // within two ticks of a second at most
        const compressed = await RawWebSocket.open(t, d.port); // no compression was agreed upon
        assert.equal((await compressed.write(Buffer.from([0xc1, 0x81, 0, 0, 0, 0, 0x41])).closed()).code, 1002);
        for (const hangUp of [frame(9, 'x'.repeat(126)), frame(8, Buffer.from([0x03, 0xe8, 0xff]))]) {
            const r = await RawWebSocket.open(t, d.port);
            await r.write(hangUp).toEnd();
        }
        // And what does not.
        const r = await RawWebSocket.open(t, d.port);
        const text = Buffer.from(say('é€\u{1f600} in single bytes'));
        const parts = [];
        for (let i = 0; i < 63; i++) parts.push(frame(i ? 0 : 1, text.subarray(i, i + 1), { fin: false }), ...(i % 10 ? [] : [frame(9, `${i}`)]));
        r.write(Buffer.concat([...parts, frame(0, text.subarray(63))]));
        assert.equal((await bob.next('chat_message')).payload.message, 'é€\u{1f600} in single bytes');
        r.write(frame(1, `{"type":"chat_message","channel":"general","message":"${' '.repeat(16_384 - 60)}x"}`));
        assert.equal(JSON.parse((await r.next(1, (f) => f.payload.includes('"error"'))).payload).payload.code, 'invalid_message', 'large enough, and too long');
        r.write(frame(1, ''));
        await r.until((x) => x.frames().filter((f) => f.payload.includes('"error"')).length === 2, 'an error for an empty frame');
        r.write(frame(8, Buffer.from([0x03, 0xe8])));
        assert.equal((await r.closed()).code, 1000);
        await d.unharmed();
    });

    it('who is slow with his head is cut off', async (t) => {
        const d = await guarded(t, { changes: { server: { handshake_timeout: '1s' } } });
        const began = Date.now(); // before any of them is there
        const cut = async (r, drip) => {
            const timer = drip && setInterval(() => r.write(drip), 100);
            await r.toEnd();
            clearInterval(timer);
            const took = Date.now() - began;
            assert.ok(took >= 900 && took < 20_000 * slow, `${took} ms`);
        };
        await Promise.all([
            Raw.open(t, d.port).then((r) => cut(r)),
            Raw.sent(t, d.port, 'GET / HTTP/1.1\r\nHost: x\r\n').then((r) => cut(r, 'X-A: b\r\n')),
            Raw.sent(t, d.port, 'GET /').then((r) => cut(r, 'a')),
            Raw.sent(t, d.port, 'POST /ticket HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 1000\r\n\r\n').then((r) => cut(r, 'a')),
            Raw.sent(t, d.port, upgrade('/ws?name=x').slice(0, -2)).then((r) => cut(r, 'X: y\r\n')),
        ]);
        await d.unharmed();
    });

    it('who is upgraded and silent is pinged, then gone; who answers stays', async (t) => {
        const d = await guarded(t, { changes: { server: { ping: '500ms', hangup: '2500ms' } } });
        const began = Date.now();
        const dead = await RawWebSocket.open(t, d.port, '/ws?name=dead');
        const alive = await enter(t, d, 'alive'); // ws answers pings by itself
        let pings = 0;
        alive.socket.on('ping', () => pings++);
        await dead.next(9);
        const { code } = await d.logged('client_closed', (l) => l.user === 'dead');
        const took = Date.now() - began;
        assert.ok(took >= 2400 && took < 20_000 * slow, `${took} ms`);
        assert.equal(code, 1006);
        await alive.next('user_status', (p) => p.id === 'dead' && !p.status);
        assert.ok(pings >= 1);
        await alive.say('general', 'still here');
        await dead.toEnd();
        await d.unharmed();
    });

    it('a flood of pings moves nobody', async (t) => {
        const d = await guarded(t);
        const bob = await enter(t, d, 'bob');
        const before = await d.residentKb();
        const flood = await Promise.all(Array.from({ length: 5 }, (_, i) => RawWebSocket.open(t, d.port, `/ws?name=flood${i}`)));
        for (const r of flood) r.socket.pause(); // and none of the answers is read
        const pings = Buffer.concat(Array.from({ length: 500 }, () => frame(9, 'x'.repeat(100))));
        const until = Date.now() + 2000;
        let slowest = 0;
        while (Date.now() < until) {
            for (const r of flood) if (r.socket.writableLength < 1 << 20) r.write(pings);
            const began = Date.now();
            await bob.say('general', 'ping').catch((e) => assert.match(e.message, /rate_limited/));
            slowest = Math.max(slowest, Date.now() - began);
        }
        assert.ok(slowest < 5000 * slow, `${slowest} ms`);
        const grown = (await d.residentKb()) - before;
        if (slow === 1) assert.ok(grown < 8192, `grew by ${grown} KB`);
        for (const r of flood) r.socket.destroy();
        await d.unharmed();
    });

    it('more connections than there may be are told so, and who leaves makes room', async (t) => {
        const d = await guarded(t, { changes: { server: { max_connections: 10 } } });
        const clients = [];
        for (let i = 0; i < 10; i++) clients.push(await enter(t, d, `user${i}`));
        const e = await Client.open(t, `${d.ws}?name=more`).then(() => assert.fail('it got in'), (x) => x);
        assert.ok([429, 503].includes(e.status), `${e.status}`);
        assert.match(e.body, /full|[Tt]oo many/);
        await d.logged('refused', (l) => l.reason === 'full');
        for (let i = 0; i < 3; i++) await clients.pop().close(); // for two who ask, and a last one whom the server may not have forgotten yet
        await until(async () => (await ask(d.admin, '/healthz')).status === 200, 'room'); // that one counts too
        await enter(t, d, 'more');
        for (const c of clients) await c.settle();
        assert.equal((await d.terminate()).status, 0);
    });

    it('more connections a second than there may be wait, and are served', async (t) => {
        const d = await guarded(t, { changes: { server: { accept_rate: 20 } } });
        const began = Date.now();
        const clients = await Promise.all(Array.from({ length: 34 }, (_, i) => Client.open(t, `${d.ws}?name=user${i}`)));
        const took = Date.now() - began;
        assert.ok(took >= 1300, `30 beyond the first four at 20 a second, in ${took} ms`);
        assert.ok(took < 30_000 * slow, `${took} ms`);
        for (const c of clients) await c.next('active_channels');
        assert.ok((await d.metric('parley_accept_pauses_total')) >= 1);
        assert.ok(!(await d.metrics()).match(/^parley_refusals_total\{.*\} [1-9]/m), 'nobody was refused');
        await d.unharmed();
    });

    it('out of descriptors it waits without spinning, and goes on', async (t) => {
        const d = await guarded(t);
        const limit = (n) => promisify(execFile)('prlimit', ['--pid', `${d.process.pid}`, `--nofile=${n}:`]);
        const inside = await enter(t, d, 'inside');
        await limit(80);
        const outside = [];
        for (let i = 0; i < 100; i++) outside.push(await Raw.open(t, d.port)); // as far as the kernel's backlog
        await d.logged('accept_backoff');
        const before = await cpuSeconds(d);
        await wait(2000);
        const used = (await cpuSeconds(d)) - before;
        assert.ok(used < 0.3 * slow, `${used} s of computing in 2 s of nothing to do`);
        await inside.say('general', 'those inside notice nothing');
        for (const r of outside) r.socket.destroy();
        await enter(t, d, 'after'); // the places of those are free
        await limit(1000);
        await Promise.all(Array.from({ length: 100 }, (_, i) => Client.open(t, `${d.ws}?name=more${i}`)));
        await d.unharmed();
    });

    it('one event is one line of the log, whatever is in it', async (t) => {
        const d = await guarded(t, { changes: { log: { level: 'debug' }, server: { trusted_proxies: '127.0.0.1' } } });
        const evil = 'x\r\n{"time":"2000-01-01T00:00:00.000Z","level":"error","event":"forged"}\r\n\u001b[2J\u001b]0;owned\u0007\u202e\u2066\u2028\u0085\u0000';
        const coded = encodeURIComponent(evil);
        const ann = await enter(t, d, 'ann');
        for (const path of [`/ws?name=${coded}`, `/ws?token=${coded}`, `/${coded}`, `/ws/${coded}`]) {
            const r = await Raw.sent(t, d.port, upgrade(path));
            await r.toEnd();
            await (await Raw.sent(t, d.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toEnd();
        }
        for (const header of ['X-Forwarded-For', 'Origin', 'Host', 'User-Agent', 'Authorization', 'Sec-WebSocket-Protocol']) {
            const value = evil.replace(/[\r\n\0]/g, '\t');
            for (const path of ['/ws', '/nowhere'])
                await (await Raw.sent(t, d.port, Buffer.from(upgrade(path, { [header]: `Bearer ${value}` }), 'utf8'))).toEnd();
            await (await Raw.sent(t, d.port, `POST /ticket HTTP/1.1\r\n${header}: Bearer ${value}\r\n${header === 'Host' ? '' : 'Host: x\r\n'}Content-Length: 0\r\nConnection: close\r\n\r\n`)).toEnd();
        }
        for (const message of [
            { type: evil }, { type: 'chat_message', channel: evil, message: evil }, { type: 'join_channel', channel: evil.slice(0, 60) }, { type: 'chat_message', channel: 'general', message: evil, id: evil.slice(0, 20) },
            { type: 'private_chat_message', recipient_id: evil, message: evil }, { type: 'refresh', token: evil }, { type: 'resume', channel: 'general', epoch: evil, offset: 1 },
        ]) ann.send(message);
        await ann.settle();
        await ann.close(1000, 'bye\r\n\u001b[31m');
        await d.unharmed();
        await d.stderrEnded;
        for (const line of d.raw.split('\n').filter(Boolean)) {
            let entry;
            assert.doesNotThrow(() => (entry = JSON.parse(line)), `one object a line: ${JSON.stringify(line)}`);
            assert.ok(entry.event && entry.level && entry.time, line);
        }
        assert.ok(!d.lines.some((l) => l.event === 'forged'));
        // eslint-disable-next-line no-control-regex
        const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffd]/u.exec(d.raw);
        assert.equal(control, null, `${control && JSON.stringify(d.raw.slice(Math.max(0, control.index - 200), control.index + 50))}`);
        assert.ok(d.lines.length > 20);
    });

    it('the log for people escapes too', async (t) => {
        const d = await Daemon.start(t, { changes: { log: { format: 'text', level: 'debug' } }, ready: false });
        await until(() => /127\.0\.0\.1:\d+/.test(d.raw) && /started/.test(d.raw), 'start');
        const port = Number(/public.*?127\.0\.0\.1:(\d+)/.exec(d.raw)[1]);
        const lines = () => d.raw.split('\n').length;
        const ann = await Client.open(t, `ws://127.0.0.1:${port}/ws?name=ann`);
        const before = lines();
        await ann.ask({ type: 'join_channel', channel: 'x\nforged line\r\u001b[2J\u202e' }).catch(() => {});
        await until(() => lines() > before, 'a line about it');
        await (await Raw.sent(t, port, upgrade(`/ws?name=${encodeURIComponent('x\nforged line\u001b[2J')}`))).toEnd();
        assert.equal((await d.terminate()).status, 0);
        await d.stderrEnded;
        assert.ok(!/^forged/m.test(d.raw), d.raw);
        // eslint-disable-next-line no-control-regex
        assert.doesNotMatch(d.raw, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
    });
});

/** Looks until it is so; the time is bounded. */
async function until(holds, what) {
    const end = Date.now() + patience;
    while (!(await holds())) {
        if (Date.now() > end) assert.fail(`no ${what}`);
        await wait(20);
    }
}
