/** The peers with the packages that only they need: `npm run test:libraries`. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../../..");
const EVENTS = "200";

test("the peers are typed like the rest of the benchmark, which does not see them", async () => {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, "--project", import.meta.dirname]);
  assert.equal(stdout, "");
});

test("each peer delivers and records every event", async () => {
  const flags = ["--parts", "peers", "--rounds", "1", "--events", EVENTS, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, "test/bench/run.ts"), ...flags]);
  const [{ subjects }] = JSON.parse(stdout).parts;
  const rates = Object.entries<{ deliveries_per_s?: { median: number } }>(subjects).map(([subject, measures]) => ({
    subject,
    hasRate: (measures.deliveries_per_s?.median ?? 0) > 0,
  }));
  assert.deepEqual(
    rates,
    ["bare loop", "postrider", "graphile-worker", "pg-boss", "batched loop", "naive loop"].map((subject) => ({
      subject,
      hasRate: true,
    })),
  );
});
