/** What a daemon had recorded and not counted when it was killed is counted again from its attempts, once. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import type { Attempt } from "../../src/domain/attempt.ts";
import { countAttempt, countEnd, delayMsOf, makeCounts, trimmed } from "../../src/domain/minuteCounts.ts";
import { useDatabase } from "../support/database.ts";
import { deliveryOf } from "../support/delivery.ts";
import { askFor, insertEvent, openSession, reset, rowsOf } from "../support/engine.ts";

const database = useDatabase();

/** Whole minutes ago; a minute is looked at when it has been over for ten. */
let atMs: (minutesAgo: number, seconds?: number) => number;

beforeEach(async () => {
  await reset(database.pool);
  const now = Number(
    await askFor(database.pool, "select extract(epoch from date_bin('1 min', now(), 'epoch')) * 1000"),
  );
  atMs = (minutesAgo, seconds = 1) => now - minutesAgo * 60_000 + seconds * 1_000;
});

interface Recorded {
  readonly daemon: string;
  readonly endpoint: string;
  readonly startedMs: number;
  readonly durationMs?: number;
  readonly number?: number;
  readonly httpStatus?: number | null;
  readonly failureKind?: Attempt["failureKind"];
  /** What became of the delivery; by default it succeeded, or waits. */
  readonly state?: "succeeded" | "pending" | "exhausted" | "discarded";
  readonly reason?: string;
  readonly attemptsBefore?: number;
  /** The row of a success that was made right after the claim. */
  readonly isFirst?: boolean;
  readonly recordedMs?: number;
}

