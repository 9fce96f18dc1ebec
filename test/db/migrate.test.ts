import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Connection, connectionConfig, openConnection } from "../../src/db/connect.ts";
import {
  assertSchemaUsable,
  checkSchema,
  migrate,
  printMigrations,
  printMigrationsFor,
  readMigrations,
} from "../../src/db/migrate.ts";
import type { SqlFile } from "../../src/db/sqlFiles.ts";
import { type ErrorCode, PostriderError } from "../../src/ground/errors.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

const HEADER = "-- locks: nothing\n-- breaking: no\n\n";

const FIRST = file(1, `${HEADER}create table postrider.one (id integer);\n`);
const SECOND = file(2, `${HEADER}create table postrider.two (id integer);\ninsert into postrider.one values (2);\n`);
const BREAKING = file(
  3,
  "-- locks: postrider.two\n-- breaking: yes\n\nalter table postrider.two add column more text;\n",
);

test("migrations are applied in order, each is reported, and a second run finds nothing to do", async (t) => {
  const { client } = await emptyDatabase(t);
  const heard: string[] = [];
  const result = await migrate(client, { files: [FIRST, SECOND], onApplied: ({ name }) => heard.push(name) });
  assert.equal(result.alreadyAt, 0);
  assert.deepEqual(
    result.applied.map(({ version, name }) => ({ version, name })),
    [
      { version: 1, name: "0001_step" },
      { version: 2, name: "0002_step" },
    ],
  );
  assert.deepEqual(heard, ["0001_step", "0002_step"]);
  assert.deepEqual(await migrate(client, { files: [FIRST, SECOND] }), { applied: [], alreadyAt: 2 });
});

test("a later run applies only what is new", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: [FIRST] });
  const { applied, alreadyAt } = await migrate(client, { files: [FIRST, SECOND] });
  assert.equal(alreadyAt, 1);
  assert.deepEqual(
    applied.map(({ version }) => version),
    [2],
  );
});

test("the record says what was applied, by whom and by which program", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: [FIRST, SECOND, BREAKING] });
  const { rows } = await client.query(
    `select version, name, sha256 ~ '^[0-9a-f]{64}$' as summed, breaking, applied_by = session_user as by_us,
       postrider_version <> '' as versioned, duration_ms >= 0 as measured, applied_at <= now() as dated
     from postrider.schema_migration order by version`,
  );
  const said = { summed: true, by_us: true, versioned: true, measured: true, dated: true };
  assert.deepEqual(rows, [
    { version: 1, name: "0001_step", breaking: false, ...said },
    { version: 2, name: "0002_step", breaking: false, ...said },
    { version: 3, name: "0003_step", breaking: true, ...said },
  ]);
});

test("the record and each of its columns carry a comment", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: [FIRST] });
  const { rows } = await client.query(
    `select attname from pg_attribute
     where attrelid = 'postrider.schema_migration'::regclass and attnum >= 0 and not attisdropped
       and col_description(attrelid, attnum) is null
     union all
     select 'table' where obj_description('postrider.schema_migration'::regclass, 'pg_class') is null
     union all
     select 'schema' where obj_description('postrider'::regnamespace, 'pg_namespace') is null`,
  );
  assert.deepEqual(rows, []);
});

test("ten runs that start together all succeed, and each migration is applied once", async (t) => {
  const { database } = await emptyDatabase(t);
  const slow = file(1, `${FIRST.text}select pg_sleep(0.2);\n`);
  const clients = await Promise.all(Array.from({ length: 10 }, () => clientOf(t, database)));
  const results = await Promise.all(clients.map((client) => migrate(client, { files: [slow, SECOND, BREAKING] })));
  const applied = results.flatMap((result) => result.applied.map(({ version }) => version));
  assert.deepEqual(applied.sort(), [1, 2, 3]);
});

test("a migration that fails leaves nothing behind, and the error says where and why", async (t) => {
  const { client } = await emptyDatabase(t);
  const failing = file(2, `${HEADER}create table postrider.two (id integer);\nselect '💥' from nowhere;\n`);
  const error = await faultOf(migrate(client, { files: [FIRST, failing] }), "PR0009");
  assert.match(error, /cannot apply migration 0002_step: ERROR 42P01 at line 5: relation "nowhere" does not exist/);
  assert.match(error, /nothing of it was kept/);
  const { rows } = await client.query(
    "select to_regclass('postrider.one') is not null as one, to_regclass('postrider.two') is not null as two",
  );
  assert.deepEqual(rows, [{ one: true, two: false }]);
  assert.deepEqual(await checkSchema(client, [FIRST]), { kind: "current", have: 1 });
  assert.deepEqual(
    (await migrate(client, { files: [FIRST, SECOND] })).applied.map(({ version }) => version),
    [2],
  );
});

