// Messages that wait: sdk/examples/acme_filter.c in the daemon, with a classifier of this process that is quick, slow, wrong and down.
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { enter } from './lib/client.mjs';
import { Daemon, execute, root } from './lib/daemon.mjs';

const fixtures = process.env.PARLEY_FIXTURES ?? join(root, 'build/dev/tests/fixtures/plugins');

/** Listens on a free port; `answer(text, response, question)` says what it thinks of a text. */
class Classifier {
    questions = [];
    answer = (text, response) => this.says(response, text.includes('damn') ? 0.9 : 0.1);

    static async start(t) {
        const c = new Classifier();
        c.server = createServer((request, response) => {
            let body = '';
            request.on('data', (d) => (body += d));
            request.on('end', () => {
                const question = JSON.parse(body);
                c.questions.push({ method: request.method, url: request.url, type: request.headers['content-type'], ...question });
                c.answer(question.texts[0], response, question);
            });
        });
        await new Promise((r) => c.server.listen(0, '127.0.0.1', r));
        c.port = c.server.address().port;
        c.url = `http://127.0.0.1:${c.port}/v1`;
        t.after(() => c.stop());
        return c;
    }

    says(response, toxicity) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ toxicity }));
    }

    async stop() {
        this.server.closeAllConnections();
        if (this.server.listening) await new Promise((r) => this.server.close(r));
    }

    async again() {
        await new Promise((r) => this.server.listen(this.port, '127.0.0.1', r));
    }
}

const filtered = (c, more = {}, server = {}) => ({
    server,
    'hub acme_filter': { plugin: `${fixtures}/acme_filter.so`, url: c.url, exempt_roles: '', timeout: '10s', ...more },
    'hub rate_limit': null,
});

async function strikes(d, user) {
    const r = await fetch(`${d.admin}/admin/acme_filter/strikes?user=${user}`, { headers: { authorization: `Bearer ${await d.adminToken()}` } });
    return (await r.json()).strikes;
}

/** A FIFO that a thought can wait at: it ends when `open` is called. */
async function gate(t, d) {
    const path = join(d.folder, 'gate');
    const made = await execute('mkfifo', [path]);
    assert.equal(made.status, 0, made.stderr);
    // For both ways, it waits for no reader; it stays so for one that is late.
    return {
        path,
        open: async () => {
            const f = await open(path, 'r+');
            t.after(() => f.close());
        },
    };
}

const refused = (code) => (e) => (assert.equal(e.payload?.code, code, e.message), true);

test('what is asked, and what becomes of the answer', async (t) => {
    const c = await Classifier.start(t);
    const d = await Daemon.start(t, { changes: filtered(c) });
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    await ann.say('general', 'hello');
    await bob.next('chat_message', (p) => p.message === 'hello');
    assert.deepEqual(c.questions, [{ method: 'POST', url: '/v1', type: 'application/json', user: 'ann', texts: ['hello'] }]);
    await assert.rejects(ann.say('general', 'damn'), refused('rejected'));
    await bob.say('general', 'after it');
    await ann.next('chat_message', (p) => p.message === 'after it');
    assert.deepEqual(bob.of('chat_message').map((p) => p.message), ['hello', 'after it']);
    assert.equal(await strikes(d, 'ann'), 1);
    assert.equal(await d.metric('parley_waiting{section="acme_filter"}'), 0);
});

test('slow: an author keeps his order, others pass', async (t) => {
    const c = await Classifier.start(t);
    const held = [];
    c.answer = (text, response) => (text.startsWith('ann') ? held.push(response) : c.says(response, 0));
    const d = await Daemon.start(t, { changes: filtered(c) });
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    const acks = [];
    for (let i = 0; i < 20; i++) acks.push(ann.say('general', `ann ${i}`));
    acks.push(ann.ask({ type: 'typing', channel: 'general', is_typing: true }));
    for (let i = 0; i < 5; i++) await bob.say('general', `bob ${i}`);
    for (let i = 0; i < 20; i++) {
        while (!held.length) await new Promise((r) => setImmediate(r));
        c.says(held.shift(), 0);
        await bob.next('chat_message', (p) => p.message === `ann ${i}`);
        assert.ok(held.length <= 1, 'one at a time');
    }
    await Promise.all(acks);
    const seen = bob.of('chat_message').map((p) => p.message);
    assert.deepEqual(seen, [...Array.from({ length: 5 }, (_, i) => `bob ${i}`), ...Array.from({ length: 20 }, (_, i) => `ann ${i}`)]);
    assert.deepEqual(bob.of('chat_message').map((p) => p.cacheID), seen.map((_, i) => i + 1));
});

