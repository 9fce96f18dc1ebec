/** `postrider run` with several processes: one command, as an operator and an init system see it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ECHO_MS } from "../../src/ground/untilStopped.ts";
import { NODE_OPTIONS } from "../../src/processes/nodeOptions.ts";
import { CommandProcess, isAlive, runCommand } from "../support/command.ts";
import { createDatabase, useDatabase } from "../support/database.ts";
import { askFor, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { OK, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const PROCESSES = 2;
/** A lease, and what another daemon needs to look. */
const TAKE_OVER_MS = 40_000;

const database = useDatabase();
let receiver: ScriptedReceiver;
/** Of the endpoint, a new one for each test. */
let path = "";
let pathCount = 0;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(async () => {
  await reset(database.pool);
  pathCount += 1;
  path = `/${pathCount}`;
  await database.pool.query("select postrider.create_endpoint($1, array['*'], '', '{\"timeout_ms\": 120000}')", [
    receiver.url(path),
  ]);
});

interface LogLine {
  readonly event: string;
  readonly daemon_id: string | null;
  readonly pid?: number;
  readonly signal?: string;
}

class Daemons extends CommandProcess {
  /** Every whole line of the log; throws if one is no object. */
  lines(event?: string): readonly LogLine[] {
    const whole = this.stdout.split("\n").slice(0, -1);
    const lines = whole.map((line) => JSON.parse(line) as LogLine);
    return event === undefined ? lines : lines.filter((line) => line.event === event);
  }

  pids(): readonly number[] {
    return this.lines("process.started").map(({ pid = 0 }) => pid);
  }
}

/** Resolves when every daemon has started. */
async function start(t: TestContext, env: Readonly<Record<string, string>> = {}): Promise<Daemons> {
  const daemons = new Daemons(["run"], {
    env: {
      DATABASE_URL: database.url,
      POSTRIDER_PROCESSES: String(PROCESSES),
      POSTRIDER_EGRESS: "custom",
      POSTRIDER_EGRESS_ALLOW: "127.0.0.1",
      ...env,
    },
  });
  t.after(() => daemons.end("SIGKILL"));
  await until("every daemon has started", () => daemons.lines("daemon.started").length === PROCESSES);
  return daemons;
}

async function allGone(pids: readonly number[]): Promise<void> {
  await until(`the processes ${pids} are gone`, () => !pids.some(isAlive));
}

function daemonRows(): Promise<{ id: string; pid: number }[]> {
  return rowsOf(database.pool, "select id, pid from postrider.daemon order by pid");
}

async function succeeded(): Promise<number> {
  return Number(
    await askFor(database.pool, "select count(*) from postrider.delivery_status where state = 'succeeded'"),
  );
}

test("two processes deliver everything once, as two daemons with one log, and stop together", async (t) => {
  const daemons = await start(t);
  const pids = daemons.pids();
  assert.deepEqual(
    (await daemonRows()).map(({ pid }) => pid),
    pids.toSorted((a, b) => a - b),
  );
  const ids = new Set((await daemonRows()).map(({ id }) => id));
  assert.equal(ids.size, PROCESSES);
  const batches = await Promise.all(Array.from({ length: 10 }, () => insertEvents(database.pool, "order.paid", 300)));
  const events = batches.flat();
  await until("everything is recorded", async () => (await succeeded()) === events.length);
  assert.deepEqual(receiver.accepted(path), new Set(events));
  assert.equal(receiver.requests(path).length, events.length);

  assert.deepEqual(await daemons.end("SIGTERM"), { code: 0, signal: null }, daemons.said());
  assert.equal(daemons.stderr, "");
  assert.deepEqual(
    daemons
      .lines("daemon.stopped")
      .map(({ daemon_id }) => daemon_id)
      .toSorted(),
    [...ids].toSorted(),
  );
  assert.deepEqual(new Set(daemons.lines().map(({ daemon_id }) => daemon_id)), new Set([null, ...ids]));
  await allGone(pids);
  assert.deepEqual(await daemonRows(), []);
});

test("a process that is killed is replaced, and its deliveries are taken over", async (t) => {
  receiver.script(path, { kind: "hang" });
  const daemons = await start(t);
  const events = await insertEvents(database.pool, "order.paid", 20);
  await receiver.got(path, 1);
  const holder = await askFor(
    database.pool,
    "select d.pid from postrider.daemon d where d.id in (select daemon_id from postrider.in_flight)",
  );
  process.kill(Number(holder), "SIGKILL");
  receiver.script(path, OK);
  await until("another daemon is started", () => daemons.lines("daemon.started").length === PROCESSES + 1);
  const [ended] = daemons.lines("process.ended");
  assert.equal(ended?.signal, "SIGKILL");
  await until("everything is recorded", async () => (await succeeded()) === events.length, TAKE_OVER_MS);
  assert.deepEqual(receiver.accepted(path), new Set(events));
  assert.deepEqual(await daemons.end("SIGTERM"), { code: 0, signal: null }, daemons.said());
  await allGone(daemons.pids());
});

