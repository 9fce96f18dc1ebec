/**
 * A database that was copied into another cluster: daemons notice before they send anything and report it. After
 * `postrider adopt` they send exactly the undelivered events. Also the switch that stops daemons anywhere.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import pg from "pg";
import { PostriderError } from "../../src/ground/errors.ts";
import { FaultProxy } from "../chaos/proxy.ts";
import { runCommand } from "../support/command.ts";
import { restoreDump, subscribeTo, unsubscribe, useTransactionIds } from "../support/copies.ts";
import { DaemonProcess, startDaemon } from "../support/daemon.ts";
import { createDatabase, createDatabaseOf, createTemplate, type TestDatabase } from "../support/database.ts";
import { askFor, insertEvent, rowsOf } from "../support/engine.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { startAnotherServer, type TestServer } from "../support/testServer.ts";
import { until } from "../support/until.ts";

/** More than the other cluster uses, so that the run's cluster is ahead of it. */
const TRANSACTIONS = 5_000;
const EVENTS = 100;
/** How many of those the receiver answers before it holds the rest. */
const ANSWERED = 20;

/** In the run's cluster. */
let database: TestDatabase;
let receiver: ScriptedReceiver;
/** A cluster other than the run's, of the same major. */
let elsewhere: { readonly server: TestServer; readonly template: { readonly name: string } };
const places: TestDatabase[] = [];
before(async () => {
  receiver = await ScriptedReceiver.start();
  database = await createDatabase();
  const server = await startAnotherServer({ settings: { wal_level: "logical" } });
  elsewhere = { server, template: await createTemplate(server.url) };
});
after(async () => {
  await elsewhere?.server.stop();
  await database?.drop();
  await receiver?.stop();
});
afterEach(async () => {
  for (const place of places.splice(0)) await place.drop();
});

type Place = Pick<TestDatabase, "url" | "pool">;

/** A migrated database in the run's cluster, and one of the same name in the other. */
async function makePlaces(): Promise<{ readonly here: Place; readonly there: Place }> {
  const { server, template } = elsewhere;
  const here = await createDatabase();
  const there = await createDatabaseOf(server.url, template.name, here.name);
  places.push(here, there);
  return { here, there };
}

async function endpoint({ pool }: Place, path: string, eventType: string): Promise<string> {
  const rows = await rowsOf<{ endpoint_id: string }>(
    pool,
    `select endpoint_id from postrider.create_endpoint($1, $2, '', '{"retry_schedule": ["1 h", "1 h"]}')`,
    [receiver.url(path), [eventType]],
  );
  return rows[0]?.endpoint_id ?? "";
}

interface Scene {
  readonly delivered: string;
  readonly inFlight: string;
  readonly retried: string;
  readonly unclaimed: string;
  readonly pausedEndpoint: string;
}

/** Events in each state. `midway` is called when some of them exist. */
async function play(source: Place, name: string, midway: () => Promise<void>): Promise<Scene> {
  const { pool } = source;
  receiver.script(`/${name}/hanging`, { kind: "hang" });
  receiver.script(`/${name}/failing`, status(500));
  const pausedEndpoint = await endpoint(source, `/${name}/paused`, "order.*");
  await pool.query("select postrider.pause_endpoint($1)", [pausedEndpoint]);
  await endpoint(source, `/${name}/well`, "order.paid");
  await endpoint(source, `/${name}/hanging`, "hang.*");
  await endpoint(source, `/${name}/failing`, "fail.*");
  const daemon = await DaemonProcess.start({ databaseUrl: source.url });
  try {
    const delivered = await insertEvent(pool, "order.paid");
    await until("one is delivered", async () =>
      Boolean(await askFor(pool, "select exists (select from postrider.delivery where state = 'succeeded')")),
    );
    await midway();
    const [retried, cancelled, inFlight] = [
      await insertEvent(pool, "fail.once"),
      await insertEvent(pool, "order.cancelled"),
      await insertEvent(pool, "hang.on"),
    ];
    await until("one waits for a retry, two for a paused endpoint", async () =>
      Boolean(await askFor(pool, "select count(*) = 3 from postrider.delivery where state = 'pending'")),
    );
    await pool.query("select postrider.cancel($1, $2)", [cancelled, pausedEndpoint]);
    await until("one is in flight", () => receiver.requests(`/${name}/hanging`).length === 1);
    await daemon.kill();
    const unclaimed = await insertEvent(pool, "order.paid");
    await endpoint(source, `/${name}/late`, "*");
    return { delivered, inFlight, retried, unclaimed, pausedEndpoint };
  } finally {
    await daemon.kill();
  }
}

