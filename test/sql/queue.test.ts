import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  createEndpoint,
  deliveries,
  eventsOf,
  eventually,
  insertEvent,
  openSession,
  pidOf,
  reset,
  rowsOf,
  type WalkResult,
  walk,
} from "../support/engine.ts";

const database = useDatabase({ server: "alone" });

beforeEach(() => reset(database.pool));

/** Makes endpoints with due deliveries each, in the order of a walk. */
async function filled(endpointCount: number, deliveryCount: number): Promise<string[]> {
  const endpoints: string[] = [];
  for (let count = 0; count < endpointCount; count++) endpoints.push(await createEndpoint(database.pool, []));
  endpoints.sort();
  for (const endpoint of endpoints) {
    for (let count = 0; count < deliveryCount; count++) await addPending(database.pool, endpoint);
  }
  return endpoints;
}

describe("a walk over the queue", () => {
  test("leases due deliveries, the longest due first, with everything that an attempt needs", async () => {
    const daemon = randomUUID();
    const endpoint = await createEndpoint(database.pool, [], { options: { timeout_ms: 7_000 } });
    const second = await addPending(database.pool, endpoint, "now() - interval '1 s'");
    const first = await addPending(database.pool, endpoint, "now() - interval '2 s'");
    const later = await addPending(database.pool, endpoint, "now() + interval '1 hour'");
    await database.pool.query("update postrider.delivery set attempts = 3, attempts_before = 2 where event_id = $1", [
      first,
    ]);
    const { leased } = await walk(database.pool, { daemon, marginMs: 3_000 });
    assert.deepEqual(new Set(eventsOf(leased)), new Set([first, second]));
    assert.deepEqual(
      leased.find(({ event }) => event === first),
      {
        event: first,
        endpoint,
        attempts: 3,
        attemptsBefore: 2,
        eventType: "queue.filled",
        context: null,
        payload: "{}",
        leaseMs: 10_000,
        batch: null,
      },
    );
    for (const row of await deliveries(database.pool)) {
      assert.equal(row.leasedBy, row.event === later ? null : daemon);
      if (row.event !== later) {
        assert.ok(row.dueInSeconds !== null && row.dueInSeconds > 5 && row.dueInSeconds <= 10);
      }
    }
    assert.deepEqual(eventsOf((await walk(database.pool, { deliveries: 1 })).leased), []);
  });

  test("takes the longest due delivery if it takes only one", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await addPending(database.pool, endpoint, "now() - interval '1 s'");
    const first = await addPending(database.pool, endpoint, "now() - interval '2 s'");
    assert.deepEqual(eventsOf((await walk(database.pool, { share: 1 })).leased), [first]);
  });

  test("takes a share of each endpoint, however much waits for one of them", async () => {
    const [big, ...small] = await filled(4, 2);
    for (let count = 0; count < 20; count++) await addPending(database.pool, String(big), "now() - interval '1 hour'");
    const { leased, nextDueMs } = await walk(database.pool, { share: 3 });
    assert.deepEqual(countsOf(leased), new Map([[big, 3], ...small.map((id) => [id, 2] as const)]));
    // The endpoints it took from may have more due.
    assert.equal(nextDueMs, 0);
  });

  test("leases no more for an endpoint than its known room, and nothing if it has none", async () => {
    const [none, one, many, unknown] = await filled(4, 5);
    const rooms = new Map([
      [String(none), 0],
      [String(one), 1],
      [String(many), 4],
    ]);
    const { leased } = await walk(database.pool, { rooms, share: 2 });
    assert.deepEqual(
      countsOf(leased),
      new Map([
        [one, 1],
        [many, 4],
        [unknown, 2],
      ]),
    );
  });

  test("takes up to a limit, and the next one continues after the endpoint where it stopped, to the end", async () => {
    const endpoints = await filled(5, 4);
    const seen: string[] = [];
    let after: string | null = null;
    for (let count = 0; count < 5; count++) {
      const result: WalkResult = await walk(database.pool, { after, deliveries: 2, share: 2 });
      assert.equal(result.leased.length, 2);
      after = result.place;
      seen.push(...new Set(result.leased.map(({ endpoint }) => endpoint)));
    }
    assert.deepEqual(seen, endpoints);
    assert.equal(after, endpoints[4]);
    const end = await walk(database.pool, { after, deliveries: 2, share: 2 });
    assert.deepEqual([end.leased, end.place], [[], null]);
  });

  test("ends after the last endpoint, and looks at none before the one where it began", async () => {
    const endpoints = await filled(4, 10);
    const { leased, place } = await walk(database.pool, { after: endpoints[1] ?? null, share: 1 });
    assert.deepEqual(
      leased.map(({ endpoint }) => endpoint),
      [endpoints[2], endpoints[3]],
    );
    assert.equal(place, null);
  });

  test("says when the next delivery is due among those it has seen", async () => {
    const [early, late] = await filled(2, 1);
    const dueIn = async (endpoint: string | undefined, wait: string) =>
      await database.pool.query(
        "update postrider.delivery set next_attempt_at = now() + $2::interval where endpoint_id = $1",
        [endpoint, wait],
      );
    await dueIn(early, "10 s");
    await dueIn(late, "20 s");
    const { nextDueMs } = await walk(database.pool);
    assert.ok(nextDueMs !== null && nextDueMs > 5_000 && nextDueMs <= 10_000, String(nextDueMs));
    const rest = await walk(database.pool, { after: early ?? null });
    assert.ok(rest.nextDueMs !== null && rest.nextDueMs > 15_000 && rest.nextDueMs <= 20_000, String(rest.nextDueMs));
    // A walk that was cut short says nothing about what it has not seen.
    const cut = await walk(database.pool, { endpoints: 1 });
    assert.ok(cut.nextDueMs !== null && cut.nextDueMs > 5_000, String(cut.nextDueMs));
    assert.equal(cut.place, early);
  });

  test("looks at endpoints up to a limit", async () => {
    const endpoints = await filled(4, 1);
    const { leased, place } = await walk(database.pool, { endpoints: 2 });
    assert.deepEqual(
      leased.map(({ endpoint }) => endpoint),
      endpoints.slice(0, 2),
    );
    assert.equal(place, endpoints[1]);
  });

  test("continues even if the endpoint where the last one stopped has nothing left", async () => {
    const endpoints = await filled(3, 1);
    const { leased } = await walk(database.pool, { after: endpoints[0] ?? null, endpoints: 1 });
    assert.equal(leased.length, 1);
    const rest = await walk(database.pool, { after: endpoints[1] ?? null });
    assert.deepEqual(
      rest.leased.map(({ endpoint }) => endpoint),
      [endpoints[2]],
    );
  });

  test("over an empty queue says so", async () => {
    assert.deepEqual(await walk(database.pool), { leased: [], place: null, nextDueMs: null });
    assert.deepEqual((await walk(database.pool, { after: randomUUID() })).leased, []);
  });

  test("brings an event whose row is gone without a type, so that the daemon can discard it", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const event = await addPending(database.pool, endpoint);
    await database.pool.query("delete from postrider.outbox where id = $1", [event]);
    const [leased] = (await walk(database.pool)).leased;
    assert.deepEqual([leased?.event, leased?.eventType, leased?.payload], [event, null, null]);
  });
});

