/**
 * Postgres goes away, refuses, waits, fills up or moves. The daemon survives without a restart: it keeps its unrecorded
 * results, claims nothing meanwhile, reports the problem in `postrider.daemon_status`, and recovers by itself.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import pg from "pg";
import { statusText } from "../../src/cli/statusText.ts";
import type { Config } from "../../src/config/read.ts";
import { readStatus } from "../../src/db/status.ts";
import { FaultProxy, PASS } from "../chaos/proxy.ts";
import { type KeptEvents, type RunningDaemon, startDaemon } from "../support/daemon.ts";
import { installSchema } from "../support/database.ts";
import { askFor, insertEvent, insertEvents, openSession, reset, rowsOf } from "../support/engine.ts";
import { fillUp, NO_FULL_DISK } from "../support/fullDisk.ts";
import { OwnServer } from "../support/ownServer.ts";
import { OK, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { makeServerDirectory } from "../support/serverDirectory.ts";
import { until } from "../support/until.ts";

const NO_POLL: Partial<Config> = { pollIntervalMs: 3_600_000 };
/** Time for the server to recover, and for a daemon whose pauses have grown to 5 s. */
const BACK_MS = 60_000;
/** The poll would take an hour. */
const NOTIFIED_MS = 15_000;
const CONNECTIONS_MAX = 40;
/** Requests to an endpoint that has not answered yet. */
const LANE_FIRST = 8;

let directory: string;
let own: OwnServer;
let receiver: ScriptedReceiver;
let path: string;
let pathCount = 0;

before(async () => {
  receiver = await ScriptedReceiver.start();
  directory = await makeServerDirectory("outage");
  own = await OwnServer.start({
    directory,
    settings: {
      // Only the server crashes here, not the machine, so what it has written survives.
      fsync: "off",
      max_connections: String(CONNECTIONS_MAX),
      // A long delay makes a crash lose many asynchronous commits.
      wal_writer_delay: "10s",
    },
  });
  await installSchema(own.url);
});
after(async () => {
  await own?.close();
  await rm(directory, { recursive: true, force: true });
  await receiver.stop();
});
beforeEach(async () => {
  await reset(own.control);
  pathCount += 1;
  path = `/${pathCount}`;
  await createEndpoint(path);
});

async function createEndpoint(to: string, eventTypes = ["*"]): Promise<string> {
  const options = JSON.stringify({ timeout_ms: 120_000, retry_schedule: Array(20).fill("500 ms") });
  return String(
    await askFor(own.control, "select endpoint_id from postrider.create_endpoint($1, $2, '', $3)", [
      receiver.url(to),
      eventTypes,
      options,
    ]),
  );
}

async function run(t: TestContext, changes: Partial<Config> = NO_POLL, url = own.url): Promise<RunningDaemon> {
  const running = await startDaemon(url, changes);
  t.after(() => running.daemon.stop());
  return running;
}

/** This many events: the first are in flight and unanswered, the others in the daemon's memory. */
async function hold(count: number): Promise<string[]> {
  receiver.script(path, { kind: "hang" });
  const events = await insertEvents(own.control, "order.paid", count);
  await receiver.got(path, LANE_FIRST);
  return events;
}

function releaseAll(): void {
  receiver.script(path, OK);
  receiver.release(path);
}

/** Every committed event has arrived once and is recorded with one attempt. */
async function assertDeliveredOnce(events: readonly string[]): Promise<void> {
  await until(
    "everything is recorded",
    async () => (await countOf("delivery where state = 'succeeded'")) === events.length,
    BACK_MS,
  );
  assert.deepEqual(receiver.accepted(path), new Set(events));
  assert.equal(receiver.requests(path).length, events.length, "nothing was sent twice");
  assert.equal(await countOf("delivery"), events.length);
  assert.equal(await countOf("delivery where attempts = 1"), events.length);
  assert.equal(await countOf("attempt"), events.length);
}

async function countOf(what: string): Promise<number> {
  return Number(await askFor(own.control, `select count(*) from postrider.${what}`));
}

interface Told {
  readonly state: string;
  readonly condition: string;
  readonly reason: string | null;
}

