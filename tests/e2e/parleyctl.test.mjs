// parleyctl against the daemon: each command, for people and as JSON, and all that can be wrong between the two.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, lstat, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { test } from 'node:test';
import { enter } from './lib/client.mjs';
import { Daemon, edit, execute, parleyctl, parleyd, patience, slow } from './lib/daemon.mjs';

const ctl = (d, ...args) => execute(parleyctl, ['--socket', d.socket ?? d, ...args]);
async function done(d, ...args) {
    const r = await ctl(d, ...args);
    assert.equal(r.status, 0, `${args.join(' ')}: ${r.stderr}`);
    return r.stdout;
}
const json = async (d, ...args) => JSON.parse(await done(d, ...args, '--json'));

test('status', async (t) => {
    const d = await Daemon.start(t, { changes: { server: { pumps: 2 } } });
    const ann = await enter(t, d, 'ann');
    await ann.ask({ type: 'chat_message', channel: 'general', message: 'one' });
    const s = await json(d, 'status');
    assert.equal(s.pid, d.process.pid);
    assert.equal(s.config, d.file);
    assert.equal(s.ready, true);
    assert.deepEqual(s.reasons, []);
    assert.deepEqual(s.clients, { open: 1, pending: 0, by_protocol: { native: 1 } });
    assert.deepEqual(s.users, { connected: 1, away: 0 });
    assert.ok(s.channels >= 1);
    assert.equal(s.messages.received, 1);
    assert.ok(s.memory_bytes > 1e6 && s.uptime_ms > 0);
    assert.deepEqual(s.loops.map((l) => l.name), ['control', 'hub', 'pump 0', 'pump 1']);
    for (const l of s.loops) assert.ok(l.lag_us >= 0 && l.busy >= 0 && l.mailbox >= 0, JSON.stringify(l));
    const text = await done(d, 'status');
    assert.match(text, new RegExp(`process +${d.process.pid}, up`));
    assert.match(text, /clients +1, 1 native, 0 at the door\n/);
    assert.match(text, /\npump 1 +\d+ us/);
    // the same over HTTP, with curl or with the admin's token
    const r = await fetch(`${d.admin}/admin/status`, { headers: { authorization: `Bearer ${await d.adminToken()}` } });
    assert.equal((await r.json()).pid, d.process.pid);
    assert.equal((await fetch(`${d.admin}/admin/status`)).status, 401);
    assert.equal((await fetch(`${d.http}/admin/status`)).status, 404, 'not for the public');
});

test('the level of the log is shown and set while the server runs', async (t) => {
    const d = await Daemon.start(t);
    assert.equal(await done(d, 'log'), 'info\n');
    assert.deepEqual(await json(d, 'log', 'debug'), { level: 'debug' });
    const told = await d.logged('log_level');
    assert.deepEqual([told.from, told.to, told.by], ['info', 'debug', `uid ${process.getuid()}`]);
    assert.equal(await done(d, 'log', 'error'), 'error\n');
    assert.equal(await done(d, 'log'), 'error\n');
    const bad = await ctl(d, 'log', 'loud');
    assert.equal(bad.status, 1);
    assert.equal(bad.stderr, "parleyctl: 'level' must be debug, info, warning or error.\n");
});

