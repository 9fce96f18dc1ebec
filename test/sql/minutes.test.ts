/** What happened in each minute: rows that daemons, claims and functions append, and the views that sum them. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { DELAY_MS_BOUNDS, REQUEST_MS_BOUNDS } from "../../src/domain/minuteCounts.ts";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimAll,
  claimEvents,
  createEndpoint,
  insertEvent,
  insertEvents,
  makePartitions,
  openSession,
  reset,
  rowsOf,
  subscribe,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

/** What a daemon appends; members that are not given are 0. */
function counts(some: Readonly<Record<string, unknown>>) {
  const zeros = { succeeded_first: 0, succeeded_later: 0, failed: 0, exhausted: 0, discarded: 0, sent_again: 0 };
  const others = { failed_again: 0, excused: 0, sent_bytes: 0 };
  return { ...others, request_ms_total: 0, failures: null, request_ms: [], delay_ms: [], ...zeros, ...some };
}

async function append(minute: string, endpoints: readonly object[], part: string = randomUUID()): Promise<string> {
  const total = { ...counts({}), claimed: 3, flushes: 2, in_flight_max: 5, waiting_max: 6 };
  await database.pool.query(
    "select postrider_internal.append_minutes($1, $2, extract(epoch from $3::timestamptz) * 1000, $4, $5)",
    [randomUUID(), part, minute, JSON.stringify(endpoints), JSON.stringify(total)],
  );
  return part;
}

