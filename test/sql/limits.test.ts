/** What daemons may lease for an endpoint that has limits. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  createEndpoint,
  insertEvent,
  openSession,
  recordResults,
  reset,
  resultOf,
  type Session,
  type WalkOptions,
  type WalkResult,
  walk,
} from "../support/engine.ts";

const database = useDatabase({ server: "alone" });

beforeEach(() => reset(database.pool));

async function filled(count: number, options: Readonly<Record<string, unknown>>): Promise<string> {
  const endpoint = await createEndpoint(database.pool, [], { options });
  for (let n = 0; n < count; n++) {
    await addPending(database.pool, endpoint);
  }
  return endpoint;
}

async function setOption(endpoint: string, name: string, value: unknown): Promise<void> {
  await database.pool.query(`update postrider.endpoint set ${name} = $2 where id = $1`, [endpoint, value]);
}

function requestsOf({ leased }: WalkResult): number {
  return new Set(leased.map(({ batch, event }) => batch ?? event)).size;
}

async function recordAll(session: Session, daemon: string, { leased }: Pick<WalkResult, "leased">): Promise<void> {
  if (leased.length > 0) {
    await recordResults(session, daemon, {
      later: leased.map((pair) => resultOf(pair, { batch: pair.batch })).sort((a, b) => (a.event < b.event ? -1 : 1)),
    });
  }
}

/** What a walk of a daemon leases while `session` holds its transaction open. */
async function walkIn(session: Session, options: WalkOptions = {}): Promise<WalkResult> {
  await session.query("begin");
  return await walk(session, options);
}

