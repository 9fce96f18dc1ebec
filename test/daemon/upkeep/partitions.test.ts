/** When the upkeep of partitions looks again. Postgres is played by the test. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { makePartitionKeeper } from "../../../src/daemon/upkeep/partitions.ts";
import type { Database } from "../../../src/db/database.ts";
import { makeEvents } from "../../../src/telemetry/bus.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";

/** Runs looks that end so, one after the other, and resolves with the milliseconds between them. */
async function pausesBetween(t: TestContext, looks: readonly ("fails" | "nothing")[]): Promise<readonly number[]> {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const left = [...looks];
  let nowMs = 0;
  const atMs: number[] = [];
  const looked = Promise.withResolvers<void>();
  const database = {
    run: async () => {
      atMs.push(nowMs);
      const look = left.shift();
      if (left.length === 0) {
        looked.resolve();
      }
      if (look === "fails") {
        throw new Error("the connection is gone");
      }
      return { rows: [] };
    },
  } as unknown as Database;
  const events = makeEvents();
  const keeper = makePartitionKeeper({ database, events, conditions: new Conditions(events), retentionMs: null });
  keeper.start();
  while (left.length > 0) {
    t.mock.timers.tick(100);
    nowMs += 100;
    await new Promise(setImmediate);
  }
  await looked.promise;
  await keeper.stop();
  return atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? 0));
}

test("a step that failed is taken again soon, and then later and later; success begins anew", async (t) => {
  t.mock.method(Math, "random", () => 0.5);
  const pauses = await pausesBetween(t, ["fails", "fails", "fails", "nothing", "fails", "fails"]);
  assert.deepEqual(
    pauses.map((ms) => Math.round(ms / 1_000)),
    [1, 2, 4, 600, 1],
  );
});
