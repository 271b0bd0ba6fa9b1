// Many clients: order, completeness, acks; joins and leaves into a full flush window; clients that stop reading; the drain.
//
// Sizes grow by hand: PARLEY_LOAD=full node --test load.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Daemon, slow } from './lib/daemon.mjs';

const full = process.env.PARLEY_LOAD === 'full';
const unlimited = { 'hub rate_limit': { messages: 1000000, window: '1s', burst: 1000000 } };

/** Connects n clients, `width` at a time. */
async function crowd(t, daemon, n, name = 'user', width = 50) {
    const clients = [];
    for (let i = 0; i < n; i += width)
        clients.push(...(await Promise.all(Array.from({ length: Math.min(width, n - i) }, (_, k) => Client.open(t, `${daemon.ws}?name=${name}${i + k}`)))));
    return clients;
}

for (const pumps of [1, 2])
    test(`everybody sees every message of his channel once, in one order, acks after their messages (pumps = ${pumps})`, async (t) => {
        const [clients, channels, messages] = full ? [1000, 20, 50_000] : [100, 5, Math.floor(3000 / slow)];
        const list = Array.from({ length: channels }, (_, i) => `c${i}`);
        const d = await Daemon.start(t, {
            changes: {
                server: { pumps }, ...unlimited, 'hub channels': { list: list.join(', '), auto_join: null },
                'hub channels in general': null, 'hub channels in gaming': null, 'hub channels in tech': null, 'hub roster': null, 'hub recent': null,
            },
        });
        const members = await crowd(t, d, clients);
        await Promise.all(members.map((c, i) => c.ask({ type: 'join_channel', channel: list[i % channels] })));
        t.after(() => t.diagnostic(d.lines.filter((l) => l.event === 'client_closed').slice(0, 3).map((l) => JSON.stringify(l)).join(' ')));
        const perChannel = messages / channels;
        // Each author keeps at most 16 on the road; at the full size 4, since all these clients share one thread.
        await Promise.all(members.map(async (c, i) => {
            const mine = Math.floor(messages / clients);
            let road = [];
            for (let n = 0; n < mine; n++) {
                road.push(c.ask({ type: 'chat_message', channel: list[i % channels], message: `${i}:${n}` }, `${n}`, 120_000 * slow));
                if (road.length === (full ? 4 : 16)) await Promise.all(road), (road = []);
            }
            await Promise.all(road);
        }));
        // Everything published before its own ack has arrived by then; the rest is on its way.
        const orders = new Map();
        for (const [i, c] of members.entries()) {
            const sent = Math.floor(messages / clients) * (clients / channels);
            await c.next('chat_message', (p) => p.offset === sent, 60_000 * slow).catch((e) => assert.fail(`client ${i}: ${e.message}; has ${c.of('chat_message').length} of ${sent}`));
            const got = c.of('chat_message');
            assert.equal(got.length, sent);
            const order = got.map((p) => `${p.offset} ${p.message}`).join('\n');
            assert.deepEqual(got.map((p) => p.offset), Array.from({ length: sent }, (_, n) => n + 1), 'in order, once each');
            assert.equal(orders.get(i % channels) ?? order, order, 'one order for all');
            orders.set(i % channels, order);
            const seen = new Set();
            for (const f of c.frames) {
                if (f.type === 'chat_message') seen.add(f.payload.message);
                else if (f.type === 'ack' && f.payload.cacheID) assert.ok(seen.has(`${i}:${f.payload.id}`), 'ack after its message');
            }
        }
        assert.ok(perChannel > 0);
    });

/** A generator of numbers by seed (mulberry32). */
function seeded(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
        return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
    };
}

