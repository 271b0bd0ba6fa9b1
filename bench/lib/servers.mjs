// How each server is started: the command, its configuration, and how one tells that it listens and where.
//
// Every start is a fresh process in a fresh folder. The answer is { server, port, pids }; the server is ended by `server.stop(port)`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { edit, get, merge } from './ini.mjs';
import { Server, groupMembers, listens, pinned } from './process.mjs';

/** The INI text of a run: the shipped file on a free port, with what the run changes. */
export function iniOf(run, { root, tools, secrets = {} }) {
    let changes = { server: { listen: '127.0.0.1:0' } };
    if (run.token) changes = merge(changes, { 'auth jwt': { jwks: secrets.token.jwks } });
    if (run.tls) changes = merge(changes, { server: { tls_certificate: secrets.tls.certificate, tls_key: secrets.tls.key } });
    if (run.changes) changes = merge(changes, run.changes(tools));
    return edit(readFileSync(join(root, 'etc', run.ini), 'utf8'), changes);
}

/** Whom the token of a file's variant must come from, and whom it is for. */
export function issuerOf(root, file) {
    const text = readFileSync(join(root, 'etc', file), 'utf8');
    return { issuer: get(text, 'auth jwt', 'issuer'), audience: get(text, 'auth jwt', 'audience') };
}

/** The port in the log of a Parley that has started. */
export function portInLog(log) {
    const events = log.split('\n').flatMap((line) => {
        try {
            return [JSON.parse(line)];
        } catch {
            return []; // the line that is being written
        }
    });
    if (!events.some((e) => e.event === 'started')) return 0;
    const at = events.find((e) => e.event === 'listening' && e.listener === 'public')?.address;
    return at ? Number(at.split(':').at(-1)) : 0;
}

const portSaid = (said) => Number(/^listening on 127\.0\.0\.1:(\d+)$/m.exec(said)?.[1] ?? 0);

async function startParley(run, context, folder) {
    const file = join(folder, 'parley.ini');
    writeFileSync(file, iniOf(run, context));
    const server = new Server('parley', pinned(context.serverCores, [context.tools.parleyd, '-c', file]), folder);
    return { server, port: await server.ready(portInLog) };
}

async function startSpeaking(name, command, context, folder) {
    const server = new Server(name, pinned(context.serverCores, command), folder);
    return { server, port: await server.ready(portSaid) };
}

/** A port that is free now: for what cannot choose one by itself. */
function freePort() {
    return new Promise((done, fail) => {
        const server = createServer().on('error', fail);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => done(port));
        });
    });
}

async function startNchan(context, folder) {
    const port = await freePort();
    const text = readFileSync(join(context.root, 'bench/peers/nginx.conf'), 'utf8');
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, text.replaceAll('@FOLDER@', folder).replaceAll('@PORT@', String(port)));
    const command = [context.tools.nginx, '-p', folder, '-c', file, '-e', join(folder, 'error.log')];
    const server = new Server('nchan', pinned(context.serverCores, command), folder);
    // The master listens before its worker is there.
    await server.ready(async () => (await listens(port)) && groupMembers(server.pid).length > 1);
    return { server, port };
}

/** Starts the server of a run; context: { root, tools, secrets, serverCores }. */
export async function start(run, context, folder) {
    const peer = (name) => startSpeaking(name, [process.execPath, join(context.root, 'bench/peers', `${name}.mjs`)], context, folder);
    const started = await {
        parley: () => startParley(run, context, folder),
        limit: () => startSpeaking('limit', [context.tools.limit, '--port', '0'], context, folder),
        ws: () => peer('ws'),
        socketio: () => peer('socketio'),
        nchan: () => startNchan(context, folder),
    }[run.server]();
    return { ...started, pids: started.server.members() };
}

/** What of a list of paths is not there. */
export const missing = (paths) => paths.filter((path) => !existsSync(path));
