/** Checks with a million rows what other tests check with thousands. Run it by hand; it takes minutes and some gigabytes of memory. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimAll,
  createEndpoint,
  insertEvent,
  makePartitions,
  openSession,
  rowsOf,
  type Session,
  walk,
} from "../support/engine.ts";
import { addPastDays } from "../support/pastDays.ts";

const MILLION = 1_000_000;
/** A lock is given up after 50 ms; the rest is for two cores that are busy with a million rows. */
const INSERT_MS_MAX = 1_000;
const PAUSE_MS = 5;
const MINUTES = 60_000;

test("partitions are made beside a million rows in each default partition, and no insert waits for it", {
  timeout: 15 * MINUTES,
}, async (t) => {
  const { pool, url } = await makeDatabase(t);
  const rows = await rowsOf<{ name: string }>(
    pool,
    `select i.inhrelid::regclass::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = any ('{postrider.outbox,postrider.delivery,postrider.other_attempt}'::regclass[]) and c.relname ~ '\\d{8}$'`,
  );
  for (const { name } of rows) await pool.query(`drop table ${name}`);
  await addDelivered(pool, "now()");
  const inserts = keepInserting(await openSession(t, url));
  const steps = await makePartitions(pool);
  const slowestMs = await inserts.stop();
  assert.deepEqual(
    ["guarded", "validated", "made"].map((outcome) => steps.filter((step) => step.outcome === outcome).length),
    [18, 18, 18],
  );
  assert.ok(slowestMs < INSERT_MS_MAX, `an insert took ${slowestMs} ms`);
});

test("a day of a million events goes once it is past its retention, and no insert waits for it", {
  timeout: 15 * MINUTES,
}, async (t) => {
  const { pool, url } = await makeDatabase(t);
  await pool.query("update postrider.retention set period = '2 days'");
  await addPastDays(pool, 3);
  await addDelivered(pool, "now() - interval '3 days'");
  await claimAll(pool, { events: 10_000, pairs: 10_000 });
  // The cursor leaves a transaction behind when the next one is claimed.
  await insertEvent(pool, "order.paid");
  await claimAll(pool);
  const inserts = keepInserting(await openSession(t, url));
  for (;;) {
    const [step] = await rowsOf<{ outcome: string }>(pool, "select outcome from postrider.maintain()");
    if (step === undefined) break;
    if (step.outcome === "busy") await pause(PAUSE_MS);
  }
  const slowestMs = await inserts.stop();
  const old = "select count(*)::int from postrider.outbox where id < postrider.uuid_v7_floor(now() - interval '1 day')";
  assert.equal(await askFor(pool, old), 0);
  assert.ok(slowestMs < INSERT_MS_MAX, `an insert took ${slowestMs} ms`);
});

test("a million deliveries that wait for one endpoint keep none of another waiting", {
  timeout: 15 * MINUTES,
}, async (t) => {
  const { pool } = await makeDatabase(t);
  const busy = await createEndpoint(pool, []);
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select postrider.uuid_v7(), $1, 'pending', now() - n * interval '1 ms' from generate_series(1, $2) n`,
    [busy, MILLION],
  );
  const quiet = await createEndpoint(pool, []);
  await addPending(pool, quiet);
  await walk(pool);
  const startedMs = performance.now();
  const { leased } = await walk(pool);
  const tookMs = performance.now() - startedMs;
  assert.equal(leased.filter(({ endpoint }) => endpoint === busy).length, 10);
  const held = await askFor(
    pool,
    "select count(*)::int from postrider.delivery where endpoint_id = $1 and leased_by is not null",
    [quiet],
  );
  assert.equal(held, 1);
  assert.ok(tookMs < 200, `the walk took ${tookMs} ms`);
});

async function makeDatabase(t: TestContext): Promise<TestDatabase> {
  const database = await createDatabase({ server: "alone" });
  t.after(() => database.drop());
  return database;
}

/** A million events of that time, each delivered at its first attempt. */
async function addDelivered(session: Session, time: string): Promise<void> {
  await session.query(
    `with added as (
       insert into postrider.outbox (id, event_type, payload)
       select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor(${time})::text, 14) || '7' from 1)::uuid,
              'order.paid', '{"amount": 1}'
       from generate_series(1, $1)
       returning id
     ), sent as (
       insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status)
       select a.id, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), ${time}, 1, 5, 200 from added a
       returning event_id, endpoint_id
     )
     insert into postrider.delivery (event_id, endpoint_id, state, attempts, finished_at)
     select s.event_id, s.endpoint_id, 'succeeded', 1, ${time} from sent s`,
    [MILLION],
  );
}

/** Inserts as an application does until it is stopped, which resolves with how long the slowest insert took. */
function keepInserting(session: pg.Client): { stop(): Promise<number> } {
  let isStopped = false;
  const slowest = (async () => {
    let slowestMs = 0;
    while (!isStopped) {
      const startedMs = performance.now();
      await insertEvent(session, "order.paid");
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      await pause(PAUSE_MS);
    }
    return slowestMs;
  })();
  return {
    stop: () => {
      isStopped = true;
      return slowest;
    },
  };
}
