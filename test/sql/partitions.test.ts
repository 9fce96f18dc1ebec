/** Partitions of the days ahead are made in steps that block no insert, whatever the default partitions hold. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type pg from "pg";
import { createDatabase, type TestDatabase, useFilled } from "../support/database.ts";
import {
  askFor,
  claimAll,
  claimEvents,
  createEndpoint,
  insertEvent,
  makePartitions as makePartitionsAt,
  openSession,
  type PartitionStep,
  reset,
  rowsOf,
  type Session,
  stepOfPartitions as stepOfPartitionsAt,
} from "../support/engine.ts";

const OF_EVENTS = ["outbox", "delivery", "other_attempt", "transformation"];
const PARENTS = [...OF_EVENTS, "endpoint_minute_part", "unmatched_minute_part"];
/** The next day is a leap day, and the days ahead reach into the next month. */
const NOW = "2020-02-28T12:00:00Z";
/** Enough for more than a megabyte in each of the default partitions. */
const STRAYS = 12_000;

let database: TestDatabase;

before(async () => {
  database = await createDatabase();
  await dropDays(database.pool);
});

after(() => database.drop());

beforeEach(async () => {
  await reset(database.pool);
  await database.pool.query(
    "vacuum postrider.outbox_default, postrider.delivery_default, postrider.other_attempt_default",
  );
  await makePartitions(database.pool);
});

describe("partitions", () => {
  test("that are missing do not fail an insert: the event lands in the default partition, where claims find it", async () => {
    await createEndpoint(database.pool);
    await dropDays(database.pool);
    const event = await insertOn(database.pool, 0);
    assert.equal(
      await askFor(database.pool, "select c.relname from postrider.outbox o join pg_class c on c.oid = o.tableoid"),
      "outbox_default",
    );
    const { outcome, pairs } = await claimEvents(database.pool);
    assert.deepEqual([outcome, pairs[0]?.event, pairs[0]?.payload], ["complete", event, "1"]);
    // Today now has a stray, so it stays in the default partition; the later days get partitions.
    await makePartitions(database.pool);
    assert.deepEqual(await partitionsOf(database.pool, "outbox"), await namesOfDays("outbox", 1, 7));
    assert.equal((await insertEvent(database.pool, "order.paid")).length, 36);
    assert.equal((await claimAll(database.pool)).length, 1);
  });

  test("are made from today on, seven days ahead, for events, deliveries, attempts and minutes alike, and only once", async () => {
    for (const parent of PARENTS) {
      assert.deepEqual(await partitionsOf(database.pool, parent), await namesOfDays(parent, 0, 7));
    }
    assert.deepEqual(await makePartitions(database.pool), []);
  });

  test("are made one per call, so that no lock is held for more than one", async () => {
    const [last] = await namesOfDays("outbox", 8, 8);
    assert.deepEqual(await stepOfPartitions(database.pool, "8 days"), { outcome: "made", partition: last });
    assert.equal((await partitionsOf(database.pool, "delivery")).length, 8);
    const steps = await makePartitions(database.pool, "8 days");
    assert.deepEqual(
      steps.map(({ outcome }) => outcome),
      ["made", "made", "made", "made", "made"],
    );
  });

  test("are given up after 50 ms if another session holds the default partition, and made in the next round", async (t) => {
    const [application, maker] = [await openSession(t, database.url), await openSession(t, database.url)];
    await application.query("begin");
    await application.query("select from postrider.outbox_default");
    // The wait for the lock ends after 50 ms. Without that limit it would last as long as the transaction, which never ends.
    await maker.query("set statement_timeout = '10s'");
    const [busy] = await namesOfDays("outbox", 9, 9);
    assert.deepEqual(await makePartitions(maker, "20 days"), [{ outcome: "busy", partition: busy }]);
    await application.query("commit");
    assert.equal((await makePartitions(maker, "20 days")).length, 12 * PARENTS.length);
  });

  test("are given up without an error if another session locks the default partition exclusively", async (t) => {
    const [application, maker] = [await openSession(t, database.url), await openSession(t, database.url)];
    await application.query("begin; lock table postrider.delivery_default in access exclusive mode");
    await maker.query("set statement_timeout = '10s'");
    assert.equal((await makePartitions(maker, "25 days")).at(-1)?.outcome, "busy");
    await application.query("commit");
    await makePartitions(maker, "25 days");
    assert.equal((await partitionsOf(maker, "other_attempt")).length, 26);
  });

  test("are made while a transaction that inserted into today's is open, and by one session at a time", async (t) => {
    const [application, maker] = [await openSession(t, database.url), await openSession(t, database.url)];
    await application.query("begin");
    await insertOn(application, 0);
    await maker.query("begin");
    assert.equal((await makePartitions(maker, "30 days")).at(-1)?.outcome, "made");
    assert.deepEqual(await makePartitions(database.pool, "40 days"), []);
    // Uncommitted partitions do not block an insert either.
    await insertOn(database.pool, 0);
    await insertOn(application, 0);
    await maker.query("commit");
    await application.query("commit");
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.outbox"), 3);
  });
});