/** The requests at each path since `counts` was taken. */
function arrivals(name: string, since: ReadonlyMap<string, number>): Record<string, string[]> {
  return Object.fromEntries(
    PATHS.map((path) => [
      path,
      receiver
        .requests(`/${name}/${path}`)
        .slice(since.get(path) ?? 0)
        .map(({ id }) => id),
    ]),
  );
}

const PATHS = ["well", "hanging", "failing", "paused", "late"] as const;

function counts(name: string): ReadonlyMap<string, number> {
  return new Map(PATHS.map((path) => [path, receiver.requests(`/${name}/${path}`).length]));
}

async function refusal(start: Promise<unknown>): Promise<PostriderError> {
  const thrown = await start.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof PostriderError, String(thrown));
  return thrown;
}

describe("a database that was copied into another cluster", () => {
  for (const how of ["restored from a dump", "replicated"] as const) {
    test(`${how}: daemons stop, and after adopting nothing is lost, repeated, or sent to endpoints made since`, async () => {
      const name = how.split(" ")[0] ?? "";
      const isDump = how === "restored from a dump";
      // The ids of the dump lie in the future; replicated ids lie in the past.
      const { here, there } = await makePlaces();
      const [source, copy] = isDump ? [here, there] : [there, here];
      await useTransactionIds(here.pool, TRANSACTIONS);
      const scene = await play(source, name, async () => {
        if (!isDump) await subscribeTo(source.url, source.pool, copy.pool);
      });
      if (isDump) {
        await restoreDump(source.pool, copy.pool);
      } else {
        for (const dryRun of [true, false]) {
          await assert.rejects(copy.pool.query("select postrider.adopt($1)", [dryRun]), {
            code: "55000",
            message: "cannot adopt the database: the subscription copies still replicates into it",
          });
        }
        await unsubscribe(source.pool, copy.pool);
      }
      const before = counts(name);

      const fault = await refusal(startDaemon(copy.url));
      assert.match(
        fault.message,
        /^PR0014: cannot deliver from this database: it was restored or copied .* daemons have worked in /,
      );
      assert.match(fault.message, /2 deliveries wait in it, and 1 first attempt was in hand; .*postrider adopt/);
      // Applications may already be writing there.
      const own = await insertEvent(copy.pool, "order.paid");
      assert.deepEqual([...counts(name)], [...before]);
      assert.equal(await askFor(copy.pool, "select count(*)::int from postrider.attempt where started_at > now()"), 0);

      if (isDump) {
        const env = { DATABASE_URL: copy.url };
        const shown = await runCommand(["status"], { env });
        assert.match(
          shown.stdout,
          /^THIS DATABASE IS A COPY: nothing is delivered until "postrider adopt"\n {4}daemons have/,
        );
        const adopted = await runCommand(["adopt", "--json"], { env });
        assert.deepEqual([adopted.code, adopted.stderr], [0, ""]);
        const { problem, ...rest } = JSON.parse(adopted.stdout);
        assert.match(problem, /^daemons have worked/);
        assert.deepEqual(rest, { outcome: "adopted", events: 6, unclaimed: 2, moved: 4, in_hand: 1, pending: 2 });
      } else {
        assert.equal(await askFor(copy.pool, "select outcome from postrider.adopt()"), "adopted");
      }
      for (const path of ["hanging", "failing"]) receiver.script(`/${name}/${path}`, OK);
      const { daemon } = await startDaemon(copy.url);
      try {
        await copy.pool.query("select postrider.resume_endpoint($1)", [scene.pausedEndpoint]);
        await copy.pool.query(
          "update postrider.delivery set next_attempt_at = now() where leased_by is null and state = 'pending'",
        );
        await copy.pool.query("select postrider_internal.notify_daemons()");
        await until("everything is done", async () =>
          Boolean(
            await askFor(
              copy.pool,
              `select not exists (select from postrider.delivery where state = 'pending')
                 and not exists (select from postrider.in_flight)
                 and (select sum(unclaimed) = 0 from postrider_internal.count_unclaimed(10))
                 and (select count(*) = 11 from postrider.delivery)`,
            ),
          ),
        );
      } finally {
        await daemon.stop();
      }
      const arrived = arrivals(name, before);
      for (const ids of Object.values(arrived)) ids.sort();
      const { delivered, inFlight, retried, unclaimed } = scene;
      assert.deepEqual(arrived, {
        well: [unclaimed, own].sort(),
        hanging: [inFlight],
        failing: [retried],
        paused: [delivered, unclaimed, own].sort(),
        late: [unclaimed, own].sort(),
      });
    });
  }

  test("and suddenly takes over the name of the original: a running daemon stops", async (t) => {
    const { here: source, there: copy } = await makePlaces();
    receiver.script("/switched", status(500));
    await source.pool.query(`select postrider.create_endpoint($1, '{*}', '', '{"retry_schedule": ["1 h"]}')`, [
      receiver.url("/switched"),
    ]);
    let target = new URL(source.url);
    const proxy = await FaultProxy.start(() => Number(target.port));
    t.after(() => proxy.close());
    const url = new URL(source.url);
    url.port = String(proxy.port);
    [url.username, url.password] = [`postrider_test_${process.pid}`, "test"];
    for (const { pool } of [source, copy]) {
      await pool.query(`create role ${url.username} login superuser password 'test'`);
    }
    const { daemon, emitted } = await startDaemon(url.href);
    t.after(() => daemon.stop().then(() => database.pool.query(`drop role ${url.username}`)));
    await insertEvent(source.pool, "order.paid");
    await until("one waits for a retry", async () =>
      Boolean(await askFor(source.pool, "select exists (select from postrider.delivery where state = 'pending')")),
    );
    await restoreDump(source.pool, copy.pool);
    await copy.pool.query("update postrider.delivery set next_attempt_at = now()");
    await insertEvent(copy.pool, "order.paid");

    target = new URL(copy.url);
    proxy.sever();
    await until("it gives up", () => emitted.named("database.copied").length > 0);
    assert.match((await daemon.unusable).message, /^PR0014: /);
    await daemon.stop();
    assert.equal(emitted.named("database.copied").length, 1);
    assert.equal(receiver.requests("/switched").length, 1);
    assert.equal(await askFor(copy.pool, "select count(*)::int from postrider.attempt"), 1);
  });
});

