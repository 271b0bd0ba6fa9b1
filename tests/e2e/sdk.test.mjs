// The installed SDK: into an empty prefix, the prefix moved, and plugins of a third party built from there, by CMake and by hand, with
// gcc and clang, as C11 and as C++20. Nothing of the checkout is used save the plugins' own sources.
//
// A sanitizer's build is not what anybody installs: only plain presets are tried.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { preset, root } from './lib/daemon.mjs';

const skip = preset === 'dev' || preset === 'release' ? false : `${preset} is not what is installed`;
const fixtures = join(root, 'tests/fixtures/sdk');
let folder, sdk, first;

/** Runs a program to its end; what it said is in the failure. */
async function sh(program, args, { env = {}, cwd = folder } = {}) {
    const clean = { PATH: process.env.PATH, HOME: folder, LC_ALL: 'C', ...env };
    return promisify(execFile)(program, args, { cwd, env: clean, timeout: 600_000 }).then(
        ({ stdout, stderr }) => stdout + stderr,
        (e) => assert.fail(`${program} ${args.join(' ')}: ${e.message}\n${e.stdout}`),
    );
}

before(async () => {
    if (skip) return;
    folder = await mkdtemp(join(tmpdir(), 'parley-sdk-'));
    first = join(folder, 'installed');
    sdk = join(folder, 'moved');
    await sh('cmake', ['--install', join(root, 'build', preset), '--prefix', first]);
    await rename(first, sdk);
});
after(() => folder && rm(folder, { recursive: true, force: true }));

const env = () => ({ PKG_CONFIG_PATH: join(sdk, 'lib/pkgconfig'), CMAKE_PREFIX_PATH: sdk });
const flags = async (...args) => (await sh('pkg-config', args, { env: env() })).trim().split(/\s+/);

/** A folder of its own with what its author wrote. */
async function project(name) {
    const to = join(folder, name);
    await cp(fixtures, to, { recursive: true });
    return to;
}

/** What a shared object shows. */
const shown = async (so) =>
    (await sh('nm', ['-D', '--defined-only', so])).trim().split('\n').map((l) => l.split(' ').at(-1)).sort();

