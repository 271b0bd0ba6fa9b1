// How a hub is run: in the shadow, where it changes nothing and tells what it would have done; and with a breaker, which passes a slow one over.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { enter } from './lib/client.mjs';
import { Daemon, edit, root, run, shipped, slow } from './lib/daemon.mjs';

const fixtures = process.env.PARLEY_FIXTURES ?? join(root, 'build/dev/tests/fixtures/plugins');
const live = { 'hub wordlist': { words: 'fiddlesticks', action: 'reject' } };
const shadows = {
    'hub strict': { plugin: 'wordlist', mode: 'shadow', words: 'bother, fiddlesticks', action: 'reject' },
    'hub mild': { plugin: 'wordlist', mode: 'shadow', words: 'drat', action: 'mask' },
    'hub quiet': { plugin: 'mute', mode: 'shadow' },
    'hub again': { plugin: 'recent', mode: 'shadow' },
    'hub more_channels': { plugin: 'channels', mode: 'shadow', list: 'secret', auto_join: '*' },
    'hub who': { plugin: 'roster', mode: 'shadow' },
    'hub also': { plugin: 'router', mode: 'shadow' },
};

async function admin(d, path) {
    const r = await fetch(`${d.admin}${path}`, { headers: { authorization: `Bearer ${await d.adminToken()}` } });
    return { status: r.status, text: await r.text(), type: r.headers.get('content-type') };
}

async function verdicts(d, query = '') {
    const r = await admin(d, `/admin/verdicts${query}`);
    assert.equal(r.status, 200, r.text);
    return JSON.parse(r.text).verdicts;
}

/** What differs from run to run by its nature. */
const steady = (frame) =>
    JSON.stringify(frame)
        .replace(/"epoch":"\w+"/g, '"epoch":"E"')
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T')
        .replace(/"(\w*client\w*)":"?[\w-]+"?/gi, '"$1":"C"');

/** The same conversation, and every frame of it. */
async function converse(t, changes) {
    const d = await Daemon.start(t, { changes: { log: { level: 'debug' }, ...changes } });
    const ann = await enter(t, d, 'ann');
    const bob = await enter(t, d, 'bob');
    await ann.next('user_status', (p) => p.id === 'bob'); // who comes is told of when a window ends: between which messages is chance
    const told = [];
    for (const [i, text] of ['hello', 'oh bother', 'drat it', 'fiddlesticks', 'bother, drat and fiddlesticks', 'good bye'].entries())
        for (const channel of ['general', 'gaming'])
            told.push(await ann.say(channel, text, `m${i}${channel}`).then(() => 'ok', (e) => e.payload.code));
    await ann.ask({ type: 'private_chat_message', recipient_id: 'bob', message: 'bother' }, 'w');
    await bob.ask({ type: 'leave_channel', channel: 'gaming' }, 'l');
    await ann.say('gaming', 'drat', 'last');
    await ann.settle();
    await bob.settle();
    const eve = await enter(t, d, 'eve'); // sees what is kept
    for (const c of [ann, bob]) await c.next('user_status', (p) => p.id === 'eve');
    await eve.settle();
    await bob.settle();
    await ann.settle();
    return { d, told, frames: [ann, bob, eve].map((c) => c.frames.filter((f) => !/^0\./.test(f.payload?.id ?? '')).map(steady)) };
}

