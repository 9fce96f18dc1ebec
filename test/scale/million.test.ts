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
import { ExplainingSession, pagesOf } from "../support/plans.ts";
import { createPullEndpoint, fetchPage } from "../support/pulling.ts";

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

test("a page of a pull endpoint costs the same before a million events, and in the midst of them", {
  timeout: 15 * MINUTES,
}, async (t) => {
  const { pool, url } = await makeDatabase(t);
  const session = await ExplainingSession.open(t, url);
  const pages: number[] = [];
  for (const depth of [0, MILLION]) {
    const endpoint = await createPullEndpoint(pool, []);
    await pool.query(
      `with event as (
         insert into postrider.outbox (event_type, payload) select 'order.paid', '{}' from generate_series(1, 300 + $2::integer / 2) returning id, seq)
       insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
       select e.id, $1, 'pending', now() - interval '1 hour' + e.seq * interval '1 us' from event e`,
      [endpoint, depth],
    );
    let next: string | null = null;
    for (let n = 0; n < 3; n++) {
      const page = await session.explain((client) => fetchPage(client, endpoint, next, { eventsMax: 100 }));
      assert.equal(page.result.events.length, 100);
      next = page.result.next;
      if (n > 0) pages.push(pagesOf(page.plans));
    }
    // The first half is fetched, and the second comes.
    await pool.query(
      `update postrider.delivery set state = 'succeeded', finished_at = now(), next_attempt_at = null, pull_place = p.place
       from (select event_id, (select last_place from postrider.pull_position where endpoint_id = $1)
                    + row_number() over (order by next_attempt_at) as place
             from postrider.delivery where endpoint_id = $1 and pull_place is null) p
       where delivery.event_id = p.event_id and endpoint_id = $1`,
      [endpoint],
    );
    await pool.query(
      "update postrider.pull_position set last_place = last_place + $2::integer / 2, acknowledged_place = last_place + $2::integer / 2 where endpoint_id = $1",
      [endpoint, depth],
    );
    await pool.query(
      `with event as (
         insert into postrider.outbox (event_type, payload) select 'order.paid', '{}' from generate_series(1, 300 + $2::integer / 2) returning id, seq)
       insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
       select e.id, $1, 'pending', now() - interval '1 hour' + e.seq * interval '1 us' from event e`,
      [endpoint, depth],
    );
    await pool.query("vacuum analyze postrider.delivery");
    const midst = await session.explain((client) => fetchPage(client, endpoint, null, { eventsMax: 100 }));
    assert.equal(midst.result.events.length, 100);
    pages.push(pagesOf(midst.plans));
  }
  t.diagnostic(`pages: ${pages.join(", ")}`);
  const [few, many] = [pages.slice(0, 3), pages.slice(3)].map((counts) => Math.max(...counts));
  assert.ok((many ?? 0) <= 1.5 * (few ?? 0), `${pages}`);
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
