import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { Budget } from "../../../src/daemon/deliver/budget.ts";
import type { Endpoint } from "../../../src/daemon/deliver/endpoint.ts";
import { type Loaded, Loader } from "../../../src/daemon/deliver/loader.ts";
import { payloadKey } from "../../../src/daemon/deliver/payloads.ts";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { deliveryOf } from "../../support/delivery.ts";

const MIB = 1_048_576;

function largeFor(payloadBytes: number): Delivery {
  return deliveryOf({ event: { payload: null, payloadBytes } });
}

interface Loading {
  readonly emitted: KeptEvents;
  /** The event ids of each load. */
  readonly loads: (readonly string[])[];
  readonly loaded: ReadonlyMap<string, Loaded>;
  readonly refused: readonly string[];
}

interface Failing {
  readonly eventId: string;
  readonly sqlstate: string;
}

/**
 * Wants these payloads in one pass, while others wait in line; resolves when the load has ended. `failing`: Postgres cannot
 * give this event's.
 */
async function loadAll(
  deliveries: readonly Delivery[],
  waiting: Delivery[] = [],
  failing: Failing | null = null,
): Promise<Loading> {
  const emitted = new KeptEvents();
  const loads: (readonly string[])[] = [];
  const loaded = new Map<string, Loaded>();
  const refused: string[] = [];
  await new Promise<void>((resolve) => {
    const loader = new Loader({
      payloads: {
        loadTransformed: async (transformed) => {
          const keys = transformed.map(payloadKey);
          loads.push(keys);
          return new Map(keys.map((key) => [key, "[]"]));
        },
        load: async (eventIds) => {
          loads.push(eventIds);
          if (failing !== null && eventIds.includes(failing.eventId)) {
            throw Object.assign(new pg.DatabaseError("an error", 0, "error"), { code: failing.sqlstate });
          }
          return new Map(eventIds.map((id) => [id, "{}"]));
        },
      },
      budget: new Budget(128 * MIB, { standingOf: () => "good", bytesOf: ({ event }) => event.payloadBytes }),
      events: emitted,
      standingOf: () => "good",
      takeAhead: (_, fits) => (waiting[0] !== undefined && fits(waiting[0]) ? (waiting.shift() ?? null) : null),
      onLoaded: ({ delivery }, one) => loaded.set(delivery.event.id, one),
      onLoadedAhead: (delivery, one) => loaded.set(delivery.event.id, one),
      onRefused: ({ event }) => refused.push(event.id),
      onEnd: resolve,
    });
    for (const delivery of deliveries) {
      loader.add({ delivery, endpoint: {} as Endpoint });
    }
    assert.equal(loader.begin(), true);
    assert.equal(loader.isLoading("good"), true);
  });
  return { emitted, loads, loaded, refused };
}

test("one statement loads some megabytes, and the rest waits for the next", async () => {
  const deliveries = Array.from({ length: 5 }, () => largeFor(MIB));
  const { loads, refused } = await loadAll(deliveries);
  const ids = deliveries.map(({ event }) => event.id);
  assert.deepEqual([loads, refused], [[ids.slice(0, 4)], ids.slice(4)]);
});

test("a single larger payload is loaded alone", async () => {
  const [large, small] = [largeFor(40 * MIB), largeFor(10)];
  const { loads, refused } = await loadAll([large, small]);
  assert.deepEqual([loads, refused], [[[large.event.id]], [small.event.id]]);
});

test("a payload that Postgres could not read for its size is not loaded, and keeps no other", async () => {
  const [unmeasured, other] = [largeFor(2 * MIB), largeFor(3 * MIB)];
  unmeasured.event.hasKnownSize = false;
  const { loads, loaded, emitted } = await loadAll([unmeasured, other]);
  assert.deepEqual(loads, [[other.event.id]]);
  assert.equal(loaded.get(unmeasured.event.id), "failed");
  assert.deepEqual(
    emitted.named("payload.failed").map(({ event_id }) => event_id),
    [unmeasured.event.id],
  );
});

for (const [what, sqlstate, outcome] of [
  [
    "has a character that the encoding lacks",
    "22P05",
    { problem: "a character has no form in UTF-8 (SQLSTATE 22P05)" },
  ],
  ["is damaged", "XX001", { problem: "damaged on the server's disk (SQLSTATE XX001)" }],
  ["meets an error of the server's own", "XX000", "failed"],
] as const) {
  test(`a payload that ${what} does not keep the others`, async () => {
    const [first, bad, last] = [largeFor(10), largeFor(10), largeFor(10)];
    const { loaded, emitted } = await loadAll([first, bad, last], [], { eventId: bad.event.id, sqlstate });
    assert.deepEqual(
      loaded,
      new Map<string, Loaded>([
        [first.event.id, { payload: "{}" }],
        [bad.event.id, outcome],
        [last.event.id, { payload: "{}" }],
      ]),
    );
    assert.deepEqual(
      emitted.named("payload.failed").map(({ event_id }) => event_id),
      [bad.event.id],
    );
  });
}

test("one payload at fault among many is found by halving", async () => {
  const deliveries = Array.from({ length: 64 }, () => largeFor(10));
  const eventId = deliveries[20]?.event.id ?? "";
  const { loads, loaded } = await loadAll(deliveries, [], { eventId, sqlstate: "22P05" });
  assert.equal(loads.length, 1 + 2 * 6);
  assert.equal(loaded.size, 64);
});

test("what starts next at the same endpoints fills a load up, as far as bytes and memory allow", async () => {
  const wanted = largeFor(MIB);
  const waiting = Array.from({ length: 5 }, () => largeFor(MIB));
  const ahead = waiting.slice(0, 3);
  const { loads, loaded, refused } = await loadAll([wanted], waiting);
  const ids = [wanted, ...ahead].map(({ event }) => event.id);
  assert.deepEqual([loads, refused, waiting.length], [[ids], [], 2]);
  assert.deepEqual(new Set(loaded.keys()), new Set(ids));
});

test("a load takes so many payloads at most, however small they are", async () => {
  const waiting = Array.from({ length: 100 }, () => largeFor(10));
  const { loads } = await loadAll([largeFor(10), largeFor(10)], waiting);
  assert.deepEqual(
    loads.map(({ length }) => length),
    [64],
  );
  assert.equal(waiting.length, 38);
});

test("a damaged payload that was to be loaded ahead fails alone", async () => {
  const [wanted, bad, last] = [largeFor(10), largeFor(10), largeFor(10)];
  const failing = { eventId: bad.event.id, sqlstate: "XX001" };
  const { loaded, emitted } = await loadAll([wanted], [bad, last], failing);
  assert.deepEqual(
    loaded,
    new Map<string, Loaded>([
      [wanted.event.id, { payload: "{}" }],
      [bad.event.id, { problem: "damaged on the server's disk (SQLSTATE XX001)" }],
      [last.event.id, { payload: "{}" }],
    ]),
  );
  assert.deepEqual(
    emitted.named("payload.failed").map(({ event_id }) => event_id),
    [bad.event.id],
  );
});
