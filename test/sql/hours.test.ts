/** What happened in each hour: made of the minutes when it is over, kept for longer, and right when a minute comes late. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, makePartitions, openSession, reset, rowsOf, type Session } from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

/** The hour that ends at six has been over for an hour. */
const NOW = "2020-03-02T07:00:00Z";
const STEPS_MAX = 300;

interface Counted {
  readonly endpoint: string;
  readonly minute: string;
  readonly succeeded?: number;
  readonly failures?: Readonly<Record<string, number>>;
  readonly durations?: readonly number[];
  readonly part?: string;
}

/** As a daemon appends it; the same part twice is a repeat. */
async function append({ endpoint, minute, succeeded = 0, failures, durations = [], part }: Counted): Promise<string> {
  const partId = part ?? randomUUID();
  const failed = Object.values(failures ?? {}).reduce((sum, count) => sum + count, 0);
  const row = {
    ...{ endpoint_id: endpoint, succeeded_first: succeeded, succeeded_later: 1, failed, failures: failures ?? null },
    ...{ exhausted: 1, discarded: 2, sent_again: 3, failed_again: 4, excused: 5, sent_bytes: 100, request_ms_total: 7 },
    ...{ request_ms: durations, delay_ms: durations },
  };
  await database.pool.query(
    "select postrider_internal.append_minutes($1, $2, extract(epoch from $3::timestamptz) * 1000, $4, null)",
    [randomUUID(), partId, minute, JSON.stringify([row])],
  );
  return partId;
}

/** Takes steps until none is left; the hours that were made. */
async function maintain(now: string | null = NOW, session: Session = database.pool): Promise<string[]> {
  const hours: string[] = [];
  for (let step = 0; step < STEPS_MAX; step++) {
    const [done] = await rowsOf<{ outcome: string; subject: string }>(session, "select * from postrider.maintain($1)", [
      now,
    ]);
    if (done === undefined || done.outcome === "busy") return hours;
    if (done.outcome === "summed") hours.push(done.subject);
  }
  throw new Error("maintenance does not end");
}

function hoursOf(endpoint: string): Promise<unknown[]> {
  return rowsOf(
    database.pool,
    `select to_char(hour at time zone 'UTC', 'DD HH24') as hour, succeeded_first::int as succeeded, failures
     from postrider.endpoint_hour where endpoint_id = $1 order by 1`,
    [endpoint],
  );
}

const parts = () => askFor(database.pool, "select count(*)::int from postrider.endpoint_hour_part");

