/** The queries of sql/recipes. Each runs as the role that its header names, on data with a known answer. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type pg from "pg";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  askFor,
  beat,
  claimAll,
  createEndpoint,
  insertEvent,
  openSession,
  pidOf,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  subscribe,
  unguarded,
  walk,
} from "../support/engine.ts";
import { guideText } from "../support/guides.ts";
import { substitute } from "../support/psqlScript.ts";
import { createLogin, type Login } from "../support/roles.ts";

const FOLDER = new URL("../../sql/recipes/", import.meta.url);
const NAMES = readdirSync(FOLDER).map((file) => file.replace(/\.sql$/, ""));

interface Recipe {
  readonly text: string;
  readonly roles: readonly string[];
  /** Variables, as psql's `\set` sets them. */
  readonly variables: readonly string[];
}

function readRecipe(name: string): Recipe {
  const text = readFileSync(new URL(`${name}.sql`, FOLDER), "utf8");
  const line = (key: string) => new RegExp(`^-- ${key}: (.+)$`, "m").exec(text)?.[1];
  return {
    text,
    roles: (line("role") ?? "").split(", "),
    variables: (line("set") ?? "").split(";").flatMap((each) => /^\s*(\w+),/.exec(each)?.[1] ?? []),
  };
}

test("each recipe that takes variables names the first one that is missing", () => {
  for (const { text, variables } of NAMES.map(readRecipe)) {
    const checks = text.split("\n").filter((line) => line.startsWith("\\"));
    assert.deepEqual(
      checks,
      variables.map((name) => `\\if :{?${name}} \\else \\warn Set ${name}, as in: psql -v ${name}=... \\quit \\endif`),
    );
  }
});

test("each recipe that shows an endpoint's URL shows its name before it", () => {
  for (const name of NAMES) {
    const { text } = readRecipe(name);
    assert.equal(/\.(shown_)?url\b/.test(text), /\.name, [a-z]\.(shown_url as )?url,/.test(text), name);
  }
});

let database: TestDatabase;
const logins = new Map<string, Login>();

before(async () => {
  database = await createDatabase();
  for (const { roles } of NAMES.map(readRecipe)) {
    const key = roles.join();
    if (!logins.has(key)) logins.set(key, await createLogin(database, roles));
  }
});

after(async () => {
  for (const login of logins.values()) await login.drop();
  await database.drop();
});

beforeEach(() => reset(database.pool));

const tried = new Set<string>();

async function run<Row extends pg.QueryResultRow>(
  t: TestContext,
  name: string,
  values: Readonly<Record<string, string>> = {},
): Promise<Row[]> {
  tried.add(name);
  const { text, roles } = readRecipe(name);
  const login = logins.get(roles.join());
  assert.ok(login !== undefined);
  return rowsOf<Row>(await openSession(t, login.url), substitute(text, new Map(Object.entries(values))));
}

/** An event with a known time, because the ids of two events made within a millisecond are in no order. */
async function eventAt(time: string, eventType: string, tenant = ""): Promise<string> {
  const id = await askFor(
    database.pool,
    `insert into postrider.outbox (id, created_at, event_type, tenant, payload)
     values ((left(postrider.uuid_v7_floor(${time})::text, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid, ${time},
             $1, $2, '{}')
     returning id`,
    [eventType, tenant],
  );
  return String(id);
}

function minutesAgo(minutes: number): string {
  return `now() - interval '${minutes} minutes'`;
}

async function wait(event: string, endpoint: string): Promise<void> {
  await database.pool.query(
    "insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at) values ($1, $2, 'pending', now())",
    [event, endpoint],
  );
}

/** Claims all events and records these outcomes of their first attempts, in that order. */
async function deliver(...outcomes: readonly ("succeeded" | "pending" | "exhausted")[]): Promise<void> {
  const daemon = randomUUID();
  const pairs = await claimAll(database.pool, { daemon });
  const results = pairs.map((pair, index) => resultOf(pair, { outcome: outcomes[index] ?? "succeeded" }));
  await recordResults(database.pool, daemon, { first: results });
}

describe("a recipe says in its header", () => {
  for (const name of NAMES) {
    test(`its purpose, its role, its cost and its variables: ${name}`, () => {
      const { text, roles, variables } = readRecipe(name);
      assert.match(text, /^-- [A-Z].*[.]\n-- role: /);
      assert.match(text, /^-- cost: /m);
      for (const role of roles) assert.match(role, /^(postrider_reader|postrider_operator|pg_monitor)$/);
      const used = new Set([...text.matchAll(/:'(\w+)'/g)].map(([, variable]) => variable));
      assert.deepEqual([...used].sort(), [...variables].sort());
    });
  }
});

