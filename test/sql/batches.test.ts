import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { makeFormats } from "../../src/format/body.ts";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimEvents,
  createEndpoint,
  eventsOf,
  insertEvent,
  insertEvents,
  type Leased,
  openSession,
  recordAll,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  type WalkOptions,
  walk,
} from "../support/engine.ts";

const database = useDatabase();
const DELAY_MS = 60_000;

beforeEach(() => reset(database.pool));

function batching(size: number, delayMs = DELAY_MS): Promise<string> {
  return createEndpoint(database.pool, ["order.*"], { options: { batch_size: size, batch_delay_ms: delayMs } });
}

async function pending(endpoint: string, count: number, due = "now()"): Promise<string[]> {
  const events: string[] = [];
  for (let n = 0; n < count; n++) {
    events.push(await addPending(database.pool, endpoint, due));
  }
  return events;
}

/** What each request of the walk has: the ids of its events, in order. */
async function requests(options: WalkOptions = {}): Promise<readonly (readonly string[])[]> {
  const { leased } = await walk(database.pool, options);
  return [...Map.groupBy(leased, ({ batch, event }) => batch ?? event).values()].map((members) =>
    eventsOf(members).toSorted(),
  );
}

async function makeDue(): Promise<void> {
  await database.pool.query(
    `update postrider.delivery set next_attempt_at = now() - interval '1 ms', leased_by = null, lease_expires_at = null
     where state = 'pending'`,
  );
}

describe("batch_size", () => {
  test("is refused with each format that has no batches, whichever of the two is set", async () => {
    const endpoint = await createEndpoint(database.pool);
    for (const [format, { batch }] of Object.entries(makeFormats("postrider"))) {
      const set = async (assignments: string) => {
        await database.pool.query(`update postrider.endpoint set ${assignments}`);
      };
      await set(`format = '${format}', batch_size = 1`);
      if (batch !== null) {
        await set("batch_size = 2");
        continue;
      }
      const refusal = { code: "23514", message: `the format ${format} cannot be batched, and batch_size is 2` };
      await assert.rejects(set("batch_size = 2"), refusal);
      await set("format = 'standard', batch_size = 2");
      await assert.rejects(set(`format = '${format}'`), refusal);
      await assert.rejects(createEndpoint(database.pool, [], { options: { batch_size: 2, format } }), {
        code: "23514",
        hint: "Set batch_size to 1, or format to standard or cloudevents.",
      });
    }
    assert.ok(endpoint);
  });

  test("and batch_delay_ms have bounds", async () => {
    for (const options of [
      { batch_size: 0 },
      { batch_size: 1_001 },
      { batch_delay_ms: -1 },
      { batch_delay_ms: 600_001 },
    ]) {
      await assert.rejects(createEndpoint(database.pool, [], { options }), { code: "23514" });
    }
    await createEndpoint(database.pool, [], { options: { batch_size: 1_000, batch_delay_ms: 600_000 } });
  });
});

test("a claim leaves the events of a batch to the queue, and those of other endpoints to the daemon", async () => {
  const [batched, other] = [await batching(2), await createEndpoint(database.pool, ["order.*"])];
  await insertEvents(database.pool, "order.paid", 3);
  const { pairs, queuedCount } = await claimEvents(database.pool);
  assert.deepEqual(new Set(pairs.map(({ endpoint }) => endpoint)), new Set([other]));
  assert.deepEqual([pairs.length, queuedCount], [3, 3]);
  assert.deepEqual(await rowsOf(database.pool, "select distinct endpoint_id as endpoint from postrider.delivery"), [
    { endpoint: batched },
  ]);
});

