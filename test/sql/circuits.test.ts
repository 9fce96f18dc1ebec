/** When the circuit of an endpoint opens, who may probe it, and what closes it: in SQL, for all daemons together. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimAll,
  claimEvents,
  createEndpoint,
  insertEvent,
  openSession,
  recordAll,
  reset,
  resultOf,
  rowsOf,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Circuit {
  readonly circuit: "closed" | "open" | "half-open";
  readonly is_since: boolean;
  readonly gap_ms: number | null;
  readonly probe_in_ms: number | null;
  readonly consecutive_failures: string;
}

async function circuitOf(endpoint: string): Promise<Circuit> {
  const [row] = await rowsOf<Circuit>(
    database.pool,
    `select circuit, circuit_opened_at is not null as is_since, consecutive_failures,
            ${epochMs("next_probe_at - circuit_opened_at")} as gap_ms,
            ${epochMs("next_probe_at - now()")} as probe_in_ms
     from postrider.endpoint_health where endpoint_id = $1`,
    [endpoint],
  );
  assert.ok(row !== undefined);
  return row;
}

function epochMs(time: string): string {
  return `extract(epoch from ${time})::float8 * 1000`;
}

/** Of Postgres. */
async function clockMs(): Promise<number> {
  return Number(await askFor(database.pool, `select ${epochMs("clock_timestamp()")}`));
}

type Ending = "pending" | "exhausted" | "succeeded";

interface Flush {
  readonly daemon?: string;
  readonly reason?: string;
}

/** Records what is leased with these endings, in one flush. */
async function flush(leased: Awaited<ReturnType<typeof walk>>["leased"], ending: Ending, { daemon, reason }: Flush) {
  const later = leased.map((pair) =>
    resultOf(pair, { attempts: pair.attempts, outcome: ending, ...(reason === undefined ? {} : { reason }) }),
  );
  return (await recordAll(database.pool, String(daemon), { later })).circuits;
}

/** Makes new deliveries and records an attempt of each. */
async function attempt(endpoint: string, count: number, ending: Ending, reason?: string) {
  const daemon = randomUUID();
  for (let n = 0; n < count; n++) await addPending(database.pool, endpoint);
  const { leased } = await walk(database.pool, { daemon, share: 100 });
  assert.equal(leased.length, count);
  return flush(leased, ending, { daemon, ...(reason === undefined ? {} : { reason }) });
}

/** As if all that is known of its failures were so much older. */
async function passTime(endpoint: string, interval: string): Promise<void> {
  await database.pool.query(
    `begin; set local session_replication_role = replica;
     update postrider.endpoint set state_changed_at = state_changed_at - interval '${interval}' where id = '${endpoint}';
     update postrider.endpoint_failure
     set failing_since = failing_since - interval '${interval}', next_probe_at = next_probe_at - interval '${interval}',
         probe_until = probe_until - interval '${interval}'
     where endpoint_id = '${endpoint}';
     commit`,
  );
}

interface Opened {
  readonly endpoint: string;
  readonly waiting: readonly string[];
}

/** An endpoint whose circuit is open, with so many deliveries that are due behind it. */
async function opened(waitingCount: number, options: object = {}): Promise<Opened> {
  const endpoint = await createEndpoint(database.pool, ["*"], { options: options as Record<string, unknown> });
  await attempt(endpoint, 10, "pending");
  await passTime(endpoint, "31 s");
  await attempt(endpoint, 1, "pending");
  assert.equal((await circuitOf(endpoint)).circuit, "open");
  const waiting: string[] = [];
  for (let n = 0; n < waitingCount; n++) waiting.push(await addPending(database.pool, endpoint));
  return { endpoint, waiting };
}

async function walkers(count: number): Promise<number> {
  const walks = await Promise.all(Array.from({ length: count }, () => walk(database.pool, { share: 100 })));
  return walks.reduce((sum, { leased }) => sum + leased.length, 0);
}