test("a first migration that fails leaves not even the schema", async (t) => {
  const { client } = await emptyDatabase(t);
  await faultOf(migrate(client, { files: [file(1, `${HEADER}select 1 / 0;\n`)] }), "PR0009");
  const { rows } = await client.query("select to_regnamespace('postrider') as schema");
  assert.deepEqual(rows, [{ schema: null }]);
});

test("a lock that is held for too long fails the migration and says how to find the holder", async (t) => {
  const { client, database } = await emptyDatabase(t);
  await migrate(client, { files: [FIRST, SECOND] });
  const holder = await clientOf(t, database);
  await holder.query("begin");
  await holder.query("select from postrider.two");
  const impatient = file(3, BREAKING.text.replace("alter", "set local lock_timeout = '50ms';\nalter"));
  const error = await faultOf(migrate(client, { files: [FIRST, SECOND, impatient] }), "PR0009");
  assert.match(error, /ERROR 55P03.*lock timeout.*pg_blocking_pids/);
  await holder.query("rollback");
  assert.equal((await migrate(client, { files: [FIRST, SECOND, impatient] })).applied.length, 1);
});

test("a connection that is lost midway ends in an error that says to look again", async (t) => {
  const { client, database } = await emptyDatabase(t);
  const suicidal = file(1, `${FIRST.text}select pg_terminate_backend(pg_backend_pid());\n`);
  const error = await faultOf(migrate(client, { files: [suicidal] }), "PR0009");
  assert.match(error, /run it again: "postrider migrate --check" says whether it was kept/);
  assert.deepEqual(await checkSchema(await clientOf(t, database), [FIRST]), { kind: "missing", want: 1 });
});

test("a file names everything in full: the role's search_path has no say", async (t) => {
  const { client } = await emptyDatabase(t);
  await client.query("set search_path = postrider, public");
  const error = await faultOf(migrate(client, { files: [file(1, `${HEADER}create table one ();\n`)] }), "PR0009");
  assert.match(error, /42501.*pg_catalog/);
});

test("a migration that was edited after it was applied is refused, whoever asks", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: [FIRST, SECOND] });
  const files = [FIRST, file(2, `${SECOND.text}-- one line more\n`), BREAKING];
  assert.match(await faultOf(migrate(client, { files }), "PR0006"), /cannot trust migration 0002_step/);
  await faultOf(assertSchemaUsable(client, files), "PR0006");
  await faultOf(printMigrationsFor(client, files), "PR0006");
  const state = await checkSchema(client, files);
  assert.equal(state.kind, "edited");
});

test("a record that is missing below the newest one is no state to go on from", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: [FIRST, SECOND] });
  await client.query("delete from postrider.schema_migration where version = 1");
  assert.match(await faultOf(migrate(client, { files: [FIRST, SECOND] }), "PR0006"), /not recorded, and version 2 is/);
});

test("line ends do not count as an edit", () => {
  const [unix] = readMigrations([FIRST]);
  const [windows] = readMigrations([file(1, FIRST.text.replaceAll("\n", "\r\n"))]);
  assert.equal(windows?.sha256, unix?.sha256);
});

test("a daemon starts on a schema that is current, or ahead without being breaking", async (t) => {
  const { client } = await emptyDatabase(t);
  assert.match(await faultOf(assertSchemaUsable(client, [FIRST]), "PR0004"), /no schema.*run "postrider migrate"/);
  assert.deepEqual(await checkSchema(client, [FIRST]), { kind: "missing", want: 1 });

  await migrate(client, { files: [FIRST] });
  await assertSchemaUsable(client, [FIRST]);
  assert.match(await faultOf(assertSchemaUsable(client, [FIRST, SECOND]), "PR0004"), /at version 1.*needs version 2/);
  assert.deepEqual(await checkSchema(client, [FIRST, SECOND]), { kind: "behind", have: 1, want: 2 });

  await migrate(client, { files: [FIRST, SECOND] });
  await assertSchemaUsable(client, [FIRST]);
  assert.deepEqual(await checkSchema(client, [FIRST]), { kind: "ahead", have: 2, want: 1, breaking: false });
  assert.deepEqual(await migrate(client, { files: [FIRST] }), { applied: [], alreadyAt: 2 });

  await migrate(client, { files: [FIRST, SECOND, BREAKING] });
  assert.match(await faultOf(assertSchemaUsable(client, [FIRST, SECOND]), "PR0005"), /version 3.*upgrade this program/);
});

