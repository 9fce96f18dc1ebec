/** The cost of the operator's views as data grows, in pages read, because these do not depend on the machine. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, type TestContext, test } from "node:test";
import { statusText } from "../../src/cli/statusText.ts";
import { statementText } from "../../src/db/sqlFiles.ts";
import { readStatus, type Status } from "../../src/db/status.ts";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  beat,
  claimEvents,
  createEndpoint,
  insertEvents,
  openSession,
  reset,
  rowsOf,
  type Session,
  walk,
} from "../support/engine.ts";
import { addAttempts, addDeliveries, addEvents, addPastDays } from "../support/pastDays.ts";
import { describePlan, ExplainingSession, partsOf } from "../support/plans.ts";

const NOWHERE = "00000000-0000-0000-0000-000000000000";
const FEW = 10_000;
const MANY = 50_000;
/** With today, the days ahead and the default partition there are 42. */
const PAST_DAYS = 33;
/** How much more a query may cost over five times the rows. */
const GROWTH_MAX = 1.5;

const database = useDatabase({ server: "alone" });

beforeEach(async () => {
  const { pool } = database;
  await addPastDays(pool, PAST_DAYS);
  await pool.query("truncate postrider.outbox, postrider.delivery, postrider.other_attempt");
  await reset(pool);
});

interface Fill {
  readonly what: string;
  /** Adds this many rows. */
  readonly add: (count: number) => Promise<void>;
}

/** Rows that may become very many. */
const FILLS: readonly Fill[] = [
  { what: "deliveries of one endpoint, due by now or later", add: addWaiting },
  { what: "deliveries that have succeeded in the last hour, and their attempts", add: addSucceeded },
  { what: "deliveries that were exhausted", add: addExhausted },
  { what: "unclaimed events", add: (count) => addEvents(database.pool, "day.passed", count, PAST_DAYS) },
];

/** The views that an operator reads. */
const LOOKS: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  backlog: (session) => session.query("select * from postrider.backlog"),
  undelivered: (session) => session.query("select * from postrider.undelivered"),
  endpoint_health: (session) => session.query("select * from postrider.endpoint_health"),
  in_flight: (session) => session.query("select * from postrider.in_flight"),
  daemon_status: (session) => session.query("select * from postrider.daemon_status"),
  "figures for metrics": (session) => session.query(statementText("measure_figures"), [1_000]),
  "what waits, for metrics": (session) => session.query(statementText("measure_waiting"), [NOWHERE, NOWHERE, 2_000]),
  "the newest of delivery_status": (session) =>
    session.query("select * from postrider.delivery_status order by event_id desc limit 20"),
};

describe("an operator's query over five times the rows does not read five times the pages", () => {
  for (const { what, add } of FILLS) {
    test(what, async (t) => {
      const session = await openQuietly(t);
      const pages: Record<string, number[]> = {};
      for (const count of [FEW, MANY - FEW]) {
        await add(count);
        for (const [name, look] of Object.entries(LOOKS)) {
          pages[name] = [...(pages[name] ?? []), await pagesRead(session, look)];
        }
        const status = await pagesRead(session, () => readStatus(session));
        pages.status = [...(pages.status ?? []), status];
      }
      t.diagnostic(
        Object.entries(pages)
          .map(([name, each]) => `${name} ${each.join(", then ")}`)
          .join("; "),
      );
      for (const [name, [few = 0, many = 0]] of Object.entries(pages)) {
        assert.ok(many <= few * GROWTH_MAX, `${name} read ${few} pages, and ${many} of five times as much`);
      }
    });
  }
});