describe("a circuit opens", () => {
  test("after ten failures in a row over half a minute, and says so", async () => {
    const endpoint = await createEndpoint(database.pool);
    assert.equal(await attempt(endpoint, 20, "pending"), null, "a restart");
    await passTime(endpoint, "31 s");
    const changes = await attempt(endpoint, 1, "pending");
    assert.deepEqual(changes, [{ change: "opened", endpoint_id: endpoint, failures: 21, next_probe_ms: 5_000 }]);
    const { circuit, is_since, gap_ms } = await circuitOf(endpoint);
    assert.deepEqual([circuit, is_since, gap_ms], ["open", true, 5_000]);
  });

  test("not after fewer failures, however long that takes, and not if a success is among them", async () => {
    const endpoint = await createEndpoint(database.pool);
    await attempt(endpoint, 8, "pending");
    await passTime(endpoint, "1 hour");
    await attempt(endpoint, 1, "pending");
    assert.equal((await circuitOf(endpoint)).circuit, "closed");
    await attempt(endpoint, 1, "succeeded");
    await attempt(endpoint, 12, "pending");
    assert.equal((await circuitOf(endpoint)).circuit, "closed");
  });

  test("not for answers that the endpoint gives up on: they are about the event", async () => {
    const endpoint = await createEndpoint(database.pool);
    await attempt(endpoint, 10, "exhausted", "the receiver answered 422, which the endpoint's give_up_on names");
    await passTime(endpoint, "1 hour");
    await attempt(endpoint, 5, "exhausted", "the receiver answered 422, which the endpoint's give_up_on names");
    assert.equal((await circuitOf(endpoint)).circuit, "closed");
    await attempt(endpoint, 1, "exhausted");
    assert.equal((await circuitOf(endpoint)).circuit, "open");
  });

  test("without a new revision, and without a row in the audit", async () => {
    const facts = "select revision, updated_at, (select count(*) from postrider.audit) from postrider.endpoint";
    const endpoint = await createEndpoint(database.pool);
    const before = await rowsOf(database.pool, facts);
    await attempt(endpoint, 10, "pending");
    await passTime(endpoint, "31 s");
    // The audit tells of the outage, which is another row.
    await database.pool.query("update postrider.endpoint_failure set announced_at = now()");
    await attempt(endpoint, 1, "pending");
    assert.equal((await circuitOf(endpoint)).circuit, "open");
    assert.deepEqual(await rowsOf(database.pool, facts), before);
  });

  test("with the next failure if an operator has the endpoint locked, and the flush does not wait", async (t) => {
    const endpoint = await createEndpoint(database.pool);
    await attempt(endpoint, 10, "pending");
    await passTime(endpoint, "31 s");
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    await operator.query("select from postrider.endpoint where id = $1 for update", [endpoint]);
    assert.equal(await attempt(endpoint, 1, "pending"), null);
    await operator.query("rollback");
    assert.notEqual(await attempt(endpoint, 1, "pending"), null);
  });
});