describe("max_in_flight", () => {
  test("is a whole number from 1 on", async () => {
    for (const value of [0, -1, 100_001]) {
      await assert.rejects(createEndpoint(database.pool, [], { options: { max_in_flight: value } }), {
        code: "23514",
        constraint: "max_in_flight is between 1 and 100000",
      });
    }
    await assert.rejects(createEndpoint(database.pool, [], { options: { max_in_flight: 1.5 } }), {
      message: "the option max_in_flight cannot be 1.5",
    });
  });

  test("is what walks lease at most, whichever daemon asks, until results are recorded", async () => {
    await filled(10, { max_in_flight: 3 });
    const [first, second] = [randomUUID(), randomUUID()];
    const leased = await walk(database.pool, { daemon: first, share: 2 });
    assert.equal(leased.leased.length, 2);
    const more = await walk(database.pool, { daemon: second, share: 8 });
    assert.equal(more.leased.length, 1);
    const none = await walk(database.pool, { daemon: first, share: 8 });
    assert.equal(none.leased.length, 0);
    assert.ok(none.nextDueMs !== null && none.nextDueMs > 500 && none.nextDueMs <= 1_000);
    await recordAll(database.pool, first, leased);
    assert.equal((await walk(database.pool, { daemon: second, share: 8 })).leased.length, 2);
  });

  test("counts leases that have not expired, also of a daemon that is gone", async () => {
    await filled(10, { max_in_flight: 2 });
    assert.equal((await walk(database.pool)).leased.length, 2);
    assert.equal((await walk(database.pool)).leased.length, 0);
    await database.pool.query(
      "update postrider.delivery set lease_expires_at = now(), next_attempt_at = now() where leased_by is not null",
    );
    assert.equal((await walk(database.pool)).leased.length, 2);
    assert.equal((await walk(database.pool)).leased.length, 0);
  });

  test("holds after an edit", async () => {
    const endpoint = await filled(20, { max_in_flight: 5 });
    const daemon = randomUUID();
    const leased = await walk(database.pool, { daemon });
    await setOption(endpoint, "max_in_flight", 2);
    assert.equal((await walk(database.pool)).leased.length, 0);
    await recordAll(database.pool, daemon, { leased: leased.leased.slice(0, 4) });
    assert.equal((await walk(database.pool)).leased.length, 1);
    await setOption(endpoint, "max_in_flight", 4);
    assert.equal((await walk(database.pool)).leased.length, 2);
    await setOption(endpoint, "max_in_flight", null);
    assert.equal((await walk(database.pool)).leased.length, 10);
  });

  test("counts what daemons took before there was a limit", async () => {
    const endpoint = await filled(20, {});
    const daemon = randomUUID();
    const leased = await walk(database.pool, { daemon, share: 3 });
    await setOption(endpoint, "max_in_flight", 4);
    assert.equal((await walk(database.pool)).leased.length, 1);
    await recordAll(database.pool, daemon, leased);
    assert.equal((await walk(database.pool)).leased.length, 3);
    assert.equal((await walk(database.pool)).leased.length, 0);
  });

  test("counts first attempts in daemons' memory, until it is sure that there are none", async () => {
    const endpoint = await createEndpoint(database.pool, ["*"]);
    await database.pool.query(
      "insert into postrider.claim (base, daemon_id, event_ids, endpoint_ids) select pg_current_snapshot(), $1, array[$2]::uuid[], array[$3]::uuid[]",
      [randomUUID(), await insertEvent(database.pool, "a"), endpoint],
    );
    for (let n = 0; n < 5; n++) {
      await addPending(database.pool, endpoint);
    }
    await setOption(endpoint, "max_in_flight", 3);
    assert.equal((await walk(database.pool)).leased.length, 2);
    const unsettled = "select unsettled_since is not null from postrider.endpoint_pace";
    assert.equal(await askFor(database.pool, unsettled), true);
    await database.pool.query(
      "update postrider.endpoint_pace set unsettled_since = now() - interval '1 min'; update postrider.claim set event_ids = '{}', endpoint_ids = '{}'",
    );
    assert.equal((await walk(database.pool)).leased.length, 1);
    assert.equal(await askFor(database.pool, unsettled), false);
  });

  test("gives a daemon nothing to send from memory", async () => {
    const endpoint = await createEndpoint(database.pool, ["*"], { options: { max_in_flight: 3 } });
    assert.equal(
      await askFor(
        database.pool,
        "select is_express from postrider_internal.find_rules('', '*') where endpoint_id = $1",
        [endpoint],
      ),
      false,
    );
  });

  test("counts a batch as one", async () => {
    await filled(30, { max_in_flight: 2, batch_size: 10, batch_delay_ms: 0 });
    const daemon = randomUUID();
    const leased = await walk(database.pool, { daemon, share: 8 });
    assert.deepEqual([leased.leased.length, requestsOf(leased)], [20, 2]);
    assert.equal((await walk(database.pool)).leased.length, 0);
    await recordAll(database.pool, daemon, leased);
    assert.equal((await walk(database.pool)).leased.length, 10);
  });

  test("counts the events of a batch whose payloads cannot be read, which go alone", async () => {
    await filled(30, { max_in_flight: 4, batch_size: 10, batch_delay_ms: 0 });
    assert.equal((await walk(database.pool)).leased.length, 30);
    await database.pool.query(
      "update postrider.delivery set lease_expires_at = now(), next_attempt_at = now() where leased_by is not null",
    );
    assert.equal((await walk(database.pool, { payloadBytes: 0 })).leased.length, 4);
    assert.equal((await walk(database.pool, { payloadBytes: 0 })).leased.length, 0);
  });

  test("is not waited for: of two walks at a time one leases, and the other looks again soon", async (t) => {
    await filled(10, { max_in_flight: 4 });
    const [one, other] = [await openSession(t, database.url), await openSession(t, database.url)];
    assert.equal((await walkIn(one, { share: 2 })).leased.length, 2);
    const none = await walkIn(other);
    assert.equal(none.leased.length, 0);
    assert.ok(none.nextDueMs !== null && none.nextDueMs <= 25);
    await one.query("commit");
    assert.equal((await walk(other)).leased.length, 2);
  });

  test("holds while daemons walk and record at random", async (t) => {
    const capped = 3;
    await filled(60, { max_in_flight: capped });
    let inFlight = 0;
    let most = 0;
    let sent = 0;
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const session = await openSession(t, database.url);
        const daemon = randomUUID();
        while (sent < 60) {
          const result = await walk(session, { daemon, share: 2 });
          inFlight += result.leased.length;
          most = Math.max(most, inFlight);
          await session.query("select pg_sleep(random() * 0.01)");
          inFlight -= result.leased.length;
          sent += result.leased.length;
          await recordAll(session, daemon, result);
        }
      }),
    );
    assert.equal(sent, 60);
    assert.equal(most, capped);
  });
});
