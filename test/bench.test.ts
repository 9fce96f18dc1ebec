import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const BENCH = join(import.meta.dirname, "bench/run.ts");

test("the benchmark drains a small backlog and reports what it cost", async () => {
  const flags = ["--parts", "backlog", "--rounds", "1", "--events", "200", "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, ...flags]);
  const [{ subjects }] = JSON.parse(stdout).parts;
  assert.deepEqual(Object.keys(subjects), ["bare loop", "daemon", "daemon, held snapshot"]);
  assert.ok(subjects.daemon.deliveries_per_s.median > 0);
  assert.ok(subjects.daemon.wal_bytes.median > 0);
});
