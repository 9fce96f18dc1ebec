/** Tables emptied by a test suite, and restores of data alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionConfig, openConnection } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { checkSchema } from "../../src/db/schemaState.ts";
import { runCommand } from "../support/command.ts";
import { databaseFor, type TestDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvent, rowsOf } from "../support/engine.ts";
import { guideBlocks } from "../support/guides.ts";

/** Every table of ours, as a suite that empties them finds it. */
async function tablesOf({ pool }: TestDatabase): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    pool,
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'postrider' order by 1",
  );
  return rows.map(({ name }) => name);
}

async function countsOf({ pool }: TestDatabase) {
  const [row] = await rowsOf(
    pool,
    `select (select count(*)::int from postrider.claim) as claim, (select count(*)::int from postrider.sending) as sending,
            (select count(*)::int from postrider.schema_migration) > 1 as schema_migration`,
  );
  return row;
}

const ALL = { claim: 1, sending: 1, schema_migration: true };

test("rows that nothing works without refuse truncate and delete, and say what to do", async (t) => {
  const database = await databaseFor(t);
  const { pool } = database;
  for (const table of ["claim", "sending", "schema_migration"]) {
    for (const statement of [
      `truncate postrider.${table}`,
      `truncate postrider.${table} cascade`,
      `delete from postrider.${table}`,
    ]) {
      await assert.rejects(
        pool.query(statement),
        {
          code: "55000",
          message: new RegExp(`^cannot (truncate|delete from) postrider.${table}: `),
          hint: /prepare_restore/,
        },
        statement,
      );
    }
  }
  await assert.rejects(pool.query(`truncate ${(await tablesOf(database)).join(", ")} cascade`), { code: "55000" });
  await assert.rejects(pool.query("delete from postrider.schema_migration where version = 1"), { code: "55000" });
  assert.deepEqual(await countsOf(database), ALL);
  await pool.query("delete from postrider.sending where false; delete from postrider.claim where false");
});

test("what tests fill can be emptied, and everything works afterwards", async (t) => {
  const database = await databaseFor(t);
  const { pool } = database;
  const tables = await tablesOf(database);
  for (const table of tables) {
    await pool.query(`delete from ${table}`).catch((thrown: Error) => assert.match(thrown.message, /^cannot /));
  }
  assert.deepEqual(await countsOf(database), ALL);
  const migrated = await runCommand(["migrate"], { env: { DATABASE_URL: database.url } });
  assert.match(
    migrated.stdout,
    /^wrote the rows of postrider\.schema_object again, which had been emptied\nthe schema is at version \d+\n$/,
  );
  assert.equal((await runCommand(["check"], { env: { DATABASE_URL: database.url } })).code, 0);
  await insertEvent(pool, "order.paid");
});

test("an older claim is deleted by hand, the newest is not", async (t) => {
  const { pool } = await databaseFor(t);
  await pool.query("insert into postrider.claim (base) values (pg_current_snapshot())");
  await pool.query("delete from postrider.claim where id = (select min(id) from postrider.claim)");
  await assert.rejects(pool.query("delete from postrider.claim"), { code: "55000" });
});

test("records that were emptied all the same are found, and written again by migrate", async (t) => {
  const { pool, url } = await databaseFor(t);
  const before = await rowsOf(pool, "select * from postrider.schema_migration order by version");
  await pool.query(
    "set session_replication_role = replica; truncate postrider.schema_migration, postrider.schema_object; reset session_replication_role",
  );
  const env = { DATABASE_URL: url };
  const start = await runCommand(["run"], { env });
  assert.equal(start.code, 1);
  assert.match(start.stderr, /^PR0004: .*it was emptied; run "postrider migrate", which writes its rows again/m);
  assert.match((await runCommand(["migrate", "--print"], { env })).stderr, /restore_records\(\)/);
  const migrated = await runCommand(["migrate"], { env });
  assert.equal(migrated.code, 0, migrated.stderr);
  assert.match(
    migrated.stdout,
    /^wrote the rows of postrider\.schema_migration again.*\nwrote the rows of postrider\.schema_object again.*\nthe schema is at version \d+\n$/,
  );
  assert.deepEqual(await rowsOf(pool, "select * from postrider.schema_migration order by version"), before);
  assert.equal((await runCommand(["check"], { env })).code, 0);
});

test("check says which rows are gone, and how they are made again", async (t) => {
  const { pool, url } = await databaseFor(t);
  await pool.query(
    "set session_replication_role = replica; truncate postrider.claim, postrider.sending; reset session_replication_role",
  );
  const { code, stdout } = await runCommand(["check"], { env: { DATABASE_URL: url } });
  assert.equal(code, 1);
  assert.match(stdout, /^fault +rows +postrider\.claim has no row.*postrider\.sending has no row/m);
  assert.match(stdout, /do: .*insert into postrider\.claim \(base\)/);
});

test("prepare_restore empties what a migration has filled, and refuses a database in use", async (t) => {
  const database = await databaseFor(t);
  const { pool } = database;
  await pool.query("select postrider.prepare_restore()");
  await pool.query("select postrider.prepare_restore()");
  assert.deepEqual(await countsOf(database), { claim: 0, sending: 0, schema_migration: true });
  assert.equal(await askFor(pool, "select count(*)::int from postrider.event_type_policy"), 0);
  assert.equal(await askFor(pool, "select count(*)::int from postrider.retention"), 0);
  await pool.query("select postrider.prepare_restore(records => true)");
  assert.deepEqual(await countsOf(database), { claim: 0, sending: 0, schema_migration: false });
  const used = await databaseFor(t);
  await createEndpoint(used.pool);
  await assert.rejects(used.pool.query("select postrider.prepare_restore()"), {
    code: "55000",
    message: /postrider\.endpoint has rows/,
  });
  assert.deepEqual(await countsOf(used), ALL);
});

test("a migration after one that was prepared for a replica writes the records again", async (t) => {
  const { pool, url } = await databaseFor(t);
  for (const block of guideBlocks("sql/copies.md", "Logical replication", "sql")) await pool.query(block);
  const connection = await openConnection({
    config: connectionConfig({ databaseUrl: url, applicationName: "postrider-test" }),
    purpose: "migrate",
  });
  t.after(() => connection.end());
  assert.equal((await checkSchema(connection)).kind, "emptied");
  assert.deepEqual((await migrate(connection)).restored, ["schema_migration", "schema_object"]);
  assert.equal((await checkSchema(connection)).kind, "current");
});
