/** The protocol of src/daemon/wake/session.ts and of the trigger in sql/functions/publish, with several daemons. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type pg from "pg";
import { WakeSession, type WakeTiming } from "../../../src/daemon/wake/session.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Sockets } from "../../../src/db/sockets.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";
import { FaultProxy, PASS } from "../../chaos/proxy.ts";
import { DaemonProcess, KeptEvents } from "../../support/daemon.ts";
import { createDatabase, useDatabase } from "../../support/database.ts";
import { askFor, insertEvent, openSession, rowsOf } from "../../support/engine.ts";
import { until } from "../../support/until.ts";

const database = useDatabase();

interface Running {
  readonly wake: WakeSession;
  readonly emitted: KeptEvents;
  readonly name: string;
  wakes: number;
  /** What each was for, and within how long. */
  readonly looks: string[];
}

let wakerCount = 0;

async function start(t: TestContext, timing: Partial<WakeTiming> = {}, url = database.url): Promise<Running> {
  wakerCount += 1;
  const name = `wake${wakerCount}`;
  const emitted = new KeptEvents();
  const running: Running = {
    wake: new WakeSession({
      conditions: new Conditions(emitted),
      config: connectionConfig({ databaseUrl: url, applicationName: name }),
      events: emitted,
      onWake: (look, withinMs) => {
        running.wakes += 1;
        running.looks.push(`${look} within ${withinMs}`);
      },
      timing,
    }),
    emitted,
    name,
    wakes: 0,
    looks: [],
  };
  await running.wake.start();
  t.after(() => running.wake.stop());
  assert.equal(running.wake.state, "awake");
  return running;
}

/** The backends that hold the advisory lock: 2 is the gate, 4 says that a daemon is awake. */
async function holders(lock: 2 | 4): Promise<number[]> {
  const rows = await rowsOf<{ pid: number }>(
    database.pool,
    `select pid from pg_locks
     where locktype = 'advisory' and classid = 1886352244 and objid = $1 and granted
       and database = (select oid from pg_database where datname = current_database())`,
    [lock],
  );
  return rows.map(({ pid }) => pid);
}

/** The sessions that hold its locks and listen for it. A lost session may take a moment to end, and holds its locks until then. */
async function sessionsOf({ name }: Running): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    database.pool,
    `select application_name as name from pg_stat_activity
     where datname = current_database() and application_name like $1 order by 1`,
    [`${name}/%`],
  );
  return rows.map((row) => row.name);
}

async function untilOneSessionOfEachIsLeft(one: Running): Promise<void> {
  const names = [`${one.name}/listen`, `${one.name}/wake`];
  await until("one session of each is left", async () => isDeepStrictEqual(await sessionsOf(one), names));
}

async function backendOf(name: string): Promise<number | undefined> {
  const pid = await askFor(
    database.pool,
    "select pid from pg_stat_activity where datname = current_database() and application_name = $1",
    [name],
  );
  return pid === undefined ? undefined : Number(pid);
}

async function terminate(pid: number | undefined): Promise<void> {
  assert.ok(pid !== undefined);
  assert.equal(await askFor(database.pool, "select pg_terminate_backend($1)", [pid]), true);
}

/** Counts notifications, from outside the daemon. */
async function listen(t: TestContext): Promise<() => Promise<number>> {
  const session = await openSession(t, database.url);
  let count = 0;
  let barriers = 0;
  session.on("notification", ({ channel }) => {
    if (channel === "postrider") {
      count += 1;
    } else {
      barriers += 1;
    }
  });
  await session.query("listen postrider; listen barrier");
  // Notifications arrive in the order of the commits, so after this one all earlier ones have arrived.
  return async () => {
    const before = barriers;
    await database.pool.query("notify barrier");
    await until("the barrier has come through", () => barriers > before);
    return count;
  };
}

async function begin(t: TestContext): Promise<pg.Client> {
  const session = await openSession(t, database.url);
  await session.query("begin");
  return session;
}

