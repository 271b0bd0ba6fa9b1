// The plot: for each workload, what a delivery costs each server in CPU time, relative to what it is compared with, as an SVG written by hand.
//
// Bars begin at 0 and end at the median of the ratios, so lengths can be compared by eye; whiskers go from the least to the most. What would
// leave the others no room is cut off at the edge, marked by a break, and its number stands beside it as beside all others.
import { figure } from './report.mjs';

const SIZE = { width: 960, left: 210, right: 190, top: 96, bar: 16, gap: 5, head: 30, after: 12, bottom: 54 };
const MOST = 4; // times the reference; what is more is cut
const COLOURS = { parley: '#1f6feb', limit: '#8b949e', ws: '#bf8700', socketio: '#bc4c00', nchan: '#6e7781' };
const NAMES = { socketio: 'socket.io', ws: 'ws (Node)' };

export const escape = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const n = (x) => String(Math.round(x * 100) / 100);

/** [{ name, about, bars: [{ key, server, against, ratio, target }] }] of what has a ratio. */
export function groupsOf(workloads) {
    return workloads.map((w) => ({
        name: w.name, about: w.about, unit: w.unit, references: [...new Set(w.runs.filter((r) => r.ratio).map((r) => r.against))],
        bars: w.runs.filter((r) => r.ratio).map((r) => ({
            key: r.key, server: r.server, against: r.against, ratio: r.ratio,
            target: w.targets.find((t) => t.run === r.key && t.against === r.against)?.most,
        })),
    })).filter((g) => g.bars.length > 0);
}

/** The end of the axis: a round number that nothing but what is cut off lies beyond. */
export function axisEnd(groups) {
    const most = Math.max(1, ...groups.flatMap((g) => g.bars.flatMap((b) => [b.ratio.max, b.target ?? 0])));
    return Math.min(MOST, Math.ceil(most * 4 + 0.2) / 4);
}

const text = (x, y, content, more = '') => `<text x="${n(x)}" y="${n(y)}"${more ? ` ${more}` : ''}>${escape(content)}</text>`;
const line = (x1, y1, x2, y2, more) => `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" ${more}/>`;

function bar(b, label, y, to, end) {
    const middle = y + SIZE.bar / 2;
    const at = (ratio) => to(Math.min(ratio, end));
    const out = [text(SIZE.left - 10, middle + 4, label, 'text-anchor="end"')];
    out.push(`<rect x="${n(to(0))}" y="${n(y)}" width="${n(at(b.ratio.median) - to(0))}" height="${SIZE.bar}" fill="${COLOURS[b.server] ?? '#57606a'}"/>`);
    if (b.ratio.median > end) {
        const x = to(end) - 22;
        out.push(`<path d="M${n(x)} ${n(y - 1)} l8 0 l-6 ${SIZE.bar + 2} l-8 0 z" fill="#fff"/>`);
    } else if (b.ratio.max > b.ratio.min) {
        const stroke = 'stroke="#1f2328" stroke-width="1.3"';
        out.push(line(at(b.ratio.min), middle, at(b.ratio.max), middle, stroke));
        for (const x of [b.ratio.min, b.ratio.max].filter((r) => r <= end)) out.push(line(to(x), middle - 4, to(x), middle + 4, stroke));
    }
    if (b.target) out.push(line(to(b.target), y - 3, to(b.target), y + SIZE.bar + 3, 'stroke="#cf222e" stroke-width="2"'));
    const spread = b.ratio.n > 1 ? `  ${figure(b.ratio.min)}..${figure(b.ratio.max)}` : '';
    const x = SIZE.width - SIZE.right + 12;
    out.push(`<text x="${x}" y="${n(middle + 4)}"><tspan font-weight="600">${escape(figure(b.ratio.median))}</tspan><tspan fill="#57606a">${escape(spread)}</tspan></text>`);
    return out.join('\n');
}

/** The workload's line, with a halo, as lines of the grid pass behind it. */
function caption(g, y) {
    const unit = g.unit === 'CPU µs a delivery' ? '' : `; ${g.unit}`;
    const to = g.references.length > 1 ? '' : `, relative to ${g.references[0]}`;
    const halo = 'paint-order="stroke" stroke="#fff" stroke-width="5" stroke-linejoin="round"';
    return `<text x="12" y="${n(y)}" ${halo}><tspan font-weight="700" font-size="14">${escape(g.name)}</tspan>` +
        `<tspan dx="8" fill="#57606a">${escape(`${g.about}${unit}${to}`)}</tspan></text>`;
}

/** The whole file; result: what goes into the JSON file. */
export function plot(result) {
    const groups = groupsOf(result.workloads);
    const end = axisEnd(groups);
    const to = (ratio) => SIZE.left + (ratio / end) * (SIZE.width - SIZE.left - SIZE.right);
    const parts = [];
    let y = SIZE.top;
    for (const g of groups) {
        parts.push(caption(g, y + 18));
        y += SIZE.head;
        for (const b of g.bars) {
            parts.push(bar(b, `${NAMES[b.key] ?? b.key}${g.references.length > 1 ? ` / ${b.against}` : ''}`, y, to, end));
            y += SIZE.bar + SIZE.gap;
        }
        y += SIZE.after;
    }
    const height = y + SIZE.bottom;
    const grid = [];
    for (let r = 0; r <= end + 1e-9; r += end > 2 ? 0.5 : 0.25) {
        grid.push(line(to(r), SIZE.top, to(r), y, r === 1 ? 'stroke="#1f2328" stroke-width="1" stroke-dasharray="4 3"' : 'stroke="#d0d7de" stroke-width="1"'));
        for (const at of [SIZE.top - 6, y + 16]) grid.push(text(to(r), at, r === 1 ? '1' : String(r), 'text-anchor="middle" fill="#57606a"'));
    }
    const m = result.machine;
    const foot = `${m.cpu}, kernel ${m.kernel}; ${result.settings.rounds} rounds of ${result.settings.seconds} s; ${m.date.slice(0, 10)}, commit ${m.commit?.slice(0, 12) ?? 'unknown'}`;
    return [
        `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE.width}" height="${n(height)}" viewBox="0 0 ${SIZE.width} ${n(height)}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12" fill="#1f2328">`,
        `<rect width="${SIZE.width}" height="${n(height)}" fill="#fff"/>`,
        text(12, 30, 'Parley: CPU time for the same work, relative', 'font-size="18" font-weight="700"'),
        text(12, 52, 'Shorter is cheaper. 1 is what it is compared with, in the same round; bar: median, whiskers: least and most, red: target.', 'fill="#57606a"'),
        groups.length ? '' : text(12, SIZE.top + 10, 'Nothing that was measured can be compared.'),
        ...grid, ...parts, text(12, height - 12, foot, 'fill="#57606a" font-size="11"'), '</svg>', '',
    ].join('\n');
}
