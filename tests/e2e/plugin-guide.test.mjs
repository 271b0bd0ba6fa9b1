// docs/plugin-guide.md, followed to the letter by somebody who has the installed server and nothing else: into an empty folder, its files are
// written, its commands are run, in their order, and what it promises is seen by a client.
//
// What a block is stands behind its fence: `c NAME.c` is a file, `c NAME.c FUNCTION` replaces that function of one, `sh` is run. What belongs to
// the first session, from nothing to a plugin that was reloaded, says `session`. The server's ports are any that are free; all else is as it stands.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { enter } from './lib/client.mjs';
import { edit, patience, preset, root } from './lib/daemon.mjs';

const skip = preset === 'dev' || preset === 'release' ? false : `${preset} is not what is installed`;
const guide = await readFile(join(root, 'docs/plugin-guide.md'), 'utf8');
const blocks = [...guide.matchAll(/^```(\S+)(?: (.*))?\n([^]*?)^```$/gm)].map(([, language, info = '', text]) => {
    const [name, part] = info.split(' ');
    return { language, name, part, text, session: name === 'session' || part !== undefined };
});

/** A terminal: what one block changes of folder and environment is there in the next. */
class Terminal {
    static async open(t, folder) {
        const terminal = new Terminal();
        terminal.folder = folder;
        terminal.cwd = join(folder, 'home');
        terminal.env = { PATH: process.env.PATH, HOME: terminal.cwd, XDG_RUNTIME_DIR: folder, LC_ALL: 'C' };
        await mkdir(terminal.cwd);
        t.after(() => terminal.end());
        return terminal;
    }

    /** Runs it line by line, and stops where a line fails. What goes on in the background is `this.server`. */
    async run(text) {
        const state = join(this.folder, 'state');
        const to = await open(join(this.folder, 'output'), 'w');
        const script = `set -e\n${text}\n{ pwd; echo "\${!:-0}"; env -0; } > ${state}\n`;
        const shell = spawn('bash', ['-c', script], { cwd: this.cwd, env: this.env, stdio: ['ignore', to.fd, to.fd], timeout: 600_000 });
        const status = await new Promise((done) => shell.on('exit', (code, signal) => done(code ?? signal)));
        await to.close();
        this.output = await readFile(join(this.folder, 'output'), 'utf8');
        assert.equal(status, 0, `${text}\n${this.output}`);
        const [, cwd, pid, env] = /^(.*)\n(.*)\n([^]*)$/.exec(await readFile(state, 'utf8'));
        this.cwd = cwd;
        this.env = Object.fromEntries(env.split('\0').filter(Boolean).map((e) => [e.slice(0, e.indexOf('=')), e.slice(e.indexOf('=') + 1)]));
        if (pid !== '0') this.server = Number(pid);
    }

    /** Where the server listens, as soon as it says so where its log goes. */
    async listening() {
        for (const give_up = Date.now() + patience; Date.now() < give_up; await new Promise((r) => setTimeout(r, 20))) {
            const log = await readFile(join(this.folder, 'output'), 'utf8');
            const lines = log.split('\n').filter((l) => l.startsWith('{')).flatMap((l) => (l.endsWith('}') ? [JSON.parse(l)] : []));
            if (lines.some((l) => l.event === 'started')) return lines.find((l) => l.event === 'listening' && l.listener === 'public').address;
            assert.doesNotThrow(() => process.kill(this.server, 0), log);
        }
        assert.fail('the server does not start');
    }

    end() {
        if (this.server) process.kill(this.server, 'SIGTERM');
    }
}

test('every block says what it is, and the text names each file', () => {
    for (const { language, name, text } of blocks)
        if (language === 'sh') assert.ok(!name || name === 'session', text);
        else {
            assert.match(name ?? '', /^\w+\.(c|txt)$/, text);
            assert.match(guide.split(text)[0], new RegExp(`\`${name.replace('.', '\\.')}\`[^\`]*(\`[^\`]*\`[^\`]*)*\`\`\``), `${name} is named before it`);
        }
    assert.equal(blocks.length * 2, guide.match(/^```/gm).length);
});

test('the first session has 30 lines at most', () => {
    const lines = blocks.filter((b) => b.session).flatMap((b) => b.text.split('\n').filter((l) => l.trim()));
    assert.ok(lines.length <= 30, `${lines.length}`);
});

test('followed to the letter, it leads where it says', { skip }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-guide-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const prefix = join(folder, 'installed');
    await promisify(execFile)('cmake', ['--install', join(root, 'build', preset), '--prefix', prefix], { timeout: 600_000 });
    const dev = join(prefix, 'etc/parley/parley.dev.ini');
    const free = { server: { listen: '127.0.0.1:0' }, admin: { listen: '127.0.0.1:0', token_file: join(folder, 'token') } };
    await writeFile(dev, `${edit(await readFile(dev, 'utf8'), free)}\n`);

    const terminal = await Terminal.open(t, folder);
    let ann, reloaded;
    const refused = (word) => ann.say('general', `oh, ${word}`).then(() => assert.fail('it got through'), (e) => e.payload.message);
    for (const { language, name, part, text } of blocks) {
        if (language === 'sh') {
            const before = terminal.server;
            const reloads = /^parleyctl reload wordban$/m.test(text);
            if (reloads) assert.equal(await refused('darn'), "'darn' is not said here.");
            await terminal.run(text.replaceAll('/opt/parley', prefix));
            if (terminal.server !== before) {
                ann = await enter(t, { ws: `ws://${await terminal.listening()}/ws` }, 'ann');
                await ann.say('general', 'hello');
                assert.equal(await refused('HECK'), "'heck' is not said here.");
            }
            if (reloads) {
                assert.equal(await refused('darn'), "'darn' is never said here."); // the same connection
                await ann.say('general', 'still here');
                reloaded = true;
            }
        } else if (part) {
            const file = join(terminal.cwd, name);
            const old = await readFile(file, 'utf8');
            const found = old.match(new RegExp(`^static [^\\n;]*\\b${part}\\([^;]*?\\)\\n\\{[^]*?^\\}\\n`, 'm'));
            assert.ok(found, `${part} in ${name}`);
            await writeFile(file, old.replace(found[0], () => text));
        } else await writeFile(join(terminal.cwd, name), text);
    }
    assert.ok(ann && reloaded, 'a server was started, and took up the change');
});