describe('shadow', { concurrency: 2 }, () => {
    it('changes nothing on the wire, and reports what it would have done', async (t) => {
        // Nothing is over its budget on a busy machine: that would be a record like the others.
        const unhurried = (sections) => Object.fromEntries(Object.entries(sections).map(([head, keys]) => [head, { ...keys, budget: 0 }]));
        const alone = await converse(t, unhurried(live));
        const { d, told, frames } = await converse(t, unhurried({ ...shadows, ...live }));
        assert.deepEqual(frames.map((f) => f.length >= 3), [true, true, true]);
        assert.deepEqual(told, alone.told);
        assert.deepEqual(frames, alone.frames);
        assert.equal(told.filter((x) => x === 'rejected').length, 4);

        const strict = await verdicts(d, '?section=strict');
        assert.deepEqual(new Set(strict.map((v) => `${v.mode} ${v.verdict}`)), new Set(['shadow reject']));
        // bother twice, fiddlesticks twice, both twice, a whisper: also those that the live one refused
        assert.deepEqual(strict.map((v) => v.id).reverse(), ['m1general', 'm1gaming', 'm3general', 'm3gaming', 'm4general', 'm4gaming', 'w']);
        const one = strict.at(-1);
        assert.deepEqual({ ...one, number: 0, time: '', us: 0, version: '' },
            { number: 0, time: '', section: 'strict', plugin: 'org.parley.wordlist', version: '', generation: 1, mode: 'shadow', hook: 'on_message', verdict: 'reject', code: 'rejected', rule: 'words', type: 'chat_message', channel: 'general', user: 'ann', id: 'm1general', us: 0 });
        assert.ok(one.version && one.us >= 0 && Math.abs(Date.parse(one.time) - Date.now()) < 60_000 * slow);
        const mild = await verdicts(d, '?section=mild');
        assert.deepEqual(mild.map((v) => [v.verdict, v.id]), [['edit', 'last'], ['edit', 'm4gaming'], ['edit', 'm4general'], ['edit', 'm2gaming'], ['edit', 'm2general']]);
        const lived = await verdicts(d, '?section=wordlist&limit=3');
        assert.deepEqual(lived.map((v) => [v.mode, v.verdict, v.id]), [['enforce', 'reject', 'm4gaming'], ['enforce', 'reject', 'm4general'], ['enforce', 'reject', 'm3gaming']]);
        assert.equal((await verdicts(d, '?user=bob')).filter((v) => v.verdict === 'reject').length, 0);
        assert.equal((await verdicts(d, '?channel=Gaming&verdict=reject&section=strict')).length, 3);

        assert.equal(await d.metric('parley_shadow_verdicts_total{section="strict",verdict="reject"}'), 7);
        assert.equal(await d.metric('parley_verdicts_total{section="wordlist",verdict="reject"}'), 4);
        assert.ok((await d.metric('parley_shadow_discarded_total{section="also"}')) > 0);
        assert.ok((await d.metric('parley_hub_seconds_count{section="strict"}')) > 0);
        const line = await d.logged('shadow_verdict', (l) => l.section === 'strict' && l.type === 'private_chat_message');
        assert.deepEqual([line.verdict, line.rule, line.code, line.user], ['reject', 'words', 'rejected', 'ann']);
        const refusal = await d.logged('message_refused', (l) => l.section === 'wordlist');
        assert.ok(refusal.version && refusal.us >= 0 && refusal.rule === 'words');
        assert.equal(d.lines.filter((l) => l.event === 'message_refused' && l.section).length, 4, 'once each');
    });

    it('--check-config prints the chain as it runs', async (t) => {
        const d = await Daemon.start(t, { changes: { ...shadows, ...live, 'hub wordlist': { ...live['hub wordlist'], on_error: 'pass', budget: '50ms' } } });
        const { stdout } = await run(['--check-config', '-c', d.file]);
        assert.match(stdout, /^ {2}moderate +strict \(org\.parley\.wordlist [\d.]+\); shadow, on_error reject, budget 5 ms$/m);
        assert.match(stdout, /^ {2}moderate +wordlist \(org\.parley\.wordlist [\d.]+\); enforce, on_error pass, budget 50 ms$/m);
        await writeFile(d.file, edit(await shipped('parley.dev.ini'), { 'hub router': { mode: 'hidden' } }));
        const bad = await run(['--check-config', '-c', d.file]);
        assert.equal(bad.status, 1);
        assert.match(bad.stderr, /parley\.ini:\d+: 'mode' must be 'enforce' or 'shadow', not 'hidden'/);
    });

    it('who may ask for verdicts, and how', async (t) => {
        const d = await Daemon.start(t);
        assert.equal((await fetch(`${d.admin}/admin/verdicts`)).status, 401);
        assert.equal((await fetch(`${d.http}/admin/verdicts`)).status, 404);
        const good = await admin(d, '/admin/verdicts');
        assert.deepEqual([good.status, good.text], [200, '{"verdicts":[]}']);
        assert.match(good.type, /^application\/json/);
        for (const query of ['?limit=0', '?limit=x', '?since=soon', '?verdict=maybe']) assert.equal((await admin(d, `/admin/verdicts${query}`)).status, 400, query);
    });
});

describe('a slow hook', { concurrency: 2 }, () => {
    const slowly = (more) => ({ 'hub sleepy': { plugin: `${fixtures}/slow.so`, takes: '300ms', budget: '100ms', ...more }, 'hub rate_limit': null });

    it('opens the breaker: messages are refused', async (t) => {
        const d = await Daemon.start(t, { changes: slowly({}) });
        const ann = await enter(t, d, 'ann');
        await ann.say('general', 'quickly');
        const began = performance.now();
        for (let i = 0; i < 5; i++) await ann.say('general', 'slowly', `s${i}`);
        const took = performance.now() - began;
        const told = await ann.say('general', 'quickly', 'late').catch((e) => e.payload);
        assert.equal(told.code, 'unavailable');
        const over = await d.logged('over_budget', (l) => l.section === 'sleepy');
        assert.ok(over.section === 'sleepy' && over.hook === 'on_message' && over.us >= 300_000 && over.budget_ms === 100);
        await d.logged('breaker_opened', (l) => l.section === 'sleepy');
        const lines = d.lines.filter((l) => l.event === 'over_budget' && l.section === 'sleepy').length;
        assert.ok(lines <= 1 + took / 1000, `a line a second: ${lines} in ${took} ms`);
        assert.equal(await d.metric('parley_hub_breaker_open{section="sleepy"}'), 1);
        assert.equal(await d.metric('parley_hub_over_budget_total{section="sleepy"}'), 5);
        assert.equal(await d.metric('parley_hub_skipped_total{section="sleepy"}'), 1);
        const records = await verdicts(d, '?section=sleepy');
        assert.deepEqual(records.map((v) => [v.verdict, v.rule, v.id, v.version]), [
            ['reject', 'breaker', 'late', '2.5.0'], ['breaker_opened', undefined, undefined, '2.5.0'],
            ...[4, 3, 2, 1, 0].map((i) => ['over_budget', undefined, `s${i}`, '2.5.0'])]);
        assert.ok(records.at(-1).us >= 300_000);
    });

    it('or pass unjudged, as on_error says', async (t) => {
        const d = await Daemon.start(t, { changes: slowly({ on_error: 'pass' }) });
        const ann = await enter(t, d, 'ann');
        for (let i = 0; i < 5; i++) await ann.say('general', 'slowly');
        await d.logged('breaker_opened', (l) => l.section === 'sleepy');
        await ann.say('general', 'slowly', 'past');
        assert.equal(await d.metric('parley_hub_over_budget_total{section="sleepy"}'), 5);
        assert.equal(await d.metric('parley_hub_skipped_total{section="sleepy"}'), 1);
    });

    it('is left alone without a budget', async (t) => {
        const d = await Daemon.start(t, { changes: slowly({ budget: '0' }) });
        const ann = await enter(t, d, 'ann');
        for (let i = 0; i < 6; i++) await ann.say('general', 'slowly');
        assert.equal(await d.metric('parley_hub_over_budget_total{section="sleepy"}'), 0);
    });
});
