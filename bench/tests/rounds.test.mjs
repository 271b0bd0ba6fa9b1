// A workload's rounds, with programs in the place of the servers and the generator: the order, what is kept of a failure, what is left over.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compare, generatorArguments, measure, orderOf, parseResult, summarize } from '../lib/measure.mjs';
import { parse } from '../lib/options.mjs';
import { groupMembers, listens, output, until } from '../lib/process.mjs';
import { portInLog } from '../lib/servers.mjs';
import { choose, workloads } from '../lib/workloads.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

function folder(t) {
    const f = mkdtempSync(join(tmpdir(), 'parley-bench-test-'));
    t.after(() => rmSync(f, { recursive: true, force: true }));
    return f;
}

function program(file, text) {
    writeFileSync(file, text);
    chmodSync(file, 0o755);
    return file;
}

// A server that says where it listens, as parley-limit does; `more` is what else it does.
const server = (more = '') => `#!${process.execPath}
const net = require('net').createServer().listen(0, '127.0.0.1', function () { console.log('listening on 127.0.0.1:' + this.address().port); });
process.on('SIGTERM', () => process.exit(0));
${more}
`;
// A generator that notes how it was called.
const generator = (calls, more = 'console.log(JSON.stringify({ cpu_us_per_delivery: 2, pid: Number(get("--pid")), lost: 0 }))') => `#!${process.execPath}
const get = (name) => process.argv[process.argv.indexOf(name) + 1];
require('fs').appendFileSync(${JSON.stringify(calls)}, get('--workload') + ' ');
${more};
`;

function context(t, { limit = server(), load, rounds = 3 } = {}) {
    const f = folder(t);
    const calls = join(f, 'calls');
    mkdirSync(join(f, 'runs'));
    return {
        calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split(' ') : []),
        root, tools: { limit: program(join(f, 'parley-limit'), limit), load: program(join(f, 'parley-load'), generator(calls, load)) },
        settings: { rounds, seconds: 0.1, subscribers: null }, folder: join(f, 'runs'), secrets: {}, serverCores: null, loadCore: null,
    };
}

const workload = {
    name: 'w', about: 'a test', unit: 'CPU µs a delivery', columns: ['cpu_us_per_delivery'], compared: (s) => s.cpu_us_per_delivery,
    targets: [{ run: 'b', against: 'a', most: 1.5 }],
    runs: ['a', 'b', 'c'].map((key) => ({ key, server: 'limit', load: key, against: key === 'a' ? null : 'a' })),
};

test('every second round goes backwards, and each run has a fresh server', async (t) => {
    const c = context(t);
    const samples = await measure(workload, workload.runs, c, () => {});
    assert.deepEqual(c.calls(), ['a', 'b', 'c', 'c', 'b', 'a', 'a', 'b', 'c']);
    const all = Object.values(samples).flat();
    assert.deepEqual(all.filter((s) => s.error), []);
    assert.equal(new Set(all.map((s) => s.pid)).size, 9);
    assert.deepEqual(samples.b.map((s) => s.round), [1, 2, 3]);
    assert.ok(all.every((s) => s.load_average.length === 3 && s.compared === 2));
    for (const s of all) assert.deepEqual(groupMembers(s.pid), [], 'it is gone');
    assert.deepEqual(readdirSync(c.folder), []);
    assert.deepEqual(workload.runs.map((r) => r.key), ['a', 'b', 'c'], 'the plan is as it was');
});

test('orderOf', () => {
    assert.deepEqual(orderOf([1, 2, 3], 0), [1, 2, 3]);
    assert.deepEqual(orderOf([1, 2, 3], 1), [3, 2, 1]);
});

const failing = async (t, options) => {
    const c = context(t, { rounds: 1, ...options });
    const [sample] = (await measure(workload, workload.runs.slice(0, 1), c, () => {})).a;
    return sample.error;
};

test('a server that does not start is a failure, with what it said', async (t) => {
    assert.match(await failing(t, { limit: '#!/bin/sh\necho "no such luck" >&2; exit 7\n' }), /limit ended at once.*"status":7.*no such luck/s);
});

test('a server that ends while it is measured is a failure', async (t) => {
    const load = 'const pid = Number(get("--pid")); process.kill(pid, "SIGKILL"); console.log("{}")';
    assert.match(await failing(t, { load }), /limit ended by itself.*SIGKILL|limit stopped with.*SIGKILL/);
});

