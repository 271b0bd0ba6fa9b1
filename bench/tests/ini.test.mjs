// Variants of INI files: what is asked for is in them, nothing else has changed, and what cannot be done is said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { edit, get, merge } from '../lib/ini.mjs';
import { iniOf, issuerOf } from '../lib/servers.mjs';
import { workloads } from '../lib/workloads.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

const text = `# head
[server]
listen = 127.0.0.1:8080
# pumps = 9
pumps = 1

[hub roster]
window=250ms

[hub router]
`;

test('a key gets another value where it stands', () => {
    assert.equal(edit(text, { server: { pumps: 2 } }), text.replace('pumps = 1', 'pumps = 2'));
    assert.equal(edit(text, { 'hub roster': { window: '1s' } }), text.replace('window=250ms', 'window = 1s'));
    assert.equal(edit(text, { server: { listen: '' } }), text.replace('listen = 127.0.0.1:8080', 'listen ='));
});

test('a key that is commented out is none', () => {
    assert.equal(get(text, 'server', 'pumps'), '1');
    assert.equal(get('[a]\n;x = 1\n', 'a', 'x'), undefined);
    assert.equal(get(edit('[a]\n;x = 1\n', { a: { x: 2 } }), 'a', 'x'), '2');
});

test('what is not there is added, a section at the end', () => {
    const out = edit(text, { server: { drain: 0 }, 'hub noop0': { plugin: '/x/noop.so' }, 'hub empty': {} });
    assert.equal(get(out, 'server', 'drain'), '0');
    assert.ok(out.startsWith('# head\n[server]\ndrain = 0\nlisten ='));
    assert.ok(out.endsWith('[hub noop0]\nplugin = /x/noop.so\n[hub empty]\n'));
});

test('keys and sections go, and what is not there cannot', () => {
    assert.equal(edit(text, { 'hub roster': null }), text.replace('[hub roster]\nwindow=250ms\n\n', ''));
    assert.equal(get(edit(text, { server: { pumps: null } }), 'server', 'pumps'), undefined);
    assert.throws(() => edit(text, { 'hub rosters': null }), /no \[hub rosters\]/);
    assert.throws(() => edit(text, { server: { mesages: null } }), /no 'mesages'/);
});

test('no change is no change', () => assert.equal(edit(text, {}), text));

test('changes lie over changes', () => {
    const first = { server: { listen: 'a', pumps: 1 }, 'hub x': {} };
    assert.deepEqual(merge(first, { server: { pumps: 2 }, 'hub x': null, 'hub y': { k: 1 } }), { server: { listen: 'a', pumps: 2 }, 'hub x': null, 'hub y': { k: 1 } });
    assert.deepEqual(first, { server: { listen: 'a', pumps: 1 }, 'hub x': {} });
});

const context = { root, tools: { noop: '/b/noop.so' }, secrets: { token: { jwks: '/s/jwks' }, tls: { certificate: '/s/c', key: '/s/k' } } };
const ini = (workload, key) => iniOf(workloads.find((w) => w.name === workload).runs.find((r) => r.key === key), context);

test('every run of Parley has its variant, on a free port', () => {
    for (const w of workloads)
        for (const run of w.runs.filter((r) => r.server === 'parley')) assert.equal(get(iniOf(run, context), 'server', 'listen'), '127.0.0.1:0', `${w.name} ${run.key}`);
});

test('the variants are what their workloads say', () => {
    const noops = (key) => ini('chain', key).match(/^plugin = \/b\/noop\.so$/gm)?.length ?? 0;
    assert.deepEqual(['0 hubs', '1 hub', '5 hubs', '10 hubs'].map(noops), [0, 1, 5, 10]);
    assert.equal(get(ini('connect', 'parley'), 'auth jwt', 'jwks'), '/s/jwks');
    assert.equal(get(ini('tls', 'over TLS'), 'server', 'tls_key'), '/s/k');
    assert.equal(get(ini('tls', 'over TLS'), 'server', 'tls_certificate'), '/s/c');
    assert.equal(get(ini('tls', 'parley'), 'server', 'tls_key'), undefined);
    assert.equal(get(ini('pumps_hot', 'pumps = 2'), 'server', 'pumps'), '2');
    assert.equal(get(ini('pumps_hot', 'pumps = 1'), 'server', 'pumps'), '1');
    assert.match(ini('roster', 'with roster'), /^\[hub roster\]$/m);
    assert.doesNotMatch(ini('roster', 'parley'), /^\[hub roster\]$/m);
});

test('the token is for the server that is measured', () => {
    assert.deepEqual(issuerOf(root, 'parley.bench-jwt.ini'), { issuer: 'https://bench.invalid/', audience: 'parley' });
});

test('the channels of the loads are there, and nobody is in one without asking', () => {
    const file = ini('f1', 'parley');
    assert.deepEqual(get(file, 'hub channels', 'list').split(', '), Array.from({ length: 100 }, (_, i) => `b${i}`));
    assert.equal(get(file, 'hub channels', 'auto_join'), '');
});
