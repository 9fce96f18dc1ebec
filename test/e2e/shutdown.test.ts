/** How a daemon stops: with requests in flight, claims in hand, connections open, and with Postgres unreachable. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { levelOf } from "../../src/telemetry/log.ts";
import { DaemonProcess, daemonConfig, KeptEvents, type RunningDaemon, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, insertEvents, reset, rowsOf } from "../support/engine.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

/** Work handed back is taken up long before a lease (15 s) could have expired. */
const SOON_MS = 12_000;
/** An orchestrator kills 30 s after it asks for a stop. The usual grace takes 20 s of them; this is the rest. */
const AFTER_GRACE_MS = 10_000;
const GRACE_MS = 500;
const NO_POLL: Partial<Config> = { pollIntervalMs: 3_600_000 };

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

async function createEndpoint(path: string, options: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const id = await askFor(database.pool, "select endpoint_id from postrider.create_endpoint($1, array['*'], '', $2)", [
    receiver.url(path),
    JSON.stringify(options),
  ]);
  return String(id);
}

function countOf(sql: string): Promise<number> {
  return askFor(database.pool, `select count(*) from ${sql}`).then(Number);
}

/** A clean stop leaves no trace of a daemon in the database. */
async function assertNothingHeld(): Promise<void> {
  assert.deepEqual(await rowsOf(database.pool, "select id from postrider.daemon"), []);
  assert.deepEqual(await rowsOf(database.pool, "select * from postrider.in_flight"), []);
  assert.equal(await countOf("postrider.claim where cardinality(event_ids) > 0"), 0);
  assert.equal(await countOf("postrider.delivery where leased_by is not null"), 0);
}