test('a server that ends by itself is a failure, even if it says that all is well', async (t) => {
    // Gone for the generator is: waited for by the runner.
    const load = `const pid = Number(get('--pid')); process.kill(pid, 'SIGTERM');
        const look = () => { try { process.kill(pid, 0); setTimeout(look, 5); } catch { console.log('{}'); } }; look()`;
    assert.match(await failing(t, { load }), /limit ended by itself \({"status":0/);
});

test('a server that stops with an error is a failure', async (t) => {
    assert.match(await failing(t, { limit: server('process.removeAllListeners("SIGTERM"); process.on("SIGTERM", () => { console.error("a leak"); process.exit(1); });') }), /limit stopped with.*"status":1.*a leak/s);
});

test('what a server leaves over is ended, and is a failure', async (t) => {
    const child = 'const child = require("child_process").spawn("sleep", ["600"], { stdio: "ignore" }); require("fs").writeFileSync("../../child", String(child.pid));';
    const c = context(t, { rounds: 1, limit: server(child) });
    const [sample] = (await measure(workload, workload.runs.slice(0, 1), c, () => {})).a;
    assert.match(sample.error, /left 1 processes over/);
    const pid = Number(readFileSync(join(c.folder, '../child'), 'utf8'));
    const alive = () => existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    await until(() => !alive(), 10_000, () => 'it lives');
});

test('a generator that fails is a failure, with its reason, and the server is stopped', async (t) => {
    assert.match(await failing(t, { load: 'console.error("u3 got nothing"); process.exitCode = 1' }), /parley-load ended with 1: u3 got nothing/);
    assert.match(await failing(t, { load: 'console.log("no JSON")' }), /JSON/);
});

test('messages that were lost are told and are no failure of the run', async (t) => {
    const c = context(t, { rounds: 1, load: 'console.log(JSON.stringify({ cpu_us_per_delivery: 2, lost: 5 })); process.exitCode = 3' });
    const samples = await measure(workload, workload.runs, c, () => {});
    assert.equal(samples.b[0].lost, 5);
    const { targets } = summarize(workload, workload.runs, samples);
    assert.equal(targets[0].found.median, 1);
    assert.equal(targets[0].met, false, 'who loses messages is not fast');
});

test('a program that takes too long is ended', async () => {
    await assert.rejects(output(['sleep', '600'], 50), /sleep took more than 0.05 s/);
});

test('who has ended and was not waited for is no member of a group', async (t) => {
    // The shell becomes a sleep, which never waits for the child that the shell had.
    const leader = spawn('sh', ['-c', 'true & exec sleep 600'], { detached: true, stdio: 'ignore' });
    t.after(() => leader.kill('SIGKILL'));
    const children = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
        try {
            return new RegExp(`\\) Z ${leader.pid} `).test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
        } catch {
            return false;
        }
    });
    await until(() => children().length === 1, 10_000, () => 'no zombie');
    assert.deepEqual(groupMembers(leader.pid), [leader.pid]);
});

test('nobody listens where a server was', async (t) => {
    const c = context(t, { rounds: 1, load: 'console.log(JSON.stringify({ port: Number(get("--port")) }))' });
    const [sample] = (await measure(workload, workload.runs.slice(0, 1), c, () => {})).a;
    assert.ok(sample.port > 0);
    assert.equal(await listens(sample.port), false);
});

test('a summary: ratios of the same round, targets by their median', () => {
    const of = (values) => values.map((v, i) => (v === null ? { error: 'x', round: i + 1 } : { round: i + 1, cpu_us_per_delivery: v, compared: v, lost: 0 }));
    const s = summarize(workload, workload.runs, { a: of([1, 2, 4]), b: of([1.4, 3.2, 4]), c: of([2, null, 2]) });
    const [a, b, c] = s.runs;
    assert.equal(a.ratio, null);
    assert.deepEqual([b.ratio.min, b.ratio.median, b.ratio.max], [1, 1.4, 1.6]);
    assert.deepEqual([c.ratio.n, c.ratio.min, c.ratio.max], [2, 0.5, 2]);
    assert.deepEqual(s.targets.map((t) => [t.found.median, t.met]), [[1.4, true]]);
    const slow = summarize(workload, workload.runs, { a: of([1]), b: of([1.6]), c: of([1]) });
    assert.equal(slow.targets[0].met, false);
    const mostly = summarize(workload, workload.runs, { a: of([1, 1, 1]), b: of([1, 1.6, 1.7]), c: of([1, 1, 1]) });
    assert.equal(mostly.targets[0].met, false, 'the median counts, not the best');
    const none = summarize(workload, workload.runs, { a: of([1]), b: of([null]), c: of([1]) });
    assert.equal(none.targets[0].met, null);
});

