/** Whole days past their retention are deleted, and nothing still needed is. Applications never wait for it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, describe, type TestContext, test } from "node:test";
import type pg from "pg";
import { statementText } from "../../src/db/sqlFiles.ts";
import { type TestDatabase, useDatabase, useFilled } from "../support/database.ts";
import {
  askFor,
  claimAll,
  claimEvents,
  createEndpoint,
  insertEvent,
  makePartitions,
  openSession,
  pidOf,
  rowsOf,
  type Session,
  waitsForLock,
} from "../support/engine.ts";
import { addPastDays } from "../support/pastDays.ts";
import { createPullEndpoint } from "../support/pulling.ts";
import { createLogin } from "../support/roles.ts";

/** The days before are the first of a month, a leap day and the day before that. */
const NOW = "2020-03-02T12:00:00Z";
const PARENTS = ["outbox", "delivery", "other_attempt", "transformation"];
/** With a retention of two days, the last two of these are past it. */
const RETENTION = "2 days";
const DAYS = 4;
const STEPS_MAX = 200;
const DAY_MS = 86_400_000;

/** A database in which daemons have run for some days before that time. */
const past = useFilled(async ({ pool }) => {
  await addPastDays(pool, DAYS, NOW);
  await makePartitions(pool, "7 days", NOW);
});

interface Step {
  readonly outcome: string;
  readonly subject: string | null;
}

