// What plugins keep: it survives a kill, an ack tells the truth about it, and an operator is told what is wrong with the file.
import assert from 'node:assert/strict';
import { chmod, readdir, rm, stat, writeFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Daemon, root, run } from './lib/daemon.mjs';

const fixtures = process.env.PARLEY_FIXTURES ?? join(root, 'build/dev/tests/fixtures/plugins');
const keeper = { 'plugin keeper': { plugin: `${fixtures}/keeper.so` }, 'hub rate_limit': null };
const withStore = (server = {}) => ({ server: { store: 'parley.db', store_keep_free: 0, ...server }, ...keeper });
const ann = (t, d) => Client.open(t, `${d.ws}?name=ann`);

async function record(d, key) {
    const r = await fetch(`${d.admin}/admin/keeper/record?key=${encodeURIComponent(key)}`, {
        headers: { authorization: `Bearer ${await d.adminToken()}` },
    });
    return r.status === 200 ? (await r.json()).record : undefined;
}

test('what was acked is there after a kill, in the middle of writing', async (t) => {
    const d = await Daemon.start(t, { changes: withStore() });
    let n = 0;
    for (let round = 0; round < 5; round++) {
        const c = await ann(t, d);
        const first = n;
        const wanted = 20 + 37 * round;
        const enough = new Promise((done) => {
            let acks = 0;
            c.socket.on('message', (m) => {
                if (JSON.parse(m.toString()).type !== 'ack') return;
                c.send({ type: 'keep', id: `m${n}`, do: 'add', key: `k${n++}`, n: 1 });
                if (++acks === wanted) done();
            });
        });
        for (let i = 0; i < 16; i++) c.send({ type: 'keep', id: `m${n}`, do: 'add', key: `k${n++}`, n: 1 });
        await enough;
        await d.terminate('SIGKILL');
        await c.closed;
        const acked = c.of('ack').map((a) => a.id.slice(1));
        assert.ok(acked.length >= wanted);
        await d.restart();
        for (const id of acked) assert.equal(await record(d, `k${id}`), 1, `m${id} was acked`);
        for (let i = first; i < n; i++) assert.ok([1, undefined].includes(await record(d, `k${i}`)), `k${i}: once or not at all`);
        assert.equal(await record(d, 'starts'), round + 2);
    }
    assert.ok((await d.metric('parley_store_commits_total')) >= 1);
});

test('a timer whose time came while the server was down', async (t) => {
    const d = await Daemon.start(t, { changes: withStore() });
    const c = await ann(t, d);
    c.send({ type: 'keep', id: 'a', do: 'at', key: 'soon', n: 10 });
    c.send({ type: 'keep', id: 'b', do: 'at', key: 'later', n: 3_600_000 });
    await c.next('rang', (p) => p.key === 'soon');
    c.send({ type: 'keep', id: 'c', do: 'at', key: 'missed', n: 1000 });
    await c.next('ack', (p) => p.id === 'c');
    await d.terminate('SIGKILL');
    await d.restart();
    const again = await ann(t, d);
    if ((await record(d, 'rang/missed')) === undefined) await again.next('rang', (p) => p.key === 'missed');
    assert.equal(await record(d, 'rang/missed'), 1);
    assert.equal(await record(d, 'rang/soon'), 1);
    assert.equal(await record(d, 'rang/later'), undefined);
});

test('one file, ours alone, and one server at a time', async (t) => {
    const d = await Daemon.start(t, { changes: withStore() });
    const file = join(d.folder, 'parley.db');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await d.logged('store_opened')).file, file);
    const second = join(d.folder, 'second.ini');
    await writeFile(second, `[server]\nlisten = 127.0.0.1:0\nstore = parley.db\n[admin]\nlisten = none\n`);
    const r = await run(['-c', second]);
    assert.equal(r.status, 2);
    assert.match(r.stderr, /"event":"start_failed".*parley\.db is in use by another process/);
    const ok = await run(['--check-config', '-c', second]);
    assert.equal(ok.status, 0, 'a check does not need the file to be free');
    assert.deepEqual(await d.terminate(), { status: 0, signal: null });
    assert.deepEqual((await readdir(d.folder)).filter((n) => n.startsWith('parley.db')), ['parley.db'], 'one file is left, to be copied');
    await writeFile(file, 'no database at all, but a text of some length, which is what SQLite looks at first of all things\n'.repeat(20));
    const broken = await run(['-c', d.file]);
    assert.equal(broken.status, 2);
    assert.match(broken.stderr, /parley\.db is no database/);
});

test('a disk without room: chat goes on, and the operator is told', async (t) => {
    const d = await Daemon.start(t, { changes: withStore({ store_keep_free: '1024GiB' }) });
    const why = await d.logged('store_failed');
    assert.match(why.msg, /MiB are to be kept free/);
    const ready = await fetch(`${d.http}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /^the store: the disk has \d+ MiB left/);
    const c = await ann(t, d);
    c.send({ type: 'keep', do: 'add', key: 'n', n: 1 });
    assert.equal((await c.next('error')).payload.code, 'unavailable');
    c.send({ type: 'chat_message', id: 'x', channel: 'general', message: 'still here' });
    await c.next('chat_message', (p) => p.message === 'still here');
    assert.equal(d.lines.filter((l) => l.event === 'store_failed').length, 1);
});

test('without a file it is in memory, and says so once', async (t) => {
    const d = await Daemon.start(t, { changes: keeper });
    const c = await ann(t, d);
    c.send({ type: 'keep', do: 'add', key: 'n', n: 5 });
    assert.equal((await c.next('kept')).payload.record, 5);
    assert.equal(d.lines.filter((l) => l.event === 'store_in_memory').length, 1);
    assert.equal((await fetch(`${d.http}/readyz`)).status, 200);
    await d.terminate();
    await d.restart();
    assert.equal(await record(d, 'n'), undefined);
});

test('--check-config looks at the folder', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-store-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const ini = join(folder, 'x.ini');
    const check = async (store) => {
        await writeFile(ini, `[server]\nlisten = 127.0.0.1:0\nstore = ${store}\n`);
        return run(['--check-config', '-c', ini]);
    };
    assert.equal((await check('new.db')).status, 0);
    assert.deepEqual(await readdir(folder), ['x.ini'], 'nothing is made by a check');
    const missing = await check('no/such/folder/parley.db');
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /x\.ini:3: \[server\]: 'store': there is no folder '.*no\/such\/folder'/);
    const wrong = await check('.');
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /x\.ini:3: .*is not a file/);
    if (process.getuid() === 0) return; // who may write everywhere
    await chmod(folder, 0o500);
    const locked = await run(['--check-config', '-c', ini]);
    await chmod(folder, 0o700);
    assert.equal(locked.status, 1);
});