/** Resolves with the view's row of that daemon as soon as it matches. */
async function tells(daemonId: string, wanted: Partial<Told>): Promise<Told> {
  let told: Told | undefined;
  await until(
    `the daemon is ${JSON.stringify(wanted)}`,
    async () => {
      [told] = await rowsOf<Told & pg.QueryResultRow>(
        own.control,
        `select state, condition, condition_reason as reason from postrider.daemon_status
         where id = $1 and (condition_since is null) = (condition = 'well') and condition_since is distinct from 'infinity'`,
        [daemonId],
      );
      return (
        told !== undefined &&
        (wanted.state ?? told.state) === told.state &&
        (wanted.condition ?? told.condition) === told.condition
      );
    },
    BACK_MS,
  );
  assert.ok(told !== undefined);
  return told;
}

async function isRestored({ daemon, emitted }: RunningDaemon): Promise<void> {
  // A daemon that cannot record does not look for work. If it could not record throughout the outage, it reported no
  // loss and reports no recovery.
  const failures = () => emitted.named("postgres.lost").length + emitted.named("claim.failed").length;
  await until("the log says so", () => emitted.named("postgres.restored").length === failures(), BACK_MS);
  assert.equal((await tells(daemon.id, { condition: "well" })).reason, null);
}

function assertToldOnce(emitted: KeptEvents, ...events: Parameters<KeptEvents["named"]>[0][]): void {
  for (const event of events) {
    assert.equal(emitted.named(event).length, 1, event);
  }
}

describe("Postgres goes away", () => {
  for (const mode of ["fast", "immediate"] as const) {
    test(`the daemon survives a ${mode} stop and a start, records what was sent meanwhile, and delivers new events`, async (t) => {
      const running = await run(t);
      const { daemon, emitted } = running;
      const id = daemon.id;
      const events = await hold(40);
      await own.stop(mode);
      releaseAll();
      await until("it knows that it cannot record", () => emitted.named("record.failed").length > 0);
      await own.startAgain();
      events.push(...(await insertEvents(own.control, "order.paid", 40)));
      await assertDeliveredOnce(events);
      await isRestored(running);
      await until("it says that it records", () => emitted.named("record.restored").length > 0);
      assertToldOnce(emitted, "record.failed", "record.restored");
      assert.ok((emitted.named("record.restored")[0]?.lasted_ms ?? 0) > 0);
      assert.ok(emitted.named("postgres.restored").length <= 1);
      assert.equal(emitted.named("postgres.lost").length + emitted.named("claim.failed").length, 1);
      assert.equal(daemon.id, id, "it has kept its lease");
      await until("it sleeps again", async () => (await notifies()) === true);
      events.push(await insertEvent(own.control, "order.paid"));
      await receiver.got(path, events.length, NOTIFIED_MS);
    });
  }

  test("without a free connection the daemon falls behind, and catches up once it gets one", async (t) => {
    const { daemon, emitted } = await run(t);
    const events = await hold(20);
    const letGo = await useUpConnections(t);
    releaseAll();
    await until("it knows that it cannot record", () => emitted.named("record.failed").length > 0);
    // Too many connections, or the end of one that the daemon had won back and was about to use.
    assert.match(emitted.named("record.failed")[0]?.sqlstate ?? "", /^(53300|57P01)$/);
    await tells(daemon.id, { state: "late" });
    const text = statusText(await readStatus({ pool: own.control }));
    assert.match(text, /^0 live daemons, 1 late\n/);
    assert.match(text, /\n {4}silent for \d+ s: frozen, gone, cut off, or refused by Postgres\n/);
    await letGo();
    events.push(...(await insertEvents(own.control, "order.paid", 20)));
    await assertDeliveredOnce(events);
    await until("it says that it records", () => emitted.named("record.restored").length > 0);
    await tells(daemon.id, { state: "live", condition: "well" });
  });
});

/** Whether inserts notify, as they do when the daemon sleeps. */
async function notifies(): Promise<boolean> {
  return (
    (await askFor(
      own.control,
      "select true from pg_locks where locktype = 'advisory' and classid = 1886352244 and objid = 2 and mode = 'ExclusiveLock'",
    )) === true
  );
}

