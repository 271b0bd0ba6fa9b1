// What people see: tables, notes, comparisons and the plot.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareRows, compareText, differences } from '../lib/compare.mjs';
import { cpuList } from '../lib/machine.mjs';
import { summarize } from '../lib/measure.mjs';
import { failures, figure, notes, settingsText, spreadText, table, targetsText, workloadText } from '../lib/report.mjs';
import { axisEnd, escape, groupsOf, plot } from '../lib/svg.mjs';

const workload = {
    name: 'f8', about: 'a <test> & more', unit: 'CPU µs a delivery', columns: ['deliveries_per_s', 'cpu_us_per_delivery', 'p50_us', 'p99_us'],
    targets: [{ run: 'parley', against: 'limit', most: 1.1 }],
    runs: [{ key: 'limit', server: 'limit', against: null }, { key: 'parley', server: 'parley', against: 'limit' }, { key: 'ws', server: 'ws', against: 'limit' }],
};
const settings = { rounds: 2, seconds: 3, subscribers: null };
const machine = { cpu: 'A CPU', cores: 2, kernel: '6.1', date: '2026-01-02T03:04:05Z', commit: 'abcdef0123456789', compiler: 'gcc', node: 'v20' };

/** A result with these CPU figures a round, by server. */
function result(cpu, more = {}) {
    const samples = Object.fromEntries(Object.entries(cpu).map(([key, values]) => [key, values.map((v, i) => ({
        round: i + 1, cpu_us_per_delivery: v, compared: v, deliveries_per_s: 1e6 / v, p50_us: 100, p99_us: 1000 * v, lost: 0, load_bound: false, load_cpu: 0.5, closed: 0, ...more[key],
    }))]));
    return { machine, settings, workloads: [summarize(workload, workload.runs, samples)] };
}

test('figures have as many digits as they deserve', () => {
    assert.deepEqual([1234567, 123.4, 12.34, 1.234, 0.5, 0, 0.01234, -65809, null, NaN].map(figure), ['1,234,567', '123', '12.3', '1.23', '0.50', '0.00', '0.0123', '-65,809', '-', '-']);
    assert.equal(spreadText({ median: 1.05, min: 1, max: 1.2, n: 3 }), '1.05 (1.00..1.20)');
    assert.equal(spreadText({ median: 1.05, min: 1.05, max: 1.05, n: 1 }), '1.05');
    assert.equal(spreadText(null), '-');
    assert.equal(settingsText({ rounds: 1, seconds: 0.3, subscribers: null }), '1 round of 0.3 s');
});

test('columns line up', () => assert.equal(table([['', 'b'], ['long', '1'], ['x', '22']]), '       b\nlong   1\nx     22'));

test('a workload shows absolute figures, ratios of the round and the target', () => {
    const text = workloadText(result({ limit: [1, 2], parley: [1.1, 2.0], ws: [5, 8] }).workloads[0], settings);
    const rows = Object.fromEntries(text.split('\n').map((l) => [l.split('  ')[0], l]));
    assert.match(rows.parley, /1\.55 \(1\.10\.\.2\.00\).*1\.05 \(1\.00\.\.1\.10\) +limit +1\.10 met/);
    assert.match(rows.ws, /4\.50 \(4\.00\.\.5\.00\) +limit/);
    assert.match(rows.limit, /1\.50 \(1\.00\.\.2\.00\).* - /);
    assert.match(text, /2 rounds of 3 s/);
});

test('a target that is missed is said to be', () => {
    const missed = result({ limit: [1], parley: [1.2], ws: [5] });
    assert.match(workloadText(missed.workloads[0], settings), /1\.10 MISSED/);
    assert.match(targetsText(missed.workloads), /f8 +parley \/ limit +1\.20 +at most 1\.10 +MISSED/);
});

test('what must be known before figures are believed is said', () => {
    const { workloads: [w] } = result({ limit: [1, 1], parley: [1, 1], ws: [5, 5] }, { parley: { load_bound: true, load_cpu: 0.97, lost: 3, closed: 2, disorder: 1 } });
    const said = notes(w.runs[1]).join('\n');
    assert.match(said, /bound by the generator in rounds 1, 2, up to 97% of its core/);
    assert.match(said, /LOST 6 deliveries in rounds 1, 2/);
    assert.match(said, /DISORDER: 2 /);
    assert.match(said, /closed 4 connections/);
    assert.deepEqual(notes(w.runs[0]), []);
    assert.ok(workloadText(w, settings).includes('  parley LOST 6'));
});

