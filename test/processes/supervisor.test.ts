import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { PostriderError } from "../../src/ground/errors.ts";
import { ProcessesVitals } from "../../src/processes/processesVitals.ts";
import { supervise } from "../../src/processes/supervisor.ts";
import { KeptEvents } from "../support/daemon.ts";
import { until } from "../support/until.ts";

/** Stands for `postrider run`: a program of Node, which finds `fs`, a `directory`, and `first`, true in one process of all. */
function program(t: TestContext, script: string): readonly [string, ...string[]] {
  const directory = mkdtempSync(join(tmpdir(), "postrider-supervisor-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const found = `const fs = require("node:fs"); const directory = ${JSON.stringify(directory)};`;
  const claim = `let first = true; try { fs.mkdirSync(directory + "/first") } catch { first = false }`;
  return [process.execPath, "-e", `${found} ${claim}\n${script}`];
}

interface Run {
  readonly emitted: KeptEvents;
  readonly chunks: readonly string[];
  readonly ended: Promise<void>;
  readonly vitals: ProcessesVitals;
  stop(): void;
}

function start(t: TestContext, command: readonly [string, ...string[]], processes = 2, pulseMs?: number): Run {
  const emitted = new KeptEvents();
  const chunks: string[] = [];
  const stopping = new AbortController();
  const vitals = new ProcessesVitals(processes);
  const ended = supervise(
    {
      ...{ processes, command, env: process.env, events: emitted, writeLines: (lines) => chunks.push(lines), vitals },
      ...(pulseMs !== undefined && { pulseMs }),
    },
    stopping.signal,
  );
  ended.catch(() => {});
  t.after(async () => {
    stopping.abort();
    await ended.catch(() => {});
  });
  return { emitted, chunks, ended, vitals, stop: () => stopping.abort() };
}

const UNTIL_SIGTERM = "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000);";

test("lines of several processes do not mix, however they are written", async (t) => {
  const script = `
    process.on("SIGTERM", () => {});
    const text = Array.from({ length: 300 }, (_, at) => JSON.stringify({ pid: process.pid, at, text: "é€\\u2028" }) + "\\n").join("");
    const bytes = Buffer.from(text + '{"unfinished');
    let from = 0;
    const next = () => {
      if (from >= bytes.length) process.exit(0);
      fs.writeSync(1, bytes.subarray(from, from += 97));
      setImmediate(next);
    };
    next();`;
  const run = start(t, program(t, script), 3);
  await until("three processes have written everything", () => run.emitted.named("process.ended").length >= 3);
  run.stop();
  await run.ended;
  for (const chunk of run.chunks) assert.ok(chunk.endsWith("\n"));
  const lines = run.chunks.join("").trimEnd().split("\n");
  const counts = Map.groupBy(
    lines.map((line) => JSON.parse(line) as { pid: number; at: number; text: string }),
    ({ pid }) => pid,
  );
  const complete = [...counts.values()].filter((all) => all.length === 300);
  assert.ok(complete.length >= 3, `${complete.length} are complete`);
  for (const all of complete) {
    assert.ok(all.every(({ at, text }, index) => at === index && text === "é€\u2028"));
  }
});

test("a process that dies is replaced after a pause that grows, and the others stay", async (t) => {
  const run = start(t, program(t, `if (first) { ${UNTIL_SIGTERM} } else { process.exit(7) }`));
  const ended = () => run.emitted.named("process.ended");
  await until("it has died three times", () => ended().length >= 3);
  const limits = [
    [250, 750],
    [500, 1_500],
    [1_000, 3_000],
  ];
  for (const [at, [leastMs = 0, mostMs = 0]] of limits.entries()) {
    const { exit_status, signal, error, restart_ms = 0 } = ended()[at] ?? {};
    assert.deepEqual({ exit_status, signal, error }, { exit_status: 7, signal: null, error: null });
    assert.ok(restart_ms >= leastMs && restart_ms <= mostMs, `${restart_ms} ms`);
  }
  const started = run.emitted.named("process.started").length;
  assert.ok(started === 4 || started === 5, `${started} were started`);
  run.stop();
  await run.ended;
});

test("a process that a signal ends is replaced", async (t) => {
  const run = start(t, program(t, `if (first) process.kill(process.pid, "SIGKILL"); ${UNTIL_SIGTERM}`), 1);
  await until("another is started", () => run.emitted.named("process.started").length === 2);
  const [{ exit_status, signal } = {}] = run.emitted.named("process.ended");
  assert.deepEqual({ exit_status, signal }, { exit_status: null, signal: "SIGKILL" });
  run.stop();
  await run.ended;
});

/** Answers questions, and tells that it has started. */
const WORKS = `process.on("message", ({ id }) => process.send({ kind: "answer", id, answer: null }));
  process.send({ kind: "started" }); ${UNTIL_SIGTERM}`;

test("a process whose event loop hangs is killed and replaced, and one that answers is not", async (t) => {
  const run = start(t, program(t, `${WORKS} if (first) setTimeout(() => { for (;;); }, 100);`), 2, 200);
  await until("another is started", () => run.emitted.named("process.started").length === 3);
  const [{ signal, error } = {}, ...others] = run.emitted.named("process.ended");
  assert.deepEqual({ signal, error }, { signal: "SIGKILL", error: "it answered nothing any more, and was killed" });
  assert.deepEqual(others, []);
  run.stop();
  await run.ended;
});

test("a process that has not started yet, and waits for Postgres, is not taken for one that hangs", async (t) => {
  const run = start(t, program(t, UNTIL_SIGTERM), 1, 10);
  await until("it runs", () => run.emitted.named("process.started").length === 1);
  await setTimeout(300);
  assert.deepEqual(run.emitted.named("process.ended"), []);
  run.stop();
  await run.ended;
});

test("a process that hangs while it stops does not keep the others from their end", async (t) => {
  const hangs = `process.on("SIGTERM", () => { for (;;); }); setInterval(() => {}, 1000);
    process.send({ kind: "started" }); console.log("{}");`;
  const run = start(t, program(t, `if (first) { ${hangs} } else { ${WORKS} }`), 2, 50);
  await until("it has started", () => run.chunks.length > 0);
  run.stop();
  await assert.rejects(run.ended, PostriderError);
});

test("a program that cannot be started is tried again", async (t) => {
  const run = start(t, ["/nonexistent/postrider"], 1);
  await until("it was tried twice", () => run.emitted.named("process.ended").length === 2);
  assert.match(run.emitted.named("process.ended")[0]?.error ?? "", /ENOENT/);
  assert.deepEqual(run.emitted.named("process.started"), []);
  run.stop();
  await run.ended;
});

test("what a process cannot work with ends all, and is the error", async (t) => {
  const fault = { code: "PR0014", problem: "cannot send", found: "a copy", remedy: "adopt it" };
  const verdict = JSON.stringify({ kind: "verdict", faults: [fault], exitStatus: 2, mayPass: false });
  const script = `process.send({ kind: "started" }); if (first) process.send(${verdict}, () => process.exit(1)); else { ${UNTIL_SIGTERM} }`;
  const run = start(t, program(t, script), 3);
  await assert.rejects(run.ended, (thrown) => {
    assert.ok(thrown instanceof PostriderError);
    assert.deepEqual([thrown.faults, thrown.exitStatus], [[fault], 2]);
    return true;
  });
  assert.deepEqual(run.emitted.named("process.ended"), []);
});

const AWAY = { code: "PR0003", problem: "cannot connect", found: "no server", remedy: "start it" };
const AWAY_MESSAGE = "PR0003: cannot connect: no server; start it";
/** Says that Postgres is away, and ends. */
const FIND_NO_POSTGRES = `process.send(${JSON.stringify({ kind: "verdict", faults: [AWAY], exitStatus: 1, mayPass: true })}, () => process.exit(1));`;

test("that Postgres is away before any daemon has started ends all", async (t) => {
  const run = start(t, program(t, `if (first) { ${UNTIL_SIGTERM} } else { ${FIND_NO_POSTGRES} }`));
  await assert.rejects(run.ended, { name: "PostriderError", message: AWAY_MESSAGE });
  assert.deepEqual(run.emitted.named("process.ended"), []);
});

test("that Postgres is away after a daemon has started is waited out", async (t) => {
  const script = `
    const marker = directory + "/started";
    if (first) {
      process.send({ kind: "started" }, () => fs.mkdirSync(marker));
      ${UNTIL_SIGTERM}
    } else {
      const looking = setInterval(() => {
        if (!fs.existsSync(marker)) return;
        clearInterval(looking);
        ${FIND_NO_POSTGRES}
      }, 10);
    }`;
  const run = start(t, program(t, script));
  const ended = () => run.emitted.named("process.ended");
  await until("it was replaced twice", () => ended().length === 2);
  const [{ exit_status, error } = {}] = ended();
  assert.deepEqual([exit_status, error], [1, AWAY_MESSAGE]);
  run.stop();
  await run.ended;
});

test("a stop that comes while the processes start is no error", async (t) => {
  const run = start(t, program(t, UNTIL_SIGTERM), 3);
  await until("they are started", () => run.emitted.named("process.started").length === 3);
  run.stop();
  await run.ended;
});

test("a process that dies while it stops is told", async (t) => {
  const script = `process.on("SIGTERM", () => process.kill(process.pid, "SIGKILL")); process.stdout.write("ready\\n"); setInterval(() => {}, 1000);`;
  const run = start(t, program(t, script), 1);
  await until("it listens", () => run.chunks.length > 0);
  run.stop();
  await assert.rejects(run.ended, /^PostriderError: PR0012: .* ended with SIGKILL/);
});
