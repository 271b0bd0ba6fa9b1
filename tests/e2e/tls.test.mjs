// TLS on both listeners: what works without it works with it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { makeCertificate } from './lib/certificate.mjs';
import { Client } from './lib/client.mjs';
import { Daemon } from './lib/daemon.mjs';
import { Raw, RawWebSocket, ask, frame } from './lib/raw.mjs';

const unlimited = { 'hub rate_limit': { messages: 1000000, window: '1s', burst: 1000000 } };

async function secure(t, { server, admin, ...changes } = {}) {
    const c = await makeCertificate(t);
    const tls = { tls_certificate: c.certFile, tls_key: c.keyFile };
    const d = await Daemon.start(t, { changes: { server: { ...tls, ...server }, admin: { ...tls, ...admin }, ...changes } });
    d.ca = c.cert;
    d.wss = `wss://${d.address}/ws`;
    d.https = `https://${d.address}`;
    return d;
}

const open = (t, d, name) => Client.open(t, `${d.wss}?name=${name}`, { ca: d.ca });

test('people chat by wss, and https serves the same', async (t) => {
    const d = await secure(t);
    const ann = await open(t, d, 'ann');
    const bob = await open(t, d, 'bob');
    await ann.next('user_status');
    await ann.say('general', 'by TLS');
    assert.equal((await bob.next('chat_message')).payload.message, 'by TLS');
    await ann.ask({ type: 'private_chat_message', recipient_id: 'bob', message: 'psst' });
    await bob.next('private_chat_message');
    await bob.close();
    await ann.next('user_status', (p) => !p.status);

    const discovery = await ask(d.https, '/discovery', { ca: d.ca });
    assert.equal(JSON.parse(discovery.text).chat_url, `wss://${d.address}/ws`);
    assert.equal((await ask(d.https, '/readyz', { ca: d.ca })).status, 200);
    assert.equal((await ask(d.https, '/', { ca: d.ca })).status, 200);
    assert.equal((await ask(d.https, '/nowhere', { ca: d.ca })).status, 404);
    const admin = `https://${d.adminAddress}`;
    const authorization = `Bearer ${await d.adminToken()}`;
    assert.equal((await ask(admin, '/metrics', { ca: d.ca })).status, 401);
    const metrics = await ask(admin, '/metrics', { ca: d.ca, headers: { authorization } });
    assert.match(metrics.text, /^parley_clients 1$/m);
    // Many requests on one connection, and the whole page.
    const raw = await Raw.open(t, d.port, { ca: d.ca });
    for (let i = 1; i <= 20; i++) {
        raw.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
        await raw.until((r) => r.text.split('ok\n').length === i + 1, `answer ${i}`);
    }
    assert.equal((await d.terminate()).status, 0);
});

test('what is not TLS, or an old one, gets nowhere and harms nobody', async (t) => {
    const d = await secure(t, { server: { handshake_timeout: '1s' } });
    const plain = await Raw.sent(t, d.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.ok(!(await plain.toEnd()).includes('ok'));
    const garbage = await Raw.sent(t, d.port, Buffer.alloc(5000, 0x16));
    await garbage.toEnd();
    const silent = await Raw.open(t, d.port);
    await silent.toEnd();
    const old = await new Promise((done) => {
        const s = connect({ port: d.port, host: '127.0.0.1', ca: d.ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }, () => done('connected'));
        s.on('error', (e) => done(e.code));
    });
    assert.notEqual(old, 'connected');
    // A handshake that is cut in its midst.
    const cut = await Raw.sent(t, d.port, Buffer.from('1603010200010001fc0303', 'hex'));
    cut.socket.destroy();
    const ann = await open(t, d, 'ann');
    await ann.say('general', 'untouched');
});

test('large messages and a large history come through whole', async (t) => {
    const d = await secure(t, { ...unlimited, 'type chat_message': { max_length: 16000 }, 'hub recent': { greeting_bytes: '2MiB' }, server: { max_message: '64KiB', queue_bytes: '4MiB', credit_bytes: '1MiB' } });
    const ann = await open(t, d, 'ann');
    const bob = await open(t, d, 'bob');
    await bob.next('connected_users');
    const texts = Array.from({ length: 100 }, (_, i) => `${i} ${String.fromCharCode(97 + (i % 26)).repeat([10, 4090, 15_900, 1360, 8180][i % 5])}é\u{1f600}`);
    for (let i = 0; i < texts.length; i += 10) await Promise.all(texts.slice(i, i + 10).map((x) => ann.say('general', x)));
    await bob.next('chat_message', (p) => p.offset === texts.length);
    assert.deepEqual(bob.of('chat_message').map((p) => p.message), texts);
    const cat = await open(t, d, 'cat');
    await cat.next('connected_users');
    assert.deepEqual(cat.frames[0].payload.messages.map((m) => m.message), texts);
    assert.ok(JSON.stringify(cat.frames[0]).length > 500_000);
    // Frames in pieces as small as TLS lets them be, and pings in between.
    const raw = await RawWebSocket.open(t, d.port, '/ws?name=raw', { ca: d.ca });
    const whole = Buffer.concat([frame(1, JSON.stringify({ type: 'chat_message', channel: 'general', message: 'a byte a record' })), frame(9, 'ping')]);
    for (const byte of whole) raw.write(Buffer.from([byte]));
    assert.equal((await raw.next(10)).payload.toString(), 'ping');
    await bob.next('chat_message', (p) => p.message === 'a byte a record');
});

test('who stops reading is closed with 4408, and nobody else notices', async (t) => {
    const d = await secure(t, { server: { queue_bytes: '64KiB', queue_messages: 100, stalled_timeout: '60s' }, ...unlimited, 'hub roster': null, 'hub recent': null });
    const [ann, bob, stopped] = [await open(t, d, 'ann'), await open(t, d, 'bob'), await open(t, d, 'stopped')];
    await stopped.next('active_channels');
    stopped.socket.pause();
    let sent = 0;
    const gone = d.logged('client_closed', (l) => l.user === 'stopped');
    let closed = false;
    gone.then(() => (closed = true));
    while (!closed && sent < 20_000) await Promise.all(Array.from({ length: 16 }, () => ann.say('general', `${sent++} ${'x'.repeat(950)}`)));
    assert.equal((await gone).code, 4408);
    stopped.socket.resume();
    await bob.next('chat_message', (p) => p.offset === sent);
    assert.equal(bob.of('chat_message').length, sent);
    assert.equal((await stopped.closed).code, 4408);
    await ann.say('general', 'and on it goes');
});

test('SIGTERM tells everybody by 1012', async (t) => {
    const d = await secure(t, { 'hub roster': null });
    const clients = await Promise.all(Array.from({ length: 50 }, (_, i) => open(t, d, `user${i}`)));
    const began = Date.now();
    const ended = d.terminate();
    for (const { code, reason } of await Promise.all(clients.map((c) => c.closed))) {
        assert.equal(code, 1012);
        assert.ok(JSON.parse(reason).reconnect_in_ms <= 30_000);
    }
    assert.ok(Date.now() - began < 20_000);
    assert.equal((await ended).status, 0);
});
