/** What a daemon does when it cannot beat, or when the wall clock jumps. */
import assert from "node:assert/strict";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { DaemonProcess, type RunningDaemon, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvents, openSession, reset, rowsOf } from "../support/engine.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

/** As in src/daemon/upkeep/heartbeat.ts. */
const LEASE_MS = 15_000;
/** Long enough for another daemon to take over, even on a busy machine. */
const BLOCK_MS = LEASE_MS + 6_000;
const NO_POLL: Partial<Config> = { pollIntervalMs: 3_600_000 };

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

async function run(t: TestContext, changes: Partial<Config> = NO_POLL): Promise<RunningDaemon> {
  const running = await startDaemon(database.url, changes);
  t.after(() => running.daemon.stop());
  return running;
}

async function createEndpoint(path: string, options: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await askFor(database.pool, "select endpoint_id from postrider.create_endpoint($1, array['*'], '', $2)", [
    receiver.url(path),
    JSON.stringify(options),
  ]);
}

test("a daemon that cannot beat starts nothing without a lease, continues under a new identity, and decides nothing under the old one", async (t) => {
  const path = "/lease";
  receiver.script(path, { kind: "hang" });
  // The requests that hang hold the slots of their lane until then, under whichever identity.
  await createEndpoint(path, { timeout_ms: 30_000 });
  const { daemon, emitted } = await run(t);
  const lostId = daemon.id;
  const events = await insertEvents(database.pool, "order.paid", 30);
  await receiver.got(path, 8);
  // Its row is locked, so every beat fails with lock_timeout while everything else works.
  const operator = await openSession(t, database.url);
  await operator.query("begin");
  await operator.query("select from postrider.daemon where id = $1 for update", [lostId]);
  const lockedMs = performance.now();
  await until("the lease is lost", () => emitted.named("daemon.lease_lost").length > 0, LEASE_MS + 5_000);
  assert.ok(performance.now() - lockedMs < LEASE_MS, "before Postgres holds it to be lost");
  assert.equal(emitted.named("daemon.lease_lost")[0]?.lost_daemon_id, lostId);
  assert.equal(receiver.requests(path).length, 8, "no attempt was started meanwhile");
  await until("it has a lease again", () => emitted.named("daemon.lease_regained").length > 0, 10_000);
  assert.notEqual(daemon.id, lostId);

  // When the old identity's lease ends in the database, its claim is taken over, by this daemon or another.
  receiver.script(path, OK);
  await until("the others are delivered", () => receiver.accepted(path).size === 30, LEASE_MS + 10_000);
  await until("they are recorded", async () => (await succeeded()) === 30);
  // The requests of the old identity are recorded as facts: attempts without a decision.
  receiver.release(path, 500);
  await until("its attempts are recorded", async () => {
    return (await attemptsOf(lostId)) === 8;
  });
  assert.equal(await succeeded(), 30);
  assert.deepEqual(receiver.accepted(path), new Set(events));
  await operator.query("rollback");
});