test("if the supervisor is killed, its daemons finish what is in progress and stop", async (t) => {
  receiver.script(path, { kind: "hang" });
  const daemons = await start(t);
  const [event] = await insertEvents(database.pool, "order.paid", 1);
  await receiver.got(path, 1);
  daemons.child.kill("SIGKILL");
  await until("it has stopped", () => !isAlive(daemons.pid));
  receiver.release(path);
  await allGone(daemons.pids());
  assert.deepEqual(await daemonRows(), []);
  assert.equal(await succeeded(), 1);
  assert.deepEqual(receiver.accepted(path), new Set([event]));
});

test("signals that reach every process stop them as one signal does", async (t) => {
  const daemons = await start(t);
  for (const pid of [...daemons.pids(), daemons.pid, ...daemons.pids()]) process.kill(pid, "SIGINT");
  assert.deepEqual(await daemons.ended, { code: 0, signal: null }, daemons.said());
  assert.equal(daemons.stderr, "");
  await allGone(daemons.pids());
  assert.deepEqual(await daemonRows(), []);
});

test("a second signal ends every process at once, with exit status 1", async (t) => {
  receiver.script(path, { kind: "hang" });
  const daemons = await start(t, { POSTRIDER_SHUTDOWN_GRACE: "15min" });
  await insertEvents(database.pool, "order.paid", 1);
  await receiver.got(path, 1);
  daemons.child.kill("SIGTERM");
  await daemons.match(/"event":"daemon\.stopping"/);
  // Sooner it would be an echo of the first.
  await delay(ECHO_MS + 50);
  daemons.child.kill("SIGTERM");
  assert.deepEqual(await daemons.ended, { code: 1, signal: null });
  await allGone(daemons.pids());
});

test("a schema that no daemon may use ends all, and is reported once", async (t) => {
  const own = await createDatabase();
  t.after(() => own.drop());
  const daemons = await start(t, { DATABASE_URL: own.url });
  await own.pool.query(
    `insert into postrider.schema_migration (version, name, sha256, breaking, postrider_version, duration_ms)
     values (9999, '9999_later', repeat('0', 64), true, '99.0.0', 1)`,
  );
  assert.deepEqual(await daemons.ended, { code: 1, signal: null });
  assert.match(daemons.stderr, /^PR0005: .*version 9999.*\n$/);
  await allGone(daemons.pids());
  assert.deepEqual(await rowsOf(own.pool, "select id from postrider.daemon"), []);
});

test("a start that cannot succeed ends with one error and its exit status", async () => {
  const empty = await createDatabase({ template: "empty" });
  try {
    const missing = await runCommand(["run"], { env: { DATABASE_URL: empty.url, POSTRIDER_PROCESSES: "auto" } });
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^PR0004: .*; run "postrider migrate"\n$/);
  } finally {
    await empty.drop();
  }
  const wrong = await runCommand(["run"], { env: { POSTRIDER_PROCESSES: "2", POSTRIDER_EGRESS: "public" } });
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  assert.equal(wrong.stderr.trim().split("\n").length, 2, wrong.stderr);
});

test("a stalled reader of the log stops no daemon, and gets whole lines when it resumes", async (t) => {
  const daemons = await start(t, { POSTRIDER_LOG_LEVEL: "debug" });
  daemons.child.stdout?.pause();
  // Some 2 MB of lines: more than pipes and buffers hold.
  const events = await insertEvents(database.pool, "order.paid", 5_000);
  await until("everything is recorded", async () => (await succeeded()) === events.length, TAKE_OVER_MS);
  daemons.child.stdout?.resume();
  await until("what was kept has arrived", () => daemons.lines().length > 1_000);
  assert.deepEqual(await daemons.end("SIGTERM"), { code: 0, signal: null }, daemons.said());
  // Every whole line is an object, and nothing follows the last.
  daemons.lines();
  assert.ok(daemons.stdout.endsWith("\n"));
});

test("each process has the options of a daemon", { skip: !existsSync("/proc/self/cmdline") }, async (t) => {
  const daemons = await start(t);
  for (const pid of daemons.pids()) {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    assert.deepEqual(
      NODE_OPTIONS.filter((option) => !words.includes(option)),
      [],
    );
  }
  assert.deepEqual(await daemons.end("SIGTERM"), { code: 0, signal: null }, daemons.said());
});

test("a setting without effect causes one warning", async (t) => {
  const daemons = await start(t, { OTEL_EXPORTER_OTLP_CLIENT_KEY: "shop.key" });
  assert.equal(daemons.lines("settings.warned").length, 1);
  const closed = once(daemons.child, "close");
  daemons.child.kill("SIGTERM");
  await closed;
});
