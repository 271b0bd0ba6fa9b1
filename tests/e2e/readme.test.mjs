// "A plugin in 30 lines": what README.md shows is taken from it as it stands, built by the command that stands there, and loaded.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { enter } from './lib/client.mjs';
import { Daemon, root, run, shipped } from './lib/daemon.mjs';

const readme = await readFile(join(root, 'README.md'), 'utf8');
const section = readme.split(/^## /m).find((s) => s.startsWith('A plugin in 30 lines\n'));

/** The one block of that language. */
function block(language) {
    const all = [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))];
    assert.equal(all.length, 1, `one block of ${language}`);
    return all[0][1];
}

/** Builds it as README.md says, with that compiler in the place of cc. */
async function build(t, compiler) {
    const folder = await mkdtemp(join(tmpdir(), 'parley-readme-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    await symlink(join(root, 'sdk'), join(folder, 'sdk')); // the command is meant for the top of the checkout
    await writeFile(join(folder, 'calm.c'), block('c'));
    const [cc, ...args] = block('sh').trim().split(/\s+/);
    assert.equal(cc, 'cc');
    const { stdout, stderr } = await promisify(execFile)(compiler, args, { cwd: folder, timeout: 600_000 });
    assert.equal(stdout + stderr, '', 'without a word');
    return { folder, so: join(folder, 'calm.so') };
}

const ini = async (so) => `${await shipped('parley.dev.ini')}\n${block('ini').replace('/path/to/calm.so', so)}`;

test('it is no longer than it says', () => {
    const lines = block('c').split('\n').filter((l) => l.trim() !== '');
    assert.ok(lines.length <= 30, `${lines.length} lines`);
    assert.ok(lines.every((l) => l.length <= 140));
    assert.match(block('ini'), /^plugin\s*=\s*\/path\/to\/calm\.so$/m);
});

for (const compiler of ['cc', 'gcc', 'clang'])
    test(`built by ${compiler}, it refuses shouting in gaming, and nowhere else`, async (t) => {
        const { so } = await build(t, compiler);
        const d = await Daemon.start(t, { ini: await ini(so) });
        const ann = await enter(t, d, 'ann');
        const bob = await enter(t, d, 'bob');
        const refused = await ann.say('gaming', 'HELLO WORLD', 'loud').then(() => assert.fail('it got through'), (e) => e.payload);
        assert.deepEqual(refused, { id: 'loud', code: 'rejected', message: 'Please do not shout.' });
        await ann.say('general', 'HELLO WORLD'); // all of it may be capitals there
        await ann.say('tech', 'ABCDEFGH');
        await ann.say('gaming', 'HELLO world'); // 45 percent
        await ann.say('gaming', 'AAAA'); // too short to be shouting
        await ann.ask({ type: 'private_chat_message', recipient_id: 'bob', message: 'HELLO WORLD' }); // no channel: the section's own limit
        await bob.settle();
        assert.deepEqual(bob.of('chat_message').map((m) => `${m.channel}: ${m.message}`), ['general: HELLO WORLD', 'tech: ABCDEFGH', 'gaming: HELLO world', 'gaming: AAAA']);
        assert.equal(bob.of('private_chat_message').length, 1);
        await d.logged('message_refused', (l) => l.rule === 'capitals' && l.channel === 'gaming' && l.user === 'ann');
        assert.equal(await d.metric('parley_verdicts_total{section="calm",verdict="reject"}'), 1);
    });

test('its options are checked and explained by the host', async (t) => {
    const { folder, so } = await build(t, 'cc');
    const file = join(folder, 'x.ini');
    const check = async (text) => {
        await writeFile(file, text);
        return run(['--check-config', '-c', file]);
    };
    const good = await check(await ini(so));
    assert.equal(good.status, 0, good.stderr);
    assert.match(good.stdout, /moderate +.*calm/);
    const bad = await check((await ini(so)).replace('capitals = 50', 'capitals = 500').replace('capitals = 100', 'capitale = 100'));
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /'capitals' must be from 1 to 100, not '500'/);
    assert.match(bad.stderr, /unknown key 'capitale'.*did you mean 'capitals'/);
    // Without the key: seventy percent.
    const d = await Daemon.start(t, { ini: (await ini(so)).replace('capitals = 100', '') });
    const ann = await enter(t, d, 'ann');
    await ann.say('general', 'AAAAAAAbbb');
    await assert.rejects(ann.say('general', 'AAAAAAAAbb'), /Please do not shout/);
});
