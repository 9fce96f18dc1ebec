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

test("where the sessions are lent by a pooler a statement has its deadlines all the same, and leaves none behind", async (t) => {
  const pool = poolOf(t, true, false);
  await database.pool.query(`
    create table public.seen (deadline text);
    create function public.see() returns trigger language plpgsql as
      $$ begin insert into public.seen values (current_setting('statement_timeout')); return null; end $$;
    create trigger see after insert on postrider.daemon for each row execute function public.see()`);
  t.after(() =>
    database.pool.query("drop function public.see cascade; drop table public.seen; delete from postrider.daemon"),
  );
  const id = "00000000-0000-7000-8000-00000000000a";
  await defineStatement("beat").run(pool, [
    ...[id, "host.test", 42, "0.0.0", 60_000, 0, 0],
    ...["well", null, null, false],
  ]);
  assert.deepEqual((await database.pool.query("select deadline from public.seen")).rows, [{ deadline: "10s" }]);
  assert.deepEqual((await pool.query("show statement_timeout")).rows, [{ statement_timeout: "0" }]);
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

function poolOf(t: TestContext, preparedStatements = true, ownSession = true): Pool {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const pool = createPool({ config, max: 1, purpose: "pipeline", preparedStatements, ownSession });
  t.after(() => pool.end());
  return pool;
}
