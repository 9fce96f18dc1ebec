import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  askFor,
  beat,
  type ClaimedPair,
  claimEvents,
  createEndpoint,
  deliveries,
  insertEvent,
  insertEvents,
  openSession,
  type Pair,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  takeOverClaim,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Held {
  readonly daemon: string;
  readonly claim: string;
  readonly pairs: readonly ClaimedPair[];
}

/** A daemon, live or lost, with the first attempts of new events in hand. */
async function claimed(eventCount: number, leaseMs: number, daemon: string = randomUUID()): Promise<Held> {
  await beat(database.pool, daemon, leaseMs);
  await insertEvents(database.pool, "order.paid", eventCount);
  const { claim, pairs } = await claimEvents(database.pool, { daemon });
  return { daemon, claim: String(claim), pairs };
}

async function liveDaemon(): Promise<string> {
  const daemon = randomUUID();
  await beat(database.pool, daemon);
  return daemon;
}

const LOST_MS = -1;
const LIVE_MS = 60_000;

describe("the claim of a daemon that is gone", () => {
  test("goes to the daemon that asks, with everything that an attempt needs", async () => {
    const endpoint = await createEndpoint(database.pool);
    const lost = await claimed(3, LOST_MS);
    const heir = await liveDaemon();
    const taken = await takeOverClaim(database.pool, heir);
    assert.deepEqual([taken?.claim, taken?.formerDaemon], [lost.claim, lost.daemon]);
    assert.deepEqual(taken?.pairs, lost.pairs);
    assert.deepEqual([...(taken?.revisions.keys() ?? [])], [endpoint]);
    assert.equal(
      await askFor(database.pool, "select daemon_id from postrider.claim where id = $1", [lost.claim]),
      heir,
    );
    assert.equal(await takeOverClaim(database.pool, heir, [lost.claim]), null);
  });

  test("is taken over even if it left cleanly, or never beat at all", async () => {
    await createEndpoint(database.pool);
    const { daemon, claim } = await claimed(1, LIVE_MS);
    await database.pool.query("select postrider_internal.leave($1)", [daemon]);
    assert.equal((await takeOverClaim(database.pool, await liveDaemon()))?.claim, claim);
  });

  test("is taken over without the recorded attempts, whatever their outcome", async () => {
    await createEndpoint(database.pool);
    const { daemon, pairs, claim } = await claimed(4, LIVE_MS);
    const [succeeded, failed, ...left] = pairs;
    assert.ok(succeeded !== undefined && failed !== undefined);
    await recordResults(database.pool, daemon, {
      first: [resultOf(succeeded), resultOf(failed, { outcome: "pending" })].toSorted((a, b) =>
        a.event < b.event ? -1 : 1,
      ),
    });
    await beat(database.pool, daemon, LOST_MS);
    const taken = await takeOverClaim(database.pool, await liveDaemon());
    assert.deepEqual(taken?.pairs, left);
    assert.deepEqual(await heldPairs(claim), keysOf(left));
  });

  test("keeps its stored pairs, whatever has happened to the subscriptions since", async () => {
    await createEndpoint(database.pool);
    const { pairs } = await claimed(2, LOST_MS);
    await database.pool.query("delete from postrider.subscription");
    await createEndpoint(database.pool, ["*"]);
    assert.deepEqual((await takeOverClaim(database.pool, await liveDaemon()))?.pairs, pairs);
  });

  test("brings its endpoints as they are now", async () => {
    const endpoint = await createEndpoint(database.pool);
    await claimed(1, LOST_MS);
    await database.pool.query("update postrider.endpoint set timeout_ms = 1000");
    const revision = await askFor(database.pool, "select revision::text from postrider.endpoint");
    assert.deepEqual(
      [...((await takeOverClaim(database.pool, await liveDaemon()))?.revisions ?? [])],
      [[endpoint, revision]],
    );
  });

  test("is written to the queue for an endpoint that is now paused, and discarded for one that is gone", async () => {
    const [active, paused, disabled, deleted] = [
      await createEndpoint(database.pool),
      await createEndpoint(database.pool),
      await createEndpoint(database.pool),
      await createEndpoint(database.pool),
    ];
    await claimed(1, LOST_MS);
    await database.pool.query("update postrider.endpoint set state = 'paused' where id = $1", [paused]);
    await database.pool.query("update postrider.endpoint set state = 'disabled' where id = $1", [disabled]);
    await database.pool.query("delete from postrider.endpoint where id = $1", [deleted]);
    const taken = await takeOverClaim(database.pool, await liveDaemon());
    assert.deepEqual(
      taken?.pairs.map(({ endpoint }) => endpoint),
      [active],
    );
    assert.deepEqual([...(taken?.revisions.keys() ?? [])], [active]);
    const rows = new Map(
      (await deliveries(database.pool)).map((row) => [row.endpoint, [row.state, row.reason, row.attempts]]),
    );
    assert.deepEqual(rows.get(paused), ["pending", null, 0]);
    assert.deepEqual(rows.get(disabled), ["discarded", "the endpoint is disabled", 0]);
    assert.deepEqual(rows.get(deleted), ["discarded", "the endpoint was deleted", 0]);
    assert.equal(rows.size, 3);
  });

  test("brings an event whose row is gone without a type, so that the daemon can discard it", async () => {
    await createEndpoint(database.pool);
    await claimed(1, LOST_MS);
    await database.pool.query("delete from postrider.outbox");
    const taken = await takeOverClaim(database.pool, await liveDaemon());
    assert.deepEqual(
      taken?.pairs.map(({ eventType, payload }) => [eventType, payload]),
      [[null, null]],
    );
  });

  test("is deleted if all of it is recorded, and the same call goes to the next claim", async () => {
    await createEndpoint(database.pool);
    const first = await claimed(1, LOST_MS);
    await recordResults(database.pool, first.daemon, { first: first.pairs.map((pair) => resultOf(pair)) });
    const second = await claimed(1, LOST_MS);
    await claimed(1, LIVE_MS);
    const taken = await takeOverClaim(database.pool, await liveDaemon());
    assert.equal(taken?.claim, second.claim);
    assert.equal(
      await askFor(database.pool, "select count(*)::int from postrider.claim where id = $1", [first.claim]),
      0,
    );
  });

  test("that is the newest is the cursor: it stays, and loses its pairs if all of it is recorded", async () => {
    await createEndpoint(database.pool);
    const { daemon, claim, pairs } = await claimed(1, LOST_MS);
    await recordResults(database.pool, daemon, { first: pairs.map((pair) => resultOf(pair)) });
    const heir = await liveDaemon();
    assert.equal(await takeOverClaim(database.pool, heir), null);
    assert.deepEqual(await rowsOf(database.pool, "select id, cardinality(event_ids) as pairs from postrider.claim"), [
      { id: claim, pairs: 0 },
    ]);
    const event = await insertEvent(database.pool, "order.paid");
    assert.deepEqual(
      (await claimEvents(database.pool, { daemon: heir })).pairs.map((pair) => pair.event),
      [event],
    );
  });
});

