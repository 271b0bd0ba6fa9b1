// One run, and a workload of several rounds of them.
//
// In each round every server runs in turn, from a fresh start to a clean end, in the reverse order in every second round: what drifts with time
// (temperature, a neighbour) meets all of them alike. A run that fails is kept with its reason, and the others go on.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { load as loadAverage } from './machine.mjs';
import { output, pinned } from './process.mjs';
import { start } from './servers.mjs';
import { ratios, slope, spread } from './stats.mjs';

const LOST = 3; // the generator's exit status when messages did not arrive as they should: it says how many
const WARM_UP_S = 0.5; // before it is measured, or as long as it is measured where that is less
const PATIENCE_MS = 180_000; // for 10,000 clients to come in, on a slow machine

/** The order of the runs in a round, from 0. */
export const orderOf = (runs, round) => (round % 2 ? [...runs].reverse() : [...runs]);

/** The last line of what the generator printed, which is one JSON object. */
export function parseResult(text) {
    const line = text.trimEnd().split('\n').at(-1);
    const result = JSON.parse(line);
    if (typeof result !== 'object' || result === null) throw new Error(`no JSON object: ${line.slice(0, 200)}`);
    return result;
}

export function generatorArguments(run, { settings, secrets = {}, loadCore }, port, pids) {
    const subscribers = settings.subscribers ?? run.subscribers;
    return [
        '--server', run.server, '--port', String(port), '--pid', pids.join(','), '--workload', run.load, '--seconds', String(settings.seconds),
        '--warm-up', String(Math.min(WARM_UP_S, settings.seconds)),
        ...(loadCore === null ? [] : ['--cpu', String(loadCore)]),
        ...(subscribers ? ['--subscribers', String(subscribers)] : []),
        ...(run.tls ? ['--tls'] : []),
        ...(run.token ? ['--token-file', secrets.token.token] : []),
    ];
}

async function runOnce(run, context, folder) {
    const { tools, settings, secrets } = context;
    const patience = PATIENCE_MS + settings.seconds * 1000;
    if (run.signature) {
        const command = [tools.load, '--signature', secrets.token.publicKey, '--token-file', secrets.token.token];
        return parseResult(await output(pinned(context.serverCores, command), patience));
    }
    const cores = run.both ? context.bothCores : context.serverCores;
    const { server, port, pids } = await start(run, { ...context, serverCores: cores }, folder);
    let result;
    let failed;
    try {
        result = parseResult(await output([tools.load, ...generatorArguments(run, context, port, pids)], patience, [0, LOST]));
    } catch (e) {
        failed = e;
    }
    try {
        await server.stop(port);
    } catch (e) {
        throw failed ? new Error(`${failed.message}; and ${e.message}`) : e;
    }
    if (failed) throw failed;
    return result;
}

/** Sets what the runs of a round are compared by. */
export function compare(workload, samples) {
    for (const [key, sample] of Object.entries(samples)) {
        if (sample.error || sample.us_per_signature !== undefined) continue;
        sample.compared = workload.compared(sample);
        if (workload.less?.of !== key) continue;
        const signature = samples[workload.less.run]?.us_per_signature;
        sample.compared = signature === undefined ? NaN : sample.compared - signature;
    }
}

/** All rounds of a workload: { key: [sample of round 0, …] }; a failed run's sample is { error }. tell(text) reports progress. */
export async function measure(workload, runs, context, tell) {
    const samples = Object.fromEntries(runs.map((run) => [run.key, []]));
    for (let round = 0; round < context.settings.rounds; round++) {
        const ofRound = {};
        for (const run of orderOf(runs, round)) {
            const folder = join(context.folder, `${workload.name}-${round + 1}-${run.key.replaceAll(/\W+/g, '-')}`);
            mkdirSync(folder);
            const before = loadAverage();
            tell(`${workload.name}: round ${round + 1} of ${context.settings.rounds}, ${run.key}`);
            try {
                ofRound[run.key] = await runOnce(run, context, folder);
            } catch (e) {
                ofRound[run.key] = { error: e.message };
            }
            Object.assign(ofRound[run.key], { round: round + 1, load_average: before });
            rmSync(folder, { recursive: true, force: true });
        }
        compare(workload, ofRound);
        for (const [key, sample] of Object.entries(ofRound)) samples[key].push(sample);
    }
    return samples;
}

const FIGURES = [
    'deliveries_per_s', 'cpu_us_per_delivery', 'cpu_us_per_message', 'p50_us', 'p99_us', 'max_us', 'load_cpu', 'handshakes_per_s', 'cpu_us_per_handshake',
    'rss_before_bytes', 'rss_after_bytes', 'bytes_per_connection', 'us_per_signature', 'compared',
];

/** What the samples of a workload say, as it goes into the JSON file. */
export function summarize(workload, runs, samples) {
    const compared = (key) => (samples[key] ?? []).map((s) => s.compared);
    const summaries = runs.map((run) => {
        const of = samples[run.key];
        const figures = Object.fromEntries(FIGURES.map((name) => [name, spread(of.map((s) => s[name]))]).filter(([, s]) => s));
        return {
            key: run.key, server: run.server ?? null, against: run.against, figures,
            ratio: run.against ? spread(ratios(compared(run.key), compared(run.against))) : null,
            samples: of,
        };
    });
    const targets = workload.targets.map((target) => {
        const values = target.against ? ratios(compared(target.run), compared(target.against)) : compared(target.run);
        const found = spread(values);
        const sound = !samples[target.run]?.some((s) => s.error || s.lost > 0 || s.disorder > 0); // who loses messages is not fast
        return { ...target, found, met: found ? found.median <= target.most && sound : null };
    });
    const { line } = workload;
    const lines = line
        ? spread(Array.from({ length: Math.max(...runs.map((r) => samples[r.key].length)) }, (_, round) =>
            slope(line.points.map(({ run, x }) => [x, samples[run]?.[round]?.compared ?? NaN])) * line.scale))
        : null;
    return {
        name: workload.name, about: workload.about, unit: workload.unit, columns: workload.columns, runs: summaries, targets,
        ...(lines ? { line: { label: line.label, ...lines } } : {}),
    };
}
