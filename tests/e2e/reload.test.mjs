// Reloads: sections are replaced, added and removed while clients talk; whatever is wrong with a new one is said in a line, and the old one
// serves on.
//
// Sizes grow by hand: PARLEY_LOAD=full node --test reload.test.mjs
import assert from 'node:assert/strict';
import { chmod, copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, enter } from './lib/client.mjs';
import { Daemon, edit, root, run, slow } from './lib/daemon.mjs';

const fixtures = process.env.PARLEY_FIXTURES ?? join(root, 'build/dev/tests/fixtures/plugins');
const full = process.env.PARLEY_LOAD === 'full';
const unlimited = { 'hub rate_limit': { messages: 1000000, window: '1s', burst: 1000000 } };

/** A daemon with a plugin of its own, whose file a test replaces. */
async function start(t, changes = {}) {
    const d = await Daemon.start(t, { changes: { server: { pumps: 2 }, ...unlimited, ...changes } });
    d.so = join(d.folder, 'own.so');
    d.put = async (from) => {
        await copyFile(join(fixtures, from), `${d.so}.new`);
        await rename(`${d.so}.new`, d.so);
    };
    d.change = async (what) => writeFile(d.file, edit(await readFile(d.file, 'utf8'), what));
    /** SIGHUP; the lines that came of it. */
    d.reload = async () => {
        const since = d.lines.length;
        d.process.kill('SIGHUP');
        await d.logged('reload_done', () => true, since);
        return d.lines.slice(since).filter((l) => l.event === 'reload' || l.event === 'reload_failed').map((l) => l.msg);
    };
    return d;
}

test('a section is added, replaced by another version, given other keys, and removed; nobody is dropped', async (t) => {
    const d = await start(t);
    const ann = await enter(t, d, 'ann');
    const said = async (text) => (await ann.say('general', text), (await ann.next('chat_message')).payload.message);
    assert.equal(await said('a'), 'a');
    assert.deepEqual(await d.reload(), ['nothing changed']);
    await d.put('version1.so');
    await d.change({ 'hub own': { plugin: d.so } });
    assert.deepEqual(await d.reload(), ['[hub own]: generation 1 serves (org.example.version v1)']);
    assert.equal(await said('b'), 'b v1 1');
    await d.put('version2.so');
    assert.deepEqual(await d.reload(), ['[hub own]: generation 2 serves (org.example.version v2)']);
    assert.equal(await said('c'), 'c v2 2', 'it goes on from what the old one saved');
    await d.change({ 'hub own': { on_error: 'pass' }, 'hub rate_limit': { messages: 999999 } });
    assert.deepEqual(await d.reload(), ['[hub rate_limit]: generation 2 serves (org.parley.rate_limit 1.0.0)', '[hub own]: generation 3 serves (org.example.version v2)']);
    assert.equal(await said('d'), 'd v2 3');
    await d.change({ 'hub own': null });
    assert.deepEqual(await d.reload(), ['[hub own]: is gone']);
    assert.equal(await said('e'), 'e');
    assert.equal(ann.socket.readyState, 1);
    assert.equal((await d.terminate()).status, 0);
});