function follow(t, d, ...args) {
    const p = spawn(parleyctl, ['--socket', d.socket, 'log', 'follow', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => p.kill());
    const f = { process: p, lines: [], errors: '', exited: new Promise((r) => p.on('close', (status, signal) => r({ status, signal }))) };
    const waiting = new Set();
    createInterface({ input: p.stdout }).on('line', (l) => {
        f.lines.push(l);
        for (const w of waiting) w(l);
    });
    p.stderr.on('data', (x) => (f.errors += x));
    f.line = (pattern) =>
        new Promise((ok, fail) => {
            const there = f.lines.find((l) => pattern.test(l));
            if (there) return ok(there);
            const timer = setTimeout(() => fail(new Error(`no ${pattern} in\n${f.lines.join('\n')}\n${f.errors}`)), patience);
            waiting.add((l) => pattern.test(l) && (clearTimeout(timer), ok(l)));
        });
    return f;
}

test('the log is followed', async (t) => {
    const d = await Daemon.start(t);
    const all = follow(t, d, '-n', '100', '--json');
    const few = follow(t, d, '-n', '1', '-l', 'warning');
    assert.equal(JSON.parse(await all.line(/"started"/)).pid, d.process.pid, 'what was logged before');
    await done(d, 'log', 'debug');
    await few.line(/^\d{4}-.*Z warning log_level from=info to=debug by="uid \d+"$/);
    await all.line(/"log_level"/);
    await done(d, 'log', 'info');
    await few.line(/from=debug to=info/);
    assert.ok(few.lines.every((l) => / (warning|error) /.test(l)), few.lines.join('\n'));
    for (const l of all.lines) assert.ok(JSON.parse(l).event, l);
    await d.terminate();
    assert.deepEqual(await all.exited, { status: 2, signal: null });
    assert.match(all.errors, /^parleyctl: the daemon at .* closed the connection: it has stopped\n$|no daemon listens/);
});

test('whoever stops reading harms nobody', async (t) => {
    const d = await Daemon.start(t);
    const f = follow(t, d, '-n', '5');
    await f.line(/started/);
    f.process.stdout.destroy(); // SIGPIPE with its next line
    await done(d, 'log', 'debug');
    const { status, signal } = await f.exited;
    assert.ok(signal === 'SIGPIPE' || status === 0, `${status} ${signal} ${f.errors}`);
    assert.equal(f.errors, '');
    assert.equal(await done(d, 'log'), 'debug\n', 'the server runs');
});

test('clients, of whom there are more than a page has', async (t) => {
    const d = await Daemon.start(t, { changes: { server: { pumps: 2 } } });
    assert.equal(await done(d, 'clients'), 'nobody\n');
    const crowd = await Promise.all(Array.from({ length: 130 }, (_, i) => enter(t, d, `user${i}`)));
    await crowd[7].ask({ type: 'leave_channel', channel: 'gaming' });
    for (const c of crowd) await c.settle(); // nothing is on its way to anybody
    const all = await json(d, 'clients');
    assert.equal(all.length, 130);
    assert.equal(new Set(all.map((c) => c.id)).size, 130);
    assert.deepEqual(new Set(all.map((c) => c.username)), new Set(crowd.map((c) => c.name)));
    assert.deepEqual(new Set(all.map((c) => c.id[0])), new Set('01'), 'of both pumps');
    const [one] = await json(d, 'clients', '--user', 'user7');
    assert.deepEqual({ ...one, id: 0, since: 0, channels: one.channels.sort() }, {
        id: 0, user: 'user7', username: 'user7', app: one.app, address: '127.0.0.1', since: 0, protocol: 'native', closing: false,
        queue_bytes: 0, queue_messages: 0, channel_count: 2, channels: ['general', 'tech'],
    });
    assert.ok(Math.abs(Date.now() - Date.parse(one.since)) < 60_000 * slow);
    assert.equal((await json(d, 'clients', '-c', 'GAMING')).length, 129);
    assert.equal((await json(d, 'clients', '-n', '110')).length, 110);
    assert.deepEqual(await json(d, 'clients', '-u', 'stranger'), []);
    const text = (await done(d, 'clients', '--limit', '120')).split('\n');
    assert.match(text[0], /^id +user +address +since +protocol +queue +channels$/);
    assert.equal(text.length, 122, 'a heading, 120 lines, and the end of the last');
    assert.match(text[1], /^[01]\.\d+\.\d+ +user\d+ +127\.0\.0\.1 +\d{4}-.*Z native +0 B +\w+, /);
    const nowhere = await ctl(d, 'clients', '-c', 'nowhere');
    assert.deepEqual([nowhere.status, nowhere.stderr], [1, 'parleyctl: There is no such channel.\n']);
    // a reader that goes away in the middle
    const head = await execute('sh', ['-c', `"${parleyctl}" -s "${d.socket}" clients | head -n 1`]);
    assert.deepEqual([head.stdout.split('\n').length, head.stderr], [2, '']);
    await done(d, 'status');
});

test('kick', async (t) => {
    const d = await Daemon.start(t);
    const [ann, again, bob] = [await enter(t, d, 'ann'), await enter(t, d, 'ann'), await enter(t, d, 'bob')];
    const [{ id }] = await json(d, 'clients', '-u', 'bob');
    assert.deepEqual(await json(d, 'kick', id, '--reason', 'Cool down.'), { kicked: 1 });
    assert.deepEqual(await bob.closed, { code: 4403, reason: 'Cool down.' });
    const told = await d.logged('kicked');
    assert.deepEqual([told.client, told.msg, told.by], [id, 'Cool down.', `uid ${process.getuid()}`]);
    assert.equal(await done(d, 'kick', 'ann'), '2 kicked\n');
    assert.deepEqual([(await ann.closed).code, (await again.closed).code], [4403, 4403]);
    for (const [args, message] of [
        [['kick', 'ann'], 'That user is not connected.'],
        [['kick', id], 'There is no such client (any more).'],
        [['kick', 'bob', '-r', 'x'.repeat(124)], "'reason' has 123 bytes at most."],
    ]) {
        const r = await ctl(d, ...args);
        assert.deepEqual([r.status, r.stderr], [1, `parleyctl: ${message}\n`]);
    }
});

test('mute, unmute, mutes', async (t) => {
    const d = await Daemon.start(t);
    const ann = await enter(t, d, 'ann');
    const say = () => ann.ask({ type: 'chat_message', channel: 'general', message: 'hello' });
    await say();
    assert.equal(await done(d, 'mutes'), 'nobody\n');
    assert.equal(await done(d, 'mute', 'ann', '-c', 'general', '--for', '2h', '--reason', 'spam'), 'muted\n');
    await assert.rejects(say(), (e) => e.payload.code === 'muted' && /spam/.test(e.payload.message));
    const [m] = await json(d, 'mutes');
    assert.deepEqual([m.user, m.channel, m.why], ['ann', 'general', 'spam']);
    assert.ok(Math.abs(Date.parse(m.until) - Date.now() - 7_200_000) < 60_000 * slow);
    assert.match(await done(d, 'mutes'), /\nann +general +\d{4}-.*Z spam\n$/);
    const elsewhere = await ctl(d, 'unmute', 'ann');
    assert.deepEqual([elsewhere.status, elsewhere.stderr], [1, 'parleyctl: he is not muted there\n']);
    assert.equal(await done(d, 'unmute', 'ann', '--channel', 'general'), 'unmuted\n');
    await say();
    await done(d, 'mute', 'ann', '-r', '\u001b[2J\u202e');
    const safe = await done(d, 'mutes');
    assert.match(safe, /\nann +everywhere +for good +\\x1b\[2J\\u\{202e\}\n$/, 'nothing that a terminal would obey');
    assert.equal((await ctl(d, 'mute', 'ann', '--for', '10')).status, 64);
    const none = await Daemon.start(t, { changes: { 'hub mute': null } });
    assert.match((await ctl(none, 'mute', 'ann')).stderr, /^parleyctl: this server mutes nobody: .*\[hub mute\]\n$/);
});

test('review', async (t) => {
    const d = await Daemon.start(t, { changes: { 'hub review': { hold: 'all' } } });
    const ann = await enter(t, d, 'ann');
    assert.equal(await done(d, 'review'), 'nothing\n');
    const [first, second] = ['first', 'second'].map((message) => ann.ask({ type: 'chat_message', channel: 'general', message }));
    second.catch(() => {}); // looked at below
    for (let i = 0; i < 2; i++) await ann.next('notice'); // both are held
    const held = await json(d, 'review');
    assert.deepEqual(held.map((m) => [m.user, m.channel, m.texts]), [['ann', 'general', ['first']], ['ann', 'general', ['second']]]);
    assert.match(await done(d, 'review', 'list'), new RegExp(`^${held[0].id}  ann in general, until .*Z, held by review \\(hold\\)\\n {6}first\\n`));
    assert.equal(await done(d, 'review', 'release', `${held[0].id}`), 'released\n');
    assert.ok((await first).cacheID);
    assert.deepEqual(await json(d, 'review', 'refuse', `${held[1].id}`, '--reason', 'Not here.'), { id: held[1].id, decided: 'refused' });
    await assert.rejects(second, (e) => e.payload.code === 'rejected' && e.payload.message === 'Not here.');
    const again = await ctl(d, 'review', 'release', `${held[1].id}`);
    assert.deepEqual([again.status, again.stderr], [1, 'parleyctl: no message of that id is held\n']);
    for (const args of [['review', 'release'], ['review', 'release', 'x'], ['review', 'look']]) assert.equal((await ctl(d, ...args)).status, 64, `${args}`);
    const none = await Daemon.start(t);
    assert.match((await ctl(none, 'review')).stderr, /^parleyctl: this server holds nothing for review: .*\[hub review\]\n$/);
});

test('plugins', async (t) => {
    const d = await Daemon.start(t, { changes: { 'hub rate_limit': { burst: 7 } } });
    const { plugins } = await json(d, 'plugins');
    const limit = plugins.find((p) => p.section === 'rate_limit');
    assert.equal(limit.kind, 'hub');
    assert.equal(limit.plugin, 'org.parley.rate_limit');
    assert.match(limit.version, /^\d+\.\d+\.\d+$/);
    assert.match(await done(d, 'plugins', 'list'), /\nhub rate_limit +org\.parley\.rate_limit +/);
    const checked = await execute(parleyd, ['--check-config', '-c', d.file]);
    assert.equal(await done(d, 'plugins', 'chain'), checked.stdout.split('\n').slice(1).join('\n'), 'as --check-config has it');
    assert.deepEqual((await json(d, 'plugins', 'chain')).chain.find((h) => h.section === 'rate_limit').mode, 'enforce');
    const shadowed = await Daemon.start(t, { changes: { 'hub rate_limit': { mode: 'shadow', budget: '7ms' } } });
    assert.match(await done(shadowed, 'plugins'), /\nhub rate_limit \(shadow\) +org/);
    assert.match(await done(shadowed, 'plugins', 'show', 'rate_limit'), /\nmode +shadow\nbudget +7 ms\non_error +reject\n/);
    const shown = await json(d, 'plugins', 'show', 'rate_limit');
    const option = (name) => shown.options.find((o) => o.name === name);
    assert.deepEqual([option('burst').value, option('burst').default], [7, '30']);
    assert.equal(option('window').value, '1s');
    const text = await done(d, 'plugins', 'show', 'hub rate_limit');
    assert.match(text, /^section +\[hub rate_limit\]\nplugin +org\.parley\.rate_limit \d/);
    assert.match(text, /\n {2}burst = 7\n {6}.*default 30\)\n/);
    const typed = await json(d, 'plugins', 'show', 'chat_message');
    assert.deepEqual(typed.types, ['chat_message']);
    const { options } = await json(d, 'plugins', 'show', 'channels');
    assert.deepEqual(options.find((o) => o.name === 'list').value, ['general', 'gaming', 'tech']);
    assert.equal(options.find((o) => o.name === 'description').channels.gaming, 'What to play, and with whom');
    const mute = await json(d, 'plugins', 'show', 'mute');
    assert.deepEqual(mute.services, ['org.parley.mute/1']);
    assert.ok(mute.routes.some((r) => r.method === 'POST' && r.path === '/admin/mute/mutes'));
    assert.match((await ctl(d, 'plugins', 'show', 'nothing')).stderr, /There is no such section/);
    for (const args of [['plugins', 'show'], ['plugins', 'hide', 'mute'], ['plugins', 'chain', 'x']]) assert.equal((await ctl(d, ...args)).status, 64, `${args}`);
});

test('verdicts', async (t) => {
    // Nothing is over its budget on a busy machine: that would be a record like the others.
    const hubs = ['mute', 'rate_limit', 'channels', 'recent', 'roster', 'router', 'analytics'];
    const d = await Daemon.start(t, { changes: Object.fromEntries(hubs.map((h) => [`hub ${h}`, { budget: 0 }])) });
    const ann = await enter(t, d, 'ann');
    assert.equal(await done(d, 'verdicts'), 'none\n');
    await done(d, 'mute', 'ann', '--reason', 'spam');
    await assert.rejects(ann.ask({ type: 'chat_message', channel: 'general', message: 'hello' }));
    const [v] = await json(d, 'verdicts');
    assert.deepEqual([v.section, v.verdict, v.user, v.channel, v.type, v.rule], ['mute', 'reject', 'ann', 'general', 'chat_message', 'mute']);
    const text = (await done(d, 'verdicts', 'mute', '--user', 'ann', '--since', '10m')).split('\n');
    assert.match(text[0], /^time +section +verdict +user +channel +type +took +rule$/);
    assert.match(text[1], /^\d{4}-.*Z mute +reject +ann +general +chat_message +\d+ us {2}mute$/);
    assert.deepEqual(await json(d, 'verdicts', '--channel', 'tech'), []);
    assert.deepEqual(await json(d, 'verdicts', 'rate_limit'), []);
    assert.equal((await ctl(d, 'verdicts', '--since', 'long ago')).status, 1);
});

test('reload', async (t) => {
    const d = await Daemon.start(t);
    const ann = await enter(t, d, 'ann');
    const f = follow(t, d, '-n', '1');
    await f.line(/./); // it is there
    const burst = async () => (await json(d, 'plugins', 'show', 'rate_limit')).options.find((o) => o.name === 'burst').value;
    const change = async (keys) => writeFile(d.file, edit(await readFile(d.file, 'utf8'), { 'hub rate_limit': keys }));
    assert.equal(await burst(), 30);
    await change({ burst: 77 });
    assert.match(await done(d, 'reload'), /\[hub rate_limit\]: generation 2 serves/);
    assert.equal(await burst(), 77);
    assert.equal((await json(d, 'reload', 'rate_limit')).done, true);
    await change({ burst: 'many' });
    const bad = await ctl(d, 'reload');
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /^parleyctl: .*parley\.ini:\d+: .*'burst' must be a whole number/);
    assert.equal(bad.stdout, '');
    for (const [section, words] of [
        ['nothing', "there is no section 'nothing'"],
        ['rate_limt', "there is no section 'rate_limt' (did you mean 'rate_limit'?)"],
        ['hub rate_limt', "there is no section 'hub rate_limt' (did you mean 'hub rate_limit'?)"],
        ['hb rate_limit', "there is no section 'hb rate_limit' (did you mean 'hub rate_limit'?)"],
    ])
        assert.deepEqual(await ctl(d, 'reload', section), { status: 1, signal: null, stdout: '', stderr: `parleyctl: ${words}\n` });
    assert.equal(await burst(), 77, 'a fault changes nothing');
    await ann.ask({ type: 'chat_message', channel: 'general', message: 'still here' });
    await f.line(/reload/); // who follows the log follows on
    await done(d, 'log', 'debug');
    await f.line(/log_level/);
    assert.ok((await json(d, 'status')).uptime_ms > 0);
});

