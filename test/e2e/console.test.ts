/** What an operator says in SQL, and what a running daemon makes of it; and payloads that Postgres cannot read. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { parseSecret, verifySignature } from "../../src/format/sign.ts";
import { type RunningDaemon, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, insertEvents, reset, rowsOf, subscribe } from "../support/engine.ts";
import { type Answer, OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

/** Nothing in a test that starts a daemon with it waits for the poll. */
const NO_POLL: Partial<Config> = { pollIntervalMs: 3_600_000 };
/**
 * So long an answer takes where a test needs deliveries to wait in the daemon's memory: several reviews, and not so long
 * that the endpoint seems to hang and they are handed back.
 */
const SLOW: Answer = { kind: "status", status: 200, delayMs: 900 };
/** Deliveries of which the last have to wait for two slow answers: eight are sent at once, then 16, then 32. */
const MANY = 56;

const database = useDatabase();

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

let pathCount = 0;
/** A path that no other test uses, with its script. */
function route(answer: Answer | ((received: Received) => Answer) = OK): string {
  pathCount += 1;
  const path = `/console/${pathCount}`;
  receiver.script(path, answer);
  return path;
}

async function run(t: TestContext): Promise<RunningDaemon> {
  const running = await startDaemon(database.url, NO_POLL);
  t.after(() => running.daemon.stop());
  return running;
}

async function createEndpoint(
  path: string,
  eventTypes: readonly string[] = ["*"],
  options: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly id: string; readonly secret: string }> {
  const [row] = await rowsOf<{ endpoint_id: string; secret: string }>(
    database.pool,
    "select endpoint_id, secret from postrider.create_endpoint($1, $2, '', $3)",
    [receiver.url(path), eventTypes, JSON.stringify(options)],
  );
  assert.ok(row !== undefined);
  return { id: row.endpoint_id, secret: row.secret };
}

function cancel(event: string, endpoint: string): Promise<unknown> {
  return askFor(database.pool, "select postrider.cancel($1, $2)", [event, endpoint]);
}

