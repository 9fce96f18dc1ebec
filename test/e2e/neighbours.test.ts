/** An endpoint that hangs, floods, locks or filters for ever harms only itself. */
import assert from "node:assert/strict";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import pg from "pg";
import type { Config } from "../../src/config/read.ts";
import { statementText } from "../../src/db/sqlFiles.ts";
import { DaemonProcess, type RunningDaemon, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, insertEvents, openSession, reset, rowsOf, subscribe } from "../support/engine.ts";
import { processMemoryBytes } from "../support/memory.ts";
import { createLogin } from "../support/roles.ts";
import { OK, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const NO_POLL: Partial<Config> = { pollIntervalMs: 3_600_000 };
/** A hanging request lasts this long. An endpoint that had to wait for it would miss the shorter limit below. */
const TIMEOUT_MS = 60_000;
const HANG_MS = 45_000;
const MIB = 1_048_576;
/** In one transaction: ten pages, and five times what may be sent before a small event that comes behind it. */
const BULK_EVENTS = 5_000;

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

async function run(t: TestContext, changes: Partial<Config> = NO_POLL): Promise<RunningDaemon> {
  const running = await startDaemon(database.url, changes);
  t.after(() => running.daemon.stop());
  return running;
}

/** So many endpoints of one receiver. */
async function createEndpoints(path: string, eventType: string, count: number): Promise<void> {
  await database.pool.query("select postrider.create_endpoint($1, array[$2], '', $3) from generate_series(1, $4)", [
    receiver.url(path),
    eventType,
    { timeout_ms: TIMEOUT_MS },
    count,
  ]);
}

async function createEndpoint(path: string, eventTypes: readonly string[] = ["*"]): Promise<string> {
  const id = await askFor(database.pool, "select endpoint_id from postrider.create_endpoint($1, $2, '', $3)", [
    receiver.url(path),
    eventTypes,
    { timeout_ms: TIMEOUT_MS },
  ]);
  return String(id);
}

test("hundreds of endpoints that hang leave room for one that answers", async (t) => {
  const hanging = newPath();
  receiver.script(hanging, { kind: "hang" });
  await createEndpoints(hanging, "bad.*", 240);
  const good = newPath();
  await createEndpoint(good, ["good"]);
  await run(t, { ...NO_POLL, shutdownGraceMs: 100 });
  await insertEvent(database.pool, "good");
  await receiver.got(good, 1);
  await insertEvents(database.pool, "bad.one", 50);
  await until("they hold all they may", () => receiver.heldCount(hanging) >= 200);
  const events = await insertEvents(database.pool, "good", 200);
  await receiver.got(good, 201, HANG_MS);
  assert.equal(receiver.accepted(good).size, events.length + 1);
});

test("endpoints of one host do not share a limit: a path that hangs leaves connections for the other", async (t) => {
  const [hanging, good] = [newPath(), newPath()];
  receiver.script(hanging, { kind: "hang" });
  await createEndpoints(hanging, "bad", 140);
  await createEndpoint(good, ["good"]);
  await run(t, { ...NO_POLL, shutdownGraceMs: 100 });
  await insertEvents(database.pool, "bad", 8);
  await until("more hang than one endpoint may have", () => receiver.heldCount(hanging) > 128);
  await insertEvent(database.pool, "good");
  await receiver.got(good, 1, HANG_MS);
});

test("an event committed behind a bulk for another endpoint does not wait for the bulk", async (t) => {
  const [bulk, small] = [newPath(), newPath()];
  await createEndpoint(bulk, ["bulk"]);
  await createEndpoint(small, ["small"]);
  await insertEvents(database.pool, "bulk", BULK_EVENTS);
  await insertEvent(database.pool, "small");
  const arrived = countWhenAsked(small, bulk);
  await run(t);
  await receiver.got(small, 1, 60_000);
  assert.ok(arrived() <= 1_000, `after ${arrived()} events of the bulk`);
  await receiver.got(bulk, BULK_EVENTS, 60_000);
  assert.equal(receiver.accepted(bulk).size, BULK_EVENTS);
});

test("nor while the bulk waits for a slow receiver", async (t) => {
  const [bulk, small] = [newPath(), newPath()];
  receiver.script(bulk, { kind: "status", status: 200, delayMs: 200 });
  await createEndpoint(bulk, ["bulk"]);
  await createEndpoint(small, ["small"]);
  await run(t, { ...NO_POLL, shutdownGraceMs: 1_000 });
  await insertEvents(database.pool, "bulk", BULK_EVENTS);
  await receiver.got(bulk, 500, 60_000);
  const [arrived, before] = [countWhenAsked(small, bulk), receiver.requests(bulk).length];
  await insertEvent(database.pool, "small");
  await receiver.got(small, 1, 60_000);
  assert.ok(arrived() - before <= 400, `after ${arrived() - before} further events of the bulk`);
});

/** How many requests to another path had arrived when one to this path did. */
function countWhenAsked(path: string, other: string): () => number {
  let count = Number.NaN;
  receiver.script(path, () => {
    count = receiver.requests(other).length;
    return OK;
  });
  return () => count;
}

test("a claim whose daemon does not read the answer is ended, and another daemon continues", async (t) => {
  const path = newPath();
  await createEndpoint(path);
  await database.pool.query(
    `insert into postrider.outbox (event_type, payload)
     select 'order.paid', to_json(repeat(md5(n::text), 1000)) from generate_series(1, 500) n`,
  );
  // Daemons are not superusers. They may end each other's sessions because they log in as the same role.
  const worker = await createLogin(database, ["postrider_daemon"]);
  const frozen = await openSession(t, worker.url);
  const claiming = frozen
    .query(statementText("claim_events"), [
      "00000000-0000-0000-0000-00000000000f",
      500,
      500,
      1_000,
      200,
      40_000,
      [],
      [],
    ])
    .then(
      () => "committed",
      () => "ended",
    );
  // Imitates a frozen process: the kernel buffers what fits, and nothing reads it.
  socketOf(frozen).pause();
  await until("it is stuck", async () => {
    return (
      (await askFor(database.pool, "select wait_event from pg_stat_activity where pid = $1", [pidOf(frozen)])) ===
      "ClientWrite"
    );
  });
  const { daemon, emitted } = await startDaemon(worker.url, NO_POLL);
  t.after(() => daemon.stop().then(() => worker.drop()));
  await receiver.got(path, 500, 60_000);
  assert.equal(emitted.named("claim_lock.freed").length, 1);
  socketOf(frozen).resume();
  assert.equal(await claiming, "ended");
  assert.equal(receiver.requests(path).length, 500);
});

test("another role's session that holds the claim lock is named but not ended, although its statement is hidden", async (t) => {
  const path = newPath();
  await createEndpoint(path);
  const worker = await createLogin(database, ["postrider_daemon"]);
  const stranger = await openSession(t, database.url);
  await stranger.query("begin");
  await stranger.query("lock table postrider.claim_lock in share update exclusive mode");
  const { daemon, emitted } = await startDaemon(worker.url, NO_POLL);
  t.after(() => daemon.stop().then(() => worker.drop()));
  await insertEvent(database.pool, "order.paid");
  await until("it is named", () => emitted.named("claim_lock.held").length > 0);
  const [held] = emitted.named("claim_lock.held");
  assert.deepEqual([held?.pid, held?.role, held?.state], [pidOf(stranger), new URL(database.url).username, null]);
  await stranger.query("rollback");
  await receiver.got(path, 1);
  assert.deepEqual([emitted.named("claim_lock.held").length, emitted.named("claim_lock.released").length], [1, 1]);
});

test("a filter that never ends costs its endpoint one delivery, and the others a few seconds", async (t) => {
  const [slow, filtered, plain] = [newPath(), newPath(), newPath()];
  const slowId = await createEndpoint(slow, []);
  await subscribe(database.pool, slowId, "text.*", "exists($.n[*] ? (@ == 1 && exists($.n[*] ? (@ == 2))))");
  const filteredId = await createEndpoint(filtered, []);
  await subscribe(database.pool, filteredId, "text.*", "$.n[0] == 1");
  await createEndpoint(plain, ["ping"]);
  const { emitted } = await run(t);
  const event = await insertEvent(database.pool, "text.written", { payload: `{"n":[${"1,".repeat(30_000)}1]}` });
  await insertEvent(database.pool, "ping");
  // This takes three seconds on an idle machine: the deadline of a claim, and a second run of the filter.
  await receiver.got(plain, 1, 30_000);
  await receiver.got(filtered, 1);
  assert.deepEqual(
    await rowsOf(
      database.pool,
      "select event_id, endpoint_id, reason from postrider.delivery where state = 'discarded'",
    ),
    [{ event_id: event, endpoint_id: slowId, reason: "the filters of this endpoint took too long" }],
  );
  assert.deepEqual(
    emitted.named("filter.too_slow").map(({ endpoint_id, event_id }) => [endpoint_id, event_id]),
    [[slowId, event]],
  );
  const innocent = await insertEvent(database.pool, "text.written", { payload: '{"n":[1,2]}' });
  await receiver.got(slow, 1);
  assert.deepEqual([...receiver.accepted(slow)], [innocent]);
});

test("a claim that misses its deadline because it writes a lot is repeated with a longer deadline", async (t) => {
  const path = newPath();
  const endpoint = await createEndpoint(path);
  // First, because it stops before the trigger goes: the two could wait for each other.
  const { emitted } = await run(t);
  await database.pool.query(`
    create function public.slow_down() returns trigger language plpgsql as
      $$ begin perform pg_sleep(2.5); return null; end $$;
    create trigger slow_down after insert on postrider.delivery for each row when (new.state = 'pending')
      execute function public.slow_down()`);
  t.after(() => database.pool.query("drop function public.slow_down cascade"));
  await database.pool.query("update postrider.endpoint set state = 'paused' where id = $1", [endpoint]);
  const event = await insertEvent(database.pool, "order.paid");
  await until("it is claimed", () => emitted.named("claim.taken").length > 0);
  assert.deepEqual(
    emitted.named("claim.failed").map(({ sqlstate }) => sqlstate),
    ["57014"],
  );
  assert.deepEqual(await rowsOf(database.pool, "select event_id, state from postrider.delivery"), [
    { event_id: event, state: "pending" },
  ]);
});

test("pages shrink to what the fan-out leaves room for, even if all of it goes to the queue", async (t) => {
  await database.pool.query(
    `with added as (
       insert into postrider.endpoint (url, state) select 'http://127.0.0.1:9/', 'paused' from generate_series(1, 500)
       returning id)
     insert into postrider.subscription (endpoint_id, tenant, event_type) select id, '', 'order.*' from added`,
  );
  await insertEvents(database.pool, "order.paid", 30);
  const { emitted } = await run(t);
  await until("every event is claimed", () => {
    return emitted.named("claim.taken").reduce((sum, { events }) => sum + Number(events), 0) === 30;
  });
  // The first may have fewer: on a busy machine its claim misses the deadline, and one event is claimed alone.
  const [first = 0, ...others] = emitted.named("claim.taken").map(({ events }) => Number(events));
  assert.ok(first >= 1 && first <= 20, `${first} events`);
  assert.ok(others.length > 0 && others.every((events) => events < 8), `${others} events`);
});

test("a payload too large to send is discarded with its size, and an endpoint sends only a few large ones at a time", async (t) => {
  const [path, good] = [newPath(), newPath()];
  receiver.script(path, { kind: "hang" });
  const endpoint = await createEndpoint(path, ["report.made"]);
  await createEndpoint(good, ["medium"]);
  const large = async (bytes: number, count: number) =>
    await database.pool.query(
      `insert into postrider.outbox (event_type, payload)
       select 'report.made', ('"' || repeat('x', $1) || '"')::json from generate_series(1, $2)`,
      [bytes - 2, count],
    );
  await large(65 * MIB, 1);
  await large(16 * MIB, 8);
  await run(t, { ...NO_POLL, shutdownGraceMs: 100 });
  await receiver.got(path, 2, 60_000);
  await until("the largest is discarded", async () => {
    const reason = await askFor(
      database.pool,
      "select reason from postrider.delivery where endpoint_id = $1 and state = 'discarded'",
      [endpoint],
    );
    return reason === `the payload has ${65 * MIB} bytes, and ${64 * MIB} are sent at most`;
  });
  // This payload is loaded later, when no memory is left for another large one.
  await insertEvent(database.pool, "medium", { payload: JSON.stringify("x".repeat(40_000)) });
  await receiver.got(good, 1);
  // A third is possible if it was loaded before the first had hung for a second.
  const held = receiver.heldCount(path);
  assert.ok(held === 2 || held === 3, `${held} of sixteen megabytes are in flight`);
  receiver.script(path, OK);
  receiver.release(path);
  await receiver.got(path, 8);
});

test("receivers that hang with megabytes each do not hold up a larger payload for one that answers", async (t) => {
  const hanging = Array.from({ length: 10 }, newPath);
  for (const path of hanging) {
    receiver.script(path, { kind: "hang" });
    await createEndpoint(path, ["big"]);
  }
  const good = newPath();
  await createEndpoint(good, ["medium"]);
  await run(t, { ...NO_POLL, shutdownGraceMs: 100 });
  const payload = JSON.stringify("x".repeat(40_000));
  await insertEvent(database.pool, "medium", { payload });
  await receiver.got(good, 1);
  await database.pool.query(
    `insert into postrider.outbox (event_type, payload)
     select 'big', ('"' || repeat('x', 1000000) || '"')::json from generate_series(1, 10)`,
  );
  const held = () => hanging.reduce((sum, path) => sum + receiver.heldCount(path), 0);
  await until("fifty megabytes are in flight to them", () => held() >= 50);
  await insertEvent(database.pool, "medium", { payload });
  await receiver.got(good, 2, HANG_MS);
  assert.equal(receiver.accepted(good).size, 2);
});

test("a payload of the largest size in flight to a hanging receiver leaves memory for another one", async (t) => {
  const [hanging, good] = [newPath(), newPath()];
  receiver.script(hanging, { kind: "hang" });
  await createEndpoint(hanging, ["huge"]);
  await createEndpoint(good, ["medium"]);
  await run(t, { ...NO_POLL, shutdownGraceMs: 100 });
  await database.pool.query(
    `insert into postrider.outbox (event_type, payload) values ('huge', ('"' || repeat('x', $1) || '"')::json)`,
    [64 * MIB - 2],
  );
  await receiver.got(hanging, 1);
  await insertEvent(database.pool, "medium", { payload: JSON.stringify("x".repeat(40_000)) });
  await receiver.got(good, 1, HANG_MS);
});

test("hundreds of endpoints with scheduled retries do not make the daemon poll constantly", async (t) => {
  const good = newPath();
  const goodId = await createEndpoint(good, []);
  await database.pool.query(
    `with added as (
       insert into postrider.endpoint (url) select 'http://127.0.0.1:9/' from generate_series(1, 1200) returning id)
     insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select postrider.uuid_v7(), id, 'pending', now() + interval '1 hour' from added`,
  );
  const observer = await openSession(t, database.url);
  await observer.query(
    `alter database ${pg.escapeIdentifier(new URL(database.url).pathname.slice(1))} set track_functions = 'pl'`,
  );
  const { daemon } = await run(t);
  const event = await insertEvent(database.pool, "order.paid");
  await database.pool.query(
    "insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at) values ($1, $2, 'pending', now() + interval '1 s')",
    [event, goodId],
  );
  await database.pool.query("select postrider_internal.wake_daemons()");
  await receiver.got(good, 1);
  await daemon.stop();
  await until("the server has counted", async () => (await walks(observer)) > 0);
  // A round takes three calls. There were four rounds: at the start, when woken, when the delivery was due, and after it.
  assert.ok((await walks(observer)) <= 24, `${await walks(observer)} walks`);
});

async function walks(session: pg.Client): Promise<number> {
  await session.query("select pg_stat_clear_snapshot()");
  const calls = await askFor(session, "select calls from pg_stat_user_functions where funcname = 'claim_deliveries'");
  return Number(calls ?? 0);
}

test("receivers that never answer, a long backlog and payloads of a megabyte do not fill the memory", async (t) => {
  const [small, large] = [newPath(), newPath()];
  for (const path of [small, large]) {
    receiver.script(path, { kind: "hang" });
  }
  await createEndpoint(small, ["small"]);
  await createEndpoint(large, ["large"]);
  await database.pool.query(
    `insert into postrider.outbox (event_type, payload)
     select 'large', ('"' || repeat('x', 1000000) || '"')::json from generate_series(1, 150)`,
  );
  await database.pool.query(
    `insert into postrider.outbox (event_type, payload)
     select 'small', ('"' || repeat('x', 5000) || '"')::json from generate_series(1, 20000)`,
  );
  const daemon = await DaemonProcess.start({
    databaseUrl: database.url,
    changes: { logLevel: "silent", shutdownGraceMs: 100 },
  });
  t.after(() => daemon.kill());
  const idleBytes = await processMemoryBytes(daemon.pid);
  await until(
    "every event is claimed",
    async () =>
      Number(await askFor(database.pool, "select count(*) from postrider.delivery where state = 'pending'")) >= 20_100,
    60_000,
  );
  const usedMib = Math.round(((await processMemoryBytes(daemon.pid)) - idleBytes) / MIB);
  t.diagnostic(`${usedMib} MiB more than at rest`);
  assert.ok(usedMib < 300, `${usedMib} MiB`);
});

function pidOf(client: pg.Client): number {
  return (client as unknown as { readonly processID: number }).processID;
}

function socketOf(client: pg.Client): import("node:net").Socket {
  return (client as unknown as { readonly connection: { readonly stream: import("node:net").Socket } }).connection
    .stream;
}