describe("a day past its retention", () => {
  test("is deleted whole: idempotency keys, events, deliveries, attempts, and then the partitions", async (t) => {
    const { pool } = await past(t);
    for (const days of [2, 3, 4]) await addDelivered(pool, days, 10);
    await claimAll(pool);
    const [third, fourth] = [await dayBefore(pool, 3), await dayBefore(pool, 4)];
    const dropped = (day: string) =>
      PARENTS.map((parent) => ({ outcome: "dropped", subject: `${parent}_${day.replaceAll("-", "")}` }));
    assert.deepEqual(await maintainAll(pool), [
      { outcome: "deleted", subject: `10 idempotency keys of ${fourth}` },
      { outcome: "emptied", subject: fourth },
      ...dropped(fourth),
      { outcome: "deleted", subject: `10 idempotency keys of ${third}` },
      { outcome: "emptied", subject: third },
      ...dropped(third),
    ]);
    for (const table of [...PARENTS, "idempotency_key"]) {
      assert.equal(await askFor(pool, `select count(*)::int from postrider.${table}`), 10, table);
    }
    assert.deepEqual(await maintainAll(pool), []);
  });

  test("takes what a pull endpoint was given, which is noted: a cursor before that is refused", async (t) => {
    const { pool } = await past(t);
    for (const days of [4, 2]) await addDelivered(pool, days, 10);
    await claimAll(pool);
    const endpoint = await createPullEndpoint(pool, []);
    await pool.query(
      `update postrider.delivery d set endpoint_id = $1, pull_place = p.place
       from (select event_id, row_number() over (order by event_id) as place from postrider.delivery) p where p.event_id = d.event_id`,
      [endpoint],
    );
    await pool.query(
      "insert into postrider.pull_position (endpoint_id, last_place, acknowledged_place) values ($1, 20, 20)",
      [endpoint],
    );
    await maintainAll(pool);
    assert.equal(await askFor(pool, "select gone_place::integer from postrider.pull_position"), 10);
  });

  test("is deleted even if its partitions are already empty or some of them are gone", async (t) => {
    const { pool } = await past(t);
    const day = (await dayBefore(pool, 3)).replaceAll("-", "");
    await pool.query(`drop table postrider.outbox_${day}`);
    assert.equal((await maintainAll(pool)).length, 2 * PARENTS.length - 1);
  });

  const needs: Readonly<Record<string, (database: TestDatabase, t: TestContext) => Promise<() => Promise<unknown>>>> = {
    "a delivery of its waits": async ({ pool }) => {
      const event = await insertOn(pool, 3);
      await claimAll(pool);
      await addDelivery(pool, event, "pending");
      return () =>
        pool.query("update postrider.delivery set state = 'succeeded', finished_at = now(), next_attempt_at = null");
    },
    "a delivery of its waits in the default partition": async ({ pool }) => {
      const day = (await dayBefore(pool, 3)).replaceAll("-", "");
      await pool.query(`drop table postrider.delivery_${day}`);
      const event = await insertOn(pool, 3);
      await claimAll(pool);
      await addDelivery(pool, event, "pending");
      return () =>
        pool.query("update postrider.delivery set state = 'succeeded', finished_at = now(), next_attempt_at = null");
    },
    "no claim has seen one of its events": async ({ pool }) => {
      await insertOn(pool, 3);
      return () => claimAll(pool);
    },
    "a claim has seen half of a transaction": async ({ pool }) => {
      const session = await pool.connect();
      await session.query("begin");
      for (let count = 0; count < 4; count++) await insertOn(session, 3);
      await session.query("commit");
      session.release();
      await claimEvents(pool, { events: 2 });
      return () => claimAll(pool);
    },
    "a daemon has one of its events in hand": async ({ pool }) => {
      const endpoint = await createEndpoint(pool);
      await insertOn(pool, 3);
      assert.equal((await claimAll(pool)).length, 1);
      await pool.query("delete from postrider.endpoint where id = $1", [endpoint]);
      return () => pool.query("update postrider.claim set event_ids = '{}', endpoint_ids = '{}'");
    },
    "a transaction has added to it and is open": async ({ pool, url }, t) => {
      await insertOn(pool, 3);
      await claimAll(pool);
      const writer = await openSession(t, url);
      await writer.query("begin");
      await insertOn(writer, 3);
      return () => writer.query("rollback");
    },
    "a replay has yet to reach it": async ({ pool }) => {
      const endpoint = await createEndpoint(pool, ["other.*"]);
      await insertOn(pool, 3);
      await claimAll(pool);
      const replay = await askFor(
        pool,
        "select replay_id from postrider.replay($1, $2::timestamptz - interval '10 days')",
        [endpoint, NOW],
      );
      return () =>
        pool.query("update postrider.replay set state = 'done', finished_at = now() where id = $1", [replay]);
    },
  };
  for (const [why, arrange] of Object.entries(needs)) {
    test(`stays while ${why}, and the days beside it are deleted`, async (t) => {
      const database = await past(t);
      const release = await arrange(database, t);
      const [third, fourth] = [await dayBefore(database.pool, 3), await dayBefore(database.pool, 4)];
      const events = await askFor(database.pool, "select count(*)::int from postrider.outbox");
      await maintainAll(database.pool);
      assert.equal(await askFor(database.pool, "select count(*)::int from postrider.outbox"), events);
      assert.ok((await daysOf(database.pool)).includes(third));
      assert.ok(why.includes("open") || !(await daysOf(database.pool)).includes(fourth));
      await release();
      await maintainAll(database.pool);
      assert.deepEqual(await daysOf(database.pool), [
        await dayBefore(database.pool, 2),
        await dayBefore(database.pool, 1),
      ]);
      assert.equal(await askFor(database.pool, "select count(*)::int from postrider.outbox"), 0);
    });
  }

  test("keeps its idempotency keys while it stays", async (t) => {
    const { pool } = await past(t);
    await addDelivered(pool, 3, 5);
    await maintainAll(pool);
    assert.equal(await askFor(pool, "select count(*)::int from postrider.idempotency_key"), 5);
  });

  test("stays if an event was committed to it at the last moment", async (t) => {
    const { pool, url } = await past(t);
    // Long enough for the writer to commit during the wait.
    await pool.query("alter function postrider_internal.drop_days set lock_timeout = '20s'");
    await insertOn(pool, 3);
    await claimAll(pool);
    for (const parent of PARENTS) {
      await pool.query(`drop table postrider.${parent}_${(await dayBefore(pool, 4)).replaceAll("-", "")}`);
    }
    const [writer, maintainer] = [await openSession(t, url), await openSession(t, url)];
    await writer.query("begin");
    await insertOn(writer, 3);
    const pid = await pidOf(maintainer);
    const steps = maintainAll(maintainer);
    await waitsForLock(pool, pid);
    await writer.query("commit");
    assert.deepEqual(
      (await steps).map(({ outcome }) => outcome),
      ["busy"],
    );
    assert.equal(await askFor(pool, "select count(*)::int from postrider.outbox"), 2);
  });

  test("frees its idempotency keys for reuse once it is deleted", async (t) => {
    const { pool } = await past(t);
    const publish = "select postrider.publish('order.paid', '1', idempotency_key => 'key of 3 0')";
    await addDelivered(pool, 3, 1);
    await claimAll(pool);
    const first = await askFor(pool, "select event_id from postrider.idempotency_key");
    assert.equal(await askFor(pool, publish), first);
    await maintainAll(pool);
    assert.notEqual(await askFor(pool, publish), first);
  });
});

