/** A daemon that gets fewer connections than it wishes. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type { Daemon } from "../../src/daemon/daemon.ts";
import { CONNECTIONS_MAX } from "../../src/daemon/parts.ts";
import { type KeptEvents, startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvents, isGateHeld, reset } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
let receiver: ScriptedReceiver;
let login: Login;

describe("a daemon with few connections", () => {
  before(async () => {
    receiver = await ScriptedReceiver.start();
    login = await createLogin(database, ["postrider_daemon"]);
  });
  after(async () => {
    await login.drop();
    await receiver.stop();
  });
  beforeEach(async () => {
    await reset(database.pool);
    await database.pool.query("select postrider.create_endpoint($1)", [receiver.url("/few")]);
  });

  const LIMITS: Readonly<Record<string, (connections: number) => string>> = {
    "a role's limit": (connections) => `alter role ${login.name} connection limit ${connections}`,
    // The session of the test counts, too.
    "a database's limit": (connections) =>
      `alter database ${database.name} connection limit ${connections < 0 ? -1 : connections + 1}`,
  };

  for (const [name, limit] of Object.entries(LIMITS)) {
    for (const connections of [3, 4, 6]) {
      test(`with ${name} of ${connections} it listens, sleeps and delivers`, async (t) => {
        await database.pool.query(limit(connections));
        t.after(() => database.pool.query(limit(-1)));
        const { emitted } = await start(t);
        await delivers(60);
        await until("the daemon sleeps", () => isGateHeld(database.pool));
        assert.equal(await askFor(database.pool, "select condition from postrider.daemon"), "well");
        const [refused, ...others] = emitted.named("connections.refused");
        assert.equal(refused?.wished, CONNECTIONS_MAX - 2);
        assert.ok((refused?.granted ?? 0) <= connections - 2, JSON.stringify(refused));
        assert.match(refused?.error ?? "", /too many connections for (role|database)/);
        assert.deepEqual(others, []);
        assertUntroubled(emitted);
        assert.equal(await sessions(), connections);
      });
    }
  }

  for (const connections of [1, 2]) {
    test(`with ${connections} it polls and delivers`, async (t) => {
      await database.pool.query(`alter role ${login.name} connection limit ${connections}`);
      t.after(() => database.pool.query(`alter role ${login.name} connection limit -1`));
      const { emitted } = await start(t);
      await delivers(60);
      assertUntroubled(emitted);
    });
  }

  test("a limit that comes later, when every session is lost, leaves it listener, gate and one for work", async (t) => {
    const { emitted, daemon } = await start(t);
    await delivers(20);
    await database.pool.query(`alter role ${login.name} connection limit 3`);
    t.after(() => database.pool.query(`alter role ${login.name} connection limit -1`));
    await database.pool.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [
      login.name,
    ]);
    await delivers(20);
    await until("the daemon sleeps again", () => isGateHeld(database.pool));
    await until("it says that it is well", async () => (await conditionOf(daemon)) === "well");
    assert.ok(emitted.named("connections.refused").length > 0);
  });

  test("it tells at the start how many connections it takes, and takes no more", async (t) => {
    const { emitted } = await start(t);
    assert.equal(emitted.named("daemon.started")[0]?.connections_max, CONNECTIONS_MAX);
    await delivers(2_000);
    assert.ok(Number(await sessions()) <= CONNECTIONS_MAX);
    assert.deepEqual(emitted.named("connections.refused"), []);
  });
});

async function start(t: TestContext): Promise<{ readonly daemon: Daemon; readonly emitted: KeptEvents }> {
  const running = await startDaemon(login.url, { pollIntervalMs: 200 });
  t.after(() => running.daemon.stop());
  return running;
}

async function delivers(count: number): Promise<void> {
  const succeeded = "select count(*)::integer from postrider.delivery where state = 'succeeded'";
  const before = Number(await askFor(database.pool, succeeded));
  await insertEvents(database.pool, "order.paid", count);
  await until("everything is delivered", async () => (await askFor(database.pool, succeeded)) === before + count);
}

function conditionOf({ id }: Daemon): Promise<unknown> {
  return askFor(database.pool, "select condition from postrider.daemon where id = $1", [id]);
}

function sessions(): Promise<unknown> {
  return askFor(database.pool, "select count(*)::integer from pg_stat_activity where usename = $1", [login.name]);
}

function assertUntroubled(emitted: KeptEvents): void {
  for (const name of ["claim.failed", "postgres.lost", "record.failed", "daemon.lease_lost"] as const) {
    assert.deepEqual(emitted.named(name), []);
  }
}