describe("a daemon that is asked to stop", () => {
  test("finishes what is in flight, records it, and claims no more", async (t) => {
    const path = newPath();
    receiver.script(path, { kind: "hang" });
    await createEndpoint(path);
    const { daemon, emitted } = await run(t);
    const events = await insertEvents(database.pool, "order.paid", 5);
    await receiver.got(path, 5);
    const stopped = daemon.stop();
    const late = await insertEvent(database.pool, "order.paid");
    receiver.script(path, OK);
    receiver.release(path);
    await stopped;
    assert.equal(receiver.requests(path).length, 5);
    assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 5);
    assert.equal(await countOf("postrider.attempt where http_status = 200"), 5);
    assert.equal(emitted.named("daemon.stopped")[0]?.everything_recorded, true);
    await assertNothingHeld();

    await run(t);
    await receiver.got(path, 6);
    assert.deepEqual(receiver.accepted(path), new Set([...events, late]));
    assert.equal(receiver.requests(path).length, 6);
  });

  test("hands back unstarted deliveries, and another daemon sends them without waiting for a lease", async (t) => {
    const path = newPath();
    receiver.script(path, { kind: "hang" });
    await createEndpoint(path);
    const { daemon } = await run(t);
    const events = await insertEvents(database.pool, "order.paid", 400);
    await receiver.got(path, 8);
    const stopped = daemon.stop();
    receiver.script(path, OK);
    receiver.release(path);
    await stopped;
    assert.equal(receiver.requests(path).length, 8);
    assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 8);
    assert.equal(
      await countOf("postrider.delivery where state = 'pending' and attempts = 0 and next_attempt_at <= now()"),
      392,
    );
    await assertNothingHeld();

    await run(t);
    await receiver.got(path, 400, SOON_MS);
    assert.deepEqual(receiver.accepted(path), new Set(events));
    assert.equal(receiver.requests(path).length, 400);
  });

  test("hands back attempts still in flight after the grace period, and another daemon makes them", async (t) => {
    const path = newPath();
    receiver.script(path, { kind: "hang" });
    await createEndpoint(path);
    const { daemon } = await run(t, { ...NO_POLL, shutdownGraceMs: 100 });
    const event = await insertEvent(database.pool, "order.paid");
    await receiver.got(path, 1);
    await daemon.stop();
    assert.equal(await countOf("postrider.attempt"), 0);
    await assertNothingHeld();
    await receiver.deserted();

    receiver.script(path, OK);
    await run(t);
    await receiver.got(path, 2, SOON_MS);
    assert.deepEqual(receiver.accepted(path), new Set([event]));
    await until("it is recorded", async () => (await countOf("postrider.delivery where state = 'succeeded'")) === 1);
    assert.equal(await countOf("postrider.attempt where attempt_number = 1"), 1);
  });

  test("hands back a retry in flight without using up its number", async (t) => {
    const path = newPath();
    receiver.script(path, ({ nth }) => (nth === 1 ? status(500) : { kind: "hang" }));
    await createEndpoint(path, { retry_schedule: ["20 ms", "1 h"] });
    const { daemon } = await run(t, { ...NO_POLL, shutdownGraceMs: 0 });
    await insertEvent(database.pool, "order.paid");
    await receiver.got(path, 2);
    await daemon.stop();
    await assertNothingHeld();

    receiver.script(path, OK);
    await run(t);
    await receiver.got(path, 3, SOON_MS);
    await until("it is recorded", async () => (await countOf("postrider.delivery where state = 'succeeded'")) === 1);
    assert.deepEqual(
      await rowsOf(database.pool, "select attempt_number, http_status from postrider.attempt order by started_at"),
      [
        { attempt_number: 1, http_status: 500 },
        { attempt_number: 2, http_status: 200 },
      ],
    );
  });

  test("leaves its work to a daemon that is already running", async (t) => {
    const path = newPath();
    receiver.script(path, { kind: "hang" });
    await createEndpoint(path);
    const { daemon } = await run(t, { shutdownGraceMs: 0 });
    const events = await insertEvents(database.pool, "order.paid", 300);
    await receiver.got(path, 8);
    await run(t, {});
    receiver.script(path, OK);
    await daemon.stop();
    await until("the other daemon has delivered all", () => receiver.accepted(path).size === 300, SOON_MS);
    assert.deepEqual(receiver.accepted(path), new Set(events));
    assert.ok(receiver.requests(path).length <= 308);
  });

  test("hands back attempts in flight while a slow maintenance step runs", async (t) => {
    const path = newPath();
    receiver.script(path, { kind: "hang" });
    await createEndpoint(path);
    await database.pool.query(
      `alter function postrider.maintain rename to maintain_quickly;
       create function postrider.maintain() returns table (outcome text, subject text)
       language sql as 'select null, null from pg_sleep(30)'`,
    );
    t.after(() =>
      database.pool.query(
        `drop function postrider.maintain; alter function postrider.maintain_quickly rename to maintain;
         select pg_terminate_backend(pid) from ${SESSIONS}`,
      ),
    );
    const { daemon } = await run(t, { ...NO_POLL, shutdownGraceMs: GRACE_MS });
    await insertEvents(database.pool, "order.paid", 3);
    await receiver.got(path, 3);
    assert.equal(await daemon.stop(), true);
    assert.equal(await countOf("postrider.delivery where state = 'pending'"), 3);
  });

  test("leaves its work to others while a statement of its own is not answered", async (t) => {
    await database.pool.query(
      `do $slow$
       declare
         quick constant regprocedure := 'postrider_internal.claim_deliveries'::regproc;
       begin
         alter function postrider_internal.claim_deliveries rename to claim_deliveries_quickly;
         execute format('create function postrider_internal.claim_deliveries(%s) returns %s language plpgsql as %L',
           pg_get_function_arguments(quick), pg_get_function_result(quick), 'begin perform pg_sleep(30); end');
       end $slow$`,
    );
    t.after(() =>
      database.pool.query(
        `drop function postrider_internal.claim_deliveries;
         alter function postrider_internal.claim_deliveries_quickly rename to claim_deliveries`,
      ),
    );
    const walks = `${SESSIONS} and state = 'active' and query like '%claim_deliveries%'`;
    const { daemon } = await run(t, { ...NO_POLL, shutdownGraceMs: GRACE_MS });
    await until("a walk waits", async () => (await countOf(walks)) === 1);
    const stopped = daemon.stop();
    await until("the daemon has left", async () => (await countOf("postrider.daemon")) === 0);
    assert.equal(await countOf(walks), 1);
    assert.equal(await stopped, true);
  });

  test("stops once, however often it is asked", async (t) => {
    const { daemon, emitted } = await run(t);
    const stopped = daemon.stop();
    assert.equal(daemon.stop(), stopped);
    await stopped;
    await daemon.stop();
    assert.equal(emitted.named("daemon.stopped").length, 1);
  });

  test("can be stopped before it was started", async () => {
    await new Daemon(daemonConfig(database.url), new KeptEvents()).stop();
  });

  test("can be stopped after a failed start, and leaves nothing", async () => {
    const url = new URL(database.url);
    url.port = "1";
    const daemon = new Daemon(daemonConfig(url.href), new KeptEvents());
    await assert.rejects(daemon.start(), { exitStatus: 1 });
    await daemon.stop();
  });
});

test("starting and stopping ten times leaves no connection, lock, socket, timer or row", async () => {
  const path = newPath();
  await createEndpoint(path);
  const openBefore = await openResources();
  for (let round = 1; round <= 10; round++) {
    const { daemon, emitted } = await startDaemon(database.url, NO_POLL);
    await insertEvent(database.pool, "order.paid");
    await receiver.got(path, round);
    await daemon.stop();
    await assertNothingHeld();
    assert.deepEqual(
      emitted.kept.filter((event) => ["warn", "error"].includes(levelOf(event))),
      [],
    );
  }
  await receiver.deserted();
  await assertNothingOpen(openBefore);
  await until("no session is left", async () => (await countOf(SESSIONS)) === 0);
  assert.equal(await countOf(ADVISORY_LOCKS), 0);
  assert.equal(await countOf("postrider.delivery where state = 'succeeded'"), 10);
});