test("with sending switched off, daemons keep running, send nothing and say so, and continue when it is switched on", async () => {
  const { pool, url } = database;
  const path = "/switch";
  receiver.script(path, () => (receiver.requests(path).length <= ANSWERED ? OK : { kind: "hang" }));
  await pool.query("select postrider.create_endpoint($1, '{order.*}')", [receiver.url(path)]);
  const { daemon, emitted } = await startDaemon(url, { pollIntervalMs: 3_600_000 });
  try {
    await pool.query(
      "insert into postrider.outbox (event_type, payload) select 'order.paid', '{}' from generate_series(1, $1)",
      [EVENTS],
    );
    const begun = () => receiver.requests(path).length;
    await until("some are in flight", () => begun() > ANSWERED);
    await pool.query("update postrider.sending set is_on = false, reason = 'a copy for \u001b[31mtests'");
    await until("the waiting deliveries are handed back", async () =>
      Boolean(
        await askFor(pool, "select count(*) = $1 from postrider.delivery where state = 'pending'", [EVENTS - begun()]),
      ),
    );
    const begunByThen = begun();
    await until("the status says so", async () =>
      Boolean(
        await askFor(pool, "select exists (select from postrider.daemon_status where condition = 'not_sending')"),
      ),
    );
    assert.equal(emitted.named("sending.stopped").length, 1);
    const late = await insertEvent(pool, "order.late");
    // The requests in flight finish, which frees their places.
    receiver.script(path, OK);
    receiver.release(path);
    await until("it is recorded", async () =>
      Boolean(
        await askFor(pool, "select count(*) = $1 from postrider.delivery where state = 'succeeded'", [begunByThen]),
      ),
    );
    assert.equal(await askFor(pool, "select sum(unclaimed)::int from postrider_internal.count_unclaimed(10)"), 1);
    assert.equal(begun(), begunByThen);
    const shown = await runCommand(["status"], { env: { DATABASE_URL: url } });
    assert.match(
      shown.stdout,
      /^SENDING IS SWITCHED OFF for \d+ s, by \S+: nothing is delivered\n {4}because: a copy for \S*\[31mtests\n/,
    );
    assert.ok(!shown.stdout.includes("\u001b"));
    await pool.query("update postrider.sending set reason = 'a further one'");
    await until("the status shows the edited reason", async () =>
      Boolean(await askFor(pool, "select bool_or(condition_reason ~ ': a further one$') from postrider.daemon_status")),
    );
    assert.equal(emitted.named("sending.stopped").length, 1);

    await pool.query("update postrider.sending set is_on = true");
    await until("all arrives", () => begun() === EVENTS + 1);
    assert.equal(new Set(receiver.requests(path).map(({ id }) => id)).size, EVENTS + 1);
    assert.ok(receiver.requests(path).some(({ id }) => id === late));
    await until("and the daemon is well", async () =>
      Boolean(await askFor(pool, "select bool_and(condition = 'well') from postrider.daemon_status")),
    );
  } finally {
    await daemon.stop();
  }
});

test("in the same cluster, a database made from one at work is a copy; one made from a fresh template is not", async () => {
  const fresh = await createDatabase();
  await (await startDaemon(fresh.url)).daemon.stop();
  const server = new pg.Client({ connectionString: database.url });
  await server.connect();
  await fresh.pool.end();
  const name = `${fresh.name}_copy`;
  try {
    await until("no session is connected", async () =>
      Boolean(
        await askFor(server, "select not exists (select from pg_stat_activity where datname = $1)", [fresh.name]),
      ),
    );
    await server.query(`create database ${name} template ${fresh.name}`);
    const url = new URL(fresh.url);
    url.pathname = `/${name}`;
    assert.match((await refusal(startDaemon(url.href))).message, /^PR0014: /);
    const { code, stdout } = await runCommand(["adopt"], { env: { DATABASE_URL: url.href } });
    assert.equal(code, 0);
    assert.match(stdout, /^adopted: daemons may work in this database now\n/);
    await (await startDaemon(url.href)).daemon.stop();
    const again = await runCommand(["adopt"], { env: { DATABASE_URL: url.href } });
    assert.deepEqual(
      [again.code, again.stdout],
      [0, "nothing to adopt: this database is not a copy, and daemons may work in it\n"],
    );
  } finally {
    await server.query(`drop database if exists ${name} with (force)`);
    await server.query(`drop database if exists ${fresh.name} with (force)`);
    await server.end();
  }
});

test("a copy filled by replication enforces its event types during and after the first copy", async () => {
  const { here, there } = await makePlaces();
  const define = (name: string) =>
    there.pool.query("select postrider.define_event_type($1, json_schema => 'false', enforce => true)", [name]);
  const judged = () => askFor(here.pool, "select postrider_internal.judged_event_types()");
  await define("order.paid");
  await there.pool.query("select postrider.refuse_unknown_event_types()");
  await subscribeTo(there.url, there.pool, here.pool);
  assert.equal(await judged(), null);
  await there.pool.query("select postrider.allow_unknown_event_types()");
  await define("order.shipped");
  await unsubscribe(there.pool, here.pool);
  assert.deepEqual(await judged(), ["order.paid", "order.shipped"]);
  await assert.rejects(insertEvent(here.pool, "order.shipped"), /nothing is allowed here/);
});