test("a role that owns the schema migrates it without the right to create schemas", async (t) => {
  const { client, database } = await emptyDatabase(t);
  const role = `owner_of_${database.name}`;
  await client.query(`create role ${role}`);
  t.after(async () => {
    const admin = await createDatabase({ template: "empty" });
    await admin.pool.query(`drop role ${role}`);
    await admin.drop();
  });
  await client.query(`create schema postrider authorization ${role}`);
  await client.query(`set role ${role}`);
  assert.deepEqual(await checkSchema(client, [FIRST]), { kind: "missing", want: 1 });
  assert.equal((await migrate(client, { files: [FIRST] })).applied.length, 1);
});

test("the printed script installs the schema as migrate does, and refuses to run twice", async (t) => {
  const { client } = await emptyDatabase(t);
  const script = printMigrations({ from: 0, files: [FIRST, SECOND] });
  await client.query(withoutPsqlCommands(script));
  assert.deepEqual(await checkSchema(client, [FIRST, SECOND]), { kind: "current", have: 2 });

  await assert.rejects(client.query(withoutPsqlCommands(script)), /begins with version 0.*is at version 2/);
  await client.query("rollback");
  assert.deepEqual(await checkSchema(client, [FIRST, SECOND]), { kind: "current", have: 2 });
});

test("the script for a database begins where that database is", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: [FIRST] });
  const script = await printMigrationsFor(client, [FIRST, SECOND, BREAKING]);
  assert.doesNotMatch(script, /create table postrider\.one/);
  assert.match(script, /-- It locks: postrider\.two\n-- It is breaking/);
  await client.query(withoutPsqlCommands(script));
  assert.deepEqual(await checkSchema(client, [FIRST, SECOND, BREAKING]), { kind: "current", have: 3 });
  assert.match(await printMigrationsFor(client, [FIRST, SECOND, BREAKING]), /^-- .*nothing to do\.\n$/);
});

test("printing touches nothing", async (t) => {
  const { client } = await emptyDatabase(t);
  await printMigrationsFor(client, [FIRST]);
  const { rows } = await client.query("select to_regnamespace('postrider') as schema");
  assert.deepEqual(rows, [{ schema: null }]);
});

test("a file whose header or statements the runner cannot follow is refused before anything runs", () => {
  assert.throws(() => readMigrations([SECOND]), /0002_step stands where version 1 is due/);
  assert.throws(() => readMigrations([file(1, "-- locks: nothing\n")]), /needs a line "-- breaking/);
  assert.throws(() => readMigrations([file(1, "-- breaking: no\n")]), /needs a line "-- locks/);
  assert.throws(() => readMigrations([file(1, "-- breaking: perhaps\n-- locks: x\n")]), /needs a line "-- breaking/);
  assert.throws(
    () => readMigrations([file(1, `-- no-transaction: yes\n${HEADER}`)]),
    /unknown header "no-transaction"/,
  );
  assert.throws(() => readMigrations([file(1, `-- locks: x\n${HEADER}`)]), /says "locks" twice/);
  assert.throws(() => readMigrations([file(1, `${HEADER}select 1;\ncommit;\n`)]), /ends a transaction/);
});

test("the migrations of this program can be read, and say what they lock", () => {
  for (const migration of readMigrations()) {
    assert.notEqual(migration.locks, "", migration.name);
  }
});

function file(version: number, text: string): SqlFile {
  return { version, name: `${String(version).padStart(4, "0")}_step`, text };
}

async function emptyDatabase(t: TestContext): Promise<{ database: TestDatabase; client: Connection }> {
  const database = await createDatabase({ template: "empty" });
  t.after(() => database.drop());
  return { database, client: await clientOf(t, database) };
}

async function clientOf(t: TestContext, database: TestDatabase): Promise<Connection> {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const client = await openConnection({ config, purpose: "migrate" });
  t.after(() => client.end());
  return client;
}

/** What psql itself obeys; the rest of a script is SQL that any client can send. */
function withoutPsqlCommands(script: string): string {
  return script.replace(/^\\.*$/gm, "");
}

/** The message of the PostriderError that the work ends in. */
async function faultOf(work: Promise<unknown>, code: ErrorCode): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    assert.ok(thrown instanceof PostriderError, String(thrown));
    assert.deepEqual(
      thrown.faults.map((fault) => fault.code),
      [code],
    );
    return thrown.message;
  }
  return assert.fail(`it should have failed with ${code}`);
}