describe("with much in the default partitions, partitions", () => {
  test("are attached without scanning the rows there, from the day after tomorrow on, and leave no guard", async (t) => {
    const { pool, maker, notices } = await crowd(t);
    const steps = await makePartitions(maker);
    for (const parent of OF_EVENTS) {
      const days = await namesOfDays(parent, 2, 7);
      assert.deepEqual(
        steps.filter(({ partition }) => partition.startsWith(parent)),
        days.flatMap((partition) => ["guarded", "validated", "made"].map((outcome) => ({ outcome, partition }))),
      );
      assert.deepEqual(await partitionsOf(pool, parent), days);
    }
    assert.equal(
      notices.filter((notice) => /default partition .* is implied/.test(notice)).length,
      6 * OF_EVENTS.length,
    );
    assert.deepEqual(await guardsOf(pool), []);
    assert.deepEqual(await makePartitions(pool), []);
    assert.equal(await askFor(pool, "select count(*)::int from postrider.outbox"), STRAYS);
  });

  test("are made while inserts land there: reading the rows blocks no insert", async (t) => {
    const { pool, maker, application } = await crowd(t);
    assert.equal((await stepOfPartitions(maker))?.outcome, "guarded");
    await maker.query("begin");
    assert.equal((await stepOfPartitions(maker))?.outcome, "validated");
    await application.query("set lock_timeout = '2s'");
    await insertEvent(application, "order.paid");
    await maker.query("commit");
    assert.equal(await askFor(pool, "select count(*)::int from postrider.outbox_default"), STRAYS + 1);
  });

  test("are not made for a day that begins within 24 hours: a guard left behind for it is dropped first", async (t) => {
    const { pool } = await crowd(t);
    const [tomorrow] = await namesOfDays("outbox", 1, 1);
    await addGuard(pool, 1, "");
    await assert.rejects(insertOn(pool, 1), { code: "23514" });
    assert.deepEqual(await stepOfPartitions(pool), { outcome: "released", partition: tomorrow });
    await insertOn(pool, 1);
    assert.equal((await stepOfPartitions(pool))?.outcome, "guarded");
  });

  test("are not made if a row of the day arrived before the guard: the day stays in the default partition", async (t) => {
    const { pool } = await crowd(t);
    const [third, fourth] = await namesOfDays("outbox", 3, 4);
    await insertOn(pool, 3);
    await addGuard(pool, 3, "");
    assert.deepEqual(await stepOfPartitions(pool), { outcome: "released", partition: third });
    const made = (await makePartitions(pool)).map(({ partition }) => partition);
    assert.ok(fourth !== undefined && made.includes(fourth) && third !== undefined && !made.includes(third));
  });

  test("are given up without leaving a guard if reading the rows takes too long", async (t) => {
    const { pool, maker } = await crowd(t);
    await addGuard(pool, 4, "pg_sleep(0.01) is not null and");
    await maker.query("set statement_timeout = '1s'");
    assert.equal((await stepOfPartitions(maker))?.outcome, "released");
    assert.deepEqual(await guardsOf(pool), []);
  });

  test("are given up if another session holds the default partition, and continued later", async (t) => {
    const { pool, maker, application } = await crowd(t);
    await stepOfPartitions(maker);
    await stepOfPartitions(maker);
    await application.query("begin");
    await insertEvent(application, "order.paid");
    assert.equal((await stepOfPartitions(maker))?.outcome, "busy");
    await application.query("commit");
    assert.equal((await stepOfPartitions(maker))?.outcome, "made");
    assert.deepEqual(await guardsOf(pool), []);
  });
});