test("a daemon whose event loop is blocked for longer than its lease starts nothing that another has taken over, and continues", async (t) => {
  const path = "/blocked";
  receiver.script(path, { kind: "hang" });
  await createEndpoint(path, { timeout_ms: 60_000 });
  const blocked = await DaemonProcess.start({ databaseUrl: database.url, blockMs: BLOCK_MS });
  t.after(() => blocked.kill());
  const events = await insertEvents(database.pool, "order.paid", 30);
  await receiver.got(path, 8);
  process.kill(blocked.pid, "SIGUSR2");
  const blockedMs = performance.now();
  receiver.script(path, OK);
  const { daemon } = await run(t);
  await until("another one delivers all of it", () => receiver.accepted(path).size === 30, LEASE_MS + 10_000);
  assert.ok(performance.now() - blockedMs < BLOCK_MS, "within the lease, before the blocked one comes back");
  await until("it is recorded", async () => (await succeeded()) === 30);
  await until(
    "the blocked one continues under another id",
    async () =>
      (await askFor(
        database.pool,
        "select true from postrider.daemon_status where pid = $1 and id <> $2 and state = 'live'",
        [blocked.pid, blocked.daemonId],
      )) === true,
    LEASE_MS,
  );
  // Its answers arrive now. They are recorded because they happened, and they change nothing.
  receiver.release(path, 500);
  await until(
    "its attempts are recorded",
    async () => Number(await askFor(database.pool, "select count(*) from postrider.attempt")) === 38,
  );
  await daemon.stop();
  await insertEvents(database.pool, "order.paid", 5);
  await until("it delivers", async () => (await succeeded()) === 35);
  assert.equal(receiver.requests(path).length, 43, "nothing else was sent");
  assert.equal(receiver.accepted(path).size, events.length + 5);
  assert.equal(await blocked.stop(), 0);
});

test("a lease that has expired only by the clock of Postgres is given up, not renewed", async (t) => {
  const path = "/stepped";
  receiver.script(path, { kind: "hang" });
  await createEndpoint(path, { timeout_ms: 60_000 });
  const { daemon, emitted } = await run(t);
  const lostId = daemon.id;
  const events = await insertEvents(database.pool, "order.paid", 30);
  await receiver.got(path, 8);
  receiver.script(path, OK);
  // The effect of a step of that clock, or of a machine that was suspended without its own clock noticing.
  await database.pool.query("update postrider.daemon set lease_expires_at = now() - interval '1 s' where id = $1", [
    lostId,
  ]);
  await until("it has a lease again", () => emitted.named("daemon.lease_regained").length > 0);
  assert.deepEqual(
    emitted.named("daemon.lease_lost").map(({ lost_daemon_id, error }) => [lost_daemon_id, error]),
    [[lostId, "by the clock of Postgres the lease had run out"]],
  );
  assert.notEqual(daemon.id, lostId);
  receiver.release(path, 500);
  await until("the requests in flight are recorded as facts", async () => (await attemptsOf(lostId)) === 8);
  await until("everything is recorded", async () => (await succeeded()) === 30);
  // Only the eight in flight were sent twice.
  assert.equal(receiver.requests(path).length, 38);
  assert.deepEqual(receiver.accepted(path), new Set(events));
});

test("a step of the wall clock neither hastens nor delays a retry, and does not cost the lease", async (t) => {
  for (const [index, stepMs] of [86_400_000, -86_400_000].entries()) {
    const path = `/clock/${index}`;
    receiver.script(path, ({ nth }) => (nth === 1 ? status(500) : OK));
    await reset(database.pool);
    await createEndpoint(path, { retry_schedule: ["1 s"] });
    const { daemon, emitted } = await run(t);
    await insertEvents(database.pool, "order.paid", 1);
    await receiver.got(path, 1);
    const now = Date.now;
    t.mock.method(Date, "now", () => now() + stepMs);
    await receiver.got(path, 2);
    t.mock.restoreAll();
    const [first, second] = receiver.requests(path);
    const waitMs = (second?.atMs ?? 0) - (first?.atMs ?? 0);
    assert.ok(waitMs > 700 && waitMs < 10_000, `${waitMs} ms`);
    await daemon.stop();
    assert.deepEqual(emitted.named("daemon.lease_lost"), []);
    assert.deepEqual(await rowsOf(database.pool, "select state, attempts from postrider.delivery"), [
      { state: "succeeded", attempts: 2 },
    ]);
  }
});

async function succeeded(): Promise<number> {
  return Number(await askFor(database.pool, "select count(*) from postrider.delivery where state = 'succeeded'"));
}

async function attemptsOf(daemonId: string): Promise<unknown> {
  return await askFor(database.pool, "select count(*)::integer from postrider.attempt where daemon_id = $1", [
    daemonId,
  ]);
}