describe("one daemon", () => {
  test("is awake from the start, and inserts do not notify", async (t) => {
    const notified = await listen(t);
    await start(t);
    assert.equal((await holders(4)).length, 1);
    await insertEvent(database.pool, "order.paid");
    assert.equal(await notified(), 0);
  });

  test("sleeps when asked to, and is woken by an insert", async (t) => {
    const notified = await listen(t);
    const one = await start(t);
    assert.equal(await one.wake.fallAsleep(), "sleeping");
    assert.equal(one.wake.state, "sleeping");
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [1, 0]);
    const { wakes } = one;
    await insertEvent(database.pool, "order.paid");
    await until("it is woken", () => one.wakes > wakes);
    assert.equal(await notified(), 1);
    assert.equal(one.wake.state, "sleeping", "it sleeps until it says otherwise");
  });

  test("opens the gate when it stays awake, and inserts no longer notify", async (t) => {
    const notified = await listen(t);
    const one = await start(t);
    await one.wake.fallAsleep();
    one.wake.stayAwake();
    assert.equal(one.wake.state, "awake");
    await until("the gate is open", async () => (await holders(2)).length === 0);
    assert.equal((await holders(4)).length, 1);
    await insertEvent(database.pool, "order.paid");
    assert.equal(await notified(), 0);
  });

  test("falls asleep and wakes up a hundred times and holds each lock once", async (t) => {
    const one = await start(t);
    for (let round = 0; round < 100; round++) {
      assert.equal(await one.wake.fallAsleep(), "sleeping");
      one.wake.stayAwake();
    }
    assert.equal(await one.wake.fallAsleep(), "sleeping");
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [1, 0]);
  });

  for (const ending of ["commit", "rollback"] as const) {
    test(`stays drowsy until the ${ending} of an open transaction that did not NOTIFY`, async (t) => {
      const one = await start(t);
      const session = await begin(t);
      await insertEvent(session, "order.paid");
      assert.equal(await one.wake.fallAsleep(), "drowsy");
      assert.equal(one.wake.state, "awake");
      assert.equal((await holders(4)).length, 1);
      assert.equal(await one.wake.fallAsleep(), "drowsy");
      await session.query(ending);
      assert.equal(await one.wake.fallAsleep(), "sleeping");
    });
  }

  test("is not kept awake by a transaction that has inserted nothing", async (t) => {
    const one = await start(t);
    const session = await begin(t);
    await session.query("create temporary table other ()");
    assert.equal(await one.wake.fallAsleep(), "sleeping");
  });

  test("is woken at the commit of a transaction that inserted while it slept", async (t) => {
    const one = await start(t);
    await one.wake.fallAsleep();
    const notified = await listen(t);
    const session = await begin(t);
    await insertEvent(session, "order.paid");
    assert.equal(await notified(), 0);
    const { wakes } = one;
    await session.query("commit");
    await until("it is woken", () => one.wakes > wakes);
    assert.equal(await notified(), 1);
  });

  test("is not woken by a role or transaction that has set postrider.wake to off", async (t) => {
    const one = await start(t);
    await one.wake.fallAsleep();
    const notified = await listen(t);
    const session = await begin(t);
    await session.query("set local postrider.wake = off");
    await insertEvent(session, "order.paid");
    await session.query("commit");
    assert.equal(await notified(), 0);
  });

  test("without a server is blind, and can still be stopped", async () => {
    const url = new URL(database.url);
    url.port = "1";
    const emitted = new KeptEvents();
    const wake = new WakeSession({
      conditions: new Conditions(emitted),
      config: connectionConfig({ databaseUrl: url.href, applicationName: "nowhere" }),
      events: emitted,
      onWake: () => {},
    });
    await wake.start();
    assert.equal(wake.state, "blind");
    assert.equal(await wake.fallAsleep(), "blind");
    wake.stayAwake();
    await wake.wakePeers();
    await wake.stop();
    assert.ok(emitted.named("listener.lost").length > 0);
  });
});