describe("endpoint_minute", () => {
  test("sums what several daemons have appended, and a part that is appended twice counts once", async () => {
    const { pool } = database;
    const endpoint = await createEndpoint(pool, ["a.b"]);
    const gone = randomUUID();
    const first = counts({
      ...{ endpoint_id: endpoint, succeeded_first: 2, failed: 1, failures: { 503: 1 }, request_ms_total: 40 },
      ...{ request_ms: [0, 2, 1], delay_ms: [1], sent_bytes: 500 },
    });
    const part = await append("2026-03-04T05:06Z", [first, counts({ endpoint_id: gone, discarded: 4 })]);
    await append("2026-03-04T05:06Z", [first], part);
    await append("2026-03-04T05:06Z", [
      counts({
        ...{ endpoint_id: endpoint, succeeded_later: 1, failed: 3, failures: { 503: 2, timeout: 1 }, exhausted: 1 },
        ...{ request_ms: [1, 0, 0, 2], sent_again: 2, request_ms_total: 2 },
        ...{ failed_again: 1, excused: 1, sent_bytes: 7 },
      }),
    ]);
    await append("2026-03-04T05:07Z", [counts({ endpoint_id: endpoint, succeeded_first: 9 })]);
    const rows = await rowsOf(
      pool,
      `select endpoint_id, tenant, url, succeeded_first::int, succeeded_later::int, failed::int, exhausted::int,
              discarded::int, sent_again::int, failures, request_ms, request_ms_total::int, delay_ms,
              failed_again::int, excused::int, sent_bytes::int
       from postrider.endpoint_minute where minute = '2026-03-04T05:06Z' order by endpoint_id = $1 desc`,
      [endpoint],
    );
    assert.deepEqual(rows, [
      {
        ...{ endpoint_id: endpoint, tenant: "", url: "http://receiver.test/" },
        ...{ succeeded_first: 2, succeeded_later: 1, failed: 4, exhausted: 1, discarded: 0, sent_again: 2 },
        ...{ failures: { 503: 3, timeout: 1 }, request_ms: [1, 2, 1, 2], request_ms_total: 42, delay_ms: [1] },
        ...{ failed_again: 1, excused: 1, sent_bytes: 507 },
      },
      {
        ...{ endpoint_id: gone, tenant: null, url: null },
        ...{ succeeded_first: 0, succeeded_later: 0, failed: 0, exhausted: 0, discarded: 4, sent_again: 0 },
        ...{ failures: null, request_ms: [], request_ms_total: 0, delay_ms: [] },
        ...{ failed_again: 0, excused: 0, sent_bytes: 0 },
      },
    ]);
    const daemons = "select count(*)::int as parts, sum(claimed)::int as claimed from postrider.daemon_minute";
    assert.deepEqual(await rowsOf(pool, daemons), [{ parts: 3, claimed: 9 }]);
  });

  test("has the bounds by which daemons count", async () => {
    const bounds = "select postrider.request_ms_bounds() as request, postrider.delay_ms_bounds() as delay";
    assert.deepEqual(await rowsOf(database.pool, bounds), [{ request: REQUEST_MS_BOUNDS, delay: DELAY_MS_BOUNDS }]);
  });

  test("gives percentiles, interpolated between two bounds, or as a bound", async () => {
    const percentile = (counts: readonly number[], fraction: number, interpolate = true) =>
      askFor(
        database.pool,
        "select round(postrider.percentile($1, postrider.request_ms_bounds(), $2, $3)::numeric, 1)::float",
        [counts, fraction, interpolate],
      );
    const beyond = [...Array.from({ length: 16 }, () => 0), 1];
    // 10 up to 1 ms, 10 from 50 to 100.
    const counts = [10, 0, 0, 0, 0, 0, 10];
    for (const [given, fraction, expected] of [
      [counts, 0.25, 0.5],
      [counts, 0.5, 1],
      [counts, 0.75, 70.7],
      [counts, 1, 100],
      [beyond, 0.5, 120_000],
      [[], 0.5, null],
      [[0, 0], 0.5, null],
    ] as const) {
      assert.equal(await percentile(given, fraction), expected, `${given} at ${fraction}`);
    }
    assert.equal(await percentile(counts, 0.75, false), 100);
    assert.equal(await percentile(beyond, 0.75, false), 120_000);
  });

  test("reads one endpoint's hours by its index, whatever else there is", async (t) => {
    const session = await openSession(t, database.url);
    const plan = await rowsOf<{ "QUERY PLAN": string }>(
      session,
      `explain select sum(failed) from postrider.endpoint_minute
       where endpoint_id = '${randomUUID()}' and minute >= now() - interval '1 day'`,
    );
    const text = plan.map((line) => line["QUERY PLAN"]).join("\n");
    assert.match(text, /endpoint_id = /);
    assert.match(text, /minute >= /);
    assert.doesNotMatch(text, /SubPlan/, "histograms that are not asked for cost nothing");
  });

  /** The minute of now, without what daemons append. */
  async function discards(counted: "discarded" | "excused" = "discarded"): Promise<Record<string, number>> {
    const rows = await rowsOf<{ endpoint_id: string; discarded: number }>(
      database.pool,
      `select endpoint_id, sum(${counted})::int as discarded from postrider.endpoint_minute
       where minute > now() - interval '2 minutes' group by endpoint_id`,
    );
    const total = await askFor(database.pool, `select coalesce(sum(${counted}), 0)::int from postrider.daemon_minute`);
    const each = Object.fromEntries(rows.map((row) => [row.endpoint_id, row.discarded]));
    assert.equal(
      Object.values(each).reduce((sum, count) => sum + count, 0),
      total,
    );
    return each;
  }

  test("has what functions discard: a cancel, a disabled or deleted endpoint, an erasure, a filter that took too long", async () => {
    const { pool } = database;
    const [cancelled, disabled, deleted] = [
      await createEndpoint(pool, []),
      await createEndpoint(pool, []),
      await createEndpoint(pool, []),
    ];
    const [event, other] = [await addPending(pool, cancelled), await addPending(pool, cancelled)];
    for (let count = 0; count < 3; count++) await addPending(pool, disabled);
    await addPending(pool, deleted);
    await pool.query("select postrider.cancel($1, $2, 'a mistake')", [event, cancelled]);
    await pool.query("select postrider.cancel($1, $2, 'again')", [event, cancelled]);
    await pool.query("select postrider.cancel($1, null, 'a mistake')", [other]);
    await pool.query("select postrider.disable_endpoint($1, 'gone')", [disabled]);
    await pool.query("delete from postrider.endpoint where id = $1", [deleted]);
    await walk(pool);
    assert.deepEqual(await discards(), { [cancelled]: 2, [disabled]: 3, [deleted]: 1 });

    await pool.query(
      "begin; select postrider.cancel($1, $2); rollback".replace("$1, $2", `'${event}', '${cancelled}'`),
    );
    assert.deepEqual(await discards(), { [cancelled]: 2, [disabled]: 3, [deleted]: 1 });

    const erased = await createEndpoint(pool, []);
    await pool.query("select postrider.erase_event($1)", [await addPending(pool, erased)]);
    assert.equal((await discards())[erased], 1);

    const filtered = await createEndpoint(pool, []);
    await subscribe(pool, filtered, "slow.one", "$.n > 1");
    await insertEvent(pool, "slow.one");
    await claimEvents(pool, { unjudged: null });
    assert.equal((await discards())[filtered], 1);
    // A person decided about these, and about no other.
    assert.deepEqual(await discards("excused"), {
      ...{ [cancelled]: 2, [disabled]: 0, [deleted]: 0, [erased]: 1, [filtered]: 0 },
    });
  });
});