test('a handshake is compared less its signature, at Parley alone', () => {
    const connect = workloads.find((w) => w.name === 'connect');
    const round = { limit: { cpu_us_per_handshake: 50 }, signature: { us_per_signature: 20 }, parley: { cpu_us_per_handshake: 95 } };
    compare(connect, round);
    assert.deepEqual([round.limit.compared, round.parley.compared, round.signature.compared], [50, 75, undefined]);
    const without = { signature: { error: 'x' }, parley: { cpu_us_per_handshake: 95 } };
    compare(connect, without);
    assert.ok(Number.isNaN(without.parley.compared));
});

test('nanoseconds a hub are the slope over the numbers of hubs', () => {
    const chain = workloads.find((w) => w.name === 'chain');
    const of = (...values) => values.map((compared, i) => ({ round: i + 1, compared }));
    const s = summarize(chain, chain.runs, { '0 hubs': of(4, 5), '1 hub': of(4.05, 5.03), '5 hubs': of(4.25, 5.15), '10 hubs': of(4.5, 5.3) });
    assert.equal(s.line.label, 'ns a hub');
    assert.deepEqual([s.line.min, s.line.max].map(Math.round), [30, 50]);
});

test('what the generator is told', () => {
    const c = { settings: { seconds: 3, subscribers: null }, secrets: { token: { token: '/t' } }, loadCore: 1 };
    const common = ['--server', 'parley', '--port', '7', '--pid', '1,2', '--workload', 'f8', '--seconds', '3', '--warm-up', '0.5', '--cpu', '1'];
    assert.deepEqual(generatorArguments({ server: 'parley', load: 'f8' }, c, 7, [1, 2]), common);
    assert.deepEqual(generatorArguments({ server: 'parley', load: 'f8', subscribers: 5000, tls: true, token: true }, c, 7, [1, 2]), [...common, '--subscribers', '5000', '--tls', '--token-file', '/t']);
    assert.deepEqual(generatorArguments({ server: 'parley', load: 'f8', subscribers: 5000 }, { ...c, settings: { seconds: 3, subscribers: 20 } }, 7, [1, 2]).slice(-2), ['--subscribers', '20']);
    assert.ok(!generatorArguments({ server: 'parley', load: 'f8' }, { ...c, loadCore: null }, 7, [1]).includes('--cpu'));
});

test('the last line of the generator is the result', () => {
    assert.deepEqual(parseResult('noise\n{"a":1}\n'), { a: 1 });
    assert.throws(() => parseResult(''), /JSON/);
    assert.throws(() => parseResult('7\n'), /no JSON object/);
});

test('the port stands in the log once all listeners are up', () => {
    const listening = '{"event":"listening","listener":"public","address":"127.0.0.1:4711"}\n';
    assert.equal(portInLog(`${listening}{"event":"star`), 0);
    assert.equal(portInLog(`{"event":"listening","listener":"admin","address":"127.0.0.1:1"}\n${listening}{"event":"started"}\n`), 4711);
});

test('workloads are chosen by name or group, and keep their order', () => {
    const names = (...chosen) => choose(chosen).map((w) => w.name);
    assert.deepEqual(names('f8', 'f1'), ['f1', 'f8']);
    assert.deepEqual(names('pumps'), ['pumps_f8', 'pumps_rooms', 'pumps_hot']);
    assert.equal(names().length, workloads.length);
    assert.throws(() => names('f9'), /no workload 'f9'/);
});

test('every workload can be measured: its runs and references are there', () => {
    for (const w of workloads) {
        const keys = w.runs.map((r) => r.key);
        assert.equal(new Set(keys).size, keys.length, w.name);
        for (const r of w.runs) assert.ok(r.against === null || keys.includes(r.against), `${w.name} ${r.key}`);
        for (const target of w.targets) assert.ok(keys.includes(target.run) && (target.against === null || keys.includes(target.against)), w.name);
        assert.ok(w.runs.some((r) => !r.peer) && w.runs.every((r) => r.signature || r.load), w.name);
    }
});

test('the command line', () => {
    const o = parse(['--workloads', 'f1, f8 hot', '--rounds', '7', '--seconds', '0.3', '--peers', '--subscribers', '20']);
    assert.deepEqual([o.workloads, o.rounds, o.seconds, o.peers, o.subscribers], [['f1', 'f8', 'hot'], 7, 0.3, true, 20]);
    assert.deepEqual(parse(['--compare', 'a', 'b']).compare, ['a', 'b']);
    assert.deepEqual(parse([]).workloads, []);
    for (const bad of [['--rounds', '0'], ['--rounds', '1.5'], ['--seconds', 'x'], ['--seconds', ''], ['--compare', 'a'], ['x'], ['--nonsense']]) assert.throws(() => parse(bad), undefined, bad.join(' '));
});
