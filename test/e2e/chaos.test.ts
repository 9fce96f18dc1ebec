/**
 * A minute of what test/chaos does at length: daemons killed and frozen, links cut and silent, Postgres crashed and
 * restarted, receivers down, and at the end every promise held. `npm run chaos` does more of it.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { DEFAULTS, runChaos } from "../chaos/scenario.ts";

const DURATION_MS = 60_000;
/** A lease and a half-open link's query take some twenty seconds; the rest is for a machine that is busy. */
const QUIET_DEADLINE_MS = 60_000;

test("every promise holds under faults of all kinds", { timeout: 380_000 }, async (t) => {
  const seed = process.env.POSTRIDER_TEST_CHAOS_SEED ?? randomBytes(4).toString("hex");
  t.diagnostic(`seed ${seed}`);
  const breakingOff = new AbortController();
  t.signal.addEventListener("abort", () => breakingOff.abort());
  const report = await runChaos({
    ...DEFAULTS,
    seed,
    durationMs: DURATION_MS,
    rate: 80,
    quietDeadlineMs: QUIET_DEADLINE_MS,
    signal: breakingOff.signal,
  });
  assert.ok(report !== null, `seed ${seed}: broken off`);
  const { counts, duplicates, faults, recoveryMs, tookMs, violations, directory } = report;
  t.diagnostic(
    `${counts.deliveries} deliveries of ${counts.events} events, ${duplicates.total} duplicates, quiet after ${recoveryMs} ms, ` +
      `${tookMs} ms in all; ${JSON.stringify(faults)}`,
  );
  assert.deepEqual(
    violations,
    [],
    `npm run chaos -- --seed ${seed} --minutes 1 --rate 80; what was said is in ${directory}`,
  );
  for (const what of ["deliveries", "ordered", "passedOver", "takenAfterAll", "circuits"] as const) {
    assert.ok(counts[what] > 0, `seed ${seed}: no ${what} were judged: ${JSON.stringify(counts)}`);
  }
});