test('no daemon, or something else', async (t) => {
    const d = await Daemon.start(t);
    const away = await ctl('/nonexistent/x', 'status');
    assert.equal(away.status, 2);
    assert.equal(away.stderr, 'parleyctl: no daemon listens at /nonexistent/x: is it running? Start it, or pass --socket PATH\n');
    assert.equal(away.stdout, '');
    const from_env = await execute(parleyctl, ['log'], { env: { ...process.env, PARLEY_SOCKET: d.socket } });
    assert.equal(from_env.stdout, 'info\n');
    const long = await ctl(`/tmp/${'x'.repeat(103)}`, 'status');
    assert.equal(long.status, 64);
    assert.match(long.stderr, /at most 107 bytes/);
    const other = createServer((s) => s.end('SSH-2.0-x\r\n')).listen(join(d.folder, 'other'));
    t.after(() => other.close());
    await new Promise((r) => other.on('listening', r));
    const strange = await ctl(join(d.folder, 'other'), 'status');
    assert.equal(strange.status, 2);
    assert.match(strange.stderr, /is no Parley|closed the connection/);
    d.process.kill('SIGKILL');
    await d.exited;
    assert.equal((await lstat(d.socket)).isSocket(), true, 'a crash leaves its socket');
    assert.match((await ctl(d, 'status')).stderr, /no daemon listens at .*parley\.sock: is it running/);
    await d.restart();
    assert.equal(await done(d, 'log'), 'info\n', 'which the next one replaces');
    await d.terminate();
    await assert.rejects(lstat(d.socket), { code: 'ENOENT' }, 'an end in order does not');
});

