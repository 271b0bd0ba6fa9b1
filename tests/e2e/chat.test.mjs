// People chat: greeting, messages, whispers, typing, presence, errors, repeats, resume; as a user of the dev configuration sees them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, enter } from './lib/client.mjs';
import { Daemon } from './lib/daemon.mjs';

test('two people chat, whisper and see each other', async (t) => {
    const d = await Daemon.start(t);
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    assert.deepEqual((await ann.next('user_status')).payload, { username: 'bob', id: 'bob', status: true });

    const ack = await ann.say('General', 'hello <b>&"\\\u{1f600}');
    const { payload, sender } = await bob.next('chat_message');
    assert.equal(sender, 'ann');
    assert.match(payload.authored_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    delete payload.authored_at;
    assert.deepEqual(payload, {
        cacheID: 1, owner_id: 'ann', username: 'ann', channel: 'general', message: 'hello <b>&"\\\u{1f600}',
        epoch: ack.epoch, offset: 1,
    });
    assert.equal(ack.cacheID, 1);
    assert.equal(ann.of('chat_message').length, 1, 'the author gets it too');
    assert.ok(ann.frames.findIndex((f) => f.type === 'chat_message') < ann.frames.findIndex((f) => f.type === 'ack'), 'the ack follows');

    const bob2 = await enter(t, d, 'bob');
    await ann.ask({ type: 'private_chat_message', recipient_id: 'bob', message: 'psst' });
    for (const c of [bob, bob2]) {
        const w = (await c.next('private_chat_message')).payload;
        assert.equal(w.recipient, 'bob');
        assert.equal(w.recipient_id, 'bob');
        assert.equal(w.owner_id, 'ann');
        assert.equal(w.cacheID, 1);
    }
    assert.equal(ann.of('private_chat_message').length, 1);

    bob.send({ type: 'typing', channel: 'general' });
    assert.equal((await ann.next('typing')).payload.username, 'bob');
    await bob.settle();
    assert.equal(bob.of('typing').length, 0, 'one does not see oneself type');

    await bob.close();
    await bob2.close();
    assert.deepEqual((await ann.next('user_status', (p) => !p.status)).payload, { username: 'bob', id: 'bob', status: false });
});

test('the greeting comes in its order, with history, before live messages', async (t) => {
    const d = await Daemon.start(t);
    const ann = await enter(t, d, 'ann');
    assert.deepEqual(ann.frames.map((f) => f.type), ['active_channels', 'connected_users']);
    for (let i = 0; i < 5; i++) await ann.say(['general', 'tech'][i % 2], `m${i}`);
    const bob = await enter(t, d, 'bob');
    assert.deepEqual(bob.frames.map((f) => f.type), ['bulk_chat_messages', 'active_channels', 'connected_users']);
    assert.deepEqual(bob.frames[0].payload.messages.map((m) => m.message), ['m0', 'm1', 'm2', 'm3', 'm4']);
    assert.deepEqual(bob.frames[1].payload.channels.map((c) => c.name), ['general', 'gaming', 'tech']);
    assert.deepEqual(bob.frames[2].payload.users.map((u) => u.username).sort(), ['ann', 'bob']);
});

test('bad input is answered in words and the connection stays', async (t) => {
    const d = await Daemon.start(t);
    const ann = await enter(t, d, 'ann');
    const cases = [
        ['{', 'invalid_json'], ['[]', 'invalid_message'], ['{"type":"x","type":"y"}', 'invalid_json'], ['{"type":"nope"}', 'unknown_type'],
        ['{"type":"user_status","username":"x","id":"y","status":true}', 'unknown_type'], ['{}', 'invalid_message'], ['{"type":5}', 'invalid_message'],
        ['{"type":"chat_message","channel":"general"}', 'invalid_message'], ['{"type":"chat_message","channel":"general","message":""}', 'invalid_message'],
        ['{"type":"chat_message","channel":"general","message":"   "}', 'invalid_message'],
        ['{"type":"chat_message","channel":"general","message":7}', 'invalid_message'], ['{"type":"chat_message","channel":null,"message":"x"}', 'invalid_message'],
        ['{"type":"chat_message","channel":"nowhere","message":"x"}', 'unknown_channel'],
        ['{"type":"private_chat_message","recipient_id":"nobody","message":"x"}', 'unknown_recipient'],
        [JSON.stringify({ type: 'chat_message', channel: 'general', message: 'x'.repeat(1001) }), 'invalid_message'],
        [JSON.stringify({ type: 'chat_message', channel: 'general', message: 'x', id: 'i'.repeat(65) }), 'invalid_message'],
        ['['.repeat(2000), 'invalid_json'], ['{"a":'.repeat(33) + '1' + '}'.repeat(33), 'invalid_json'],
    ];
    for (const [text, code] of cases) {
        ann.send(text);
        const { payload } = await ann.next('error');
        assert.equal(payload.code, code, text.slice(0, 80));
        assert.ok(payload.message.length > 5, `says what is wrong with ${text.slice(0, 80)}`);
    }
    assert.equal((await ann.say('general', 'x'.repeat(1000))).cacheID, 1, 'still there');
});

test('a repeat of an id does nothing and gets the first outcome', async (t) => {
    const d = await Daemon.start(t);
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    const first = await ann.say('general', 'once', 'the-id');
    await ann.close();
    const again = await enter(t, d, 'ann');
    assert.deepEqual(await again.say('general', 'once', 'the-id'), first);
    await bob.settle();
    assert.equal(bob.of('chat_message').length, 1);
});

test('who was away gets what he missed, once, or is told that something is missing', async (t) => {
    const d = await Daemon.start(t, { changes: { 'hub rate_limit': null, 'hub recent': { per_channel: 50 } } });
    const ann = await enter(t, d, 'ann');
    let bob = await enter(t, d, 'bob');
    const { epoch, offset } = await ann.say('general', 'seen');
    await bob.next('chat_message');
    await bob.close();
    for (let i = 0; i < 20; i++) await ann.say('general', `missed ${i}`);

    bob = await enter(t, d, 'bob');
    bob.send({ type: 'resume', channel: 'general', epoch, offset });
    await ann.say('general', 'live');
    const { payload } = await bob.next('resumed');
    assert.equal(payload.recovered, true);
    assert.equal(payload.epoch, epoch);
    await bob.next('chat_message', (p) => p.message === 'live');
    const offsets = bob.of('chat_message').map((p) => p.offset).sort((a, b) => a - b);
    assert.deepEqual(offsets, Array.from({ length: 21 }, (_, i) => i + 2), 'each once');

    for (let i = 0; i < 60; i++) await ann.say('general', `too many ${i}`);
    bob.send({ type: 'resume', channel: 'general', epoch, offset });
    assert.equal((await bob.next('resumed')).payload.recovered, false, 'the ring no longer reaches back');
    bob.send({ type: 'resume', channel: 'general', epoch: 'other', offset });
    assert.equal((await bob.next('resumed')).payload.recovered, false);
});

test('join and leave', async (t) => {
    const d = await Daemon.start(t, { changes: { 'hub channels': { auto_join: 'general' } } });
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    await assert.rejects(ann.say('tech', 'x'), /forbidden/);
    await ann.ask({ type: 'join_channel', channel: 'TECH' });
    await ann.say('tech', 'to nobody');
    await bob.ask({ type: 'join_channel', channel: 'tech' });
    await ann.say('tech', 'to bob');
    assert.equal((await bob.next('chat_message')).payload.message, 'to bob');
    await bob.ask({ type: 'leave_channel', channel: 'tech' });
    await ann.say('tech', 'gone');
    await bob.settle();
    assert.equal(bob.of('chat_message').length, 1);
});

test('too many messages are refused with a time, and the same id goes through later', async (t) => {
    const d = await Daemon.start(t, { changes: { 'hub rate_limit': { messages: 5, window: '1s', burst: 5 } } });
    const ann = await enter(t, d, 'ann');
    // So many at once that they cannot take as long as their tokens would need to come.
    const told = await Promise.all(Array.from({ length: 100 }, (_, i) => ann.say('general', `m${i}`, `m${i}`).then((a) => ({ ack: a }), (x) => x.payload)));
    assert.ok(told.slice(0, 5).every((a) => a.ack), 'the burst');
    const refusals = told.filter((a) => !a.ack);
    assert.ok(refusals.length > 0);
    for (const e of refusals) {
        assert.equal(e.code, 'rate_limited');
        assert.ok(e.retry_after_ms > 0 && e.retry_after_ms <= 1000);
    }
    const last = refusals.at(-1);
    await new Promise((r) => setTimeout(r, last.retry_after_ms + 20));
    assert.equal((await ann.say('general', 'again', last.id)).cacheID, told.length - refusals.length + 1);
});

test('a name is needed, and a foreign page stays out', async (t) => {
    const d = await Daemon.start(t);
    await assert.rejects(Client.open(t, d.ws), { status: 401 });
    await assert.rejects(Client.open(t, `${d.ws}?name=%00`)); // libwebsockets hangs up on it
    await assert.rejects(Client.open(t, `${d.ws}?name=ann`, { headers: { origin: 'https://evil.example' } }), { status: 403 });
    await assert.rejects(Client.open(t, `${d.ws}?name=ann`, { headers: { origin: 'null' } }), { status: 403 });
    await assert.rejects(Client.open(t, `${d.ws}?name=ann`, { headers: { origin: `http://${d.address}.evil.example` } }), { status: 403 });
    await Client.open(t, `${d.ws}?name=ann`, { headers: { origin: `http://${d.address}` } });
});
