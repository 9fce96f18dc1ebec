/** The protocol of src/pipeline/wake.ts and of the trigger in sql/functions/publish, with several daemons' wakers. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type pg from "pg";
import { Waker } from "../../../src/daemon/wake/wake.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import type { ListenerTiming } from "../../../src/db/listen.ts";
import { Sockets } from "../../../src/db/sockets.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";
import { FaultProxy, PASS } from "../../chaos/proxy.ts";
import { DaemonProcess, KeptEvents } from "../../support/daemon.ts";
import { useDatabase } from "../../support/database.ts";
import { askFor, insertEvent, openSession, rowsOf } from "../../support/engine.ts";
import { until } from "../../support/until.ts";

const database = useDatabase();

interface Running {
  readonly waker: Waker;
  readonly emitted: KeptEvents;
  readonly name: string;
  wakes: number;
}

let wakerCount = 0;

async function start(
  t: TestContext,
  listenerTiming: Partial<ListenerTiming> = {},
  url = database.url,
): Promise<Running> {
  wakerCount += 1;
  const name = `waker${wakerCount}`;
  const emitted = new KeptEvents();
  const running: Running = {
    waker: new Waker({
      conditions: new Conditions(emitted),
      config: connectionConfig({ databaseUrl: url, applicationName: name }),
      events: emitted,
      onWake: () => {
        running.wakes += 1;
      },
      listenerTiming,
    }),
    emitted,
    name,
    wakes: 0,
  };
  await running.waker.start();
  t.after(() => running.waker.stop());
  assert.equal(running.waker.state, "awake");
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

/** What holds locks for it, and listens for it. One that was lost may take a moment to go, and holds its locks until then. */
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

/** Counts what is notified, from outside. */
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
  // Notifications come in the order of the commits: behind this one, all those before it have come.
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
    assert.equal(await one.waker.fallAsleep(), "sleeping");
    assert.equal(one.waker.state, "sleeping");
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [1, 0]);
    const { wakes } = one;
    await insertEvent(database.pool, "order.paid");
    await until("it is woken", () => one.wakes > wakes);
    assert.equal(await notified(), 1);
    assert.equal(one.waker.state, "sleeping", "it sleeps until it says otherwise");
  });

  test("opens the gate when it stays awake, and inserts do not notify any more", async (t) => {
    const notified = await listen(t);
    const one = await start(t);
    await one.waker.fallAsleep();
    one.waker.stayAwake();
    assert.equal(one.waker.state, "awake");
    await until("the gate is open", async () => (await holders(2)).length === 0);
    assert.equal((await holders(4)).length, 1);
    await insertEvent(database.pool, "order.paid");
    assert.equal(await notified(), 0);
  });

  test("falls asleep and wakes up a hundred times and holds each lock once", async (t) => {
    const one = await start(t);
    for (let round = 0; round < 100; round++) {
      assert.equal(await one.waker.fallAsleep(), "sleeping");
      one.waker.stayAwake();
    }
    assert.equal(await one.waker.fallAsleep(), "sleeping");
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [1, 0]);
  });

  for (const ending of ["commit", "rollback"] as const) {
    test(`stays drowsy while a transaction is open that went without a NOTIFY, until its ${ending}`, async (t) => {
      const one = await start(t);
      const session = await begin(t);
      await insertEvent(session, "order.paid");
      assert.equal(await one.waker.fallAsleep(), "drowsy");
      assert.equal(one.waker.state, "awake");
      assert.equal((await holders(4)).length, 1);
      assert.equal(await one.waker.fallAsleep(), "drowsy");
      await session.query(ending);
      assert.equal(await one.waker.fallAsleep(), "sleeping");
    });
  }

  test("is not kept awake by a transaction that has inserted nothing", async (t) => {
    const one = await start(t);
    const session = await begin(t);
    await session.query("create temporary table other ()");
    assert.equal(await one.waker.fallAsleep(), "sleeping");
  });

  test("is woken at the commit of a transaction that inserted while it slept", async (t) => {
    const one = await start(t);
    await one.waker.fallAsleep();
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
    await one.waker.fallAsleep();
    const notified = await listen(t);
    const session = await begin(t);
    await session.query("set local postrider.wake = off");
    await insertEvent(session, "order.paid");
    await session.query("commit");
    assert.equal(await notified(), 0);
  });

  test("without a server is blind, and stops all the same", async () => {
    const url = new URL(database.url);
    url.port = "1";
    const emitted = new KeptEvents();
    const waker = new Waker({
      conditions: new Conditions(emitted),
      config: connectionConfig({ databaseUrl: url.href, applicationName: "nowhere" }),
      events: emitted,
      onWake: () => {},
    });
    await waker.start();
    assert.equal(waker.state, "blind");
    assert.equal(await waker.fallAsleep(), "blind");
    waker.stayAwake();
    await waker.wakePeers();
    await waker.stop();
    assert.ok(emitted.named("listener.lost").length > 0);
  });
});