test('who may not', { skip: process.getuid() !== 0 && 'only root can be somebody else' }, async (t) => {
    const d = await Daemon.start(t);
    await chmod(d.folder, 0o755);
    const as = (uid, ...args) => execute('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', parleyctl, '-s', d.socket, ...args]);
    const closed = await as(12345, 'status');
    assert.equal(closed.status, 3, closed.stderr);
    assert.equal(closed.stderr, `parleyctl: you may not use ${d.socket}: root may, the user root, and the group root if [control] names it\n`);
    await chmod(d.socket, 0o666);
    const refused = await as(12345, 'log', 'debug');
    assert.equal(refused.status, 3, refused.stderr);
    assert.match(refused.stderr, /^parleyctl: You \(uid 12345\) may not control this server: root may, .*\n$/);
    assert.equal((await d.logged('refused')).uid, 12345);
    assert.equal(await done(d, 'log'), 'info\n');
    // a member of the group that the configuration names
    const g = await Daemon.start(t, { changes: { control: { group: 'daemon' } } });
    await chmod(g.folder, 0o755);
    assert.equal((await lstat(g.socket)).mode & 0o777, 0o660);
    const member = await execute('setpriv', ['--reuid=12345', '--regid=12345', '--groups=daemon', parleyctl, '-s', g.socket, 'log']);
    assert.equal(member.stdout, 'info\n', member.stderr);
});