for (const how of ["created", "enabled"] as const) {
  test(`a walk discards nothing of an endpoint that was ${how} after it began to look`, async (t) => {
    const disabled = await createEndpoint(database.pool, []);
    await database.pool.query("select postrider.disable_endpoint($1, 'a test')", [disabled]);
    const other = await openSession(t, database.url);
    const walking = await openSession(t, database.url);
    await walk(walking); // Its plans are made.
    // Whoever looks for what waits sees the endpoints as they are by then, and waits for this lock.
    await other.query("begin");
    await other.query("lock table postrider.delivery in access exclusive mode");
    const pid = await pidOf(walking);
    const walked = walk(walking);
    await eventually("the walk waits for the lock", async () =>
      Boolean(await askFor(database.pool, "select count(*) > 0 from pg_locks where pid = $1 and not granted", [pid])),
    );
    const endpoint = how === "created" ? await createEndpoint(database.pool, []) : disabled;
    if (how === "enabled") await database.pool.query("select postrider.enable_endpoint($1)", [endpoint]);
    const event = await addPending(other, endpoint);
    await other.query("commit");
    const { leased, nextDueMs } = await walked;
    assert.deepEqual(leased, []);
    assert.ok(nextDueMs !== null && nextDueMs <= 250, `${nextDueMs}`);
    assert.deepEqual(eventsOf((await walk(walking)).leased), [event]);
  });
}