describe("two daemons", () => {
  test("one naps while the other is awake, and while the other sleeps", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    assert.equal(await other.wake.fallAsleep(), "napping");
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [0, 1]);
    assert.equal(await one.wake.fallAsleep(), "sleeping");
    assert.deepEqual([one.wake.state, other.wake.state], ["sleeping", "napping"]);
    other.wake.stayAwake();
    assert.equal(await other.wake.fallAsleep(), "napping");
    assert.equal((await holders(2)).length, 1);
  });

  test("one that is drowsy lets the other nap", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    const session = await begin(t);
    await insertEvent(session, "order.paid");
    await other.wake.fallAsleep();
    assert.equal(await one.wake.fallAsleep(), "drowsy");
    other.wake.stayAwake();
    assert.equal(await other.wake.fallAsleep(), "napping");
    await session.query("commit");
    assert.equal(await one.wake.fallAsleep(), "sleeping");
  });

  test("if two fall asleep at once, one sleeps and one naps, each time", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    for (let round = 0; round < 50; round++) {
      const outcomes = await Promise.all([one.wake.fallAsleep(), other.wake.fallAsleep()]);
      assert.deepEqual(outcomes.toSorted(), ["napping", "sleeping"]);
      one.wake.stayAwake();
      other.wake.stayAwake();
      await until("both are awake", async () => (await holders(4)).length === 2);
    }
  });

  test("an insert wakes both if one sleeps and one naps", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.wake.fallAsleep();
    await one.wake.fallAsleep();
    const before = [one.wakes, other.wakes] as const;
    await insertEvent(database.pool, "order.paid");
    await until("both are woken", () => one.wakes > before[0] && other.wakes > before[1]);
    assert.deepEqual([one.looks.at(-1), other.looks.at(-1)], ["events within 0", "events within 100"]);
  });

  test("an operator makes both look for everything, whatever they do", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.wake.fallAsleep();
    const before = [one.wakes, other.wakes] as const;
    await database.pool.query("select postrider_internal.notify_daemons('operator')");
    await until("both are woken", () => one.wakes > before[0] && other.wakes > before[1]);
    assert.deepEqual([one.looks.at(-1), other.looks.at(-1)], ["everything within 0", "everything within 0"]);
  });

  test("one with more work than it can hold wakes the one that naps", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.wake.fallAsleep();
    const { wakes } = other;
    await one.wake.wakePeers();
    await until("it is woken", () => other.wakes > wakes);
    assert.equal(other.looks.at(-1), "events within 0");
    await insertEvent(database.pool, "order.paid");
    // Notifications come in their order: this one would come behind any other.
    await database.pool.query("select postrider_internal.notify_daemons('operator')");
    await until("it is woken by an operator", () => one.looks.length > 1);
    assert.deepEqual(one.looks, ["everything within 0", "everything within 0"], "nothing else has woken it");
  });

  test("one that naps takes the gate once the sleeper has stopped, without waking up first", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.wake.fallAsleep();
    await one.wake.fallAsleep();
    assert.equal(await other.wake.fallAsleep(), "napping");
    await one.wake.stop();
    assert.equal(await other.wake.fallAsleep(), "sleeping");
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [1, 0]);
  });

  test("one that naps becomes awake if a transaction is open that will not notify, and no other daemon is there", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.wake.fallAsleep();
    const session = await begin(t);
    await insertEvent(session, "order.paid");
    await one.wake.stop();
    assert.equal(await other.wake.fallAsleep(), "drowsy");
    assert.equal(other.wake.state, "awake");
    assert.equal((await holders(4)).length, 1);
    await session.query("commit");
    assert.equal(await other.wake.fallAsleep(), "sleeping");
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [1, 0]);
  });

  test("one that naps can take the gate once the sleeper has stopped", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.wake.fallAsleep();
    await one.wake.fallAsleep();
    await one.wake.stop();
    other.wake.stayAwake();
    assert.equal(await other.wake.fallAsleep(), "sleeping");
  });
});

