/** A dead endpoint gets single probes from all daemons together, and everything once it works again. */
import assert from "node:assert/strict";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { DaemonProcess, type RunningDaemon, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, reset, rowsOf } from "../support/engine.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const NO_POLL: Partial<Config> = { pollIntervalMs: 3_600_000 };
const FIRST_GAP_MS = 5_000;

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

let pathCount = 0;
function newPath(): string {
  pathCount += 1;
  return `/${pathCount}`;
}

function create(
  path: string,
  eventTypes: readonly string[],
  options: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return createEndpoint(database.pool, eventTypes, { url: receiver.url(path), tenant: "acme", options });
}

async function run(t: TestContext): Promise<RunningDaemon> {
  const running = await startDaemon(database.url, NO_POLL);
  t.after(() => running.daemon.stop());
  return running;
}

function insert(eventType: string, count: number): Promise<unknown> {
  return database.pool.query(
    "insert into postrider.outbox (event_type, payload, tenant) select $1, '{}', 'acme' from generate_series(1, $2)",
    [eventType, count],
  );
}

async function circuitOf(endpoint: string): Promise<string> {
  const sql = "select circuit from postrider.endpoint_health where endpoint_id = $1";
  return String(await askFor(database.pool, sql, [endpoint]));
}

/** Lets the endpoint fail until its circuit opens, without the half minute that this takes. */
async function open(endpoint: string): Promise<void> {
  const failures = "select consecutive_failures from postrider.endpoint_health where endpoint_id = $1";
  await until(
    "it has failed often enough",
    async () => Number(await askFor(database.pool, failures, [endpoint])) >= 10,
  );
  await database.pool.query(
    `begin; set local session_replication_role = replica;
     update postrider.endpoint set state_changed_at = state_changed_at - interval '1 min' where id = '${endpoint}';
     update postrider.endpoint_failure set failing_since = failing_since - interval '1 min' where endpoint_id = '${endpoint}';
     commit`,
  );
  await insert("order.last", 1);
  await until("its circuit is open", async () => (await circuitOf(endpoint)) === "open");
}

function attemptsOf(endpoint: string): Promise<{ attempts: number; count: number }[]> {
  return rowsOf(
    database.pool,
    "select attempts, count(*)::integer from postrider.delivery where endpoint_id = $1 and state = 'pending' group by 1 order by 1",
    [endpoint],
  );
}

test("three daemons send an endpoint that is dead its probes and nothing else, and everything once it works", async (t) => {
  const [dead, well, ops] = [newPath(), newPath(), newPath()];
  receiver.script(dead, status(503));
  const endpoint = await create(dead, ["order.*"], { retry_schedule: ["1 ms", "1 hour"] });
  await create(well, ["order.*"]);
  await createEndpoint(database.pool, ["postrider.*"], { url: receiver.url(ops) });
  const daemons = [await run(t), await run(t), await run(t)];
  await insert("order.first", 5);
  await open(endpoint);
  await until("no daemon has one of its deliveries in hand", async () => {
    const idle = "select count(*) from postrider.delivery where endpoint_id = $1 and leased_by is null";
    return (await askFor(database.pool, idle, [endpoint])) === "6";
  });
  const before = receiver.requests(dead).length;
  await insert("order.waiting", 200);
  await receiver.got(well, 206);
  await until("the first probe has failed", () => receiver.requests(dead).length > before, 2 * FIRST_GAP_MS);
  assert.equal(receiver.requests(dead).length, before + 1);
  const waiting = await attemptsOf(endpoint);
  assert.ok((waiting.find(({ attempts }) => attempts === 0)?.count ?? 0) >= 199, JSON.stringify(waiting));
  await insert("order.more", 50);
  await receiver.got(well, 256);
  assert.equal(receiver.requests(dead).length, before + 1, "new events change nothing");

  receiver.script(dead, OK);
  const mendedMs = performance.now();
  await until("the circuit is closed", async () => (await circuitOf(endpoint)) === "closed", 4 * FIRST_GAP_MS);
  assert.ok(performance.now() - mendedMs <= 2 * FIRST_GAP_MS + 2_000, "recovery takes one gap");
  await until("all that waited has arrived", () => receiver.accepted(dead).size >= 250);

  const told = (name: "circuit.opened" | "probe.failed" | "circuit.closed") =>
    daemons.flatMap(({ emitted }) => emitted.named(name)).filter(({ endpoint_id }) => endpoint_id === endpoint);
  assert.deepEqual(
    [told("circuit.opened").length, told("probe.failed").length, told("circuit.closed").length],
    [1, 1, 1],
  );
  await receiver.got(ops, 2);
  assert.deepEqual(
    receiver.requests(ops).map(({ headers }) => headers["postrider-event-type"]),
    ["postrider.endpoint.failing", "postrider.endpoint.recovered"],
  );
});