describe("while a circuit is open", () => {
  test("new events wait in the queue, and what a daemon has left behind does as well", async () => {
    const claimant = randomUUID();
    const endpoint = await createEndpoint(database.pool, ["*"]);
    await insertEvent(database.pool, "order.early");
    assert.equal((await claimAll(database.pool, { daemon: claimant })).length, 1);
    await attempt(endpoint, 10, "pending");
    await passTime(endpoint, "31 s");
    await attempt(endpoint, 1, "pending");
    await insertEvent(database.pool, "order.late");
    assert.deepEqual(await claimAll(database.pool), []);
    assert.equal(
      await askFor(database.pool, "select count(*) from postrider_internal.take_over_claim($1, '{}', 32768)", [
        randomUUID(),
      ]),
      "0",
    );
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select o.event_type, d.detail, d.attempts from postrider.delivery_status d join postrider.outbox o on o.id = d.event_id where o.event_type like 'order.%' order by 1",
      ),
      ["order.early", "order.late"].map((event_type) => ({ event_type, detail: "circuit open", attempts: 0 })),
    );
  });

  test("nothing is leased before the probe is due, and the walk is told when that is", async () => {
    const { endpoint } = await opened(3);
    const { probe_in_ms: beforehand } = await circuitOf(endpoint);
    const { leased, nextDueMs } = await walk(database.pool);
    const { probe_in_ms: afterwards } = await circuitOf(endpoint);
    assert.equal(leased.length, 0);
    assert.ok(nextDueMs !== null && beforehand !== null && afterwards !== null);
    assert.ok(nextDueMs >= Math.floor(afterwards) && nextDueMs <= Math.ceil(beforehand), `${nextDueMs} ms`);
  });

  test("an ordered endpoint whose keys wait for a retry is looked at when the first of them is due", async () => {
    const { endpoint } = await opened(0, { ordered: true });
    await passTime(endpoint, "6 s");
    const event = await addPending(database.pool, endpoint);
    const place =
      "update postrider.delivery set ordering_key = 'a', ordering_seq = 1, next_attempt_at = now() + $2::interval";
    await database.pool.query(`${place} where event_id = $1`, [event, "10 s"]);
    const { leased, nextDueMs } = await walk(database.pool);
    assert.equal(leased.length, 0);
    assert.ok(nextDueMs !== null && nextDueMs > 5_000 && nextDueMs <= 10_000, `looks again in ${nextDueMs} ms`);
    await database.pool.query(`${place} where event_id = $1`, [event, "0 s"]);
    await claimEvents(database.pool, { daemon: randomUUID() });
    assert.equal(await walkers(1), 1);
  });

  test("of ten daemons one gets one delivery, and no one another before its lease ends", async () => {
    const { endpoint } = await opened(20);
    await passTime(endpoint, "6 s");
    assert.equal(await walkers(10), 1);
    assert.equal((await circuitOf(endpoint)).circuit, "half-open");
    await passTime(endpoint, "29 s");
    assert.equal(await walkers(10), 0);
    await passTime(endpoint, "2 s");
    assert.equal((await circuitOf(endpoint)).circuit, "open");
    assert.equal(await walkers(10), 1, "the daemon that probed was killed");
  });

  test("each probe that fails doubles the gap up to five minutes, and what waits keeps its attempts", async () => {
    const { endpoint, waiting } = await opened(10);
    for (const gapMs of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      await passTime(endpoint, "6 min");
      const daemon = randomUUID();
      const { leased } = await walk(database.pool, { daemon, share: 100 });
      assert.equal(leased.length, 1);
      const beganMs = await clockMs();
      const changes = await flush(leased, "pending", { daemon });
      const endedMs = await clockMs();
      assert.deepEqual(
        changes?.map(({ change, next_probe_ms }) => [change, next_probe_ms]),
        [["failed", gapMs]],
      );
      const probeMs = Number(
        await askFor(database.pool, `select ${epochMs("next_probe_at")} from postrider.endpoint_failure`),
      );
      assert.ok(probeMs >= beganMs + 0.8 * gapMs && probeMs <= endedMs + gapMs, `after ${probeMs - beganMs} ms`);
    }
    assert.equal(
      await askFor(
        database.pool,
        "select count(*) from postrider.delivery where event_id = any ($1) and attempts = 0 and state = 'pending'",
        [waiting],
      ),
      "3",
    );
  });

  test("a request that was in progress when it opened changes nothing by failing, and closes it by succeeding", async () => {
    const endpoint = await createEndpoint(database.pool);
    for (let n = 0; n < 2; n++) await addPending(database.pool, endpoint);
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon, share: 2 });
    await attempt(endpoint, 10, "pending");
    await passTime(endpoint, "31 s");
    await attempt(endpoint, 1, "pending");
    assert.equal(await flush(leased.slice(0, 1), "pending", { daemon }), null);
    assert.ok(Number((await circuitOf(endpoint)).probe_in_ms) <= 5_000);
    const changes = await flush(leased.slice(1), "succeeded", { daemon });
    assert.deepEqual(
      changes?.map(({ change }) => change),
      ["closed"],
    );
  });

  test("a step of the walk costs the same with a thousand deliveries behind it", async () => {
    const { endpoint } = await opened(0);
    const other = await createEndpoint(database.pool, []);
    const isAfter = other > endpoint;
    await addPending(database.pool, other);
    await database.pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
       select postrider.uuid_v7(), $1, 'pending', now() from generate_series(1, 1000)`,
      [endpoint],
    );
    const { leased, place } = await walk(database.pool, { endpoints: 2 });
    assert.deepEqual(
      leased.map((pair) => pair.endpoint),
      [other],
    );
    assert.equal(place, isAfter ? other : endpoint);
  });

  test("a batch is a probe as well", async () => {
    const { endpoint } = await opened(0);
    await database.pool.query(
      `begin; set local session_replication_role = replica;
       update postrider.endpoint set batch_size = 3, batch_delay_ms = 0 where id = '${endpoint}'; commit`,
    );
    for (let n = 0; n < 7; n++) await addPending(database.pool, endpoint);
    await passTime(endpoint, "6 s");
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon, share: 100 });
    assert.deepEqual([leased.length, new Set(leased.map(({ batch }) => batch)).size], [3, 1]);
    assert.equal((await flush(leased, "pending", { daemon }))?.[0]?.change, "failed");
  });
});

describe("what a person asks for is sent through an open circuit,", () => {
  test("at once and before all that waits, and is no attempt of the others", async () => {
    const { endpoint, waiting } = await opened(5);
    const chosen = waiting.slice(3);
    for (const event of chosen) await database.pool.query("select postrider.redeliver($1, $2)", [event, endpoint]);
    const test = await askFor(database.pool, "select postrider.send_test_event($1)", [endpoint]);
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon, share: 100 });
    assert.deepEqual(new Set(leased.map(({ event }) => event)), new Set([...chosen, test]));
    assert.equal(await walkers(3), 0);
    assert.equal((await circuitOf(endpoint)).circuit, "half-open", "it is the probe");
    await flush(leased, "pending", { daemon });
    assert.equal(await walkers(3), 0, "and waits like the others once it has failed");
  });

  test("and closes it by succeeding", async () => {
    const { endpoint, waiting } = await opened(5);
    await database.pool.query("select postrider.redeliver($1, $2)", [waiting[4], endpoint]);
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon });
    const [closed] = (await flush(leased, "succeeded", { daemon })) ?? [];
    assert.deepEqual([closed?.change, closed?.endpoint_id], ["closed", endpoint]);
    assert.equal(await walkers(1), 4);
  });

  test("but not before its deliver_at", async () => {
    const { endpoint, waiting } = await opened(2);
    await database.pool.query("update postrider.outbox set deliver_at = now() + interval '1 hour' where id = $1", [
      waiting[0],
    ]);
    await database.pool.query("select postrider.redeliver($1, $2)", [waiting[0], endpoint]);
    assert.equal(await walkers(2), 0);
  });
});

describe("an open circuit is closed", () => {
  test("by the probe that succeeds, and what waited is sent", async () => {
    const { endpoint } = await opened(20);
    await passTime(endpoint, "6 s");
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon });
    const changes = await flush(leased, "succeeded", { daemon });
    assert.deepEqual(
      changes?.map(({ change }) => change),
      ["closed"],
    );
    assert.deepEqual(await circuitOf(endpoint), {
      ...{ circuit: "closed", is_since: false, gap_ms: null, probe_in_ms: null, consecutive_failures: "0" },
    });
    assert.equal(await walkers(1), 19);
    assert.equal(await attempt(endpoint, 12, "pending"), null, "and opens again only after as long");
  });

  const byPeople: Readonly<Record<string, string>> = {
    "resuming it": "select postrider.resume_endpoint($1)",
    "pausing and resuming it": "select postrider.pause_endpoint($1), postrider.resume_endpoint($1)",
    "disabling and enabling it": "select postrider.disable_endpoint($1), postrider.enable_endpoint($1)",
    "an edit, which may have mended it": "update postrider.endpoint set url = 'https://new.example.com/' where id = $1",
    "a new secret": "select postrider.rotate_secret($1)",
  };
  for (const [name, statement] of Object.entries(byPeople)) {
    test(`by ${name}, and daemons are told`, async (t) => {
      const { endpoint } = await opened(0);
      const listener = await openSession(t, database.url);
      const heard: (string | undefined)[] = [];
      listener.on("notification", ({ payload }) => heard.push(payload));
      await listener.query("listen postrider");
      await database.pool.query(statement, [endpoint]);
      await listener.query("select");
      assert.ok(heard.includes("operator"));
      assert.equal((await circuitOf(endpoint)).circuit, "closed");
      await addPending(database.pool, endpoint);
      await addPending(database.pool, endpoint);
      assert.equal(await walkers(1), 2);
    });
  }

  test("by a success while an operator has the endpoint locked, with the walk that follows", async (t) => {
    const { endpoint } = await opened(20);
    await passTime(endpoint, "6 s");
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon });
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    await operator.query("select from postrider.endpoint where id = $1 for update", [endpoint]);
    assert.equal((await flush(leased, "succeeded", { daemon }))?.length, 1);
    assert.equal((await circuitOf(endpoint)).circuit, "closed");
    assert.equal((await walk(database.pool, { share: 5 })).leased.length, 5, "it is not in the way");
    await operator.query("rollback");
    await walk(database.pool, { share: 5 });
    assert.equal((await circuitOf(endpoint)).is_since, false);
  });
});

test("a dead endpoint is disabled in its time, though only its probes fail, and its circuit goes with it", async () => {
  const { endpoint } = await opened(3, { disable_after: "1 hour" });
  await passTime(endpoint, "1 hour");
  const daemon = randomUUID();
  const { leased } = await walk(database.pool, { daemon });
  await flush(leased, "pending", { daemon });
  const [row] = await rowsOf(
    database.pool,
    "select state, circuit, circuit_opened_at, next_probe_at from postrider.endpoint_health where endpoint_id = $1",
    [endpoint],
  );
  assert.deepEqual(row, { state: "disabled", circuit: "closed", circuit_opened_at: null, next_probe_at: null });
});

test("a delivery says that it waits for the circuit, and until when", async () => {
  const { endpoint, waiting } = await opened(2);
  const explain =
    "select outcome, explanation, now_explanation from postrider.explain_event($1) where endpoint_id = $2";
  const [row] = await rowsOf<Record<string, string>>(database.pool, explain, [waiting[1], endpoint]);
  assert.equal(row?.outcome, "circuit open");
  assert.match(
    row?.explanation ?? "",
    /^waits because the endpoint's circuit has been open since .*, after 11 failures in a row; the next probe is due /,
  );
  await passTime(endpoint, "6 s");
  await walk(database.pool);
  const [probed] = await rowsOf<Record<string, string>>(database.pool, explain, [waiting[1], endpoint]);
  assert.match(probed?.explanation ?? "", /; a probe is in progress$/);
});