test("oldest_undelivered: lists the oldest first, each with what it waits for", async (t) => {
  const { pool } = database;
  const retried = await createEndpoint(pool, ["order.*"]);
  const paused = await createEndpoint(pool, []);
  const first = await eventAt(minutesAgo(30), "order.paid");
  await deliver("pending");
  const second = await eventAt(minutesAgo(20), "other.thing");
  await wait(second, paused);
  await pool.query("select postrider.pause_endpoint($1, 'they move house')", [paused]);
  const third = await eventAt(minutesAgo(10), "order.shipped");
  await claimAll(pool, { daemon: randomUUID() });
  const rows = await run<{ event_id: string; endpoint_id: string; waits_for: string; last_error: string | null }>(
    t,
    "oldest_undelivered",
  );
  assert.deepEqual(
    rows.map(({ event_id, endpoint_id }) => [event_id, endpoint_id]),
    [
      [first, retried],
      [second, paused],
      [third, retried],
    ],
  );
  assert.match(rows[0]?.waits_for ?? "", /^the next attempt, at \d/);
  assert.equal(rows[0]?.last_error, "the receiver answered 500");
  assert.equal(rows[1]?.waits_for, "the endpoint is paused: they move house");
  assert.equal(rows[2]?.waits_for, "an attempt is in progress");
});

test("slowest_receivers: says how long their answers took, the slowest first", async (t) => {
  const { pool } = database;
  const [slow, quick] = [await createEndpoint(pool, ["a.*"]), await createEndpoint(pool, ["b.*"])];
  await pool.query("update postrider.endpoint set name = 'slow' where id = $1", [slow]);
  for (let count = 0; count < 20; count++) {
    await insertEvent(pool, "a.one");
    await insertEvent(pool, "b.one");
  }
  await deliver();
  await pool.query(
    `update postrider.delivery d
     set first_duration_ms = case when d.endpoint_id = $2 then 5 else n.n * 100 end
     from (select event_id, endpoint_id, row_number() over (partition by endpoint_id order by event_id) as n
           from postrider.delivery) n
     where n.event_id = d.event_id and n.endpoint_id = d.endpoint_id and d.endpoint_id in ($1, $2)`,
    [slow, quick],
  );
  const rows = await run<Record<string, unknown>>(t, "slowest_receivers", { hours: "1" });
  assert.deepEqual(
    rows.map(({ endpoint_id, name, attempts, p50_ms, p95_ms, max_ms }) => [
      endpoint_id,
      name,
      attempts,
      p50_ms,
      p95_ms,
      max_ms,
    ]),
    [
      [slow, "slow", "20", 1000, 1900, 2000],
      [quick, null, "20", 5, 5, 5],
    ],
  );
});

test("failing_endpoints: lists the endpoints that have failed since their last success, the longest first", async (t) => {
  const { pool } = database;
  const [failing, worse, well] = [
    await createEndpoint(pool, ["a.*"]),
    await createEndpoint(pool, ["b.*"]),
    await createEndpoint(pool, ["c.*"]),
  ];
  await pool.query(
    `insert into postrider.endpoint_failure (endpoint_id, consecutive_failures, failing_since, last_failure_at, last_failure_kind, last_http_status, last_error, recovered_at)
     values ($1, 2, ${minutesAgo(20)}, ${minutesAgo(10)}, 'status', 500, 'the receiver answered 500', ${minutesAgo(50)}),
            ($2, 7, ${minutesAgo(40)}, ${minutesAgo(5)}, 'timeout', null, 'it took too long', null),
            ($3, 0, null, ${minutesAgo(60)}, 'status', 500, 'the receiver answered 500', ${minutesAgo(30)})`,
    [failing, worse, well],
  );
  const rows = await run<{ endpoint_id: string; consecutive_failures: string; last_error: string }>(
    t,
    "failing_endpoints",
    {},
  );
  assert.deepEqual(
    rows.map(({ endpoint_id, consecutive_failures, last_error }) => [endpoint_id, consecutive_failures, last_error]),
    [
      [worse, "7", "it took too long"],
      [failing, "2", "the receiver answered 500"],
    ],
  );
});

