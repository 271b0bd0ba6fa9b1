// The runner's command line. Faults are thrown as sentences for whoever typed them.
import { parseArgs } from 'node:util';

export const usage = `usage: node bench/run.mjs [options]
       node bench/run.mjs --compare a.json b.json

  --workloads "f1 f8"   only these (all); --list tells which there are
  --rounds N            rounds (5)
  --seconds S           measured seconds of each run (3)
  --peers               ws, socket.io and nchan as well
  --subscribers N       members of a channel, whatever the workload says: for trying things out
  --build DIR           where parleyd, parley-load and parley-limit were built (build/release)
  --out DIR             where results go (build/bench)`;

function number(values, name, least, most, whole) {
    const x = Number(values[name]);
    if (values[name].trim() === '' || !(x >= least && x <= most) || (whole && !Number.isInteger(x)))
        throw new Error(`--${name} must be ${whole ? 'a whole number' : 'a number'} from ${least} to ${most}, not '${values[name]}'`);
    return x;
}

export function parse(args) {
    const { values, positionals } = parseArgs({
        args, allowPositionals: true,
        options: {
            workloads: { type: 'string', default: '' }, rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' },
            peers: { type: 'boolean', default: false }, subscribers: { type: 'string' }, build: { type: 'string' }, out: { type: 'string' },
            compare: { type: 'boolean', default: false }, list: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
        },
    });
    if (positionals.length !== (values.compare ? 2 : 0)) throw new Error(values.compare ? '--compare takes two files' : `what is '${positionals[0]}'?`);
    return {
        help: values.help, list: values.list, compare: values.compare ? positionals : null, peers: values.peers, build: values.build, out: values.out,
        workloads: values.workloads.split(/[\s,]+/).filter(Boolean),
        rounds: number(values, 'rounds', 1, 1000, true), seconds: number(values, 'seconds', 0.1, 600, false),
        subscribers: values.subscribers === undefined ? null : number(values, 'subscribers', 2, 20_000, true),
    };
}