/** Takes every connection, including the daemon's; resolves with a function that returns them. */
async function useUpConnections(t: TestContext): Promise<() => Promise<void>> {
  const hogs: pg.Client[] = [];
  const letGo = async (): Promise<void> => {
    await Promise.all(hogs.splice(0).map((hog) => hog.end()));
  };
  t.after(letGo);
  const takeAll = async (): Promise<void> => {
    for (let count = 0; count < CONNECTIONS_MAX; count++) {
      const hog = new pg.Client({ connectionString: own.url, application_name: "hog" });
      hog.on("error", () => {});
      try {
        await hog.connect();
      } catch (thrown) {
        assert.equal(thrown instanceof pg.DatabaseError && thrown.code, "53300");
        return;
      }
      hogs.push(hog);
    }
  };
  await takeAll();
  // The daemon may win back a connection for a while, but not for ever. A backend that is still starting has no name
  // yet, so the loop waits until every connection of the server is ours.
  await until("no connection is left to the daemon", async () => {
    await own.control.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'postrider/%'",
    );
    await takeAll();
    const ours = await askFor(
      own.control,
      `select count(*)::integer from pg_stat_activity
       where backend_type = 'client backend' and application_name not like 'postrider/%' and state is distinct from 'starting'`,
    );
    return ours === CONNECTIONS_MAX;
  });
  return letGo;
}

interface Hindrance {
  readonly name: string;
  readonly sqlstate: string;
  /** Blocks inserts into the table; resolves to a function that allows them again. */
  readonly hinder: (t: TestContext, table: string) => Promise<() => Promise<void>>;
}