test("stopping right after the start, ten times, leaves nothing either", async () => {
  const openBefore = await openResources();
  for (let round = 0; round < 10; round++) {
    const { daemon } = await startDaemon(database.url, NO_POLL);
    await daemon.stop();
  }
  await assertNothingHeld();
  await assertNothingOpen(openBefore);
  await until("no session is left", async () => (await countOf(SESSIONS)) === 0);
  assert.equal(await countOf(ADVISORY_LOCKS), 0);
});

const SESSIONS = "pg_stat_activity where datname = current_database() and application_name like 'postrider%'";
const ADVISORY_LOCKS = `pg_locks where locktype = 'advisory'
  and database = (select oid from pg_database where datname = current_database())`;

/** No more than before, because resources of earlier tests may still have been closing then. Sockets take a moment to close. */
async function assertNothingOpen(openBefore: Readonly<Record<string, number>>): Promise<void> {
  let open: Readonly<Record<string, number>> = {};
  await until("the sockets are closed", async () => {
    open = await openResources();
    return Object.entries(open).every(([name, count]) => count <= (openBefore[name] ?? 0));
  }).catch(() => assert.deepEqual(open, openBefore));
}

/** What keeps this process running, without the connections of the test's own pool, which come and go. */
async function openResources(): Promise<Readonly<Record<string, number>>> {
  const { pool } = database;
  await until("the pool rests", () => pool.idleCount === pool.totalCount);
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) {
    counts[name] = (counts[name] ?? 0) + 1;
  }
  counts.TCPSocketWrap = (counts.TCPSocketWrap ?? 0) - pool.totalCount;
  // These include idle timeouts of the test's pool and the timer of `until` itself.
  counts.Timeout = 0;
  return counts;
}

describe("a daemon whose Postgres is away when it is asked to stop", () => {
  for (const absence of ["refuses", "is silent"] as const) {
    test(`ends by itself if Postgres ${absence}, and another daemon sends what it had in hand`, async (t) => {
      const path = newPath();
      receiver.script(path, { kind: "hang" });
      await createEndpoint(path);
      const link = await Link.open(database.url);
      t.after(() => link.close());
      const daemon = await DaemonProcess.start({
        databaseUrl: link.url,
        changes: { shutdownGraceMs: GRACE_MS, logLevel: "silent" },
      });
      t.after(() => daemon.kill());
      const events = await insertEvents(database.pool, "order.paid", 20);
      await receiver.got(path, 8);
      if (absence === "refuses") {
        await link.refuse();
      } else {
        link.fallSilent();
      }
      const startedMs = performance.now();
      let code: number | null | undefined;
      void daemon.stop().then((ended) => {
        code = ended;
      });
      await until("the process has ended", () => code !== undefined, 45_000);
      const tookMs = Math.round(performance.now() - startedMs);
      t.diagnostic(`the stop took ${tookMs} ms`);
      assert.equal(code, 0);

      receiver.script(path, OK);
      receiver.release(path);
      await run(t, {});
      await until("all are delivered", () => receiver.accepted(path).size === 20, 45_000);
      assert.deepEqual(receiver.accepted(path), new Set(events));
      assert.ok(tookMs <= GRACE_MS + AFTER_GRACE_MS, `the stop took ${tookMs} ms, of which ${GRACE_MS} are its grace`);
    });
  }
});

test("an idle daemon ends by itself if Postgres has fallen silent", async (t) => {
  const link = await Link.open(database.url);
  t.after(() => link.close());
  const daemon = await DaemonProcess.start({
    databaseUrl: link.url,
    changes: { shutdownGraceMs: GRACE_MS, logLevel: "silent" },
  });
  t.after(() => daemon.kill());
  await until(
    "it sleeps",
    async () => (await countOf(`${ADVISORY_LOCKS} and objid = 2 and mode = 'ExclusiveLock'`)) === 1,
  );
  link.fallSilent();
  let code: number | null | undefined;
  void daemon.stop().then((ended) => {
    code = ended;
  });
  await until("the process has ended", () => code !== undefined, GRACE_MS + AFTER_GRACE_MS);
  assert.equal(code, 0);
});

/** A route to the server that can be cut. */
class Link {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly url: string;
  #isSilent = false;

  private constructor(server: Server, databaseUrl: string) {
    this.#server = server;
    const url = new URL(databaseUrl);
    const { hostname, port } = url;
    server.on("connection", (near) => {
      this.#add(near);
      if (this.#isSilent) {
        return;
      }
      const far = connect(Number(port), hostname);
      this.#add(far);
      near.pipe(far).pipe(near);
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    url.hostname = "127.0.0.1";
    url.port = String(address.port);
    this.url = url.href;
  }

  static async open(databaseUrl: string): Promise<Link> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Link(server, databaseUrl);
  }

  /** Like a stopped server: connections end, and new ones are refused. */
  async refuse(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await once(this.#server, "close");
  }

  /** Like a network that drops everything: connections stay, and nothing comes through, not even their end. */
  fallSilent(): void {
    this.#isSilent = true;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
