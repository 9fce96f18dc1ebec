/** Receivers that misbehave in every way at once: each attempt says how, and the endpoint that answers notices nothing. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { beforeEach, type TestContext, test } from "node:test";
import { CUT_OFF, type Misbehaviour, SLOW } from "../http/hostile.ts";
import { answerOf, Receiver } from "../http/receiver.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
beforeEach(() => reset(database.pool));

async function receiverOf(t: TestContext, answer: (socket: Socket) => void): Promise<Receiver> {
  const receiver = await new Receiver(answer).listen();
  t.after(() => receiver[Symbol.asyncDispose]());
  return receiver;
}

async function createEndpoint({ url }: Receiver, eventTypes: readonly string[], timeoutMs: number): Promise<string> {
  const call = "select endpoint_id from postrider.create_endpoint($1, $2, '', $3)";
  return String(await askFor(database.pool, call, [url, eventTypes, { timeout_ms: timeoutMs, retry_schedule: [] }]));
}

/** An endpoint that gets events of the types bad and both. */
async function misbehaving(t: TestContext, misbehaviour: Misbehaviour, timeoutMs: number): Promise<string> {
  const receiver = await receiverOf(t, (socket) => void misbehaviour.answer(socket));
  return createEndpoint(receiver, ["bad"], timeoutMs);
}

interface AttemptRow {
  readonly failure_kind: string | null;
  readonly http_status: number | null;
  readonly error: string | null;
  readonly duration_ms: number;
}

function attemptsAt(endpointId: string): Promise<AttemptRow[]> {
  const query = "select failure_kind, http_status, error, duration_ms from postrider.attempt where endpoint_id = $1";
  return rowsOf(database.pool, query, [endpointId]);
}

const EVENTS_EACH = 5;
const SLOW_MS = 4_000;
/** How late the process, which is also all of these receivers, may notice a deadline. */
const BUSY_MS = 10_000;

test("each misbehaviour is recorded by its kind, within the deadline, and an endpoint beside them gets everything", async (t) => {
  const bad = await Promise.all(
    [...SLOW, ...CUT_OFF].map(async (misbehaviour) => {
      const timeoutMs = SLOW.includes(misbehaviour) ? SLOW_MS : 60_000;
      return { misbehaviour, timeoutMs, id: await misbehaving(t, misbehaviour, timeoutMs) };
    }),
  );
  const good = await receiverOf(t, (socket) => socket.write(answerOf("200 OK")));
  const goodId = await createEndpoint(good, ["good"], 60_000);
  const { daemon } = await startDaemon(database.url, { shutdownGraceMs: 100 });
  t.after(() => daemon.stop());
  await insertEvents(database.pool, "good", 1);
  await until("the good endpoint has its first event", () => good.requests.length === 1);
  await insertEvents(database.pool, "bad", EVENTS_EACH);
  await insertEvents(database.pool, "good", 200);
  await until("the good endpoint has them all", async () => (await attemptsAt(goodId)).length === 201);
  for (const { misbehaviour, timeoutMs, id } of bad) {
    await until(`a receiver that ${misbehaviour.what} has had its attempts`, async () => {
      return (await attemptsAt(id)).length === EVENTS_EACH;
    });
    for (const { failure_kind, http_status, error, duration_ms } of await attemptsAt(id)) {
      assert.deepEqual(
        [failure_kind, http_status],
        [misbehaviour.kind, misbehaviour.status ?? null],
        misbehaviour.what,
      );
      assert.match(error ?? "", misbehaviour.error ?? /^$/);
      assert.ok(duration_ms <= timeoutMs + BUSY_MS, `${misbehaviour.what}: ${duration_ms} ms`);
    }
  }
  const health = "select count(*)::integer from postrider.endpoint_health where is_failing and endpoint_id = $1";
  assert.equal(await askFor(database.pool, health, [goodId]), 0);
});

test("while receivers trickle and hang, another endpoint's deliveries wait for none of them", async (t) => {
  // Whoever had to wait for one of them would miss the shorter limit of `until`.
  await Promise.all(SLOW.map((misbehaviour) => misbehaving(t, misbehaviour, 120_000)));
  const good = await receiverOf(t, (socket) => socket.write(answerOf("200 OK")));
  await createEndpoint(good, ["good"], 60_000);
  const { daemon } = await startDaemon(database.url, { shutdownGraceMs: 100 });
  t.after(() => daemon.stop());
  await insertEvents(database.pool, "bad", 100);
  await insertEvents(database.pool, "good", 500);
  await until("the good endpoint has them all", () => good.requests.length === 500);
});