describe("an application's insert does not wait for maintenance", () => {
  test("that is emptying a day another session reads: maintenance gives up, and empties the day later", async (t) => {
    const { pool, url } = await past(t);
    await addDelivered(pool, 3, 1);
    await claimAll(pool);
    await pool.query("delete from postrider.idempotency_key");
    const [reader, application] = [await openSession(t, url), await openSession(t, url)];
    await reader.query("begin");
    await reader.query("select from postrider.outbox");
    assert.equal((await maintainAll(pool)).at(-1)?.outcome, "busy");
    await application.query("set lock_timeout = '2s'");
    await insertEvent(application, "order.paid");
    await reader.query("commit");
    await maintainAll(pool);
    assert.equal((await daysOf(pool)).length, 2);
  });

  test("that cannot drop a partition while a transaction that inserted is open: the day is emptied now and dropped later", async (t) => {
    const { pool, url } = await past(t);
    await addDelivered(pool, 3, 1);
    await claimAll(pool);
    await pool.query("delete from postrider.idempotency_key");
    const [writer, application] = [await openSession(t, url), await openSession(t, url)];
    await writer.query("begin");
    await insertEvent(writer, "order.paid");
    const maintainer = await openSession(t, url);
    // Without a limit on the wait, it would wait for the transaction, which never ends.
    await maintainer.query("set statement_timeout = '10s'");
    const steps = await maintainAll(maintainer);
    assert.deepEqual(
      steps.map(({ outcome }) => outcome),
      ["emptied", "busy"],
      "although the previous day is empty and cannot be dropped",
    );
    await application.query("set lock_timeout = '2s'");
    await insertEvent(application, "order.paid");
    await writer.query("commit");
    await maintainAll(pool);
    assert.equal((await daysOf(pool)).length, 2);
    assert.equal(await askFor(pool, "select count(*)::int from postrider.outbox"), 2);
  });
});

describe("idempotency keys that a publisher noted for an event that does not exist", () => {
  const keysOf = async (session: Session) =>
    (
      await rowsOf<{ key: string }>(session, "select idempotency_key as key from postrider.idempotency_key order by 1")
    ).map(({ key }) => key);

  test("are deleted, whatever id was invented, and those of events stay", async (t) => {
    const { pool } = await past(t);
    const ids = {
      "long ago": "00000000-0000-7000-8000-000000000000",
      "ages ahead": "ffffffff-ffff-7fff-bfff-ffffffffffff",
      "of an empty day past": await idOn(pool, 4),
      "of a day past": await idOn(pool, 3),
      "of yesterday": await idOn(pool, 1),
      "after tomorrow": await idOn(pool, -2),
    };
    for (const [key, id] of Object.entries(ids)) {
      await pool.query("select postrider_internal.note_idempotency_key('', $1, $2)", [key, id]);
    }
    await addDelivered(pool, 3, 1);
    await addDelivered(pool, 1, 1);
    await pool.query(
      "insert into postrider.outbox (id, event_type, payload, idempotency_key) values ($1, 'order.paid', '1', 'invented, with an event')",
      ["ffffffff-ffff-7fff-bfff-fffffffffffe"],
    );
    await claimAll(pool);
    await maintainAll(pool);
    assert.deepEqual(await keysOf(pool), ["invented, with an event", "key of 1 0", "of yesterday"]);
    await maintainAll(pool, "1 day", "2020-03-04T12:00:00Z");
    assert.deepEqual(await keysOf(pool), ["invented, with an event"]);
  });

  test("are deleted in steps of a thousand", async (t) => {
    const { pool } = await past(t);
    await maintainAll(pool);
    await pool.query(
      "select postrider_internal.note_idempotency_key('', n::text, gen_random_uuid()) from generate_series(1, 1500) n",
    );
    await pool.query("update postrider.idempotency_key set event_id = 'ffffffff-ffff-4fff-bfff-ffffffffffff'");
    assert.deepEqual(
      (await maintainAll(pool)).map(({ subject }) => subject),
      ["1000 rows", "500 rows"],
    );
  });
});