describe("two daemons", () => {
  test("one naps while the other is awake, and while the other sleeps", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    assert.equal(await other.waker.fallAsleep(), "napping");
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [0, 1]);
    assert.equal(await one.waker.fallAsleep(), "sleeping");
    assert.deepEqual([one.waker.state, other.waker.state], ["sleeping", "napping"]);
    other.waker.stayAwake();
    assert.equal(await other.waker.fallAsleep(), "napping");
    assert.equal((await holders(2)).length, 1);
  });

  test("one that is drowsy lets the other nap", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    const session = await begin(t);
    await insertEvent(session, "order.paid");
    await other.waker.fallAsleep();
    assert.equal(await one.waker.fallAsleep(), "drowsy");
    other.waker.stayAwake();
    assert.equal(await other.waker.fallAsleep(), "napping");
    await session.query("commit");
    assert.equal(await one.waker.fallAsleep(), "sleeping");
  });

  test("of two that lie down at once, one sleeps and one naps, each time", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    for (let round = 0; round < 50; round++) {
      const outcomes = await Promise.all([one.waker.fallAsleep(), other.waker.fallAsleep()]);
      assert.deepEqual(outcomes.toSorted(), ["napping", "sleeping"]);
      one.waker.stayAwake();
      other.waker.stayAwake();
      await until("both are awake", async () => (await holders(4)).length === 2);
    }
  });

  test("an insert wakes both where one sleeps and one naps", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.waker.fallAsleep();
    await one.waker.fallAsleep();
    const before = [one.wakes, other.wakes] as const;
    await insertEvent(database.pool, "order.paid");
    await until("both are woken", () => one.wakes > before[0] && other.wakes > before[1]);
  });

  test("one that has more than it can carry wakes the one that naps", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.waker.fallAsleep();
    const { wakes } = other;
    await one.waker.wakePeers();
    await until("it is woken", () => other.wakes > wakes);
  });

  test("one that naps can take the gate once the sleeper has stopped", async (t) => {
    const [one, other] = [await start(t), await start(t)];
    await other.waker.fallAsleep();
    await one.waker.fallAsleep();
    await one.waker.stop();
    other.waker.stayAwake();
    assert.equal(await other.waker.fallAsleep(), "sleeping");
  });
});

