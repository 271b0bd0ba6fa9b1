// parley-plugin: what its commands print, and that its validator finds each kind of fault: a
// plugin that is faulty in just that way fails just that case.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const build = join(root, "build", process.env.PARLEY_PRESET ?? "dev");
const bin = process.env.PARLEYD ? dirname(process.env.PARLEYD) : join(build, "bin");
const fixtures = process.env.PARLEY_FIXTURES ?? join(build, "tests", "fixtures", "plugins");
const plugins = join(bin, "..", "lib", "parley", "plugins");
const sanitized = ["asan", "tsan"].includes(process.env.PARLEY_PRESET);

/** What it printed, and its exit status. */
function tool(args, cwd = root) {
  return new Promise((resolve) => {
    execFile(join(bin, "parley-plugin"), args, { cwd, timeout: 600_000 }, (error, stdout, stderr) => {
      resolve({ status: error ? error.code : 0, stdout, stderr });
    });
  });
}

const folder = await mkdtemp(join(tmpdir(), "parley-plugin-"));
after(() => rm(folder, { recursive: true }));

describe("the command line", () => {
  test("a wrong command is answered by the one that was meant", async () => {
    const r = await tool(["inspekt"]);
    assert.equal(r.status, 64);
    assert.match(r.stderr, /no command 'inspekt' \(did you mean 'inspect'\?\)/);
  });

  test("each command explains itself", async () => {
    for (const command of ["new", "inspect", "doc", "run", "validate"]) {
      const r = await tool([command, "--help"]);
      assert.equal(r.status, 0, command);
      assert.match(r.stdout, new RegExp(`^Usage: parley-plugin ${command}`));
    }
  });
});

describe("new", () => {
  for (const kind of ["type", "hub", "moderation", "auth", "protocol"])
    test(`${kind}: a folder with all that is needed`, async () => {
      const name = `my_${kind}`;
      const r = await tool(["new", kind, name], folder);
      assert.equal(r.status, 0, r.stderr);
      const files = await readdir(join(folder, name));
      assert.deepEqual(files.sort(), ["CMakeLists.txt", "README.md", `${name}.c`, `${name}.ini`, `test_${name}.c`].sort());
      for (const file of files) {
        const text = await readFile(join(folder, name, file), "utf8");
        assert.doesNotMatch(text, /@NAME@/, file);
        assert.match(text, new RegExp(name), file);
      }
    });

  test("the one for moderation is a page at most", async () => {
    const text = await readFile(join(folder, "my_moderation", "my_moderation.c"), "utf8");
    assert.ok(text.split("\n").filter((line) => line.trim()).length < 30);
  });

  test("what exists is left alone", async () => {
    const r = await tool(["new", "hub", "my_hub"], folder);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /^my_hub: there is something of this name already/);
  });

  for (const [name, why] of [
    ["Wordban", /must begin with a small letter/],
    ["word-ban", /small letters, digits and '_'/],
    ["../x", /must begin with a small letter/],
    ["test", /CMake has a use of its own/],
    ["x".repeat(33), /32 characters/],
  ])
    test(`no plugin is called '${name}'`, async () => {
      const r = await tool(["new", "hub", name], folder);
      assert.equal(r.status, 1);
      assert.match(r.stderr, why);
    });

  test("a kind that is none", async () => {
    const r = await tool(["new", "moderator", "x"], folder);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /'moderator' is no kind of plugin.*\(did you mean 'moderation'\?\)/);
  });
});

// From an installed SDK, as its author has it; a sanitizer's build is not what anybody installs.
describe("what new makes", { skip: sanitized }, () => {
  const kinds = ["type", "hub", "moderation", "auth", "protocol"];
  const run = (program, ...args) =>
    new Promise((resolve) => {
      const env = { ...process.env, CMAKE_PREFIX_PATH: join(folder, "sdk") };
      delete env.PARLEY_PLUGIN_PATH;
      execFile(program, args, { cwd: folder, env, timeout: 600_000 }, (error, stdout, stderr) =>
        resolve({ status: error ? error.code : 0, text: stdout + stderr }));
    });

  test("builds and passes its tests and the validator as it is", async () => {
    const steps = [["cmake", "--install", build, "--prefix", join(folder, "sdk")]];
    await writeFile(join(folder, "CMakeLists.txt"), [
      "cmake_minimum_required(VERSION 3.20)", "project(all C)", "enable_testing()",
      ...kinds.map((kind) => `add_subdirectory(my_${kind})`)].join("\n"));
    steps.push(["cmake", "-G", "Ninja", "-B", "all", "-DCMAKE_C_FLAGS=-Wall -Wextra -Wno-missing-field-initializers -Werror"]);
    steps.push(["cmake", "--build", "all"], ["ctest", "--test-dir", "all", "--output-on-failure"]);
    let last;
    for (const step of steps) {
      last = await run(...step);
      assert.equal(last.status, 0, `${step.join(" ")}\n${last.text}`);
    }
    for (const kind of kinds) assert.match(last.text, new RegExp(`validate_my_${kind} \\.+ +Passed`), last.text);
    assert.match(last.text, /100% tests passed, 0 tests failed out of 10/);
  });
});

