import assert from "node:assert/strict";
import { test } from "node:test";
import { Busiest } from "../../../src/daemon/upkeep/busiest.ts";
import { makeCounts } from "../../../src/domain/minuteCounts.ts";

/** A minute in which each endpoint had so many successes. */
function minute(attempts: Readonly<Record<string, number>>) {
  return new Map(
    Object.entries(attempts).map(([id, count]) => [
      id,
      { ...makeCounts(), succeeded_first: count, failed: 1, exhausted: 1 },
    ]),
  );
}

function succeeded(busiest: Busiest, present = minute({})): Readonly<Record<string, number>> {
  return Object.fromEntries(busiest.totals([present]).map(({ endpointId, succeeded }) => [endpointId, succeeded]));
}

test("while there are few, each endpoint is told of, the present minute included", () => {
  const busiest = new Busiest(2);
  assert.deepEqual(succeeded(busiest, minute({ a: 1 })), { a: 1 });
  assert.deepEqual(succeeded(busiest, minute({ a: 2, b: 1, c: 9 })), { a: 2, b: 1 });
  busiest.note(minute({ a: 3, b: 1 }));
  assert.deepEqual(succeeded(busiest, minute({ a: 4 })), { a: 7, b: 1 });
});

test("those with the most attempts of late take the places, and what has been counted does not decrease meanwhile", () => {
  const busiest = new Busiest(2);
  busiest.note(minute({ a: 100, b: 5, c: 1 }));
  assert.deepEqual(succeeded(busiest), { a: 100, b: 5 });
  busiest.note(minute({ c: 20 }));
  assert.deepEqual(succeeded(busiest), { a: 100, c: 20 });
  for (let minutes = 0; minutes < 30; minutes++) busiest.note(minute({ b: 20, c: 20 }));
  const { c, ...others } = succeeded(busiest);
  assert.equal(c, 620);
  assert.deepEqual(Object.keys(others), ["b"]);
});

test("none is told of unless that is asked for", () => {
  const busiest = new Busiest(0);
  busiest.note(minute({ a: 1 }));
  assert.deepEqual(succeeded(busiest, minute({ a: 1 })), {});
});
