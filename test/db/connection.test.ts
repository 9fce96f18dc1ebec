import assert from "node:assert/strict";
import type { EventEmitter } from "node:events";
import { type TestContext, test } from "node:test";
import pg from "pg";
import {
  type ConnectionOptions,
  classifyPostgresError,
  connectionConfig,
  createPool,
  Lines,
  openClient,
  type Pool,
  type PoolOptions,
  StandbyError,
  withTransaction,
} from "../../src/db/connection.ts";
import { PostriderError } from "../../src/ground/errors.ts";
import { useDatabase } from "../support/database.ts";
import { startFakePostgres } from "../support/fakePostgres.ts";

/** Nobody listens there, and nobody is given it meanwhile, as could be one that was just closed. */
const CLOSED_PORT = 1;

const database = useDatabase({ template: "empty" });

test("a session has its deadlines and its isolation, and says who it is", async (t) => {
  const pool = poolOf(t);
  const { rows } = await pool.query(SESSION_SETTINGS);
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

test("a session that is lent by a pooler is left as it was, and the deadlines hold inside a transaction", async (t) => {
  const pool = poolOf(t, { ownSession: false });
  const outside = await pool.query(SESSION_SETTINGS);
  assert.equal(outside.rows[0].statement, "0");
  assert.equal(outside.rows[0].path, '"$user", public');
  const inside = await withTransaction(pool, (client) => client.query(SESSION_SETTINGS));
  assert.deepEqual(inside.rows, [
    { ...outside.rows[0], path: "pg_catalog, pg_temp", statement: "10s", lock: "5s", idle: "10s" },
  ]);
});

test("a database's default isolation does not reach a session or a transaction", async (t) => {
  const { rows: names } = await database.pool.query<{ name: string }>("select quote_ident(current_database()) as name");
  await database.pool.query(`alter database ${names[0]?.name} set default_transaction_isolation = 'repeatable read'`);
  t.after(() => database.pool.query(`alter database ${names[0]?.name} reset default_transaction_isolation`));
  const question = "select current_setting('transaction_isolation') as isolation";
  for (const ownSession of [true, false]) {
    const pool = poolOf(t, { ownSession });
    const inside = await withTransaction(pool, (client) => client.query(question));
    assert.deepEqual(inside.rows, [{ isolation: "read committed" }]);
  }
  assert.deepEqual((await poolOf(t).query(question)).rows, [{ isolation: "read committed" }]);
});

test("an idle connection that is lost is told of and replaced", async (t) => {
  const lost: Error[] = [];
  const pool = poolOf(t, { max: 1, onLost: (error) => lost.push(error) });
  const gone = heard(pool, "remove");
  await terminate(await pidOf(pool));
  await gone;
  assert.equal(lost.length, 1);
  assert.equal(classifyPostgresError(lost[0]).kind, "connection");
  assert.ok((await pidOf(pool)) > 0);
});

test("a connection that is lost while nothing runs on it does not end the process", async (t) => {
  const pool = poolOf(t, { max: 1 });
  const client = await pool.connect();
  const ended = heard(client, "end");
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  await terminate(rows[0]?.pid ?? 0);
  await ended;
  await assert.rejects(client.query("select 1"), (thrown) => classifyPostgresError(thrown).kind === "connection");
  client.release();
  assert.ok((await pidOf(pool)) > 0);
});

test("a transaction is committed with what its work returns", async (t) => {
  const pool = poolOf(t);
  await pool.query("create table public.kept (id integer)");
  assert.equal(
    await withTransaction(pool, async (client) => (await client.query("insert into public.kept values (1)")).rowCount),
    1,
  );
  assert.equal((await pool.query("select from public.kept")).rowCount, 1);
});

test("a transaction whose work fails is rolled back, and its connection is used again", async (t) => {
  const pool = poolOf(t, { max: 1 });
  await pool.query("create table public.undone (id integer)");
  const pid = await pidOf(pool);
  const work = withTransaction(pool, async (client) => {
    await client.query("insert into public.undone values (1)");
    await client.query("select 1 / 0");
  });
  await assert.rejects(work, { code: "22012" });
  assert.equal((await pool.query("select from public.undone")).rowCount, 0);
  assert.equal(await pidOf(pool), pid);
});

test("an error that the work swallowed is not mistaken for a commit", async (t) => {
  const pool = poolOf(t, { max: 1 });
  const work = withTransaction(pool, (client) => client.query("select 1 / 0").catch(() => "all is well"));
  await assert.rejects(work, /was not committed: the server answered ROLLBACK/);
  assert.ok((await pidOf(pool)) > 0);
});

test("a connection in doubt is discarded, not handed back", async (t) => {
  const pool = poolOf(t, { max: 1 });
  const pid = await pidOf(pool);
  const work = withTransaction(pool, async (client) => {
    await client.query("set transaction read only");
    await client.query("create table refused ()");
  });
  await assert.rejects(work, { code: "25006" });
  assert.notEqual(await pidOf(pool), pid);
});

test("a standby is refused with an error that a daemon waits out", async (t) => {
  const url = await fakeServer(t, { version: "17.4", number: 170_004, recovery: true });
  const config = connectionConfig({ databaseUrl: url, applicationName: "postrider-test" });
  await assert.rejects(openClient({ config, purpose: "control" }), /PR0007.*standby.*primary/);
  const pool = poolOf(t, { config });
  await assert.rejects(pool.query("select 1"), (thrown) => {
    assert.ok(thrown instanceof StandbyError);
    assert.deepEqual(classifyPostgresError(thrown), { kind: "connection", sqlstate: null });
    return true;
  });
});

test("a server that was made read only is refused like a standby by what writes, and not by who looks", async (t) => {
  await database.pool.query(`alter database ${database.name} set default_transaction_read_only = on`);
  t.after(() => database.pool.query(`begin read write; alter database ${database.name} reset all; commit`));
  const pool = poolOf(t);
  await assert.rejects(pool.query("select 1"), (thrown) => {
    assert.ok(thrown instanceof StandbyError);
    assert.match(thrown.message, /PR0007.*default_transaction_read_only is on.*primary/);
    return true;
  });
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const client = await openClient({ config, purpose: "control" });
  await client.end();
});

test("a server before PostgreSQL 15 is refused for good", async (t) => {
  const url = await fakeServer(t, { version: "14.19", number: 140_019, recovery: false });
  const config = connectionConfig({ databaseUrl: url, applicationName: "postrider-test" });
  await assert.rejects(openClient({ config, purpose: "control" }), (thrown) => {
    assert.ok(thrown instanceof PostriderError);
    assert.match(thrown.message, /PR0007.*it is PostgreSQL 14\.19; use PostgreSQL 15 or later/);
    assert.equal(classifyPostgresError(thrown).kind, "lasting");
    return true;
  });
});

test("a server that is not there is named, and the password is not", async () => {
  const databaseUrl = `postgres://anna:hush@127.0.0.1:${CLOSED_PORT}/shop`;
  const message = await connectMessage({ databaseUrl, applicationName: "postrider-test" });
  assert.match(
    message,
    new RegExp(`PR0003: cannot connect to Postgres: 127\\.0\\.0\\.1:${CLOSED_PORT}, database "shop", user "anna"`),
  );
  assert.match(message, /ECONNREFUSED.*; look whether the server runs there/);
  assert.doesNotMatch(message, /hush/);
});

test("a connection that could not be made leaves no socket behind", async () => {
  const lines = new Lines();
  const databaseUrl = `postgres://anna@127.0.0.1:${CLOSED_PORT}/shop`;
  const config = lines.through(connectionConfig({ databaseUrl, applicationName: "postrider-test" }));
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(openClient({ config, purpose: "wake" }), /PR0003/);
  }
  // Cut, an unheard one would end the process.
  assert.equal(lines.openCount, 0);
  lines.cut();
});

test("a database that does not exist gets advice of its own", async () => {
  const url = new URL(database.url);
  url.pathname = "/no_such_database";
  const message = await connectMessage({ databaseUrl: url.href, applicationName: "postrider-test" });
  assert.match(message, /does not exist; create the database/);
});

test("a URL that cannot be read is refused without being repeated", () => {
  for (const databaseUrl of [
    "mysql://anna:hush@host/shop",
    "anna:hush@host/shop",
    "postgres://anna:hush@host:port/shop",
  ]) {
    assert.throws(
      () => connectionConfig({ databaseUrl, applicationName: "postrider-test" }),
      (thrown) => {
        assert.ok(thrown instanceof PostriderError);
        assert.equal(thrown.exitStatus, 2);
        assert.match(thrown.message, /PR0002: cannot read DATABASE_URL/);
        assert.doesNotMatch(thrown.message, /hush/);
        return true;
      },
    );
  }
});

test("errors that a server raises are sorted by what to do about them", async () => {
  const client = new pg.Client({ connectionString: database.url, query_timeout: 50 });
  await client.connect();
  await assert.rejects(client.query("select pg_sleep(1)"), (thrown) => {
    assert.deepEqual(classifyPostgresError(thrown), { kind: "connection", sqlstate: null });
    return true;
  });
  await client.end();
  const expected = {
    connection: ["08006", "08P01", "25006", "25P03", "26000", "28P01", "3D000", "42P05", "57P01", "57P03", "57P05"],
    transient: ["40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "58030"],
    lasting: ["22012", "22P05", "23505", "42501", "42P01", "54000", "P0001"],
    bug: ["21000", "25P02", "0A000", "XX000", "P0004"],
  };
  for (const [kind, states] of Object.entries(expected)) {
    for (const state of states) {
      assert.deepEqual(classifyPostgresError(await raised(state)), { kind, sqlstate: state }, state);
    }
  }
});

test("a row that waited while its day got a partition may be tried again; one that a check refuses may not", async () => {
  const thrownBy = (sql: string) =>
    database.pool.query(sql).then(
      () => assert.fail(),
      (thrown: unknown) => thrown,
    );
  await database.pool.query(
    `create table parted (a integer, constraint small check (a < 10)) partition by list (a);
     create table part partition of parted for values in (1)`,
  );
  assert.equal(classifyPostgresError(await thrownBy("insert into part values (2)")).kind, "transient");
  assert.equal(classifyPostgresError(await thrownBy("insert into part values (11)")).kind, "lasting");
});

test("errors of the link are told from bugs", () => {
  const coded = (code: string) => Object.assign(new Error(code), { code });
  const link = [
    ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENOTFOUND", "EAI_AGAIN"].map(coded),
    ...["DEPTH_ZERO_SELF_SIGNED_CERT", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "ERR_TLS_CERT_ALTNAME_INVALID"].map(coded),
    new Error("Connection terminated unexpectedly"),
    new Error("timeout exceeded when trying to connect"),
    new Error("The server does not support SSL connections"),
    new Error("Client has encountered a connection error and is not queryable"),
    new AggregateError([coded("ECONNREFUSED")]),
    Object.assign(coded("ENOENT"), { syscall: "connect" }),
  ];
  for (const error of link) {
    assert.deepEqual(classifyPostgresError(error), { kind: "connection", sqlstate: null }, String(error));
  }
  for (const error of [new TypeError("x is not a function"), coded("ENOENT"), "a string", null]) {
    assert.deepEqual(classifyPostgresError(error), { kind: "bug", sqlstate: null });
  }
});

const SESSION_SETTINGS = `select
  current_setting('application_name') as name,
  current_setting('default_transaction_isolation') as isolation,
  current_setting('search_path') as path,
  current_setting('statement_timeout') as statement,
  current_setting('lock_timeout') as lock,
  current_setting('idle_in_transaction_session_timeout') as idle`;

function poolOf(t: TestContext, options: Partial<PoolOptions> = {}): Pool {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const pool = createPool({ config, max: 2, purpose: "pipeline", ...options });
  t.after(() => pool.end());
  return pool;
}

/** Unlike once() of node:events it does not reject where "error" comes first. */
async function heard(emitter: EventEmitter, event: string): Promise<void> {
  await new Promise<void>((resolve) => emitter.once(event, () => resolve()));
}

async function pidOf(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

async function terminate(pid: number): Promise<void> {
  await database.pool.query("select pg_terminate_backend($1)", [pid]);
}

async function connectMessage(options: ConnectionOptions): Promise<string> {
  const work = openClient({ config: connectionConfig(options), purpose: "control" });
  const outcome = await work.then(
    () => "it connected",
    (thrown: unknown) => thrown,
  );
  assert.ok(outcome instanceof PostriderError, String(outcome));
  return outcome.message;
}

/** The error as it arrives when the server raises that SQLSTATE. */
async function raised(sqlstate: string): Promise<unknown> {
  return database.pool
    .query(`do $$ begin raise exception 'because' using errcode = '${sqlstate}'; end $$`)
    .then(() => null)
    .catch((thrown: unknown) => thrown);
}

async function fakeServer(
  t: TestContext,
  { version, number, recovery }: { version: string; number: number; recovery: boolean },
): Promise<string> {
  const server = await startFakePostgres([
    { name: "server_version", type: 25, value: version },
    { name: "version_number", type: 23, value: String(number) },
    { name: "in_recovery", type: 16, value: recovery ? "t" : "f" },
    { name: "read_only", type: 16, value: "f" },
  ]);
  t.after(() => server.stop());
  return server.url;
}
