// Plugins that crash or spin while the server runs: the log says which section, hook and generation it was.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { enter } from './lib/client.mjs';
import { Daemon, root } from './lib/daemon.mjs';

const fixtures = process.env.PARLEY_FIXTURES ?? join(root, 'build/dev/tests/fixtures/plugins');
const faulty = (keys) => ({ server: { pumps: 2 }, 'hub poison': { plugin: `${fixtures}/misbehave.so`, ...keys } });

for (const [how, signal] of [['crash', 'SIGSEGV'], ['abort', 'SIGABRT'], ['overflow', 'SIGSEGV']])
    test(`a plugin that ends the process in a hook (${how}) is named in the last line of the log`, async (t) => {
        const d = await Daemon.start(t, { changes: faulty({ how }) });
        const ann = await enter(t, d, 'ann');
        ann.send({ type: 'chat_message', channel: 'general', message: 'misbehave!!' });
        const { status, signal: died } = await d.exited;
        await d.stderrEnded;
        const last = d.lines.at(-1);
        assert.deepEqual([last.event, last.level, last.signal, last.section, last.hook, last.generation], ['crashed', 'error', signal, 'poison', 'on_message', 1]);
        assert.ok(died === signal || status > 0, 'and the process died of it'); // a sanitizer exits
        d.raw = ''; // what a sanitizer says of it is no news
    });

test('a plugin that spins in a hook is named within five seconds', async (t) => {
    const d = await Daemon.start(t, { changes: faulty({ how: 'spin' }) });
    const ann = await enter(t, d, 'ann');
    const since = Date.now();
    ann.send({ type: 'chat_message', channel: 'general', message: 'misbehave!!' });
    const named = await d.logged('hook_hangs');
    t.diagnostic(`after ${Date.now() - since} ms`);
    assert.deepEqual([named.section, named.hook, named.generation, named.thread], ['poison', 'on_message', 1, 'hub']);
    assert.ok((await fetch(`${d.http}/healthz`)).ok, 'the other threads serve on');
    d.process.kill('SIGKILL');
    await d.exited;
});
