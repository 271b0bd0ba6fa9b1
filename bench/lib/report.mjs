// Tables for people, from the summaries of measure.mjs.

const dash = '-';

/** 1,234,567; three digits at least where it is small: 1.05, 12.3, 0.00412. */
export function figure(x) {
    if (x === null || x === undefined || Number.isNaN(x)) return dash;
    if (x !== 0 && Math.abs(x) < 0.1) return x.toPrecision(3);
    const digits = Math.abs(x) >= 100 ? 0 : Math.abs(x) >= 10 ? 1 : 2;
    return x.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** "1.05 (1.02..1.09)" of a spread; "1.05" of a single value. */
export const spreadText = (s) => (s ? `${figure(s.median)}${s.n > 1 ? ` (${figure(s.min)}..${figure(s.max)})` : ''}` : dash);

const count = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

/** "5 rounds of 3 s". */
export const settingsText = (s) => `${count(s.rounds, 'round')} of ${s.seconds} s${s.subscribers ? `, with ${s.subscribers} subscribers whatever is said above` : ''}`;

/** Rows of cells as lines; the first column on the left, the others on the right. */
export function table(rows) {
    const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
    return rows.map((row) => row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ').trimEnd()).join('\n');
}

const titles = {
    deliveries_per_s: 'deliveries/s',
    cpu_us_per_delivery: 'CPU s a million', // a microsecond each is a second a million
    p50_us: 'p50 µs',
    p99_us: 'p99 µs',
    handshakes_per_s: 'handshakes/s',
    cpu_us_per_handshake: 'CPU µs a handshake',
    us_per_signature: 'µs a signature',
};

function targetText(t) {
    const verdict = t.met === null ? 'not measured' : t.met ? 'met' : 'MISSED';
    return `${t.against ? '' : 'at most '}${figure(t.most)} ${verdict}`;
}

const list = (rounds) => `${rounds.length === 1 ? 'round' : 'rounds'} ${rounds.join(', ')}`;

/** What must be known about a run before its figures are believed. */
export function notes(run) {
    const where = (fits) => run.samples.filter((s) => !s.error && fits(s));
    const rounds = (samples) => list(samples.map((s) => s.round));
    const out = run.samples.filter((s) => s.error).map((s) => `FAILED in round ${s.round}: ${s.error}`);
    const bound = where((s) => s.load_bound);
    if (bound.length) {
        const busiest = Math.max(...bound.map((s) => s.load_cpu ?? NaN));
        const busy = Number.isFinite(busiest) ? `, up to ${Math.round(busiest * 100)}% of its core` : '';
        out.push(`bound by the generator in ${rounds(bound)}${busy}: the server could do more than its rate here says; CPU figures stand`);
    }
    const lost = where((s) => s.lost > 0);
    if (lost.length) out.push(`LOST ${lost.reduce((sum, s) => sum + s.lost, 0)} deliveries in ${rounds(lost)}`);
    const disorder = where((s) => s.disorder > 0);
    if (disorder.length) out.push(`DISORDER: ${disorder.reduce((sum, s) => sum + s.disorder, 0)} deliveries were not the next one, in ${rounds(disorder)}`);
    const closed = where((s) => s.closed > 0);
    if (closed.length) out.push(`closed ${closed.reduce((sum, s) => sum + s.closed, 0)} connections in ${rounds(closed)}`);
    return out;
}

/** A workload as text. */
export function workloadText(w, settings) {
    const head = ['', ...w.columns.map((name) => titles[name] ?? w.unit), 'ratio', 'to', 'target'];
    const rows = w.runs.map((run) => [
        run.key, ...w.columns.map((name) => spreadText(run.figures[name])), spreadText(run.ratio), run.ratio ? run.against : dash,
        w.targets.filter((t) => t.run === run.key && (t.against ?? null) === (t.against && run.against)).map(targetText).join(', ') || dash,
    ]);
    const lines = [`${w.name}: ${w.about}`, `  medians (least..most) of ${settingsText(settings)}; ratios of ${w.unit}`, table([head, ...rows])];
    for (const t of w.targets.filter((t) => t.against && !w.runs.some((r) => r.key === t.run && r.against === t.against)))
        lines.push(`  ${t.run} / ${t.against}: ${spreadText(t.found)}, target ${targetText(t)}`);
    if (w.line) lines.push(`  ${w.line.label}: ${spreadText(w.line)}`);
    for (const run of w.runs) for (const note of notes(run)) lines.push(`  ${run.key} ${note}`);
    return lines.join('\n');
}

/** All targets, a line each. */
export function targetsText(workloads) {
    const all = workloads.flatMap((w) => w.targets.map((t) => ({ ...t, name: w.name, unit: w.unit })));
    if (all.length === 0) return '';
    const rows = all.map((t) => [
        t.name, t.against ? `${t.run} / ${t.against}` : `${t.run}, ${t.unit}`, spreadText(t.found), `at most ${figure(t.most)}`,
        t.met === null ? 'not measured' : t.met ? 'met' : 'MISSED',
    ]);
    return table([['target', 'of', 'median (least..most)', '', ''], ...rows]);
}

/** Whether any run failed. */
export const failures = (workloads) => workloads.flatMap((w) => w.runs.flatMap((r) => r.samples.filter((s) => s.error).map((s) => `${w.name}, ${r.key}: ${s.error}`)));