test('a file that an option names is read anew when it changed, and only then', async (t) => {
    const d = await start(t);
    const file = async (name, text) => (await writeFile(join(d.folder, name), text), join(d.folder, name));
    const rule = (word) => `function message(m)\n  if m.text == "${word}" then return false end\nend\n`;
    await d.change({
        'hub wordlist': { lists: await file('words.txt', 'fiddle\n') },
        'hub links': { deny: `bad.example, ${await file('deny.txt', 'worse.example\n')}`, allow: await file('allow.txt', 'ok.bad.example\n') },
        'hub script': { file: await file('rule.lua', rule('one')) },
    });
    assert.equal((await d.reload()).length, 3);
    assert.deepEqual(await d.reload(), ['nothing changed']);
    for (const [name, text, section] of [
        ['words.txt', 'fiddle\nsticks\n', 'wordlist'],
        ['deny.txt', 'worse.example\nworst.example\n', 'links'],
        ['allow.txt', 'fine.bad.example\n', 'links'],
        ['rule.lua', rule('three'), 'script'],
    ]) {
        await file(name, text);
        assert.match((await d.reload()).join(), new RegExp(`^\\[hub ${section}\\]: generation \\d serves [^,]*$`), name);
    }
    assert.deepEqual(await d.reload(), ['nothing changed']);
    const ann = await enter(t, d, 'ann');
    const said = (text) => ann.say('general', text).then(() => 'passed', (e) => e.message);
    assert.match(await said('sticks'), /There are words/);
    assert.match(await said('worst.example'), /Links to worst\.example/);
    assert.match(await said('ok.bad.example'), /Links to ok\.bad\.example/);
    assert.equal(await said('fine.bad.example'), 'passed');
    assert.equal(await said('one'), 'passed');
    assert.match(await said('three'), /not allowed here/);
});

test('what only a restart can change is said, by name', async (t) => {
    const d = await start(t);
    await d.change({ server: { max_connections: 123, ping: '20s' }, 'auth visitors': { plugin: 'open' }, 'hub rate_limit': { messages: 5 } });
    assert.deepEqual((await d.reload()).sort(), [
        "[auth visitors]: is new; it takes part when the server is restarted",
        '[hub rate_limit]: generation 2 serves (org.parley.rate_limit 1.0.0)',
        "[server]: 'max_connections' is another one now; that takes a restart",
        "[server]: 'ping' is another one now; that takes a restart",
    ]);
});

test('each that cannot be loaded is refused in one line, and the old one serves on', async (t) => {
    const d = await start(t, {});
    await d.put('version1.so');
    await d.change({ 'hub own': { plugin: d.so } });
    await d.reload();
    const ann = await enter(t, d, 'ann');
    let count = 0;
    const refused = async (words) => {
        const lines = await d.reload();
        assert.equal(lines.length, 1, lines.join('\n'));
        assert.match(lines[0], words);
        await ann.say('general', 'x');
        assert.equal((await ann.next('chat_message')).payload.message, `x v1 ${++count}`);
    };
    await d.put('crash_load.so');
    await refused(/parley\.ini:\d+: \[hub own\]: \S*own\.so crashed in load \(SIGSEGV\)$/);
    await d.put('hang_load.so');
    await refused(/\[hub own\]: \S*own\.so hangs in load: it did not return within 5 s$/);
    await d.put('abi2.so');
    await refused(/own\.so: plugin '\S+' needs plugin ABI 2\.0 .*; this parleyd \S+ provides ABI 1\.\d+$/);
    await d.put('empty.so');
    await refused(/own\.so: exports no parley_plugin_descriptor, so it is no Parley plugin$/);
    await d.put('needy.so');
    await refused(/needs the service 'org\.example\.absent\/1', which no section provides$/);
    await d.put('version2.so');
    await chmod(d.so, 0o666);
    await refused(/own\.so is writable by anyone$/);
    await d.put('misbehave.so');
    for (const [keys, words] of [
        [{ in: 'create' }, /own\.so crashed in create \(SIGSEGV\)$/],
        [{ in: 'create', how: 'fail' }, /\[hub own\]: plugin 'org\.example\.misbehave' could not be created: Input\/output error$/],
        [{ in: 'start', how: 'fail' }, /^\[hub own\] could not start: Input\/output error$/],
        [{ in: 'nowhere' }, /parley\.ini:\d+: .*'in' must be/],
    ]) {
        await d.change({ 'hub own': { in: null, how: null, ...keys } });
        await refused(words);
    }
    await d.put('version2.so');
    await d.change({ 'hub own': { in: null, how: null } });
    assert.deepEqual(await d.reload(), ['[hub own]: generation 2 serves (org.example.version v2)']);
});

