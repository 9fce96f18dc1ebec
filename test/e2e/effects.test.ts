/**
 * A quarter of a minute of what `npm run chaos -- --effects` does at length: both sides fail in all ways, and each event has
 * its effect once.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { runEffects } from "../chaos/effects/scenario.ts";

const DURATION_MS = 15_000;
/** A killed daemon's lease takes 15 s; the rest is for a machine that is busy. */
const QUIET_DEADLINE_MS = 60_000;

test("each event has its effect once, whatever fails on both sides", { timeout: 600_000 }, async (t) => {
  const seed = process.env.POSTRIDER_TEST_CHAOS_SEED ?? randomBytes(4).toString("hex");
  t.diagnostic(`seed ${seed}`);
  const report = await runEffects({ seed, durationMs: DURATION_MS, quietDeadlineMs: QUIET_DEADLINE_MS, rate: 50 });
  const { events, dropped, network, violations, directory, ...rest } = report;
  t.diagnostic(`${events} events, ${dropped} dropped, ${JSON.stringify(network)}, ${JSON.stringify(rest)}`);
  // How much fails because a process has just been killed is a matter of chance.
  const { failed: _, ...planned } = network;
  assert.deepEqual(violations, [], `npm run chaos -- --effects --seed ${seed}; the logs are in ${directory}`);
  for (const [what, count] of Object.entries({ events, dropped, ...planned })) {
    assert.ok(count > 0, `seed ${seed}: ${what} is 0`);
  }
});