test("a person's redelivery is sent through an open circuit, and what waited follows if it succeeds", async (t) => {
  const path = newPath();
  receiver.script(path, status(500));
  const endpoint = await create(path, ["order.*"], { retry_schedule: ["1 hour"] });
  await run(t);
  await insert("order.first", 10);
  await open(endpoint);
  await insert("order.waiting", 20);
  // So that what arrives is owed to the redelivery alone.
  await database.pool.query("update postrider.endpoint_failure set next_probe_at = now() + interval '1 hour'");
  receiver.script(path, OK);
  await until("they wait", async () => (await attemptsOf(endpoint))[0]?.count === 20);
  const event = await askFor(
    database.pool,
    "select event_id from postrider.delivery where endpoint_id = $1 and attempts = 0 order by event_id desc limit 1",
    [endpoint],
  );
  await database.pool.query("select postrider.redeliver($1, $2)", [event, endpoint]);
  await until("all have arrived", () => receiver.accepted(path).size >= 20);
  const [first] = [...receiver.accepted(path)];
  assert.equal(first, event);
});

test("a daemon that is killed during a probe does not leave the circuit stuck", async (t) => {
  const path = newPath();
  receiver.script(path, status(500));
  const options = { retry_schedule: ["1 hour"], timeout_ms: 1_000 };
  const endpoint = await create(path, ["order.*"], options);
  const killed = await DaemonProcess.start({ databaseUrl: database.url, changes: NO_POLL });
  t.after(() => killed.kill());
  await insert("order.first", 10);
  await open(endpoint);
  await insert("order.waiting", 3);
  receiver.script(path, { kind: "hang" });
  await until("it probes", () => receiver.heldCount(path) === 1, 2 * FIRST_GAP_MS);
  await killed.kill();
  receiver.script(path, OK);
  await run(t);
  // The lease: the timeout and a margin of 15 s.
  await until("all have arrived", () => receiver.accepted(path).size >= 3, 30_000);
  assert.equal(await circuitOf(endpoint), "closed");
});

test("an endpoint of our own events that is dead makes no circle of them", async (t) => {
  const [dead, other] = [newPath(), newPath()];
  receiver.script(dead, status(500));
  receiver.script(other, status(500));
  const listener = await createEndpoint(database.pool, ["postrider.*"], {
    url: receiver.url(dead),
    options: { retry_schedule: [] },
  });
  await create(other, ["order.*"], { retry_schedule: [] });
  const { emitted } = await run(t);
  await insert("order.first", 20);
  await open(listener);
  const count = "select count(*)::integer from postrider.outbox where event_type like 'postrider.%'";
  assert.equal(await askFor(database.pool, count), 21, "one for each delivery that was exhausted");
  const disabled = await create(newPath(), ["user.*"]);
  await database.pool.query("select postrider.disable_endpoint($1)", [disabled]);
  await until("its probe has failed", () => emitted.named("probe.failed").length > 0, 2 * FIRST_GAP_MS);
  assert.equal(await askFor(database.pool, count), 22);
});
