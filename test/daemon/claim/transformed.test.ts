import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { transformDeliveries } from "../../../src/daemon/claim/transformed.ts";
import type { Database } from "../../../src/db/database.ts";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { deliveryOf } from "../../support/delivery.ts";

function leased(id: string): Delivery {
  return deliveryOf({
    event: { id },
    tenure: { kind: "leased", untilMs: Number.POSITIVE_INFINITY, isCounted: false, content: null },
  });
}

/** Fails with this state whenever it is asked for one of the bad events. */
function transformWith(sqlstate: string, bad: readonly string[]) {
  const calls: (readonly string[])[] = [];
  type Params = { readonly eventIds: readonly string[]; readonly isGivenUp: boolean };
  const run = async (_: unknown, { eventIds, isGivenUp }: Params) => {
    calls.push(eventIds);
    if (!isGivenUp && eventIds.some((id) => bad.includes(id))) {
      throw Object.assign(new pg.DatabaseError("an error", 0, "error"), { code: sqlstate });
    }
    const rows = eventIds.map((event_id) => ({
      ...{ event_id, endpoint_id: "endpoint", payload: "1", payload_bytes: 1 },
      ...{ headers: null, problem: isGivenUp ? "too long" : null, is_discarded: isGivenUp },
    }));
    return { rows, rowCount: rows.length };
  };
  const parts = {
    database: { run } as unknown as Database,
    events: new KeptEvents(),
    daemonId: "daemon",
    mayTransform: () => true,
    overrunsOf: new Map(),
  };
  return { calls, parts, transform: () => transformDeliveries(parts, ["a", "b", "c", "d"].map(leased)) };
}

test("one that cannot be transformed, or takes too long, does not keep the others", async () => {
  const unreadable = await transformWith("22P05", ["c"]).transform();
  assert.deepEqual(unreadable.ready.map(({ event }) => event.id).sort(), ["a", "b", "d"]);
  assert.deepEqual(
    unreadable.discarded.map(({ delivery }) => delivery.event.id),
    ["c"],
  );
  const slow = await transformWith("57014", ["c"]).transform();
  assert.deepEqual(slow.ready.map(({ event }) => event.id).sort(), ["a", "b", "d"]);
  assert.deepEqual(
    slow.putOff.map(({ event }) => event.id),
    ["c"],
  );
});

test("one that takes too long again and again is given up, and its number of times is forgotten", async () => {
  const { transform, parts } = transformWith("57014", ["c"]);
  for (const walk of [1, 2]) {
    assert.deepEqual(
      (await transform()).putOff.map(({ event }) => event.id),
      ["c"],
      `walk ${walk}`,
    );
  }
  const { discarded, putOff, ready } = await transform();
  assert.deepEqual(
    discarded.map(({ delivery, reason }) => [delivery.event.id, reason]),
    [["c", "the transformation cannot be applied: too long"]],
  );
  assert.equal(putOff.length, 0);
  assert.equal(ready.length, 3);
  assert.equal(parts.overrunsOf.size, 0);
});

test("while Postgres cannot work, they are not tried one by one", async () => {
  for (const sqlstate of ["53100", "53200", "58030", "40P01", "55P03", "57P01"]) {
    const { calls, transform } = transformWith(sqlstate, ["a", "b", "c", "d"]);
    await assert.rejects(transform(), { code: sqlstate });
    assert.equal(calls.length, 1, sqlstate);
  }
});