describe("Postgres refuses", () => {
  const hindrances: readonly Hindrance[] = [
    { name: "a locked table", sqlstate: "55P03", hinder: lockTable },
    { name: "a statement timeout", sqlstate: "57014", hinder: dawdle },
    { name: "a cancel", sqlstate: "57014", hinder: cancelWaiting },
  ];
  for (const { name, sqlstate, hinder } of hindrances) {
    test(`${name} keeps the daemon from recording, then from claiming; it reports that, and loses nothing`, async (t) => {
      const running = await run(t, NO_POLL);
      const { daemon, emitted } = running;
      const events = await hold(20);

      const letRecord = await hinder(t, "postrider.delivery");
      releaseAll();
      const recording = await tells(daemon.id, { condition: "not_recording" });
      assert.match(String(recording.reason), new RegExp(`^SQLSTATE ${sqlstate}: canceling statement due to `));
      assert.equal(recording.state, "live");
      events.push(...(await insertEvents(own.control, "order.paid", 5)));
      assert.equal(await unclaimed(), 5, "it claims nothing meanwhile");
      await letRecord();
      await assertDeliveredOnce(events);
      await tells(daemon.id, { condition: "well" });

      const letClaim = await hinder(t, "postrider.claim");
      events.push(...(await insertEvents(own.control, "order.paid", 5)));
      const claiming = await tells(daemon.id, { condition: "not_claiming" });
      assert.match(String(claiming.reason), new RegExp(`^SQLSTATE ${sqlstate}: canceling statement due to `));
      const text = statusText(await readStatus({ pool: own.control }));
      assert.match(text, new RegExp(`\\n {4}cannot claim for \\d+ s: SQLSTATE ${sqlstate}: `));
      await letClaim();
      await assertDeliveredOnce(events);
      await isRestored(running);
      assert.ok(emitted.named("record.failed").every((line) => line.sqlstate === sqlstate));
      assert.ok(emitted.named("claim.failed").every((line) => line.sqlstate === sqlstate));
      assert.ok(emitted.named("claim.failed").length > 0);
    });
  }

  test("a daemon that was refused while asleep sleeps again, and is notified", async (t) => {
    const running = await run(t, NO_POLL);
    await until("it sleeps", () => notifies());
    const locker = await openSession(t, own.url);
    await locker.query("begin; lock table postrider.claim in exclusive mode");
    await tells(running.daemon.id, { condition: "not_claiming" });
    assert.equal(await notifies(), false, "no insert is to notify one who cannot look");
    await locker.query("rollback");
    await isRestored(running);
    await until("it sleeps again", () => notifies());
    const event = await insertEvent(own.control, "order.paid");
    await receiver.got(path, 1, NOTIFIED_MS);
    await assertDeliveredOnce([event]);
  });

  test("a full disk keeps the daemon from recording, then from claiming; nothing is lost once there is room again", {
    skip: NO_FULL_DISK ?? false,
  }, async (t) => {
    const cluster = join(own.dataDir, "data");
    const makeRoomForRecords = await fillUp(own.control, "postrider.delivery", cluster);
    const running = await run(t);
    const { daemon, emitted } = running;
    const events = await insertEvents(own.control, "order.paid", 30);
    const recording = await tells(daemon.id, { condition: "not_recording" });
    assert.match(String(recording.reason), /^SQLSTATE 53100: could not extend file .*: No space left on device$/);
    // A record may fail before the last request has been sent.
    await receiver.got(path, 30);
    assert.equal(receiver.requests(path).length, 30);
    events.push(...(await insertEvents(own.control, "order.paid", 5)));
    assert.equal(await unclaimed(), 5, "it claims nothing meanwhile");
    await makeRoomForRecords();
    await assertDeliveredOnce(events);
    await tells(daemon.id, { condition: "well" });
    await daemon.stop();

    // A claim writes deliveries for a paused endpoint to the queue.
    await reset(own.control);
    await createEndpoint(path);
    const paused = await createEndpoint(`${path}/paused`);
    await own.control.query("select postrider.pause_endpoint($1)", [paused]);
    const makeRoomForDeliveries = await fillUp(own.control, "postrider.delivery", cluster);
    const next = await run(t);
    events.push(await insertEvent(own.control, "order.paid"));
    const claiming = await tells(next.daemon.id, { condition: "not_claiming" });
    assert.match(String(claiming.reason), /^SQLSTATE 53100: could not extend file/);
    assert.equal(receiver.requests(path).length, 35, "what cannot be claimed is not sent");
    await makeRoomForDeliveries();
    await until("it is delivered", () => receiver.requests(path).length === 36, BACK_MS);
    assert.deepEqual(receiver.accepted(path), new Set(events));
    await isRestored(next);
    await own.control.query("select postrider.resume_endpoint($1)", [paused]);
    await receiver.got(`${path}/paused`, 1);
    assertToldOnce(emitted, "record.failed", "record.restored");
  });
});

async function unclaimed(): Promise<number> {
  return Number(
    await askFor(own.control, "select coalesce(sum(pending), 0) from postrider.backlog where endpoint_id is null"),
  );
}

/** Cancels the statements that the daemon waits in, repeatedly until stopped. */
async function lockTable(t: TestContext, table: string): Promise<() => Promise<void>> {
  const locker = await openSession(t, own.url);
  await locker.query(`begin; lock table ${table} in exclusive mode`);
  return async () => void (await locker.query("rollback"));
}

/** A trigger slower than any deadline. */
async function dawdle(t: TestContext, table: string): Promise<() => Promise<void>> {
  await own.control.query(`
    create table public.dawdling ();
    create function public.dawdle() returns trigger language plpgsql as $$
      begin
        if to_regclass('public.dawdling') is not null then
          perform pg_sleep(60);
        end if;
        return null;
      end $$;
    create trigger dawdle before insert on ${table} for each statement execute function public.dawdle()`);
  t.after(() =>
    own.control.query("drop table if exists public.dawdling; drop function if exists public.dawdle cascade"),
  );
  return async () => void (await own.control.query("drop table public.dawdling; drop function public.dawdle cascade"));
}

/** Locks the table, and cancels statements that wait for it before any timeout does. */
async function cancelWaiting(t: TestContext, table: string): Promise<() => Promise<void>> {
  const unlock = await lockTable(t, table);
  let isOver = false;
  const cancelling = until(
    "cancelling is over",
    async () => {
      await own.control.query(
        `select pg_cancel_backend(pid) from pg_stat_activity
         where application_name in ('postrider/pipeline', 'postrider/claim') and wait_event_type = 'Lock'`,
      );
      return isOver;
    },
    BACK_MS * 2,
  );
  t.after(() => {
    isOver = true;
    return cancelling;
  });
  return async () => {
    isOver = true;
    await cancelling;
    await unlock();
  };
}

