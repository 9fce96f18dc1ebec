/** The end of a run and its exit status must not mislead a reader who sees nothing else. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { after, before, test } from "node:test";
import { runCommand } from "./support/command.ts";
import { SERVER_URL_VARIABLE, TEMPLATE_VARIABLE } from "./support/database.ts";

const RUN = [process.execPath, resolve(import.meta.dirname, "run.ts")] as const;

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-run-"));
});
after(() => rm(directory, { recursive: true, force: true }));

test("the last line sums up the files, and tests that fail make it fail", async () => {
  const good = await file("good", `test("a", () => {}); test("b", () => {}); test("c", { skip: true }, () => {});`);
  const bad = await file(
    "bad",
    `test("d", () => { throw new Error("on purpose"); }); test("e", () => { throw new Error("too"); });`,
  );
  assert.deepEqual(await run(good), { code: 0, lastLine: "2 passed, 0 failed" });
  assert.deepEqual(await run(good, bad), { code: 1, lastLine: "2 passed, 2 failed" });
});

test("failed tests are named again at the end, with their suites and errors", async () => {
  const bad = await file(
    "named",
    `describe("outer", () => {
       describe("before it", () => { test("good", () => {}); });
       describe("inner", () => { test("bad", () => { throw new Error("why\\nand how"); }); test("good", () => {}); });
     });
     describe("no hook", () => { before(() => { throw new Error("hook"); }); test("cut off", () => {}); });`,
  );
  const broken = await file("unreadable", "test(");
  const { stdout } = await runCommand([bad, broken], environment());
  const at = (path: string) => `failed on ${SERVER_URL_VARIABLE}: ${relative(process.cwd(), path)}`;
  assert.equal(
    stdout.slice(stdout.indexOf("failed on")),
    `${at(bad)} › outer › inner › bad
    why
    and how
${at(bad)} › no hook › cut off
    test did not finish before its parent and was cancelled
${at(bad)} › no hook
    hook
${at(broken)}
    the file did not run to its end
${SERVER_URL_VARIABLE}: 2 passed, 3 failed, 0 skipped
2 passed, 3 failed
`,
  );
});

test("a great many failures are named only in part", async () => {
  const many = await file(
    "many",
    `for (let i = 1; i <= 40; i++) test("number " + i, () => { throw new Error(Array(99).fill("line").join("\\n")); });`,
  );
  const { stdout } = await runCommand([many], environment());
  const end = stdout.slice(stdout.indexOf("failed on"));
  assert.equal(end.match(/^failed on /gm)?.length, 30);
  assert.equal(end.match(/^ {4}line$/gm)?.length, 30 * 12);
  assert.match(end, /^and 10 more failed\n.*\n0 passed, 40 failed\n$/m);
});

test("a test that never ends has failed, and so has a file that cannot be read or ends too early", async () => {
  const endless = await file("endless", `test("a", () => new Promise(() => {}));`);
  assert.deepEqual(await run("--test-timeout=500", endless), { code: 1, lastLine: "0 passed, 1 failed" });
  const broken = await file("broken", "test(");
  const short = await file("short", `test("a", () => {}); test("b", () => process.exit(0));`);
  const empty = await file("empty", "");
  assert.deepEqual(await run(broken, short, empty), { code: 1, lastLine: "0 passed, 3 failed" });
});

test("the CPU time of each file is listed if it is asked for, the dearest first", async () => {
  const cheap = await file("cheap", `test("a", () => {});`);
  const dear = await file("dear", `test("b", () => { while (process.cpuUsage().user < 500_000); });`);
  const { stdout } = await runCommand(["--cost", cheap, dear], environment());
  const listed = [...stdout.matchAll(/^CPU ([\d.]+) s: (.*) on /gm)].map(([, seconds, path]) => ({ seconds, path }));
  assert.deepEqual(
    listed.map(({ path }) => path),
    [dear, cheap].map((path) => relative(process.cwd(), path)),
  );
  assert.ok(Number(listed[0]?.seconds) >= 0.5, stdout);
  assert.match(stdout, /^CPU [\d.]+ s in all\n.*\n2 passed, 0 failed\n$/m);
});

test("what a file leaves running ends with it", async () => {
  const leaving = await file(
    "leaving",
    `import { spawn } from "node:child_process";
     test("a", () => spawn("sleep", ["600"], { stdio: "inherit" }).unref());`,
  );
  const other = await file("other", `test("b", () => {});`);
  // It would keep the pipe of its output open.
  assert.deepEqual(await run(leaving, other), { code: 0, lastLine: "2 passed, 0 failed" });
});

test("an unknown server or file is refused", async () => {
  assert.match(
    await refused("--postgres", "14"),
    /^--postgres takes one of 18, 17, 16, 15, "older" or "all", and not "14"$/,
  );
  assert.match(await refused("--postgres=15"), /exclude each other/);
  assert.match(await refused(directory), /^there is no test file there$/);
});

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, `${name}.mjs`);
  await writeFile(path, `import { before, describe, test } from "node:test";\n${text}\n`);
  return path;
}

async function run(
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly lastLine: string | undefined }> {
  const { code, stdout } = await runCommand(args, environment());
  return { code, lastLine: stdout.trimEnd().split("\n").at(-1) };
}

async function refused(...args: readonly string[]): Promise<string> {
  const { code, stderr } = await runCommand(args, environment());
  assert.equal(code, 1);
  return stderr.trim();
}

/** On the server and with the template of this run. */
function environment() {
  const given = [SERVER_URL_VARIABLE, TEMPLATE_VARIABLE].map((name) => [name, process.env[name] ?? ""]);
  return { program: RUN, env: Object.fromEntries(given) };
}