test("sent_to_customer: lists each request to that tenant on that day, and to no other tenant", async (t) => {
  const { pool } = database;
  for (const tenant of ["acme", "other"]) await createEndpoint(pool, ["order.*"], { tenant });
  const today = String(await askFor(pool, "select current_date::text"));
  const noonAgo = (days: number) => `'${today}'::date - interval '${days} days' + interval '12 hours'`;
  const early = await eventAt(noonAgo(3), "order.paid", "acme");
  const sent = await eventAt(noonAgo(1), "order.shipped", "acme");
  await eventAt(noonAgo(1), "order.paid", "other");
  await eventAt(noonAgo(1), "order.late", "acme");
  await deliver("succeeded", "exhausted", "succeeded", "succeeded");
  // The first one late, the last one on the day after.
  for (const [table, column] of [
    ["delivery", "first_started_at"],
    ["other_attempt", "started_at"],
  ]) {
    await pool.query(
      `update postrider.${table} a
       set ${column} = case o.event_type when 'order.late' then ${noonAgo(0)} else ${noonAgo(1)} end
         + case o.tenant when 'acme' then interval '0' else interval '1 s' end + (o.seq || ' ms')::interval
       from postrider.outbox o where o.id = a.event_id`,
    );
  }
  const rows = await run<{ event_id: string; event_type: string; url: string; http_status: number }>(
    t,
    "sent_to_customer",
    {
      tenant: "acme",
      day: String(await askFor(pool, "select ($1::date - 1)::text", [today])),
    },
  );
  assert.deepEqual(
    rows.map(({ event_id, event_type, url, http_status }) => [event_id, event_type, url, http_status]),
    [
      [early, "order.paid", "http://receiver.test/", 200],
      [sent, "order.shipped", "http://receiver.test/", 500],
    ],
  );
  assert.deepEqual(await run(t, "sent_to_customer", { tenant: "nobody", day: today }), []);
});