describe("endpoint_hour", () => {
  test("has the sums of all minutes and daemons, before its hours are made and after", async () => {
    const { pool } = database;
    const endpoint = await createEndpoint(pool, []);
    const gone = randomUUID();
    for (const minute of ["2020-03-02T04:00Z", "2020-03-02T04:59Z", "2020-03-02T04:59Z", "2020-03-02T06:30Z"]) {
      await append({ endpoint, minute, succeeded: 2, failures: { 503: 1, timeout: 2 }, durations: [0, 1] });
      await append({ endpoint: gone, minute, durations: [0, 0, 0, 4] });
    }
    await append({ endpoint, minute: "2020-03-02T04:30Z", durations: Array.from({ length: 17 }, () => 1) });
    const all = () =>
      rowsOf(pool, "select h.*, h.hour::text from postrider.endpoint_hour h order by h.hour, h.endpoint_id").then(
        (rows) => JSON.stringify(rows),
      );
    const before = await all();
    assert.deepEqual(await hoursOf(endpoint), [
      { hour: "02 04", succeeded: 6, failures: { 503: 3, timeout: 6 } },
      { hour: "02 06", succeeded: 2, failures: { 503: 1, timeout: 2 } },
    ]);
    assert.deepEqual(
      await rowsOf(
        pool,
        `select succeeded_later::int, failed::int, exhausted::int, discarded::int, sent_again::int, failed_again::int,
                excused::int, sent_bytes::int, request_ms_total::int, request_ms, delay_ms, url
         from postrider.endpoint_hour where endpoint_id = $1 and hour = '2020-03-02T04:00Z'`,
        [endpoint],
      ),
      [
        {
          ...{
            succeeded_later: 4,
            failed: 9,
            exhausted: 4,
            discarded: 8,
            sent_again: 12,
            failed_again: 16,
            excused: 20,
          },
          ...{ sent_bytes: 400, request_ms_total: 28, url: "http://receiver.test/" },
          request_ms: [1, 4, ...Array.from({ length: 15 }, () => 1)],
          // A daemon counts up to 16; what is stored beyond is left out.
          delay_ms: [1, 4, ...Array.from({ length: 14 }, () => 1)],
        },
      ],
    );
    assert.equal((await maintain()).length, 1, "the hour from 6 on is not over");
    assert.equal(await parts(), 2, "one row for each endpoint");
    assert.equal(await all(), before);
    assert.deepEqual(await maintain(), []);
    await pool.query("truncate postrider.hour_cursor");
    await maintain();
    assert.equal(await parts(), 2, "nor is it made twice if it is forgotten that it was");
    await maintain("2020-03-02T08:00Z");
    assert.equal(await parts(), 4);
    assert.equal(await all(), before);
  });

  test("is made once by several daemons that maintain at the same time", async (t) => {
    for (let hour = 10; hour < 20; hour++) {
      for (let minute = 10; minute < 15; minute++) {
        await append({ endpoint: randomUUID(), minute: `2020-03-01T${hour}:${minute}Z`, succeeded: 1 });
      }
    }
    const sessions = await Promise.all(Array.from({ length: 4 }, () => openSession(t, database.url)));
    const made = await Promise.all(sessions.map((session) => maintain(NOW, session)));
    made.push(await maintain());
    assert.equal(made.flat().length, 10);
    assert.equal(new Set(made.flat()).size, 10);
    assert.equal(await parts(), 50);
    assert.equal(await askFor(database.pool, "select sum(succeeded_first)::int from postrider.endpoint_hour"), 50);
  });

  test("counts a minute that comes after its hour was made, once", async () => {
    const endpoint = randomUUID();
    await append({ endpoint, minute: "2020-03-02T04:10Z", succeeded: 1, failures: { dns: 1 } });
    await maintain();
    const part = await append({ endpoint, minute: "2020-03-02T04:20Z", succeeded: 10, failures: { dns: 2 } });
    await append({ endpoint, minute: "2020-03-02T04:20Z", succeeded: 10, failures: { dns: 2 }, part });
    // Of an hour in which nothing had happened, and of one that is not made yet.
    await append({ endpoint, minute: "2020-03-02T03:20Z", succeeded: 100 });
    await append({ endpoint, minute: "2020-03-02T06:20Z", succeeded: 1000 });
    const expected = [
      { hour: "02 03", succeeded: 100, failures: null },
      { hour: "02 04", succeeded: 11, failures: { dns: 3 } },
      { hour: "02 06", succeeded: 1000, failures: null },
    ];
    assert.deepEqual(await hoursOf(endpoint), expected);
    await maintain("2020-03-02T12:00Z");
    assert.deepEqual(await hoursOf(endpoint), expected);
  });

  test("counts the minutes of hours that were made while the clock was ahead", async () => {
    const endpoint = randomUUID();
    const present = async () =>
      String(await askFor(database.pool, "select date_trunc('minute', clock_timestamp())::text"));
    await append({ endpoint, minute: await present(), succeeded: 1 });
    const makeHour = () => askFor(database.pool, "select postrider_internal.make_hour(now() + interval '3 hours')");
    while ((await makeHour()) !== null) {}
    await append({ endpoint, minute: await present(), succeeded: 10 });
    assert.equal(await askFor(database.pool, "select sum(succeeded_first)::int from postrider.endpoint_hour"), 11);
  });

  test("counts a late minute once, whichever of the two is first: its appending or the making of its hour", async (t) => {
    const endpoint = randomUUID();
    await append({ endpoint, minute: "2020-03-02T04:10Z", succeeded: 1 });
    const daemon = await openSession(t, database.url);
    await daemon.query("begin");
    const row = { ...{ endpoint_id: endpoint, succeeded_first: 10, succeeded_later: 0, failed: 0, exhausted: 0 } };
    await daemon.query(
      "select postrider_internal.append_minutes($1, $2, extract(epoch from '2020-03-02T04:20Z'::timestamptz) * 1000, $3, null)",
      [
        randomUUID(),
        randomUUID(),
        JSON.stringify([
          { ...row, discarded: 0, sent_again: 0, request_ms_total: 0, request_ms: [], delay_ms: [], failures: null },
        ]),
      ],
    );
    assert.deepEqual(await maintain(), [], "the hour is left for later");
    await daemon.query("commit");
    assert.equal((await maintain()).length, 1);
    assert.deepEqual(await hoursOf(endpoint), [{ hour: "02 04", succeeded: 11, failures: null }]);
  });

  test("reads one endpoint's months by its index", async () => {
    const plan = JSON.stringify(
      await rowsOf(
        database.pool,
        `explain (format json) select hour, sum(failed) from postrider.endpoint_hour
         where endpoint_id = $1 and hour > now() - interval '90 days' group by hour`,
        [randomUUID()],
      ),
    );
    assert.match(plan, /endpoint_hour_part_pkey/);
    assert.doesNotMatch(plan, /SubPlan/, "what is not asked for costs nothing");
  });
});

