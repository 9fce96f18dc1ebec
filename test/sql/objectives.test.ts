/** Charts of what the minutes and hours have, and how deliveries stand to their objectives. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { schemaFiles } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvents, reset, rowsOf } from "../support/engine.ts";

const database = useDatabase();

/** The minute in which the test began, so that it may end in another one. */
let minute: string;

beforeEach(async () => {
  await reset(database.pool);
  minute = String(await askFor(database.pool, "select date_bin('1 minute', now(), 'epoch')::text"));
});

interface Counted {
  readonly endpoint: string;
  readonly minutesAgo: number;
  readonly succeeded?: number;
  readonly failures?: Readonly<Record<string, number>>;
  readonly exhausted?: number;
  readonly excused?: number;
  readonly requests?: readonly number[];
  readonly delays?: readonly number[];
}

/** As a daemon appends it. */
async function append({ endpoint, minutesAgo, ...counted }: Counted): Promise<void> {
  const { succeeded = 0, failures = null, exhausted = 0, excused = 0, requests = [], delays = [] } = counted;
  const failed = Object.values(failures ?? {}).reduce((sum, count) => sum + count, 0);
  const row = {
    ...{ succeeded_first: succeeded, succeeded_later: 0, failed, failures, exhausted, discarded: 0, sent_again: 0 },
    ...{ failed_again: 0, excused, sent_bytes: 0, request_ms_total: 0, request_ms: requests, delay_ms: delays },
  };
  const total = { ...row, claimed: succeeded, flushes: 1, in_flight_max: 0, waiting_max: 0 };
  await database.pool.query(
    `select postrider_internal.append_minutes($1, $2,
       extract(epoch from date_bin('1 minute', now() - $3 * interval '1 minute', 'epoch')) * 1000, $4, $5)`,
    [
      randomUUID(),
      randomUUID(),
      minutesAgo,
      JSON.stringify([{ endpoint_id: endpoint, ...row }]),
      JSON.stringify(total),
    ],
  );
}

async function makeHours(): Promise<void> {
  while ((await askFor(database.pool, "select postrider_internal.make_hour(now())")) !== null) {}
}

type Bar = Readonly<Record<string, unknown>>;

function chart(since: string, asked: { endpoint?: string; tenant?: string; step?: string } = {}): Promise<Bar[]> {
  return rowsOf<Bar>(
    database.pool,
    `select at, length::text, claimed::int, succeeded_first::int, failed::int, failures, request_ms, delay_ms
     from postrider.chart(now() - $1::interval, $2, $3, $4)`,
    [since, asked.step ?? null, asked.endpoint ?? null, asked.tenant ?? null],
  );
}

const lived = (bars: readonly Bar[]) => bars.filter(({ failed }) => failed !== null);
const sumOf = (bars: readonly Bar[], name: string) => bars.reduce((sum, bar) => sum + Number(bar[name] ?? 0), 0);