describe("why_it_did_not_arrive", () => {
  async function why(t: TestContext, event: string): Promise<Record<string, string>> {
    const rows = await run<{ endpoint_id: string; why: string }>(t, "why_it_did_not_arrive", { event_id: event });
    return Object.fromEntries(rows.map((row) => [row.endpoint_id, row.why]));
  }

  test("knows of an endpoint that was deleted since", async (t) => {
    const { pool } = database;
    const endpoint = await createEndpoint(pool, ["order.*"], { state: "paused" });
    const event = await insertEvent(pool, "order.paid");
    await claimAll(pool);
    await pool.query("delete from postrider.endpoint where id = $1", [endpoint]);
    assert.deepEqual(await why(t, event), { [endpoint]: "the endpoint was deleted" });
  });

  test("says that the event's tenant has no endpoint", async (t) => {
    const { pool } = database;
    await createEndpoint(pool, ["order.*"], { tenant: "acme" });
    const plain = await insertEvent(pool, "order.paid");
    const event = await insertEvent(pool, "order.paid", { tenant: "Acme" });
    const lack = "there is no endpoint of its tenant, 'Acme'";
    assert.deepEqual(await why(t, event), { null: `no daemon has claimed it yet, and ${lack}` });
    await claimAll(pool);
    assert.deepEqual(await why(t, event), { null: lack });
    assert.deepEqual(await why(t, plain), { null: "there is no endpoint without a tenant, as the event is" });
    const [row] = await run(t, "why_it_did_not_arrive", { event_id: event });
    assert.deepEqual(row, {
      ...{ endpoint_id: null, name: null, url: null, endpoint_state: null, state: null },
      ...{ attempts: null, http_status: null, error: null, why: lack },
    });
  });

  test("says what became of the event at each endpoint of the tenant", async (t) => {
    const { pool } = database;
    const [succeeded, retried, exhausted, discarded, paused, flying] = [
      await createEndpoint(pool, ["order.*"]),
      await createEndpoint(pool, ["order.*"]),
      await createEndpoint(pool, ["order.*"]),
      await createEndpoint(pool, ["order.*"]),
      await createEndpoint(pool, ["order.*"], { state: "paused" }),
      await createEndpoint(pool, ["order.*"]),
    ];
    await createEndpoint(pool, ["*"], { tenant: "other" });
    const event = await insertEvent(pool, "order.paid");
    const before = await why(t, event);
    assert.deepEqual(new Set(Object.values(before)), new Set(["no daemon has claimed it yet"]));
    assert.equal(Object.keys(before).length, 6);

    const daemon = randomUUID();
    const pairs = await claimAll(pool, { daemon });
    const of = (endpoint: string) =>
      pairs.find((pair) => pair.endpoint === endpoint) ?? assert.fail("it was not claimed");
    await recordResults(pool, daemon, {
      first: [
        resultOf(of(succeeded)),
        resultOf(of(retried), { outcome: "pending" }),
        resultOf(of(exhausted), { outcome: "exhausted" }),
        resultOf(of(discarded), { outcome: "discarded", reason: "the payload is too large", attempt: null }),
      ],
    });
    const found = await why(t, event);
    assert.match(found[succeeded] ?? "", /^it did, at \d/);
    assert.match(found[retried] ?? "", /^the next attempt is due at \d/);
    assert.equal(found[exhausted], "every attempt of its schedule has failed");
    await pool.query("update postrider.delivery set reason = 'the receiver answered 422' where endpoint_id = $1", [
      exhausted,
    ]);
    assert.equal((await why(t, event))[exhausted], "the receiver answered 422");
    assert.equal(found[discarded], "the payload is too large");
    assert.equal(found[paused], "the endpoint is paused");
    assert.equal(found[flying], "its first attempt is in progress");

    await pool.query("update postrider.delivery set next_attempt_at = now() where endpoint_id = $1", [retried]);
    await walk(pool, { daemon });
    assert.equal((await why(t, event))[retried], "an attempt is in progress");
  });

  test("says what keeps a delivery that is due", async (t) => {
    const { pool } = database;
    const { event, expected } = await kept();
    assert.deepEqual(await why(t, event), expected);
    const waits = await run<{ endpoint_id: string; event_id: string; waits_for: string }>(t, "oldest_undelivered");
    const found = waits.filter(({ event_id }) => event_id === event);
    assert.deepEqual(Object.fromEntries(found.map((row) => [row.endpoint_id, row.waits_for])), expected);
    const held = await run<{ what: string; which: string }>(t, "what_holds_back_retention");
    const halting = await askFor(pool, "select event_id from postrider.halted_key");
    assert.match(
      held.find(({ what }) => what === "it halts its ordering key")?.which ?? "",
      new RegExp(`^event ${halting} for endpoint `),
    );
  });

  /** An event that waits at each of several endpoints, for another reason at each. */
  async function kept(): Promise<{ readonly event: string; readonly expected: Record<string, string> }> {
    const { pool } = database;
    const daemon = randomUUID();
    const made = (options: Record<string, unknown>) => createEndpoint(pool, ["order.*"], { options });
    const halted = await made({ ordered: true, when_exhausted: "halt" });
    const ordered = await made({ ordered: true });
    const limited = await made({ max_in_flight: 1 });
    const consent = await made({ handshake: true });
    const open = await made({ ordered: true });
    const first = await insertEvent(pool, "order.paid", { orderingKey: "a" });
    await claimAll(pool, { daemon });
    await walk(pool, { daemon });
    await recordResults(pool, daemon, {
      later: [resultOf({ event: first, endpoint: halted }, { outcome: "exhausted" })],
    });
    const event = await insertEvent(pool, "order.paid", { orderingKey: "a" });
    await claimAll(pool, { daemon });
    await pool.query("update postrider.endpoint set circuit_opened_at = now() where id = $1", [open]);
    const goesFirst = `event ${first} of its ordering key goes first`;
    return {
      event,
      expected: {
        [halted]: `${goesFirst}: it is exhausted and halts the key, see postrider.halted_key`,
        [ordered]: goesFirst,
        [limited]: "a limit of the endpoint is reached",
        [consent]: "the receiver has not consented yet: see postrider.endpoint_handshake",
        [open]: "the endpoint keeps failing and gets only probes: see postrider.endpoint_health",
      },
    };
  }

  test("says why the event has no deliveries", async (t) => {
    const { pool } = database;
    const none = await createEndpoint(pool, []);
    const other = await createEndpoint(pool, ["invoice.*", "order.shipped"]);
    const filtered = await createEndpoint(pool, []);
    await subscribe(pool, filtered, "order.*", "$.amount > 100");
    const disabled = await createEndpoint(pool, ["order.paid"], { state: "disabled" });
    const event = await insertEvent(pool, "order.paid", { payload: '{"amount": 1}' });
    await claimAll(pool);
    const late = await createEndpoint(pool, ["order.paid"]);
    const found = await why(t, event);
    assert.equal(found[none], "the endpoint has no subscription");
    assert.equal(found[other], "none of its subscriptions is to order.paid: invoice.*, order.shipped");
    assert.match(found[filtered] ?? "", /^its filter did not match: \(\$\."amount" > 100\)$/);
    assert.equal(found[disabled], "the endpoint is disabled");
    assert.match(found[late] ?? "", /^it was subscribed after the event, at \d/);
  });

  test("returns nothing for an event that was rolled back or never existed", async (t) => {
    await createEndpoint(database.pool);
    assert.deepEqual(await why(t, randomUUID()), {});
  });
});