describe("an answer is lost", () => {
  test("to the commit of a claim: the daemon finds the page it does not know about, and sends it once", async (t) => {
    const link = await linkTo(t);
    const { daemon, emitted } = await run(t, NO_POLL, link.url);
    const locker = await openSession(t, own.url);
    // Only claims read it.
    await locker.query("begin; lock table postrider.subscription in access exclusive mode");
    const events = await insertEvents(own.control, "order.paid", 30);
    await waits("claim_events");
    link.proxy.set({ kind: "cut_after", direction: "down", bytes: 0 });
    await locker.query("commit");
    await until("the claim is committed", async () => (await countOf("claim where cardinality(event_ids) = 30")) === 1);
    await until("the daemon knows that it failed", () => emitted.named("postgres.lost").length > 0);
    assert.equal(receiver.requests(path).length, 0);
    link.proxy.set(PASS);
    await assertDeliveredOnce(events);
    assert.equal(emitted.named("claims.taken_over").length, 1);
    assert.equal(emitted.named("claims.taken_over")[0]?.former_daemon_id, daemon.id);
    assert.equal(await daemon.stop(), true);
    assert.equal(await countOf("claim where cardinality(event_ids) > 0"), 0, "no page is stranded");
  });

  test("to the commit of a record: the daemon records again, and each result counts once", async (t) => {
    const link = await linkTo(t);
    const { daemon, emitted } = await run(t, NO_POLL, link.url);
    const events = await hold(30);
    const locker = await openSession(t, own.url);
    // Only records read it.
    await locker.query("begin; lock table postrider.server_epoch in access exclusive mode");
    releaseAll();
    await waits("record_results");
    link.proxy.set({ kind: "cut_after", direction: "down", bytes: 0 });
    await locker.query("commit");
    await until("the record is committed", async () => (await countOf("attempt")) > 0);
    await until("the daemon knows that it failed", () => emitted.named("record.failed").length > 0);
    link.proxy.set(PASS);
    await assertDeliveredOnce(events);
    await until("it says that it records", () => emitted.named("record.restored").length > 0);
    assert.equal(await daemon.stop(), true);
    assert.equal(await countOf("claim where cardinality(event_ids) > 0"), 0);
  });
});

test("a daemon that receives no notifications reports that, polls, and listens again once it can", async (t) => {
  const link = await linkTo(t);
  const { daemon } = await run(t, { pollIntervalMs: 300, listenUrl: link.url });
  await until("it sleeps", () => notifies());
  link.proxy.set({ kind: "cut" });
  const blind = await tells(daemon.id, { condition: "blind" });
  assert.match(String(blind.reason), /Connection terminated|ECONNRESET|the listener was lost/);
  const events = await insertEvents(own.control, "order.paid", 3);
  await assertDeliveredOnce(events);
  const text = statusText(await readStatus({ pool: own.control }));
  assert.match(text, /\n {4}hears no notification, and polls, for \d+ s: /);
  assert.doesNotMatch(text, new RegExp(new URL(own.url).password), "no password");
  link.proxy.set(PASS);
  await tells(daemon.id, { condition: "well" });
});

/** Resolves when the statement has reached the server and waits there for a lock. */
function waits(statement: string): Promise<void> {
  return until(`${statement} waits`, async () => {
    const rows = await rowsOf(
      own.control,
      "select from pg_stat_activity where wait_event_type = 'Lock' and query ~ ('postrider_internal[.]' || $1)",
      [statement],
    );
    return rows.length > 0;
  });
}

/** A separate route from the daemon to the server, for faults that must not affect other connections. */
async function linkTo(t: TestContext): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
  const proxy = await FaultProxy.start(() => own.port);
  t.after(() => proxy.close());
  const url = new URL(own.url);
  url.port = String(proxy.port);
  return { proxy, url: url.href };
}