test("a count that stops at its limit is shown as inexact, with the oldest event of all; later endpoints are exact", async () => {
  const { pool } = database;
  const ids = [];
  for (let count = 0; count < 4; count++) ids.push(await createEndpoint(pool, []));
  const [few, many, just, last] = ids.toSorted();
  await addPending(pool, String(few));
  // The oldest event is due last, because it has had more attempts than the others.
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor('2020-01-02')::text, 14) || '7' from 1)::uuid,
            $1, 'pending', now() + interval '1 day'`,
    [many],
  );
  await addPendingOf(String(many), 10_000, "now()");
  await addPendingOf(String(just), 9_999, "now()");
  await addPendingOf(String(just), 1, "now() + interval '1 hour'");
  await addPendingOf(String(last), 2, "now()");
  await insertEvents(pool, "order.paid", 10_001);
  const rows = await rowsOf(
    pool,
    `select endpoint_id, pending::integer, due::integer, is_exact, to_char(oldest_at at time zone 'UTC', 'YYYY') as year
     from postrider.backlog order by endpoint_id`,
  );
  const year = String(new Date().getUTCFullYear());
  assert.deepEqual(rows, [
    { endpoint_id: few, pending: 1, due: 1, is_exact: true, year },
    { endpoint_id: many, pending: 10_000, due: 10_000, is_exact: false, year: "2020" },
    { endpoint_id: just, pending: 10_000, due: 9_999, is_exact: true, year },
    { endpoint_id: last, pending: 2, due: 2, is_exact: true, year },
    { endpoint_id: null, pending: 10_000, due: 10_000, is_exact: false, year },
  ]);
  const status = await readStatus({ pool });
  assert.deepEqual(exactness(status), [false, false, true, true, true, false].toSorted());
  const text = statusText(status);
  assert.match(
    text,
    /\nbacklog: 20003\+ pending \(20002\+ due\), 0 first attempts in progress, 10000\+ events unclaimed\n/,
  );
  assert.match(text, /\n {2}active +10000\+ +10000\+ /);
  assert.match(text, /\n {2}active +10000 +9999 /);
});

test("after ten large backlogs, each further one is counted only up to a hundredth of the limit", async () => {
  const { pool } = database;
  const counted = async () =>
    await rowsOf(
      pool,
      `select pending::integer, due::integer, is_exact, count(*)::integer as endpoints
       from postrider_internal.count_waiting(200) group by 1, 2, 3 order by 1 desc`,
    );
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select postrider.uuid_v7(), lpad(to_hex(n), 32, '0')::uuid, 'pending', now()
     from generate_series(1, 30) n cross join generate_series(1, 201)`,
  );
  assert.deepEqual(await counted(), [
    { pending: 200, due: 200, is_exact: false, endpoints: 10 },
    { pending: 2, due: 2, is_exact: false, endpoints: 20 },
  ]);
  await pool.query(
    "delete from postrider.delivery where ctid in (select max(ctid) from postrider.delivery group by endpoint_id)",
  );
  assert.deepEqual((await counted())[0], { pending: 200, due: 200, is_exact: true, endpoints: 10 });
});