describe("what gets lost", () => {
  test("a sleeper whose gate is gone is blind, says so, recovers, and is woken again", async (t) => {
    const one = await start(t);
    await one.waker.fallAsleep();
    const [gate] = await holders(2);
    const { wakes } = one;
    await terminate(gate);
    await until("it has noticed", () => one.emitted.named("gate.lost").length === 1);
    assert.ok(one.wakes > wakes, "it was not told to look for itself");
    await until("it is awake again", () => one.waker.state === "awake");
    await untilOneSessionOfEachIsLeft(one);
    assert.deepEqual([(await holders(2)).length, (await holders(4)).length], [0, 1]);
    assert.equal(await one.waker.fallAsleep(), "sleeping");
    const before = one.wakes;
    await insertEvent(database.pool, "order.paid");
    await until("it is woken", () => one.wakes > before);
    assert.equal(one.emitted.named("gate.lost").length, 1);
  });

  test("a lost listener takes the gate with it, and both are rebuilt", async (t) => {
    const one = await start(t);
    await one.waker.fallAsleep();
    const before = await backendOf(`${one.name}/listen`);
    await terminate(before);
    await until("it has noticed", () => one.emitted.named("listener.lost").length === 1);
    await until("it is awake again", () => one.waker.state === "awake");
    const now = await backendOf(`${one.name}/listen`);
    assert.ok(now !== undefined && now !== before);
    await untilOneSessionOfEachIsLeft(one);
    assert.equal(await one.waker.fallAsleep(), "sleeping");
    const { wakes } = one;
    await insertEvent(database.pool, "order.paid");
    await until("it is woken", () => one.wakes > wakes);
    assert.equal((await sessionsOf(one)).length, 2);
  });

  test("while a session that it has lost holds the gate, a daemon does not nap as if another one slept", async (t) => {
    const proxy = await FaultProxy.start(() => Number(new URL(database.url).port));
    t.after(() => proxy.close());
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const one = await start(t, { checkIntervalMs: 50, checkTimeoutMs: 500 }, url.href);
    await until("it sleeps", async () => (await one.waker.fallAsleep()) === "sleeping");
    // The server hears nothing of the loss, and keeps the session until it has been silent for 5 s.
    proxy.set({ kind: "half_open", direction: "both", afterwards: "silent" });
    const unheard = one.waker.wakePeers();
    await until("it has noticed", () => one.waker.state === "blind");
    await unheard;
    proxy.set(PASS);
    await until("it is awake again", () => one.waker.state === "awake");
    const outcomes: string[] = [];
    await until("it sleeps", async () => {
      outcomes.push(await one.waker.fallAsleep());
      return outcomes.at(-1) === "sleeping";
    }).catch(() => {});
    assert.deepEqual(new Set(outcomes), new Set(["drowsy", "sleeping"]));
  });

  test("both lost at once, ten times over, leaves one connection of each", async (t) => {
    const one = await start(t, { pauseLastMs: 100 });
    for (let round = 0; round < 10; round++) {
      await until("it is awake", () => one.waker.state === "awake");
      await database.pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like $1",
        [`${one.name}/%`],
      );
      await until("it has noticed", () => one.waker.state === "blind");
    }
    await until("it is awake", () => one.waker.state === "awake");
    await untilOneSessionOfEachIsLeft(one);
    assert.equal(await one.waker.fallAsleep(), "sleeping");
    assert.equal((await sessionsOf(one)).length, 2);
    assert.equal((await holders(2)).length, 1);
  });
});

test("a daemon that freezes in its sleep loses the gate within seconds, and takes it again when it goes on", async (t) => {
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
  const lines = new Sockets();
  const emitted = new KeptEvents();
  const config = lines.through(connectionConfig({ databaseUrl: url.href, applicationName: "silent" }));
  const waker = new Waker({
    config: { ...config, connectionTimeoutMillis: 1_000 },
    events: emitted,
    conditions: new Conditions(emitted),
    onWake: () => {},
  });
  t.after(async () => {
    lines.cut();
    await waker.stop();
    await proxy.close();
  });
  await waker.start();
  await until("it is awake", () => waker.state === "awake");
  assert.equal(await waker.fallAsleep(), "sleeping");
  const silentAtMs = performance.now();
  proxy.set({ kind: "half_open", direction: "both", afterwards: "silent" });
  // The server waits 5 s, the listener hears itself every 3 s and waits 3 s. Without either, nobody notices for minutes.
  await until("the gate is open", async () => (await holders(2)).length === 0);
  const openAfterMs = performance.now() - silentAtMs;
  await until("the waker has noticed", () => waker.state === "blind");
  const blindAfterMs = performance.now() - silentAtMs;
  t.diagnostic(`gate open after ${Math.round(openAfterMs)} ms, blind after ${Math.round(blindAfterMs)} ms`);
  const notified = await listen(t);
  await insertEvent(database.pool, "order.paid");
  assert.equal(await notified(), 0);
  proxy.set(PASS);
  await until("it is awake again", () => waker.state === "awake");
  assert.equal(await waker.fallAsleep(), "sleeping");
});