test('two daemons, no socket, a socket that cannot be', async (t) => {
    const a = await Daemon.start(t);
    const b = await Daemon.start(t, { changes: { control: { socket: a.socket } }, ready: false });
    assert.deepEqual(await b.exited, { status: 2, signal: null });
    assert.match((await b.logged('start_failed')).msg, /^the control socket .* is another daemon's, which runs$/);
    assert.equal(await done(a, 'log'), 'info\n', 'the first one keeps it');
    const none = await Daemon.start(t, { changes: { control: { socket: 'none' } } });
    assert.ok(!none.lines.some((l) => l.listener === 'control'));
    await assert.rejects(lstat(none.socket), { code: 'ENOENT' });
    // where nobody asked for one, a place that is taken is no reason not to begin
    const c = await Daemon.start(t, { changes: { control: null }, env: { RUNTIME_DIRECTORY: a.folder } });
    assert.match((await c.logged('control_unavailable')).msg, /another daemon's/);
    // and a free one is taken, where parleyctl finds it
    const e = await Daemon.start(t, { changes: { control: null }, env: { RUNTIME_DIRECTORY: c.folder } });
    assert.equal((await e.logged('listening', (l) => l.listener === 'control')).socket, c.socket);
    const found = await execute(parleyctl, ['status', '--json'], { env: { ...process.env, RUNTIME_DIRECTORY: c.folder, PARLEY_SOCKET: '' } });
    assert.equal(JSON.parse(found.stdout).pid, e.process.pid);
    assert.equal((await lstat(c.socket)).mode & 0o777, 0o660);
});

test('bad command lines', async (t) => {
    const lines = [
        [[], /a command is needed, such as 'status'/],
        [['statis'], /there is no command 'statis' \(did you mean 'status'\?\)/],
        [['xyzzy'], /there is no command 'xyzzy'\n/],
        [['status', 'more'], /what is 'more'\?/],
        [['status', '--nonsense'], /unrecognized option/],
        [['--nonsense', 'status'], /unrecognized option/],
        [['log', 'follow', '-n', 'many'], /--lines must be a number from 0 to 1000, not 'many'/],
    ];
    for (const [args, message] of lines) {
        const r = await execute(parleyctl, args);
        assert.equal(r.status, 64, `${args}: ${r.stderr}`);
        assert.match(r.stderr, message);
        assert.equal(r.stdout, '');
    }
    const help = await execute(parleyctl, ['--help']);
    assert.equal(help.status, 0);
    for (const word of ['status', 'clients', 'kick', 'mute', 'plugins', 'log', 'Exit status: 0 done']) assert.ok(help.stdout.includes(word), word);
    assert.match((await execute(parleyctl, ['log', '--help'])).stdout, /Usage: parleyctl log \[OPTION\.\.\.\]/);
    assert.match((await execute(parleyctl, ['--version'])).stdout, /^parleyctl \d+\.\d+\.\d+\n$/);
});