describe("a chart", () => {
  test("has a bar for each step, null where no daemon lived, and 0 where nothing happened", async () => {
    const [busy, idle] = [await createEndpoint(database.pool, []), await createEndpoint(database.pool, [])];
    const counted = { succeeded: 3, failures: { 503: 1 }, requests: [0, 4], delays: [3] };
    await append({ endpoint: busy, minutesAgo: 20, ...counted });
    await append({ endpoint: busy, minutesAgo: 20, succeeded: 1, failures: { 503: 1, dns: 2 }, requests: [5] });
    const all = await chart("1 hour");
    assert.equal(all.length, 61);
    assert.deepEqual(
      lived(all).map(({ at, ...bar }) => bar),
      [
        {
          ...{ length: "00:01:00", claimed: 4, succeeded_first: 4, failed: 4, failures: { 503: 2, dns: 2 } },
          ...{ request_ms: ["5", "4"], delay_ms: ["3"] },
        },
      ],
    );
    const nothing = { claimed: null, succeeded_first: 0, failed: 0, failures: null, request_ms: [], delay_ms: [] };
    assert.deepEqual(
      lived(await chart("1 hour", { endpoint: idle })).map(({ at, length, ...bar }) => bar),
      [nothing],
    );
    assert.equal(sumOf(await chart("1 hour", { endpoint: busy }), "failed"), 4);
  });

  test("says the same from the hours as from the minutes, over all, of a tenant and of an endpoint", async () => {
    const { pool } = database;
    const mine = await createEndpoint(pool, [], { tenant: "acme" });
    const other = await createEndpoint(pool, [], { tenant: "acme" });
    const foreign = await createEndpoint(pool, []);
    for (const minutesAgo of [1, 100, 200, 3_000, 3_010, 9_000]) {
      for (const endpoint of [mine, other, foreign]) {
        await append({ endpoint, minutesAgo, succeeded: 2, failures: { timeout: 1 }, requests: [0, 0, 3] });
      }
    }
    const looks = async () => ({
      all: lived(await chart("7 days")),
      tenant: lived(await chart("7 days", { tenant: "acme" })),
      endpoint: lived(await chart("7 days", { endpoint: mine })),
      month: lived(await chart("30 days")),
    });
    const before = await looks();
    await makeHours();
    assert.deepEqual(await looks(), before);
    assert.deepEqual(
      Object.values(before).map((bars) => [bars[0]?.length, sumOf(bars, "failed"), sumOf(bars, "succeeded_first")]),
      [
        ["01:00:00", 18, 36],
        ["01:00:00", 12, 24],
        ["01:00:00", 6, 12],
        ["06:00:00", 18, 36],
      ],
    );
    const [made] = await rowsOf<{ hours: number; parts: number }>(
      pool,
      `select count(distinct date_bin('1 hour', m.minute, 'epoch'))::int as hours,
              (select count(*)::int from postrider.daemon_hour_part) as parts
       from postrider.daemon_minute m where m.minute < (select made_until from postrider.hour_cursor)`,
    );
    assert.ok(made !== undefined && made.hours > 1);
    assert.equal(made.parts, made.hours);
    await append({ endpoint: mine, minutesAgo: 3_005, succeeded: 100 });
    assert.equal(sumOf(await chart("7 days"), "succeeded_first"), 136, "a minute that comes late is in its hour");
  });

  test("says the same from the five minutes of an endpoint as from its minutes, and counts a late one once", async () => {
    const { pool } = database;
    const [mine, other] = [await createEndpoint(pool, [], { tenant: "acme" }), await createEndpoint(pool, [])];
    for (const minutesAgo of [1, 100, 200, 201, 207, 1_000, 1_430]) {
      for (const endpoint of [mine, mine, other]) {
        await append({ endpoint, minutesAgo, succeeded: 2, failures: { 503: 1 }, requests: [0, 3], delays: [2] });
      }
    }
    const looks = async () => ({
      endpoint: lived(await chart("24 hours", { endpoint: mine })),
      tenant: lived(await chart("24 hours", { tenant: "acme" })),
      minutes: lived(await chart("4 hours", { endpoint: mine, step: "1 minute" })),
      long: lived(await chart("6 hours", { endpoint: mine, step: "7 minutes" })),
    });
    const before = await looks();
    await makeHours();
    assert.deepEqual(await looks(), before);
    assert.deepEqual(
      Object.values(before).map((bars) => [bars[0]?.length, sumOf(bars, "failed"), sumOf(bars, "succeeded_first")]),
      [
        ["00:05:00", 14, 28],
        ["00:05:00", 14, 28],
        ["00:01:00", 10, 20],
        ["00:10:00", 10, 20],
      ],
    );
    const parts = "select count(*)::int from postrider.endpoint_five_minutes_part where endpoint_id = $1";
    assert.ok(Number(await askFor(pool, parts, [mine])) > 1);
    await append({ endpoint: mine, minutesAgo: 1_000, succeeded: 100 });
    assert.equal(sumOf(await chart("24 hours", { endpoint: mine }), "succeeded_first"), 128);
    // Charts of a day need no older ones.
    await append({ endpoint: mine, minutesAgo: 1_600, succeeded: 1 });
    const kept = Number(await askFor(pool, parts, [mine]));
    await pool.query("update postrider.hour_cursor set made_until = made_until - interval '1 hour'");
    await makeHours();
    assert.equal(await askFor(pool, parts, [mine]), kept - 1);
  });

  test("of what was before an upgrade reads the same sums as an hour that is made by now", async () => {
    const { pool } = database;
    const tables = ["endpoint_five_minutes_part", "daemon_hour_part", "unmatched_hour"];
    for (const minutesAgo of [1, 200, 201, 207, 1_000]) {
      await pool.query(
        `insert into postrider.unmatched_minute_part (minute, events, event_type, tenant)
         select date_bin('1 minute', now() - $1 * interval '1 minute', 'epoch'), 2, 'order.paid', 'acme'`,
        [minutesAgo],
      );
      for (const endpoint of [randomUUID(), await createEndpoint(pool, [])]) {
        const counted = { failures: { 503: 1, timeout: 2 }, exhausted: 1, excused: 1, requests: [0, 3], delays: [2] };
        await append({ endpoint, minutesAgo, succeeded: 2, ...counted });
        await append({ endpoint, minutesAgo, succeeded: 1 });
      }
    }
    await makeHours();
    const sums = () =>
      Promise.all(
        tables.map((table) => rowsOf(pool, `select to_jsonb(t) as row from postrider.${table} t order by 1`)),
      );
    const made = await sums();
    assert.ok(made.every((rows) => rows.length > 1));
    for (const table of tables) await pool.query(`delete from postrider.${table}`);
    for (const name of ["0032_objectives", "0035_five_minutes"]) {
      const text = schemaFiles().tables.find((file) => file.name === name)?.text ?? "";
      await pool.query(text.slice(text.indexOf("-- Of the hours that were made without them.")));
    }
    assert.deepEqual(await sums(), made);
  });

  test("never has more than 300 bars, and takes the step that is asked for", async () => {
    for (const [since, step, length] of [
      ["1 hour", "10 minutes", "00:10:00"],
      ["1 hour", "1 second", "00:01:00"],
      ["24 hours", null, "00:05:00"],
      ["24 hours", "1 minute", "00:05:00"],
      ["4 hours", "1 minute", "00:01:00"],
      ["4 hours", "2 minutes", "00:05:00"],
      ["7 days", "1 minute", "01:00:00"],
      ["30 days", "90 minutes", "03:00:00"],
    ] as const) {
      const bars = await chart(since, step === null ? {} : { step });
      assert.deepEqual([bars[0]?.length, bars.length <= 300], [length, true], `${since}, ${step}, ${bars.length} bars`);
    }
    assert.equal((await chart("-1 hour")).length, 0);
    await assert.rejects(chart("1 hour", { step: "-1 minute" }), { code: "22023", message: "the step is -00:01:00" });
  });
});