describe("an endpoint that is", () => {
  test("paused is skipped, and its due deliveries are no reason to return", async () => {
    const [paused, active] = await filled(2, 3);
    await database.pool.query("update postrider.endpoint set state = 'paused' where id = $1", [paused]);
    assert.deepEqual(countsOf((await walk(database.pool)).leased), new Map([[active, 3]]));
    const idle = await walk(database.pool);
    assert.deepEqual([idle.leased, idle.place, idle.nextDueMs === null], [[], null, false]);
    await database.pool.query("update postrider.endpoint set state = 'active' where id = $1", [paused]);
    assert.deepEqual(countsOf((await walk(database.pool)).leased), new Map([[paused, 3]]));
  });

  test("disabled or deleted gets nothing: deliveries added since are discarded", async () => {
    const [disabled, deleted, active] = await filled(3, 1);
    await database.pool.query("update postrider.endpoint set state = 'disabled' where id = $1", [disabled]);
    await database.pool.query("delete from postrider.endpoint where id = $1", [deleted]);
    for (const endpoint of [disabled, deleted]) await addPending(database.pool, String(endpoint));
    assert.deepEqual(countsOf((await walk(database.pool)).leased), new Map([[active, 1]]));
    const rows = await rowsOf<{ endpoint: string; reason: string; count: number }>(
      database.pool,
      `select endpoint_id as endpoint, reason, count(*)::int from postrider.delivery
       where state = 'discarded' group by 1, 2 order by 1`,
    );
    assert.deepEqual(rows, [
      { endpoint: disabled, reason: "the endpoint is disabled", count: 2 },
      { endpoint: deleted, reason: "the endpoint was deleted", count: 2 },
    ]);
  });

  test("disabled while an attempt is in progress lets it finish, and loses it with its lease", async () => {
    const daemon = randomUUID();
    const [endpoint] = await filled(1, 1);
    assert.equal((await walk(database.pool, { daemon })).leased.length, 1);
    await database.pool.query("update postrider.endpoint set state = 'disabled' where id = $1", [endpoint]);
    await walk(database.pool);
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ state, leasedBy }) => [state, leasedBy]),
      [["pending", daemon]],
    );
    await expireLeases();
    assert.deepEqual((await walk(database.pool)).leased, []);
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ state, leasedBy }) => [state, leasedBy]),
      [["discarded", null]],
    );
  });
});