describe("inspect and doc", () => {
  test("a hub, as JSON", async () => {
    const r = await tool(["inspect", "--json", join(plugins, "mute.so")]);
    assert.equal(r.status, 0, r.stderr);
    const o = JSON.parse(r.stdout);
    assert.equal(o.id, "org.parley.mute");
    assert.deepEqual(o.abi, { built: "1.1", needs: "1.0", sdk: "1.1.0" });
    assert.equal(o.provides[0].phase, "admit");
    assert.ok(o.provides[0].hooks.includes("on_message"));
    assert.equal(o.provides[1].id, "org.parley.mute/1");
    assert.equal(o.options[0].name, "max");
    assert.equal(o.routes[0].method, "GET");
  });

  test("for people", async () => {
    const r = await tool(["inspect", join(plugins, "rate_limit.so")]);
    assert.match(r.stdout, /^org\.parley\.rate_limit 1\.0\.0: Bounds/);
    assert.match(r.stdout, /window +duration of 100ms\.\.1d, default '1s'/);
    assert.match(r.stdout, /connection +version 1, 32 bytes/);
  });

  test("what the server refuses is refused in its words", async () => {
    const r = await tool(["inspect", join(fixtures, "abi2.so")]);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /needs plugin ABI 2\.0 \(built with SDK 2\.0\.1\); this parleyd/);
    assert.match((await tool(["inspect", "/nowhere.so"])).stderr, /^\/nowhere\.so: No such file/);
  });

  test("the reference", async () => {
    const r = await tool(["doc", join(plugins, "chat_message.so")]);
    assert.match(r.stdout, /^# chat_message\n/);
    assert.match(r.stdout, /\| `max_length` \| whole number, `1\.\.16000` \| `1000` \|/);
    assert.match(r.stdout, /## Message type `chat_message`/);
    assert.match(r.stdout, /\| `channel` \| text, `1\.\.64` \| \*required\* \| Where it is said; a channel/);
  });
});

describe("run", () => {
  const hello = '{"type":"chat_message","channel":"general","message":"hello"}';

  test("what the author and the others get", async () => {
    const r = await tool(["run", join(plugins, "rate_limit.so"), "--set", "burst=1", "--set", "messages=1",
      "--send", hello, "--send", hello, "--advance", "2s", "--as", "bob", "--send", hello]);
    assert.equal(r.status, 0, r.stderr);
    assert.match(r.stdout, /ann sends .*\n {2}delivered\n {2}ann gets .*hello.*\n {2}bob gets .*hello/);
    assert.match(r.stdout, /refused by \[rate_limit\], rule 'messages'\n {2}ann gets .*rate_limited.*\n {2}bob gets nothing/);
    assert.match(r.stdout, /bob sends .*\n {2}delivered/);
  });

  test("as JSON, a line a step", async () => {
    const r = await tool(["run", join(plugins, "mute.so"), "--json", "--client", "ann", "--client", "bob:admin",
      "--request", 'POST /admin/mute/mutes {"user":"ann","why":"noise"}', "--send", hello]);
    assert.equal(r.status, 0, r.stderr);
    const [, muted, sent] = r.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(muted.status, 200);
    assert.equal(sent.settled, "reject");
    assert.equal(sent.section, "mute");
    assert.deepEqual(sent.received.bob, []);
    assert.equal(sent.received.ann[0].payload.code, "muted");
  });

  test("a door", async () => {
    const r = await tool(["run", join(plugins, "open.so"), "--login", "name=ann", "--login", "name=%20"]);
    assert.match(r.stdout, /login name=ann\n {2}let in: ann\nlogin name=%20\n {2}refused: The name is empty/);
  });

  test("an option that is wrong, or missing", async () => {
    let r = await tool(["run", join(plugins, "rate_limit.so"), "--set", "burst=many"]);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /'burst' must be a whole number/);
    r = await tool(["run", join(plugins, "jwt.so")]);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /its option 'issuer' has no default/);
  });
});

