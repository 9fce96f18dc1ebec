/** When a claim is made, and what it asks for. Postgres is played by the test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Filters } from "../../../src/daemon/claim/filters.ts";
import { NewEvents } from "../../../src/daemon/claim/newEvents.ts";
import type { Database } from "../../../src/db/database.ts";

interface Asked {
  readonly eventsMax: number;
  readonly asideMax: number;
}

/** A transaction is aside, and each claim brings as many events of it as it has asked for; nothing comes after it. */
class Surroundings {
  readonly asked: Asked[] = [];
  readonly newEvents: NewEvents;

  constructor({ fanOut = 1 } = {}) {
    const database = {
      run: async (_: unknown, { eventsMax, asideMax }: Asked) => {
        this.asked.push({ eventsMax, asideMax });
        const count = Math.min(eventsMax, asideMax);
        return { rows: [{ ...NOTHING, event_count: count, queued_count: count * fanOut }] };
      },
    } as unknown as Database;
    const filters = {
      eventsMax: 500,
      isPatient: false,
      unjudged: () => [],
      claimed: () => {},
      failed: () => {},
    } as unknown as Filters;
    this.newEvents = new NewEvents({ database, claimDatabase: database, filters });
  }

  get asideMax(): number | undefined {
    return this.asked.at(-1)?.asideMax;
  }
}

const NOTHING = { outcome: "aside", claim_id: null, event_id: null, slow_endpoint_id: null };

test("a claim may bring something of what is aside, however little room there is: the next one follows at once", async () => {
  for (const fanOut of [1, 1_000]) {
    const { newEvents, asked } = new Surroundings({ fanOut });
    for (const room of [1_000, 500, 251, 250, 100, 1]) {
      await newEvents.claim("daemon", room);
    }
    assert.ok(
      asked.every(({ eventsMax, asideMax }) => Math.min(eventsMax, asideMax) >= 1),
      JSON.stringify(asked),
    );
  }
});

test("what is aside leaves half of a page to what comes after it", async () => {
  const around = new Surroundings();
  await around.newEvents.claim("daemon", 500);
  assert.equal(around.asideMax, 250);
  await around.newEvents.claim("daemon", 300);
  assert.equal(around.asideMax, 50);
});

test("while something is aside, a claim needs more room, and what comes after it is looked for now and then", async (t) => {
  const { newEvents } = new Surroundings();
  assert.deepEqual([newEvents.isWorthwhile(250, false), newEvents.worthwhileInMs], [true, Number.POSITIVE_INFINITY]);
  // A whole number, so that what is added is the difference exactly.
  let nowMs = Math.ceil(performance.now());
  t.mock.method(performance, "now", () => nowMs);
  await newEvents.claim("daemon", 500);
  assert.deepEqual([newEvents.isWorthwhile(500, false), newEvents.isWorthwhile(499, true)], [true, false]);
  nowMs += newEvents.worthwhileInMs;
  assert.deepEqual([newEvents.isWorthwhile(250, false), newEvents.isWorthwhile(1, true)], [true, true]);
  assert.equal(newEvents.isWorthwhile(249, false), false);
});