describe("rows of the default partitions", () => {
  test("past their retention are deleted in steps with everything that belongs to them, and others stay", async (t) => {
    const { pool } = await past(t);
    await dropPastDays(pool);
    await addDelivered(pool, 3, 1_500);
    await addDelivered(pool, 1, 5);
    await claimAll(pool, { events: 10_000 });
    const pending = await insertOn(pool, 3);
    await claimAll(pool);
    await addDelivery(pool, pending, "pending");
    await insertOn(pool, 3);
    const steps = await maintainAll(pool);
    assert.deepEqual(
      steps.filter(({ outcome }) => outcome === "deleted"),
      [
        { outcome: "deleted", subject: "1000 rows" },
        { outcome: "deleted", subject: "500 rows" },
      ],
    );
    const counts = async () =>
      Object.values(
        (
          await rowsOf<Record<string, number>>(
            pool,
            `select (select count(*)::int from postrider.outbox) as events, (select count(*)::int from postrider.delivery) as deliveries,
                    (select count(*)::int from postrider.attempt) as attempts, (select count(*)::int from postrider.idempotency_key) as keys,
                    (select count(*)::int from postrider.transformation) as transformations`,
          )
        )[0] ?? {},
      );
    // Five events of yesterday, one waiting, and one that no claim has seen.
    assert.deepEqual(await counts(), [7, 6, 5, 5, 5]);
    await claimAll(pool);
    await maintainAll(pool);
    assert.deepEqual(await counts(), [6, 6, 5, 5, 5]);
  });

  test("stay while a daemon has them in hand", async (t) => {
    const { pool } = await past(t);
    await dropPastDays(pool);
    const endpoint = await createEndpoint(pool);
    const event = await insertOn(pool, 3);
    await claimAll(pool);
    await pool.query("delete from postrider.endpoint where id = $1", [endpoint]);
    await maintainAll(pool);
    assert.equal(await askFor(pool, "select id from postrider.outbox"), event);
    await pool.query("update postrider.claim set event_ids = '{}', endpoint_ids = '{}'");
    await maintainAll(pool);
    assert.equal(await askFor(pool, "select id from postrider.outbox"), undefined);
  });

  test("of a past day move to a new partition of that day if they are few, and are found there as before", async (t) => {
    const { pool } = await past(t);
    await dropPastDays(pool);
    await addDelivered(pool, 1, 5);
    const waiting = await insertOn(pool, 1);
    await claimAll(pool);
    await addDelivery(pool, waiting, "pending");
    const made = await insertOn(pool, 3); // past its retention: it goes by itself
    await claimAll(pool);
    await insertEvent(pool, "order.paid");
    const everything = () =>
      rowsOf(
        pool,
        `select to_jsonb(o) as event, to_jsonb(d) as delivery, to_jsonb(a) as attempt
         from postrider.outbox o left join postrider.delivery d on d.event_id = o.id left join postrider.attempt a on a.event_id = o.id
         where o.id <> $1 order by o.id`,
        [made],
      );
    const before = await everything();
    const yesterday = (await dayBefore(pool, 1)).replaceAll("-", "");
    assert.deepEqual(
      (await maintainAll(pool)).filter(({ outcome }) => outcome === "moved"),
      PARENTS.map((parent) => ({ outcome: "moved", subject: `${parent}_${yesterday}` })),
    );
    assert.deepEqual(await everything(), before);
    const homes = "select count(*)::int from postrider.outbox where tableoid = $1::regclass";
    assert.equal(await askFor(pool, homes, [`postrider.outbox_${yesterday}`]), 6);
    assert.equal(await askFor(pool, homes, ["postrider.outbox_default"]), 0);
    // The new partition also skips a repeated key.
    const again =
      "insert into postrider.outbox (id, event_type, payload, idempotency_key) values ($1, 'order.paid', '1', 'key of 1 0')";
    assert.equal((await pool.query(again, [await idOn(pool, 1)])).rowCount, 0);
  });

  test("of yesterday stay for an hour after midnight, because an insert of its last moment may still be in progress", async (t) => {
    const { pool } = await past(t);
    await dropPastDays(pool);
    await insertOn(pool, 1);
    await claimAll(pool);
    assert.deepEqual(await maintainAll(pool, RETENTION, "2020-03-02T00:59:59Z"), []);
    assert.equal((await maintainAll(pool, RETENTION, "2020-03-02T01:00:00Z")).length, 1);
  });

  test("stay where they are while they are many or another session reads them", async (t) => {
    const { pool, url } = await past(t);
    await dropPastDays(pool);
    const reader = await openSession(t, url);
    await insertOn(pool, 1);
    await claimAll(pool);
    await reader.query("begin; select from postrider.outbox_default");
    assert.deepEqual(await maintainAll(pool), [{ outcome: "busy", subject: null }]);
    await reader.query("commit");
    await addDelivered(pool, 1, 12_000);
    await claimAll(pool, { events: 20_000 });
    assert.deepEqual(await maintainAll(pool), []);
    assert.equal(await askFor(pool, "select count(*)::int from postrider.outbox_default"), 12_001);
  });

  test("stay where they are while a publication would replicate half of the move, or the partition of their day is detached", async (t) => {
    const { pool } = await past(t);
    const [yesterday, before] = [await dayBefore(pool, 1), await dayBefore(pool, 2)].map((day) =>
      day.replaceAll("-", ""),
    );
    await pool.query(`alter table postrider.outbox detach partition postrider.outbox_${before}`);
    await pool.query(`drop table postrider.outbox_${yesterday}`);
    for (const days of [1, 2]) await insertOn(pool, days);
    await claimAll(pool);
    await pool.query("create publication everything for tables in schema postrider");
    assert.deepEqual(await maintainAll(pool, "10 days"), []);
    await pool.query("drop publication everything");
    assert.deepEqual(await maintainAll(pool, "10 days"), [{ outcome: "moved", subject: `outbox_${yesterday}` }]);
    assert.equal(await askFor(pool, "select count(*)::int from postrider.outbox_default"), 1);
  });

  test("with an invented id are deleted by the time of their insertion", async (t) => {
    const { pool } = await past(t);
    const add = (age: string) =>
      pool.query(
        `insert into postrider.outbox (id, created_at, event_type, payload)
         values (overlay(gen_random_uuid()::text placing 'f' from 1)::uuid, $2::timestamptz - $1::interval, 'order.paid', '1')`,
        [age, NOW],
      );
    await add("5 days");
    await add("1 day");
    await claimAll(pool);
    await maintainAll(pool);
    assert.equal(
      await askFor(
        pool,
        "select count(*)::int from postrider.outbox where created_at > $1::timestamptz - interval '2 days'",
        [NOW],
      ),
      1,
    );
    assert.equal(await askFor(pool, "select count(*)::int from postrider.outbox"), 1);
  });

  test("that were recorded after their event was deleted are deleted too, except waiting deliveries", async (t) => {
    const { pool } = await past(t);
    await dropPastDays(pool);
    const events = [0, 1].map(() => idOn(pool, 3));
    const [finished, waiting] = await Promise.all(events);
    await addDelivery(pool, finished ?? "", "succeeded");
    await addDelivery(pool, waiting ?? "", "pending");
    await addAttempt(pool, finished ?? "");
    await maintainAll(pool);
    assert.deepEqual(await rowsOf(pool, "select event_id from postrider.delivery"), [{ event_id: waiting }]);
    assert.equal(await askFor(pool, "select count(*)::int from postrider.attempt"), 0);
  });
});