test("who_paused_this: says who changed the endpoint, by function or by hand, to which state and why, the newest first", async (t) => {
  const endpoint = await createEndpoint(database.pool);
  const carol = await createLogin(database, ["postrider_operator"]);
  t.after(() => carol.drop());
  const session = await openSession(t, carol.url);
  await session.query("select postrider.pause_endpoint($1, 'their maintenance window')", [endpoint]);
  await session.query("select postrider.resume_endpoint($1)", [endpoint]);
  await session.query("update postrider.endpoint set state = 'paused', state_reason = 'too loud' where id = $1", [
    endpoint,
  ]);
  const event = await insertEvent(database.pool, "order.paid");
  await claimAll(database.pool);
  await session.query("select postrider.cancel($1, $2)", [event, endpoint]);
  await database.pool.query("select postrider.pause_endpoint($1)", [await createEndpoint(database.pool)]);
  const rows = await run<{
    actor: string;
    action: string;
    new_state: string | null;
    reason: string | null;
    state_now: string;
  }>(t, "who_paused_this", { endpoint_id: endpoint });
  assert.deepEqual(
    rows.slice(0, -1).map((row) => [row.actor, row.action, row.new_state, row.reason, row.state_now]),
    [
      [carol.name, "update endpoint", "paused", "too loud", "paused"],
      [carol.name, "resume_endpoint", "active", null, "paused"],
      [carol.name, "pause_endpoint", "paused", "their maintenance window", "paused"],
    ],
  );
  assert.equal(rows.at(-1)?.action, "create_endpoint");
});

test("why_nothing_is_sent: says whether sending is on, whether the database is a copy, and when daemons were last seen", async (t) => {
  const { pool } = database;
  const look = async () => (await run<Record<string, unknown>>(t, "why_nothing_is_sent"))[0];
  const usual = await look();
  assert.deepEqual([usual?.is_on, usual?.reason, usual?.copy_problem, usual?.live_daemons], [true, null, null, "0"]);
  await beat(pool, randomUUID());
  await pool.query("update postrider.sending set is_on = false, reason = 'staging', database_oid = 1");
  const stopped = await look();
  assert.deepEqual([stopped?.is_on, stopped?.reason, stopped?.live_daemons], [false, "staging", "1"]);
  assert.match(String(stopped?.copy_problem), /^daemons have worked in the database with oid 1 /);
  await unguarded(pool, "delete from postrider.sending; insert into postrider.sending default values");
});

test("what_holds_back_retention: shows the oldest undelivered, in hand, unclaimed, to be replayed, open and prepared", async (t) => {
  const { pool } = database;
  assert.deepEqual(
    (await run<{ what: string }>(t, "what_holds_back_retention")).map(({ what }) => what),
    [],
  );
  const endpoint = await createEndpoint(pool, ["order.*"]);
  const pending = await eventAt(minutesAgo(20), "other.thing");
  for (const event of [await eventAt(minutesAgo(10), "other.thing"), pending]) await wait(event, endpoint);
  const daemon = randomUUID();
  await beat(pool, daemon);
  const claimed = await insertEvent(pool, "order.paid");
  await claimAll(pool, { daemon });
  await insertEvent(pool, "order.paid");
  const replay = await askFor(pool, "select replay_id from postrider.replay($1, now() - interval '1 hour')", [
    endpoint,
  ]);
  const [open, prepared] = [await openSession(t, database.url), await openSession(t, database.url)];
  await open.query("begin");
  await insertEvent(open, "order.paid");
  const gid = `recipes_${database.name}`;
  await prepared.query("begin; set local postrider.wake = off");
  await insertEvent(prepared, "order.paid");
  await prepared.query(`prepare transaction '${gid}'`);
  const rows = await run<{ what: string; which: string; since: Date }>(t, "what_holds_back_retention");
  await prepared.query(`rollback prepared '${gid}'`);
  const which = Object.fromEntries(rows.map((row) => [row.what, row.which]));
  assert.equal(which["a delivery waits"], `event ${pending} for endpoint ${endpoint}`);
  assert.equal(
    which["a daemon has it in hand"],
    `event ${claimed} for endpoint ${endpoint}, claim of daemon ${daemon}`,
  );
  assert.equal(which["no daemon has claimed it"], "1 events");
  assert.equal(which["a replay is on its way"], `replay ${replay} to endpoint ${endpoint}`);
  assert.match(
    which["a transaction that writes is open"] ?? "",
    new RegExp(`^process ${await pidOf(open)} of .* idle in transaction: `),
  );
  assert.match(which["a transaction is prepared"] ?? "", new RegExp(`^${gid} of `));
  assert.equal(rows.length, 6);
  assert.ok(rows.every(({ since }) => since instanceof Date));
});

