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
import { ExplainingSession, pagesOf } from "../support/plans.ts";

const database = useDatabase({ server: "alone" });

beforeEach(() => reset(database.pool));

/** A walk says when to look from when it began, and a limit from when it was looked at. */
const SLACK_MS = 100;

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
    assert.ok(none.nextDueMs !== null && none.nextDueMs > 500 && none.nextDueMs <= 1_000 + SLACK_MS);
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
          // The first ones are in flight until all have been that may be.
          do await session.query("select pg_sleep(random() * 0.01)");
          while (result.leased.length > 0 && most < capped);
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

/** How many requests a bucket has allowed since it was full, at most. */
function allowedBy(seconds: number, rate: number, burst: number): number {
  return Math.floor(burst + rate * seconds);
}

/** Moves what the endpoint has spent into the past, as if so many seconds had passed. */
async function pass(seconds: number): Promise<void> {
  await database.pool.query("update postrider.endpoint_pace set spent_until = spent_until - $1 * interval '1 s'", [
    seconds,
  ]);
}

describe("rate_limit", () => {
  test("is a number from 0.001 on, with a burst from 1 on", async () => {
    for (const [name, value] of [
      ["rate_limit", 0],
      ["rate_limit", -3],
      ["rate_limit", 100_001],
      ["rate_limit", "NaN"],
      ["rate_burst", 0],
      ["rate_burst", 100_001],
    ]) {
      await assert.rejects(createEndpoint(database.pool, [], { options: { [String(name)]: value } }), {
        code: "23514",
        constraint: new RegExp(`^${name} is between `),
      });
    }
  });

  test("gives one second's worth at once", async () => {
    await filled(20, { rate_limit: 4 });
    assert.equal((await walk(database.pool)).leased.length, 4);
    await pass(60);
    assert.equal((await walk(database.pool)).leased.length, 4);
  });

  test("gives a burst at once, and then each request at its time, to whichever daemon asks", async () => {
    await filled(20, { rate_limit: 0.1, rate_burst: 4 });
    const first = await walk(database.pool, { share: 3 });
    assert.equal(first.leased.length, 3);
    const second = await walk(database.pool, { share: 8 });
    assert.equal(second.leased.length, 1);
    const none = await walk(database.pool);
    assert.equal(none.leased.length, 0);
    assert.ok(
      none.nextDueMs !== null && none.nextDueMs > 5_000 && none.nextDueMs <= 10_000 + SLACK_MS,
      String(none.nextDueMs),
    );
    await pass(10);
    assert.equal((await walk(database.pool)).leased.length, 1);
    await pass(600);
    assert.equal((await walk(database.pool)).leased.length, 4);
  });

  test("says at once when the next request may begin, so that no walk is made in vain", async () => {
    await filled(20, { rate_limit: 0.5, rate_burst: 3 });
    const { leased, nextDueMs } = await walk(database.pool, { share: 8 });
    assert.equal(leased.length, 3);
    assert.ok(nextDueMs !== null && nextDueMs > 1_900 && nextDueMs <= 2_000 + SLACK_MS, String(nextDueMs));
  });

  test("gathers requests for a twentieth of a second if the burst allows it", async () => {
    await filled(250, { rate_limit: 200 });
    const { leased, nextDueMs } = await walk(database.pool, { share: 250, deliveries: 250 });
    assert.ok(leased.length >= 200);
    assert.ok(nextDueMs !== null && nextDueMs > 25 && nextDueMs <= 50 + SLACK_MS, String(nextDueMs));
  });

  test("takes a retry like a first attempt, and a batch as one", async () => {
    const endpoint = await filled(30, { rate_limit: 0.01, rate_burst: 3, batch_size: 10, batch_delay_ms: 0 });
    await database.pool.query(
      "update postrider.delivery set attempts = 2 where event_id = (select event_id from postrider.delivery limit 1)",
    );
    const result = await walk(database.pool, { share: 8 });
    assert.equal(requestsOf(result), 3);
    assert.equal((await walk(database.pool)).leased.length, 0);
    await setOption(endpoint, "rate_limit", null);
    assert.equal((await walk(database.pool)).leased.length, 30 - result.leased.length);
  });

  test("counts what an attempt sent beyond one request, once for a batch, when it is recorded", async () => {
    const daemon = randomUUID();
    await filled(20, { rate_limit: 0.1, rate_burst: 5, batch_size: 4, batch_delay_ms: 0 });
    const result = await walk(database.pool, { daemon, share: 2 });
    assert.equal(requestsOf(result), 2);
    const repeated = result.leased
      .map((pair) => resultOf(pair, { requests: 2, batch: pair.batch }))
      .sort((a, b) => (a.event < b.event ? -1 : 1));
    await recordResults(database.pool, daemon, { later: repeated });
    // Recorded again, as after an answer that was lost.
    await recordResults(database.pool, daemon, { later: repeated, isRepeat: true });
    assert.equal(requestsOf(await walk(database.pool)), 1);
  });

  test("does not wait for an operator who changes it, when it counts", async (t) => {
    const daemon = randomUUID();
    const endpoint = await filled(20, { rate_limit: 0.1, rate_burst: 4 });
    const { leased } = await walk(database.pool, { daemon, share: 1 });
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    await operator.query("update postrider.endpoint set rate_burst = 5 where id = $1", [endpoint]);
    await recordResults(database.pool, daemon, { later: leased.map((pair) => resultOf(pair, { requests: 3 })) });
    await operator.query("rollback");
    assert.equal((await walk(database.pool)).leased.length, 3);
  });

  test("gives the daemon's room back to others: what it does not lease is not taken", async () => {
    await filled(20, { rate_limit: 0.01, rate_burst: 10 });
    assert.equal((await walk(database.pool, { share: 2 })).leased.length, 2);
    assert.equal((await walk(database.pool, { share: 20 })).leased.length, 8);
  });

  test("holds after an edit, and does not wait for the time of a lower rate", async () => {
    const endpoint = await filled(20, { rate_limit: 0.001, rate_burst: 2 });
    assert.equal((await walk(database.pool)).leased.length, 2);
    await setOption(endpoint, "rate_limit", 0.2);
    const none = await walk(database.pool);
    assert.equal(none.leased.length, 0);
    assert.ok(
      none.nextDueMs !== null && none.nextDueMs > 2_500 && none.nextDueMs <= 5_000 + SLACK_MS,
      String(none.nextDueMs),
    );
    await pass(5);
    assert.equal((await walk(database.pool)).leased.length, 1);
  });

  test("holds together with max_in_flight", async () => {
    await filled(20, { rate_limit: 0.01, rate_burst: 5, max_in_flight: 2 });
    const daemon = randomUUID();
    const first = await walk(database.pool, { daemon });
    assert.equal(first.leased.length, 2);
    await recordAll(database.pool, daemon, first);
    const second = await walk(database.pool, { daemon });
    assert.equal(second.leased.length, 2);
    await recordAll(database.pool, daemon, second);
    assert.equal((await walk(database.pool, { daemon })).leased.length, 1);
  });

  test("is kept by daemons that walk at random", async (t) => {
    const [rate, burst] = [100, 5];
    await filled(120, { rate_limit: rate, rate_burst: burst });
    const startedMs = performance.now();
    const sentMs: number[] = [];
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const session = await openSession(t, database.url);
        while (sentMs.length < 120) {
          const askedMs = performance.now();
          const { leased } = await walk(session, { share: 3 });
          for (const _ of leased) sentMs.push(askedMs);
          await session.query("select pg_sleep(random() * 0.005)");
        }
      }),
    );
    const seconds = (performance.now() - startedMs) / 1_000;
    assert.ok(sentMs.length <= allowedBy(seconds, rate, burst), `${sentMs.length} in ${seconds} s`);
    assert.ok(seconds >= (120 - burst - 1) / rate);
  });
});

