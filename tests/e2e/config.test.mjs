// What an operator meets: --check-config, faults with their lines, shipped files from anywhere, and a server that does without any one hub.
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, enter } from './lib/client.mjs';
import { Daemon, edit, root, run, shipped } from './lib/daemon.mjs';

const fixtures = process.env.PARLEY_FIXTURES ?? join(root, 'build/dev/tests/fixtures/plugins');

async function folder(t) {
    const f = await mkdtemp(join(tmpdir(), 'parley-config-'));
    t.after(() => rm(f, { recursive: true, force: true }));
    return f;
}

async function check(t, text) {
    const file = join(await folder(t), 'x.ini');
    await writeFile(file, text);
    const r = await run(['--check-config', '-c', file]);
    return { ...r, faults: r.stderr.split('\n').filter(Boolean).map((l) => l.replace(file, 'x.ini')) };
}

test('the shipped files are understood, wherever they are copied to', async (t) => {
    const f = await folder(t);
    for (const name of ['parley.dev.ini', 'parley.onrabble.ini', 'parley.bench.ini', 'parley.ini']) {
        await copyFile(join(root, 'etc', name), join(f, name));
        const r = await run(['--check-config', '-c', name], { cwd: f });
        if (r.status === 0) continue;
        // What only the operator can know is asked for by its name, and nothing else is wrong.
        for (const line of r.stderr.trim().split('\n')) assert.match(line, /issuer/, `${name}: ${line}`);
    }
    const dev = await run(['--check-config', '-c', join(f, 'parley.dev.ini')], { cwd: '/' });
    assert.equal(dev.status, 0, dev.stderr);
    assert.match(dev.stdout, /ok/);
    assert.match(dev.stdout, /route +router/, 'the chain is printed');
});

test('every fault is found, with its line', async (t) => {
    const dev = (await shipped('parley.dev.ini')).split('\n');
    const at = (line) => dev.indexOf(line) + 1;
    assert.ok(at('[hub rate_limit]') > 0);
    const { status, faults, stdout } = await check(t, [
        '[server]', 'listen = nonsense', 'pumps = 0', 'mesages = 3', 'ping = 5 parsecs',
        '[hub rate_limit]', 'mesages = 10', 'window = 60',
        '[hub nosuch]',
        `[hub v2]`, `plugin = ${fixtures}/abi2.so`,
        '[hub rate_limit]', 'messages = 1',
        `; ${'x'.repeat(5000)}`,
        '[bad', 'key = swallowed',
        '[hub needy]', `plugin = ${fixtures}/needy.so`,
        'just words',
        '[protocol native]', '[nonsense x]',
    ].join('\n'));
    assert.equal(status, 1);
    assert.equal(stdout, '');
    const lines = faults.map((f) => Number(/^x\.ini:(\d+): ./.exec(f)?.[1]));
    for (const n of [2, 3, 4, 5, 7, 8, 9, 11, 12, 14, 15, 17, 19, 21]) assert.ok(lines.includes(n) || (n === 17 && lines.includes(18)), `line ${n} in\n${faults.join('\n')}`);
    assert.ok(!lines.includes(16), 'a key of a broken section is not blamed on another');
    assert.deepEqual([...lines].sort((a, b) => a - b), lines, 'in order');
    const text = faults.join('\n');
    assert.match(text, /x\.ini:7: .*did you mean 'messages'/);
    assert.match(text, /needs plugin ABI 2\.\d.*provides ABI 1\.\d/);
});

test('a file that cannot be read, no file, a bad option', async (t) => {
    assert.equal((await run(['--check-config', '-c', '/nonexistent.ini'])).status, 1);
    assert.notEqual((await run(['--nonsense'])).status, 0);
    assert.notEqual((await run([])).status, 0);
    assert.equal((await run(['--version'])).status, 0);
    assert.match((await run(['--version'])).stdout, /ABI 1\.\d/);
    assert.equal((await run(['--help'])).status, 0);
    const broken = await check(t, '[server]\nlisten = 127.0.0.1:0\nnope = 1\n');
    assert.equal(broken.status, 1);
    const r = await run(['-c', '/nonexistent.ini']);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /\/nonexistent\.ini/);
});

test('without any plugin it starts and lets nobody in', async (t) => {
    const d = await Daemon.start(t, { ini: '[server]\nlisten = 127.0.0.1:0\n' });
    await assert.rejects(Client.open(t, `${d.ws}?name=ann`));
    assert.equal((await fetch(`${d.http}/healthz`)).status, 200);
});

