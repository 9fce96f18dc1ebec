/** Events about endpoints and deliveries: which are made, for whom, and that they make no others. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimAll,
  createEndpoint,
  type EndpointFields,
  insertEvent,
  openSession,
  type Pair,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  type Session,
  subscribe,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

function create(eventTypes: readonly string[], tenant = "", options: EndpointFields["options"] = {}): Promise<string> {
  return createEndpoint(database.pool, eventTypes, { url: "https://example.com/hooks?token=s3cret", tenant, options });
}

interface OwnEvent {
  readonly event_type: string;
  readonly tenant: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

function ownEvents(): Promise<OwnEvent[]> {
  return rowsOf<OwnEvent>(
    database.pool,
    "select event_type, tenant, payload from postrider.outbox where event_type like 'postrider.%' order by seq",
  );
}

async function ownTypes(): Promise<string[]> {
  return (await ownEvents()).map(({ event_type }) => event_type);
}

function stateOf(endpoint: string): Promise<unknown> {
  return askFor(database.pool, "select state from postrider.endpoint where id = $1", [endpoint]);
}

type Ending = "pending" | "exhausted" | "succeeded";

/** Records attempts of one flush, each of an event of its own. */
async function attempt(
  endpoint: string,
  endings: readonly Ending[],
  reason?: string,
  session: Session = database.pool,
): Promise<void> {
  const daemon = randomUUID();
  for (const _ of endings) await addPending(database.pool, endpoint);
  // Leased without a walk, which leaves an endpoint alone whose circuit is open.
  const mine = await rowsOf<Pair & { attempts: number }>(
    database.pool,
    `update postrider.delivery
     set leased_by = $1, lease_expires_at = now() + interval '1 min', next_attempt_at = now() + interval '1 min'
     where endpoint_id = $2 and state = 'pending' and attempts = 0 and leased_by is null
     returning event_id as event, endpoint_id as endpoint, attempts`,
    [daemon, endpoint],
  );
  assert.equal(mine.length, endings.length);
  const later = mine.map((pair, at) =>
    resultOf(pair, {
      attempts: pair.attempts,
      outcome: endings[at] ?? "pending",
      startedMs: 1_750_000_000_000 + at,
      ...(reason === undefined ? {} : { reason }),
    }),
  );
  await recordResults(session, daemon, { later });
}

/** As if it had begun to fail so much earlier. */
function failEarlier(endpoint: string, interval: string): Promise<unknown> {
  return database.pool.query(
    `update postrider.endpoint_failure set failing_since = failing_since - $2::interval where endpoint_id = $1`,
    [endpoint, interval],
  );
}

async function ageEndpoint(endpoint: string): Promise<void> {
  await database.pool.query(
    `begin; set local session_replication_role = replica;
     update postrider.endpoint set state_changed_at = state_changed_at - interval '30 days' where id = '${endpoint}'; commit`,
  );
}

function many(count: number): Ending[] {
  return Array<Ending>(count).fill("pending");
}

/** An endpoint of a tenant that has failed ten times, a minute ago. */
async function failingEndpoint(options: EndpointFields["options"] = {}): Promise<string> {
  const endpoint = await create(["order.*"], "acme", options);
  await ageEndpoint(endpoint);
  await attempt(endpoint, many(10));
  await failEarlier(endpoint, "1 minute");
  return endpoint;
}

function auditOf(endpoint: string): Promise<{ action: string }[]> {
  return rowsOf(
    database.pool,
    "select action, detail from postrider.audit where endpoint_id = $1 and action <> 'create_endpoint' order by at",
    [endpoint],
  );
}

test("such an event is inserted and not updated, and is no test", async (t) => {
  const endpoint = await create(["postrider.*"]);
  const other = await create(["order.*"]);
  const session = await openSession(t, database.url);
  await session.query("begin");
  await session.query("select postrider.disable_endpoint($1)", [other]);
  const [row] = await rowsOf<{ inserted: number; updated: number }>(
    session,
    `select sum(pg_stat_get_xact_tuples_inserted(relid))::int as inserted, sum(pg_stat_get_xact_tuples_updated(relid))::int as updated
     from pg_partition_tree('postrider.outbox')`,
  );
  assert.deepEqual(row, { inserted: 1, updated: 0 });
  await session.query("commit");
  assert.deepEqual(
    await rowsOf(
      session,
      "select event_type, test_endpoint_id from postrider.outbox where event_type like 'postrider.%'",
    ),
    [{ event_type: "postrider.endpoint.disabled", test_endpoint_id: null }],
  );
  assert.deepEqual(
    (await claimAll(database.pool)).map((pair) => pair.endpoint),
    [endpoint],
  );
});