describe("validate", () => {
  const validate = (file, ...args) => tool(["validate", "--seed", "1", "--rounds", "100", "--timeout", "600", join(fixtures, `${file}.so`), ...args]);

  /** That case alone fails, with these words. */
  async function finds(file, name, words, ...args) {
    const r = await validate(file, "--json", "--case", name, ...args);
    const report = JSON.parse(r.stdout);
    const found = report.cases.find((c) => c.name === name);
    assert.equal(found?.outcome, "fail", r.stdout);
    assert.match(found.text, words);
    assert.equal(r.status, 1);
  }

  test("a good plugin passes all of it", async () => {
    const r = await validate("noop", "--junit", join(folder, "noop.xml"));
    assert.equal(r.status, 0, r.stdout);
    const { stdout } = await tool(["validate", "--list"]);
    const names = stdout.trim().split("\n").map((line) => line.split(" ")[0]);
    for (const name of names) assert.match(r.stdout, new RegExp(`pass +${name} `));
    const xml = await readFile(join(folder, "noop.xml"), "utf8");
    assert.match(xml, new RegExp(`<testsuite name="org\\.example\\.noop" tests="${names.length}" failures="0" skipped="0">`));
    assert.match(xml, /<property name="seed" value="1"\/>/);
  });

  test("a failure is said to people, with what repeats it", async () => {
    const r = await validate("faulty", "--set", "fault=crashes_without_text", "--junit", join(folder, "faulty.xml"), "--case", "host");
    assert.equal(r.status, 1);
    assert.match(r.stdout, /FAIL +host .*while: \w+ sent \{"type":"typing"/);
    assert.match(r.stdout, /repeat: parley-plugin validate .*faulty\.so --case host --seed 1\n/);
    assert.match(r.stdout, /1 passed, 1 failed, 0 skipped/);
    assert.match(await readFile(join(folder, "faulty.xml"), "utf8"), /<testcase [^>]*name="host"[^>]*><failure message="/);
  });

  test("the same seed does the same", async () => {
    const run = async (seed) => (await tool(["validate", join(fixtures, "faulty.so"), "--set", "fault=crashes_without_text",
      "--case", "host", "--seed", seed, "--json"])).stdout.match(/while: [^"]*(\\"[^"]*)*/)?.[0];
    assert.equal(await run("7"), await run("7"));
  });

  const crash = sanitized ? /crashed by|ended with status/ : /crashed by SIG(SEGV|ABRT|FPE|ILL)/;
  const fault = (name) => ["--set", `fault=${name}`];
  const cases = [
    ["bad_load", "load", crash],
    ["abi2", "load", /the server refuses the file/],
    ["bad_exports", "exports", /it exports 'bad_exports_helper'/],
    ["bad_descriptor", "exports", /its descriptor can be written to/],
    ["bad_tables", "tables", /the options 'one' and 'two' lie upon each other/],
    ["bad_needs", "needs", crash],
    ["faulty", "host", crash, ...fault("crashes_in_create")],
    ["faulty", "host", /ended with status 3, while: /, ...fault("exits")],
    ["faulty", "host", /not over after 5 s, while: \w+ sent/, ...fault("hangs"), "--timeout", "5"],
    ["faulty", "older-host", crash, ...fault("crashes_without_text")],
    ["faulty", "future-host", /does not start: .*not the server that it knows/s, ...fault("knows_one_minor")],
    ["faulty", "future-host", crash, ...fault("believes_in_six")],
    ["faulty", "create-destroy", /files open: (\d+) after \1 times/, ...fault("leaves_files")],
    ["faulty", "two-sections", crash, ...fault("shares_state")],
    ["faulty", "bad-config", /path = .* its create refuses without saying which option/, ...fault("refuses_in_silence")],
    ["faulty", "bad-config", crash, ...fault("divides")],
    ["faulty", "allocation", /when malloc failed \(call \d+, from faulty\.so\+0x[0-9a-f]+\), /, ...fault("ignores_malloc")],
    ["faulty", "allocation", /when malloc failed .* 1 of its blocks were never freed/, ...fault("leaks_on_failure")],
    ["faulty", "allocation", /when parley_\.\.\._slot failed .*(crashed by SIGSEGV|status)/, ...fault("ignores_slots")],
    ["faulty", "hostile-input", crash, ...fault("cannot_take_long")],
    ["faulty", "stale-clients", crash, ...fault("ignores_stale")],
    ["faulty", "holds", crash, ...fault("believes_in_holds")],
    ["faulty", "store-fails", crash, ...fault("believes_store")],
    ["faulty", "quiesce", crash, ...fault("frees_twice")],
  ];
  test("a plugin that is built with AddressSanitizer is validated with it", { skip: sanitized }, async () => {
    const so = join(folder, "leaky.so");
    await new Promise((resolve, reject) =>
      execFile("gcc", ["-shared", "-fPIC", "-g", "-fsanitize=address", `-I${join(root, "sdk", "include")}`, join(root, "tests", "fixtures",
        "plugins", "faulty.c"), "-o", so], (error) => (error ? reject(error) : resolve())));
    let r = await tool(["validate", "--seed", "1", "--rounds", "50", "--case", "create-destroy", so, "--set", "fault=leaks"]);
    assert.equal(r.status, 1, r.stderr);
    assert.match(r.stdout, /FAIL +create-destroy .*AddressSanitizer finds leaks[^]*in create .*faulty\.c:/);
    r = await tool(["validate", "--seed", "1", "--rounds", "50", so]);
    assert.equal(r.status, 0, r.stdout);
    assert.doesNotMatch(r.stdout, /skipped, it is not built with it/);
  });

  if (!sanitized) cases.push(["faulty", "create-destroy", /1\d\d bytes are left/, ...fault("leaks"), "--rounds", "1000"]);
  else if (process.env.PARLEY_PRESET === "asan") cases.push(["faulty", "create-destroy", /AddressSanitizer finds leaks/, ...fault("leaks")]);
  for (const [file, name, words, ...args] of cases)
    test(`${name}: ${args[1] ?? file}`, () => finds(file, name, words, ...args));
});
