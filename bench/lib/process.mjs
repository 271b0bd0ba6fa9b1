// Processes that come and go with a run: each leads a process group of its own, so that afterwards one can see whether all of it is gone.
//
// What a server says goes into files and not through pipes: nobody has to read it while it is measured. Only processes that were started here
// are ever ended, by their id or that of the group they lead.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 10;
const running = new Set();

/** Processes of a group that are not zombies. */
export function groupMembers(group) {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
        let stat;
        try {
            stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        } catch {
            return false; // gone while we looked
        }
        const [state, , itsGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(itsGroup) === group && state !== 'Z' && state !== 'X';
    });
}

/** [command, ...args] that runs on those cores only. */
export const pinned = (cores, command) => (cores ? ['taskset', '-c', cores.join(','), ...command] : command);

/** Resolves with the first truthy value of `look`, which may be async; rejects after `ms`, with what `what` says then. */
export async function until(look, ms, what) {
    const deadline = Date.now() + ms;
    for (;;) {
        const value = await look();
        if (value) return value;
        if (Date.now() > deadline) throw new Error(`${what()}: not within ${ms / 1000} s`);
        await sleep(LOOK_MS);
    }
}

/** Whether somebody listens there. */
export function listens(port) {
    return new Promise((done) => {
        const socket = connect({ port, host: '127.0.0.1' });
        const end = (yes) => (socket.destroy(), done(yes));
        socket.on('connect', () => end(true)).on('error', () => end(false));
    });
}

export class Server {
    #exit = null;

    /** Starts `command` with what it says in `folder`/`name`.log. */
    constructor(name, command, folder, options = {}) {
        this.name = name;
        this.log = join(folder, `${name}.log`);
        const log = openSync(this.log, 'a');
        this.process = spawn(command[0], command.slice(1), { stdio: ['ignore', log, log], detached: true, cwd: folder, ...options });
        closeSync(log);
        this.exited = new Promise((done) => {
            this.process.on('error', (e) => done((this.#exit = { error: e.message })));
            this.process.on('exit', (status, signal) => done((this.#exit = { status, signal })));
        });
        if (this.pid) running.add(this);
    }

    get pid() {
        return this.process.pid;
    }

    said() {
        return readFileSync(this.log, 'utf8');
    }

    #tail() {
        const said = this.said().trimEnd();
        return said ? `; it said:\n${said.slice(-2000)}` : '';
    }

    /** Waits for `look(what it said so far)` to be truthy; throws when it ends before. */
    async ready(look, ms = 30_000) {
        const check = async () => {
            const over = this.#exit; // looked at first: what it said before its end must be read
            const found = await look(this.said());
            if (!found && over) throw new Error(`${this.name} ended at once (${JSON.stringify(over)})${this.#tail()}`);
            return found;
        };
        try {
            return await until(check, ms, () => `${this.name} is not ready${this.#tail()}`);
        } catch (e) {
            await this.#end();
            throw e;
        }
    }

    /** Those of its processes that are there now, itself first. */
    members() {
        return [this.pid, ...groupMembers(this.pid).filter((pid) => pid !== this.pid)];
    }

    /** Ends it, and throws when it had ended before, did so badly, or left something over. */
    async stop(port, ms = 20_000) {
        const before = this.#exit;
        await this.#end(ms);
        const faults = [];
        if (before) faults.push(`ended by itself (${JSON.stringify(before)})`);
        else if (this.killed) faults.push(`did not stop within ${ms / 1000} s`);
        else if (this.#exit.status !== 0 && this.#exit.signal !== 'SIGTERM') faults.push(`stopped with ${JSON.stringify(this.#exit)}`);
        if (this.left.length) faults.push(`left ${this.left.length} processes over`);
        if (port && (await listens(port))) faults.push(`left somebody listening on its port ${port}`);
        if (faults.length) throw new Error(`${this.name} ${faults.join(', ')}${this.#tail()}`);
    }

    async #end(ms = 20_000) {
        this.left = [];
        if (!this.pid) return;
        if (!this.#exit) {
            this.process.kill('SIGTERM');
            const timer = setTimeout(() => {
                this.killed = true;
                this.process.kill('SIGKILL');
            }, ms);
            await this.exited;
            clearTimeout(timer);
        }
        // What it started itself may need a moment longer than it does.
        await until(() => groupMembers(this.pid).length === 0, 2000, () => '').catch(() => {
            this.left = groupMembers(this.pid);
            killGroup(this.pid);
        });
        running.delete(this);
    }
}

function killGroup(group) {
    try {
        process.kill(-group, 'SIGKILL');
    } catch (e) {
        if (e.code !== 'ESRCH') throw e;
    }
}

/** Runs a program to its end: what it wrote to standard output. Throws when it ends with a status that is not one of `good`, or takes longer than `ms`. */
export function output(command, ms, good = [0]) {
    return new Promise((done, fail) => {
        const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
        const name = command.find((word) => word.includes('parley-')) ?? command[0];
        let out = '';
        let err = '';
        let late = false;
        const entry = { end: () => child.kill('SIGKILL') };
        const timer = setTimeout(() => ((late = true), child.kill('SIGKILL')), ms);
        const over = () => (clearTimeout(timer), running.delete(entry));
        running.add(entry);
        child.stdout.setEncoding('utf8').on('data', (d) => (out += d));
        child.stderr.setEncoding('utf8').on('data', (d) => (err += d));
        child.on('error', (e) => (over(), fail(new Error(`${name}: ${e.message}`))));
        child.on('close', (status, signal) => {
            over();
            if (!late && good.includes(status)) return done(out);
            const how = late ? `took more than ${ms / 1000} s` : `ended with ${status ?? signal}`;
            fail(new Error(`${name} ${how}${err.trim() ? `: ${err.trim().slice(-1000)}` : ''}`));
        });
    });
}

/** Ends at once all that was started here and still runs: for when the runner itself is told to end. */
export function endAll() {
    for (const one of running) one instanceof Server ? killGroup(one.pid) : one.end();
}
