// The plugin border as numbers: every struct, type, enumerator, constant and function of sdk/include, recorded when a minor version of
// the ABI is frozen, and compared ever after.
//
//   node scripts/abi.mjs record [headers]   writes sdk/abi/MAJOR.MINOR.txt
//   node scripts/abi.mjs check [headers]    fails when what any record says no longer holds
//
// pahole reads the layout from what gcc compiled, so padding and alignment are the compiler's word. A table may grow at its end alone;
// what is passed by value, or lies within another struct, may not grow at all. On the 64-bit machines that the server runs on.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const records = join(root, 'sdk/abi');

/** Entries of a parley_table, which carries their size: they may grow, as what begins with its own size may. */
const entries = ['parley_field', 'parley_slot', 'parley_metric', 'parley_route', 'parley_provided'];
const grows = (name, members) => entries.includes(name) || /\b(struct_size|preamble)$/.test(members[0]?.decl ?? '');

/** Versions, which are there to change, and what the author decides. */
const free = ['PARLEY_ABI_MINOR', 'PARLEY_SDK_VERSION', 'PARLEY_TARGET_MINOR'];

const run = (program, args, input) => execFileSync(program, args, { input, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['pipe', 'pipe', 'inherit'] });
const tidy = (text) => text.replace(/\s+/g, ' ').replace(/\( /g, '(').replace(/ ,/g, ',').trim();

/** Those that stand alone; a part of another says so itself. */
function headers(dir) {
    const all = readdirSync(join(dir, 'parley'), { withFileTypes: true }).flatMap((f) =>
        f.isDirectory() ? readdirSync(join(dir, 'parley', f.name)).map((g) => `parley/${f.name}/${g}`) : [`parley/${f.name}`],
    );
    const text = Object.fromEntries(all.filter((f) => f.endsWith('.h')).sort().map((f) => [f, readFileSync(join(dir, f), 'utf8')]));
    const alone = Object.keys(text).filter((f) => !/^# *error "include </m.test(text[f]));
    return { source: alone.map((f) => `#include <${f}>\n`).join(''), text: Object.values(text).join('\n') };
}

/** The structs of pahole's output: name -> { bytes, members }. */
function structs(text) {
    const found = {};
    let open = null;
    for (const line of text.split('\n')) {
        const head = /^(?:typedef )?struct(?: (\w+))? \{$/.exec(line);
        const member = /^\t(\S.*);\s*\/\*\s+(\d+)\s+(\d+)\s+\*\/$/.exec(line);
        const tail = /^\}(?: (\w+))?;$/.exec(line);
        if (head) open = { name: head[1], members: [] };
        else if (!open) continue;
        else if (member) open.members.push({ at: +member[2], bytes: +member[3], decl: tidy(member[1]) });
        else if (/^\t\/\* size: (\d+)/.test(line)) open.bytes = +/size: (\d+)/.exec(line)[1];
        else if (tail) {
            found[tail[1] ?? open.name] = { bytes: open.bytes, members: open.members };
            open = null;
        } else if (/^\t+\S/.test(line) && !/^\t+\/\*/.test(line)) throw new Error(`what pahole says is not understood: ${line}`);
    }
    return found;
}

/** Parameters without their names, which may change: "const char *, int (*)(void *)". */
const unnamed = (list) => {
    const job = tidy(list).replace(/\(\*\w+\) \(/g, '(*)(');
    const parts = job.match(/(?:\([^()]*\)|[^,(])+/g);
    return parts.map((p) => p.trim().replace(/^(.*[\s*])\w+$/, '$1').trim()).join(', ');
};

/** What the headers in `dir` say, as sorted lines by kind. */
export function read(dir) {
    const { source, text } = headers(dir);
    const tmp = mkdtempSync(join(tmpdir(), 'parley-abi-'));
    try {
        const object = join(tmp, 'probe.o');
        const gcc = (...args) => run('gcc', ['-std=c11', '-w', '-I', dir, '-x', 'c', '-', ...args], source);
        gcc('-g', '-fno-eliminate-unused-debug-types', '-c', '-o', object);
        const dwarf = run('readelf', ['--debug-dump=info', object]);
        const named = (tag) => [...new Set([...dwarf.matchAll(new RegExp(`\\(${tag}\\)\n.*DW_AT_name\\s*:(?:.*:)? (parley_\\w+)\n`, 'g'))].map((m) => m[1]))];
        const typed = run('pahole', ['-C', named('DW_TAG_typedef').join(','), object]);
        const all = { ...structs(run('pahole', [object])), ...structs(typed) };
        const types = Object.fromEntries([...typed.matchAll(/^typedef (?!struct)(.*?)(\w+);$/gm)].map((m) => [m[2], tidy(m[1])]));
        const enumerator = /\(DW_TAG_enumerator\)\n.*DW_AT_name\s*:(?:.*:)? (\w+)\n.*DW_AT_const_value\s*: (-?\d+)/g;
        const enums = Object.fromEntries([...dwarf.matchAll(enumerator)].map((m) => [m[1], m[2]]));
        const macros = Object.fromEntries([...gcc('-dM', '-E').matchAll(/^#define (PARLEY_\w+) (".*"|[-\w]+)$/gm)].filter((m) => !free.includes(m[1])).map((m) => [m[1], m[2]]));
        gcc('-fsyntax-only', '-aux-info', join(tmp, 'functions'));
        const functions = Object.fromEntries([...readFileSync(join(tmp, 'functions'), 'utf8').matchAll(/\*\/ static (.*?\W)(parley_\w+) \((.*?)\);/g)].map((m) => [m[2], `${tidy(m[1])} (${unnamed(m[3])})`]));
        const version = /define PARLEY_ABI_MAJOR (\d+)\n#define PARLEY_ABI_MINOR (\d+)/.exec(text).slice(1, 3).join('.');
        const own = Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith('parley_')));
        return { version, struct: own, type: types, enum: enums, constant: macros, function: functions };
    } finally {
        rmSync(tmp, { recursive: true });
    }
}

function print(abi) {
    const lines = [`# Plugin ABI ${abi.version}, as it was frozen: offset, bytes and type of every member; types, enumerators, constants, functions.`];
    const sorted = (o) => Object.entries(o).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, s] of sorted(abi.struct)) {
        lines.push('', `struct ${name} ${s.bytes} ${grows(name, s.members) ? 'grows' : 'fixed'}`);
        for (const m of s.members) lines.push(`  ${m.at} ${m.bytes} ${m.decl}`);
    }
    for (const kind of ['type', 'enum', 'constant', 'function']) {
        lines.push('');
        for (const [name, what] of sorted(abi[kind])) lines.push(`${kind} ${name} ${what}`);
    }
    return `${lines.join('\n')}\n`;
}

export function parse(text) {
    const abi = { struct: {}, type: {}, enum: {}, constant: {}, function: {} };
    let s;
    for (const line of text.split('\n')) {
        const member = /^  (\d+) (\d+) (.*)$/.exec(line);
        const [, kind, name, what] = /^(\w+) (\w+) (.*)$/.exec(line) ?? [];
        if (member) s.members.push({ at: +member[1], bytes: +member[2], decl: member[3] });
        else if (kind === 'struct') abi.struct[name] = s = { bytes: parseInt(what, 10), grows: what.endsWith('grows'), members: [] };
        else if (kind) abi[kind][name] = what;
    }
    return abi;
}

/** What of the record no longer holds, a sentence each. */
export function breaches(was, is) {
    const found = [];
    for (const [name, old] of Object.entries(was.struct)) {
        const now = is.struct[name];
        if (!now) {
            found.push(`struct ${name} is gone`);
            continue;
        }
        const at = old.members.findIndex((m, i) => ['at', 'bytes', 'decl'].some((k) => m[k] !== now.members[i]?.[k]));
        const say = (m) => (m ? `'${m.decl}' (at ${m.at}, ${m.bytes} bytes)` : 'nothing');
        const more = now.members.slice(old.members.length);
        if (at >= 0) found.push(`struct ${name}: member ${at} was ${say(old.members[at])}, is ${say(now.members[at])}`);
        else if (!old.grows && (more.length || now.bytes !== old.bytes)) found.push(`struct ${name} had ${old.bytes} bytes and has ${now.bytes}; it may not grow`);
        else if (more.length && more[0].at < old.bytes)
            found.push(`struct ${name}: ${say(more[0])} lies in what was padding of its ${old.bytes} bytes, so that its struct_size does not tell of it`);
    }
    for (const kind of ['type', 'enum', 'constant', 'function'])
        for (const [name, what] of Object.entries(was[kind]))
            if (is[kind][name] === undefined) found.push(`${kind} ${name} is gone`);
            else if (is[kind][name] !== what) found.push(`${kind} ${name} was '${what}', is '${is[kind][name]}'`);
    return found;
}

/** Every record that there is, against these headers; what is new in them is of a version that is not recorded yet. */
export function check(dir, folder = records) {
    const is = read(dir);
    const files = readdirSync(folder).filter((f) => f.endsWith('.txt')).sort();
    if (!files.length) return ['there is no record in sdk/abi'];
    return files.flatMap((f) => {
        const text = readFileSync(join(folder, f), 'utf8');
        const version = f.slice(0, -4);
        const found = breaches(parse(text), is);
        const known = new Set(text.split('\n'));
        const more = version === is.version && !found.length ? print(is).split('\n').filter((l) => !known.has(l)) : [];
        return [...found, ...more.map((l) => `'${l.trim()}' was added after it was frozen: it belongs to the next PARLEY_ABI_MINOR`)].map((b) => `ABI ${version}: ${b}`);
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const [what, dir = join(root, 'sdk/include')] = process.argv.slice(2);
    if (what === 'record') {
        const abi = read(dir);
        writeFileSync(join(records, `${abi.version}.txt`), print(abi));
    } else if (what === 'check') {
        const found = check(dir);
        for (const b of found) console.log(b);
        console.log(found.length ? `${found.length} breaches of the frozen ABI` : 'The ABI is what it was.');
        process.exitCode = found.length ? 1 : 0;
    } else {
        console.error('usage: node scripts/abi.mjs record|check [headers]');
        process.exitCode = 2;
    }
}