test('slow, with many authors: each of them in order, nothing lost or repeated', async (t) => {
    const c = await Classifier.start(t);
    let n = 0;
    c.answer = (text, response) => setTimeout(() => c.says(response, 0), (n++ * 7) % 23);
    const d = await Daemon.start(t, { changes: filtered(c, {}, { pumps: 2 }) });
    const authors = await Promise.all(Array.from({ length: 100 }, (_, i) => enter(t, d, `a${i}`)));
    await Promise.all(authors.flatMap((a, i) => Array.from({ length: 5 }, (_, k) => a.say('general', `${i} ${k}`))));
    const last = authors[0];
    await last.settle();
    const seen = last.of('chat_message').map((p) => p.message);
    assert.equal(seen.length, 500);
    for (let i = 0; i < 100; i++) assert.deepEqual(seen.filter((m) => m.startsWith(`${i} `)), Array.from({ length: 5 }, (_, k) => `${i} ${k}`));
});

test('wrong and down: on_error decides, and strikes are as they were', async (t) => {
    const c = await Classifier.start(t);
    const d = await Daemon.start(t, { changes: filtered(c) });
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    await assert.rejects(ann.say('general', 'damn'), refused('rejected'));
    const wrong = [
        (r) => r.writeHead(500).end('{"toxicity":0}'),
        (r) => r.writeHead(200).end('<html>oops</html>'),
        (r) => r.writeHead(200).end('{"toxicity":"none"}'),
        (r) => r.writeHead(200).end('{"toxicity":0.1'),
        (r) => r.writeHead(204).end(),
        (r) => r.writeHead(200).end('x'.repeat(2 << 20)),
        (r) => r.destroy(),
        (r) => r.writeHead(302, { location: c.url }).end(),
    ];
    for (const w of wrong) {
        c.answer = (text, response) => w(response);
        await assert.rejects(ann.say('general', 'hello', 'one id'), refused('unavailable'));
    }
    await c.stop();
    await assert.rejects(ann.say('general', 'hello', 'one id'), refused('unavailable'));
    assert.equal(await strikes(d, 'ann'), 1);
    await c.again();
    c.answer = (text, response) => c.says(response, 0);
    await ann.say('general', 'hello', 'one id');
    await bob.next('chat_message', (p) => p.message === 'hello');
    assert.equal(bob.of('chat_message').length, 1);
});

test('never: on_error decides when the time is up', async (t) => {
    const c = await Classifier.start(t);
    c.answer = () => {};
    const d = await Daemon.start(t, { changes: filtered(c, { timeout: '300ms' }) });
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    await assert.rejects(ann.say('general', 'hello', 'one id'), refused('unavailable'));
    assert.equal(c.questions.length, 1);
    assert.equal(await strikes(d, 'ann'), 0);
    await bob.settle();
    assert.equal(bob.of('chat_message').length, 0);
});

test('strikes survive a restart; who leaves while he waits is judged all the same', async (t) => {
    const c = await Classifier.start(t);
    const d = await Daemon.start(t, { changes: filtered(c, {}, { store: 'parley.db', store_keep_free: 0 }) });
    const ann = await enter(t, d, 'ann');
    await assert.rejects(ann.say('general', 'damn 1'), refused('rejected'));
    let late;
    const asked = new Promise((r) => (c.answer = (text, response) => ((late = response), r())));
    ann.send({ type: 'chat_message', channel: 'general', message: 'damn 2' });
    await asked;
    await ann.close();
    c.says(late, 0.9);
    while ((await strikes(d, 'ann')) < 2) await new Promise((r) => setImmediate(r));
    await d.terminate();
    await d.restart();
    assert.equal(await strikes(d, 'ann'), 2);
    c.answer = (text, response) => c.says(response, 0.9);
    const again = await enter(t, d, 'ann');
    await assert.rejects(again.say('general', 'damn 3'), refused('rejected'));
    await assert.rejects(again.say('general', 'hello'), refused('muted'));
});

test('the server stops while messages wait', async (t) => {
    const c = await Classifier.start(t);
    let asked = 0;
    c.answer = () => asked++;
    const d = await Daemon.start(t, { changes: filtered(c) });
    const authors = await Promise.all(Array.from({ length: 70 }, (_, i) => enter(t, d, `a${i}`)));
    for (const a of authors) {
        a.send({ type: 'chat_message', channel: 'general', message: '1' });
        a.send({ type: 'chat_message', channel: 'general', message: '2' });
    }
    while (asked < 64) await new Promise((r) => setImmediate(r));
    while ((await d.metric('parley_waiting{section="acme_filter"}')) < 70) await new Promise((r) => setImmediate(r));
    assert.deepEqual(await d.terminate(), { status: 0, signal: null });
    assert.equal(asked, 64);
    const refusals = d.lines.filter((l) => l.event === 'message_refused');
    assert.equal(refusals.length, 140, 'each is told of in the log');
    assert.ok(refusals.every((l) => l.code === 'unavailable' && ['stopping', 'closed'].includes(l.rule)));
});