// Each has a folder of its own, and waits for compilers most of the time.
describe('the installed SDK', { skip, concurrency: 2 }, () => {
    test('no file of it remembers where it was made', async () => {
        const files = ['lib/cmake/ParleyPlugin', 'lib/pkgconfig', 'include/parley'];
        for (const place of files)
            for (const f of await readdir(join(sdk, place), { withFileTypes: true })) {
                if (!f.isFile()) continue;
                const text = await readFile(join(sdk, place, f.name), 'utf8');
                for (const gone of [first, root, '/usr/local']) assert.ok(!text.includes(gone), `${place}/${f.name} names ${gone}`);
            }
    });

    test('the testkit shows what kit.h declares, and nothing else', async () => {
        const header = await readFile(join(sdk, 'include/parley/kit.h'), 'utf8');
        const code = header.replace(/\/\*.*?\*\//gs, '');
        const declared = new Set([...code.matchAll(/\b(kit_\w+)\s*\(/g)].map((m) => m[1]));
        assert.ok(declared.size >= 20);
        assert.deepEqual(await shown(join(sdk, 'lib/libparley_kit.so')), [...declared].sort());
        assert.match(await sh('readelf', ['-d', join(sdk, 'lib/libparley_kit.so')]), /SONAME.*\[libparley_kit\.so\.1\]/);
    });

    for (const [cc, cxx] of [['gcc', 'g++'], ['clang', 'clang++']])
        test(`CMake and ${cc}: the plugins build, their tests pass`, async () => {
            const source = await project(cc);
            const build = join(source, 'build');
            await sh('cmake', ['-S', source, '-B', build, '-G', 'Ninja', `-DCMAKE_C_COMPILER=${cc}`, `-DCMAKE_CXX_COMPILER=${cxx}`], { env: env() });
            await sh('cmake', ['--build', build]);
            for (const so of ['wordban.so', 'tally.so']) assert.deepEqual(await shown(join(build, so)), ['parley_plugin_descriptor'], so);
            const tests = await sh('ctest', ['--test-dir', build, '--output-on-failure']);
            for (const name of ['test_wordban', 'validate_wordban', 'test_tally', 'validate_tally']) assert.match(tests, new RegExp(`${name} \\.+ +Passed`));
            assert.match(tests, /100% tests passed/);
            await sh(join(build, 'test_wordban'), []); // and by itself: the plugin lies beside it, the server's are found by the testkit
        });

    test('CMake: a plugin that asks the server for a symbol does not link', async () => {
        const source = await project('asks');
        await writeFile(join(source, 'wordban.c'), 'int parley_secret(void); int (*p)(void) = parley_secret;\n');
        const build = join(source, 'build');
        await sh('cmake', ['-S', source, '-B', build, '-G', 'Ninja'], { env: env() });
        const { stdout } = await promisify(execFile)('cmake', ['--build', build, '--target', 'wordban'], { timeout: 600_000 }).then(
            () => assert.fail('it linked'),
            (e) => e,
        );
        assert.match(stdout, /undefined reference to `parley_secret'/);
    });

    for (const cc of ['gcc', 'clang'])
        test(`pkg-config and ${cc}: one command makes a plugin, the server of that prefix takes it`, async () => {
            const source = await project(`by-hand-${cc}`);
            const so = join(source, 'wordban.so');
            await sh(cc, ['-shared', '-fPIC', ...(await flags('--cflags', 'parley-plugin')), 'wordban.c', '-o', 'wordban.so'], { cwd: source });
            assert.deepEqual(await shown(so), ['parley_plugin_descriptor']);
            const ini = join(source, 'parley.ini');
            await writeFile(ini, `[server]\n[auth open]\n[protocol native]\n[type chat_message]\n[hub router]\n[hub channels]\nlist = pond\n[hub wordban]\nplugin = ${so}\n`);
            const said = await sh(join(sdk, 'bin/parleyd'), ['--check-config', '-c', ini]);
            assert.match(said, /moderate +wordban \(org\.example\.wordban 1\.0\.0\)/);
        });

    test('built into a program: -DPARLEY_STATIC_NAME, C and C++ beside each other', async () => {
        const source = await project('static');
        const kit = await flags('--cflags', '--libs', 'parley-kit', 'check');
        const cflags = await flags('--cflags', 'parley-plugin');
        await sh('gcc', ['-std=c11', ...cflags, '-DPARLEY_STATIC_NAME=wordban', '-c', 'wordban.c', '-o', 'wordban.o'], { cwd: source });
        await sh('g++', ['-std=c++20', ...cflags, '-DPARLEY_STATIC_NAME=tally', '-c', 'tally.cc', '-o', 'tally.o'], { cwd: source });
        await sh('gcc', ['-DSTATIC', 'test_wordban.c', 'wordban.o', 'tally.o', '-lstdc++', ...kit, '-o', 'test'], { cwd: source });
        await rm(join(source, 'wordban.c')); // nothing beside the program but the program
        assert.match(await sh(join(source, 'test'), [], { cwd: source }), /100%: Checks: 2/);
    });

    test('a folder that parley-plugin made builds there as it is', async () => {
        const program = join(sdk, 'bin/parley-plugin');
        await sh(program, ['new', 'moderation', 'mine']);
        const build = join(folder, 'mine/build');
        await sh('cmake', ['-S', join(folder, 'mine'), '-B', build, '-G', 'Ninja'], { env: env() });
        await sh('cmake', ['--build', build]);
        const tests = await sh('ctest', ['--test-dir', build, '--output-on-failure']);
        for (const name of ['test_mine', 'validate_mine']) assert.match(tests, new RegExp(`${name} \\.+ +Passed`));
    });

    test('an SDK of another major version is not taken', async () => {
        const source = join(folder, 'major');
        await mkdir(source);
        await writeFile(join(source, 'CMakeLists.txt'), 'cmake_minimum_required(VERSION 3.20)\nproject(x C)\nfind_package(ParleyPlugin 2 REQUIRED)\n');
        const e = await promisify(execFile)('cmake', ['-S', source, '-B', join(source, 'build')], { env: { ...process.env, ...env() }, timeout: 600_000 }).then(
            () => assert.fail('it was taken'),
            (e) => e,
        );
        assert.match(e.stderr, /compatible with requested version "2"/);
    });
});
