// The SDK's headers as a later minor version might have them: every table that may grow has grown at its end.
//
//   node scripts/later-headers.mjs <folder>     writes <folder>/parley/…
//
// For the tests alone: a server of that version loads the plugins of today, and a plugin of that version is loaded by the server of today.
// Which tables may grow is what the newest record of the ABI says.
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from './abi.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const to = process.argv[2];
const minors = readdirSync(join(root, 'sdk/abi')).map((f) => /^\d+\.(\d+)\.txt$/.exec(f)).filter(Boolean);
const newest = minors.sort((a, b) => a[1] - b[1]).at(-1)[0];
const tables = Object.entries(parse(readFileSync(join(root, 'sdk/abi', newest), 'utf8')).struct).filter(([, s]) => s.grows);
const more = 'const void *later[3]; ';

rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
cpSync(join(root, 'sdk/include/parley'), join(to, 'parley'), { recursive: true });
const files = readdirSync(join(to, 'parley'), { recursive: true }).map((f) => join(to, 'parley', f)).filter((f) => f.endsWith('.h') && statSync(f).isFile());
const grown = new Set();
for (const file of files) {
    let text = readFileSync(file, 'utf8');
    for (const [name] of tables) {
        // "typedef struct { … } name;", or "struct name { … };", whose members hold no braces
        const before = text;
        text = text.replace(new RegExp(`(typedef struct (?:\\w+ )?\\{[^{}]*)(\\} ${name};)`), `$1${more}$2`);
        text = text.replace(new RegExp(`(^struct ${name} \\{[^{}]*)(\\};)`, 'm'), `$1${more}$2`);
        if (text !== before) grown.add(name);
    }
    text = text.replace(/(?<=#define PARLEY_ABI_MINOR )(\d+)/, (n) => +n + 7).replace(/(?<=#define PARLEY_SDK_VERSION "\d+\.)(\d+)/, (n) => +n + 7);
    writeFileSync(file, text);
}
for (const [name] of tables) if (!grown.has(name)) throw new Error(`where does ${name} end?`);
