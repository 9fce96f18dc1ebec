import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { connectionConfig, openConnection } from "../../src/db/connect.ts";
import { Database, type DatabaseOptions } from "../../src/db/database.ts";
import { classifyPostgresError, StandbyError } from "../../src/db/pgErrors.ts";
import { useDatabase } from "../support/database.ts";
import { askFor } from "../support/engine.ts";
import { outside } from "../support/outside.ts";
import { until } from "../support/until.ts";

const database = useDatabase({ template: "empty" });

test("a session has its deadlines, its isolation and its application name", async (t) => {
  const tested = databaseOf(t);
  const { rows } = await tested.query<SessionSettings>(SESSION_SETTINGS);
  assert.deepEqual(rows, [
    {
      name: "postrider-test/pipeline",
      isolation: "read committed",
      path: "pg_catalog, pg_temp",
      statement: "10s",
      lock: "5s",
      idle: "10s",
    },
  ]);
});

test("a session lent by a pooler is left unchanged, and the deadlines hold inside a transaction", async (t) => {
  const tested = databaseOf(t, { ownSession: false });
  const [settings] = (await outside(tested, SESSION_SETTINGS)) as SessionSettings[];
  assert.equal(settings?.statement, "0");
  assert.equal(settings?.path, await askFor(database.pool, "show search_path"));
  const inside = await tested.transaction((transaction) => transaction.query<SessionSettings>(SESSION_SETTINGS));
  assert.deepEqual(inside.rows, [
    { ...settings, path: "pg_catalog, pg_temp", statement: "10s", lock: "5s", idle: "10s" },
  ]);
});

test("a database's default isolation does not reach a session or a transaction", async (t) => {
  const { rows: names } = await database.pool.query<{ name: string }>("select quote_ident(current_database()) as name");
  await database.pool.query(`alter database ${names[0]?.name} set default_transaction_isolation = 'repeatable read'`);
  t.after(() => database.pool.query(`alter database ${names[0]?.name} reset default_transaction_isolation`));
  const question = "select current_setting('transaction_isolation') as isolation";
  for (const ownSession of [true, false]) {
    const tested = databaseOf(t, { ownSession });
    const inside = await tested.transaction((client) => client.query(question));
    assert.deepEqual(inside.rows, [{ isolation: "read committed" }]);
  }
  assert.deepEqual((await databaseOf(t).query(question)).rows, [{ isolation: "read committed" }]);
});

test("a lost idle connection is replaced", async (t) => {
  const tested = databaseOf(t, { max: 1 });
  await terminate(await pidOf(tested));
  await until("the loss is noticed", () => Promise.resolve(tested.connectionCount === 0));
  assert.ok((await pidOf(tested)) > 0);
});

test("losing a connection while nothing runs on it does not end the process", async (t) => {
  const tested = databaseOf(t, { max: 1 });
  const client = await tested.pool.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid", []);
  await terminate(rows[0]?.pid ?? 0);
  await until("the loss is noticed", () => Promise.resolve(tested.connectionCount === 0));
  await assert.rejects(client.query("select 1", []), (thrown) => classifyPostgresError(thrown).kind === "connection");
  client.release();
  assert.ok((await pidOf(tested)) > 0);
});

test("a transaction is committed with what its work returns", async (t) => {
  const tested = databaseOf(t);
  await tested.query("create table public.kept (id integer)");
  assert.equal(
    await tested.transaction(async (client) => (await client.query("insert into public.kept values (1)")).rowCount),
    1,
  );
  assert.equal((await tested.query("select from public.kept")).rowCount, 1);
});

test("a transaction whose work fails is rolled back, and its connection is reused", async (t) => {
  const tested = databaseOf(t, { max: 1 });
  await tested.query("create table public.undone (id integer)");
  const pid = await pidOf(tested);
  const work = tested.transaction(async (client) => {
    await client.query("insert into public.undone values (1)");
    await client.query("select 1 / 0");
  });
  await assert.rejects(work, { code: "22012" });
  assert.equal((await tested.query("select from public.undone")).rowCount, 0);
  assert.equal(await pidOf(tested), pid);
});

test("a transaction that failed is not taken for committed if the work swallowed the error", async (t) => {
  const tested = databaseOf(t, { max: 1 });
  const work = tested.transaction((client) => client.query("select 1 / 0").catch(() => "all is well"));
  await assert.rejects(work, /was not committed: the server answered ROLLBACK/);
  assert.ok((await pidOf(tested)) > 0);
});

test("a connection in doubt is discarded, not handed back", async (t) => {
  const tested = databaseOf(t, { max: 1 });
  const pid = await pidOf(tested);
  const work = tested.transaction(async (client) => {
    await client.query("set transaction read only");
    await client.query("create table refused ()");
  });
  await assert.rejects(work, { code: "25006" });
  assert.notEqual(await pidOf(tested), pid);
});

test("a read-only server is refused like a standby for writing, and accepted for reading", async (t) => {
  await database.pool.query(`alter database ${database.name} set default_transaction_read_only = on`);
  t.after(() => database.pool.query(`begin read write; alter database ${database.name} reset all; commit`));
  const tested = databaseOf(t);
  await assert.rejects(tested.query("select 1"), (thrown) => {
    assert.ok(thrown instanceof StandbyError);
    assert.match(thrown.message, /PR0007.*default_transaction_read_only is on.*primary/);
    return true;
  });
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const client = await openConnection({ config, purpose: "control" });
  await client.end();
});

interface SessionSettings {
  readonly name: string;
  readonly isolation: string;
  readonly path: string;
  readonly statement: string;
  readonly lock: string;
  readonly idle: string;
}

const SESSION_SETTINGS = `select
  current_setting('application_name') as name,
  current_setting('default_transaction_isolation') as isolation,
  current_setting('search_path') as path,
  current_setting('statement_timeout') as statement,
  current_setting('lock_timeout') as lock,
  current_setting('idle_in_transaction_session_timeout') as idle`;

function databaseOf(t: TestContext, options: Partial<DatabaseOptions> = {}): Database {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const tested = new Database({ config, max: 2, purpose: "pipeline", ...options });
  t.after(() => tested.end());
  return tested;
}

async function pidOf(tested: Database): Promise<number> {
  const { rows } = await tested.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

async function terminate(pid: number): Promise<void> {
  await database.pool.query("select pg_terminate_backend($1)", [pid]);
}
