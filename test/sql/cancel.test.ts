import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { statementText } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  beat,
  type ClaimedPair,
  claimEvents,
  createEndpoint,
  deliveries,
  insertEvent,
  openSession,
  type Pair,
  pidOf,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  type Session,
  takeOverClaim,
  waitsForLock,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

const NO_SUCH = "00000000-0000-7000-8000-000000000000";

function cancel(pair: Pair, reason: string | null = null, session: Session = database.pool): Promise<unknown> {
  return askFor(session, "select postrider.cancel($1, $2, $3)", [pair.event, pair.endpoint, reason]);
}

/** A first attempt that a live daemon has in hand. */
async function firstInHand(): Promise<{ daemon: string; pair: ClaimedPair }> {
  const daemon = randomUUID();
  await beat(database.pool, daemon);
  await createEndpoint(database.pool, ["order.*"]);
  await insertEvent(database.pool, "order.paid");
  const { pairs } = await claimEvents(database.pool, { daemon });
  return { daemon, pair: only(pairs) };
}

/** A further attempt that a daemon has leased. */
async function leasedInHand() {
  const daemon = randomUUID();
  const endpoint = await createEndpoint(database.pool, []);
  await addPending(database.pool, endpoint);
  return { daemon, pair: only((await walk(database.pool, { daemon })).leased) };
}

async function outcome(): Promise<unknown[]> {
  const { state, reason, attempts, leasedBy, dueInSeconds } = only(await deliveries(database.pool));
  return [state, reason, attempts, leasedBy, dueInSeconds];
}

const marks = () => rowsOf(database.pool, "select event_id, reason from postrider.cancellation");
const audited = () =>
  rowsOf(database.pool, "select event_id, detail from postrider.audit where action = 'cancel' order by at");

describe("cancel discards a waiting delivery", () => {
  for (const [what, due] of [
    ["due", "now()"],
    ["due later", "now() + interval '1 hour'"],
  ] as const) {
    test(`at once, ${what}, and is not leased again`, async () => {
      const endpoint = await createEndpoint(database.pool, []);
      const event = await addPending(database.pool, endpoint, due);
      assert.equal(await cancel({ event, endpoint }, "sent by mistake"), "discarded");
      assert.deepEqual(await outcome(), ["discarded", "cancelled: sent by mistake", 0, null, null]);
      assert.deepEqual((await walk(database.pool)).leased, []);
      assert.deepEqual(await audited(), [{ event_id: event, detail: { reason: "sent by mistake" } }]);
      assert.deepEqual(await marks(), []);
    });
  }

  test("also if the lease of a lost daemon has expired; what that daemon still records decides nothing", async () => {
    const { daemon, pair } = await leasedInHand();
    await database.pool.query("update postrider.delivery set lease_expires_at = now() - interval '1 s'");
    assert.equal(await cancel(pair), "discarded");
    await recordResults(database.pool, daemon, { later: [resultOf(pair, { outcome: "pending", wait: 0 })] });
    assert.deepEqual(await outcome(), ["discarded", "cancelled", 0, null, null]);
    assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.attempt"), 1);
  });
});