describe("a crash loses commits", () => {
  test("the daemon sent no event that the crash lost, although the application commits asynchronously", async (t) => {
    await run(t, { pollIntervalMs: 100 });
    let lostCount = 0;
    for (let crash = 0; crash < 3; crash++) {
      const writer = await openSession(t, own.url);
      await writer.query("set synchronous_commit = off");
      const seenBefore = receiver.accepted(path).size;
      let written = 0;
      await until("some have arrived", async () => {
        written += (await insertEvents(writer, "order.paid", 2)).length;
        // Events that survived the previous crash also arrive here.
        return written >= 20 && receiver.accepted(path).size >= seenBefore + 20;
      });
      // The last events, right before the crash.
      const last = await insertEvents(writer, "order.paid", 50);
      await own.stop("immediate");
      await own.startAgain();
      const present = await rowsOf<{ id: string }>(own.control, "select id from postrider.outbox where id = any ($1)", [
        last,
      ]);
      lostCount += last.length - present.length;
    }
    await until(
      "everything is delivered",
      async () => (await countOf("delivery where state = 'succeeded'")) === (await countOf("outbox")),
      BACK_MS,
    );
    const committed = await rowsOf<{ id: string }>(own.control, "select id from postrider.outbox");
    assert.deepEqual(new Set(receiver.requests(path).map(({ id }) => id)), new Set(committed.map(({ id }) => id)));
    t.diagnostic(`${lostCount} events of ${committed.length + lostCount} were undone by crashes`);
  });
});

describe("Postgres moves", () => {
  test("the primary crashes and a standby is promoted: the daemon continues there by itself, and nothing is lost", async (t) => {
    const running = await run(t);
    const { daemon, emitted } = running;
    const { id } = daemon;
    const events = await hold(20);
    await own.addStandby();
    t.after(() => own.discardOthers());
    events.push(...(await insertEvents(own.control, "order.paid", 20)));
    await until("they are claimed", async () => (await unclaimed()) === 0);
    await own.stop("immediate");
    releaseAll();
    await until("it knows that it cannot record", () => emitted.named("record.failed").length > 0);
    const connectionsBefore = own.connections;
    own.leadToStandby();
    await until("it has met the standby", () => own.connections > connectionsBefore + 3);
    await own.promote();
    await until("the new primary accepts writes", () => canWrite());
    events.push(...(await insertEvents(own.control, "order.paid", 20)));
    await assertDeliveredOnce(events);
    await isRestored(running);
    await until("it sleeps again", () => notifies(), BACK_MS);
    events.push(await insertEvent(own.control, "order.paid"));
    await receiver.got(path, events.length, NOTIFIED_MS);
    assert.equal(daemon.id, id, "it has kept its lease");
  });

  test("the primary becomes read-only but stays up while the name points to a new one: the daemon leaves the old one", async (t) => {
    const running = await run(t);
    const { daemon, emitted } = running;
    const events = await insertEvents(own.control, "order.paid", 10);
    await assertDeliveredOnce(events);
    await own.addStandby();
    t.after(() => own.discardOthers());
    await until("it sleeps", () => notifies());
    await demote();
    await until("it knows that the old primary takes no writes", () =>
      emitted.named("gate.lost").some(({ error }) => /takes no writes/.test(String(error))),
    );
    own.leadToStandby();
    await own.promote();
    await until("the new primary accepts writes", () => canWrite());
    await tells(daemon.id, { condition: "well" });
    await until("it sleeps at the new one", () => notifies(), BACK_MS);
    events.push(await insertEvent(own.control, "order.paid"));
    await receiver.got(path, events.length, NOTIFIED_MS);
    await assertDeliveredOnce(events);
  });
});

/** What fail-over tools do to a primary that still runs. */
async function demote(): Promise<void> {
  const client = new pg.Client({ connectionString: own.url });
  await client.connect();
  await client.query("alter system set default_transaction_read_only = on");
  await client.query("select pg_reload_conf()");
  await client.end();
}

async function canWrite(): Promise<boolean> {
  try {
    return (await askFor(own.control, "select not pg_is_in_recovery()")) === true;
  } catch {
    return false;
  }
}