describe("a lease", () => {
  test("keeps a delivery from others until it runs out", async () => {
    const [daemon, heir] = [randomUUID(), randomUUID()];
    await filled(1, 1);
    assert.equal((await walk(database.pool, { daemon })).leased.length, 1);
    const waiting = await walk(database.pool, { daemon: heir });
    assert.deepEqual(waiting.leased, []);
    assert.ok(waiting.nextDueMs !== null && waiting.nextDueMs > 20_000 && waiting.nextDueMs <= 30_000);
    await expireLeases();
    assert.equal((await walk(database.pool, { daemon: heir })).leased.length, 1);
    assert.deepEqual(
      (await deliveries(database.pool)).map(({ leasedBy }) => leasedBy),
      [heir],
    );
  });

  test("is taken without waiting for another daemon that is taking some", async (t) => {
    const [one, other] = [await openSession(t, database.url), await openSession(t, database.url)];
    await filled(1, 4);
    await one.query("begin");
    const first = (await walk(one, { share: 2 })).leased;
    const second = (await walk(other, { share: 3 })).leased;
    await one.query("commit");
    assert.deepEqual([first.length, second.length], [2, 2]);
    assert.equal(new Set([...eventsOf(first), ...eventsOf(second)]).size, 4);
  });

  test("is never given to two of many daemons at once", async (t) => {
    await filled(5, 20);
    const walkers = await Promise.all([1, 2, 3].map(() => openSession(t, database.url)));
    const taken: string[] = [];
    await Promise.all(
      walkers.map(async (session) => {
        for (;;) {
          const { leased, nextDueMs } = await walk(session, { deliveries: 7, share: 3 });
          taken.push(...eventsOf(leased));
          if (leased.length === 0 && nextDueMs !== 0) return;
        }
      }),
    );
    taken.push(...eventsOf((await walk(database.pool, { deliveries: 100, share: 100 })).leased));
    assert.deepEqual([taken.length, new Set(taken).size], [100, 100]);
  });
});

describe("a walk says when it is worth returning", () => {
  test("at the earliest time that it has seen, of all endpoints", async () => {
    const [one, other] = await filled(2, 0);
    await addPending(database.pool, String(one), "now() + interval '1 hour'");
    await addPending(database.pool, String(other), "now() + interval '30 s'");
    const { leased, nextDueMs } = await walk(database.pool);
    assert.deepEqual(leased, []);
    assert.ok(nextDueMs !== null && nextDueMs > 20_000 && nextDueMs <= 30_000);
  });

  test("even if an event waits forever", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await addPending(database.pool, endpoint, "'infinity'");
    const { leased } = await walk(database.pool);
    assert.deepEqual(leased, []);
    await addPending(database.pool, await createEndpoint(database.pool, []), "now() + interval '30 s'");
    const { nextDueMs } = await walk(database.pool);
    assert.ok(nextDueMs !== null && nextDueMs > 20_000 && nextDueMs <= 30_000);
  });
});

test("a walk reads one row of the queue for each endpoint that it passes over, however many wait there", async (t) => {
  const session = await openSession(t, database.url);
  const [paused, scheduled] = await filled(2, 0);
  const event = await insertEvent(database.pool, "queue.filled");
  assert.ok(event !== "");
  for (const [endpoint, due] of [
    [paused, "now()"],
    [scheduled, "now() + interval '1 hour'"],
  ]) {
    await database.pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
       select postrider.uuid_v7(), $1, 'pending', ${due} from generate_series(1, 2000)`,
      [endpoint],
    );
  }
  await database.pool.query("update postrider.endpoint set state = 'paused' where id = $1", [paused]);
  // Rows that earlier tests deleted are still in the index; a walk usually removes them, but not while a page is written.
  await database.pool.query("vacuum postrider.delivery");
  await session.query("begin");
  const before = await entriesRead(session);
  assert.deepEqual((await walk(session)).leased, []);
  const after = await entriesRead(session);
  await session.query("commit");
  assert.ok(after - before <= 60, `${after - before} entries of the index were read for two endpoints`);
});

async function entriesRead(session: Parameters<typeof askFor>[0]): Promise<number> {
  return Number(
    await askFor(
      session,
      `select sum(pg_stat_get_xact_tuples_returned(t.relid))::int
       from pg_partition_tree('postrider.delivery_due') t where t.isleaf`,
    ),
  );
}

function countsOf(leased: readonly { readonly endpoint: string }[]): Map<string | undefined, number> {
  const counts = new Map<string | undefined, number>();
  for (const { endpoint } of leased) counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
  return counts;
}

async function expireLeases(): Promise<void> {
  await database.pool.query(
    "update postrider.delivery set lease_expires_at = now() - interval '1 s', next_attempt_at = now() - interval '1 s' where leased_by is not null",
  );
}
