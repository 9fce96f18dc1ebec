import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { payloadsFrom } from "../../../src/daemon/deliver/payloads.ts";
import type { Database } from "../../../src/db/database.ts";
import { type Delivery, makeDelivery } from "../../../src/domain/delivery.ts";

function largeOf(id: string): Delivery {
  return makeDelivery({
    event: { id, eventType: "report.made", createdAt: "", payload: null, payloadBytes: 0 },
    endpointId: "a",
    daemonId: "daemon",
    tenure: { kind: "claimed", claimId: "1" },
    attempts: 0,
    attemptsBefore: 0,
  });
}

/** Answers 100 bytes for each event, and fails with this state if the bad event is asked for. */
function serverWith(bad: string, sqlstate: string) {
  const asked: number[] = [];
  const run = async (_: unknown, { eventIds }: { readonly eventIds: readonly string[] }) => {
    asked.push(eventIds.length);
    if (eventIds.includes(bad)) {
      throw Object.assign(new pg.DatabaseError("an error", 0, "error"), { code: sqlstate });
    }
    return { rows: eventIds.map((event_id) => ({ event_id, bytes: 100 })), rowCount: eventIds.length };
  };
  return { asked, payloads: payloadsFrom({ run } as unknown as Database) };
}

for (const [what, sqlstate] of [
  ["is damaged", "XX001"],
  ["has lost a part", "XX000"],
  ["cannot be converted", "22P05"],
] as const) {
  test(`a payload that ${what} does not keep the sizes of the others`, async () => {
    const { payloads } = serverWith("3", sqlstate);
    const deliveries = ["1", "2", "3", "4"].map(largeOf);
    await payloads.measure(deliveries);
    assert.deepEqual(
      deliveries.map(({ event }) => event.payloadBytes),
      [100, 100, 0, 100],
    );
  });
}

for (const [what, sqlstate] of [
  ["a lost connection", "57P01"],
  ["a deadline", "57014"],
  ["a missing grant", "42501"],
] as const) {
  test(`${what} is no payload's fault`, async () => {
    const { payloads, asked } = serverWith("3", sqlstate);
    await assert.rejects(payloads.measure(["1", "2", "3", "4"].map(largeOf)), pg.DatabaseError);
    assert.deepEqual(asked, [4]);
  });
}

test("the sizes of many payloads are asked for in several statements, each event once", async () => {
  const { payloads, asked } = serverWith("none", "XX001");
  const deliveries = Array.from({ length: 80 }, (_, index) => largeOf(String(index >> 1)));
  await payloads.measure(deliveries);
  assert.deepEqual(asked, [16, 16, 8]);
  assert.ok(deliveries.every(({ event }) => event.payloadBytes === 100));
});