for (const [kind, inHand, as] of [
  ["a first attempt", firstInHand, "first"],
  ["a leased delivery", leasedInHand, "later"],
] as const) {
  describe(`${kind} that is cancelled in flight`, () => {
    test("is pending and shown as cancelled until it finishes", async () => {
      const { pair } = await inHand();
      assert.equal(await cancel(pair, "why"), "pending");
      assert.deepEqual(
        await rowsOf(database.pool, "select state, detail from postrider.delivery_status where event_id = $1", [
          pair.event,
        ]),
        [{ state: "pending", detail: "cancelled" }],
      );
      assert.deepEqual(
        await rowsOf(database.pool, statementText("find_cancelled"), [[pair.endpoint]]),
        [{ event_id: pair.event, endpoint_id: pair.endpoint, reason: "cancelled: why" }],
        "the daemon that looks over what waits is told",
      );
      assert.deepEqual(await rowsOf(database.pool, statementText("find_cancelled"), [[NO_SUCH]]), []);
    });

    test("is discarded when it fails, and no attempt follows", async () => {
      const { daemon, pair } = await inHand();
      await cancel(pair);
      await recordResults(database.pool, daemon, { [as]: [resultOf(pair, { outcome: "pending", wait: 0 })] });
      assert.deepEqual(await outcome(), ["discarded", "cancelled", 1, null, null]);
      assert.deepEqual((await walk(database.pool)).leased, []);
      assert.deepEqual(await marks(), [], "the walk has forgotten the mark");
    });

    test("is discarded when it is handed back without an attempt", async () => {
      const { daemon, pair } = await inHand();
      await cancel(pair, "why");
      await recordResults(database.pool, daemon, {
        [as]: [resultOf(pair, { attempt: null, outcome: "pending", wait: 0 })],
      });
      assert.deepEqual(await outcome(), ["discarded", "cancelled: why", 0, null, null]);
    });

    test("counts as succeeded if it succeeds, because the receiver has it", async () => {
      const { daemon, pair } = await inHand();
      await cancel(pair);
      await recordResults(database.pool, daemon, { [as]: [resultOf(pair)] });
      assert.deepEqual(await outcome(), ["succeeded", null, 1, null, null]);
      await walk(database.pool);
      assert.deepEqual(await marks(), []);
    });

    test("is marked once, however often it is cancelled", async () => {
      const { pair } = await inHand();
      assert.equal(await cancel(pair, "one"), "pending");
      assert.equal(await cancel(pair, "two"), "pending");
      assert.deepEqual(
        (await marks()).map(({ reason }) => reason),
        ["cancelled: one"],
      );
      assert.equal((await audited()).length, 1);
    });

    test("does not make a record wait for the operator's transaction; a retry recorded meanwhile is never leased", async (t) => {
      const { daemon, pair } = await inHand();
      const operator = await openSession(t, database.url);
      await operator.query("begin");
      assert.equal(await cancel(pair, null, operator), "pending");
      await recordResults(database.pool, daemon, { [as]: [resultOf(pair, { outcome: "pending", wait: 0 })] });
      assert.equal(only(await deliveries(database.pool)).state, "pending");
      await operator.query("commit");
      assert.deepEqual((await walk(database.pool)).leased, []);
      assert.equal((await outcome())[0], "discarded");
      assert.deepEqual(await marks(), []);
    });
  });
}

test("a cancelled first attempt of a lost daemon is not taken over", async () => {
  const { daemon, pair } = await firstInHand();
  await cancel(pair, "why");
  await beat(database.pool, daemon, -1);
  assert.equal(await takeOverClaim(database.pool, randomUUID()), null);
  assert.deepEqual(await outcome(), ["discarded", "cancelled: why", 0, null, null]);
  await recordResults(database.pool, daemon, { first: [resultOf(pair, { outcome: "pending" })], isRepeat: true });
  assert.equal((await outcome())[0], "discarded");
});

test("a cancelled delivery of a paused endpoint is discarded when its claim is taken over, the others wait", async () => {
  const daemon = randomUUID();
  await beat(database.pool, daemon, -1);
  const endpoint = await createEndpoint(database.pool, ["order.*"]);
  const [event, other] = [
    await insertEvent(database.pool, "order.paid"),
    await insertEvent(database.pool, "order.paid"),
  ];
  await claimEvents(database.pool, { daemon });
  await database.pool.query("select postrider.pause_endpoint($1)", [endpoint]);
  await cancel({ event, endpoint });
  assert.equal(await takeOverClaim(database.pool, randomUUID()), null);
  assert.deepEqual(
    new Map((await deliveries(database.pool)).map((row) => [row.event, row.state])),
    new Map([
      [event, "discarded"],
      [other, "pending"],
    ]),
  );
});