describe("the days of minutes and hours", () => {
  test("a day of minutes stays until its hours are made", async (t) => {
    const { pool } = database;
    for (const now of ["2020-01-20T12:00:00Z", NOW]) await makePartitions(pool, "0 days", now);
    const endpoint = randomUUID();
    await append({ endpoint, minute: "2020-01-20T12:00Z", succeeded: 1 });
    const day = "select to_regclass('postrider.endpoint_minute_part_20200120') is not null as stays";
    const other = await openSession(t, database.url);
    await other.query("begin; select postrider_internal.lock_hours()");
    await pool.query("select * from postrider.maintain($1)", [NOW]);
    await maintain();
    assert.deepEqual(await rowsOf(pool, day), [{ stays: true }]);
    await other.query("commit");
    await maintain();
    assert.deepEqual(await rowsOf(pool, day), [{ stays: false }]);
    assert.deepEqual(await hoursOf(endpoint), [{ hour: "20 12", succeeded: 1, failures: null }]);
    // Nor is a minute lost that comes when its day is gone.
    await append({ endpoint, minute: "2020-01-20T12:01Z", succeeded: 10 });
    await maintain();
    assert.deepEqual(await hoursOf(endpoint), [{ hour: "20 12", succeeded: 11, failures: null }]);
  });

  test("hours are kept for 400 days, or as long as an operator says", async (t) => {
    const { pool } = database;
    const [old, older] = [randomUUID(), randomUUID()];
    await append({ endpoint: old, minute: "2019-01-28T12:00Z" });
    await append({ endpoint: older, minute: "2019-01-26T04:00Z" });
    await maintain();
    assert.equal((await hoursOf(old)).length, 1);
    assert.deepEqual(await hoursOf(older), []);

    const operator = await openSession(t, database.url);
    await operator.query("set role postrider_operator");
    await operator.query("update postrider.retention set hours_period = '10 days'");
    t.after(() => pool.query("update postrider.retention set hours_period = default"));
    const [change] = await rowsOf<{ before: object; after: object }>(
      pool,
      "select before, after from postrider.audit where action = 'update retention' order by id desc limit 1",
    );
    assert.deepEqual(change?.before, { period: null, hours_period: "400 days" });
    assert.deepEqual(change?.after, { period: null, hours_period: "10 days" });
    await maintain();
    assert.deepEqual(await hoursOf(old), []);
    await assert.rejects(
      pool.query("update postrider.retention set hours_period = '1 hour'"),
      /hours are kept for 1 day to 100 years/,
    );
  });
});