test("however much waits for a limit, others are leased for as many pages", async (t) => {
  const limited = await createEndpoint(database.pool, [], { options: { rate_limit: 0.001, max_in_flight: 1 } });
  const others = await Promise.all([filled(1, {}), filled(1, {})]);
  const session = await ExplainingSession.open(t, database.url);
  const pagesWith = async (count: number) => {
    await database.pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
       select postrider.uuid_v7(), $1, 'pending', now() - interval '1 hour' from generate_series(1, $2)`,
      [limited, count],
    );
    let pages = Number.POSITIVE_INFINITY;
    for (let pass = 0; pass < 3; pass++) {
      const { result, plans } = await session.explain((explaining) => walk(explaining, { deliveries: 20 }));
      // The first walk takes what the rate allows.
      assert.ok(others.every((endpoint) => pass === 0 || result.leased.some((pair) => pair.endpoint === endpoint)));
      pages = Math.min(pages, pagesOf(plans));
      await database.pool.query(
        "update postrider.delivery set leased_by = null, lease_expires_at = null, next_attempt_at = now() where endpoint_id <> $1",
        [limited],
      );
    }
    return pages;
  };
  const few = await pagesWith(1_000);
  const many = await pagesWith(99_000);
  t.diagnostic(`${few} pages with a thousand, ${many} with a hundred thousand`);
  // The index is one level deeper.
  assert.ok(many <= few * 1.3 + 10, `${few} and ${many} pages`);
});

test("a delivery that waits for a limit says so, and explain_event says for which", async () => {
  const explained = "select explanation from postrider.explain_event($1)";
  const detail = "select detail from postrider.delivery_status where event_id = $1";
  const capped = await filled(0, { max_in_flight: 1 });
  await addPending(database.pool, capped, "now() - interval '1 s'");
  const waiting = await addPending(database.pool, capped);
  assert.equal(await askFor(database.pool, detail, [waiting]), "deferred");
  await walk(database.pool);
  assert.equal(await askFor(database.pool, detail, [waiting]), "limited");
  assert.equal(
    await askFor(database.pool, explained, [waiting]),
    "due, and waits until the endpoint's max_in_flight allows another request",
  );
  await setOption(capped, "max_in_flight", null);
  await setOption(capped, "rate_limit", 0.1);
  assert.equal((await walk(database.pool)).leased.length, 1);
  const later = await addPending(database.pool, capped);
  assert.equal(
    await askFor(database.pool, explained, [later]),
    "due, and waits until the endpoint's rate_limit allows another request",
  );
});
