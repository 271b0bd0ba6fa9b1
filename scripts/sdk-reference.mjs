// docs/sdk-reference.md, made from the SDK's headers: every function, member and enumerator with the comment that stands beside it.
//
//   node scripts/sdk-reference.mjs            writes it
//   node scripts/sdk-reference.mjs --check    fails when the file is not what the headers give
//
// The headers' habits are its grammar. A comment behind a declaration, or on indented lines below it, is that declaration's. One that begins
// a line opens a group, which a blank line ends. What a struct or an enum says on one line is one row, as its comment means all of it.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse as parse_record } from './abi.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const headers = [
    ['plugin.h', 'sdk/include/parley/plugin.h'],
    ['base.h', 'sdk/include/parley/base.h'],
    ['auth.h', 'sdk/include/parley/auth.h'],
    ['protocol.h', 'sdk/include/parley/protocol.h'],
    ...readdirSync(join(root, 'sdk/include/parley/services')).sort().map((f) => [`services/${f}`, `sdk/include/parley/services/${f}`]),
    ['kit.h', 'sdk/testkit/kit.h'],
];

/** Macros that are of no use to an author: they serve those that are. */
const inner = /^(PARLEY_(CAT_?|SYMBOL|C_LINKAGE|ANY|OWN|MAGIC|PRINTF)|.*_H|API)$/;

const tidy = (text) => text.replace(/\s+/g, ' ').trim();
const said = (comment) =>
    tidy(comment.replace(/^\/\*+|\*+\/$/g, '').replace(/^\s*\* ?/gm, ''))
        .replace(/ ?@param (\w+)/g, ' `$1`:')
        .replace(/ ?@return /g, ' Returns: ');

/** Cuts a header into comments, preprocessor lines, declarations and blank lines, each with the lines that it covers. */
function pieces(text) {
    const token = /\/\*[^]*?\*\/|^#(?:[^\n]*\\\n)*[^\n]*|(?<blank>\n[ \t]*(?=\n))|"(?:\\.|[^"\\])*"|[^]/gm;
    const found = [];
    let line = 1, depth = 0, open = null, column = 0;
    for (const { 0: t, groups } of text.matchAll(token)) {
        const at = { line, column, text: t };
        const end = line + (t.match(/\n/g)?.length ?? 0);
        if (t.startsWith('/*')) (open ? open.parts : found).push({ ...at, kind: 'comment', end });
        else if (t.startsWith('#') && column === 0) {
            const cut = t.indexOf('/*');
            found.push({ ...at, kind: 'macro', text: cut < 0 ? t : t.slice(0, cut), end });
            if (cut >= 0) found.push({ ...at, kind: 'comment', text: t.slice(cut), column: cut, end });
        } else if (!open && groups.blank !== undefined) found.push({ ...at, kind: 'blank', end });
        else if (open || /\S/.test(t)) {
            open ??= { kind: 'declaration', line, column, parts: [] };
            open.parts.push({ ...at, kind: 'code' });
            if (/[{(]/.test(t)) depth++;
            if (/[})]/.test(t)) depth--;
            const body = t === '}' && depth === 0 && /^(static|API)\b/.test(code(open));
            if (depth === 0 && (t === ';' || body)) found.push({ ...open, end: line }), (open = null);
            if (open && t === '{' && /^extern "C" \{$/.test(code(open))) (open = null), (depth = 0);
            if (open && t === '}' && code(open) === '}') (open = null), (depth = 0);
        }
        line = end;
        column = t.includes('\n') ? t.length - t.lastIndexOf('\n') - 1 : column + t.length;
    }
    return found;
}
const code = (d) => tidy(d.parts.filter((p) => p.kind === 'code').map((p) => p.text).join(''));

/** What is between the braces, a row for what has one comment or one line: { code, doc }. */
function rows(d) {
    const parts = d.parts;
    const from = parts.findIndex((p) => p.text === '{'), to = parts.findLastIndex((p) => p.text === '}');
    const separator = /^(typedef )?enum/.test(code(d)) ? ',' : ';';
    const all = [];
    let now = { code: '', doc: '', before: '' }, depth = 0, ended = 0;
    const flush = () => {
        if (tidy(now.code)) all.push({ code: tidy(now.code), doc: tidy(now.doc || now.before), line: ended });
        now = { code: '', doc: '', before: '' };
    };
    for (const p of parts.slice(from + 1, to)) {
        if (p.kind === 'comment') {
            if (!tidy(now.code) && p.line > ended) now.before = said(p.text); // a line of its own: of what comes next
            else if (tidy(now.code)) now.doc = said(p.text), flush();
            else all.at(-1).doc = tidy(`${all.at(-1).doc} ${said(p.text)}`);
            continue;
        }
        if (p.text === '(') depth++;
        if (p.text === ')') depth--;
        if (p.text === '\n' && depth === 0 && tidy(now.code).endsWith(separator)) flush();
        now.code += p.text;
        if (/\S/.test(p.text)) ended = p.line;
    }
    flush();
    return all;
}

/** A header as { intro, groups: [{ doc, items }] }. */
function read(text) {
    let intro = '';
    const groups = [{ doc: '', items: [] }];
    const stack = []; // of #if: whether what stands there is meant for C
    let last = null;
    for (const p of pieces(text)) {
        if (p.kind === 'macro') {
            const [, word, rest] = /^#\s*(\w+)\s*([^]*)$/.exec(p.text);
            if (word.startsWith('if')) stack.push(rest.trim() !== '__cplusplus' || word === 'ifndef');
            else if (word === 'else') stack.push(!stack.pop());
            else if (word === 'endif') stack.pop();
            if (word !== 'define' || stack.includes(false)) {
                last = null;
                continue;
            }
            const [, name, args] = /^(\w+)(\([^)]*\))?/.exec(rest);
            if (inner.test(name)) last = null;
            else groups.at(-1).items.push((last = { kind: 'macro', name, code: args ? name + args : rest.length > 40 ? name : tidy(rest), doc: '', end: p.end, line: p.line }));
        } else if (stack.includes(false)) continue;
        else if (p.kind === 'blank') {
            if (groups.at(-1).doc) groups.push({ doc: '', items: [] });
        } else if (p.kind === 'comment') {
            const doc = said(p.text);
            if (p.line === 1) intro = p.text;
            else if (p.column === 0) groups.push({ doc, items: [] });
            else if (last) {
                const row = last.rows?.at(-1);
                const within = row && last.line !== last.end && row.line === last.end && last.end === p.line;
                const owner = within ? row : last;
                owner.doc = tidy(`${owner.doc} ${doc}`);
                last.end = p.end;
            }
        } else groups.at(-1).items.push((last = declared(p)));
    }
    return { intro, groups };
}

