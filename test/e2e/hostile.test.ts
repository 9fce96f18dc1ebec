/** Receivers that misbehave in every way at once: each attempt says how, and the endpoint that answers notices nothing. */
import assert from "node:assert/strict";
import { beforeEach, type TestContext, test } from "node:test";
import { CUT_OFF, type Misbehaviour, SLOW } from "../http/hostile.ts";
import { answerOf, type Receiver } from "../http/receiver.ts";
import { receiverFor } from "../http/sending.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
beforeEach(() => reset(database.pool));

function create({ url }: Receiver, eventTypes: readonly string[], timeoutMs: number): Promise<string> {
  return createEndpoint(database.pool, eventTypes, { url, options: { timeout_ms: timeoutMs, retry_schedule: [] } });
}

async function misbehaving(t: TestContext, misbehaviour: Misbehaviour, eventType: string, timeoutMs: number) {
  const receiver = await receiverFor(t, (socket) => void misbehaviour.answer(socket));
  return create(receiver, [eventType], timeoutMs);
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
  const cutOff = await Promise.all(
    CUT_OFF.map(async (each) => [each, await misbehaving(t, each, "cut", 60_000)] as const),
  );
  const slow = await Promise.all(
    SLOW.map(async (each) => [each, await misbehaving(t, each, "slow", SLOW_MS)] as const),
  );
  const good = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const goodId = await create(good, ["*"], 60_000);
  const { daemon } = await startDaemon(database.url, { shutdownGraceMs: 100 });
  t.after(() => daemon.stop());
  for (const [eventType, misbehaviours, timeoutMs] of [
    ["cut", cutOff, 60_000],
    ["slow", slow, SLOW_MS],
  ] as const) {
    await insertEvents(database.pool, eventType, EVENTS_EACH);
    for (const [misbehaviour, id] of misbehaviours) {
      await until(`a receiver that ${misbehaviour.what} has had its attempts`, async () => {
        return (await attemptsAt(id)).length === EVENTS_EACH;
      });
      assertRecorded(misbehaviour, await attemptsAt(id), timeoutMs);
    }
  }
  assert.equal((await attemptsAt(goodId)).length, 2 * EVENTS_EACH);
  const health = "select is_failing from postrider.endpoint_health where endpoint_id = $1";
  assert.equal(await askFor(database.pool, health, [goodId]), false);
});

function assertRecorded(misbehaviour: Misbehaviour, attempts: readonly AttemptRow[], timeoutMs: number): void {
  const { what, kind, status, error: sentence } = misbehaviour;
  for (const { failure_kind, http_status, error, duration_ms } of attempts) {
    assert.deepEqual([failure_kind, http_status], [kind, status ?? null], `${what}: ${error}`);
    assert.match(error ?? "", sentence ?? /^$/);
    assert.ok(duration_ms <= timeoutMs + BUSY_MS, `${what}: ${duration_ms} ms`);
  }
}

test("while receivers trickle and hang, another endpoint's deliveries wait for none of them", async (t) => {
  // A delivery that had to wait for one of them would miss the shorter limit of `until`.
  await Promise.all(SLOW.map((misbehaviour) => misbehaving(t, misbehaviour, "bad", 120_000)));
  const good = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  await create(good, ["good"], 60_000);
  const { daemon } = await startDaemon(database.url, { shutdownGraceMs: 100 });
  t.after(() => daemon.stop());
  await insertEvents(database.pool, "bad", 100);
  await insertEvents(database.pool, "good", 500);
  await until("the good endpoint has them all", () => good.requests.length === 500);
});
