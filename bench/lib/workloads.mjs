// The workloads: which servers run in a round, how each is configured, what is compared with what, and how good is good enough.
//
// The load itself (who publishes when, how many members) is the generator's, by the name in `load`. A run's `compared` is the figure that its
// ratio is made of, the same for all runs of a workload; `against` names the run of the same round that it is divided by.

const perDelivery = (sample) => sample.cpu_us_per_delivery;
const perMessage = (sample) => sample.cpu_us_per_message;
const perConnection = (sample) => sample.bytes_per_connection;
const perHandshake = (sample) => sample.cpu_us_per_handshake;

// Columns of a workload's table: figures of the generator; `compared` stands for the workload's own unit.
const flow = ['deliveries_per_s', 'cpu_us_per_delivery', 'p50_us', 'p99_us'];

const bench = 'parley.bench.ini';
const limit = { key: 'limit', server: 'limit', against: null };
const parley = { key: 'parley', server: 'parley', ini: bench, against: 'limit' };
const peers = ['ws', 'socketio', 'nchan'].map((server) => ({ key: server, server, against: 'limit', peer: true }));

/** Parley, the limit and, where asked for, the peers, all under one load. */
function contest(name, about, target, more = {}) {
    return {
        name, about, compared: perDelivery, unit: 'CPU µs a delivery', columns: flow, targets: target ? [{ run: 'parley', against: 'limit', most: target }] : [],
        runs: [limit, parley, ...peers].map((r) => ({ load: name, ...r })), ...more,
    };
}

function chain() {
    const hubs = [0, 1, 5, 10];
    const keyOf = (n) => (n === 1 ? '1 hub' : `${n} hubs`);
    return {
        name: 'chain', about: '20 clients alone, 16 messages in flight each, through 0, 1, 5 and 10 hubs that do nothing',
        compared: perMessage, unit: 'CPU µs a message', columns: ['compared', 'p50_us', 'p99_us'], targets: [],
        runs: hubs.map((n) => ({
            key: keyOf(n), server: 'parley', ini: bench, load: 'chain', against: n ? keyOf(0) : null,
            changes: (tools) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`hub noop${i}`, { plugin: tools.noop }])),
        })),
        line: { label: 'ns a hub', points: hubs.map((n) => ({ run: keyOf(n), x: n })), scale: 1000 },
    };
}

function scale() {
    const sizes = [[1000, '1k'], [5000, '5k'], [10000, '10k']];
    return {
        name: 'scale', about: 'f8 with 1,000, 5,000 and 10,000 subscribers', compared: perDelivery, unit: 'CPU µs a delivery', columns: flow,
        descriptors: 11_000, targets: [{ run: 'parley 10k', against: 'parley 1k', most: 1.15 }],
        runs: sizes.flatMap(([subscribers, size]) => [
            { ...limit, key: `limit ${size}`, load: 'f8', subscribers },
            { ...parley, key: `parley ${size}`, load: 'f8', subscribers, against: `limit ${size}` },
        ]),
    };
}

function pumps(load) {
    const changes = (n) => () => ({ server: { pumps: n } });
    return {
        name: `pumps_${load}`, group: 'pumps', about: `${load} by a server with two cores, pumps = 2 against pumps = 1`,
        compared: perDelivery, unit: 'CPU µs a delivery', columns: flow, cores: 2, targets: [],
        runs: [1, 2].map((n) => ({
            key: `pumps = ${n}`, server: 'parley', ini: bench, load, both: true, changes: changes(n), against: n === 1 ? null : 'pumps = 1',
        })),
    };
}

export const workloads = [
    contest('f1', '1 publisher, 1,000 subscribers, 120 bytes, 1 in flight', 1.05),
    contest('f8', '1 publisher, 1,000 subscribers, 120 bytes, 8 in flight', 1.1),
    contest('f32', '1 publisher, 1,000 subscribers, 120 bytes, 32 in flight', 1.0),
    contest('f32_1k', '1 publisher, 200 subscribers, 1 KB, 32 in flight', 1.1),
    contest('hot', 'a channel of 100, 20 of whom say 4,000 messages a second in all', 0.55),
    contest('rooms', '100 channels of 10, 4 messages in flight in each', 1.1),
    contest('echo', '100 clients, each alone in a channel', 1.25),
    contest('rate', '1,000 subscribers, 30 messages a second', null),
    {
        ...contest('connect', '10,000 handshakes; at Parley each shows a token signed by RS256', 1.6),
        compared: perHandshake, unit: 'CPU µs a handshake, less the signature', columns: ['handshakes_per_s', 'cpu_us_per_handshake', 'us_per_signature', 'compared'], less: { run: 'signature', of: 'parley' }, descriptors: 11_000,
        runs: [
            { ...limit, load: 'connect' },
            { key: 'signature', signature: true, against: null },
            { ...parley, load: 'connect', ini: 'parley.bench-jwt.ini', token: true },
            ...peers.map((r) => ({ ...r, load: 'connect' })),
        ],
    },
    contest('idle', '10,000 connected, 2,000 messages a second among a few: the memory that they take', null, {
        compared: perConnection, unit: 'bytes a connection', columns: ['compared', 'p50_us', 'p99_us'], descriptors: 11_000,
        targets: [{ run: 'parley', against: null, most: 2500 }],
    }),
    scale(),
    { ...contest('slow', 'f8 while a tenth of the subscribers stops reading', null), runs: [limit, parley].map((r) => ({ load: 'slow', ...r })) },
    chain(),
    {
        ...contest('roster', 'f8 while clients come and go, with [hub roster] and without', null),
        runs: [
            { ...limit, load: 'roster' },
            { ...parley, load: 'roster' },
            { ...parley, key: 'with roster', load: 'roster', against: 'parley', changes: () => ({ 'hub roster': {} }) },
        ],
    },
    {
        ...contest('tls', 'f8 over TLS against f8 without', null),
        runs: [
            { ...parley, load: 'f8', against: null },
            { ...parley, key: 'over TLS', load: 'f8', tls: true, against: 'parley' },
        ],
    },
    pumps('f8'), pumps('rooms'), pumps('hot'),
];

/** Those that are called so, in this file's order; a group by its name; all: no name at all. Throws on an unknown name. */
export function choose(names) {
    if (names.length === 0) return workloads;
    const fits = (w, name) => w.name === name || w.group === name;
    for (const name of names)
        if (!workloads.some((w) => fits(w, name)))
            throw new Error(`there is no workload '${name}'; there are ${workloads.map((w) => w.name).join(' ')}`);
    return workloads.filter((w) => names.some((name) => fits(w, name)));
}
