import assert from "node:assert/strict";
import { test } from "node:test";
import { readinessIn } from "../../src/daemon/readiness.ts";
import { CONDITIONS, type ConditionName } from "../../src/telemetry/conditions.ts";

/** A daemon follows no file, and has started only once it has found Postgres. */
const OF_OTHERS: readonly string[] = ["file_missing", "postgres_lost"] satisfies ConditionName[];
const REASONS: readonly string[] = ["not_recording", "not_claiming", "claim_lock_held", "lease_lost"];

test("whatever lasts in a daemon is said: as a reason if nothing is claimed or recorded, otherwise as a note", () => {
  assert.deepEqual(
    readinessIn(() => false),
    { reasons: [], notes: [] },
  );
  for (const condition of Object.keys(CONDITIONS).filter((name) => !OF_OTHERS.includes(name))) {
    const { reasons, notes } = readinessIn((name) => name === condition);
    const isReason = REASONS.includes(condition);
    assert.deepEqual([reasons.length, notes.length], isReason ? [1, 0] : [0, 1], condition);
  }
});