test('jobs on worker threads: answers, order, deadlines, and the end', async (t) => {
    const d = await Daemon.start(t, { changes: { 'hub thinker': { plugin: `${fixtures}/thinker.so`, deadline: '10m' }, 'hub rate_limit': null, server: { pumps: 2 } } });
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    const all = [30, 1, 20, 2].map((ms) => ann.say('general', `think ${ms}`));
    await Promise.all([...all, ...Array.from({ length: 20 }, (_, i) => bob.say('tech', `think ${i % 5}`))]);
    await ann.settle();
    assert.deepEqual(ann.of('chat_message').filter((p) => p.channel === 'general').map((p) => p.message), [30, 1, 20, 2].map((ms) => `thought for ${ms} ms`));
    assert.equal(ann.of('chat_message').length, 24);
    await assert.rejects(ann.say('general', 'think 13'), refused('rejected'));
    // What still runs when the server stops is let run to its end.
    const g = await gate(t, d);
    ann.send({ type: 'chat_message', channel: 'general', message: `think until ${g.path}` });
    while ((await d.metric('parley_waiting{section="thinker"}')) < 1) await new Promise((r) => setImmediate(r));
    const ended = d.terminate();
    await d.logged('message_refused', (l) => l.rule === 'stopping');
    assert.equal(d.process.exitCode, null);
    await g.open();
    assert.deepEqual(await ended, { status: 0, signal: null });
    assert.equal(d.lines.filter((l) => l.event === 'message_refused' && l.rule === 'stopping').length, 1);
});

test('a job that takes too long is not waited for, and hurts nobody when it ends', async (t) => {
    const d = await Daemon.start(t, { changes: { 'hub thinker': { plugin: `${fixtures}/thinker.so`, deadline: '5ms' }, 'hub rate_limit': null } });
    const ann = await enter(t, d, 'ann');
    const g = await gate(t, d);
    await assert.rejects(ann.say('general', `think until ${g.path}`), refused('unavailable'));
    await ann.say('general', 'quick');
    await g.open();
    while ((await d.metric('parley_waiting{section="thinker"}')) > 0) await new Promise((r) => setImmediate(r));
    await ann.say('general', 'still here');
});

test('a moderator decides, over HTTP', async (t) => {
    const d = await Daemon.start(t, {
        changes: {
            'hub review': { max_of_user: 40 },
            'hub review in general': { hold: 'all' },
            'hub wordlist': { words: 'damn', action: 'hold' },
            'hub rate_limit': null,
        },
    });
    const ask = async (method, path, body, token) => {
        const headers = { authorization: `Bearer ${token ?? (await d.adminToken())}`, 'content-type': 'application/json' };
        const r = await fetch(`${d.admin}/admin/review/${path}`, { method, headers, body: body && JSON.stringify(body) });
        const json = r.headers.get('content-type')?.includes('json');
        return { status: r.status, ...(json && (await r.json())) };
    };
    const held = async (n) => {
        for (;;) {
            const { messages } = await ask('GET', 'messages');
            if (messages.length === n) return messages;
            await new Promise((r) => setImmediate(r));
        }
    };
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    const first = assert.rejects(ann.say('general', 'one', 'm1'), (e) => (assert.deepEqual([e.payload?.code, e.payload?.message], ['rejected', 'Not now.']), true));
    await held(1);
    const second = ann.say('general', 'two', 'm2');
    const third = ann.say('tech', 'damn', 'm3');
    const messages = await held(3);
    assert.deepEqual(messages.map((m) => [m.user, m.channel, m.section, m.rule, ...m.texts]), [
        ['ann', 'general', 'review', 'hold', 'one'],
        ['ann', 'general', 'review', 'hold', 'two'],
        ['ann', 'tech', 'wordlist', 'words', 'damn'],
    ]);
    assert.equal((await ann.next('notice')).payload.message, 'A moderator will look at your message first.');
    await ann.say('tech', 'passes');
    assert.equal((await ask('GET', 'messages', undefined, 'no token')).status, 401);
    assert.equal((await ask('POST', 'release', { id: messages[2].id })).decided, 'released');
    assert.equal((await third).cacheID, 2);
    assert.equal((await ask('POST', 'refuse', { id: messages[0].id, reason: 'Not now.' })).decided, 'refused');
    await first;
    assert.equal((await ask('POST', 'release', { id: messages[0].id })).status, 404);
    const unanswered = assert.rejects(second);
    await ann.close();
    await unanswered;
    while ((await ask('GET', 'messages')).messages[0].author_is_here) await new Promise((r) => setImmediate(r));
    assert.equal((await ask('POST', 'release', { id: messages[1].id })).status, 200);
    await bob.next('chat_message', (p) => p.message === 'two');
    assert.deepEqual(bob.of('chat_message').map((p) => p.message), ['passes', 'damn', 'two']);
    // What waits for a person takes none of the 32 messages that its author may have on the road.
    const cat = await enter(t, d, 'cat');
    for (let i = 0; i < 40; i++) cat.send({ type: 'chat_message', channel: 'general', message: `${i}` });
    await cat.say('tech', 'still here');
    await held(40);
    assert.deepEqual(await d.terminate(), { status: 0, signal: null });
    assert.equal(d.lines.filter((l) => l.event === 'message_refused' && l.rule === 'stopping').length, 40);
});