test("exhausted and discarded deliveries are counted up to a limit an endpoint, and a hundredth of it after ten large ones", async () => {
  const { pool } = database;
  const counted = async () =>
    await rowsOf(
      pool,
      `select exhausted::integer, discarded::integer, is_exact, count(*)::integer as endpoints
       from postrider_internal.count_undelivered(200) group by 1, 2, 3 order by 1 desc`,
    );
  assert.deepEqual(await counted(), []);
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, reason, finished_at)
     select postrider.uuid_v7(), lpad(to_hex(n), 32, '0')::uuid,
            case when n = 1 and m <= 50 then 'succeeded' when n = 1 and m <= 80 then 'discarded' else 'exhausted' end, 'why', now()
     from generate_series(1, 30) n cross join generate_series(1, 201) m`,
  );
  assert.deepEqual(await counted(), [
    { exhausted: 200, discarded: 0, is_exact: false, endpoints: 9 },
    { exhausted: 121, discarded: 30, is_exact: true, endpoints: 1 },
    { exhausted: 2, discarded: 0, is_exact: false, endpoints: 20 },
  ]);
  await pool.query(
    "delete from postrider.delivery where ctid in (select max(ctid) from postrider.delivery group by endpoint_id)",
  );
  assert.deepEqual((await counted())[0], { exhausted: 200, discarded: 0, is_exact: true, endpoints: 9 });
});

test("a query for one event or for attempts in flight reads only the right day among forty", async (t) => {
  const { pool, url } = database;
  const [waiting, plain] = [await createEndpoint(pool, []), await createEndpoint(pool, ["order.paid"])];
  await addEvents(pool, "day.passed", FEW, PAST_DAYS);
  await addDeliveries(pool, "day.passed", waiting, 1);
  await addAttempts(pool, waiting);
  const daemon = randomUUID();
  await beat(pool, daemon);
  await pool.query("update postrider.claim set base = pg_current_snapshot()");
  await insertEvents(pool, "order.paid", 5);
  const { pairs } = await claimEvents(pool, { daemon });
  assert.deepEqual(new Set(pairs.map(({ endpoint }) => endpoint)), new Set([plain]));
  const { leased } = await walk(pool, { daemon, deliveries: 20, share: 20 });
  const session = await openQuietly(t);
  const [old] = await rowsOf<{ event_id: string }>(pool, "select event_id from postrider.delivery limit 1");
  const observer = await openSession(t, url);
  assert.equal((await rowsOf(observer, "select from postrider.in_flight")).length, 25);
  for (const event of [old?.event_id, leased[0]?.event, pairs[0]?.event]) {
    for (const [view, pagesMax] of [
      // Each column that is looked up by the event and the endpoint costs two pages; forty days of one would be eighty.
      ["delivery_status", 44],
      ["in_flight", 20],
    ] as const) {
      const { plans } = await session.explain((look) =>
        look.query(`select * from postrider.${view} where event_id = $1`, [event]),
      );
      const read = plans.flatMap(({ root }) => partsOf(root)).filter(({ loops }) => loops > 0);
      const days = new Set(read.flatMap(({ relation }) => relation?.match(/_(default|\d{8})$/)?.[1] ?? []));
      const report = plans.map(describePlan).join("\n");
      assert.ok(days.size <= 1, `${[...days]}\n${report}`);
      assert.ok((plans[0]?.root.pages ?? 0) <= pagesMax, report);
    }
  }
  // Two pages of each day's index, and one read for each pair and each leased row.
  const pages = await pagesRead(session, LOOKS.in_flight ?? (() => Promise.reject(new Error("no such look"))));
  assert.ok(pages <= 200, `${pages} pages`);
});

function exactness({ backlog, endpoints }: Status): boolean[] {
  return [
    backlog.pending_is_exact,
    backlog.unclaimed_is_exact,
    ...endpoints.map(({ pending_is_exact }) => pending_is_exact),
  ].toSorted();
}

/** A session that logs the plans of whole statements, not those that a function executes for each row. */
function openQuietly(t: TestContext): Promise<ExplainingSession> {
  return ExplainingSession.open(t, database.url, ["auto_explain.log_nested_statements = off"]);
}

/** Runs the query twice, because the first run also reads the catalog. */
async function pagesRead(session: ExplainingSession, look: (session: Session) => Promise<unknown>): Promise<number> {
  await look(session.pool);
  const { plans } = await session.explain(look);
  return plans.reduce((pages, { root }) => pages + root.pages, 0);
}

/** For one endpoint, in no order. */
async function addWaiting(count: number): Promise<void> {
  const { pool } = database;
  const [known] = await rowsOf<{ id: string }>(pool, "select id from postrider.endpoint limit 1");
  await addPendingOf(
    known?.id ?? (await createEndpoint(pool, [])),
    count,
    "now() + (random() - 0.5) * interval '1 day'",
  );
}

/** One every 10 ms, recorded in the order of their events, as they mostly are; those added later happened later. */
async function addSucceeded(count: number): Promise<void> {
  const { pool } = database;
  const endpoint = await createEndpoint(pool, []);
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, attempts, finished_at, first_attempt_id, first_daemon_id,
       first_started_at, first_duration_ms, first_http_status)
     select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor(
              now() + ((select count(*) from postrider.delivery) + n - $2) * interval '10 ms')::text, 14) || '7' from 1)::uuid,
            $1, 'succeeded', 1, now(), gen_random_uuid(), gen_random_uuid(), now(), 12, 200
     from generate_series(1, $3) n`,
    [endpoint, MANY, count],
  );
}

/** Of one endpoint, with a failed attempt each in the last hour. */
async function addExhausted(count: number): Promise<void> {
  const { pool } = database;
  const [known] = await rowsOf<{ id: string }>(pool, "select id from postrider.endpoint limit 1");
  await pool.query(
    `with ended as (
       insert into postrider.delivery (event_id, endpoint_id, state, attempts, finished_at)
       select postrider.uuid_v7(), $1, 'exhausted', 9, now() from generate_series(1, $2)
       returning event_id, endpoint_id)
     insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, failure_kind, error)
     select event_id, endpoint_id, gen_random_uuid(), gen_random_uuid(), now(), 9, 5, 'timeout', 'it took too long' from ended`,
    [known?.id ?? (await createEndpoint(pool, [])), count],
  );
}

async function addPendingOf(endpoint: string, count: number, due: string): Promise<void> {
  await database.pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select postrider.uuid_v7(), $1, 'pending', ${due} from generate_series(1, $2)`,
    [endpoint, count],
  );
}