describe("a walk", () => {
  test("leases full batches, and leaves the rest until the first of it has waited for long enough", async () => {
    const endpoint = await batching(3);
    await pending(endpoint, 7, "now() - interval '1 s'");
    assert.deepEqual(
      (await requests()).map(({ length }) => length),
      [3, 3],
    );
    const { leased, nextDueMs } = await walk(database.pool);
    assert.deepEqual(leased, []);
    assert.ok(nextDueMs !== null && nextDueMs > DELAY_MS - 30_000 && nextDueMs <= DELAY_MS - 1_000, `${nextDueMs}`);
    await database.pool.query(
      "update postrider.delivery set next_attempt_at = now() - interval '60 s' where leased_by is null",
    );
    assert.deepEqual(
      (await requests()).map(({ length }) => length),
      [1],
    );
  });

  test("reads no more than a part of what waits, also if another daemon has the beginning of it locked", async (t) => {
    const endpoint = await batching(2);
    await database.pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
       select postrider.uuid_v7(), $1, 'pending', now() - interval '1 s' + n * interval '1 us' from generate_series(1, 20000) n`,
      [endpoint],
    );
    const [holder, session] = [await openSession(t, database.url), await openSession(t, database.url)];
    await holder.query("begin");
    await holder.query("select from postrider.delivery order by next_attempt_at limit 500 for update");
    await session.query("begin");
    assert.deepEqual((await walk(session, { share: 4 })).leased, []);
    const read = await askFor(
      session,
      `select sum(idx_tup_fetch) from pg_stat_xact_user_tables
       where schemaname = 'postrider' and relname ~ '^delivery'`,
    );
    assert.ok(Number(read) > 0 && Number(read) < 10_000, `${read} rows`);
  });

  test("looks again soon, but not at once, while what it should send is locked", async (t) => {
    await pending(await batching(2, 0), 1);
    const session = await openSession(t, database.url);
    await session.query("begin");
    await session.query("select from postrider.delivery for update");
    const { leased, nextDueMs } = await walk(database.pool);
    assert.deepEqual([leased, nextDueMs], [[], 250]);
  });

  test("lets no event wait for others that its transformation sends alone", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.*"], {
      options: { batch_size: 5, batch_delay_ms: DELAY_MS, payload: "$" },
    });
    await pending(endpoint, 2);
    const { leased } = await walk(database.pool);
    assert.deepEqual(
      leased.map(({ batch }) => batch),
      [null, null],
    );
  });

  test("writes nothing while a batch is not full", async (t) => {
    await pending(await batching(10), 9);
    const session = await openSession(t, database.url);
    await session.query("begin");
    await walk(session);
    assert.equal(await askFor(session, "select pg_current_xact_id_if_assigned()"), null);
    await session.query("rollback");
  });

  test("takes up the room that it is given, a batch for its size", async () => {
    const endpoint = await batching(40);
    await pending(endpoint, 200);
    // 40 deliveries of 1 KiB each, and what is in them.
    assert.equal((await requests({ share: 1 })).length, 1);
    assert.equal((await requests({ share: 3 })).length, 2);
    assert.equal((await requests({ rooms: new Map([[endpoint, 0]]) })).length, 0);
  });

  test("takes batches of few endpoints at a time, because each may have a mebibyte", async () => {
    for (let n = 0; n < 3; n++) {
      const endpoint = await batching(40);
      await database.pool.query(
        `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
         select o.id, $1, 'pending', now() from unnest($2::uuid[]) o (id)`,
        [endpoint, await insertEvents(database.pool, "queue.filled", 40)],
      );
    }
    const { leased, place } = await walk(database.pool, { deliveries: 60, share: 1 });
    assert.deepEqual([leased.length, place === null], [80, false]);
    assert.equal((await walk(database.pool, { deliveries: 60, share: 1, after: place })).leased.length, 40);
  });

  test("sends alone what has failed before, and what a person sends again", async () => {
    const endpoint = await batching(2);
    const [failed, again, replayed, fresh] = await pending(endpoint, 4);
    const change = (event: string | undefined, changes: string) =>
      database.pool.query(`update postrider.delivery set ${changes} where event_id = $1`, [event]);
    await change(failed, "attempts = 1");
    await change(again, "attempts = 3, attempts_before = 3");
    await change(replayed, `attempts = 3, attempts_before = 3, replay_id = '${randomUUID()}'`);
    const seen = await requests();
    assert.deepEqual(
      new Set(seen.map((events) => events.join())),
      new Set([String(failed), String(again), [replayed, fresh].toSorted().join()]),
    );
  });

  test("divides what two daemons find into whole batches", async (t) => {
    const endpoint = await batching(5);
    await pending(endpoint, 10);
    const [one, other] = [await openSession(t, database.url), await openSession(t, database.url)];
    await one.query("begin");
    const first = await walk(one, { share: 1 });
    const second = await walk(other);
    await one.query("commit");
    assert.deepEqual([first.leased.length, second.leased.length], [5, 5]);
    assert.equal(new Set(eventsOf([...first.leased, ...second.leased])).size, 10);
  });

  test("that can read no payload sends alone, so that one that cannot be read keeps no other", async () => {
    await pending(await batching(3, 0), 3);
    const { leased } = await walk(database.pool, { payloadBytes: -1 });
    assert.deepEqual(
      leased.map(({ batch }) => batch),
      [null, null, null],
    );
  });
});

describe("a batch that was sent before", () => {
  async function failed(
    size: number,
    leavesBatch = false,
  ): Promise<{ readonly batch: string; readonly leased: readonly Leased[] }> {
    const daemon = randomUUID();
    const endpoint = await batching(size);
    await pending(endpoint, size);
    const { leased } = await walk(database.pool, { daemon });
    const batch = leased[0]?.batch ?? "";
    await recordResults(database.pool, daemon, {
      later: leased.map((one) => resultOf(one, { outcome: "pending", wait: 1_000, batch, leavesBatch })),
    });
    return { batch, leased };
  }

  test("is leased again as it was, and nothing joins it", async () => {
    const { batch, leased } = await failed(4);
    assert.deepEqual(await rowsOf(database.pool, "select distinct batch_id from postrider.other_attempt"), [
      { batch_id: batch },
    ]);
    await pending(String(leased[0]?.endpoint), 3);
    await makeDue();
    const again = (await walk(database.pool)).leased;
    assert.deepEqual(eventsOf(again).toSorted(), eventsOf(leased).toSorted());
    assert.deepEqual(new Set(again.map((one) => one.batch)), new Set([batch]));
  });

  test("is looked for when it is due, also if what waits for its batch stands before it", async () => {
    const { leased } = await failed(3);
    await database.pool.query("update postrider.delivery set next_attempt_at = now() + interval '30 s'");
    await pending(String(leased[0]?.endpoint), 1);
    const { nextDueMs } = await walk(database.pool);
    assert.ok(nextDueMs !== null && nextDueMs > 0 && nextDueMs <= 30_000, `${nextDueMs}`);
  });

  test("waits until all of it is due and unlocked", async (t) => {
    const { batch, leased } = await failed(3);
    const member = leased[1]?.event;
    await makeDue();
    await database.pool.query(
      "update postrider.delivery set next_attempt_at = now() + interval '1 hour' where event_id = $1",
      [member],
    );
    assert.deepEqual(await requests(), []);
    await makeDue();
    const session = await openSession(t, database.url);
    await session.query("begin");
    await session.query("select from postrider.delivery where event_id = $1 for update", [member]);
    assert.deepEqual(await requests(), []);
    await session.query("rollback");
    assert.deepEqual(new Set((await walk(database.pool)).leased.map((one) => one.batch)), new Set([batch]));
  });

  test("holds up nothing else of its endpoint while it waits", async () => {
    const { leased } = await failed(3);
    await database.pool.query(
      `update postrider.delivery set next_attempt_at = case when event_id = $1 then now() + interval '1 hour' else now() end`,
      [leased[1]?.event],
    );
    const events = await pending(String(leased[0]?.endpoint), 3);
    assert.deepEqual(await requests(), [events.toSorted()]);
  });

  test("has another id without one of its members, and the same id with all of them", async () => {
    const { batch, leased } = await failed(3);
    await makeDue();
    await database.pool.query(
      "update postrider.delivery set state = 'discarded', reason = 'no', finished_at = now(), next_attempt_at = null where event_id = $1",
      [leased[0]?.event],
    );
    const ids = async () => new Set((await walk(database.pool)).leased.map((one) => one.batch));
    const without = await ids();
    assert.equal(without.size, 1);
    assert.ok(!without.has(batch) && !without.has(null));
    assert.match(String([...without][0]), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    await makeDue();
    assert.deepEqual(await ids(), without);
  });

  test("is over if its daemon says so", async () => {
    const { leased } = await failed(3, true);
    await makeDue();
    assert.deepEqual(
      (await requests()).toSorted(),
      eventsOf(leased)
        .toSorted()
        .map((event) => [event]),
    );
  });

  test("goes alone, event by event, once its endpoint has no batches any more", async () => {
    const { leased } = await failed(3);
    await database.pool.query("update postrider.endpoint set batch_size = 1, format = 'raw'");
    await makeDue();
    assert.equal((await requests()).length, leased.length);
    assert.equal(await askFor(database.pool, "select count(batch_id)::int from postrider.delivery"), 0);
  });
});

test("an answer to a batch that is recorded while one of its events is erased says nothing", async () => {
  const daemon = randomUUID();
  const endpoint = await batching(3);
  await pending(endpoint, 3);
  const { leased } = await walk(database.pool, { daemon });
  await database.pool.query("select postrider.erase_event($1)", [leased[2]?.event]);
  await recordAll(database.pool, daemon, {
    later: leased.map((one, at) => ({
      ...resultOf(one, { outcome: "pending", batch: one.batch }),
      body: at === 0 ? "it repeats the third" : null,
    })),
  });
  assert.deepEqual(
    (
      await rowsOf<{ body: string | null; error: string }>(
        database.pool,
        "select response_body as body, error from postrider.attempt",
      )
    )
      .map(({ body, error }) => [body, error])
      .toSorted(),
    [
      [null, "an event of the batch was erased"],
      [null, "an event of the batch was erased"],
      [null, "the event was erased"],
    ],
  );
});

test("an event that a batch cannot have, for it is gone, goes alone", async () => {
  const endpoint = await batching(2, 0);
  const [gone] = await pending(endpoint, 2);
  await insertEvent(database.pool, "order.paid");
  await database.pool.query("delete from postrider.outbox where id = $1", [gone]);
  assert.equal((await requests()).length, 2);
});