test("nothing is written if nothing is subscribed, not by * and not for another tenant, but the audit tells", async () => {
  await create(["*", "order.*"]);
  await create(["postrider.*"], "acme");
  const endpoint = await failingEndpoint();
  await attempt(endpoint, ["exhausted", "pending"]);
  await attempt(endpoint, ["succeeded"]);
  await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
  assert.deepEqual(await ownTypes(), []);
  assert.deepEqual(
    (await auditOf(endpoint)).map(({ action }) => action),
    ["endpoint_failing", "endpoint_recovered", "disable_endpoint"],
  );
});

for (const pattern of ["postrider.*", "postrider.endpoint.*", "postrider.endpoint.disabled"]) {
  test(`an operator's own disabling is told to ${pattern}, with what it is about and without secrets`, async () => {
    const listener = await create([pattern]);
    const bystander = await create(["*"]);
    const endpoint = await create(["order.*"], "acme", { name: "partner" });
    await database.pool.query("select postrider.disable_endpoint($1, 'customer left')", [endpoint]);
    const changed_by = await askFor(database.pool, "select session_user");
    assert.deepEqual(await ownEvents(), [
      {
        event_type: "postrider.endpoint.disabled",
        tenant: "",
        payload: {
          endpoint_id: endpoint,
          name: "partner",
          url: "https://example.com/hooks",
          tenant: "acme",
          reason: "customer left",
          changed_by,
          failing_since: null,
          failures: 0,
        },
      },
    ]);
    assert.deepEqual(
      (await claimAll(database.pool)).map((pair) => pair.endpoint),
      [listener],
      `not to ${bystander}`,
    );
  });
}

test("disabling by hand, by 410 and after nothing but failures is told, each once", async () => {
  await create(["postrider.endpoint.disabled"]);
  const byHand = await create([]);
  const edit = "update postrider.endpoint set state = 'disabled', state_reason = $2 where id = $1";
  await database.pool.query(edit, [byHand, "by hand"]);
  await database.pool.query(edit, [byHand, "for another reason"]);

  const gone = await create([]);
  const daemon = randomUUID();
  await addPending(database.pool, gone);
  const { leased } = await walk(database.pool, { daemon });
  const later = leased.map((pair) =>
    resultOf(pair, { outcome: "discarded", reason: "the receiver answered 410 Gone" }),
  );
  await recordResults(database.pool, daemon, { later, gone: [gone] });

  const dead = await failingEndpoint({ disable_after: "1 minute" });
  await attempt(dead, ["pending"]);

  const events = await ownEvents();
  assert.deepEqual(
    events.map(({ event_type, payload }) => [event_type, payload.endpoint_id, payload.failures]),
    [
      ["postrider.endpoint.disabled", byHand, 0],
      ["postrider.endpoint.disabled", gone, 1],
      ["postrider.endpoint.disabled", dead, 11],
    ],
  );
  assert.deepEqual(events[1]?.payload.reason, "the receiver answered 410 Gone");
  assert.match(String(events[2]?.payload.reason), /^nothing but failures since .* UTC: 11 of them, the last one: /);
});

test("what is told has its times in UTC, whatever the session's time zone is", async (t) => {
  const session = await openSession(t, database.url);
  await session.query("set timezone = 'Asia/Kathmandu'");
  await create(["postrider.*"]);
  const endpoint = await failingEndpoint();
  await attempt(endpoint, many(2), undefined, session);
  await session.query("select postrider.disable_endpoint($1)", [endpoint]);
  await session.query("select postrider.enable_endpoint($1)", [endpoint]);
  await attempt(endpoint, ["succeeded"], undefined, session);
  const told = (await ownEvents()).map(({ event_type, payload }) => [event_type, payload.failing_since] as const);
  assert.deepEqual(
    told.map(([type]) => type),
    ["postrider.endpoint.failing", "postrider.endpoint.disabled", "postrider.endpoint.recovered"],
  );
  for (const [, failingSince] of told) assert.match(String(failingSince), /\+00:00$/);
});