test("finished replays are deleted after the retention, the audit after a year", async (t) => {
  const { pool } = await past(t);
  const endpoint = await createEndpoint(pool);
  const replay = "select replay_id from postrider.replay($1, now() - interval '1 day')";
  const [old, recent] = [await askFor(pool, replay, [endpoint]), await askFor(pool, replay, [endpoint])];
  await pool.query(
    `update postrider.replay
     set state = 'done', finished_at = $2::timestamptz - case when id = $1 then interval '3 days' else '1 hour' end`,
    [old, NOW],
  );
  await pool.query("update postrider.retention set period = $1", [RETENTION]);
  await pool.query("delete from postrider.audit");
  await pool.query(
    `insert into postrider.audit (id, action)
     select postrider.uuid_v7_floor($1::timestamptz - a.age), a.age::text from unnest('{300 days,400 days}'::interval[]) a (age)`,
    [NOW],
  );
  await maintainAll(pool);
  assert.deepEqual(await rowsOf(pool, "select id from postrider.replay"), [{ id: recent }]);
  assert.deepEqual(await rowsOf(pool, "select action from postrider.audit"), [{ action: "300 days" }]);
});

describe("maintain", () => {
  const database = useDatabase();
  before(() => maintainAll(database.pool));

  test("keeps what an operator has written: a day at least, with a row in the audit", async () => {
    for (const period of ["23 hours", "-1 day", "101 years"]) {
      await assert.rejects(database.pool.query("update postrider.retention set period = $1", [period]), {
        code: "23514",
        constraint: "events are kept for 1 day to 100 years",
      });
    }
    await database.pool.query("delete from postrider.audit; update postrider.retention set period = '9 days'");
    await database.pool.query("update postrider.retention set period = '8 days'");
    assert.deepEqual(
      // Not the newest by its id: within a millisecond, ids do not tell which was first.
      await rowsOf(
        database.pool,
        "select action, before, after from postrider.audit where before ->> 'period' = '9 days'",
      ),
      [{ action: "update retention", before: { period: "9 days" }, after: { period: "8 days" } }],
    );
  });

  test("keeps what a daemon was told only while nothing else is written", async (t) => {
    const daemon = await createLogin(database, ["postrider_daemon"]);
    t.after(() => daemon.drop());
    const session = await openSession(t, daemon.url);
    const fill = (ms: number) => rowsOf(session, statementText("fill_retention"), [ms]);
    await database.pool.query("update postrider.retention set period = null");
    assert.deepEqual(await fill(40 * DAY_MS), [{ days: 40, is_passed: true }]);
    assert.deepEqual(await fill(DAY_MS), [{ days: 40, is_passed: false }]);
    for (const statement of [
      "select postrider.maintain('1 day')",
      "update postrider.retention set period = '1 day'",
      "delete from postrider.retention",
      "insert into postrider.retention default values",
    ]) {
      await assert.rejects(session.query(statement), (error: pg.DatabaseError) =>
        ["42501", "22007"].includes(String(error.code)),
      );
    }
    assert.equal(await askFor(session, "select period::text from postrider.retention"), "40 days");
    // A row that was deleted is as good as one that is not set.
    await database.pool.query("delete from postrider.retention");
    assert.equal(await askFor(database.pool, "select postrider_internal.retention_period()::text"), "30 days");
    assert.deepEqual(await fill(7 * DAY_MS), [{ days: 7, is_passed: true }]);
  });

  test("refuses a time in the future, because it would delete days that must be kept", async () => {
    await assert.rejects(database.pool.query("select postrider.maintain(now => now() + interval '1 minute')"), {
      code: "22023",
    });
  });

  test("keeps thirty days by default", async () => {
    await database.pool.query("update postrider.retention set period = null");
    await addPastDays(database.pool, 32, NOW);
    const maintain = "select postrider.maintain(now => $1)";
    for (let count = 0; count < 2 * PARENTS.length; count++) await database.pool.query(maintain, [NOW]);
    assert.deepEqual((await daysOf(database.pool)).at(0), await dayBefore(database.pool, 30));
    assert.equal(await askFor(database.pool, maintain, [NOW]), undefined);
  });

  test("runs in one session at a time", async (t) => {
    const holder = await openSession(t, database.url);
    await addPastDays(database.pool, 31, NOW);
    await holder.query("begin; select pg_advisory_xact_lock(1886352244, 3)");
    assert.deepEqual(await maintainAll(database.pool), [{ outcome: "busy", subject: null }]);
  });
});