/** One declaration as { kind, name, code, rows, doc }. */
function declared(p) {
    const all = code(p);
    const comments = p.parts.filter((c) => c.kind === 'comment');
    const brace = /^(typedef )?(struct|enum)\b[^(]*\{/.exec(all);
    if (brace) {
        const tail = /\}\s*([\w, ]*?)\s*;$/.exec(all)[1];
        const name = tail || /^struct (\w+)/.exec(all)?.[1] || '';
        return { kind: brace[2], name, rows: rows(p), doc: '', line: p.line, end: p.end };
    }
    const call = /^(?:API |static inline )?([^(]*?)(\w+)\s*\(/.exec(all);
    if (call && !all.startsWith('typedef')) {
        const signature = all.replace(/^(API|static inline) /, '').replace(/\s*\{.*\}$|;$/g, '').replace(/ PARLEY_PRINTF\(\d\)/, '').replace(/\( /g, '(');
        return { kind: 'function', name: call[2], code: signature, within: tidy(comments.map((c) => said(c.text)).join(' ')), doc: '', line: p.line, end: p.end };
    }
    return { kind: 'type', name: /(\w+)\s*;$/.exec(all)?.[1] ?? '', code: all.replace(/;$/, ''), doc: '', line: p.line, end: p.end };
}

/** Which minor version first had a function, by the records of the frozen ABI; what is in none is of the version to come. The testkit has
 *  no record: its comments say. */
function ages() {
    const folder = join(root, 'sdk/abi');
    const first = {};
    for (const file of readdirSync(folder).sort((a, b) => Number(b.slice(2, -4)) - Number(a.slice(2, -4))))
        for (const name of Object.keys(parse_record(readFileSync(join(folder, file), 'utf8')).function)) first[name] = file.slice(0, -4);
    const base = readFileSync(join(root, 'sdk/include/parley/base.h'), 'utf8');
    const now = ['MAJOR', 'MINOR'].map((w) => new RegExp(`PARLEY_ABI_${w} (\\d+)`).exec(base)[1]).join('.');
    return (name, doc) => first[name] ?? /since (\d+\.\d+)/.exec(doc)?.[1] ?? (name.startsWith('kit') ? '1.0' : now);
}

const plain = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/([*|])/g, '\\$1');
const mono = (text) => `\`${text.replace(/\|/g, '\\|')}\``;
const tags = /^((?:\[(?:control|hub|pump|worker|any)\](?:, )?)+) ?/;

/** Enumerators with their values, which those that stand before decide. */
function numbered(list) {
    let next = 0;
    return list.map((r) => {
        const names = r.code.split(',').map((n) => n.trim()).filter(Boolean);
        return names.map((n) => {
            const [name, value] = n.split(/\s*=\s*/);
            if (value !== undefined) next = Number(value);
            return mono(`${name} = ${next++}`);
        }).join(', ');
    });
}

function write_header(name, { intro, groups }, since) {
    const whole = said(intro).replace(/^<[^>]*>: /, '');
    const thread = /Unless it says otherwise a function (?:here )?is \[(\w+)\]/.exec(whole)?.[1] ?? (name === 'kit.h' ? 'test' : 'hub');
    const out = [`## &lt;parley/${name}&gt;`, '', plain(whole[0].toUpperCase() + whole.slice(1)), ''];
    for (const { doc, items } of groups) {
        const title = /^(?=\w[a-z ])([^.:]{1,45})[.:](?: |$)/.exec(doc)?.[1]; // its first words, where they are few
        if (!items.length) continue;
        if (title) out.push(`### ${plain(title)}`, '');
        const of_group = /^[^.]*\. \[(control|hub|pump|any)\]/.exec(doc)?.[1] ?? thread;
        const more = (title && doc.startsWith(`${title}.`) ? doc.slice(title.length + 1).trim() : doc).replace(tags, '');
        if (more) out.push(plain(more), '');
        const seen = new Map();
        for (const i of items.filter((x) => x.kind === 'function')) if (!seen.get(i.name)?.doc) seen.set(i.name, { ...i, doc: i.doc || seen.get(i.name)?.doc || '' });
        let table = null;
        const begin = (head, columns) => {
            if (table !== head) out.push(...(out.at(-1) === '' ? [] : ['']), `| ${head}`, `|${'---|'.repeat(columns)}`);
            table = head;
        };
        for (const i of items) {
            if (i.kind === 'function') {
                const f = seen.get(i.name);
                if (!f) continue;
                seen.delete(i.name);
                begin('function | thread | since | |', 4);
                const where = tags.exec(f.doc)?.[1].replace(/[[\]]/g, '') ?? of_group;
                out.push(`| ${mono(f.code)} | ${where} | ${since(f.name, f.doc)} | ${plain([f.within, f.doc.replace(tags, '')].filter(Boolean).join('; '))} |`);
            } else if (i.kind === 'type' || i.kind === 'macro') {
                if (i.kind === 'type' && !i.doc && /^typedef struct (\w+) \1$/.test(i.code)) continue; // only named here
                begin(`${i.kind} | |`, 2);
                out.push(`| ${mono(i.code)} | ${plain(i.doc)} |`);
            } else {
                table = null;
                out.push(...(out.at(-1) === '' ? [] : ['']));
                if (i.kind === 'struct') out.push(`**struct ${mono(i.name)}**${i.doc ? `: ${plain(i.doc)}` : ''}`, '');
                else if (i.doc) out.push(`${plain(i.doc)}:`, '');
                out.push(`| ${i.kind === 'struct' ? 'member' : 'enumerator'} | |`, '|---|---|');
                const values = i.kind === 'enum' && numbered(i.rows);
                i.rows.forEach((r, n) => out.push(`| ${values ? values[n] : mono(r.code.replace(/;$/, ''))} | ${plain(r.doc)} |`));
                out.push('');
            }
        }
        out.push(...(out.at(-1) === '' ? [] : ['']));
    }
    return out;
}

const since = ages();
const out = [
    '# SDK reference',
    '',
    'Made from the headers by `scripts/sdk-reference.mjs`: do not edit. [plugin-guide.md](plugin-guide.md) shows how it is used.',
    '',
    'Threads: **control** is the main thread; **hub** the one thread of all hubs, never block it; **pump** many at once, without your state;',
    '**worker** may block; **any** of them. What the testkit has is called on the one thread of the test.',
    '',
    ...headers.flatMap(([name, path]) => write_header(name, read(readFileSync(join(root, path), 'utf8')), since)),
];
const text = `${out.join('\n').trimEnd()}\n`;
const file = join(root, 'docs/sdk-reference.md');
if (process.argv[2] !== '--check') writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
    console.log('docs/sdk-reference.md: not what the headers say; run node scripts/sdk-reference.mjs');
    process.exit(1);
}
