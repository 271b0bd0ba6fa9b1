// What the figures were measured on: without it they say nothing.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { arch, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';

function output(command, args, options = {}) {
    try {
        return execFileSync(command, args, { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'pipe'], ...options }).trim();
    } catch {
        return null; // not installed: then nothing is said of it
    }
}

const firstLine = (text) => text?.split('\n')[0] ?? null;

/** "0-2,5" as [0, 1, 2, 5]. */
export function cpuList(text) {
    return text.split(',').filter(Boolean).flatMap((part) => {
        const [from, to] = part.split('-').map(Number);
        return Array.from({ length: (to ?? from) - from + 1 }, (_, i) => from + i);
    });
}

/** The cores that this process may run on, which need not begin at 0. */
export function allowedCores() {
    return cpuList(/^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

/** How many files a child of this process may open at most. */
export function mostDescriptors() {
    const most = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1];
    return most === 'unlimited' ? Infinity : Number(most);
}

export const load = () => loadavg().map((x) => Math.round(x * 100) / 100);

/** What the build folder says that it was built with. */
function compiler(build) {
    const cache = join(build, 'CMakeCache.txt');
    if (!existsSync(cache)) return {};
    const text = readFileSync(cache, 'utf8');
    const of = (name) => new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(text)?.[1] ?? '';
    const type = of('CMAKE_BUILD_TYPE');
    return {
        compiler: firstLine(output(of('CMAKE_C_COMPILER') || 'cc', ['--version'])),
        build_type: type,
        flags: [of('CMAKE_C_FLAGS'), of(`CMAKE_C_FLAGS_${type.toUpperCase()}`)].filter(Boolean).join(' '),
        checked: /^(ON|1|YES|TRUE)$/i.test(of('PARLEY_CHECKED')),
        sanitize: of('PARLEY_SANITIZE') || null,
    };
}

function peerVersions(root) {
    const of = (name) => {
        const file = join(root, 'bench/peers/node_modules', name, 'package.json');
        return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : null;
    };
    const debian = (name) => output('dpkg-query', ['-W', '-f', '${Version}', name]) || null;
    return { ws: of('ws'), 'socket.io': of('socket.io'), nginx: debian('nginx-common'), nchan: debian('libnginx-mod-nchan') };
}

export function describe({ root, build, peers }) {
    const info = readFileSync('/proc/cpuinfo', 'utf8');
    const git = (...args) => output('git', ['-C', root, ...args]);
    const changed = git('status', '--porcelain', '--untracked-files=no');
    return {
        date: new Date().toISOString(),
        cpu: /^model name\s*:\s*(.*)$/m.exec(info)?.[1] ?? arch(),
        cores: (info.match(/^processor\s*:/gm) ?? []).length,
        cores_allowed: allowedCores(),
        memory_bytes: totalmem(),
        kernel: release(),
        system: /^PRETTY_NAME="?(.*?)"?$/m.exec(existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '')?.[1] ?? null,
        commit: git('rev-parse', 'HEAD'),
        changed_since: changed === null ? null : changed !== '',
        libwebsockets: output('pkg-config', ['--modversion', 'libwebsockets']),
        openssl: output('pkg-config', ['--modversion', 'openssl']),
        node: process.version,
        ...compiler(build),
        ...(peers ? { peers: peerVersions(root) } : {}),
    };
}

/** A few lines for people. */
export function tell(m) {
    return [
        `${m.cpu}, ${m.cores} cores, ${(m.memory_bytes / 2 ** 30).toFixed(0)} GiB, kernel ${m.kernel}${m.system ? `, ${m.system}` : ''}`,
        `${m.compiler ?? 'unknown compiler'}; ${m.build_type ?? '?'} (${m.flags ?? ''}); libwebsockets ${m.libwebsockets ?? '?'}, node ${m.node}`,
        `commit ${m.commit?.slice(0, 12) ?? 'unknown'}${m.changed_since ? ' with changes that are not committed' : ''}, ${m.date}`,
    ].join('\n');
}