/** Takes steps until none is left or another session blocks one. */
async function maintainAll(session: Session, retention = RETENTION, now = NOW): Promise<Step[]> {
  const steps: Step[] = [];
  await session.query("update postrider.retention set period = $1", [retention]);
  while (steps.length < STEPS_MAX) {
    const [step] = await rowsOf<{ outcome: string; subject: string | null }>(
      session,
      "select outcome, subject from postrider.maintain(now => $1)",
      [now],
    );
    if (step === undefined) return steps;
    steps.push(step);
    if (step.outcome === "busy") return steps;
  }
  throw new Error(`maintenance did not come to an end in ${STEPS_MAX} steps`);
}

/** Events of the day this many days ago, with keys, each delivered at the first attempt. */
async function addDelivered(session: Session, daysAgo: number, count: number): Promise<void> {
  await session.query(
    `with added as (
       insert into postrider.outbox (id, event_type, payload, idempotency_key)
       select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor($3::timestamptz - $1 * interval '1 day')::text, 14) || '7' from 1)::uuid,
              'order.paid', '1', format('key of %s %s', $1, n)
       from generate_series(0, $2 - 1) n
       returning id
     ), sent as (
       insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status)
       select a.id, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 1, 5, 200 from added a
       returning event_id, endpoint_id
     ), made as (
       insert into postrider.transformation (event_id, endpoint_id, endpoint_revision)
       select s.event_id, s.endpoint_id, 1 from sent s
     )
     insert into postrider.delivery (event_id, endpoint_id, state, attempts, finished_at)
     select s.event_id, s.endpoint_id, 'succeeded', 1, now() from sent s`,
    [daysAgo, count, NOW],
  );
}

