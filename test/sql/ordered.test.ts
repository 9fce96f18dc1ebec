import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  askFor,
  claimEvents,
  createEndpoint,
  eventsOf,
  insertEvent,
  openSession,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  type Session,
  type WalkOptions,
  walk,
} from "../support/engine.ts";

const database = useDatabase({ server: "alone" });
const daemon = randomUUID();

beforeEach(() => reset(database.pool));

function ordered(options: Record<string, unknown> = {}): Promise<string> {
  return createEndpoint(database.pool, ["order.*"], { options: { ordered: true, ...options } });
}

async function inserted(key: string | undefined, count = 1): Promise<string[]> {
  const events: string[] = [];
  for (let n = 0; n < count; n++) {
    events.push(await insertEvent(database.pool, "order.paid", key === undefined ? {} : { orderingKey: key }));
  }
  return events;
}

async function claimed(key: string | undefined, count = 1): Promise<string[]> {
  const events = await inserted(key, count);
  await claimEvents(database.pool, { daemon });
  return events;
}

/** One delivery of a key at a time, as when their payloads are read later. */
async function leased(options: WalkOptions = {}): Promise<string[]> {
  return eventsOf((await walk(database.pool, { daemon, payloadBytes: 0, ...options })).leased);
}

type Outcome = "succeeded" | "pending" | "exhausted";

/** Records how the attempts at leased deliveries ended. A failed one is due at once. */
async function end(endpoint: string, events: readonly string[], outcome: Outcome = "succeeded", attempts = 0) {
  const later = events.map((event) => resultOf({ event, endpoint }, { outcome, attempts, wait: 0 }));
  await recordResults(database.pool, daemon, { later });
}

function status(event: string) {
  return rowsOf<{ detail: string; behind: string | null; explanation: string }>(
    database.pool,
    `select d.detail, d.behind_event_id as behind, e.explanation
     from postrider.delivery_status d
     cross join lateral postrider.explain_event(d.event_id) e
     where d.event_id = $1`,
    [event],
  );
}

