// A strict reader of OpenMetrics 1.0 text: whatever a scraper might object to is thrown.
import assert from 'node:assert/strict';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SUFFIXES = { counter: ['_total', '_created'], gauge: [''], histogram: ['_bucket', '_count', '_sum', '_created'], info: ['_info'], unknown: [''] };

function readLabels(text, line) {
    const labels = new Map();
    let rest = text;
    while (rest) {
        const m = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,(?=.)|$)/.exec(rest);
        assert.ok(m, `labels: ${line}`);
        assert.ok(!labels.has(m[1]), `label twice: ${line}`);
        labels.set(m[1], m[2].replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c)));
        rest = rest.slice(m[0].length);
    }
    return labels;
}

function readNumber(text, line) {
    assert.match(text, /^([+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]Inf|NaN)$/, line);
    return text.endsWith('Inf') ? (text[0] === '-' ? -Infinity : Infinity) : Number(text);
}

/** Families by name: { type, unit, help, samples: [{ name, labels, value }] }. */
export function parseOpenMetrics(text) {
    assert.ok(text.endsWith('\n# EOF\n'), 'ends with # EOF and a line feed');
    const families = new Map();
    let current;
    for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
        const meta = /^# (TYPE|UNIT|HELP) (\S+)(?: (.*))?$/.exec(line);
        if (meta) {
            const [, kind, name, rest = ''] = meta;
            assert.match(name, NAME, line);
            if (current?.name !== name) {
                assert.ok(!families.has(name), `a family in two places: ${line}`);
                families.set(name, (current = { name, samples: [], series: new Set() }));
            }
            assert.equal(current.samples.length, 0, `metadata behind samples: ${line}`);
            assert.equal(current[kind], undefined, `twice: ${line}`);
            if (kind === 'TYPE') assert.ok(SUFFIXES[rest], `type: ${line}`);
            if (kind === 'UNIT') assert.ok(rest === '' || name.endsWith(`_${rest}`), `the name does not end with the unit: ${line}`);
            if (kind === 'HELP') assert.doesNotMatch(rest, /\\(?![\\n"])/, `escapes: ${line}`);
            current[kind] = rest;
            continue;
        }
        const m = /^([^\s{]+)(?:\{(.*)\})? (\S+)(?: (\S+))?$/.exec(line);
        assert.ok(m && !line.startsWith('#'), `neither metadata nor a sample: ${JSON.stringify(line)}`);
        const [, name, labelText, number, timestamp] = m;
        assert.match(name, NAME, line);
        assert.equal(timestamp, undefined, 'no time stamps');
        assert.ok(current && SUFFIXES[current.TYPE ?? 'unknown'].some((s) => name === current.name + s), `a sample of another family, or without its suffix: ${line}`);
        const labels = readLabels(labelText ?? '', line);
        const value = readNumber(number, line);
        const series = `${name}{${[...labels].map(([k, v]) => `${k}=${JSON.stringify(v)}`).sort()}}`;
        assert.ok(!current.series.has(series), `a series twice: ${line}`);
        current.series.add(series);
        if (current.TYPE === 'counter') assert.ok(Number.isFinite(value) && value >= 0, `a counter: ${line}`);
        current.samples.push({ name, labels, value });
    }
    for (const f of families.values()) if (f.TYPE === 'histogram') checkHistogram(f);
    return families;
}

function checkHistogram(f) {
    const groups = new Map();
    for (const s of f.samples) {
        const others = [...s.labels].filter(([k]) => k !== 'le');
        const id = JSON.stringify(others);
        if (!groups.has(id)) groups.set(id, { buckets: [] });
        const g = groups.get(id);
        if (s.name.endsWith('_bucket')) g.buckets.push([readNumber(s.labels.get('le') ?? '', f.name), s.value]);
        else g[s.name.slice(f.name.length)] = s.value;
    }
    for (const g of groups.values()) {
        assert.ok(g.buckets.length && g.buckets.at(-1)[0] === Infinity, `${f.name}: the last bucket is +Inf`);
        for (let i = 1; i < g.buckets.length; i++) assert.ok(g.buckets[i][0] > g.buckets[i - 1][0] && g.buckets[i][1] >= g.buckets[i - 1][1], `${f.name}: buckets grow`);
        assert.equal(g._count, g.buckets.at(-1)[1], `${f.name}: _count`);
        assert.ok(g._sum >= 0, `${f.name}: _sum`);
    }
}