type Judged = Readonly<Record<string, unknown>>;

async function judge(endpoint: string | null = null, tenant: string | null = null): Promise<Judged> {
  const [judged] = await rowsOf<Judged>(
    database.pool,
    `select target::float8, within::text, set_for, in_time, budget_left, good::int, bad::int, overdue::int, is_exact, left_out::int,
            burn_5m, burn_30m, burn_1h, burn_6h, is_burning
     from postrider.judge_objective($1, $2)`,
    [endpoint, tenant],
  );
  return judged ?? {};
}

/** So many within 10 ms, a minute, and later. */
const delays = (early: number, justInTime: number, late: number) => [early, 0, 0, 0, 0, 0, 0, 0, justInTime, late];

describe("an objective", () => {
  test("counts what arrived in time, late, or not at all, without what a person decided about", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await append({ endpoint, minutesAgo: 2, exhausted: 3, excused: 1, delays: delays(900, 90, 8) });
    await append({ endpoint, minutesAgo: 10_000, delays: delays(9_000, 0, 0) });
    const expected = {
      ...{ target: 0.999, within: "00:01:00", set_for: "default", good: 9_990, bad: 10, overdue: 0, is_exact: true },
      ...{ left_out: 0, in_time: 0.999, is_burning: true },
    };
    for (const judged of [await judge(), await judge(endpoint), await judge(null, "")]) {
      const { budget_left, burn_5m, burn_30m, burn_1h, burn_6h, ...rest } = judged;
      assert.deepEqual(rest, expected);
      assert.ok(Math.abs(Number(budget_left)) < 1e-9, "the budget is used up exactly");
      for (const burn of [burn_5m, burn_30m, burn_1h, burn_6h]) assert.ok(Math.abs(Number(burn) - 10) < 1e-9);
    }
    await makeHours();
    assert.equal((await judge()).good, 9_990);
    await append({ endpoint, minutesAgo: 3, delays: delays(2_000, 0, 0) });
    assert.equal((await judge(endpoint)).is_burning, false, "no longer six times too fast");
    assert.equal((await judge(null, "nobody")).in_time, null);
  });

  test("counts what is overdue now, or an endpoint that gets nothing at all would look perfect", async () => {
    const { pool } = database;
    const endpoint = await createEndpoint(pool, []);
    await append({ endpoint, minutesAgo: 2, delays: [90] });
    const add = (at: string, next: string, columns = "", values = "") =>
      pool.query(
        `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at${columns})
         select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor(now() - $1::interval)::text, 14) || '7' from 1)::uuid,
                $2, 'pending', now() + $3::interval${values}`,
        [at, endpoint, next],
      );
    await add("2 minutes", "1 hour", ", attempts", ", 3");
    await add("2 minutes", "-90 s");
    await add("30 s", "-20 s");
    await add("2 minutes", "1 hour");
    await add("2 minutes", "1 hour", ", attempts, attempts_before", ", 4, 3");
    for (const judged of [await judge(), await judge(endpoint)]) {
      assert.deepEqual([judged.overdue, judged.good, judged.in_time], [2, 90, 90 / 92]);
    }
    await pool.query("select postrider.pause_endpoint($1, 'their maintenance')", [endpoint]);
    for (const judged of [await judge(), await judge(endpoint)]) {
      assert.deepEqual([judged.overdue, judged.left_out], [0, 1]);
    }
    await insertEvents(pool, "order.paid", 3);
    assert.equal((await judge()).overdue, 0);
    await pool.query("update postrider.outbox set created_at = now() - interval '2 minutes'");
    assert.equal((await judge()).overdue, 3, "no daemon has claimed them");
  });

  test("looks at 20,000 deliveries of an endpoint that wait, and says that there may be more", async () => {
    const { pool } = database;
    const [endpoint, other] = [await createEndpoint(pool, []), await createEndpoint(pool, [])];
    const add = (to: string, from: number, until: number, attempts: number) =>
      pool.query(
        `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, attempts)
         select overlay(postrider.uuid_v7_floor(now() - interval '1 hour' + n * interval '1 ms')::text placing '7' from 15 for 1)::uuid,
                $1, 'pending', now() + interval '1 day', $4
         from generate_series($2::integer, $3::integer) n`,
        [to, from, until, attempts],
      );
    await add(endpoint, 1, 1, 1);
    await add(endpoint, 2, 19_999, 0);
    const judged = async (id: string) => {
      const { overdue, is_exact } = await judge(id);
      return { overdue, is_exact };
    };
    assert.deepEqual(await judged(endpoint), { overdue: 1, is_exact: true });
    await add(endpoint, 20_000, 20_001, 1);
    assert.deepEqual(await judged(endpoint), { overdue: 2, is_exact: false });
    await add(other, 1, 600, 1);
    assert.deepEqual(await judged(other), { overdue: 500, is_exact: false });
  });

  test("is the most specific one, and who set it is in the audit", async () => {
    const { pool } = database;
    const endpoint = await createEndpoint(pool, [], { tenant: "acme" });
    await append({ endpoint, minutesAgo: 2, delays: delays(0, 10, 0) });
    const set = async () => {
      const { target, within, set_for, good } = await judge(endpoint);
      return [target, within, set_for, good];
    };
    await pool.query("select postrider.set_objective(0.99, '5 minutes', reason => 'promised')");
    assert.deepEqual(await set(), [0.99, "00:05:00", "all", 10]);
    await pool.query("select postrider.set_objective(0.9, '10 seconds', tenant => 'acme')");
    assert.deepEqual(await set(), [0.9, "00:00:10", "tenant", 0]);
    await pool.query("select postrider.set_objective(0.5, '2 hours', $1)", [endpoint]);
    await pool.query("select postrider.set_objective(0.6, '2 hours', $1)", [endpoint]);
    assert.deepEqual(await set(), [0.6, "02:00:00", "endpoint", 10]);
    assert.equal(await askFor(pool, "select postrider.drop_objective($1)", [endpoint]), true);
    assert.equal(await askFor(pool, "select postrider.drop_objective($1)", [endpoint]), false);
    assert.equal((await judge(endpoint)).set_for, "tenant");
    await pool.query("update postrider.objective set target = 0.95 where tenant = 'acme'");
    assert.deepEqual(
      await rowsOf(
        pool,
        `select action, endpoint_id is not null as is_of_endpoint, detail ->> 'reason' as reason, before -> 'target' as before, after -> 'target' as after
         from postrider.audit where action like '%objective' order by id`,
      ),
      [
        { action: "set_objective", is_of_endpoint: false, reason: "promised", before: null, after: 0.99 },
        { action: "set_objective", is_of_endpoint: false, reason: null, before: null, after: 0.9 },
        { action: "set_objective", is_of_endpoint: true, reason: null, before: null, after: 0.5 },
        { action: "set_objective", is_of_endpoint: true, reason: null, before: 0.5, after: 0.6 },
        { action: "drop_objective", is_of_endpoint: true, reason: null, before: 0.6, after: null },
        { action: "drop_objective", is_of_endpoint: true, reason: null, before: null, after: null },
        { action: "update objective", is_of_endpoint: false, reason: null, before: 0.9, after: 0.95 },
      ],
    );
  });

  test("refuses what it could not judge by, and says what it can", async () => {
    const { pool } = database;
    const set = (call: string) => pool.query(`select postrider.set_objective(${call})`);
    await assert.rejects(set("99.9"), /target is a share below 1, such as 0.999/);
    await assert.rejects(set("0.9, '7 minutes'"), /within is one of the bounds that delays are counted by/);
    await assert.rejects(set(`endpoint_id => '${randomUUID()}'`), /there is no endpoint/);
    await assert.rejects(
      set(`endpoint_id => '${randomUUID()}', tenant => 'acme'`),
      /an endpoint and a tenant are given/,
    );
    await assert.rejects(judge(randomUUID()), /there is no endpoint/);
  });
});

test("unmatched events are counted from hours and minutes alike", async () => {
  const { pool } = database;
  await pool.query(
    `insert into postrider.unmatched_minute_part (minute, events, event_type, tenant)
     select $1::timestamptz - m * interval '1 minute', 1, 'order.' || m % 2, '' from unnest('{1,2,100,190,1000,3000}'::int[]) m`,
    [minute],
  );
  const count = (since: string) =>
    rowsOf(
      pool,
      "select event_type, events::int from postrider.count_unmatched($1::timestamptz - $2::interval) order by event_type",
      [minute, since],
    );
  const expected = [
    { event_type: "order.0", events: 4 },
    { event_type: "order.1", events: 1 },
  ];
  assert.deepEqual(await count("1 day"), expected);
  await makeHours();
  assert.deepEqual(await count("1 day"), expected);
  assert.equal(
    await askFor(pool, "select sum(events)::int from postrider.unmatched_hour"),
    await askFor(
      pool,
      "select sum(events)::int from postrider.unmatched_minute_part where minute < (select made_until from postrider.hour_cursor)",
    ),
  );
  assert.deepEqual(await count("1 minute"), [{ event_type: "order.1", events: 1 }]);
});
