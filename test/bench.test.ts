import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { judge } from "./bench/floors.ts";
import { guideBlock } from "./support/guides.ts";

const BENCH = join(import.meta.dirname, "bench/run.ts");

test("the benchmark drains small backlogs, reports what they cost, and writes tables and charts", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "postrider-bench-test-"));
  context.after(() => rm(directory, { recursive: true, force: true }));
  const flags = ["--parts", "backlog,daemons", "--rounds", "1", "--events", "200", "--json", "--write", directory];
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, ...flags]);
  const report = JSON.parse(stdout);
  const [{ subjects }] = report.parts;
  assert.deepEqual(Object.keys(subjects), ["bare loop", "daemon", "daemon, held snapshot"]);
  assert.ok(subjects.daemon.deliveries_per_s.median > 0);
  assert.ok(subjects.daemon.wal_bytes.median > 0);
  assert.deepEqual(JSON.parse(await readFile(join(directory, "results/results.json"), "utf8")), report);
  assert.match(await readFile(join(directory, "README.md"), "utf8"), /^\| deliveries_per_s \| [\d,]+ \[/m);
  const chart = await readFile(join(directory, "results/daemons.svg"), "utf8");
  assert.equal(chart.match(/<circle /g)?.length, 3);
  assert.doesNotMatch(chart, /NaN|Infinity|undefined/);
});

test("a floor is judged by the median, and a figure that was not measured is not held", () => {
  const at = (median: number) => ({ median, min: median, max: median });
  const part = { part: "peers", notes: [], ratios: [] };
  const ofWal = (bytes: number) =>
    judge([{ ...part, subjects: { postrider: { wal_bytes: at(bytes) } } }]).find(({ what }) => /^WAL/.test(what))
      ?.result;
  assert.deepEqual([ofWal(369), ofWal(399), ofWal(401)], ["on target", "holds", "missed"]);
  const ratioRow = judge([{ ...part, subjects: {} }]).find(({ what }) => /batched loop/.test(what));
  assert.equal(ratioRow?.result, "not measured");
});

test("the commands of its page have flags and parts that exist", async () => {
  const lines = guideBlock("test/bench/README.md", "What it costs, and how fast it is", "sh").trim().split("\n");
  const commands = lines.map((line) => line.replace(/#.*/, "").trim());
  assert.ok(commands.every((command) => /^npm run bench( --( \S+)+)?$/.test(command)));
  const run = promisify(execFile);
  for (const command of commands) {
    const flags = command.split(" ").slice(4);
    // Help comes after the flags are read, which refuses one that it does not know.
    const { stdout } = await run(process.execPath, [BENCH, ...flags, "--help"]);
    const part = /--parts (\S+)/.exec(command)?.[1];
    assert.match(stdout, new RegExp(`of .*\\b${part ?? "peers"}\\b`));
  }
});