test("a cancelled leased delivery is discarded by the next walk after its daemon is lost", async () => {
  const { pair } = await leasedInHand();
  await cancel(pair);
  assert.deepEqual((await walk(database.pool)).leased, []);
  assert.equal((await marks()).length, 1, "while the lease lasts the attempt is left to its end");
  await database.pool.query("update postrider.delivery set lease_expires_at = now(), next_attempt_at = now()");
  assert.deepEqual((await walk(database.pool)).leased, []);
  assert.equal((await outcome())[0], "discarded");
});

test("a cancel that crosses the record of a leased delivery waits for it, and sees its result", async (t) => {
  const { daemon, pair } = await leasedInHand();
  const [recorder, operator] = [await openSession(t, database.url), await openSession(t, database.url)];
  const pid = await pidOf(operator);
  // The lease ends during the operator's wait, so cancel would discard the row.
  await database.pool.query("update postrider.delivery set lease_expires_at = now()");
  await recorder.query("begin");
  await recordResults(recorder, daemon, { later: [resultOf(pair, { outcome: "pending", wait: 0 })] });
  const cancelling = cancel(pair, null, operator);
  await waitsForLock(database.pool, pid);
  await recorder.query("commit");
  assert.equal(await cancelling, "discarded");
  assert.deepEqual(await outcome(), ["discarded", "cancelled", 1, null, null]);
});

test("a cancel that crosses the record of a first attempt is seen before the next one", async (t) => {
  const { daemon, pair } = await firstInHand();
  const recorder = await openSession(t, database.url);
  await recorder.query("begin");
  await recordResults(recorder, daemon, { first: [resultOf(pair, { outcome: "pending", wait: 0 })] });
  assert.equal(await cancel(pair), "pending");
  await recorder.query("commit");
  assert.deepEqual((await walk(database.pool)).leased, []);
  assert.deepEqual(await outcome(), ["discarded", "cancelled", 1, null, null]);
});

test("two operators who cancel the same delivery wait for each other, and only one cancels it", async (t) => {
  const endpoint = await createEndpoint(database.pool, []);
  const event = await addPending(database.pool, endpoint);
  const [one, other] = [await openSession(t, database.url), await openSession(t, database.url)];
  const pid = await pidOf(other);
  await one.query("begin");
  assert.equal(await cancel({ event, endpoint }, "one", one), "discarded");
  const waiting = cancel({ event, endpoint }, "other", other);
  await waitsForLock(database.pool, pid);
  await one.query("commit");
  assert.equal(await waiting, "discarded");
  assert.equal((await audited()).length, 1);
});

for (const [state, how] of [
  ["succeeded", {}],
  ["exhausted", { outcome: "exhausted" }],
] as const) {
  test(`a delivery that was ${state} stays so, and cancel returns that state`, async () => {
    const { daemon, pair } = await firstInHand();
    await recordResults(database.pool, daemon, { first: [resultOf(pair, how)] });
    assert.equal(await cancel(pair), state);
    assert.equal((await outcome())[0], state);
    assert.deepEqual(await audited(), []);
  });
}

test("redeliver revives a cancelled delivery, even if a lost daemon left its mark", async () => {
  const { pair } = await leasedInHand();
  await cancel(pair);
  await database.pool.query("update postrider.delivery set lease_expires_at = now()");
  await database.pool.query("select postrider.redeliver($1, $2)", [pair.event, pair.endpoint]);
  assert.equal((await walk(database.pool)).leased.length, 1);
});

test("a delivery that does not exist cannot be cancelled", async () => {
  const endpoint = await createEndpoint(database.pool, []);
  const event = await insertEvent(database.pool, "order.paid");
  for (const pair of [
    { event, endpoint },
    { event: NO_SUCH, endpoint },
    { event, endpoint: NO_SUCH },
  ]) {
    await assert.rejects(cancel(pair), { code: "P0002", hint: /explain_event/ });
  }
});

function only<Value>(values: readonly Value[]): Value {
  const [value] = values;
  assert.ok(value !== undefined && values.length === 1, `one was expected, not ${values.length}`);
  return value;
}