/** How many deliveries are in each state. */
async function states(): Promise<Readonly<Record<string, number>>> {
  const rows = await rowsOf<{ state: string; count: number }>(
    database.pool,
    "select state, count(*)::integer from postrider.delivery_status group by state",
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

async function nothingPending(): Promise<void> {
  await until("nothing is pending", async () => (await states()).pending === undefined);
}

describe("a delivery that is cancelled", () => {
  test("is not sent any more where it waits in the daemon's memory", async (t) => {
    const path = route(SLOW);
    const endpoint = await createEndpoint(path);
    await run(t);
    const events = await insertEvents(database.pool, "order.paid", MANY);
    await receiver.got(path, 8);
    const cancelled = events.slice(-10);
    // In one statement, so that a busy machine is not through with the first answers before the last cancel.
    await database.pool.query("select postrider.cancel(event_id, $1) from unnest($2::uuid[]) event_id", [
      endpoint.id,
      cancelled,
    ]);
    await nothingPending();
    assert.deepEqual(await states(), { succeeded: MANY - 10, discarded: 10 });
    const sent = new Set(receiver.requests(path).map(({ id }) => id));
    assert.deepEqual(
      cancelled.filter((event) => sent.has(event)),
      [],
    );
    assert.equal(sent.size, MANY - 10);
  });

  test("gets no further attempt while one is in flight: it is discarded if that fails, and succeeds if it succeeds", async (t) => {
    const path = route({ kind: "hang" });
    const endpoint = await createEndpoint(path, ["*"], { retry_schedule: ["1 ms"] });
    await run(t);
    const failing = await insertEvent(database.pool, "order.paid");
    await receiver.got(path, 1);
    assert.equal(await cancel(failing, endpoint.id), "pending");
    receiver.release(path, 500);
    await nothingPending();
    const succeeding = await insertEvent(database.pool, "order.paid");
    await receiver.got(path, 2);
    await cancel(succeeding, endpoint.id);
    receiver.release(path, 200);
    await nothingPending();
    // One that is not cancelled has its retry, and so would the first one have had.
    const kept = await insertEvent(database.pool, "order.paid");
    await receiver.got(path, 3);
    receiver.release(path, 500);
    await receiver.got(path, 4);
    receiver.release(path, 200);
    await nothingPending();
    assert.deepEqual(
      receiver.requests(path).map(({ id }) => id),
      [failing, succeeding, kept, kept],
    );
    assert.deepEqual(
      new Map(
        (
          await rowsOf<{ event_id: string; state: string; reason: string | null }>(
            database.pool,
            "select event_id, state, reason from postrider.delivery",
          )
        ).map(({ event_id, state, reason }) => [event_id, [state, reason]]),
      ),
      new Map([
        [failing, ["discarded", "cancelled"]],
        [succeeding, ["succeeded", null]],
        [kept, ["succeeded", null]],
      ]),
    );
    await until(
      "no mark is left",
      async () => (await askFor(database.pool, "select count(*) from postrider.cancellation")) === "0",
    );
  });
});

describe("an edit of an endpoint takes effect without a new claim:", () => {
  test("what waits in memory goes to the new URL", async (t) => {
    const [old, fresh] = [route(SLOW), route()];
    const endpoint = await createEndpoint(old);
    await run(t);
    const events = await insertEvents(database.pool, "order.paid", MANY);
    await receiver.got(old, 8);
    await database.pool.query("update postrider.endpoint set url = $1 where id = $2", [
      receiver.url(fresh),
      endpoint.id,
    ]);
    await nothingPending();
    const [toOld, toFresh] = [receiver.accepted(old), receiver.accepted(fresh)];
    assert.ok(toFresh.size >= 10, `${toFresh.size} went to the new URL`);
    assert.deepEqual([...toOld, ...toFresh].toSorted(), events.toSorted());
  });

  test("and so does the retry of what has failed", async (t) => {
    const [old, fresh] = [route({ kind: "hang" }), route()];
    const endpoint = await createEndpoint(old, ["*"], { retry_schedule: ["1 ms"] });
    await run(t);
    const event = await insertEvent(database.pool, "order.paid");
    await receiver.got(old, 1);
    await database.pool.query("update postrider.endpoint set url = $1 where id = $2", [
      receiver.url(fresh),
      endpoint.id,
    ]);
    receiver.release(old, 500);
    await receiver.got(fresh, 1);
    await nothingPending();
    assert.deepEqual([receiver.requests(old).length, [...receiver.accepted(fresh)]], [1, [event]]);
  });

  test("a deleted endpoint gets nothing of what waits in memory, and each delivery says why", async (t) => {
    const path = route(SLOW);
    await createEndpoint(path);
    await run(t);
    await insertEvents(database.pool, "order.paid", MANY);
    await receiver.got(path, 8);
    await database.pool.query("delete from postrider.endpoint");
    await nothingPending();
    const { succeeded, discarded } = await states();
    assert.equal(succeeded, receiver.accepted(path).size);
    assert.ok((discarded ?? 0) >= 10 && (succeeded ?? 0) + (discarded ?? 0) === MANY);
    assert.deepEqual(
      await rowsOf(database.pool, "select distinct reason from postrider.delivery where state = 'discarded'"),
      [{ reason: "the endpoint was deleted" }],
    );
  });
});

test("after rotate_secret requests verify with the old secret and with the new one, and after the overlap with the new one alone", async (t) => {
  const path = route();
  const endpoint = await createEndpoint(path);
  await run(t);
  const rotate = (overlap: string) =>
    askFor(database.pool, "select postrider.rotate_secret($1, $2)", [endpoint.id, overlap]);
  const verifies = async (): Promise<(secret: unknown) => boolean> => {
    const count = receiver.requests(path).length + 1;
    await insertEvent(database.pool, "order.paid");
    await receiver.got(path, count);
    const request = receiver.requests(path).at(-1);
    assert.ok(request !== undefined);
    return (secret) => isVerified(request, String(secret));
  };
  const second = await rotate("1 hour");
  const third = await rotate("1 hour");
  let isGood = await verifies();
  assert.deepEqual([isGood(endpoint.secret), isGood(second), isGood(third)], [true, true, true]);
  const last = await rotate("0");
  isGood = await verifies();
  assert.deepEqual([isGood(endpoint.secret), isGood(second), isGood(third), isGood(last)], [false, false, false, true]);
  // The overlap of a rotation runs out with no edit to tell the daemon: it knew from the beginning.
  const newest = await rotate("5 s");
  isGood = await verifies();
  assert.deepEqual([isGood(last), isGood(newest)], [true, true]);
  await until("the overlap is over", async () => {
    isGood = await verifies();
    return !isGood(last);
  });
  assert.equal(isGood(newest), true);
});

test("the health of an endpoint follows what its receiver does, and one that only fails is disabled", async (t) => {
  const path = route(status(503));
  const endpoint = await createEndpoint(path, ["*"], { retry_schedule: ["100 ms", "100 ms", "1 s"] });
  await run(t);
  const health = async () => {
    const [row] = await rowsOf<{ state: string; is_failing: boolean; failures: number; last_http_status: number }>(
      database.pool,
      "select state, is_failing, consecutive_failures::integer as failures, last_http_status from postrider.endpoint_health",
    );
    assert.ok(row !== undefined);
    return row;
  };
  await insertEvent(database.pool, "order.paid");
  await until("three attempts have failed", async () => (await health()).failures === 3);
  assert.deepEqual(await health(), { state: "active", is_failing: true, failures: 3, last_http_status: 503 });
  receiver.script(path, OK);
  await nothingPending();
  assert.deepEqual(await health(), { state: "active", is_failing: false, failures: 0, last_http_status: 503 });

  receiver.script(path, status(503));
  await insertEvent(database.pool, "order.paid");
  await until("it fails again", async () => (await health()).is_failing);
  await database.pool.query(
    "update postrider.endpoint_failure set failing_since = now() - interval '6 days'; alter table postrider.endpoint disable trigger endpoint_changing; update postrider.endpoint set state_changed_at = now() - interval '7 days'; alter table postrider.endpoint enable trigger endpoint_changing",
  );
  await insertEvent(database.pool, "order.paid");
  await until("it is disabled", async () => (await health()).state === "disabled");
  await nothingPending();
  const reason = await askFor(database.pool, "select state_reason from postrider.endpoint where id = $1", [
    endpoint.id,
  ]);
  assert.match(String(reason), /^nothing but failures since .*: the receiver answered 503/);
});

test("payloads and filters that make Postgres raise stop neither the insert nor the stream, and the delivery says why", async (t) => {
  const [filtered, dated, plain] = [route(), route(), route()];
  const large = await createEndpoint(filtered, [], { format: "raw" });
  await subscribe(database.pool, large.id, "*", "$.amount > 100");
  const timed = await createEndpoint(dated, []);
  await subscribe(database.pool, timed.id, "*", '$.at.datetime() < "2030-01-01T00:00:00+00".datetime()');
  await createEndpoint(plain, ["*"], { format: "raw", timeout_ms: 60_000 });
  await run(t);
  const levels = 5_000;
  const payloads = {
    nul: '{"amount": "\\u0000"}',
    beyond: '{"amount": 1e999999}',
    deep: `{"amount": 500, "in": ${"[".repeat(levels)}${"]".repeat(levels)}}`,
    long: `{"amount": 500, "text": "${"x".repeat(50_000_000)}"}`,
    date: '{"amount": 1, "at": "2026-01-01"}',
    good: '{"amount": 500, "at": "2026-01-01T00:00:00+00"}',
  };
  const events = new Map<string, string>();
  for (const [name, payload] of Object.entries(payloads)) {
    events.set(name, await insertEvent(database.pool, "order.paid", { payload }));
  }
  await receiver.got(plain, events.size, 60_000);
  await nothingPending();
  for (const [name, payload] of Object.entries(payloads)) {
    const request = receiver.requests(plain).find(({ id }) => id === events.get(name));
    assert.ok(request?.body.equals(Buffer.from(payload)), `the payload "${name}" arrives as it was written`);
  }
  const idsOf = (...names: string[]) => names.map((name) => events.get(name)).toSorted();
  assert.deepEqual([...receiver.accepted(dated)], idsOf("good"));
  const reasons = await rowsOf<{ event_id: string; endpoint_id: string; reason: string }>(
    database.pool,
    "select event_id, endpoint_id, reason from postrider.delivery_status where state = 'discarded'",
  );
  const reasonOf = (name: string, endpoint: string) =>
    reasons.find((row) => row.event_id === events.get(name) && row.endpoint_id === endpoint)?.reason ?? "none";
  assert.match(reasonOf("long", large.id), /^the payload has \d+ bytes, and filters are applied up to 1048576$/);
  assert.deepEqual([...receiver.accepted(filtered)].toSorted(), idsOf("deep", "good"));
  for (const endpoint of [large.id, timed.id]) {
    assert.match(reasonOf("nul", endpoint), /^no filter can be applied to the payload: unsupported Unicode/);
    assert.match(reasonOf("beyond", endpoint), /^no filter can be applied to the payload: value overflows numeric/);
  }
  assert.match(
    reasonOf("date", timed.id),
    /^the filter .* cannot be applied to the payload: cannot convert value from date/,
  );
});

function isVerified(request: Received, secret: string): boolean {
  const parsed = parseSecret(secret);
  assert.ok(parsed.kind === "key");
  const headers = {
    id: String(request.headers["webhook-id"]),
    timestamp: String(request.headers["webhook-timestamp"]),
    signature: String(request.headers["webhook-signature"]),
  };
  const nowSeconds = Number(headers.timestamp);
  return verifySignature([parsed.key], headers, request.body, nowSeconds).kind === "verified";
}
