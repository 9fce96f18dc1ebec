import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, beforeEach, describe, type TestContext, test } from "node:test";
import pg from "pg";
import { claimDeliveries } from "../../../src/daemon/claim/dueDeliveries.ts";
import { claimEvents } from "../../../src/daemon/claim/newEvents.ts";
import { Recorder, type RecorderOptions } from "../../../src/daemon/record/recorder.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import type { Attempt } from "../../../src/domain/attempt.ts";
import type { Delivery, DeliveryResult } from "../../../src/domain/delivery.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { useDatabase } from "../../support/database.ts";
import {
  addPending,
  askFor,
  beat,
  createEndpoint,
  deliveries,
  insertEvents,
  openSession,
  reset,
  rowsOf,
} from "../../support/engine.ts";
import { until } from "../../support/until.ts";

let pool: Database;

// Before the database is dropped, which is the next hook of its kind.
after(() => pool.end());
const database = useDatabase();

beforeEach(async () => {
  pool ??= new Database({
    config: connectionConfig({ databaseUrl: database.url, applicationName: "recorder" }),
    purpose: "pipeline",
    max: 2,
  });
  await reset(database.pool);
});

interface Recording {
  readonly recorder: Recorder;
  readonly emitted: KeptEvents;
  readonly conditions: Conditions;
  readonly recorded: DeliveryResult[];
  /** How many results each flush had. */
  readonly flushes: number[];
}

function record(t: TestContext, options: Pick<RecorderOptions, "fewWaitMs"> = {}): Recording {
  const emitted = new KeptEvents();
  const recorded: DeliveryResult[] = [];
  const conditions = new Conditions(emitted);
  const flushes: number[] = [];
  const recorder = new Recorder({
    database: pool,
    events: emitted,
    conditions,
    onRecorded: (results) => {
      recorded.push(...results);
      flushes.push(results.length);
    },
    ...options,
  });
  t.after(() => recorder.close(randomUUID(), 0));
  return { recorder, emitted, conditions, recorded, flushes };
}

/** This many first attempts in hand, of one claim that the recorder knows. */
async function claim(recorder: Recorder, daemonId: string, count: number): Promise<readonly Delivery[]> {
  await beat(database.pool, daemonId);
  await insertEvents(database.pool, "order.paid", count);
  const page = await claimEvents(pool, { daemonId, eventsMax: 500, asideMax: 500, pairsMax: 1_000, unjudged: [] });
  assert.equal(page.deliveries.length, count);
  recorder.claims.open(String(page.claimId), daemonId, count);
  return page.deliveries;
}

function succeeded(delivery: Delivery, changes: Partial<Attempt> = {}): DeliveryResult {
  const attempt: Attempt = {
    id: randomUUID(),
    startedAtMs: 1_750_000_000_000,
    durationMs: 12,
    requests: 1,
    httpStatus: 200,
    failureKind: null,
    error: null,
    responseHeaders: { "content-type": "text/plain" },
    responseBody: "thank you",
    ...changes,
  };
  return { delivery, attempt, endpointRevision: "1", bodyBytes: 0, decision: { state: "succeeded" } };
}

function addAll(recorder: Recorder, results: readonly DeliveryResult[]): void {
  for (const result of results) {
    recorder.add(result);
  }
}

function countOf(sql: string): Promise<number> {
  return askFor(database.pool, `select count(*) from ${sql}`).then(Number);
}

/** Blocks writes of deliveries until the returned function is called. */
async function holdDeliveries(t: TestContext): Promise<() => Promise<void>> {
  const session = await openSession(t, database.url);
  await session.query("begin; lock table postrider.delivery in share mode");
  return async () => {
    await session.query("commit");
  };
}