describe("an endpoint that keeps failing is told of", () => {
  test("once in an outage, and so is its recovery", async () => {
    await create(["postrider.*"]);
    const endpoint = await failingEndpoint();
    assert.deepEqual(await ownTypes(), [], "ten failures at once are no outage");
    await attempt(endpoint, many(2));
    await attempt(endpoint, many(2));
    await attempt(endpoint, ["succeeded"]);
    await attempt(endpoint, ["succeeded", "pending"]);
    const events = await ownEvents();
    assert.deepEqual(
      events.map(({ event_type }) => event_type),
      ["postrider.endpoint.failing", "postrider.endpoint.recovered"],
    );
    const [failing, recovered] = events.map(({ payload }) => payload);
    assert.ok(failing !== undefined && recovered !== undefined);
    const { failing_since, disabled_from, ...rest } = failing;
    assert.deepEqual(rest, {
      ...{ endpoint_id: endpoint, name: null, url: "https://example.com/hooks", tenant: "acme" },
      ...{ reason: "the receiver answered 500", failures: 12, failure_kind: "status", http_status: 500 },
    });
    const fiveDaysMs = Date.parse(String(disabled_from)) - Date.parse(String(failing_since));
    assert.equal(fiveDaysMs, 5 * 86_400_000);
    assert.deepEqual([recovered.failing_since, recovered.failures], [failing_since, 14]);
    await attempt(endpoint, many(10));
    await failEarlier(endpoint, "1 minute");
    await attempt(endpoint, ["pending"]);
    assert.equal((await ownTypes()).at(-1), "postrider.endpoint.failing", "and again in the next outage");
  });

  test("after half of its disable_after, however few failures there were", async () => {
    await create(["postrider.*"]);
    const endpoint = await create(["order.*"], "acme", { disable_after: "10 days" });
    await ageEndpoint(endpoint);
    await attempt(endpoint, ["pending"]);
    await failEarlier(endpoint, "4 days 23 hours");
    await attempt(endpoint, ["pending"]);
    assert.deepEqual(await ownTypes(), []);
    await failEarlier(endpoint, "2 hours");
    await attempt(endpoint, ["pending"]);
    assert.deepEqual(await ownTypes(), ["postrider.endpoint.failing"]);
  });

  test("before it is disabled, however far apart its failures are", async () => {
    await create(["postrider.*"]);
    const endpoint = await create(["order.*"], "acme", { disable_after: "10 days" });
    await ageEndpoint(endpoint);
    await attempt(endpoint, ["pending"]);
    await failEarlier(endpoint, "11 days");
    await attempt(endpoint, ["pending"]);
    assert.deepEqual(await ownTypes(), ["postrider.endpoint.failing", "postrider.endpoint.disabled"]);
  });

  test("not before its time has run anew after it was resumed", async () => {
    await create(["postrider.*"]);
    const endpoint = await failingEndpoint();
    await database.pool.query("select postrider.pause_endpoint($1)", [endpoint]);
    await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
    await attempt(endpoint, many(2));
    assert.deepEqual(await ownTypes(), []);
  });
});

test("a delivery that is exhausted is told of, with its last answer and why it ended", async () => {
  await create(["postrider.delivery.exhausted"]);
  const endpoint = await create([], "acme");
  await attempt(endpoint, ["exhausted", "succeeded", "pending"]);
  await attempt(endpoint, ["exhausted"], "the receiver answered 422, which the endpoint's give_up_on names");
  const [first, second, ...others] = (await ownEvents()).map(({ payload }) => payload);
  assert.deepEqual(others, []);
  assert.ok(first !== undefined);
  const { event_id, ...rest } = first;
  assert.equal(
    await askFor(database.pool, "select state from postrider.delivery where event_id = $1", [event_id]),
    "exhausted",
  );
  assert.deepEqual(rest, {
    ...{ endpoint_id: endpoint, name: null, url: "https://example.com/hooks", tenant: "acme" },
    ...{ event_type: "queue.filled", attempts: 1, http_status: 500, failure_kind: "status" },
    reason: "the retry schedule is used up",
  });
  assert.equal(second?.reason, "the receiver answered 422, which the endpoint's give_up_on names");
});

test("one whose endpoint is deleted meanwhile is recorded, and no one is told", async () => {
  await create(["postrider.*"]);
  const endpoint = await create(["order.*"]);
  await insertEvent(database.pool, "order.paid");
  const daemon = randomUUID();
  const [pair] = await claimAll(database.pool, { daemon });
  assert.ok(pair !== undefined);
  await database.pool.query("select postrider.delete_endpoint($1, 'gone')", [endpoint]);
  await recordResults(database.pool, daemon, { first: [resultOf(pair, { outcome: "exhausted" })] });
  assert.equal(await askFor(database.pool, "select state from postrider.delivery"), "exhausted");
  assert.deepEqual(await ownTypes(), []);
});

test("so is a first attempt from memory, once though it is recorded twice", async () => {
  await create(["postrider.*"]);
  await create(["order.*"]);
  await insertEvent(database.pool, "order.paid");
  const daemon = randomUUID();
  const first = (await claimAll(database.pool, { daemon })).map((pair) => resultOf(pair, { outcome: "exhausted" }));
  await recordResults(database.pool, daemon, { first });
  await recordResults(database.pool, daemon, { first, isRepeat: true });
  assert.deepEqual(await ownTypes(), ["postrider.delivery.exhausted"]);
});