describe("what transactions do", () => {
  test("a prepared one that went without a NOTIFY keeps the daemon drowsy until it is committed", async (t) => {
    const one = await start(t);
    const session = await begin(t);
    await insertEvent(session, "order.paid");
    await session.query("prepare transaction 'drowsy'");
    await session.end();
    assert.equal(await one.waker.fallAsleep(), "drowsy");
    await database.pool.query("commit prepared 'drowsy'");
    assert.equal(await one.waker.fallAsleep(), "sleeping");
  });

  test("one that has notified cannot be prepared; with postrider.wake off it can, and nobody is kept awake or woken", async (t) => {
    const one = await start(t);
    await one.waker.fallAsleep();
    const notified = await listen(t);
    const session = await begin(t);
    await insertEvent(session, "order.paid");
    await assert.rejects(session.query("prepare transaction 'notified'"), { code: "0A000" });
    await session.query("begin; set local postrider.wake = off");
    await insertEvent(session, "order.paid");
    await session.query("prepare transaction 'quiet'");
    one.waker.stayAwake();
    assert.equal(await one.waker.fallAsleep(), "sleeping");
    await session.query("commit prepared 'quiet'");
    assert.equal(await notified(), 0);
  });

  for (const [how, cancel] of [
    ["times out", "set local statement_timeout = 20"],
    ["is cancelled", null],
  ] as const) {
    test(`an insert that ${how} after its look leaves no lock behind, also in a transaction that goes on`, async (t) => {
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
      assert.equal(await one.waker.fallAsleep(), "sleeping");
      const { wakes } = one;
      await insertEvent(session, "order.paid");
      await session.query("commit");
      await until("it is woken", () => one.wakes > wakes);
    });
  }

  test("a savepoint that is kept keeps the daemon drowsy; one that is rolled back does not", async (t) => {
    const one = await start(t);
    const session = await begin(t);
    await session.query("savepoint gone");
    await insertEvent(session, "order.paid");
    await session.query("rollback to gone");
    assert.deepEqual(await holders(2), []);
    await session.query("savepoint kept");
    await insertEvent(session, "order.paid");
    await session.query("release kept");
    assert.equal(await one.waker.fallAsleep(), "drowsy");
    await session.query("commit");
    assert.equal(await one.waker.fallAsleep(), "sleeping");
  });

  test("a savepoint that is rolled back takes its NOTIFY along, and one that is kept does not", async (t) => {
    const one = await start(t);
    await one.waker.fallAsleep();
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
    assert.equal(await one.waker.fallAsleep(), "drowsy");
    await session.query("commit");
    assert.equal(await one.waker.fallAsleep(), "sleeping");
    const notified = await listen(t);
    const { wakes } = one;
    await database.pool.query(copy);
    await until("it is woken", () => one.wakes > wakes);
    assert.equal(await notified(), 1);
  });

  test("replicated rows, and rows inserted into a partition by its name, fire no trigger and wake nobody", async (t) => {
    const one = await start(t);
    await one.waker.fallAsleep();
    const notified = await listen(t);
    const session = await begin(t);
    await session.query("set local session_replication_role = replica");
    await insertEvent(session, "order.paid");
    await session.query("commit");
    const partition = await askFor(session, "select tableoid::regclass from postrider.outbox limit 1");
    await session.query(
      // Before PostgreSQL 17 a partition does not number its rows by itself.
      `insert into ${partition} (event_type, payload, seq) overriding system value
         values ('order.paid', '{}', nextval('postrider.outbox_seq_seq'))`,
    );
    assert.equal(await notified(), 0);
  });
});

describe("stopping", () => {
  async function assertNothingLeft(running: Running): Promise<void> {
    await until("no session is left", async () => (await sessionsOf(running)).length === 0);
    assert.deepEqual([await holders(2), await holders(4)], [[], []]);
  }

  test("leaves nothing of one that is awake, or sleeps", async (t) => {
    const awake = await start(t);
    await awake.waker.stop();
    await assertNothingLeft(awake);
    const asleep = await start(t);
    await asleep.waker.fallAsleep();
    await asleep.waker.stop();
    await assertNothingLeft(asleep);
  });

  test("leaves nothing of one that is just falling asleep, or waking up", async (t) => {
    const falling = await start(t);
    const fallen = falling.waker.fallAsleep();
    await falling.waker.stop();
    await fallen;
    await assertNothingLeft(falling);
    const waking = await start(t);
    await waking.waker.fallAsleep();
    waking.waker.stayAwake();
    await waking.waker.stop();
    await assertNothingLeft(waking);
  });

  test("leaves nothing of one that has just lost its gate or its listener", async (t) => {
    for (const suffix of ["wake", "listen"]) {
      const one = await start(t);
      await terminate(await backendOf(`${one.name}/${suffix}`));
      await until("it has noticed", () => one.waker.state === "blind");
      await one.waker.stop();
      await assertNothingLeft(one);
    }
  });

  test("leaves nothing of one that is still starting", async (t) => {
    const emitted = new KeptEvents();
    wakerCount += 1;
    const name = `waker${wakerCount}`;
    const waker = new Waker({
      conditions: new Conditions(emitted),
      config: connectionConfig({ databaseUrl: database.url, applicationName: name }),
      events: emitted,
      onWake: () => {},
    });
    t.after(() => waker.stop());
    const started = waker.start();
    await waker.stop();
    await started;
    await assertNothingLeft({ waker, emitted, name, wakes: 0 });
  });
});
