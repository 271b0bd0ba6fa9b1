// Two results side by side: what changed, and whether it is more than noise.
//
// Ratios to the limit are compared first, since they survive another day and often another machine; the absolute figures only where both were
// measured on the same one. A change counts where the ranges of the two have nothing in common.
import { spreadText, table } from './report.mjs';
import { apart } from './stats.mjs';

const percent = (a, b) => `${b >= a ? '+' : ''}${((b / a - 1) * 100).toFixed(1)}%`;

/** Why absolute figures cannot be compared; empty: they can. */
export function differences(a, b) {
    const of = (name) => (a.machine[name] !== b.machine[name] ? [`${name}: ${a.machine[name]} / ${b.machine[name]}`] : []);
    return ['cpu', 'cores', 'kernel', 'compiler', 'build_type', 'flags', 'libwebsockets', 'node'].flatMap(of);
}

function row(name, what, a, b) {
    if (!a || !b) return [];
    return [[name, what, spreadText(a), spreadText(b), percent(a.median, b.median), apart(a, b) ? (b.median < a.median ? 'less' : 'MORE') : 'within noise']];
}

/** [{ cells }] for every run that both have. */
export function compareRows(a, b) {
    return a.workloads.flatMap((wa) => {
        const wb = b.workloads.find((w) => w.name === wa.name);
        return (wb ? wa.runs : []).flatMap((ra) => {
            const rb = wb.runs.find((r) => r.key === ra.key);
            if (!rb) return [];
            const name = `${wa.name} ${ra.key}`;
            return [
                ...(ra.against === rb.against ? row(name, `ratio to ${ra.against}`, ra.ratio, rb.ratio) : []),
                ...row(name, wa.unit, ra.figures.compared, rb.figures.compared),
                ...row(name, 'p99 µs', ra.figures.p99_us, rb.figures.p99_us),
            ];
        });
    });
}

export function compareText(a, b) {
    const rows = compareRows(a, b);
    const settings = (r) => `${r.settings.rounds} rounds of ${r.settings.seconds} s, ${r.machine.date}, commit ${r.machine.commit?.slice(0, 12) ?? '?'}${r.machine.changed_since ? ' with changes' : ''}`;
    const differ = differences(a, b);
    return [
        `a: ${settings(a)}`, `b: ${settings(b)}`,
        ...(differ.length ? ['', 'Not measured alike, so believe the ratios and not the absolute figures:', ...differ.map((d) => `  ${d}`)] : []),
        '', rows.length ? table([['', '', 'a', 'b', 'change', ''], ...rows]) : 'They have no run in common.',
    ].join('\n');
}
