// Measures Parley against the limit, and with --peers against others: see README.md beside this file.
//
// Needs nothing but Node 18 and what was built. Exits with 1 when a server or the generator failed, with 2 when it was called wrongly; a missed
// target is told and is no failure.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareText } from './lib/compare.mjs';
import { makeCertificate, makeToken } from './lib/keys.mjs';
import { allowedCores, describe, mostDescriptors, tell as tellMachine } from './lib/machine.mjs';
import { measure, summarize } from './lib/measure.mjs';
import { parse, usage } from './lib/options.mjs';
import { endAll } from './lib/process.mjs';
import { failures, targetsText, workloadText } from './lib/report.mjs';
import { issuerOf, missing } from './lib/servers.mjs';
import { plot } from './lib/svg.mjs';
import { choose, workloads } from './lib/workloads.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const say = (text) => process.stdout.write(`${text}\n`);
const progress = (text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`);
const clearProgress = () => progress('');

function toolsIn(build) {
    return {
        parleyd: join(build, 'bin/parleyd'), load: join(build, 'bench/parley-load'), limit: join(build, 'bench/parley-limit'),
        noop: join(build, 'bench/plugins/noop.so'), nginx: '/usr/sbin/nginx',
    };
}

/** What a run needs that may not be there; a sentence, or null. */
function obstacle(workload, runs, tools, cores) {
    if (workload.cores > cores.length) return 'needs two cores';
    if (workload.descriptors > mostDescriptors()) return `needs ${workload.descriptors} open files, and the limit is ${mostDescriptors()} (ulimit -Hn)`;
    const needed = new Set([tools.load, ...runs.flatMap((r) => ({ parley: [tools.parleyd], limit: [tools.limit], nchan: [tools.nginx] })[r.server] ?? [])]);
    if (workload.name === 'chain') needed.add(tools.noop);
    const lacking = missing([...needed]);
    return lacking.length ? `needs ${lacking.join(', ')}, which is not there` : null;
}

/** Cores for the server, for the generator, and for a server that gets two. */
function shareCores() {
    const cores = allowedCores();
    if (cores.length > 1) return { cores, serverCores: [cores[0]], loadCore: cores[1], bothCores: [cores[0], cores[2] ?? cores[1]] };
    say('There is only one core: server and generator share it, so rates are low and latencies high. CPU figures can be compared with each other.');
    return { cores, serverCores: null, loadCore: null, bothCores: null };
}

async function makeSecrets(chosen, folder) {
    const runs = chosen.flatMap((c) => c.runs);
    const withToken = runs.find((r) => r.token);
    const { issuer, audience } = withToken ? issuerOf(root, withToken.ini) : {};
    return {
        token: withToken ? makeToken(folder, issuer, audience) : null,
        tls: runs.some((r) => r.tls) ? await makeCertificate(folder) : null,
    };
}

function write(result, stem) {
    for (const [name, text] of [[`${stem}.json`, `${JSON.stringify(result, null, 1)}\n`], [`${stem}.svg`, plot(result)]]) {
        writeFileSync(`${name}.new`, text);
        renameSync(`${name}.new`, name);
    }
}

async function bench(options) {
    const build = resolve(options.build ?? join(root, 'build/release'));
    const out = resolve(options.out ?? join(root, 'build/bench'));
    const tools = toolsIn(build);
    const { cores, ...share } = shareCores();
    const settings = { rounds: options.rounds, seconds: options.seconds, peers: options.peers, subscribers: options.subscribers, ...share };
    const machine = describe({ root, build, peers: options.peers });
    say(tellMachine(machine));
    if (machine.checked || machine.sanitize || !/^Rel|^MinSize/.test(machine.build_type ?? '')) say('This is no release build: its figures say nothing about speed.');
    if (options.rounds < 5) say('Fewer than 5 rounds: their medians are worth little.');
    const chosen = [];
    const leftOut = [];
    for (const workload of choose(options.workloads)) {
        const runs = workload.runs.filter((r) => options.peers || !r.peer);
        const why = obstacle(workload, runs, tools, cores);
        if (why) leftOut.push({ name: workload.name, why });
        else chosen.push({ workload, runs });
    }
    for (const l of leftOut) say(`${l.name} is left out: it ${l.why}.`);
    const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
    const clear = () => rmSync(folder, { recursive: true, force: true });
    for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]])
        process.once(signal, () => {
            endAll();
            clear();
            process.exit(status);
        });
    mkdirSync(out, { recursive: true });
    const result = { format: 'parley-bench/1', machine, settings, left_out: leftOut, workloads: [] };
    const stem = join(out, `bench-${machine.date.replace(/[-:]|\..*/g, '')}`);
    try {
        const context = { root, tools, settings, folder, secrets: await makeSecrets(chosen, folder), ...share };
        for (const { workload, runs } of chosen) {
            const samples = await measure(workload, runs, context, progress);
            clearProgress();
            result.workloads.push(summarize(workload, runs, samples));
            say(`\n${workloadText(result.workloads.at(-1), settings)}`);
            write(result, stem); // after each, so that an end before the last loses little
        }
    } finally {
        clear();
    }
    if (result.workloads.length) say(`\n${targetsText(result.workloads)}\n\n${stem}.json\n${stem}.svg`);
    const failed = failures(result.workloads);
    if (failed.length) say(`\n${failed.length} of the runs FAILED:\n${failed.map((f) => `  ${f}`).join('\n')}`);
    // What was asked for by name and could not be measured is a failure, too.
    return failed.length || (options.workloads.length && leftOut.length) || chosen.length === 0 ? 1 : 0;
}

async function main() {
    let options;
    try {
        options = parse(process.argv.slice(2));
        choose(options.workloads);
    } catch (e) {
        process.stderr.write(`${e.message}\n${usage}\n`);
        return 2;
    }
    if (options.help) return say(usage), 0;
    if (options.list) return say(workloads.map((w) => `${w.name.padEnd(12)} ${w.about}`).join('\n')), 0;
    if (options.compare) return say(compareText(...options.compare.map((file) => JSON.parse(readFileSync(file, 'utf8'))))), 0;
    return bench(options);
}

process.exitCode = await main();