test("a claim that loses its pairs while a newer one is being committed is deleted by a later look", async (t) => {
  await createEndpoint(database.pool);
  const { daemon, claim, pairs } = await claimed(1, LOST_MS);
  await recordResults(database.pool, daemon, { first: pairs.map((pair) => resultOf(pair)) });
  const heir = await liveDaemon();
  const [emptying, claiming] = [await openSession(t, database.url), await openSession(t, database.url)];
  await claiming.query("begin");
  await insertEvent(database.pool, "order.paid");
  const newer = await claimEvents(claiming, { daemon: heir });
  assert.equal(await takeOverClaim(emptying, heir), null);
  await claiming.query("commit");
  const left = "select id, cardinality(event_ids) as pairs from postrider.claim order by id";
  assert.deepEqual(await rowsOf(database.pool, left), [
    { id: claim, pairs: 0 },
    { id: newer.claim, pairs: 1 },
  ]);
  assert.equal(await takeOverClaim(database.pool, heir, [String(newer.claim)]), null);
  assert.deepEqual(await rowsOf(database.pool, left), [{ id: newer.claim, pairs: 1 }]);
});

describe("a daemon's own claim", () => {
  test("is adopted if the daemon does not know it, and left alone if it does", async () => {
    await createEndpoint(database.pool);
    const known = await claimed(1, LIVE_MS);
    const unknown = await claimed(2, LIVE_MS, known.daemon);
    const taken = await takeOverClaim(database.pool, known.daemon, [known.claim]);
    assert.deepEqual([taken?.claim, taken?.formerDaemon], [unknown.claim, known.daemon]);
    assert.deepEqual(taken?.pairs, unknown.pairs);
    assert.equal(await takeOverClaim(database.pool, known.daemon, [known.claim, unknown.claim]), null);
  });
});

describe("the claim of a daemon that lives", () => {
  test("is left alone", async () => {
    await createEndpoint(database.pool);
    await claimed(1, LIVE_MS);
    assert.equal(await takeOverClaim(database.pool, await liveDaemon()), null);
  });

  test("is left alone by others even after it took it over itself", async () => {
    await createEndpoint(database.pool);
    await claimed(1, LOST_MS);
    assert.notEqual(await takeOverClaim(database.pool, await liveDaemon()), null);
    assert.equal(await takeOverClaim(database.pool, await liveDaemon()), null);
  });
});

test("two daemons taking over at once take different claims, and do not wait for each other", async (t) => {
  await createEndpoint(database.pool);
  const lost = [await claimed(1, LOST_MS), await claimed(1, LOST_MS)];
  const [one, other] = [await openSession(t, database.url), await openSession(t, database.url)];
  await one.query("begin");
  const first = await takeOverClaim(one, await liveDaemon());
  const second = await takeOverClaim(other, await liveDaemon());
  const third = await takeOverClaim(other, await liveDaemon(), [String(second?.claim)]);
  await one.query("commit");
  assert.deepEqual(
    [first?.claim, second?.claim],
    lost.map(({ claim }) => claim),
  );
  assert.equal(third, null);
});

test("a claim without pairs is not taken over", async () => {
  await claimed(3, LOST_MS);
  assert.equal(await takeOverClaim(database.pool, await liveDaemon()), null);
});

test("the row of a lost daemon is kept for a day for operators to see", async () => {
  const [old, recent, live] = [randomUUID(), randomUUID(), randomUUID()];
  await beat(database.pool, old, -25 * 3_600_000);
  await beat(database.pool, recent, -3_600_000);
  await beat(database.pool, live);
  await beat(database.pool, live);
  assert.deepEqual(
    await rowsOf(database.pool, "select id, state, claims::int from postrider.daemon_status order by lease_expires_at"),
    [
      { id: recent, state: "lost", claims: 0 },
      { id: live, state: "live", claims: 0 },
    ],
  );
});

async function heldPairs(claim: string): Promise<string[]> {
  return keysOf(
    await rowsOf<{ event: string; endpoint: string }>(
      database.pool,
      "select p.event, p.endpoint from postrider.claim c, unnest(c.event_ids, c.endpoint_ids) p (event, endpoint) where c.id = $1",
      [claim],
    ),
  );
}

function keysOf(pairs: readonly Pair[]): string[] {
  return pairs.map(({ event, endpoint }) => `${event} ${endpoint}`).toSorted();
}