describe("an ordered endpoint", () => {
  test("gets the events of a key one after the other, and those of several keys at once", async () => {
    const endpoint = await ordered();
    const [a1, a2] = await inserted("a", 2);
    const [b1] = await inserted("b");
    const [a3] = await claimed("a");
    assert.deepEqual(new Set(await leased()), new Set([a1, b1]));
    assert.deepEqual(await leased(), []);
    await end(endpoint, [String(a1)]);
    assert.deepEqual(await leased(), [a2]);
    await end(endpoint, [String(a2), String(b1)]);
    assert.deepEqual(await leased(), [a3]);
  });

  test("waits with a key until its failed event has succeeded, and says behind which one", async () => {
    const endpoint = await ordered();
    const [first, second] = await claimed("a", 2);
    assert.deepEqual(await leased(), [first]);
    await recordResults(database.pool, daemon, {
      later: [resultOf({ event: String(first), endpoint }, { outcome: "pending", wait: 60_000 })],
    });
    const { leased: none, nextDueMs } = await walk(database.pool, { daemon, payloadBytes: 0 });
    assert.deepEqual(none, []);
    assert.ok(nextDueMs !== null && nextDueMs > 50_000, `looks again in ${nextDueMs} ms`);
    const [row] = await status(String(second));
    assert.deepEqual([row?.detail, row?.behind], ["ordered", first]);
    assert.match(row?.explanation ?? "", new RegExp(`waits for event ${first}`));
    assert.equal((await status(String(first)))[0]?.detail, "retrying");
    await database.pool.query("update postrider.delivery set next_attempt_at = now() where event_id = $1", [first]);
    assert.deepEqual(await leased(), [first]);
  });

  test("goes on with a key when its first event is cancelled, discarded, erased or exhausted", async () => {
    const endpoint = await ordered();
    const events = await claimed("a", 5);
    await database.pool.query("select postrider.cancel($1, $2)", [events[0], endpoint]);
    await database.pool.query("select postrider.erase_event($1)", [events[1]]);
    assert.deepEqual(await leased(), [events[2]]);
    await end(endpoint, [String(events[2])], "exhausted");
    assert.deepEqual(await leased(), [events[3]]);
    await recordResults(database.pool, daemon, {
      later: [resultOf({ event: String(events[3]), endpoint }, { outcome: "discarded", reason: "gone" })],
    });
    assert.deepEqual(await leased(), [events[4]]);
  });

  test("keeps the key of an erased event that is in progress, and no longer than that", async () => {
    const endpoint = await ordered();
    const [first, second] = await claimed("a", 2);
    assert.deepEqual(await leased(), [first]);
    await database.pool.query("select postrider.erase_event($1)", [first]);
    assert.deepEqual(await leased(), []);
    await end(endpoint, [String(first)]);
    assert.deepEqual(await leased(), [second]);
    const keys = await rowsOf(
      database.pool,
      "select from postrider.delivery where event_id = $1 and ordering_key is not null",
      [first],
    );
    assert.equal(keys.length, 0);
  });

  test("gets events without a key in any order, beside those with one, also one at a time", async () => {
    await ordered();
    const keyless = await claimed(undefined, 3);
    const [first] = await claimed("a", 3);
    const seen = new Set(await leased({ share: 10 }));
    assert.deepEqual(seen, new Set([...keyless, first]));
    assert.match((await status(String(keyless[0])))[0]?.explanation ?? "", /attempt 1 is in progress/);
    await reset(database.pool);
    const endpoint = await ordered();
    const events = new Set([...(await claimed(undefined, 20)), ...(await claimed("a", 20))]);
    for (let n = 0; n < 200 && events.size > 0; n++) {
      const some = await leased({ share: 1 });
      assert.ok(some.length <= 1);
      await end(endpoint, some);
      for (const event of some) events.delete(event);
    }
    assert.equal(events.size, 0);
  });

  test("says that an event without a key has no order", async () => {
    await ordered();
    const [event] = await claimed(undefined);
    const now = await askFor(database.pool, "select now_explanation from postrider.explain_event($1)", [event]);
    assert.match(String(now), /in any order, because the event has no ordering_key/);
  });

  test("holds a key for an event that is due later, until it is moved", async () => {
    await ordered();
    const later = await insertEvent(database.pool, "order.paid", {
      orderingKey: "a",
      deliverAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const [second] = await claimed("a");
    assert.deepEqual(await leased(), []);
    assert.equal((await status(String(second)))[0]?.behind, later);
    await database.pool.query("select postrider.reschedule($1, now())", [later]);
    assert.deepEqual(await leased(), [later]);
  });

  test("takes a lease that has ended up again, in the same order", async () => {
    await ordered();
    const [first] = await claimed("a", 3);
    assert.deepEqual(await leased(), [first]);
    await database.pool.query(
      "update postrider.delivery set lease_expires_at = now(), next_attempt_at = now() where leased_by is not null",
    );
    assert.deepEqual(await leased(), [first]);
  });

  test("leaves a lease that has ended to an operator who has it locked, and is not held up", async (t) => {
    await ordered();
    const [first] = await claimed("a", 2);
    assert.deepEqual(await leased(), [first]);
    await database.pool.query(
      "update postrider.delivery set lease_expires_at = now(), next_attempt_at = now() where leased_by is not null",
    );
    const other = await openSession(t, database.url);
    await other.query("begin");
    await other.query("select from postrider.delivery where event_id = $1 for update", [first]);
    const [b] = await claimed("b");
    assert.deepEqual(await leased(), [b]);
    await other.query("rollback");
    assert.deepEqual(await leased(), [first]);
  });

  test("takes no batches", async () => {
    const refused = { constraint: "an ordered endpoint gets no batches" };
    await assert.rejects(ordered({ batch_size: 2 }), refused);
    const endpoint = await ordered();
    await assert.rejects(
      database.pool.query("update postrider.endpoint set batch_size = 2 where id = $1", [endpoint]),
      refused,
    );
  });

  test("is skipped while another daemon leases from it, and held up by no operator", async (t) => {
    const endpoint = await ordered();
    const [first, second] = await claimed("a", 2);
    assert.deepEqual(await leased(), [first]);
    await end(endpoint, [String(first)]);
    const other = await openSession(t, database.url);
    await other.query("begin");
    await other.query("select from postrider.ordered_walk for update");
    const { leased: none, nextDueMs } = await walk(database.pool, { daemon, payloadBytes: 0 });
    assert.deepEqual(none, []);
    assert.ok(nextDueMs !== null && nextDueMs < 1_000);
    await other.query("rollback; begin");
    await other.query("select from postrider.endpoint for update");
    await other.query("select from postrider.delivery where event_id = $1 for update", [second]);
    const [b] = await claimed("b");
    assert.deepEqual(await leased(), [b]);
    await other.query("rollback");
    assert.deepEqual(await leased(), [second]);
  });
});

describe("a run", () => {
  test("is the first deliveries of a key, as many as the daemon has room for, and fewer of several keys", async () => {
    await ordered();
    const a = await claimed("a", 90);
    const first = await walk(database.pool, { daemon, deliveries: 1_000 });
    assert.deepEqual(new Set(eventsOf(first.leased)), new Set(a.slice(0, 64)));
    await reset(database.pool);
    await ordered();
    const [b, c] = [await claimed("b", 20), await claimed("c", 20)];
    const { leased: some } = await walk(database.pool, { daemon, deliveries: 20 });
    assert.deepEqual(new Set(eventsOf(some)), new Set([...b.slice(0, 10), ...c.slice(0, 10)]));
  });

  test("ends before what is locked, due later, halts or was leased before", async (t) => {
    const endpoint = await ordered();
    const [first, second, third] = await claimed("a", 3);
    const other = await openSession(t, database.url);
    await other.query("begin");
    await other.query("select from postrider.delivery where event_id = $1 for update", [second]);
    assert.deepEqual(eventsOf((await walk(database.pool, { daemon })).leased), [first]);
    await other.query("rollback");
    await end(endpoint, [String(first)]);
    await database.pool.query(
      "update postrider.delivery set next_attempt_at = now() + interval '1 hour' where event_id = $1",
      [third],
    );
    assert.deepEqual(eventsOf((await walk(database.pool, { daemon })).leased), [second]);
  });

  test("has one delivery if the endpoint has limits or a transformation", async () => {
    for (const options of [{ max_in_flight: 5 }, { payload: "$.a" }]) {
      await ordered(options);
      const [first] = await claimed("a", 3);
      assert.deepEqual(eventsOf((await walk(database.pool, { daemon })).leased), [first]);
      await reset(database.pool);
    }
  });
});

describe("the window of an ordered endpoint", () => {
  test("holds an event back until everything before it is claimed, and then wakes it soon", async () => {
    await ordered();
    const events = await inserted("a", 3);
    await claimEvents(database.pool, { daemon, events: 2 });
    const { leased: none, nextDueMs } = await walk(database.pool, { daemon, payloadBytes: 0 });
    assert.deepEqual(none, []);
    assert.ok(nextDueMs !== null && nextDueMs <= 50, `looks again in ${nextDueMs} ms`);
    await claimEvents(database.pool, { daemon, events: 2 });
    assert.deepEqual(await leased(), [events[0]]);
  });

  test("follows the commits, not the ids of the transactions", async (t) => {
    const endpoint = await ordered();
    const early = await openSession(t, database.url);
    await early.query("begin; select pg_current_xact_id()");
    const [first] = await claimed("a");
    const second = await insertEvent(early, "order.paid", { orderingKey: "a" });
    await early.query("commit");
    await claimEvents(database.pool, { daemon });
    assert.deepEqual(await leased(), [first]);
    await end(endpoint, [String(first)]);
    assert.deepEqual(await leased(), [second]);
  });

  test("waits for a transaction that is aside", async (t) => {
    const endpoint = await ordered();
    const bulk = await openSession(t, database.url);
    await bulk.query("begin");
    const bulkEvents = await rowsOf<{ id: string }>(
      bulk,
      `with added as (
         insert into postrider.outbox (event_type, payload, ordering_key)
         select 'order.paid', '{}', 'a' from generate_series(1, 6) returning id, seq)
       select id from added order by seq`,
    );
    await bulk.query("commit");
    const [last] = await inserted("a");
    const seen: string[] = [];
    for (let n = 0; n < 12; n++) {
      await claimEvents(database.pool, { daemon, events: 2 });
      const some = await leased();
      seen.push(...some);
      await end(endpoint, some);
    }
    assert.deepEqual(seen, [...bulkEvents.map(({ id }) => id), String(last)]);
  });
});

describe("when_exhausted: halt", () => {
  async function halted() {
    const endpoint = await ordered({ when_exhausted: "halt" });
    const [first, second] = await claimed("a", 2);
    assert.deepEqual(await leased(), [first]);
    await end(endpoint, [String(first)], "exhausted");
    assert.deepEqual(await leased(), []);
    return { endpoint, first: String(first), second: String(second) };
  }

  test("halts the key until its event is skipped, and shows it", async () => {
    const { endpoint, first, second } = await halted();
    const [row] = await status(second);
    assert.deepEqual([row?.detail, row?.behind], ["halted", first]);
    assert.match(row?.explanation ?? "", /halts its ordering key/);
    assert.match(
      (await status(first))[0]?.explanation ?? "",
      /it halts its ordering key: postrider\.redeliver\(\) sends it again/,
    );
    const [key] = await rowsOf(database.pool, "select ordering_key, event_id, waiting from postrider.halted_key");
    assert.deepEqual(key, { ordering_key: "a", event_id: first, waiting: "1" });
    assert.equal(await askFor(database.pool, "select postrider.skip($1, $2)", [first, endpoint]), "a");
    assert.deepEqual(await leased(), [second]);
    const action = await askFor(database.pool, "select action from postrider.audit where event_id = $1", [first]);
    assert.equal(action, "skip");
    await assert.rejects(database.pool.query("select postrider.skip($1, $2)", [first, endpoint]), {
      message: /does not halt an ordering key/,
    });
  });

  test("halts keys until a person decides, even if the endpoint continues from then on", async () => {
    const { endpoint, first, second } = await halted();
    await database.pool.query("update postrider.endpoint set when_exhausted = 'continue' where id = $1", [endpoint]);
    assert.deepEqual(await leased(), []);
    await database.pool.query(
      "select postrider.skip(event_id, endpoint_id) from postrider.halted_key where endpoint_id = $1",
      [endpoint],
    );
    assert.deepEqual(await leased(), [second]);
    const [row] = await status(first);
    assert.equal(row?.detail, "exhausted");
  });

  test("goes on when a redelivery has succeeded, and not before", async () => {
    const { endpoint, first, second } = await halted();
    await database.pool.query("select postrider.redeliver($1, $2)", [first, endpoint]);
    assert.deepEqual(await leased(), [first]);
    await end(endpoint, [first], "exhausted", 1);
    assert.deepEqual(await leased(), []);
    await database.pool.query("select postrider.redeliver($1, $2)", [first, endpoint]);
    assert.deepEqual(await leased(), [first]);
    await end(endpoint, [first], "succeeded", 2);
    assert.deepEqual(await leased(), [second]);
  });

  test("sends an earlier event that is sent again, and nothing behind the halt", async () => {
    const endpoint = await ordered({ when_exhausted: "halt" });
    const [zero, first] = await claimed("a", 3);
    assert.deepEqual(await leased(), [zero]);
    await end(endpoint, [String(zero)]);
    assert.deepEqual(await leased(), [first]);
    await end(endpoint, [String(first)], "exhausted");
    await database.pool.query("select postrider.redeliver($1, $2)", [zero, endpoint]);
    assert.deepEqual(await leased(), [zero]);
    await end(endpoint, [String(zero)], "succeeded", 1);
    assert.deepEqual(await leased(), []);
  });

  test("is over when the endpoint is disabled, or its event erased", async () => {
    const { endpoint } = await halted();
    await database.pool.query("select postrider.disable_endpoint($1, 'over')", [endpoint]);
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.halted_key"), 0);
    await reset(database.pool);
    const { first, second } = await halted();
    await database.pool.query("select postrider.erase_event($1)", [first]);
    assert.deepEqual(await leased(), [second]);
  });

  test("keeps the day of its event", async () => {
    const { first } = await halted();
    const isNeeded = () =>
      askFor(
        database.pool,
        `select postrider_internal.is_needed($1::uuid, postrider.uuid_v7_floor(postrider.uuid_v7_time($1::uuid) + interval '1 ms'))`,
        [first],
      );
    await database.pool.query(
      "update postrider.delivery set state = 'discarded', reason = 'over', next_attempt_at = null, finished_at = now() where state = 'pending'",
    );
    await database.pool.query("update postrider.claim set event_ids = '{}', endpoint_ids = '{}'");
    assert.equal(await isNeeded(), true);
    await database.pool.query("update postrider.delivery set halts = null");
    assert.equal(await isNeeded(), false);
  });
});

describe("switching ordered", () => {
  test("on puts what waits in order as it comes due", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.*"], { options: { batch_size: 5 } });
    const events = await claimed("a", 3);
    await database.pool.query("update postrider.endpoint set batch_size = 1, ordered = true where id = $1", [endpoint]);
    const seen: string[] = [];
    for (let n = 0; n < 8; n++) {
      const some = await leased();
      assert.ok(some.length <= 1);
      seen.push(...some);
      await end(endpoint, some);
    }
    assert.deepEqual(seen, events);
  });

  test("on sends nothing of a key while another daemon puts what goes before it in order", async (t) => {
    const endpoint = await createEndpoint(database.pool, ["order.*"], { options: { batch_size: 5 } });
    const [first] = await claimed("a");
    await database.pool.query("update postrider.endpoint set batch_size = 1, ordered = true where id = $1", [endpoint]);
    const [second] = await claimed("a");
    await database.pool.query("insert into postrider.ordered_walk (endpoint_id) values ($1)", [endpoint]);
    const other = await openSession(t, database.url);
    await other.query("begin");
    // The first step of its walk.
    assert.equal(await askFor(other, "select postrider_internal.put_in_order($1)", [endpoint]), 1);
    const { leased: none, nextDueMs } = await walk(database.pool, { daemon, payloadBytes: 0 });
    assert.deepEqual(none, []);
    assert.ok(nextDueMs !== null && nextDueMs > 0 && nextDueMs < 1_000);
    await other.query("commit");
    assert.deepEqual(await leased(), [first]);
    await end(endpoint, [String(first)]);
    assert.deepEqual(await leased(), [second]);
  });

  test("on locks nothing that has no key but what is leased", async (t) => {
    await ordered();
    const events = await claimed(undefined, 3);
    const other = await openSession(t, database.url);
    await other.query("begin");
    const mine = eventsOf((await walk(other, { daemon, share: 1 })).leased);
    assert.equal(mine.length, 1);
    const free = await rowsOf<{ event_id: string }>(
      database.pool,
      "select event_id from postrider.delivery order by event_id for update skip locked",
    );
    assert.deepEqual(
      new Set(free.map(({ event_id }) => event_id)),
      new Set(events.filter((event) => !mine.includes(event))),
    );
  });

  test("off sends what waits in any order, and forgets what halts", async () => {
    const endpoint = await ordered({ when_exhausted: "halt" });
    const [first, second, third] = await claimed("a", 3);
    assert.deepEqual(await leased(), [first]);
    await end(endpoint, [String(first)], "exhausted");
    await database.pool.query("update postrider.endpoint set ordered = false where id = $1", [endpoint]);
    assert.deepEqual(new Set(await leased()), new Set([second, third]));
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.halted_key"), 0);
  });
});

describe("a replay at an ordered endpoint", () => {
  test("sends the events of a key in their order, also those of one millisecond", async () => {
    const endpoint = await createEndpoint(database.pool, [], { options: { ordered: true } });
    const ids = await rowsOf<{ id: string }>(
      database.pool,
      `with added as (
         insert into postrider.outbox (event_type, payload, ordering_key)
         select 'order.paid', '{}', 'a' from generate_series(1, 60) returning id, seq)
       select id from added order by seq`,
    );
    await claimEvents(database.pool, { daemon });
    await database.pool.query("select postrider.subscribe($1, 'order.*')", [endpoint]);
    const replay = await askFor(
      database.pool,
      "select replay_id from postrider.replay($1, now() - interval '1 hour', now() + interval '1 minute')",
      [endpoint],
    ).catch(async () =>
      askFor(database.pool, "select replay_id from postrider.replay($1, now() - interval '1 hour')", [endpoint]),
    );
    const seen: string[] = [];
    for (let n = 0; n < 400 && seen.length < ids.length; n++) {
      await database.pool.query("update postrider.replay set next_step_at = now()");
      await database.pool.query("select postrider_internal.prepare_replay($1)", [replay]);
      const some = await leased();
      seen.push(...some);
      await end(endpoint, some);
    }
    assert.deepEqual(
      seen,
      ids.map(({ id }) => id),
    );
  });
});

describe("many daemons at an ordered endpoint", () => {
  test("never have two events of a key in hand, nor an event before its predecessor", async (t) => {
    const endpoint = await ordered();
    const keys = ["a", "b", "c"];
    const events = new Map<string, { readonly key: string; readonly place: number }>();
    for (let n = 0; n < 90; n++) {
      const key = keys[n % keys.length] ?? "a";
      const [event] = await inserted(key);
      events.set(String(event), { key, place: n });
    }
    await claimEvents(database.pool, { daemon });
    const inHand = new Map<string, string>();
    const arrived: string[] = [];
    let isOver = false;
    const work = async (session: Session, own: string) => {
      while (arrived.length < events.size * 2 && !isOver) {
        const result = await walk(session, { daemon: own, share: 2, payloadBytes: Math.random() < 0.5 ? 0 : 1_000 });
        const known = result.leased.map((one) => ({ ...one, ...(events.get(one.event) ?? { key: "", place: 0 }) }));
        known.sort((one, other) => one.place - other.place);
        for (const { event, key } of known) {
          assert.equal(inHand.get(key) ?? own, own, `two daemons have events of ${key}`);
          inHand.set(key, own);
          arrived.push(event);
        }
        for (const [at, { event, attempts, key }] of known.entries()) {
          if (known.slice(at + 1).every((one) => one.key !== key)) {
            inHand.delete(key);
          }
          await recordResults(session, own, { later: [resultOf({ event, endpoint }, { attempts })] });
        }
      }
    };
    const redeliver = async (session: Session) => {
      const sent = new Set<string>();
      while (sent.size < events.size && !isOver) {
        const event = arrived.find((candidate) => !sent.has(candidate));
        if (event === undefined) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        try {
          await session.query("select postrider.redeliver($1, $2)", [event, endpoint]);
          sent.add(event);
        } catch {
          // It is in progress still.
        }
      }
    };
    const sessions = await Promise.all(Array.from({ length: 9 }, () => openSession(t, database.url)));
    const [operator, ...daemons] = sessions;
    assert.ok(operator !== undefined);
    const workers = [redeliver(operator), ...daemons.map((session) => work(session, randomUUID()))];
    await Promise.all(workers).finally(() => {
      isOver = true;
    });
    const firsts = [...new Set(arrived)];
    for (const key of keys) {
      const places = firsts
        .filter((event) => events.get(event)?.key === key)
        .map((event) => events.get(event)?.place ?? -1);
      assert.deepEqual(
        places,
        places.toSorted((one, other) => one - other),
      );
    }
  });
});

describe("what a walk over keys reads", () => {
  test("is a row a key, whatever waits behind them, and a part of the keys if many wait for a retry", async (t) => {
    const endpoint = await ordered();
    const session = await openSession(t, database.url);
    await session.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, ordering_key, ordering_seq)
       select postrider.uuid_v7(), $1::uuid, 'pending', now(), 'deep', n from generate_series(1, 100000) n
       union all
       select postrider.uuid_v7(), $1::uuid, 'pending', now() + interval '1 hour', 'later ' || n, n from generate_series(1, 1000) n`,
      [endpoint],
    );
    const reads = async () => {
      await session.query("select pg_stat_force_next_flush()");
      return Number(
        await askFor(
          session,
          `select sum(s.seq_tup_read + coalesce(s.idx_tup_fetch, 0)) from pg_stat_user_tables s
           where s.schemaname = 'postrider' and s.relname like 'delivery_%'`,
        ),
      );
    };
    for (const [expected, most] of [
      [64, 2_000],
      [0, 2_000],
    ] as const) {
      const before = await reads();
      const { leased: some, nextDueMs } = await walk(session, { daemon, deliveries: 500 });
      assert.equal(some.length, expected);
      assert.ok(nextDueMs !== null && nextDueMs <= 50);
      const read = (await reads()) - before;
      assert.ok(read > 400 && read < most, `${read} rows`);
    }
  });
});