test("an event of ours that an endpoint does not take makes no other, for nobody", async () => {
  const listener = await create(["postrider.*"]);
  await create(["postrider.*"]);
  await ageEndpoint(listener);
  const endpoint = await create([]);
  await attempt(endpoint, Array<Ending>(20).fill("exhausted"));
  assert.equal((await ownTypes()).length, 20);
  const daemon = randomUUID();
  const pairs = (await claimAll(database.pool, { daemon })).filter((pair) => pair.endpoint === listener);
  assert.equal(pairs.length, 20);
  const failures = pairs.map((pair) => resultOf(pair, { outcome: "exhausted" }));
  await recordResults(database.pool, daemon, { first: failures.slice(0, 10) });
  await failEarlier(listener, "1 minute");
  await recordResults(database.pool, daemon, { first: failures.slice(10) });
  assert.equal((await ownTypes()).length, 20);
  assert.equal(
    await askFor(database.pool, "select consecutive_failures from postrider.endpoint_health where endpoint_id = $1", [
      listener,
    ]),
    "20",
    "its health knows them",
  );
});

describe("an endpoint that is disabled because of its failures", () => {
  /** Takes our events, as another one does, and has begun to fail with one of them; returns it and the next one. */
  async function failingListener() {
    const listener = await create(["postrider.*", "order.*"], "", { disable_after: "1 minute" });
    await create(["postrider.*"]);
    await ageEndpoint(listener);
    await attempt(await create([]), ["exhausted", "exhausted"]);
    const daemon = randomUUID();
    const pairs = (await claimAll(database.pool, { daemon })).filter((pair) => pair.endpoint === listener);
    const [failed, last] = pairs;
    assert.ok(failed !== undefined && last !== undefined);
    await recordResults(database.pool, daemon, { first: [resultOf(failed, { outcome: "pending" })] });
    return { listener, daemon, last };
  }

  test("is not told of if nothing but our own events failed there", async () => {
    const { listener, daemon, last } = await failingListener();
    await failEarlier(listener, "2 minutes");
    await recordResults(database.pool, daemon, { first: [resultOf(last, { outcome: "pending" })] });
    assert.equal(await stateOf(listener), "disabled");
    assert.deepEqual(await ownTypes(), Array(2).fill("postrider.delivery.exhausted"));
    assert.deepEqual(
      (await auditOf(listener)).map(({ action }) => action),
      ["disable_endpoint"],
    );
  });

  test("nor if the receiver answered 410 to one of them", async () => {
    const { listener, daemon, last } = await failingListener();
    const gone = resultOf(last, { outcome: "discarded", reason: "the receiver answered 410 Gone" });
    await recordResults(database.pool, daemon, { first: [gone], gone: [listener] });
    assert.equal(await stateOf(listener), "disabled");
    assert.deepEqual(await ownTypes(), Array(2).fill("postrider.delivery.exhausted"));
  });

  test("is told of if another event failed, and so is one that an operator disables", async () => {
    const { listener } = await failingListener();
    await failEarlier(listener, "2 minutes");
    await attempt(listener, ["pending"]);
    assert.equal(await stateOf(listener), "disabled");
    const byHand = await failingListener();
    await database.pool.query("select postrider.disable_endpoint($1)", [byHand.listener]);
    const told = (await ownEvents()).filter(({ event_type }) => event_type === "postrider.endpoint.disabled");
    assert.deepEqual(
      told.map(({ payload }) => payload.endpoint_id),
      [listener, byHand.listener],
    );
  });
});

test("the only endpoint that takes these events is not told of itself once it is disabled", async () => {
  const listener = await create(["postrider.*"]);
  await database.pool.query("select postrider.disable_endpoint($1)", [listener]);
  assert.deepEqual(await ownTypes(), []);
});

test("a test event that is exhausted is not told of", async () => {
  await create(["postrider.*"]);
  const endpoint = await create([]);
  await database.pool.query("select postrider.send_test_event($1, 'order.paid')", [endpoint]);
  const daemon = randomUUID();
  const { leased } = await walk(database.pool, { daemon });
  await recordResults(database.pool, daemon, { later: leased.map((pair) => resultOf(pair, { outcome: "exhausted" })) });
  assert.deepEqual(await ownTypes(), []);
});

test("unknown event types that are refused are not these", async () => {
  await create(["postrider.*"]);
  const endpoint = await create([]);
  await database.pool.query("select postrider.refuse_unknown_event_types()");
  await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
  await database.pool.query("select postrider.allow_unknown_event_types()");
  assert.deepEqual(await ownTypes(), ["postrider.endpoint.disabled"]);
});

test("what was subscribed to by an operator is sent like any other event of the empty tenant", async () => {
  const listener = await create([]);
  await subscribe(database.pool, listener, "postrider.endpoint.disabled", '$.tenant == "acme"');
  const [acme, other] = [await create([], "acme"), await create([], "other")];
  for (const id of [acme, other]) await database.pool.query("select postrider.disable_endpoint($1)", [id]);
  const pairs = await claimAll(database.pool);
  assert.equal(pairs.length, 1);
  assert.equal(pairs[0]?.endpoint, listener);
});