function makePartitions(session: Session, ahead?: string): Promise<PartitionStep[]> {
  return makePartitionsAt(session, ahead, NOW);
}

function stepOfPartitions(session: Session, ahead?: string): Promise<PartitionStep | undefined> {
  return stepOfPartitionsAt(session, ahead, NOW);
}

interface Crowded {
  readonly pool: pg.Pool;
  readonly maker: pg.Client;
  readonly application: pg.Client;
  /** What the server told the maker. */
  readonly notices: readonly string[];
}

/** A database in which no daemon has run for longer than the partitions reach, so today's rows are in the default one. */
const neglected = useFilled(async ({ pool }) => {
  await dropDays(pool);
  await pool.query(
    `insert into postrider.outbox (id, event_type, payload)
     select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor($1)::text, 14) || '7' from 1)::uuid,
            'order.paid', to_json(repeat('a', 50))
     from generate_series(1, ${STRAYS})`,
    [NOW],
  );
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, attempts, finished_at)
     select o.id, gen_random_uuid(), 'succeeded', 1, now() from postrider.outbox o`,
  );
  await pool.query(
    `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status)
     select o.id, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 1, 5, 200 from postrider.outbox o`,
  );
  await pool.query(
    `insert into postrider.transformation (event_id, endpoint_id, endpoint_revision, payload)
     select o.id, gen_random_uuid(), 1, to_json(repeat('a', 50)) from postrider.outbox o`,
  );
});

async function crowd(t: TestContext): Promise<Crowded> {
  const { pool, url } = await neglected(t);
  const maker = await openSession(t, url);
  const application = await openSession(t, url);
  const notices: string[] = [];
  maker.on("notice", ({ message }) => notices.push(message ?? ""));
  await maker.query("set client_min_messages = debug1");
  return { pool, maker, application, notices };
}

async function dropDays(session: Session): Promise<void> {
  for (const parent of PARENTS) {
    for (const partition of await partitionsOf(session, parent)) {
      await session.query(`drop table postrider.${partition}`);
    }
  }
}

/** A guard as a crash leaves it, for the day this many days ahead; `condition` comes before the bounds. */
async function addGuard(session: Session, days: number, condition: string): Promise<void> {
  await session.query(`
    do $add$
    declare
      day constant date := ('${NOW}'::timestamptz at time zone 'UTC')::date + ${days};
    begin
      execute format(
        'alter table postrider.outbox_default add constraint %I check (${condition} (id < %L or id >= %L)) not valid',
        format('no row of %s while its partition is attached', day),
        postrider.uuid_v7_floor(day::timestamp at time zone 'UTC'),
        postrider.uuid_v7_floor((day + 1)::timestamp at time zone 'UTC'));
    end $add$`);
}

async function guardsOf(session: Session): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    session,
    "select conname as name from pg_constraint where conname like 'no row of %' order by 1",
  );
  return rows.map(({ name }) => name);
}

/** An event of the day this many days ahead, as if inserted on that day. */
async function insertOn(session: Session, days: number): Promise<string> {
  const id = await askFor(
    session,
    `insert into postrider.outbox (id, event_type, payload)
     values (overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor($2::timestamptz + $1 * interval '1 day')::text, 14) || '7' from 1)::uuid,
             'order.paid', '1')
     returning id`,
    [days, NOW],
  );
  return String(id);
}

/** The partition names of a range of days, counted from today. */
async function namesOfDays(parent: string, from: number, to: number): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    database.pool,
    `select $1 || '_' || to_char(($4::timestamptz at time zone 'UTC')::date + n, 'YYYYMMDD') as name
     from generate_series($2::integer, $3::integer) n order by 1`,
    [parent, from, to, NOW],
  );
  return rows.map(({ name }) => name);
}

/** The daily ones. */
async function partitionsOf(session: Session, parent: string): Promise<string[]> {
  const rows = await rowsOf<{ relname: string }>(
    session,
    `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = ('postrider.' || $1)::regclass and c.relname ~ '_[0-9]{8}$' order by 1`,
    [parent],
  );
  return rows.map(({ relname }) => relname);
}
