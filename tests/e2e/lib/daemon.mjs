// Starts the built daemon on free ports, reads its log, and ends it.
//
// Each test has a daemon of its own, made from one of the shipped INI files with a few keys changed, in a folder of its own. What it
// logs is kept, line by line as JSON; `daemon.logged(event)` waits for an event. A daemon that is still there when its test ends is ended by the
// test runner's `after` hook, and one that a sanitizer complained about fails the test.
import { spawn, execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const preset = process.env.PARLEY_PRESET ?? 'dev';
export const parleyd = process.env.PARLEYD ?? join(root, 'build', preset, 'bin', 'parleyd');
export const parleyctl = join(dirname(parleyd), 'parleyctl');
export const slow = preset === 'dev' || preset === 'release' ? 1 : preset === 'asan' ? 3 : 6; // factor for deadlines and sizes
export const patience = 60_000 * slow; // milliseconds: what has not come by then will not come, on whatever machine

/** A shipped INI file as text. */
export const shipped = (name) => readFile(join(root, 'etc', name), 'utf8');

/** Changes keys of INI text: { 'server': { pumps: 2 }, 'hub rate_limit': null (the section goes), 'hub x': { plugin: '…' } (a new one) }. */
export function edit(text, changes) {
    const sections = [];
    let current = { head: null, lines: [] };
    for (const line of text.split('\n')) {
        const m = /^\[(.+)\]/.exec(line);
        if (m) {
            sections.push(current);
            current = { head: m[1], lines: [] };
        } else current.lines.push(line);
    }
    sections.push(current);
    for (const [head, keys] of Object.entries(changes)) {
        let section = sections.find((s) => s.head === head);
        if (keys === null) {
            sections.splice(sections.indexOf(section), section ? 1 : 0);
            continue;
        }
        if (!section) sections.push((section = { head, lines: [] }));
        for (const [key, value] of Object.entries(keys)) {
            section.lines = section.lines.filter((l) => !new RegExp(`^\\s*${key}\\s*=`).test(l));
            if (value !== null) section.lines.unshift(`${key} = ${value}`);
        }
    }
    return sections.map((s) => (s.head ? [`[${s.head}]`, ...s.lines] : s.lines).join('\n')).join('\n');
}

/** Runs `parleyd ARGS…` to its end. */
export const run = (args, options) => execute(parleyd, args, options);

/** Likewise any program. */
export async function execute(program, args, options = {}) {
    try {
        const { stdout, stderr } = await promisify(execFile)(program, args, { timeout: patience, ...options });
        return { status: 0, stdout, stderr };
    } catch (e) {
        return { status: e.code, signal: e.signal, stdout: e.stdout, stderr: e.stderr };
    }
}

export class Daemon {
    lines = [];
    raw = '';
    #waiting = [];

    /** @param t  The test's context: the daemon ends with it.
     *  @param options  base: a shipped file; ini: text instead of it; changes: see edit(); env. */
    static async start(t, { base = 'parley.dev.ini', ini, changes = {}, env = {}, folder, ready = true } = {}) {
        const d = new Daemon();
        d.folder = folder ?? (await mkdtemp(join(tmpdir(), 'parley-e2e-')));
        d.ownsFolder = !folder;
        d.file = join(d.folder, 'parley.ini');
        d.socket = join(d.folder, 'parley.sock');
        const text = edit(ini ?? (await shipped(base)), {
            admin: { listen: '127.0.0.1:0', token_file: join(d.folder, 'admin.token'), ...changes.admin },
            ...Object.fromEntries(Object.entries(changes).filter(([k]) => k !== 'admin' && k !== 'control')),
            control: changes.control === null ? null : { socket: d.socket, ...changes.control },
            server: { listen: '127.0.0.1:0', ...changes.server },
        });
        await writeFile(d.file, text);
        d.env = env;
        t.after(() => d.end());
        d.#spawn();
        if (ready) await d.#started();
        return d;
    }

    #spawn() {
        this.process = spawn(parleyd, ['-c', this.file], {
            stdio: ['ignore', 'ignore', 'pipe'],
            env: { ...process.env, ...this.env },
        });
        this.exited = new Promise((r) => this.process.on('exit', (status, signal) => r({ status, signal })));
        const lines = createInterface({ input: this.process.stderr });
        this.stderrEnded = new Promise((r) => lines.on('close', r));
        lines.on('line', (line) => {
            this.raw += `${line}\n`;
            let entry;
            try {
                entry = JSON.parse(line);
            } catch {
                return; // a sanitizer's report: in raw, and in end()
            }
            this.lines.push(entry);
            this.#waiting = this.#waiting.filter((w) => !w(entry));
        });
    }

    async #started() {
        const since = this.lines.length;
        const first = await Promise.race([this.logged('started', () => true, since), this.exited]);
        if (first.status !== undefined) throw new Error(`parleyd ended at once: ${JSON.stringify(first)}\n${this.raw}`);
        const at = (which) => this.lines.slice(since).find((l) => l.event === 'listening' && l.listener === which)?.address;
        this.address = at('public');
        this.port = Number(this.address.split(':').pop());
        this.adminAddress = at('admin');
        this.http = `http://${this.address}`;
        this.admin = `http://${this.adminAddress}`;
        this.ws = `ws://${this.address}/ws`;
    }

    /** The same configuration, on the same ports, anew. */
    async restart() {
        const text = edit(await readFile(this.file, 'utf8'), { server: { listen: this.address } });
        await writeFile(this.file, text);
        this.#spawn();
        await this.#started();
    }

    /** Waits for a log event (among those already logged from line `since` on, too). */
    logged(event, matches = () => true, since = 0, ms = patience) {
        const fits = (l) => l.event === event && matches(l);
        const there = this.lines.slice(since).find(fits);
        if (there) return Promise.resolve(there);
        return new Promise((done, fail) => {
            const timer = setTimeout(() => fail(new Error(`no log event '${event}' in ${ms} ms\n${this.raw.slice(-4000)}`)), ms);
            this.#waiting.push((l) => fits(l) && (clearTimeout(timer), done(l), true));
        });
    }

    /** Ends it; all that it logged has been read when this is done. */
    async terminate(signal = 'SIGTERM') {
        this.process.kill(signal);
        const how = await this.exited;
        await this.stderrEnded;
        return how;
    }

    /** A sample of /metrics by its whole name with labels, or the sum over labels; NaN: none. */
    async metric(name) {
        const text = await this.metrics();
        let sum = NaN;
        for (const line of text.split('\n')) {
            const m = /^([a-zA-Z_:][\w:]*)(\{.*\})? ([^ ]+)/.exec(line);
            if (m && (m[1] === name || m[1] + (m[2] ?? '') === name)) sum = (Number.isNaN(sum) ? 0 : sum) + Number(m[3]);
        }
        return sum;
    }

    async metrics() {
        const token = (await readFile(join(this.folder, 'admin.token'), 'utf8')).trim();
        const r = await fetch(`${this.admin}/metrics`, { headers: { authorization: `Bearer ${token}` } });
        if (r.status !== 200) throw new Error(`/metrics: ${r.status} ${await r.text()}`);
        return r.text();
    }

    async adminToken() {
        return (await readFile(join(this.folder, 'admin.token'), 'utf8')).trim();
    }

    /** Resident kilobytes of the process. */
    async residentKb() {
        const status = await readFile(`/proc/${this.process.pid}/status`, 'utf8');
        return Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
    }

    async end() {
        if (this.process.exitCode === null && this.process.signalCode === null) {
            this.process.kill('SIGTERM');
            const timer = setTimeout(() => this.process.kill('SIGKILL'), patience);
            await this.exited;
            clearTimeout(timer);
        }
        await this.stderrEnded;
        if (this.ownsFolder) await rm(this.folder, { recursive: true, force: true });
        if (/(ERROR|WARNING): \w+Sanitizer|runtime error:/.test(this.raw)) throw new Error(`a sanitizer complained:\n${this.raw.slice(-8000)}`);
    }
}