test("oldest_snapshot: names the session that holds it", async (t) => {
  const holder = await openSession(t, database.url);
  await holder.query("begin isolation level repeatable read");
  await holder.query("select 'this one'");
  // After those that began later.
  for (let count = 0; count < 3; count++) await database.pool.query("select pg_current_xact_id()");
  const rows = await run<{ kind: string; name: string; state: string; xids_behind: number }>(t, "oldest_snapshot");
  const own = rows.find((row) => row.state.includes("this one"));
  assert.deepEqual([own?.kind, own?.name], ["session", String(await pidOf(holder))]);
  assert.deepEqual(
    rows.map(({ xids_behind }) => xids_behind),
    rows.map(({ xids_behind }) => xids_behind).sort((one, other) => other - one),
  );
});

test("replay_outage: counts first, then resends what failed for good in that time", async (t) => {
  const { pool } = database;
  const endpoint = await createEndpoint(pool, ["order.*"]);
  for (const minutes of [50, 30, 20, 10]) await eventAt(minutesAgo(minutes), "order.paid");
  await deliver("exhausted", "exhausted", "succeeded", "exhausted");
  const [bounds] = await rowsOf<{ since: string; until: string }>(
    pool,
    `select (${minutesAgo(40)})::text as since, (${minutesAgo(15)})::text as until`,
  );
  assert.ok(bounds !== undefined);
  const outage = { endpoint_id: endpoint, ...bounds };
  assert.deepEqual(await run(t, "replay_outage", { ...outage, dry_run: "true" }), [{ replay_id: null, events: "1" }]);
  const [started] = await run<{ replay_id: string; events: string }>(t, "replay_outage", {
    ...outage,
    dry_run: "false",
  });
  assert.equal(started?.events, "1");
  assert.deepEqual(await rowsOf(pool, "select id, endpoint_id from postrider.replay"), [
    { id: started.replay_id, endpoint_id: endpoint },
  ]);
});

test("undefined_event_types: counts the undefined types in recent use, the most frequent first", async (t) => {
  const { pool } = database;
  await pool.query("select postrider.define_event_type('order.paid')");
  t.after(() => pool.query("select postrider.drop_event_type('order.paid')"));
  for (const type of ["order.paid", "order.shipped", "order.payd", "order.shipped", "postrider.endpoint.disabled"]) {
    await insertEvent(pool, type);
  }
  await pool.query(
    `insert into postrider.outbox (id, event_type, payload)
     values (postrider.uuid_v7_floor(now() - interval '2 days'), 'order.old', '1')`,
  );
  const rows = await run<{ event_type: string; events: string }>(t, "undefined_event_types", { within: "1 day" });
  assert.deepEqual(
    rows.map(({ event_type, events }) => [event_type, events]),
    [
      ["order.shipped", "2"],
      ["order.payd", "1"],
    ],
  );
});

test("the guide lists each recipe", () => {
  const page = guideText("sql/operations.md");
  const listed = [...page.matchAll(/^\|.*\| `(\w+)\.sql` \|$/gm)].map(([, name]) => name);
  assert.deepEqual(listed.sort(), [...NAMES].sort());
});

test("each recipe has a test", () => {
  assert.deepEqual([...tried].sort(), [...NAMES].sort());
});