describe("what gets lost", () => {
  test("a sleeper that lost its gate is blind, reports that, recovers, and is woken again", async (t) => {
    const one = await start(t);
    await one.wake.fallAsleep();
    const [gate] = await holders(2);
    const { wakes } = one;
    await terminate(gate);
    await until("it has noticed", () => one.emitted.named("gate.lost").length === 1);
    assert.ok(one.wakes > wakes, "it was not told to look for itself");
    await until("it is awake again", () => one.wake.state === "awake");
    await untilOneSessionOfEachIsLeft(one);
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [0, 1]);
    assert.equal(await one.wake.fallAsleep(), "sleeping");
    const before = one.wakes;
    await insertEvent(database.pool, "order.paid");
    await until("it is woken", () => one.wakes > before);
    assert.equal(one.emitted.named("gate.lost").length, 1);
  });

  test("a lost listener takes the gate with it, and both are rebuilt", async (t) => {
    const one = await start(t);
    await one.wake.fallAsleep();
    const before = await backendOf(`${one.name}/listen`);
    await terminate(before);
    await until("it has noticed", () => one.emitted.named("listener.lost").length === 1);
    await until("it is awake again", () => one.wake.state === "awake");
    const now = await backendOf(`${one.name}/listen`);
    assert.ok(now !== undefined && now !== before);
    await untilOneSessionOfEachIsLeft(one);
    assert.equal(await one.wake.fallAsleep(), "sleeping");
    const { wakes } = one;
    await insertEvent(database.pool, "order.paid");
    await until("it is woken", () => one.wakes > wakes);
    assert.equal((await sessionsOf(one)).length, 2);
  });

  test("while its own lost session still holds the gate, a daemon does not nap as if another daemon slept", async (t) => {
    const proxy = await FaultProxy.start(() => Number(new URL(database.url).port));
    t.after(() => proxy.close());
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const one = await start(t, { checkIntervalMs: 50, checkTimeoutMs: 500 }, url.href);
    await until("it sleeps", async () => (await one.wake.fallAsleep()) === "sleeping");
    // The server does not notice the loss, and keeps the session until it has been silent for 5 s.
    proxy.set({ kind: "half_open", direction: "both", afterwards: "silent" });
    const unheard = one.wake.wakePeers();
    await until("it has noticed", () => one.wake.state === "blind");
    await unheard;
    proxy.set(PASS);
    await until("it is awake again", () => one.wake.state === "awake");
    const outcomes: string[] = [];
    await until("it sleeps", async () => {
      outcomes.push(await one.wake.fallAsleep());
      return outcomes.at(-1) === "sleeping";
    }).catch(() => {});
    assert.deepEqual(new Set(outcomes), new Set(["drowsy", "sleeping"]));
  });

  test("losing both at once, ten times over, leaves one connection of each", async (t) => {
    const one = await start(t, { pauseLastMs: 100 });
    for (let round = 0; round < 10; round++) {
      await until("it is awake", () => one.wake.state === "awake");
      await database.pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like $1",
        [`${one.name}/%`],
      );
      await until("it has noticed", () => one.wake.state === "blind");
    }
    await until("it is awake", () => one.wake.state === "awake");
    await untilOneSessionOfEachIsLeft(one);
    assert.equal(await one.wake.fallAsleep(), "sleeping");
    assert.equal((await sessionsOf(one)).length, 2);
    assert.equal((await holders(2)).length, 1);
  });
});

test("a daemon that freezes in its sleep loses the gate within seconds, and takes it again when it resumes", async (t) => {
  const daemon = await DaemonProcess.start({ databaseUrl: database.url });
  t.after(() => daemon.kill());
  await until("it sleeps", async () => (await holders(2)).length === 1);
  process.kill(daemon.pid, "SIGSTOP");
  const notified = await listen(t);
  await until("the gate is open", async () => (await holders(2)).length === 0);
  await insertEvent(database.pool, "order.paid");
  assert.equal(await notified(), 0);
  process.kill(daemon.pid, "SIGCONT");
  await until("it sleeps again", async () => (await holders(2)).length === 1);
  assert.equal(await daemon.stop(), 0);
});

test("a sleeper whose links fall silent loses the gate within seconds, is blind, and sleeps again on new ones", async (t) => {
  const proxy = await FaultProxy.start(() => Number(new URL(database.url).port));
  const url = new URL(database.url);
  url.port = String(proxy.port);
  const sockets = new Sockets();
  const emitted = new KeptEvents();
  const config = sockets.through(connectionConfig({ databaseUrl: url.href, applicationName: "silent" }));
  const wake = new WakeSession({
    config: { ...config, connectionTimeoutMillis: 1_000 },
    events: emitted,
    conditions: new Conditions(emitted),
    onWake: () => {},
  });
  t.after(async () => {
    sockets.cut();
    await wake.stop();
    await proxy.close();
  });
  await wake.start();
  await until("it is awake", () => wake.state === "awake");
  assert.equal(await wake.fallAsleep(), "sleeping");
  const silentAtMs = performance.now();
  proxy.set({ kind: "half_open", direction: "both", afterwards: "silent" });
  // The server waits 5 s; the listener notifies itself every 3 s and waits 3 s. Without either, the loss goes unnoticed for minutes.
  await until("the gate is open", async () => (await holders(2)).length === 0);
  const openAfterMs = performance.now() - silentAtMs;
  await until("the wake has noticed", () => wake.state === "blind");
  const blindAfterMs = performance.now() - silentAtMs;
  t.diagnostic(`gate open after ${Math.round(openAfterMs)} ms, blind after ${Math.round(blindAfterMs)} ms`);
  const notified = await listen(t);
  await insertEvent(database.pool, "order.paid");
  assert.equal(await notified(), 0);
  proxy.set(PASS);
  await until("it is awake again", () => wake.state === "awake");
  assert.equal(await wake.fallAsleep(), "sleeping");
});

