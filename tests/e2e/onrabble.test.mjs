// OnRabble's clients, as they are, under etc/parley.onrabble.ini as it is: they sign in by ?token=, never join, never send an id, and post to
// `General`. Every frame that any of them gets is held against the shapes in lib/schema.mjs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client } from './lib/client.mjs';
import { Daemon, slow } from './lib/daemon.mjs';
import { OpenIdProvider } from './lib/oidc.mjs';
import { checkFrame, watch } from './lib/schema.mjs';

/** Provider and daemon; only what the operator must fill in is changed, and what a test says. */
async function onrabble(t, changes = {}) {
    const op = await OpenIdProvider.start(t);
    const { server, ...others } = changes;
    const d = await Daemon.start(t, {
        base: 'parley.onrabble.ini',
        changes: { 'auth jwt': { issuer: op.issuer, jwks: op.jwks, ca_file: op.caFile }, server, ...others },
    });
    await d.logged('jwt_keys');
    return { op, d };
}

/** A Qt client (or, by its client id, the dashboard): its token in the URL. */
async function come(t, { op, d }, user, client = 'ChatClient') {
    const c = watch(t, await Client.open(t, `${d.ws}?token=${await op.token(user, { client })}`));
    await c.next('connected_users');
    return c;
}

const post = (c, message, channel = 'General') => c.send({ type: 'chat_message', channel, message });
const whisper = (c, recipient_id, message) => c.send({ type: 'private_chat_message', recipient_id, message });

/** All that was sent to it before has come when a whisper to itself has. */
async function settled(c, id) {
    const mark = `mark ${Math.random()}`;
    whisper(c, id, mark);
    await c.next('private_chat_message', (p) => p.message === mark);
    c.frames = c.frames.filter((f) => f.payload.message !== mark);
}

