/** Who goes without its filters, for which event, and for how long. The clock is moved; the filters are real. */
import assert from "node:assert/strict";
import { beforeEach, type TestContext, test } from "node:test";
import pg from "pg";
import type { SlowFilter } from "../../../src/daemon/claim/filters.ts";
import { Filters } from "../../../src/daemon/claim/filters.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { useDatabase } from "../../support/database.ts";
import { createEndpoint, insertEvent, reset, subscribe } from "../../support/engine.ts";

const MINUTE_MS = 60_000;
const QUICK = '{"n":[1,2]}';
/** The filter searches the whole list once for each 1, which never ends for a list this long. */
const SLOW = `{"n":[${"1,".repeat(30_000)}1]}`;

const database = useDatabase();
beforeEach(() => reset(database.pool));

interface Arranged {
  readonly filters: Filters;
  readonly emitted: KeptEvents;
  readonly endpointId: string;
  readonly clock: { nowMs: number };
  /** An event whose filter takes too long, or not. */
  add(payload: string): Promise<SlowFilter>;
}

async function arrange(t: TestContext): Promise<Arranged> {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "filters" });
  const pool = new Database({ config, purpose: "pipeline", max: 2 });
  t.after(() => pool.end());
  const emitted = new KeptEvents();
  const clock = { nowMs: 1_000 };
  const filters = new Filters({ database: pool, events: emitted, nowMs: () => clock.nowMs });
  const endpointId = await createEndpoint(database.pool, []);
  await subscribe(database.pool, endpointId, "text.*", "exists($.n[*] ? (@ == 1 && exists($.n[*] ? (@ == 2))))");
  const add = async (payload: string) => ({
    eventId: await insertEvent(database.pool, "text.written", { payload }),
    endpointId,
  });
  return { filters, emitted, endpointId, clock, add };
}

function timeout(): Error {
  return Object.assign(new pg.DatabaseError("canceling statement due to statement timeout", 0, "error"), {
    code: "57014",
  });
}

test("a filter that is slow again when it is tried alone is left out for that event, and for no other", async (t) => {
  const { filters, emitted, endpointId, add } = await arrange(t);
  const first = await add(SLOW);
  await filters.met(first);
  assert.deepEqual(filters.unjudged(), [first]);
  assert.deepEqual(emitted.named("filter.too_slow"), [
    {
      endpoint_id: endpointId,
      event_id: first.eventId,
      unjudged_for_ms: 0,
    },
  ]);
  const second = await add(SLOW);
  await filters.met(second);
  assert.deepEqual(filters.unjudged(), [second]);
});

test("a filter that is quick when it is tried alone is applied again, and believed to be slow the second time", async (t) => {
  const { filters, emitted, add } = await arrange(t);
  const event = await add(QUICK);
  await filters.met(event);
  assert.deepEqual(filters.unjudged(), []);
  assert.deepEqual(emitted.kept, []);
  await filters.met(event);
  assert.deepEqual(filters.unjudged(), [event]);
});

test("two endpoints with slow filters are both left out for an event", async (t) => {
  const { filters, add } = await arrange(t);
  const other = await createEndpoint(database.pool, []);
  await subscribe(database.pool, other, "text.*", "exists($.n[*] ? (@ == 1 && exists($.n[*] ? (@ == 3))))");
  const event = await add(SLOW);
  await filters.met(event);
  await filters.met({ ...event, endpointId: other });
  assert.deepEqual(filters.unjudged(), [event, { ...event, endpointId: other }]);
});

test("an endpoint goes without its filters from the third event at fault within ten minutes, not from one long ago", async (t) => {
  const { filters, emitted, endpointId, clock, add } = await arrange(t);
  const fault = async (): Promise<SlowFilter> => {
    const event = await add(QUICK);
    await filters.met(event);
    await filters.met(event);
    return event;
  };
  await fault();
  clock.nowMs += 10 * MINUTE_MS;
  await fault();
  const second = await fault();
  assert.deepEqual(filters.unjudged(), [second]);
  clock.nowMs += 9 * MINUTE_MS;
  await fault();
  assert.deepEqual(filters.unjudged()[0], { endpointId, eventId: null });
  assert.deepEqual(
    emitted.named("filter.too_slow").map((line) => line.unjudged_for_ms),
    [0, 0, 0, 10 * MINUTE_MS],
  );
});

test("an endpoint gets its filters back once they are quick with the newest events, and not before", async (t) => {
  const { filters, emitted, endpointId, clock, add } = await arrange(t);
  const event = await add(QUICK);
  await add(SLOW);
  for (let count = 0; count < 3; count++) {
    await filters.met(event);
    await filters.met(event);
  }
  const isLeftOut = () => JSON.stringify(filters.unjudged()).includes(JSON.stringify({ endpointId, eventId: null }));
  clock.nowMs += 9 * MINUTE_MS;
  assert.ok(isLeftOut());
  await filters.settled();
  // Tried, outside the claims, which go on without: one of the newest is slow.
  clock.nowMs += MINUTE_MS;
  assert.ok(isLeftOut());
  await filters.settled();
  assert.deepEqual(emitted.named("filter.readmitted"), []);
  for (let count = 0; count < 3; count++) await add(QUICK);
  clock.nowMs += 9 * MINUTE_MS;
  assert.ok(isLeftOut());
  await filters.settled();
  assert.ok(isLeftOut());
  clock.nowMs += MINUTE_MS;
  assert.ok(isLeftOut());
  await filters.settled();
  assert.ok(!isLeftOut());
  assert.deepEqual(
    emitted.named("filter.readmitted").map((line) => line.endpoint_id),
    [endpointId],
  );
});

for (const { name, thrown } of [
  { name: "the server", thrown: timeout() },
  { name: "the client, the server having not stopped in time,", thrown: new Error("Query read timeout") },
]) {
  test(`a claim that ${name} gave up is tried again with one event and patience, and after three of these without filters`, async (t) => {
    const { filters } = await arrange(t);
    assert.deepEqual([filters.eventsMax, filters.isPatient], [500, false]);
    filters.failed(thrown, 2_000);
    assert.deepEqual([filters.eventsMax, filters.isPatient], [1, true]);
    assert.deepEqual(filters.unjudged(), []);
    // A server that stands still for a while is no reason to discard anything.
    for (const claim of ["first", "second"]) {
      filters.failed(thrown, 10_000);
      assert.deepEqual([filters.eventsMax, filters.isPatient, filters.unjudged()], [1, true, []], claim);
    }
    filters.failed(thrown, 10_000);
    assert.deepEqual([filters.eventsMax, filters.isPatient, filters.unjudged()], [1, true, "all"]);
    filters.claimed(5);
    assert.deepEqual([filters.isPatient, filters.unjudged()], [false, []]);
    for (let count = 0; count < 10; count++) filters.claimed(5);
    assert.equal(filters.eventsMax, 500);
  });
}

test("a claim that was cancelled, or failed otherwise, says nothing about filters", async (t) => {
  const { filters } = await arrange(t);
  filters.failed(timeout(), 20);
  filters.failed(new Error("Connection terminated"), 5_000);
  assert.deepEqual([filters.eventsMax, filters.isPatient], [500, false]);
  filters.failed(timeout(), 2_000);
  filters.failed(timeout(), 2_000);
  assert.deepEqual([filters.isPatient, filters.unjudged()], [true, []]);
});

test("a page that took long is followed by a smaller one", async (t) => {
  const { filters } = await arrange(t);
  filters.claimed(2_500);
  assert.equal(filters.eventsMax, 125);
});
