/** A daemon behind a pooler that lends sessions for one transaction: by one of the tests, and by PgBouncer if it is installed. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import pg from "pg";
import type { Config } from "../../src/config/read.ts";
import { connectionConfig, openConnection } from "../../src/db/connect.ts";
import { hasLentSessions } from "../../src/db/pooler.ts";
import { runCommand } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvents, isGateHeld, reset } from "../support/engine.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { TransactionPooler } from "../support/transactionPooler.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
const EVENTS = 40;

interface Pooler {
  readonly url: string;
  stop(): Promise<void>;
}

const TURNS = { order: "first_back_first", announces: "a_session" } as const;
const POOLERS: Readonly<Record<string, () => Promise<Pooler>>> = {
  "a pooler of one session": () => TransactionPooler.start({ serverUrl: database.url, size: 1 }),
  "a pooler that lends the session used last": () => TransactionPooler.start({ serverUrl: database.url, size: 3 }),
  "a pooler that lends sessions in turn, and announces one of them": () =>
    TransactionPooler.start({ ...TURNS, serverUrl: database.url, size: 2 }),
  ...(hasPgBouncer() && { PgBouncer: () => startPgBouncer("transaction") }),
};

for (const [name, start] of Object.entries(POOLERS)) {
  describe(name, () => {
    let pooler: Pooler;
    let receiver: ScriptedReceiver;

    before(async () => {
      pooler = await start();
      receiver = await ScriptedReceiver.start();
    });
    after(async () => {
      await receiver.stop();
      await pooler.stop();
    });
    beforeEach(async () => {
      await reset(database.pool);
      await database.pool.query("select postrider.create_endpoint($1)", [receiver.url("/pooled")]);
    });

    test("with nothing set, it delivers each event once and names the settings once", async (t) => {
      const { emitted } = await deliver(t, pooler.url);
      const [found, ...others] = emitted.named("pooler.found");
      assert.equal(found?.setting, "DATABASE_URL");
      assert.match(found?.remedy ?? "", /POSTRIDER_LISTEN_URL.*POSTRIDER_PREPARED_STATEMENTS/);
      assert.deepEqual(others, []);
      await until("it shows that", async () => (await askFor(database.pool, CONDITION)) === "blind");
      assert.match(
        String(await askFor(database.pool, "select condition_reason from postrider.daemon")),
        /DATABASE_URL leads through a transaction pooler; set POSTRIDER_LISTEN_URL/,
      );
    });

    test("with a direct URL for LISTEN, it sleeps and is woken", async (t) => {
      const { emitted } = await deliver(t, pooler.url, { listenUrl: database.url });
      assert.deepEqual(emitted.named("pooler.found"), []);
      await until("the daemon sleeps", () => isGateHeld(database.pool));
    });

    test("a URL for LISTEN that leads through the pooler as well is named", async (t) => {
      const { emitted } = await deliver(t, pooler.url, { listenUrl: pooler.url });
      assert.deepEqual(
        emitted.named("pooler.found").map(({ setting }) => setting),
        ["POSTRIDER_LISTEN_URL"],
      );
    });

    test("it leaves no setting, no lock and no prepared statement in a session of the pooler", async (t) => {
      await deliver(t, pooler.url);
      const client = new pg.Client({ connectionString: pooler.url });
      await client.connect();
      t.after(() => client.end());
      const { rows } = await client.query(
        `select current_setting('search_path') as path, current_setting('statement_timeout') as timeout,
           current_setting('idle_session_timeout') as idle, (select count(*)::integer from pg_prepared_statements) as statements`,
      );
      assert.deepEqual(rows, [
        { path: await askFor(database.pool, "show search_path"), timeout: "0", idle: "0", statements: 0 },
      ]);
      // The daemon still works: a lock of a transaction ends with it, one that a session was left with stays.
      const locks = `select count(*)::integer from pg_locks where locktype = 'advisory' and classid = 1886352244
        and database = (select oid from pg_database where datname = current_database())`;
      await until("no lock is held", async () => (await askFor(database.pool, locks)) === 0);
    });

    test("it is recognised while others use the pooler", async (t) => {
      const others = Array.from({ length: 4 }, () => new pg.Client({ connectionString: pooler.url }));
      await Promise.all(others.map((client) => client.connect()));
      let isBusy = true;
      const busy = others.map(async (client) => {
        while (isBusy) {
          await client.query("select 1");
        }
        await client.end();
      });
      t.after(() => Promise.all(busy));
      for (let round = 0; round < 20; round += 1) {
        assert.equal(await hasLentSessions(configOf(pooler.url)), true);
      }
      isBusy = false;
    });
  });
}

test("connections without a pooler are not taken for lent", async () => {
  for (let round = 0; round < 5; round += 1) {
    assert.equal(await hasLentSessions(configOf(database.url)), false);
  }
});

test("a pooler in session mode is not taken for one that lends sessions", { skip: !hasPgBouncer() }, async (t) => {
  const pooler = await startPgBouncer("session");
  t.after(() => pooler.stop());
  assert.equal(await hasLentSessions(configOf(pooler.url)), false);
});

test("a command leaves a session that a pooler lends as it is", async (t) => {
  const pooler = await TransactionPooler.start({ serverUrl: database.url, size: 1 });
  t.after(() => pooler.stop());
  const connection = await openConnection({ config: configOf(pooler.url), purpose: "control" });
  const { rows } = await connection.query("select current_setting('search_path') as path");
  await connection.end();
  assert.deepEqual(rows, [{ path: await askFor(database.pool, "show search_path") }]);
});

const CONDITION = "select condition from postrider.daemon";

async function deliver(t: TestContext, url: string, changes: Partial<Config> = {}) {
  const running = await startDaemon(url, { preparedStatements: null, pollIntervalMs: 200, ...changes });
  t.after(() => running.daemon.stop());
  await insertEvents(database.pool, "order.paid", EVENTS);
  const delivered = "select count(*)::integer from postrider.delivery where state = 'succeeded'";
  await until("everything is delivered", async () => (await askFor(database.pool, delivered)) === EVENTS);
  assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.attempt"), EVENTS);
  assert.deepEqual(running.emitted.named("claim.failed"), []);
  assert.deepEqual(running.emitted.named("postgres.lost"), []);
  assert.deepEqual(running.emitted.named("record.failed"), []);
  return running;
}

test("an ingest is refused there, with the setting that helps", async (t) => {
  const pooler = await TransactionPooler.start({ serverUrl: database.url, size: 2 });
  t.after(() => pooler.stop());
  const { code, stderr } = await runCommand(["ingest"], {
    env: { DATABASE_URL: pooler.url },
    stdin: '{"n":1}\n',
  });
  assert.equal(code, 1);
  assert.match(stderr, /PR0022: .*transaction pooler.*set POSTRIDER_LISTEN_URL/);
});

function configOf(databaseUrl: string) {
  return connectionConfig({ databaseUrl, applicationName: "postrider-test" });
}

function hasPgBouncer(): boolean {
  try {
    execFileSync("pgbouncer", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function startPgBouncer(mode: "transaction" | "session"): Promise<Pooler> {
  const server = new URL(database.url);
  const directory = mkdtempSync(join(tmpdir(), "postrider-pgbouncer-"));
  const port = await freePort();
  const target = `host=${server.hostname} port=${server.port} dbname=${database.name}`;
  writeFileSync(
    join(directory, "pgbouncer.ini"),
    `[databases]\n${database.name} = ${target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =
auth_type = plain\nauth_file = ${directory}/users\npool_mode = ${mode}\ndefault_pool_size = 4\n`,
  );
  writeFileSync(join(directory, "users"), `"${server.username}" "${decodeURIComponent(server.password)}"\n`);
  // It refuses to run as root.
  chmodSync(directory, 0o755);
  const args = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child = spawn("pgbouncer", [...args, join(directory, "pgbouncer.ini")], { stdio: "ignore" });
  const url = Object.assign(new URL(server), { hostname: "127.0.0.1", port: String(port) }).href;
  await until("PgBouncer answers", () => answers(url));
  return {
    url,
    stop: async () => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      rmSync(directory, { recursive: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