async function blockedBackend(): Promise<number> {
  let pid: number | undefined;
  await until("a flush waits for the lock", async () => {
    const found = await askFor(
      database.pool,
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'recorder/pipeline' and wait_event_type = 'Lock'`,
    );
    pid = found === undefined ? undefined : Number(found);
    return pid !== undefined;
  });
  return Number(pid);
}

describe("a few first successes", () => {
  const LONG = { fewWaitMs: 60_000 };

  beforeEach(() => createEndpoint(database.pool));

  async function hasFlushed({ flushes }: Recording, ...expected: number[]): Promise<void> {
    await until(`flushes of ${expected.join(", ")}`, () => flushes.length >= expected.length);
    assert.deepEqual(flushes, expected);
  }

  test("wait for others, and go once there are several", async (t) => {
    const recording = record(t, LONG);
    const { recorder } = recording;
    const [first, ...others] = await claim(recorder, randomUUID(), 8);
    assert.ok(first !== undefined);
    recorder.add(succeeded(first));
    await claim(recorder, randomUUID(), 1);
    assert.deepEqual(recording.flushes, []);
    addAll(
      recorder,
      others.map((delivery) => succeeded(delivery)),
    );
    await hasFlushed(recording, 8);
  });

  test("do not wait for long", async (t) => {
    const recording = record(t, { fewWaitMs: 100 });
    const { recorder } = recording;
    const [one, other] = await claim(recorder, randomUUID(), 2);
    assert.ok(one !== undefined && other !== undefined);
    recorder.add(succeeded(one));
    await hasFlushed(recording, 1);
    recorder.add(succeeded(other));
    await hasFlushed(recording, 1, 1);
  });

  test("go with a failure, which does not wait", async (t) => {
    const recording = record(t, LONG);
    const { recorder } = recording;
    const [one, other] = await claim(recorder, randomUUID(), 2);
    assert.ok(one !== undefined && other !== undefined);
    recorder.add(succeeded(one));
    recorder.add({ ...succeeded(other, { httpStatus: 500 }), decision: { state: "pending", waitMs: 1_000 } });
    await hasFlushed(recording, 2);
  });

  test("wait like those within a run, and go with its last one", async (t) => {
    const recording = record(t, LONG);
    const { recorder } = recording;
    const tenure = { kind: "leased" as const, untilMs: 0, isCounted: false, content: null };
    const [one, other] = await claim(recorder, randomUUID(), 2);
    assert.ok(one !== undefined && other !== undefined);
    const last = { ...other, tenure };
    recorder.add(succeeded({ ...one, tenure, next: last }));
    await claim(recorder, randomUUID(), 1);
    assert.deepEqual(recording.flushes, []);
    recorder.add(succeeded(last));
    await hasFlushed(recording, 2);
  });

  test("are recorded at once when the recorder is closed, whether they wait already or not", async (t) => {
    for (const isWaiting of [true, false]) {
      const recording = record(t, LONG);
      const { recorder } = recording;
      const daemonId = randomUUID();
      const [one] = await claim(recorder, daemonId, 1);
      assert.ok(one !== undefined);
      recorder.add(succeeded(one));
      if (isWaiting) {
        await claim(recorder, daemonId, 1);
      }
      assert.equal(await recorder.close(daemonId, 10_000), true);
      await hasFlushed(recording, 1);
    }
  });
});

describe("what gathers", () => {
  test("results that come together are recorded together, and each is reported once", async (t) => {
    const { recorder, recorded } = record(t);
    await createEndpoint(database.pool);
    const inHand = await claim(recorder, randomUUID(), 40);
    const query = t.mock.method(pool, "run");
    const results = inHand.map((delivery) => succeeded(delivery));
    addAll(recorder, results);
    assert.equal(recorder.pendingCount, 40);
    await recorder.drained();
    assert.equal(query.mock.callCount(), 1);
    assert.equal(recorder.pendingCount, 0);
    assert.deepEqual(new Set(recorded), new Set(results));
    assert.equal(await countOf("postrider.attempt"), 40);
    assert.equal(await countOf("postrider.delivery where state = 'succeeded' and attempts = 1"), 40);
  });

  test("the results of a batch take up as much room as the batch did, until they are recorded", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    const inHand = await claim(recorder, randomUUID(), 40);
    const members = inHand.slice(0, 30);
    for (const member of members) {
      member.batch = { id: randomUUID(), members, room: 2 };
    }
    addAll(
      recorder,
      inHand.map((delivery) => succeeded(delivery)),
    );
    assert.equal(recorder.pendingCount, 12);
    await recorder.drained();
    assert.deepEqual([recorder.pendingCount, recorder.isIdle], [0, true]);
    assert.equal(await countOf("postrider.attempt"), 40);
  });

  test("first attempts, leased ones and those of another identity go apart, and all are recorded", async (t) => {
    const { recorder } = record(t);
    const endpoint = await createEndpoint(database.pool);
    const [one, other] = [randomUUID(), randomUUID()];
    const first = await claim(recorder, one, 3);
    const second = await claim(recorder, other, 3);
    const paused = await createEndpoint(database.pool, []);
    await addPending(database.pool, paused);
    const { deliveries: leased } = await claimDeliveries(pool, one, null, 10, { known: new Map(), unknown: 8 });
    assert.equal(leased.length, 1);
    const mixed = [first[0], second[0], leased[0], second[1], first[1], second[2], first[2]];
    addAll(
      recorder,
      mixed.flatMap((delivery) => (delivery === undefined ? [] : [succeeded(delivery)])),
    );
    await recorder.drained();
    assert.equal(await countOf(`postrider.delivery where state = 'succeeded' and endpoint_id = '${endpoint}'`), 6);
    assert.equal(await countOf(`postrider.delivery where state = 'succeeded' and endpoint_id = '${paused}'`), 1);
    assert.equal(await countOf(`postrider.attempt where daemon_id = '${other}'`), 3);
  });

  test("more than fit into one flush are recorded in several", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    await createEndpoint(database.pool);
    await beat(database.pool, "00000000-0000-0000-0000-00000000000a");
    const daemonId = "00000000-0000-0000-0000-00000000000a";
    await insertEvents(database.pool, "order.paid", 400);
    const page = await claimEvents(pool, { daemonId, eventsMax: 500, asideMax: 500, pairsMax: 1_000, unjudged: [] });
    recorder.claims.open(String(page.claimId), daemonId, page.deliveries.length);
    addAll(
      recorder,
      page.deliveries.map((delivery) => succeeded(delivery)),
    );
    await recorder.drained();
    assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 800);
    assert.deepEqual(recorder.claims.of(daemonId), []);
  });
});

describe("claims", () => {
  test("a claim is open until its last result is recorded, and gone with the next flush after a newer one", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    const daemonId = randomUUID();
    const [first, ...others] = await claim(recorder, daemonId, 3);
    assert.ok(first !== undefined);
    recorder.add(succeeded(first));
    await recorder.drained();
    assert.equal(recorder.claims.of(daemonId).length, 1);
    addAll(
      recorder,
      others.map((delivery) => succeeded(delivery)),
    );
    await recorder.drained();
    assert.deepEqual(recorder.claims.of(daemonId), []);
    assert.equal(await countOf("postrider.claim where cardinality(event_ids) > 0"), 1, "the cursor stays");

    const next = await claim(recorder, daemonId, 1);
    addAll(
      recorder,
      next.map((delivery) => succeeded(delivery)),
    );
    await recorder.drained();
    assert.equal(await countOf("postrider.claim"), 1);
  });

  test("closing takes the pairs out of the cursor", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    const daemonId = randomUUID();
    addAll(
      recorder,
      (await claim(recorder, daemonId, 2)).map((delivery) => succeeded(delivery)),
    );
    assert.equal(await recorder.close(daemonId, 10_000), true);
    assert.deepEqual(await rowsOf(database.pool, "select cardinality(event_ids) as pairs from postrider.claim"), [
      { pairs: 0 },
    ]);
  });

  test("a claim of which something is left keeps its pairs when the recorder is closed", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    const daemonId = randomUUID();
    const [first] = await claim(recorder, daemonId, 2);
    assert.ok(first !== undefined);
    recorder.add(succeeded(first));
    assert.equal(await recorder.close(daemonId, 10_000), true);
    assert.equal(await askFor(database.pool, "select cardinality(event_ids) from postrider.claim"), 2);
  });

  test("results of claims that were forgotten are recorded as facts, and decide nothing", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    const [lost, successor] = [randomUUID(), randomUUID()];
    const inHand = await claim(recorder, lost, 2);
    recorder.claims.forget(lost);
    await database.pool.query("update postrider.claim set daemon_id = $1 where daemon_id = $2", [successor, lost]);
    addAll(
      recorder,
      inHand.map((delivery) => succeeded(delivery)),
    );
    await recorder.drained();
    assert.equal(await countOf("postrider.attempt"), 2);
    assert.equal(await countOf("postrider.delivery"), 0);
    assert.equal(await countOf(`postrider.claim where daemon_id = '${successor}' and cardinality(event_ids) = 2`), 1);
  });
});

describe("what Postgres refuses", () => {
  test("of a batch with one poisonous result, the others are recorded whole and that one without its details", async (t) => {
    const { recorder, emitted, recorded } = record(t);
    await createEndpoint(database.pool);
    const daemonId = randomUUID();
    const inHand = await claim(recorder, daemonId, 33);
    const results = inHand.map((delivery, index) =>
      succeeded(delivery, index === 20 ? { responseBody: "a NUL: \0" } : {}),
    );
    addAll(recorder, results);
    await recorder.drained();
    assert.equal(await countOf("postrider.attempt where response_body = 'thank you'"), 32);
    assert.deepEqual(
      await rowsOf(database.pool, "select event_id from postrider.attempt where response_body is null"),
      [{ event_id: inHand[20]?.event.id }],
    );
    assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 33);
    assert.equal(emitted.named("record.reduced").length, 1);
    assert.equal(emitted.named("record.failed").length, 0);
    assert.equal(recorder.isWell, true);
    assert.equal(recorded.length, 33);
    assert.deepEqual(recorder.claims.of(daemonId), []);
  });

  test("several poisonous results of one batch are each found", async (t) => {
    const { recorder, emitted } = record(t);
    await createEndpoint(database.pool);
    const inHand = await claim(recorder, randomUUID(), 50);
    addAll(
      recorder,
      inHand.map((delivery, index) => succeeded(delivery, index % 10 === 3 ? { responseBody: "\0" } : {})),
    );
    await recorder.drained();
    assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 50);
    assert.equal(await countOf("postrider.attempt where response_body is null"), 5);
    assert.equal(emitted.named("record.reduced").length, 5);
  });

  test("if the attempt cannot be stored at all, its delivery is recorded without it", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    const [delivery] = await claim(recorder, randomUUID(), 1);
    assert.ok(delivery !== undefined);
    recorder.add(succeeded(delivery, { durationMs: 1e12 }));
    await recorder.drained();
    assert.equal(await countOf("postrider.attempt"), 0);
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ state, attempts }) => ({ state, attempts })),
      [{ state: "succeeded", attempts: 0 }],
    );
  });

  test("a delivery that cannot be recorded in any form stays in hand, and the others do not wait for it", async (t) => {
    const { recorder, emitted } = record(t);
    await createEndpoint(database.pool);
    const daemonId = randomUUID();
    const inHand = await claim(recorder, daemonId, 5);
    addAll(
      recorder,
      inHand.map((delivery, index) =>
        index === 2
          ? {
              delivery,
              attempt: null,
              endpointRevision: null,
              bodyBytes: 0,
              decision: { state: "pending", waitMs: 1e30 },
            }
          : succeeded(delivery),
      ),
    );
    await recorder.drained();
    assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 4);
    assert.equal(emitted.named("record.abandoned").length, 1);
    assert.equal(recorder.claims.of(daemonId).length, 1);
    assert.equal(recorder.isWell, true);
  });

  test("a refusal ends an outage, even if nothing of the result can be recorded", async (t) => {
    const { recorder, emitted } = record(t);
    await createEndpoint(database.pool);
    const [delivery] = await claim(recorder, randomUUID(), 1);
    assert.ok(delivery !== undefined);
    const run = t.mock.method(pool, "run", async () => {
      const isFirst = run.mock.callCount() === 0;
      throw isFirst
        ? Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
        : Object.assign(new pg.DatabaseError("refused", 0, "error"), { code: "23514", constraint: "of_ours" });
    });
    recorder.add({
      delivery,
      attempt: null,
      endpointRevision: null,
      bodyBytes: 0,
      decision: { state: "pending", waitMs: 0 },
    });
    await recorder.drained();
    assert.deepEqual(
      emitted.kept.map(({ name }) => name),
      ["record.failed", "record.abandoned", "record.restored"],
    );
    assert.equal(recorder.isWell, true, "otherwise nothing would be claimed any more");
  });

  test("a missing function is waited out like an outage, and costs no result anything", async (t) => {
    const { recorder, emitted, conditions } = record(t);
    await createEndpoint(database.pool);
    const [delivery] = await claim(recorder, randomUUID(), 1);
    assert.ok(delivery !== undefined);
    const [row] = await rowsOf<{ signature: string }>(
      database.pool,
      "select oid::regprocedure::text as signature from pg_proc where proname = 'record_results'",
    );
    assert.ok(row !== undefined);
    await database.pool.query(`alter function ${row.signature} rename to record_results_gone`);
    try {
      recorder.add(succeeded(delivery));
      await until("the recorder has noticed", () => !recorder.isWell);
      assert.equal(conditions.worst.name, "not_recording");
      assert.match(
        "reason" in conditions.worst ? conditions.worst.reason : "",
        /^SQLSTATE 42883: function postrider_internal\.record_results/,
      );
    } finally {
      const renamed = row.signature.replace("record_results(", "record_results_gone(");
      await database.pool.query(`alter function ${renamed} rename to record_results`);
    }
    await recorder.drained();
    assert.equal(await countOf("postrider.attempt where response_body = 'thank you'"), 1);
    assert.deepEqual([emitted.named("record.failed").length, emitted.named("record.restored").length], [1, 1]);
    assert.equal(recorder.isWell, true);
    assert.deepEqual(conditions.worst, { name: "well" });
  });
});

describe("what gets lost", () => {
  test("a flush whose connection is ended is made again, whole and once", async (t) => {
    const { recorder, emitted } = record(t);
    await createEndpoint(database.pool);
    const daemonId = randomUUID();
    const inHand = await claim(recorder, daemonId, 10);
    const release = await holdDeliveries(t);
    addAll(
      recorder,
      inHand.map((delivery) => succeeded(delivery)),
    );
    await askFor(database.pool, "select pg_terminate_backend($1)", [await blockedBackend()]);
    await until("the recorder has noticed", () => !recorder.isWell);
    await release();
    await recorder.drained();
    assert.equal(await countOf("postrider.attempt"), 10);
    assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 10);
    assert.deepEqual([emitted.named("record.failed").length, emitted.named("record.restored").length], [1, 1]);
    assert.equal(recorder.isWell, true);
    assert.deepEqual(recorder.claims.of(daemonId), []);
  });

  test("what comes in while flushes fail waits and is recorded with the next one", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    const [first, ...others] = await claim(recorder, randomUUID(), 10);
    assert.ok(first !== undefined);
    const release = await holdDeliveries(t);
    recorder.add(succeeded(first));
    const pid = await blockedBackend();
    assert.deepEqual([recorder.pendingCount, recorder.isIdle], [1, false]);
    addAll(
      recorder,
      others.map((delivery) => succeeded(delivery)),
    );
    assert.ok(recorder.pendingCount >= 9);
    await askFor(database.pool, "select pg_terminate_backend($1)", [pid]);
    await until("the recorder has noticed", () => !recorder.isWell);
    await release();
    await recorder.drained();
    assert.deepEqual([recorder.pendingCount, recorder.isIdle], [0, true]);
    assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 10);
  });

  test("a flush that was committed and whose answer was lost is made again and adds nothing", async (t) => {
    const { recorder } = record(t);
    const endpoint = await createEndpoint(database.pool);
    const daemonId = randomUUID();
    const inHand = await claim(recorder, daemonId, 5);
    const run = pool.run.bind(pool);
    const query = t.mock.method(
      pool,
      "run",
      async (...args: Parameters<typeof run>) => {
        await run(...args);
        throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
      },
      { times: 1 },
    );
    addAll(
      recorder,
      inHand.map((delivery) => succeeded(delivery)),
    );
    await recorder.drained();
    assert.ok(query.mock.callCount() >= 1);
    assert.equal(await countOf("postrider.attempt"), 5);
    assert.equal(await countOf(`postrider.delivery where state = 'succeeded' and endpoint_id = '${endpoint}'`), 5);
    assert.deepEqual(recorder.claims.of(daemonId), []);
  });

  test("the same result twice is recorded once", async (t) => {
    const { recorder, emitted } = record(t);
    await createEndpoint(database.pool);
    const inHand = await claim(recorder, randomUUID(), 5);
    const results = inHand.map((delivery) => succeeded(delivery));
    addAll(recorder, results);
    await recorder.drained();
    addAll(recorder, results);
    await recorder.drained();
    assert.equal(await countOf("postrider.attempt"), 5);
    assert.equal(await countOf("postrider.delivery"), 5);
    assert.deepEqual(emitted.kept, []);
    assert.equal(recorder.isWell, true);
  });

  test("a delivery that another session has written first stays as it is, and the attempt is added", async (t) => {
    const { recorder, emitted } = record(t);
    await createEndpoint(database.pool);
    const inHand = await claim(recorder, randomUUID(), 3);
    const [, taken] = inHand;
    assert.ok(taken !== undefined);
    await database.pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, finished_at, reason)
       values ($1, $2, 'discarded', now(), 'cancelled')`,
      [taken.event.id, taken.endpointId],
    );
    addAll(
      recorder,
      inHand.map((delivery) => succeeded(delivery)),
    );
    await recorder.drained();
    assert.equal(await countOf("postrider.attempt"), 3);
    assert.deepEqual(
      new Map((await deliveries(database.pool)).map(({ event, state }) => [event, state])),
      new Map(inHand.map(({ event }) => [event.id, event.id === taken.event.id ? "discarded" : "succeeded"])),
    );
    assert.deepEqual(emitted.kept, []);
  });

  test("a retry that Postgres discards, because an operator cancelled the delivery meanwhile, is reported with the reason", async (t) => {
    const { recorder, emitted } = record(t);
    await createEndpoint(database.pool);
    const inHand = await claim(recorder, randomUUID(), 3);
    const cancelled = inHand[1];
    assert.ok(cancelled !== undefined);
    await database.pool.query("select postrider.cancel($1, $2, 'sent by mistake')", [
      cancelled.event.id,
      cancelled.endpointId,
    ]);
    addAll(
      recorder,
      inHand.map((delivery) => ({ ...succeeded(delivery), decision: { state: "pending", waitMs: 60_000 } })),
    );
    await recorder.drained();
    assert.deepEqual(
      new Map((await deliveries(database.pool)).map(({ event, state }) => [event, state])),
      new Map(inHand.map((delivery) => [delivery.event.id, delivery === cancelled ? "discarded" : "pending"])),
    );
    assert.deepEqual(emitted.kept.length, 1);
    assert.deepEqual(emitted.named("delivery.discarded"), [
      {
        event_id: cancelled.event.id,
        endpoint_id: cancelled.endpointId,
        event_type: "order.paid",
        reason: "cancelled: sent by mistake",
      },
    ]);
  });

  test("closing gives up at its deadline and says that something is left", async (t) => {
    const { recorder } = record(t);
    await createEndpoint(database.pool);
    const daemonId = randomUUID();
    const inHand = await claim(recorder, daemonId, 1);
    const release = await holdDeliveries(t);
    addAll(
      recorder,
      inHand.map((delivery) => succeeded(delivery)),
    );
    const pid = await blockedBackend();
    assert.equal(await recorder.close(daemonId, 50), false);
    await askFor(database.pool, "select pg_terminate_backend($1)", [pid]);
    await recorder.drained();
    await release();
    assert.equal(await countOf("postrider.attempt"), 0);
    assert.equal(await askFor(database.pool, "select cardinality(event_ids) from postrider.claim"), 1);
  });
});
