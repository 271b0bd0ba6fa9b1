// Variants of an INI file: the shipped text with a few keys changed, added or taken away.
//
// What is asked for and cannot be done is a mistake of the caller and is thrown: a variant that silently is the file it came from
// would be measured as if it were another.

/** [{ head, lines }]; what stands before the first section has head null. */
function parse(text) {
    const sections = [{ head: null, lines: [] }];
    for (const line of text.split('\n')) {
        const head = /^\s*\[([^\]]+)\]/.exec(line)?.[1];
        if (head) sections.push({ head, lines: [] });
        else sections.at(-1).lines.push(line);
    }
    return sections;
}

// Of a line that is commented out the mark is part of the name, so that it is nobody's.
const keyOf = (line) => /^\s*([^\s=][^=]*?)\s*=/.exec(line)?.[1];

function setKey(section, key, value) {
    const at = section.lines.findIndex((line) => keyOf(line) === key);
    if (value === null) {
        if (at < 0) throw new Error(`[${section.head}] has no '${key}' to take away`);
        section.lines.splice(at, 1);
    } else if (at >= 0) section.lines[at] = `${key} = ${value}`.trimEnd();
    else section.lines.unshift(`${key} = ${value}`.trimEnd());
}

/**
 * `changes` of INI text: { server: { pumps: 2 }, 'hub roster': {} }.
 *
 * A section or key that is not there is added, the section at the end; null as value takes a key away, and as keys a section.
 */
export function edit(text, changes) {
    const sections = parse(text);
    for (const [head, keys] of Object.entries(changes)) {
        const at = sections.findIndex((s) => s.head === head);
        if (keys === null) {
            if (at < 0) throw new Error(`there is no [${head}] to take away`);
            sections.splice(at, 1);
            continue;
        }
        const section = at < 0 ? { head, lines: [] } : sections[at];
        if (at < 0) sections.push(section);
        for (const [key, value] of Object.entries(keys)) setKey(section, key, value);
    }
    const out = sections.map((s) => (s.head === null ? s.lines : [`[${s.head}]`, ...s.lines]).join('\n')).join('\n');
    return out.endsWith('\n') ? out : `${out}\n`;
}

/** The value of a key; undefined: not there. */
export function get(text, head, key) {
    const line = parse(text).find((s) => s.head === head)?.lines.find((l) => keyOf(l) === key);
    return line?.slice(line.indexOf('=') + 1).trim();
}

/** `first` with the sections of `second` laid over it. */
export function merge(first, second) {
    const out = { ...first };
    for (const [head, keys] of Object.entries(second)) out[head] = keys === null || !out[head] ? keys : { ...out[head], ...keys };
    return out;
}