describe("what transactions do", () => {
  test("a prepared transaction that did not NOTIFY keeps the daemon drowsy until it is committed", async (t) => {
    const one = await start(t);
    const session = await begin(t);
    await insertEvent(session, "order.paid");
    await session.query("prepare transaction 'drowsy'");
    await session.end();
    assert.equal(await one.wake.fallAsleep(), "drowsy");
    await database.pool.query("commit prepared 'drowsy'");
    assert.equal(await one.wake.fallAsleep(), "sleeping");
  });

  test("a transaction that has notified cannot be prepared; with postrider.wake off it can, and daemons are neither kept awake nor woken", async (t) => {
    const one = await start(t);
    await one.wake.fallAsleep();
    const notified = await listen(t);
    const session = await begin(t);
    await insertEvent(session, "order.paid");
    await assert.rejects(session.query("prepare transaction 'notified'"), { code: "0A000" });
    await session.query("begin; set local postrider.wake = off");
    await insertEvent(session, "order.paid");
    await session.query("prepare transaction 'quiet'");
    one.wake.stayAwake();
    assert.equal(await one.wake.fallAsleep(), "sleeping");
    await session.query("commit prepared 'quiet'");
    assert.equal(await notified(), 0);
  });

  for (const [how, cancel] of [
    ["times out", "set local statement_timeout = 20"],
    ["is cancelled", null],
  ] as const) {
    test(`an insert that ${how} after it checked the gate leaves no lock behind, even in a transaction that continues`, async (t) => {
      const one = await start(t);
      const session = await begin(t);
      const pid = Number(await askFor(session, "select pg_backend_pid()"));
      await session.query("savepoint part");
      await session.query(cancel ?? "select");
      const inserting = session.query(
        "insert into postrider.outbox (event_type, payload) values ('order.paid', '{}'); select pg_sleep(60)",
      );
      const failed = assert.rejects(inserting, { code: "57014" });
      if (cancel === null) {
        await until("it has looked", async () => (await holders(2)).includes(pid));
        await database.pool.query("select pg_cancel_backend($1)", [pid]);
      }
      await failed;
      await session.query("rollback to part");
      assert.deepEqual(await holders(2), []);
      assert.equal(await one.wake.fallAsleep(), "sleeping");
      const { wakes } = one;
      await insertEvent(session, "order.paid");
      await session.query("commit");
      await until("it is woken", () => one.wakes > wakes);
    });
  }

  test("a released savepoint keeps the daemon drowsy; one that is rolled back does not", async (t) => {
    const one = await start(t);
    const session = await begin(t);
    await session.query("savepoint gone");
    await insertEvent(session, "order.paid");
    await session.query("rollback to gone");
    assert.deepEqual(await holders(2), []);
    await session.query("savepoint kept");
    await insertEvent(session, "order.paid");
    await session.query("release kept");
    assert.equal(await one.wake.fallAsleep(), "drowsy");
    await session.query("commit");
    assert.equal(await one.wake.fallAsleep(), "sleeping");
  });

  test("a savepoint that is rolled back takes its NOTIFY along; a released one keeps it", async (t) => {
    const one = await start(t);
    await one.wake.fallAsleep();
    const notified = await listen(t);
    const session = await begin(t);
    await session.query("savepoint gone");
    await insertEvent(session, "order.paid");
    await session.query("rollback to gone");
    await session.query("commit");
    assert.equal(await notified(), 0);
    await session.query("begin; savepoint kept");
    await insertEvent(session, "order.paid");
    await session.query("release kept; savepoint gone");
    await insertEvent(session, "order.paid");
    await session.query("rollback to gone; commit");
    assert.equal(await notified(), 1);
  });

  test("COPY notifies once for all its rows, or keeps the daemon drowsy", async (t) => {
    const one = await start(t);
    const copy = String.raw`copy postrider.outbox (event_type, payload)
      from program 'printf "order.paid\t{}\norder.paid\t{}\norder.paid\t{}\n"'`;
    const session = await begin(t);
    assert.equal((await session.query(copy)).rowCount, 3);
    assert.equal(await one.wake.fallAsleep(), "drowsy");
    await session.query("commit");
    assert.equal(await one.wake.fallAsleep(), "sleeping");
    const notified = await listen(t);
    const { wakes } = one;
    await database.pool.query(copy);
    await until("it is woken", () => one.wakes > wakes);
    assert.equal(await notified(), 1);
  });

  test("replicated rows fire no trigger and wake no daemon; rows inserted directly into a partition do", async (t) => {
    const one = await start(t);
    await one.wake.fallAsleep();
    const notified = await listen(t);
    const session = await begin(t);
    await session.query("set local session_replication_role = replica");
    await insertEvent(session, "order.paid");
    await session.query("commit");
    assert.equal(await notified(), 0);
    const partition = await askFor(session, "select tableoid::regclass from postrider.outbox limit 1");
    await session.query(
      // Before PostgreSQL 17 a partition does not have the identity of its parent. The id is of the partition's day, which
      // may have ended meanwhile.
      `insert into ${partition} (id, event_type, payload, seq) overriding system value
         select overlay(max(o.id::text) placing '000000000000' from 25)::uuid, 'order.paid', '{}', nextval('postrider.outbox_seq_seq')
         from ${partition} o`,
    );
    assert.equal(await notified(), 1);
  });
});