test('open refuses any but a loopback address', async (t) => {
    const { status, faults } = await check(t, edit(await shipped('parley.dev.ini'), { server: { listen: '0.0.0.0:0' } }));
    assert.equal(status, 1);
    assert.match(faults.join('\n'), /loopback/);
});

for (const hub of ['mute', 'rate_limit', 'channels', 'recent', 'roster', 'router', 'analytics'])
    test(`without [hub ${hub}] it does all but that`, async (t) => {
        const changes = { [`hub ${hub}`]: null };
        if (hub === 'channels') for (const c of ['general', 'gaming', 'tech']) changes[`hub channels in ${c}`] = null;
        const d = await Daemon.start(t, { changes });
        const ann = await Client.open(t, `${d.ws}?name=ann`);
        const bob = await Client.open(t, `${d.ws}?name=bob`);
        const whisper = ann.ask({ type: 'private_chat_message', recipient_id: 'bob', message: 'psst' });
        if (hub === 'router') {
            await assert.rejects(whisper, /unavailable/);
            await assert.rejects(ann.say('general', 'x'), /unavailable/);
            return;
        }
        await whisper;
        await bob.next('private_chat_message');
        if (hub === 'channels') {
            await assert.rejects(ann.say('general', 'x'), /unknown_channel/);
            return;
        }
        await ann.say('general', 'hello');
        await bob.next('chat_message');
        const cat = await Client.open(t, `${d.ws}?name=cat`);
        await cat.next('active_channels');
        if (hub !== 'roster') await cat.next('connected_users');
        if (hub !== 'recent') await cat.next('bulk_chat_messages');
        await cat.settle();
        if (hub === 'roster') assert.equal(cat.of('connected_users').length, 0);
        if (hub === 'recent') await assert.rejects(cat.ask({ type: 'resume', channel: 'general', epoch: 'x', offset: 0 }), /unavailable/);
        if (hub === 'rate_limit') for (let i = 0; i < 100; i++) ann.send({ type: 'chat_message', channel: 'general', message: 'x' });
        if (hub === 'rate_limit') await bob.next('chat_message', (p) => p.offset === 101);
        assert.equal((await d.terminate()).status, 0);
    });

test('a port in use, an unreadable key, a certificate that is none: one sentence each', async (t) => {
    const f = await folder(t);
    const server = createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await new Promise((r) => server.on('listening', r));
    const port = server.address().port;
    const sentence = async (changes, expected) => {
        const file = join(f, 'y.ini');
        await writeFile(file, edit(await shipped('parley.dev.ini'), { admin: { listen: 'none' }, ...changes }));
        const r = await run(['-c', file]);
        assert.ok(r.status === 1 || r.status === 2, `status ${r.status}`);
        const lines = r.stderr.trim().split('\n').filter((l) => expected.test(l));
        assert.equal(lines.length, 1, r.stderr);
    };
    await sentence({ server: { listen: `127.0.0.1:${port}` } }, new RegExp(`127\\.0\\.0\\.1:${port}.*in use`));
    await writeFile(join(f, 'cert.pem'), 'not a certificate');
    await writeFile(join(f, 'key.pem'), 'secret');
    await sentence({ server: { listen: '127.0.0.1:0', tls_certificate: join(f, 'cert.pem'), tls_key: join(f, 'missing.pem') } }, /missing\.pem/);
    await sentence({ server: { listen: '127.0.0.1:0', tls_certificate: join(f, 'cert.pem'), tls_key: join(f, 'key.pem') } }, /cert\.pem|key\.pem/);
});

test('two daemons do not share a port unnoticed', async (t) => {
    const d = await Daemon.start(t);
    const file = join(d.folder, 'second.ini');
    await writeFile(file, edit(await shipped('parley.dev.ini'), { server: { listen: d.address }, admin: { listen: 'none' } }));
    const r = await run(['-c', file]);
    assert.equal(r.status, 2);
    assert.match(r.stderr, /in use/);
    await enter(t, d, 'ann');
});

test('a plugin file that anyone could have written is refused', async (t) => {
    const f = await folder(t);
    const so = join(f, 'noop.so');
    await copyFile(join(fixtures, 'noop.so'), so);
    await chmod(so, 0o666);
    const { status, faults } = await check(t, `[hub noop]\nplugin = ${so}\n`);
    assert.equal(status, 1);
    assert.match(faults.join('\n'), /x\.ini:2: .*writable/);
    await chmod(so, 0o644);
    assert.equal((await check(t, `[hub noop]\nplugin = ${so}\n`)).status, 0);
});