test('failures are said, and counted', () => {
    const { workloads: [w] } = result({ limit: [1], parley: [1], ws: [5] });
    assert.deepEqual(failures([w]), []);
    w.runs[2].samples[0] = { round: 1, error: 'it fell over' };
    assert.deepEqual(notes(w.runs[2]), ['FAILED in round 1: it fell over']);
    assert.deepEqual(failures([w]), ['f8, ws: it fell over']);
});

test('two results are compared run by run, and noise is called noise', () => {
    const a = result({ limit: [1, 1.1], parley: [1.0, 1.1], ws: [5, 5.2] });
    const b = result({ limit: [1, 1.1], parley: [1.5, 1.65], ws: [5.1, 5.3] });
    const rows = compareRows(a, b);
    const of = (name, what) => rows.find((r) => r[0] === name && r[1] === what);
    assert.deepEqual(of('f8 parley', 'ratio to limit').slice(4), ['+50.0%', 'MORE']);
    assert.deepEqual(of('f8 ws', 'CPU µs a delivery').slice(4), ['+2.0%', 'within noise']);
    assert.deepEqual(compareRows(b, a).find((r) => r[0] === 'f8 parley').slice(4), ['-33.3%', 'less']);
    assert.doesNotMatch(compareText(a, b), /Not measured alike/);
    const elsewhere = { ...b, machine: { ...machine, cpu: 'Another', kernel: '6.2' } };
    assert.deepEqual(differences(a, elsewhere), ['cpu: A CPU / Another', 'kernel: 6.1 / 6.2']);
    assert.match(compareText(a, elsewhere), /Not measured alike/);
    assert.match(compareText(a, { ...b, workloads: [] }), /no run in common/);
});

/** Tags that are opened are closed, and attributes are quoted: what a parser of XML asks for first. */
function assertWellFormed(xml) {
    const open = [];
    const rest = xml.replaceAll(/<(\/?)([a-z]+)((?: [a-zA-Z0-9:-]+="[^"<]*")*)(\/?)>/g, (all, closing, name, attributes, empty) => {
        if (closing) assert.equal(open.pop(), name);
        else if (!empty) open.push(name);
        return '';
    });
    assert.deepEqual(open, []);
    assert.doesNotMatch(rest, /[<>]/);
    assert.doesNotMatch(rest, /&(?!amp;|lt;|gt;|quot;)/);
}

/** Bars, as { x, width }, in order. */
const bars = (svg) => [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="16"/g)].map((m) => ({ x: Number(m[1]), width: Number(m[2]) }));

test('the plot has a bar for each ratio, as long as the ratio', () => {
    const svg = plot(result({ limit: [1, 1], parley: [1, 1.2], ws: [2, 2.4] }));
    assertWellFormed(svg);
    const [parley, ws, ...more] = bars(svg);
    assert.equal(more.length, 0, 'what is compared with has none');
    assert.equal(parley.x, ws.x);
    assert.ok(Math.abs(ws.width / parley.width - 2) < 0.001);
    assert.match(svg, /a &lt;test&gt; &amp; more/);
    assert.match(svg, />1\.10<.*1\.00\.\.1\.20</);
    assert.equal(svg.match(/#cf222e/g).length, 1, 'one target');
    assert.equal(svg.match(/stroke-width="1.3"/g).length, 6, 'a whisker and its two ends for each');
});

test('what would leave the others no room is cut, with its number beside it', () => {
    const svg = plot(result({ limit: [1], parley: [1], ws: [20] }));
    assertWellFormed(svg);
    const [parley, ws] = bars(svg);
    assert.ok(Math.abs(ws.width / parley.width - 4) < 0.001);
    assert.match(svg, /<path d=/);
    assert.match(svg, />20\.0</);
    assert.doesNotMatch(plot(result({ limit: [1], parley: [1], ws: [2] })), /<path/);
});

test('the axis ends beyond everything that is not cut', () => {
    const end = (...most) => axisEnd(groupsOf(result({ limit: [1], parley: [most[0]], ws: [most[1] ?? 1] }).workloads));
    assert.equal(end(0.5, 0.5), 1.25, 'the target counts');
    assert.equal(end(1.4), 1.5);
    assert.equal(end(1.5), 1.75);
    assert.equal(end(1, 30), 4);
});

test('a plot of nothing says so', () => {
    const svg = plot({ machine, settings, workloads: [] });
    assertWellFormed(svg);
    assert.match(svg, /Nothing that was measured can be compared/);
});

test('text is escaped', () => assert.equal(escape('<a b="c&d">'), '&lt;a b=&quot;c&amp;d&quot;&gt;'));

test('lists of cores', () => {
    assert.deepEqual(cpuList('0-2,5'), [0, 1, 2, 5]);
    assert.deepEqual(cpuList('3'), [3]);
});