describe("stopping", () => {
  async function assertNothingLeft(running: Running): Promise<void> {
    await until("no session is left", async () => (await sessionsOf(running)).length === 0);
    assert.deepEqual([await holders(2), await holders(4)], [[], []]);
  }

  test("leaves nothing of one that is awake, or sleeps", async (t) => {
    const awake = await start(t);
    await awake.wake.stop();
    await assertNothingLeft(awake);
    const asleep = await start(t);
    await asleep.wake.fallAsleep();
    await asleep.wake.stop();
    await assertNothingLeft(asleep);
  });

  test("leaves nothing of one that is just falling asleep, or waking up", async (t) => {
    const falling = await start(t);
    const fallen = falling.wake.fallAsleep();
    await falling.wake.stop();
    await fallen;
    await assertNothingLeft(falling);
    const waking = await start(t);
    await waking.wake.fallAsleep();
    waking.wake.stayAwake();
    await waking.wake.stop();
    await assertNothingLeft(waking);
  });

  test("leaves nothing of one that has just lost its gate or its listener", async (t) => {
    for (const suffix of ["wake", "listen"]) {
      const one = await start(t);
      await terminate(await backendOf(`${one.name}/${suffix}`));
      await until("it has noticed", () => one.wake.state === "blind");
      await one.wake.stop();
      await assertNothingLeft(one);
    }
  });

  test("leaves nothing of one that is still starting", async (t) => {
    const emitted = new KeptEvents();
    wakerCount += 1;
    const name = `wake${wakerCount}`;
    const wake = new WakeSession({
      conditions: new Conditions(emitted),
      config: connectionConfig({ databaseUrl: database.url, applicationName: name }),
      events: emitted,
      onWake: () => {},
    });
    t.after(() => wake.stop());
    const started = wake.start();
    await wake.stop();
    await started;
    await assertNothingLeft({ wake, emitted, name, wakes: 0, looks: [] });
  });
});

test("a daemon whose listener and gate were led to different servers begins anew, and hears at the one they are led to then", async (t) => {
  const former = await createDatabase();
  t.after(() => former.drop());
  let ledTo = former.name;
  const emitted = new KeptEvents();
  emitted.subscribe(({ name }) => {
    if (name === "listener.connected") {
      ledTo = database.name;
    }
  });
  const woken: string[] = [];
  const wake = new WakeSession({
    conditions: new Conditions(emitted),
    // The listener's first connection is the last one to the place that the name led to before.
    config: Object.defineProperty(connectionConfig({ databaseUrl: database.url, applicationName: "led" }), "database", {
      enumerable: true,
      get: () => ledTo,
    }),
    events: emitted,
    onWake: (look) => woken.push(look),
    timing: { checkTimeoutMs: 500 },
  });
  await wake.start();
  t.after(() => wake.stop());
  await until("it has begun anew", () => wake.state === "awake");
  assert.match(String(emitted.named("listener.lost")[0]?.error), /does not hear the server of the gate/);
  assert.equal(await wake.fallAsleep(), "sleeping");
  woken.length = 0;
  await insertEvent(database.pool, "order.paid");
  await until("it hears the insert", () => woken.includes("events"));
});