test('at the start, too, what crashes or hangs while it is loaded is refused by name', async (t) => {
    const d = await start(t);
    for (const [file, words] of [['crash_load', /crash_load\.so crashed in load \(SIGSEGV\)/], ['hang_load', /hang_load\.so hangs in load/]]) {
        await d.change({ 'hub own': { plugin: join(fixtures, `${file}.so`) } });
        const r = await run(['-c', d.file]);
        assert.equal(r.status, 1);
        assert.match(r.stderr, words);
        assert.equal(r.stderr.trim().split('\n').length, 1);
    }
});

test('reloads under load: nobody is dropped, nothing is lost, repeated or out of order', { timeout: 600_000 }, async (t) => {
    const [clients, channels, reloads, perSecond] = full ? [2000, 100, 200, 2000] : [Math.floor(100 / Math.min(slow, 2)), 5, slow === 1 ? 10 : 4, Math.floor(300 / slow)];
    const list = Array.from({ length: channels }, (_, i) => `c${i}`);
    const d = await start(t, {
        server: { pumps: 2, max_per_address: 0 },
        'hub channels': { list: list.join(', '), auto_join: null }, 'hub channels in general': null, 'hub channels in gaming': null, 'hub channels in tech': null, 'hub roster': null,
    });
    await d.put('version1.so');
    await d.change({ 'hub own': { plugin: d.so } });
    await d.reload();
    const members = [];
    for (let i = 0; i < clients; i += 50)
        members.push(...(await Promise.all(Array.from({ length: Math.min(50, clients - i) }, (_, k) => Client.open(t, `${d.ws}?name=user${i + k}`)))));
    await Promise.all(members.map((c, i) => c.ask({ type: 'join_channel', channel: list[i % channels] })));
    let left = 0;
    for (const c of members) c.closed.then(() => left++);
    let sent = 0;
    let over = false;
    const acks = [];
    const talk = (async () => {
        const began = performance.now();
        while (!over) {
            for (const due = ((performance.now() - began) / 1000) * perSecond; sent < due; sent++) {
                const author = sent % clients;
                acks.push(members[author].say(list[author % channels], `${sent}`));
            }
            await new Promise((r) => setTimeout(r, 5));
        }
    })();
    const stalls = [];
    let resident;
    for (let n = 0; n < reloads; n++) {
        await d.put(n % 2 ? 'version1.so' : 'version2.so');
        const lines = await d.reload();
        assert.deepEqual(lines, [`[hub own]: generation ${n + 2} serves (org.example.version ${n % 2 ? 'v1' : 'v2'})`]);
        stalls.push(d.lines.findLast((l) => l.event === 'reloaded').hub_us);
        if (n === Math.floor(reloads / 4)) resident = await d.residentKb();
        await new Promise((r) => setTimeout(r, 20));
    }
    over = true;
    await talk;
    await Promise.all(acks);
    const grown = (await d.residentKb()) - resident;
    assert.equal(left, 0, 'nobody was dropped');
    const wanted = Array.from({ length: channels }, () => 0);
    for (let n = 0; n < sent; n++) wanted[(n % clients) % channels]++;
    const counts = new Set();
    for (const [i, c] of members.entries()) {
        await c.next('chat_message', (p) => p.offset === wanted[i % channels], 60_000 * slow);
        const got = c.of('chat_message');
        assert.deepEqual(got.map((p) => p.offset), Array.from({ length: wanted[i % channels] }, (_, k) => k + 1), 'in order, once each');
        for (const p of got) counts.add(Number(/ v[12] (\d+)$/.exec(p.message)[1]));
    }
    assert.equal(counts.size, sent, 'each was counted once, by whichever generation');
    assert.equal(Math.max(...counts), sent);
    stalls.sort((a, b) => a - b);
    t.diagnostic(`${clients} clients, ${sent} messages, ${reloads} reloads; the hub stood still for ${stalls.at(-1)} us at most, ${stalls[stalls.length >> 1]} us in the middle; ${grown} KB more`);
    if (full) assert.ok(grown < 64 * 1024, `grew by ${grown} KB`);
});
