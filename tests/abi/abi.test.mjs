// The frozen ABI: today's headers keep what every record says, and the check would see each kind of change that they may not make. Each
// change is made to a copy of the headers, so a check that has gone blind is found here.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { check } from '../../scripts/abi.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const headers = join(root, 'sdk/include');

/** What the check says of the headers with one thing changed, in the next minor version unless it is said to be the same. */
function changed(file, from, to, { same = false } = {}) {
    const copy = mkdtempSync(join(tmpdir(), 'parley-abi-test-'));
    try {
        cpSync(headers, copy, { recursive: true });
        const text = readFileSync(join(copy, 'parley', file), 'utf8');
        assert.equal(text.split(from).length, 2, `'${from}' stands once in ${file}`);
        writeFileSync(join(copy, 'parley', file), text.replace(from, () => to));
        const base = readFileSync(join(copy, 'parley/base.h'), 'utf8');
        if (!same) writeFileSync(join(copy, 'parley/base.h'), base.replace(/(?<=#define PARLEY_ABI_MINOR )\d+/, (n) => +n + 1));
        return check(copy).join('\n');
    } finally {
        rmSync(copy, { recursive: true });
    }
}

test('the headers keep what was frozen', () => assert.deepEqual(check(headers), []));

for (const record of readdirSync(join(root, 'sdk/abi')))
    test(`the headers that are kept of ${record.slice(0, -4)} are those of its record`, () => {
        const only = mkdtempSync(join(tmpdir(), 'parley-abi-test-'));
        cpSync(join(root, 'sdk/abi', record), join(only, record));
        const said = check(join(root, 'tests/fixtures', `abi-${record.slice(0, -4)}`, 'include'), only);
        rmSync(only, { recursive: true });
        assert.deepEqual(said, []);
    });

test('a table may grow at its end', () => {
    assert.equal(changed('inline.h', 'unsigned depth, unsigned values);\n', 'unsigned depth, unsigned values);\n    int (*added)(parley_host *);\n'), '');
    assert.equal(changed('plugin.h', '} parley_hub;', '    void (*on_added)(parley_host *h); } parley_hub;'), '');
    assert.equal(changed('plugin.h', 'uint32_t version, bytes; } parley_slot;', 'uint32_t version, bytes; const char *added; } parley_slot;'), '');
    assert.equal(changed('plugin.h', 'void (*quiesce)(parley_host *h), (*destroy)(parley_host *h); };', 'void (*quiesce)(parley_host *h), (*destroy)(parley_host *h), (*added)(parley_host *h); };'), '');
    assert.equal(changed('services/mute.h', ' } parley_mute;', ' int (*added)(parley_host *); } parley_mute;'), '');
});

test('enumerators, types and functions may be added', () => {
    assert.equal(changed('plugin.h', 'enum { PARLEY_REQUIRED = 1,', 'enum { PARLEY_ADDED = 4096, PARLEY_REQUIRED = 1,'), '');
    assert.equal(changed('plugin.h', 'typedef int32_t parley_code;', 'typedef struct { int a; } parley_added; typedef int32_t parley_code;'), '');
    assert.equal(changed('auth.h', '/* Read. [pump] */', 'API int parley_added(void) { return 0; }'), '');
});

test('but not under the same version', () => {
    const said = changed('plugin.h', 'enum { PARLEY_REQUIRED = 1,', 'enum { PARLEY_ADDED = 4096, PARLEY_REQUIRED = 1,', { same: true });
    assert.match(said, /^ABI \d+\.\d+: 'enum PARLEY_ADDED 4096' was added after it was frozen: it belongs to the next PARLEY_ABI_MINOR$/);
});

for (const [what, file, from, to, said] of [
    ['two functions of the table change places', 'inline.h', 'int64_t (*message_cache_id)(const parley_message *), (*message_offset)(const parley_message *);', 'int64_t (*message_offset)(const parley_message *), (*message_cache_id)(const parley_message *);', /struct parley_api: member 13 was 'int64_t \(\*message_cache_id\).*is 'int64_t \(\*message_offset\)/],
    ['a function takes another type', 'inline.h', 'int (*resume)(parley_host *, parley_hold, parley_verdict);', 'int (*resume)(parley_host *, parley_hold, int64_t);', /parley_api: member 26 was 'int \(\*resume\)\(parley_host \*, parley_hold, parley_verdict\)'/],
    ['a function gives another type', 'inline.h', 'int (*greet)(', 'int64_t (*greet)(', /'int \(\*greet\)/],
    ['a job takes another type', 'inline.h', 'int (*)(void *, parley_out *), void *, int64_t, uint32_t);', 'int (*)(const void *, parley_out *), void *, int64_t, uint32_t);', /\(\*work\)/],
    ['a function is removed', 'inline.h', '    int (*store_put)(parley_out *);\n', '    int (*store_pot)(parley_out *);\n#define store_put store_pot\n', /\(\*store_put\)/],
    ['a hook is put in between', 'plugin.h', '    parley_verdict (*on_answer)', '    parley_verdict (*on_added)(parley_host *h);\n    parley_verdict (*on_answer)', /struct parley_hub: member 6 was/],
    ['a hook at the end is removed', 'plugin.h', 'void (*on_greet)(parley_host *h, parley_client c); ', '', /struct parley_hub: member 12 was .*is nothing/],
    ['a member becomes wider', 'plugin.h', '    int error, status; ', '    long error; int status; ', /struct parley_answer: member 2 was 'int error' \(at 8, 4 bytes\), is 'long int error' \(at 8, 8 bytes\)/],
    ['a member stands in what was padding', 'auth.h', 'bool close_on_expiry; };', 'bool close_on_expiry; int32_t added; };', /struct parley_identity: 'int32_t added' .* lies in what was padding/],
    ['what is passed by value grows', 'base.h', 'typedef struct { const char *p; size_t n; } parley_str;', 'typedef struct { const char *p; size_t n; int added; } parley_str;', /struct parley_str had 16 bytes and has 24; it may not grow/],
    ['the preamble grows', 'base.h', '                 const char *sdk_version; }', '                 const char *sdk_version, *added; }', /parley_preamble had 32 bytes and has 40/],
    ['a struct is gone', 'plugin.h', 'typedef struct { uint32_t struct_size; int32_t sort_order; const char *description; } parley_channel_info;', 'typedef struct other { uint32_t struct_size; int32_t sort_order; const char *description; } other;\n#define parley_channel_info other', /struct parley_channel_info is gone/],
    ['an enumerator has another value', 'plugin.h', 'enum { PARLEY_COUNTER, PARLEY_GAUGE,', 'enum { PARLEY_GAUGE, PARLEY_COUNTER,', /enum PARLEY_COUNTER was '0', is '1'\n.*enum PARLEY_GAUGE was '1', is '0'/],
    ['an enumerator is put in between', 'plugin.h', 'PARLEY_HOLD, PARLEY_DONE,', 'PARLEY_HOLD, PARLEY_ADDED, PARLEY_DONE,', /enum PARLEY_DONE was '4', is '5'\n.*enum PARLEY_FAIL was '5', is '6'/],
    ['an enumerator is gone', 'plugin.h', 'PARLEY_LEFT_REFUSED, PARLEY_LEFT_VIOLATION };', 'PARLEY_LEFT_REFUSED };', /enum PARLEY_LEFT_VIOLATION is gone/],
    ['a name stands for another type', 'plugin.h', 'typedef int32_t parley_verdict;', 'typedef int64_t parley_verdict;', /type parley_verdict was 'int32_t', is 'int64_t'/],
    ['a constant changes', 'base.h', '#define PARLEY_MAGIC 0x3159454c52415001ull', '#define PARLEY_MAGIC 0x3159454c52415002ull', /constant PARLEY_MAGIC was/],
    ['a service has another name', 'services/mute.h', '"org.parley.mute/1"', '"org.parley.mute/2"', /constant PARLEY_MUTE_1 was/],
    ['the major version changes', 'base.h', '#define PARLEY_ABI_MAJOR 1', '#define PARLEY_ABI_MAJOR 2', /constant PARLEY_ABI_MAJOR was '1', is '2'/],
    ['a function that plugins call is gone', 'auth.h', 'API bool parley_on_loopback(parley_host *h) ', 'API bool parley_is_on_loopback(parley_host *h) ', /function parley_on_loopback is gone/],
    ['a function that plugins call takes another type', 'protocol.h', 'API void parley_bytes_add(parley_bytes *b, const void *p, size_t n)', 'API void parley_bytes_add(parley_bytes *b, const char *p, size_t n)', /function parley_bytes_add was 'void \(parley_bytes \*, const void \*, size_t\)', is 'void \(parley_bytes \*, const char \*, size_t\)'/],
])
    test(`it is seen that ${what}`, () => assert.match(changed(file, from, to), said));
