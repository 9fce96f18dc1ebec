import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { connectionConfig, createPool, type Pool } from "../../src/db/connection.ts";
import { migrationFiles, statementNames, statementText } from "../../src/db/sqlFiles.ts";
import { defineStatement } from "../../src/db/statements.ts";
import { useDatabase } from "../support/database.ts";

const database = useDatabase();

const wakePeers = defineStatement<{ pg_notify: string }, readonly []>("wake_peers");

test("a statement is prepared once in each session, under a name that changes with its text", async (t) => {
  const pool = poolOf(t);
  assert.equal((await wakePeers.run(pool, [])).rowCount, 1);
  await wakePeers.run(pool, []);
  const { rows } = await pool.query<{ name: string }>("select name from pg_prepared_statements");
  assert.equal(rows.length, 1);
  assert.match(rows[0]?.name ?? "", /^wake_peers_[0-9a-f]{8}$/);
});

test("where the pooler keeps no prepared statements none is made", async (t) => {
  const pool = poolOf(t, false);
  await wakePeers.run(pool, []);
  const client = await pool.connect();
  await wakePeers.run(client, []);
  client.release();
  assert.equal((await pool.query("select from pg_prepared_statements")).rowCount, 0);
});

test("every statement has a text that Postgres can prepare", async (t) => {
  const pool = poolOf(t);
  for (const name of statementNames()) {
    await pool.query(`prepare ${name} as ${statementText(name)}`);
  }
});

test("a statement that does not exist is refused by its name", async (t) => {
  assert.throws(() => statementText("no_such_statement"), /no statement "no_such_statement"/);
  assert.throws(() => statementText("../migrations/0001_tables"), /no statement/);
  await assert.rejects(defineStatement("no_such_statement").run(poolOf(t), []), /no statement "no_such_statement"/);
});

test("migrations are listed in the order of their numbers", () => {
  const versions = migrationFiles().map(({ version }) => version);
  assert.deepEqual(
    versions,
    versions.map((_, index) => index + 1),
  );
});

function poolOf(t: TestContext, preparedStatements = true): Pool {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const pool = createPool({ config, max: 1, purpose: "pipeline", preparedStatements });
  t.after(() => pool.end());
  return pool;
}