describe('OnRabble', { concurrency: 2 }, () => {
    it('greets in the exact order, then live traffic', async (t) => {
        const s = await onrabble(t);
        s.op.users.set('0c7e1f7a-ann', { username: 'Ann "the <b>\\ Å', roles: [] });
        const ann = await come(t, s, '0c7e1f7a-ann');
        assert.deepEqual(ann.frames.map((f) => f.type), ['active_channels', 'connected_users'], 'no history yet');
        assert.deepEqual(ann.frames[0].payload, {
            channels: [
                { id: ann.frames[0].payload.channels[0].id, name: 'General', description: 'Everything and anything', sort_order: 1 },
                { id: ann.frames[0].payload.channels[1].id, name: 'Announcements', description: 'News about this server', sort_order: 2 },
                { id: ann.frames[0].payload.channels[2].id, name: 'Off-Topic', description: 'All the rest', sort_order: 3 },
            ],
        });
        assert.equal(new Set(ann.frames[0].payload.channels.map((c) => c.id)).size, 3);
        assert.deepEqual(ann.frames[1].payload.users, [{ username: 'Ann "the <b>\\ Å', id: '0c7e1f7a-ann', status: true }]);

        post(ann, 'one');
        post(ann, 'two', 'general'); // any case; the answer has the catalogue's
        post(ann, 'three\n\t"\\/\u2028é\u{1f600}', 'OFF-TOPIC');
        const seen = [];
        for (let i = 0; i < 3; i++) seen.push(await ann.next('chat_message'));
        seen.sort((a, b) => a.payload.cacheID - b.payload.cacheID); // one channel may be a moment ahead of another
        assert.deepEqual(seen.map((f) => f.payload.channel), ['General', 'General', 'Off-Topic']);
        assert.deepEqual(seen.map((f) => f.payload.cacheID), [1, 2, 3]);
        assert.equal(seen[2].payload.message, 'three\n\t"\\/\u2028é\u{1f600}');
        assert.equal(ann.of('ack').length, 0, 'who sends no id gets no ack');
        assert.ok(Math.abs(Date.parse(seen[0].payload.authored_at) - Date.now()) < 60_000);

        const bob = await come(t, s, 'bob');
        assert.deepEqual(bob.frames.map((f) => f.type), ['bulk_chat_messages', 'active_channels', 'connected_users']);
        assert.deepEqual(bob.frames[0].payload.messages, seen.map((f) => f.payload), 'history is the very payloads');
        assert.deepEqual(bob.frames[2].payload.users.map((u) => u.id).sort(), ['0c7e1f7a-ann', 'bob']);
        assert.deepEqual((await ann.next('user_status')).payload, { username: 'bob', id: 'bob', status: true });

        whisper(ann, 'bob', 'psst');
        const w = await bob.next('private_chat_message');
        assert.equal(w.sender, 'Ann "the <b>\\ Å');
        assert.equal(w.payload.recipient, 'bob');
        assert.equal(w.payload.cacheID, 1, 'whispers are counted apart');
        assert.deepEqual(w.payload, (await ann.next('private_chat_message')).payload);

        // What is wrong is answered by one frame and nothing is closed.
        post(bob, 'x', 'nowhere');
        assert.equal((await bob.next('error')).payload.code, 'unknown_channel');
        whisper(bob, 'nobody', 'x');
        assert.equal((await bob.next('error')).payload.code, 'unknown_recipient');
        bob.send('{');
        assert.equal((await bob.next('error')).payload.code, 'invalid_json');
        bob.send({ type: 'ping' });
        assert.equal((await bob.next('error')).payload.code, 'unknown_type');
        bob.send({ type: 'chat_message', channel: 'General', message: null, id: null });
        assert.equal((await bob.next('error')).payload.code, 'invalid_message');
        post(bob, 'still here');
        assert.equal((await ann.next('chat_message', (p) => p.owner_id === 'bob')).payload.message, 'still here');

        // What else Parley may send keeps to its shapes too.
        bob.send({ type: 'typing', channel: 'General' });
        await ann.next('typing');
        const { epoch } = seen[0].payload;
        assert.equal((await bob.ask({ type: 'leave_channel', channel: 'General' }, 'l')).id, 'l');
        await bob.ask({ type: 'resume', channel: 'General', epoch, offset: 1 });
        await bob.next('resumed');
        await bob.say('General', 'with an id', 'i');
    });

    it('a token in the URL is the only way of theirs, and a bad one is 401', async (t) => {
        const s = await onrabble(t);
        for (const query of ['', '?token=', '?token=x', `?token=${await s.op.token('ann', { client: 'OtherClient' })}`])
            await assert.rejects(Client.open(t, s.d.ws + query), { status: 401 });
        await come(t, s, 'ann'); // the audience is not looked at
        await (await Client.open(t, `${s.d.ws}?token=${await s.op.token('ann', { audience: 'account' })}`)).next('connected_users');
    });

    it('a dashboard sees all channels, no whispers, and is not seen', async (t) => {
        const s = await onrabble(t);
        const ann = await come(t, s, 'ann');
        const bob = await come(t, s, 'bob');
        await ann.next('user_status', (p) => p.id === 'bob');
        const board = await come(t, s, 'root', 'WebClient');
        assert.deepEqual(board.frames.map((f) => f.type), ['active_channels', 'connected_users']);
        assert.deepEqual(board.frames[1].payload.users.map((u) => u.id).sort(), ['ann', 'bob'], 'not itself');
        for (const [i, channel] of ['General', 'Announcements', 'Off-Topic'].entries()) {
            post(i % 2 ? ann : bob, `in ${channel}`, channel);
            assert.equal((await board.next('chat_message')).payload.channel, channel);
        }
        whisper(ann, 'bob', 'not for dashboards');
        await bob.next('private_chat_message');
        await ann.next('private_chat_message');
        // The dashboard hears who comes and goes.
        const cat = await come(t, s, 'cat');
        assert.deepEqual(cat.frames.at(-1).payload.users?.map((u) => u.id).sort(), ['ann', 'bob', 'cat']);
        assert.deepEqual((await board.next('user_status')).payload, { username: 'cat', id: 'cat', status: true });
        await cat.close();
        assert.deepEqual((await board.next('user_status')).payload, { username: 'cat', id: 'cat', status: false });
        // A person who also has a dashboard open: their own connection counts, the dashboard's does not, in both orders.
        const annsBoard = await come(t, s, 'ann', 'WebClient');
        whisper(bob, 'ann', 'for ann alone');
        await ann.next('private_chat_message', (p) => p.message === 'for ann alone');
        await ann.close();
        assert.deepEqual((await board.next('user_status')).payload, { username: 'ann', id: 'ann', status: false });
        const again = await come(t, s, 'ann');
        assert.deepEqual((await board.next('user_status')).payload, { username: 'ann', id: 'ann', status: true });
        await annsBoard.close();
        await board.close();
        await settled(bob, 'bob');
        post(bob, 'the end');
        await again.next('chat_message', (p) => p.message === 'the end');
        for (const c of [board, annsBoard]) assert.equal(c.of('private_chat_message').length, 0);
        for (const c of [ann, bob, cat, again]) assert.ok(!c.of('user_status').some((p) => p.id === 'root'), 'nobody heard of it');
        assert.deepEqual(bob.of('user_status').filter((p) => p.id === 'ann').map((p) => p.status), [false, true], 'as the dashboard saw it');
    });

    it('user_status: by user, with the first connection and the last', async (t) => {
        const s = await onrabble(t);
        const ann = await come(t, s, 'ann');
        const bob1 = await come(t, s, 'bob');
        assert.deepEqual((await ann.next('user_status')).payload, { username: 'bob', id: 'bob', status: true });
        const bob2 = await come(t, s, 'bob');
        assert.equal(bob2.of('connected_users')[0].users.length, 2, 'one entry a user');
        const cat = await come(t, s, 'cat');
        await ann.next('user_status', (p) => p.id === 'cat');
        await bob1.close();
        await s.d.logged('client_closed', (l) => l.user === 'bob');
        const dan = await come(t, s, 'dan'); // a later change that is told: had bob's been one, it would have come before
        await ann.next('user_status', (p) => p.id === 'dan');
        assert.deepEqual(dan.of('connected_users')[0].users.map((u) => u.id).sort(), ['ann', 'bob', 'cat', 'dan']);
        await bob2.close();
        assert.deepEqual((await ann.next('user_status', (p) => p.id === 'bob')).payload, { username: 'bob', id: 'bob', status: false });
        await cat.next('user_status', (p) => p.id === 'bob' && !p.status);
        assert.deepEqual(ann.of('user_status').filter((p) => p.id === 'bob').map((p) => p.status), [true, false]);
        assert.ok(!ann.of('user_status').some((p) => p.id === 'ann'), 'one hears nothing about oneself');
        assert.ok(![bob1, bob2].some((c) => c.of('user_status').some((p) => p.id === 'bob')), 'nor do the other connections of the same user');
    });

    it('who comes and goes within a window is not announced', async (t) => {
        const s = await onrabble(t, { 'hub roster': { window: `${3 * slow}s` } });
        // Made before: the window that ann's coming opens must not end between bob's coming and going.
        const token = await s.op.token('bob');
        const cats = await s.op.token('cat');
        const ann = await come(t, s, 'ann');
        const bob = await Client.open(t, `${s.d.ws}?token=${token}`);
        await bob.next('connected_users');
        await bob.close();
        await s.d.logged('client_closed', (l) => l.user === 'bob');
        watch(t, await Client.open(t, `${s.d.ws}?token=${cats}`));
        await ann.next('user_status', (p) => p.id === 'cat'); // the window has ended
        assert.deepEqual(ann.of('user_status').map((p) => p.id), ['cat']);
    });

    it('above presence_max nobody is told who comes and goes, and the list is cut', async (t) => {
        const s = await onrabble(t, { 'hub roster': { presence_max: 3, window: '50ms' } });
        const users = [];
        for (let i = 0; i < 6; i++) {
            users.push(await come(t, s, `user${i}`));
            if (i === 1 || i === 2) await users[0].next('user_status', (p) => p.id === `user${i}`); // its window has ended
        }
        assert.deepEqual(users.map((c) => c.of('connected_users')[0].users.length), [1, 2, 3, 3, 3, 3]);
        const [first] = users;
        await users[5].close();
        await s.d.logged('client_closed', (l) => l.user === 'user5');
        await settled(first, 'user0');
        assert.ok(!first.of('user_status').some((p) => ['user4', 'user5'].includes(p.id)));
        await users[4].close();
        await users[3].close();
        const whole = await first.next('connected_users', (p) => p.users.length === 3); // the crowd has gone: how things are
        assert.deepEqual(whole.payload.users.map((u) => u.id).sort(), ['user0', 'user1', 'user2']);
        await users[2].close();
        assert.deepEqual((await first.next('user_status', (p) => !p.status)).payload.id, 'user2');
    });

    it('ten messages in sixty seconds, whispers among them, and the eleventh is refused in words', async (t) => {
        const s = await onrabble(t);
        const ann = await come(t, s, 'ann');
        const other = await come(t, s, 'ann'); // the user is limited, not the connection
        const bob = await come(t, s, 'bob');
        for (let i = 0; i < 5; i++) post(ann, `${i}`);
        for (let i = 5; i < 9; i++) post(other, `${i}`);
        whisper(other, 'bob', 'ten');
        await bob.next('chat_message', (p) => p.message === '8');
        await bob.next('private_chat_message');
        await ann.next('chat_message', (p) => p.message === '4');
        for (const c of [ann, other]) {
            post(c, 'one too many');
            const { payload } = await c.next('error');
            assert.equal(payload.code, 'rate_limited');
            assert.ok(payload.retry_after_ms > 0 && payload.retry_after_ms <= 6000, `${payload.retry_after_ms}`);
            assert.ok(!('id' in payload));
        }
        post(bob, 'others may');
        await ann.next('chat_message', (p) => p.message === 'others may');
        assert.equal(bob.of('chat_message').filter((p) => p.owner_id === 'ann').length, 9);
        if (slow === 1) {
            const { payload } = ann.frames.find((f) => f.type === 'error');
            await new Promise((r) => setTimeout(r, payload.retry_after_ms + 50));
            post(ann, 'again');
            await bob.next('chat_message', (p) => p.message === 'again');
        }
    });

    it('history is at most 500 messages and 128 KiB, oldest first', async (t) => {
        const s = await onrabble(t, { 'hub rate_limit': null });
        const ann = await come(t, s, 'ann');
        const fill = async (n, text) => {
            for (let i = 0; i < n; i += 20) {
                await Promise.all(Array.from({ length: Math.min(20, n - i) }, (_, k) => ann.say(['General', 'Off-Topic'][(i + k) % 2], text(i + k))));
            }
        };
        await fill(520, (i) => `${i}`);
        const bulk = (await come(t, s, 'bob')).frames[0];
        assert.equal(bulk.type, 'bulk_chat_messages');
        assert.deepEqual(bulk.payload.messages.map((m) => m.message), Array.from({ length: 500 }, (_, i) => `${i + 20}`));
        assert.ok(bulk.payload.messages.every((m, i, all) => !i || m.cacheID > all[i - 1].cacheID));
        await fill(200, (i) => `${i} ${'x'.repeat(990)}`);
        const c = await come(t, s, 'cat');
        const big = Buffer.byteLength(JSON.stringify(c.frames[0].payload.messages));
        assert.ok(big <= 128 * 1024 && big > 120 * 1024, `${big} bytes`);
        assert.match(c.frames[0].payload.messages.at(-1).message, /^199 /);
        for (const f of c.frames) checkFrame(f);
    });

    it('what the Qt client asks first, and what the dashboard asks without a token', async (t) => {
        const s = await onrabble(t, {
            discovery: { auth_url: 'https://sso.example.org/auth', token_url: 'https://sso.example.org/token', public_url: 'https://chat.example.org' },
        });
        const d = await (await fetch(`${s.d.http}/discovery`)).json();
        assert.match(d.server_id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        assert.deepEqual({ ...d, server_id: '' }, {
            auth_url: 'sso.example.org/auth', token_url: 'sso.example.org/token', health_url: 'chat.example.org/healthz', chat_url: 'wss://chat.example.org/ws',
            chat_client: 'ChatClient', server_name: 'OnRabble', server_id: '',
        });
        assert.ok(s.d.lines.some((l) => l.level === 'warning' && /auth/.test(JSON.stringify(l))), 'auth = none is warned of');
        const channels = await (await fetch(`${s.d.admin}/channels`)).json();
        assert.deepEqual(channels.channels.map((c) => c.name), ['General', 'Announcements', 'Off-Topic']);
        assert.equal((await fetch(`${s.d.admin}/metrics`)).status, 200);
    });
});