describe("unmatched_minute", () => {
  function unmatched(): Promise<unknown[]> {
    return rowsOf(
      database.pool,
      `select tenant, event_type as type, sum(events)::int as events from postrider.unmatched_minute
       where minute > now() - interval '2 minutes' group by 1, 2 order by 1, 2`,
    );
  }

  test("has the events that no endpoint gets, by tenant and type, when they are claimed", async () => {
    const { pool } = database;
    await createEndpoint(pool, ["order.*"]);
    const [first] = await insertEvents(pool, "order.paid", 3);
    assert.ok(first !== undefined);
    await insertEvents(pool, "customer.created", 2);
    await insertEvent(pool, "order.paid", { tenant: "acme" });
    assert.deepEqual(await unmatched(), []);
    await claimAll(pool);
    assert.deepEqual(await unmatched(), [
      { tenant: "", type: "customer.created", events: 2 },
      { tenant: "acme", type: "order.paid", events: 1 },
    ]);
    await insertEvents(pool, "customer.created", 300);
    await claimAll(pool);
    assert.deepEqual((await unmatched())[0], { tenant: "", type: "customer.created", events: 302 });
  });

  test("has no test event, which comes with its delivery", async () => {
    const { pool } = database;
    const endpoint = await createEndpoint(pool, ["order.*"]);
    await pool.query("select postrider.send_test_event($1)", [endpoint]);
    await claimAll(pool);
    assert.deepEqual(await unmatched(), []);
  });

  test("has what no filter let through, and not what waits in the queue", async () => {
    const { pool } = database;
    const filtered = await createEndpoint(pool, []);
    await subscribe(pool, filtered, "order.paid", "$.amount > 100");
    await createEndpoint(pool, ["order.waits"], { state: "paused" });
    await insertEvent(pool, "order.paid", { payload: '{"amount": 1}' });
    await insertEvent(pool, "order.paid", { payload: '{"amount": 101}' });
    await insertEvent(pool, "order.waits");
    await insertEvent(pool, "order.scheduled");
    await claimAll(pool);
    assert.deepEqual(await unmatched(), [
      { tenant: "", type: "order.paid", events: 1 },
      { tenant: "", type: "order.scheduled", events: 1 },
    ]);
  });
});

describe("the days of the minutes", () => {
  const NOW = "2020-03-02T12:00:00Z";

  test("are dropped past the retention, and so are rows that no day holds", async () => {
    const { pool } = database;
    for (const now of ["2020-01-20T12:00:00Z", NOW]) await makePartitions(pool, "0 days", now);
    for (const minute of ["2020-01-20T12:00Z", "2020-01-21T12:00Z", "2020-02-20T12:00Z", "2020-03-02T12:00Z"]) {
      await append(minute, [counts({ endpoint_id: randomUUID(), failed: 1 })]);
    }
    const steps = [];
    for (let step = 0; step < 100; step++) {
      const [done] = await rowsOf<{ outcome: string; subject: string }>(pool, "select * from postrider.maintain($1)", [
        NOW,
      ]);
      if (done === undefined) break;
      steps.push(`${done.outcome} ${done.subject}`);
    }
    for (const parent of ["endpoint_minute_part", "unmatched_minute_part"]) {
      assert.ok(steps.includes(`dropped ${parent}_20200120`), steps.join(", "));
    }
    const left = "select to_char(minute at time zone 'UTC', 'MM-DD') as day from postrider.endpoint_minute order by 1";
    assert.deepEqual(await rowsOf(pool, left), [{ day: "02-20" }, { day: "03-02" }]);
    assert.equal(await askFor(pool, "select count(*)::int from postrider.daemon_minute"), 2);
  });

  test("begin at midnight UTC, whatever the session's settings are", async (t) => {
    const session = await openSession(t, database.url);
    await session.query("set timezone = 'Asia/Kathmandu'; set datestyle = 'SQL, DMY'");
    await makePartitions(session, "0 days", "2019-11-12T23:30:00Z");
    await append("2019-11-12T23:59Z", [counts({ endpoint_id: randomUUID() })]);
    await append("2019-11-13T00:00Z", [counts({ endpoint_id: randomUUID() })]);
    const places =
      "select tableoid::regclass::text as place from postrider.endpoint_minute_part where minute < '2019-12-01' order by minute";
    assert.deepEqual(
      (await rowsOf<{ place: string }>(database.pool, places)).map(({ place }) => place.replace("postrider.", "")),
      ["endpoint_minute_part_20191112", "endpoint_minute_part_default"],
    );
  });
});
