import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { isUnmeasured, payloadsFrom } from "../../../src/daemon/deliver/payloads.ts";
import type { Database } from "../../../src/db/database.ts";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { deliveryOf } from "../../support/delivery.ts";

function largeOf(id: string): Delivery {
  return deliveryOf({ event: { id, payload: null } });
}

/** A compressed payload is read for its size. */
type IsCompressed = (eventId: string) => boolean;

/** Answers 100 bytes for each event whose size it knows, and fails with this state if it reads the bad one. */
function serverWith(bad: string, sqlstate: string, isCompressed: IsCompressed = () => true, storedBytes = 100) {
  /** Of the statements that read compressed payloads, how many events. */
  const read: number[] = [];
  /** Of those that read none. */
  const asked: number[] = [];
  const run = async (
    _: unknown,
    { eventIds, readsCompressed }: { readonly eventIds: readonly string[]; readonly readsCompressed: boolean },
  ) => {
    (readsCompressed ? read : asked).push(eventIds.length);
    if (readsCompressed && eventIds.includes(bad)) {
      throw Object.assign(new pg.DatabaseError("an error", 0, "error"), { code: sqlstate });
    }
    const sizeOf = (id: string) => (readsCompressed || !isCompressed(id) ? 100 : null);
    return {
      rows: eventIds.map((event_id) => ({ event_id, bytes: sizeOf(event_id), stored_bytes: storedBytes })),
      rowCount: eventIds.length,
    };
  };
  return { asked, read, payloads: payloadsFrom({ run } as unknown as Database) };
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
    const { payloads, read } = serverWith("3", sqlstate);
    await assert.rejects(payloads.measure(["1", "2", "3", "4"].map(largeOf)), pg.DatabaseError);
    assert.deepEqual(read, [4]);
  });
}

test("a payload that takes more than a megabyte compressed, and too long to read, keeps nothing", async () => {
  const { payloads, read } = serverWith("3", "57014", () => true, 1_048_577);
  const deliveries = ["1", "2", "3", "4"].map(largeOf);
  await payloads.measure(deliveries);
  assert.deepEqual(read, [1, 1, 1, 1]);
  assert.deepEqual(
    deliveries.map(({ event }) => [event.payloadBytes, event.hasKnownSize]),
    [
      [100, true],
      [100, true],
      [1_048_577, false],
      [100, true],
    ],
  );
  assert.deepEqual(deliveries.map(isUnmeasured), [false, false, true, false]);
});

test("a deadline that a small payload meets alone is no payload's fault", async () => {
  const { payloads } = serverWith("3", "57014");
  await assert.rejects(payloads.measure([largeOf("3")]), pg.DatabaseError);
});

test("compressed payloads are read for their sizes a few at a time, each once", async () => {
  const { payloads, asked, read } = serverWith("none", "XX001");
  const deliveries = Array.from({ length: 80 }, (_, index) => largeOf(String(index >> 1)));
  await payloads.measure(deliveries);
  assert.deepEqual([asked, read], [[40], [16, 16, 8]]);
  assert.ok(deliveries.every(({ event }) => event.payloadBytes === 100));
});

test("the sizes of payloads that are not compressed take one statement, which reads none", async () => {
  const { payloads, asked, read } = serverWith("none", "XX001", (id) => Number(id) >= 490);
  const deliveries = Array.from({ length: 500 }, (_, index) => largeOf(String(index)));
  await payloads.measure(deliveries);
  assert.deepEqual([asked, read], [[500], [10]]);
  assert.ok(deliveries.every(({ event }) => event.payloadBytes === 100));
});

test("without a large payload nothing is asked", async () => {
  const { payloads, asked, read } = serverWith("none", "XX001");
  await payloads.measure([]);
  assert.deepEqual([asked, read], [[], []]);
});