/** Rows as a daemon leaves them. */
async function record(given: Recorded): Promise<string> {
  const { pool } = database;
  const { daemon, endpoint, startedMs, durationMs = 7, number = 1, httpStatus = 200, failureKind = null } = given;
  const { isFirst = false, attemptsBefore = 0, reason = null, recordedMs = startedMs + durationMs } = given;
  const state = given.state ?? (failureKind === null ? "succeeded" : "pending");
  const id = await insertEvent(pool, "order.paid");
  await pool.query("update postrider.outbox set created_at = to_timestamp($2::float / 1000) where id = $1", [
    id,
    startedMs - 40,
  ]);
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, reason, attempts, attempts_before, finished_at, next_attempt_at)
     values ($1, $2, $3, $4, $5, $6, case when $3 <> 'pending' then to_timestamp($7::float / 1000) end, case when $3 = 'pending' then now() end)`,
    [id, endpoint, state, reason, number, attemptsBefore, recordedMs],
  );
  if (isFirst) {
    await pool.query(
      `update postrider.delivery set first_attempt_id = gen_random_uuid(), first_daemon_id = $2, first_duration_ms = $3,
         first_started_at = to_timestamp($4::float / 1000), first_http_status = $5 where event_id = $1`,
      [id, daemon, durationMs, startedMs, httpStatus],
    );
  } else {
    await pool.query(
      `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error)
       values ($1, $2, gen_random_uuid(), $3, to_timestamp($4::float / 1000), $5, $6, $7, $8::text, case when $8::text is not null then '?' end)`,
      [id, endpoint, daemon, startedMs, number, durationMs, httpStatus, failureKind],
    );
  }
  return id;
}

function rebuild(since = "1 day"): Promise<unknown[]> {
  return rowsOf(
    database.pool,
    "select minutes::int, attempts::int from postrider.rebuild_minutes(now() - $1::interval)",
    [since],
  );
}

/** What the daemon appended before it was killed. */
function counted(daemon: string, minutesAgo: number): Promise<unknown> {
  return database.pool.query("select postrider_internal.append_minutes($1, gen_random_uuid(), $2, '[]', $3)", [
    daemon,
    atMs(minutesAgo, 0),
    JSON.stringify({ ...rowOf(makeCounts()), claimed: 1, flushes: 1, in_flight_max: 0, waiting_max: 0 }),
  ]);
}

function rowOf(counts: ReturnType<typeof makeCounts>) {
  return { ...counts, request_ms: trimmed(counts.request_ms), delay_ms: trimmed(counts.delay_ms) };
}

const attempts = () =>
  askFor(
    database.pool,
    "select coalesce(sum(succeeded_first + succeeded_later + failed), 0)::int from postrider.endpoint_minute",
  );

test("what is counted afterwards is what the daemon would have counted, apart from bytes and load", async () => {
  const { pool } = database;
  const [daemon, endpoint] = [randomUUID(), randomUUID()];
  const startedMs = atMs(30);
  const each: readonly Partial<Recorded>[] = [
    { isFirst: true },
    { isFirst: true, durationMs: 10 },
    { durationMs: 11, number: 3 },
    { number: 5, attemptsBefore: 3 },
    { failureKind: "status", httpStatus: 503, number: 2 },
    { failureKind: "timeout", httpStatus: null, durationMs: 15_000, state: "exhausted", number: 9 },
    { failureKind: "status", httpStatus: 500, state: "exhausted", number: 12, attemptsBefore: 10 },
    { failureKind: "status", httpStatus: 410, state: "discarded", reason: "the receiver answered 410" },
    // A function has discarded this one, and counted it.
    { failureKind: "dns", httpStatus: null, state: "discarded", reason: "cancelled: a mistake" },
  ];
  const expected = makeCounts();
  for (const one of each) {
    const given = { daemon, endpoint, startedMs, ...one };
    await record(given);
    const { durationMs = 7, number = 1, httpStatus = 200, failureKind = null, attemptsBefore = 0 } = given;
    const state = given.state ?? (failureKind === null ? "succeeded" : "pending");
    const result = {
      delivery: deliveryOf({
        event: { createdAt: new Date(startedMs - 40).toISOString() },
        ...{ endpointId: endpoint, daemonId: daemon },
        ...{ attempts: number - 1, attemptsBefore, isAgain: attemptsBefore > 0 },
      }),
      attempt: {
        ...{ id: "5", startedAtMs: startedMs, durationMs, requests: 1, httpStatus, failureKind },
        ...{ error: failureKind === null ? null : "?", responseHeaders: null, responseBody: null },
      },
      ...{ endpointRevision: "1", bodyBytes: 0 },
      decision:
        state === "pending"
          ? { state, waitMs: 1 }
          : state === "discarded"
            ? { state, reason: given.reason ?? "", endpointGone: true }
            : { state },
    } as const;
    countAttempt(expected, result, delayMsOf(result, 0));
    if (given.reason?.startsWith("cancelled") !== true) countEnd(expected, result);
  }
  assert.deepEqual(await rebuild(), [{ minutes: 1, attempts: each.length }]);
  const columns = Object.keys(expected).map((name) => {
    const isNumber = !["failures", "request_ms", "delay_ms"].includes(name);
    return isNumber ? `${name}::int` : name;
  });
  const wanted = { ...rowOf(expected), sent_bytes: null };
  for (const table of ["endpoint_minute", "daemon_minute"]) {
    const rows = await rowsOf(pool, `select ${columns.join(", ")} from postrider.${table}`);
    assert.deepEqual(rows, [wanted], table);
  }
  const unknown = "select claimed, flushes, in_flight_max, waiting_max, daemon_id from postrider.daemon_minute";
  assert.deepEqual(await rowsOf(pool, unknown), [
    { claimed: null, flushes: null, in_flight_max: null, waiting_max: null, daemon_id: daemon },
  ]);
});

describe("only what is missing is added", () => {
  test("once, however often and from whatever time on it is asked for, with a row in the audit", async () => {
    const { pool } = database;
    const [daemon, endpoint] = [randomUUID(), randomUUID()];
    for (const minutesAgo of [200, 100, 30]) {
      await record({ daemon, endpoint, startedMs: atMs(minutesAgo), isFirst: true });
    }
    assert.deepEqual(await rebuild("50 minutes"), [{ minutes: 1, attempts: 1 }]);
    assert.deepEqual(await rebuild("50 minutes"), [{ minutes: 0, attempts: 0 }]);
    assert.deepEqual(await rebuild("5 hours"), [{ minutes: 2, attempts: 2 }]);
    assert.deepEqual(await rebuild("5 hours"), [{ minutes: 0, attempts: 0 }]);
    assert.equal(await attempts(), 3);
    const audit = await rowsOf<{ detail: { attempts: number } }>(
      pool,
      "select detail from postrider.audit where action = 'rebuild_minutes' order by at",
    );
    assert.deepEqual(
      audit.map(({ detail }) => detail.attempts),
      [1, 0, 2, 0],
    );
  });

  test("behind the last minute that the daemon wrote, by when a first success was recorded", async () => {
    const [daemon, endpoint] = [randomUUID(), randomUUID()];
    await counted(daemon, 40);
    await record({ daemon, endpoint, startedMs: atMs(40), isFirst: true });
    await record({ daemon, endpoint, startedMs: atMs(45), number: 2 });
    // Its answer came in the minute that the daemon wrote, its record in the next one; and the clock of this one is ahead.
    await record({ daemon, endpoint, startedMs: atMs(40, 59), isFirst: true, recordedMs: atMs(39, 0) });
    await record({ daemon, endpoint, startedMs: atMs(39), isFirst: true, recordedMs: atMs(40, 58) });
    await record({ daemon, endpoint, startedMs: atMs(39), failureKind: "tls", httpStatus: null });
    assert.deepEqual(await rebuild(), [{ minutes: 1, attempts: 2 }]);
    const minute = "select extract(epoch from minute)::float * 1000 from postrider.endpoint_minute";
    assert.equal(await askFor(database.pool, minute), atMs(39, 0));
  });

  test("of no daemon that lives, and nothing of the last ten minutes", async () => {
    const { pool } = database;
    const [living, gone, endpoint] = [randomUUID(), randomUUID(), randomUUID()];
    await pool.query("select postrider_internal.beat($1, 'host', 1, '0', 60000, 0, 0)", [living]);
    await record({ daemon: living, endpoint, startedMs: atMs(30) });
    await record({ daemon: gone, endpoint, startedMs: atMs(8) });
    assert.deepEqual(await rebuild(), [{ minutes: 0, attempts: 0 }]);
    await pool.query("update postrider.daemon set lease_expires_at = now() - interval '1 s'");
    assert.deepEqual(await rebuild(), [{ minutes: 1, attempts: 1 }]);
  });

  test("also if the daemon was not gone, and appends the minute after all", async () => {
    const { pool } = database;
    const [daemon, endpoint] = [randomUUID(), randomUUID()];
    await record({ daemon, endpoint, startedMs: atMs(30), isFirst: true });
    await rebuild();
    const append = (minutesAgo: number) =>
      pool.query("select postrider_internal.append_minutes($1, gen_random_uuid(), $2, $3, null)", [
        daemon,
        atMs(minutesAgo, 0),
        JSON.stringify([{ endpoint_id: endpoint, ...rowOf({ ...makeCounts(), succeeded_first: 1 }) }]),
      ]);
    await append(30);
    assert.equal(await attempts(), 1);
    await append(29);
    assert.equal(await attempts(), 2);
  });

  test("to the hours that are made, too", async () => {
    const { pool } = database;
    const [daemon, endpoint] = [randomUUID(), randomUUID()];
    await record({ daemon, endpoint, startedMs: atMs(300), isFirst: true });
    for (let step = 0; step < 100; step++) {
      if ((await rowsOf(pool, "select * from postrider.maintain()")).length === 0) break;
    }
    await rebuild();
    await rebuild();
    assert.equal(await askFor(pool, "select count(*)::int from postrider.endpoint_hour_part"), 1);
    assert.equal(await askFor(pool, "select sum(succeeded_first)::int from postrider.endpoint_hour"), 1);
  });
});

test("without a time, or by a reader, it is refused", async (t) => {
  await assert.rejects(database.pool.query("select postrider.rebuild_minutes(null)"), /since is null/);
  const reader = await openSession(t, database.url);
  await reader.query("set role postrider_reader");
  await assert.rejects(reader.query("select postrider.rebuild_minutes(now())"), { code: "42501" });
  assert.deepEqual(await rebuild("100 years"), [{ minutes: 0, attempts: 0 }]);
});
