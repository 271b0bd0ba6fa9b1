// The benchmark's runner, generator and limit, as `make bench` uses them, for a moment each and with few clients: every message arrives once at
// every member, whatever the configuration, and what was measured is written down. How fast anything is, nobody asks here.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parleyd, preset, root } from './lib/daemon.mjs';

const build = dirname(dirname(parleyd));
const skip = existsSync(join(build, 'bench/parley-load')) ? false : 'this build has no bench/parley-load';

/** Runs bench/run.mjs: { status, stdout, stderr, result } with what it wrote as JSON. */
async function bench(t, ...args) {
    const out = await mkdtemp(join(tmpdir(), 'parley-bench-e2e-'));
    t.after(() => rm(out, { recursive: true, force: true }));
    const command = [join(root, 'bench/run.mjs'), '--build', build, '--out', out, ...args];
    const { status, stdout, stderr } = await new Promise((done) =>
        execFile(process.execPath, command, { timeout: 600_000, maxBuffer: 2 ** 24 }, (e, stdout, stderr) => done({ status: e ? (e.code ?? e.signal) : 0, stdout, stderr })));
    const file = readdirSync(out).find((name) => name.endsWith('.json'));
    const result = file ? JSON.parse(readFileSync(join(out, file), 'utf8')) : null;
    return { status, stdout, stderr, result, out, file };
}

// How many messages are on their way at most when the clock starts or stops: channels by messages in flight, as parley-load has them.
const SUBSCRIBERS = 20;
const inFlight = { f1: 1, f32_1k: 32, rooms: 400, chain: 320, roster: 8, tls: 8, pumps_f8: 8 };

function assertCounts(name, run) {
    for (const s of run.samples) {
        const what = `${name}, ${run.key}, round ${s.round}: ${JSON.stringify(s)}`;
        assert.equal(s.error, undefined, what);
        assert.deepEqual([s.lost, s.disorder, s.closed], [0, 0, 0], what);
        assert.ok(s.messages > 0 && s.deliveries > 0, what);
        assert.ok(Math.abs(s.deliveries - s.messages * SUBSCRIBERS) <= inFlight[name] * SUBSCRIBERS, `as many as members: ${what}`);
        assert.ok(s.server_cpu_s > 0 && s.compared > 0, what);
    }
}

test('every message reaches every member once, at Parley and at the limit', { skip }, async (t) => {
    const names = preset === 'asan' ? ['chain', 'tls'] : Object.keys(inFlight); // what a sanitizer looks at: the programs, without TLS and with it
    const two = readFileSync('/proc/self/status', 'utf8').match(/^Cpus_allowed_list:\s*\d+$/m) ? names.filter((n) => !n.startsWith('pumps')) : names;
    const { status, stdout, stderr, result, out, file } = await bench(t, '--workloads', two.join(' '), '--rounds', '1', '--seconds', '0.5', '--subscribers', String(SUBSCRIBERS));
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(result.workloads.map((w) => w.name).sort(), [...two].sort());
    for (const w of result.workloads) {
        for (const run of w.runs) {
            assert.deepEqual(run.samples.map((s) => s.round), [1]);
            assertCounts(w.name, run);
            assert.equal(run.ratio?.n ?? 1, 1);
        }
        assert.ok(stdout.includes(`\n${w.name}: `));
    }
    assert.equal(typeof result.workloads.find((w) => w.name === 'chain').line.median, 'number');
    assert.ok(result.machine.cpu && result.machine.kernel && result.machine.cores >= 1 && result.machine.node === process.version);
    const svg = readFileSync(join(out, file.replace('.json', '.svg')), 'utf8');
    assert.match(svg, /^<svg .*<\/svg>\n$/s);
});

test('clients come in by a signed token, and stay', { skip }, async (t) => {
    const { status, stdout, stderr, result } = await bench(t, '--workloads', 'connect idle', '--rounds', '1', '--seconds', '0.5', '--subscribers', '30');
    assert.equal(status, 0, stdout + stderr);
    const run = (name, key) => result.workloads.find((w) => w.name === name).runs.find((r) => r.key === key);
    for (const server of ['limit', 'parley']) {
        const [came] = run('connect', server).samples;
        assert.deepEqual([came.handshakes, came.closed, came.lost], [30, 0, 0], server);
        const [idle] = run('idle', server).samples;
        assert.equal(idle.handshakes, 30 + 20, server);
        assert.deepEqual([idle.closed, idle.lost, idle.disorder], [0, 0, 0], server);
        assert.ok(idle.rss_after_bytes > 0);
    }
    const [signature] = run('connect', 'signature').samples;
    const [came] = run('connect', 'parley').samples;
    assert.ok(Math.abs(came.compared - (came.cpu_us_per_handshake - signature.us_per_signature)) < 1e-6);
});

test('who stops reading loses his own messages, and nobody else does', { skip }, async (t) => {
    const { status, stdout, stderr, result } = await bench(t, '--workloads', 'slow', '--rounds', '1', '--seconds', '0.5', '--subscribers', '20');
    assert.equal(status, 0, stdout + stderr);
    for (const run of result.workloads[0].runs) {
        const [s] = run.samples;
        assert.deepEqual([s.lost, s.disorder], [0, 0], JSON.stringify(s));
        assert.ok(Math.abs(s.deliveries - s.messages * 18) <= 8 * 18, `18 of 20 read: ${JSON.stringify(s)}`);
    }
});

test('what cannot be measured is said, and is a failure', { skip }, async (t) => {
    const { status, stdout } = await bench(t, '--workloads', 'f1', '--rounds', '1', '--seconds', '0.1', '--build', join(root, 'no such folder'));
    assert.equal(status, 1);
    assert.match(stdout, /f1 is left out: it needs .*parley-load/);
    const { status: wrong, stderr } = await bench(t, '--workloads', 'f9');
    assert.equal(wrong, 2);
    assert.match(stderr, /no workload 'f9'/);
});