test('joins, leaves, whispers and closes at random into a full flush window', async (t) => {
    const seed = Number(process.env.PARLEY_SEED ?? Date.now() % 1_000_000);
    t.diagnostic(`PARLEY_SEED=${seed}`);
    const random = seeded(seed);
    const rounds = full ? 10_000 : Math.floor(1500 / slow);
    const d = await Daemon.start(t, {
        changes: { server: { pumps: 2, flush_window: '20ms', credit_messages: 1000 }, ...unlimited, 'hub channels': { auto_join: null }, 'hub roster': null, 'hub recent': null },
    });
    const author = await Client.open(t, `${d.ws}?name=author`);
    await author.ask({ type: 'join_channel', channel: 'general' });
    let acked = 0; // the highest offset whose ack has come
    let sent = 0;
    const acks = [];
    const publish = () => acks.push(author.say('general', `m${++sent}`).then((a) => (acked = Math.max(acked, a.offset))));
    // A life: join, stay for a while, leave (or be cut); all that it got lies between the two, without a hole.
    async function life(n) {
        const c = await Client.open(t, `${d.ws}?name=guest${n % 40}`);
        for (let stays = 1 + Math.floor(random() * 3); stays > 0; stays--) {
            const mark = c.frames.length;
            const before = acked;
            await c.ask({ type: 'join_channel', channel: 'general' });
            const joinedBy = sent; // what is published from now on it must get
            for (let k = Math.floor(random() * 4); k >= 0; k--) publish();
            if (random() < 0.4) author.send({ type: 'private_chat_message', recipient_id: c.name ?? `guest${n % 40}`, message: 'psst' });
            if (random() < 0.2) {
                await c.close();
                check(c, mark, before, joinedBy, Infinity, Infinity);
                return;
            }
            const mine = await c.say('general', `own ${n}`);
            await c.ask({ type: 'leave_channel', channel: 'general' });
            check(c, mark, before, joinedBy, mine.offset, c.frames.length);
            const end = c.frames.length;
            publish();
            if (random() < 0.5) await new Promise((r) => setTimeout(r, random() * 25));
            assert.ok(!c.frames.slice(end).some((f) => f.type === 'chat_message'), 'nothing after it left');
        }
        await c.close();
    }
    function check(c, mark, before, joinedBy, mine, end) {
        const got = c.frames.slice(mark, end === Infinity ? undefined : end).filter((f) => f.type === 'chat_message').map((f) => f.payload);
        for (const [i, p] of got.entries()) {
            assert.ok(p.offset > before, `offset ${p.offset} was acked before it asked to join (${before})`);
            if (i) assert.equal(p.offset, got[i - 1].offset + 1, 'no hole and no repeat');
        }
        if (mine === Infinity) return;
        assert.ok(got.some((p) => p.offset === mine), 'its own last word before leaving');
        const first = got.find((p) => p.owner_id === 'author' && Number(p.message.slice(1)) > joinedBy);
        const asked = Number(got.filter((p) => p.owner_id === 'author').at(-1)?.message.slice(1) ?? 0);
        if (asked > joinedBy) assert.equal(Number(first.message.slice(1)), joinedBy + 1, 'from its joining on');
    }
    const width = 20;
    for (let n = 0; n < rounds; n += width) {
        await Promise.all(Array.from({ length: width }, (_, k) => life(n + k)));
        await Promise.all(acks.splice(0));
    }
    assert.equal((await d.terminate()).status, 0);
});

test('who stops reading is closed with 4408, and nobody else notices', async (t) => {
    const [all, stopped] = [200, 20];
    const d = await Daemon.start(t, { changes: { server: { queue_bytes: '64KiB', queue_messages: 100, stalled_timeout: '60s' }, ...unlimited, 'hub roster': null, 'hub recent': null } });
    const clients = await crowd(t, d, all);
    const author = await Client.open(t, `${d.ws}?name=author`);
    await author.settle();
    const before = await d.residentKb();
    const slowOnes = clients.slice(0, stopped);
    for (const c of slowOnes) c.socket.pause();
    // One of them reads again as soon as it is closed: the server does not wait for ever until somebody has seen the code.
    const first = d.logged('client_closed', (l) => l.user === 'user0').then(() => slowOnes[0].socket.resume());
    const messages = 1200; // 1.2 MB each: past what the kernel takes for a client that does not read
    for (let i = 0; i < messages; i += 16) await Promise.all(Array.from({ length: 16 }, (_, k) => author.say('general', `${i + k} ${'x'.repeat(950)}`)));
    for (const c of clients.slice(stopped)) {
        await c.next('chat_message', (p) => p.offset === messages);
        assert.equal(c.of('chat_message').length, messages);
    }
    for (let i = 0; i < stopped; i++) await d.logged('client_closed', (l) => l.code === 4408 && l.user === `user${i}`);
    assert.equal(await d.metric('parley_disconnects_total{reason="slow"}'), stopped);
    const grown = (await d.residentKb()) - before;
    if (slow === 1) assert.ok(grown < stopped * 64 * 1.2 + 8192, `grew by ${grown} KB`);
    await first;
    assert.equal((await slowOnes[0].closed).code, 4408);
});

test('SIGTERM tells everybody when to come back', async (t) => {
    const n = full ? 1000 : 300;
    const d = await Daemon.start(t, { changes: { 'hub roster': null } });
    const clients = await crowd(t, d, n);
    const started = Date.now();
    const ended = d.terminate();
    const closes = await Promise.all(clients.map((c) => c.closed));
    const took = Date.now() - started;
    const hints = closes.map((c) => (assert.equal(c.code, 1012), JSON.parse(c.reason).reconnect_in_ms));
    assert.ok(hints.every((h) => Number.isInteger(h) && h >= 0 && h <= 30_000));
    assert.ok(new Set(hints).size > n / 4, 'spread');
    assert.ok(took < 20_000, `${took} ms`);
    assert.equal((await ended).status, 0);
});