async function idOn(session: Session, daysAgo: number): Promise<string> {
  const id = await askFor(
    session,
    `select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor($2::timestamptz - $1 * interval '1 day')::text, 14) || '7' from 1)::uuid`,
    [daysAgo, NOW],
  );
  return String(id);
}

/** An event as if inserted this many days ago; returns its id. */
async function insertOn(session: Session, daysAgo: number): Promise<string> {
  const id = await idOn(session, daysAgo);
  await session.query("insert into postrider.outbox (id, event_type, payload) values ($1, 'order.paid', '1')", [id]);
  return id;
}

async function addDelivery(session: Session, event: string, state: "pending" | "succeeded"): Promise<void> {
  await session.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, attempts, next_attempt_at, finished_at)
     select $1, gen_random_uuid(), $2, 1, case when $2 = 'pending' then now() end, case when $2 <> 'pending' then now() end`,
    [event, state],
  );
}

async function addAttempt(session: Session, event: string): Promise<void> {
  await session.query(
    `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status)
     values ($1, $2, $3, $4, now(), 1, 5, 200)`,
    [event, randomUUID(), randomUUID(), randomUUID()],
  );
}

async function dayBefore(session: Session, days: number): Promise<string> {
  return String(
    await askFor(session, "select (($2::timestamptz at time zone 'UTC')::date - $1::integer)::text", [days, NOW]),
  );
}

/** The past days that have a partition, the oldest first. */
async function daysOf(session: Session): Promise<string[]> {
  const rows = await rowsOf<{ day: string }>(
    session,
    `select distinct overlay(overlay(right(c.relname, 8) placing '-' from 7 for 0) placing '-' from 5 for 0) as day
     from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = any (array['postrider.outbox', 'postrider.delivery', 'postrider.other_attempt', 'postrider.transformation']::regclass[])
       and c.relname ~ '_[0-9]{8}$' and right(c.relname, 8) < to_char($1::timestamptz at time zone 'UTC', 'YYYYMMDD')
     order by 1`,
    [NOW],
  );
  return rows.map(({ day }) => day);
}

async function dropPastDays(session: Session): Promise<void> {
  for (const day of await daysOf(session)) {
    for (const parent of PARENTS) await session.query(`drop table postrider.${parent}_${day.replaceAll("-", "")}`);
  }
}
