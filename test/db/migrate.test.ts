import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Connection, connectionConfig, openConnection } from "../../src/db/connect.ts";
import { MIGRATION_LOCK_KEY, migrate, refuseReplaced } from "../../src/db/migrate.ts";
import { printMigration, printMigrationFor } from "../../src/db/printMigration.ts";
import { readPlan } from "../../src/db/schemaPlan.ts";
import { assertSchemaUsable, assertTablesUsable, checkSchema } from "../../src/db/schemaState.ts";
import type { FunctionFile, SchemaFiles, TableFile } from "../../src/db/sqlFiles.ts";
import { type ErrorCode, PostriderError } from "../../src/ground/errors.ts";
import { createDatabase, databaseFor, type TestDatabase } from "../support/database.ts";
import { until } from "../support/until.ts";

const HEADER = "-- locks: nothing\n-- breaking: no\n\n";

const FIRST = file(1, `${HEADER}create table postrider.one (id integer);\n`);
const SECOND = file(2, `${HEADER}create table postrider.two (id integer);\ninsert into postrider.one values (2);\n`);
const BREAKING = file(
  3,
  "-- locks: postrider.two\n-- breaking: yes\n\nalter table postrider.two add column more text;\n",
);

test("table files are applied in order, each is reported, and a second run finds nothing to do", async (t) => {
  const { client } = await emptyDatabase(t);
  const result = await migrate(client, { files: tables(FIRST, SECOND) });
  assert.equal(result.alreadyAt, 0);
  assert.deepEqual(
    result.applied.map(({ version, name }) => ({ version, name })),
    [
      { version: 1, name: "0001_step" },
      { version: 2, name: "0002_step" },
    ],
  );
  assert.deepEqual(await migrate(client, { files: tables(FIRST, SECOND) }), {
    applied: [],
    installed: [],
    dropped: [],
    restored: [],
    alreadyAt: 2,
  });
});

test("a later run applies only what is new", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: tables(FIRST) });
  const { applied, alreadyAt } = await migrate(client, { files: tables(FIRST, SECOND) });
  assert.equal(alreadyAt, 1);
  assert.deepEqual(
    applied.map(({ version }) => version),
    [2],
  );
});

test("the record says what was applied, by whom and by which program", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: tables(FIRST, SECOND, BREAKING) });
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
  await migrate(client, { files: tables(FIRST) });
  const { rows } = await client.query(
    `select attname from pg_attribute
     where attrelid in ('postrider.schema_migration'::regclass, 'postrider.schema_object'::regclass) and attnum >= 0 and not attisdropped
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
  const results = await Promise.all(
    clients.map((client) => migrate(client, { files: tables(slow, SECOND, BREAKING) })),
  );
  const applied = results.flatMap((result) => result.applied.map(({ version }) => version));
  assert.deepEqual(applied.sort(), [1, 2, 3]);
  assert.deepEqual(results.map(({ alreadyAt }) => alreadyAt).sort(), [0, ...Array.from({ length: 9 }, () => 3)]);
});

test("a migration that fails leaves nothing behind, and the error says where and why", async (t) => {
  const { client } = await emptyDatabase(t);
  const failing = file(2, `${HEADER}create table postrider.two (id integer);\nselect '💥' from nowhere;\n`);
  const error = await faultOf(migrate(client, { files: tables(FIRST, failing) }), "PR0009");
  assert.match(error, /cannot apply 0002_step: ERROR 42P01 at line 5: relation "nowhere" does not exist/);
  assert.match(error, /nothing of it was kept/);
  const { rows } = await client.query(
    "select to_regclass('postrider.one') is not null as one, to_regclass('postrider.two') is not null as two",
  );
  assert.deepEqual(rows, [{ one: false, two: false }]);
  assert.deepEqual(await checkSchema(client, tables(FIRST)), { kind: "missing", want: 1 });
  assert.deepEqual(
    (await migrate(client, { files: tables(FIRST, SECOND) })).applied.map(({ version }) => version),
    [1, 2],
  );
});

test("a first migration that fails leaves not even the schema", async (t) => {
  const { client } = await emptyDatabase(t);
  await faultOf(migrate(client, { files: tables(file(1, `${HEADER}select 1 / 0;\n`)) }), "PR0009");
  const { rows } = await client.query(
    "select coalesce(to_regnamespace('postrider'), to_regnamespace('postrider_internal')) as schema",
  );
  assert.deepEqual(rows, [{ schema: null }]);
});

test("a lock that is held for too long fails the migration and says how to find the holder", async (t) => {
  const { client, database } = await emptyDatabase(t);
  await migrate(client, { files: tables(FIRST, SECOND) });
  const holder = await clientOf(t, database);
  await holder.query("begin");
  await holder.query("select from postrider.two");
  const impatient = file(3, BREAKING.text.replace("alter", "set local lock_timeout = '50ms';\nalter"));
  const error = await faultOf(migrate(client, { files: tables(FIRST, SECOND, impatient) }), "PR0009");
  assert.match(error, /ERROR 55P03.*lock timeout.*pg_blocking_pids/);
  await holder.query("rollback");
  assert.equal((await migrate(client, { files: tables(FIRST, SECOND, impatient) })).applied.length, 1);
});

test("a connection lost midway ends in an error that says to check and run again", async (t) => {
  const { client, database } = await emptyDatabase(t);
  const suicidal = file(1, `${FIRST.text}select pg_terminate_backend(pg_backend_pid());\n`);
  const error = await faultOf(migrate(client, { files: tables(suicidal) }), "PR0009");
  assert.match(error, /run it again: "postrider migrate --check" says whether it was kept/);
  assert.deepEqual(await checkSchema(await clientOf(t, database), tables(FIRST)), { kind: "missing", want: 1 });
});

test("a file must qualify every name, whatever the role's search_path", async (t) => {
  const { client } = await emptyDatabase(t);
  await client.query("set search_path = postrider, public");
  const error = await faultOf(migrate(client, { files: tables(file(1, `${HEADER}create table one ();\n`)) }), "PR0009");
  assert.match(error, /42501.*pg_catalog/);
});

test("a migration that was edited after it was applied is refused by every command", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: tables(FIRST, SECOND) });
  const files = tables(FIRST, file(2, `${SECOND.text}-- one line more\n`), BREAKING);
  assert.match(await faultOf(migrate(client, { files }), "PR0006"), /cannot trust 0002_step.*make a new database/);
  await faultOf(assertSchemaUsable(client, files), "PR0006");
  await faultOf(printMigrationFor(client, files), "PR0006");
  const state = await checkSchema(client, files);
  assert.equal(state.kind, "edited");
});

test("a missing record below the newest one is refused", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: tables(FIRST, SECOND) });
  await client.query("delete from postrider.schema_migration where version = 1");
  assert.match(
    await faultOf(migrate(client, { files: tables(FIRST, SECOND) }), "PR0006"),
    /not recorded, and version 2 is/,
  );
});

test("line ends do not count as an edit", () => {
  const [unix] = readPlan(tables(FIRST)).tables;
  const [windows] = readPlan(tables(file(1, FIRST.text.replaceAll("\n", "\r\n")))).tables;
  assert.equal(windows?.sha256, unix?.sha256);
});

test("a daemon starts on a schema that is current, or ahead without a breaking change", async (t) => {
  const { client } = await emptyDatabase(t);
  assert.match(
    await faultOf(assertSchemaUsable(client, tables(FIRST)), "PR0004"),
    /no schema.*run "postrider migrate"/,
  );
  assert.deepEqual(await checkSchema(client, tables(FIRST)), { kind: "missing", want: 1 });

  await migrate(client, { files: tables(FIRST) });
  await assertSchemaUsable(client, tables(FIRST));
  assert.match(
    await faultOf(assertSchemaUsable(client, tables(FIRST, SECOND)), "PR0004"),
    /at version 1.*needs version 2/,
  );
  assert.deepEqual(await checkSchema(client, tables(FIRST, SECOND)), {
    kind: "behind",
    have: 1,
    want: 2,
    functions: 0,
  });

  await migrate(client, { files: tables(FIRST, SECOND) });
  await assertSchemaUsable(client, tables(FIRST));
  assert.deepEqual(await checkSchema(client, tables(FIRST)), { kind: "ahead", have: 2, want: 1, breaking: false });
  assert.deepEqual(await migrate(client, { files: tables(FIRST) }), {
    applied: [],
    installed: [],
    dropped: [],
    restored: [],
    alreadyAt: 2,
  });

  await migrate(client, { files: tables(FIRST, SECOND, BREAKING) });
  assert.match(
    await faultOf(assertSchemaUsable(client, tables(FIRST, SECOND)), "PR0005"),
    /version 3.*upgrade this program/,
  );
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
  await client.query(`create schema postrider_internal authorization ${role}`);
  await client.query(`set role ${role}`);
  assert.deepEqual(await checkSchema(client, tables(FIRST)), { kind: "missing", want: 1 });
  assert.equal((await migrate(client, { files: tables(FIRST) })).applied.length, 1);
});

test("the printed script installs the schema as migrate does, and refuses to run twice", async (t) => {
  const { client } = await emptyDatabase(t);
  const script = printMigration(tables(FIRST, SECOND));
  await client.query(withoutPsqlCommands(script));
  assert.deepEqual(await checkSchema(client, tables(FIRST, SECOND)), { kind: "current", have: 2 });

  await assert.rejects(client.query(withoutPsqlCommands(script)), /begins with version 0.*is at version 2/);
  await client.query("rollback");
  assert.deepEqual(await checkSchema(client, tables(FIRST, SECOND)), { kind: "current", have: 2 });
});

for (const how of ["migrate", "the printed script"] as const) {
  test(`after an upgrade of the server, ${how} lets it make the ids itself if it can`, async (t) => {
    const { client } = await emptyDatabase(t);
    await migrate(client);
    const idDefault = async (): Promise<string> => {
      const { rows } = await client.query<{ text: string }>(
        `select pg_get_expr(adbin, adrelid) as text from pg_attrdef
         where adrelid in ('postrider.outbox'::regclass, 'postrider.outbox_default'::regclass) and adnum = 1`,
      );
      assert.equal(rows.length, 2);
      return [...new Set(rows.map(({ text }) => text))].join(" and ");
    };
    const expected = await idDefault();
    const { rows } = await client.query<{ has_own: boolean }>(
      "select to_regprocedure('uuidv7()') is not null as has_own",
    );
    assert.equal(expected, rows[0]?.has_own === true ? "uuidv7()" : "postrider.uuid_v7()");
    assert.match(await printMigrationFor(client), /nothing to do/);

    await client.query(
      `alter table postrider.outbox alter id set default postrider.uuid_v7(); update postrider.schema_object set server_major = 14`,
    );
    if (how === "migrate") {
      assert.deepEqual((await migrate(client)).installed, []);
    } else {
      await client.query(withoutPsqlCommands(await printMigrationFor(client)));
    }
    assert.equal(await idDefault(), expected);
    assert.match(await printMigrationFor(client), /nothing to do/);
  });
}

test("the script for a database holds only what that database lacks", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: tables(FIRST) });
  const script = await printMigrationFor(client, tables(FIRST, SECOND, BREAKING));
  assert.doesNotMatch(script, /create table postrider\.one/);
  assert.match(script, /-- It locks: postrider\.two\n-- It is breaking/);
  await client.query(withoutPsqlCommands(script));
  assert.deepEqual(await checkSchema(client, tables(FIRST, SECOND, BREAKING)), { kind: "current", have: 3 });
  assert.match(await printMigrationFor(client, tables(FIRST, SECOND, BREAKING)), /^-- .*nothing to do\.\n$/);
});

test("printing changes nothing", async (t) => {
  const { client } = await emptyDatabase(t);
  await printMigrationFor(client, tables(FIRST));
  const { rows } = await client.query(
    "select coalesce(to_regnamespace('postrider'), to_regnamespace('postrider_internal')) as schema",
  );
  assert.deepEqual(rows, [{ schema: null }]);
});

test("a file whose header or statements the runner cannot follow is refused before anything runs", () => {
  assert.throws(() => readPlan(tables(SECOND)), /0002_step stands where version 1 is due/);
  assert.throws(() => readPlan(tables(file(1, "-- locks: nothing\n"))), /needs a line "-- breaking/);
  assert.throws(() => readPlan(tables(file(1, "-- breaking: no\n"))), /needs a line "-- locks/);
  assert.throws(() => readPlan(tables(file(1, "-- breaking: perhaps\n-- locks: x\n"))), /needs a line "-- breaking/);
  assert.throws(
    () => readPlan(tables(file(1, `-- no-transaction: yes\n${HEADER}`))),
    /unknown header "no-transaction"; it may have locks, breaking, transaction/,
  );
  assert.throws(() => readPlan(tables(file(1, `-- locks: x\n${HEADER}`))), /says "locks" twice/);
  assert.throws(() => readPlan(tables(file(1, `${HEADER}select 1;\ncommit;\n`))), /ends a transaction/);
});

test("the files of this program can be read, once, and say what they lock", () => {
  assert.equal(readPlan(), readPlan());
  for (const { locks, name } of readPlan().tables) {
    assert.notEqual(locks, "", name);
  }
});

const NUMBER = named("number", "create or replace function postrider.number() returns integer return 1;\n");
const VIEW = named("look", "create or replace view postrider.look as select postrider.number() as number;\n");
const TRIGGER = named(
  "watch",
  `create or replace function postrider.watch() returns trigger language plpgsql as $$ begin return new; end $$;
create or replace trigger before_insert before insert on postrider.one for each row execute function postrider.watch();
create or replace trigger before_update before update on postrider.one for each row execute function postrider.watch();
`,
);

function named(name: string, text: string): FunctionFile {
  return { name, text };
}

const numberIn = async (client: Connection) =>
  (await client.query<{ number: number }>("select number from postrider.look")).rows[0]?.number;

test("functions are installed after what they name outside of bodies, and again only if their text has changed", async (t) => {
  const { client } = await emptyDatabase(t);
  const files = functions(VIEW, NUMBER, TRIGGER);
  assert.deepEqual((await migrate(client, { files })).installed, ["number", "look", "watch"]);
  assert.equal(await numberIn(client), 1);
  assert.deepEqual((await migrate(client, { files })).installed, []);

  const changed = functions(VIEW, named("number", NUMBER.text.replace("1", "2")), TRIGGER);
  assert.deepEqual(await checkSchema(client, changed), { kind: "behind", have: 1, want: 1, functions: 1 });
  assert.match(await faultOf(assertSchemaUsable(client, changed), "PR0004"), /1 of its functions are not those/);
  await assertTablesUsable(client, changed);
  assert.deepEqual((await migrate(client, { files: changed })).installed, ["number"]);
  assert.equal(await numberIn(client), 2);
});

test("a function that table files need is installed before them, and functions can follow their table file", async (t) => {
  const { client } = await emptyDatabase(t);
  const table = file(1, `${HEADER}create table postrider.one (id integer default postrider.number());\n`);
  const files = { tables: [table], functions: [TRIGGER, NUMBER], finish: "insert into postrider.one values (default)" };
  assert.deepEqual((await migrate(client, { files })).installed, ["number", "watch"]);
  assert.deepEqual((await client.query("select id from postrider.one")).rows, [{ id: 1 }]);
});

test("an object that cannot be replaced in place is recreated, with our objects that depend on it", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: functions(NUMBER, VIEW, TRIGGER) });
  const changes: readonly (readonly [string, FunctionFile, string])[] = [
    ["another type", named("number", "create or replace function postrider.number() returns text return 'x';\n"), "x"],
    [
      "other arguments",
      named("number", "create or replace function postrider.number(a int default 3) returns int return a;\n"),
      "3",
    ],
    [
      "another schema",
      named("number", "create or replace function postrider_internal.number() returns int return 4;\n"),
      "4",
    ],
  ];
  for (const [what, number, expected] of changes) {
    const view =
      what === "another schema"
        ? named("look", VIEW.text.replace("postrider.number", "postrider_internal.number"))
        : VIEW;
    assert.deepEqual(
      (await migrate(client, { files: functions(number, view, TRIGGER) })).installed,
      ["number", "look"],
      what,
    );
    assert.equal(String(await numberIn(client)), expected, what);
    const { rows } = await client.query(
      "select from pg_proc where proname = 'number' and pronamespace::regnamespace::text ~ '^postrider'",
    );
    assert.equal(rows.length, 1, what);
  }
  const narrow = named("look", "create or replace view postrider.look as select 5 as five;\n");
  assert.deepEqual((await migrate(client, { files: functions(NUMBER, narrow, TRIGGER) })).installed, [
    "number",
    "look",
  ]);
  assert.deepEqual((await client.query("select five from postrider.look")).rows, [{ five: 5 }]);
});

test("functions that take a type, an array of it or the row of a view are recreated with it", async (t) => {
  const { client } = await emptyDatabase(t);
  const pair = (columns: string) => named("pair", `create type postrider_internal.pair as (${columns});\n`);
  const user = named(
    "use_pair",
    "create or replace function postrider.use_pair(p postrider_internal.pair) returns int return (p).a;\n",
  );
  const pairs = named("pairs", "create type postrider_internal.pairs as (all_of_them postrider_internal.pair[]);\n");
  const look = named("look", "create or replace view postrider.look as select 1 as a;\n");
  const wide = named("look", "create or replace view postrider.look as select 'x' as b;\n");
  const reader = named(
    "read_look",
    "create or replace function postrider.read_look() returns setof postrider.look language sql as 'select * from postrider.look';\n",
  );
  await migrate(client, { files: functions(user, pair("a int"), pairs, look, reader) });
  const changed = functions(user, pair("a int, b int"), pairs, wide, reader);
  assert.deepEqual((await migrate(client, { files: changed })).installed.toSorted(), [
    "look",
    "pair",
    "pairs",
    "read_look",
    "use_pair",
  ]);
  assert.deepEqual((await client.query("select postrider.use_pair(row(7, 8)) as a")).rows, [{ a: 7 }]);
});

test("a recreated object keeps what was granted on it to other roles", async (t) => {
  const { client, database } = await emptyDatabase(t);
  const role = `looks at ${database.name}`;
  await client.query(`create role "${role}"`);
  t.after(async () => {
    const admin = await createDatabase({ template: "empty" });
    await admin.pool.query(`drop role "${role}"`);
    await admin.drop();
  });
  const look = (columns: string) => named("look", `create or replace view postrider.look as select ${columns};\n`);
  await migrate(client, { files: functions(NUMBER, look("1 as a, postrider.number() as b")) });
  await client.query(`grant select on postrider.look to "${role}" with grant option;
    grant update (a, b) on postrider.look to "${role}"; grant execute on function postrider.number to "${role}"`);
  const number = named(
    "number",
    "create or replace function postrider.number(a int default 3) returns int return a;\n",
  );
  await migrate(client, { files: functions(number, look("postrider.number() as b")) });
  const { rows } = await client.query(
    `select has_table_privilege($1, 'postrider.look', 'select with grant option') as looks,
       has_column_privilege($1, 'postrider.look', 'b', 'update') as updates,
       has_table_privilege($1, 'postrider.look', 'update') as updates_all,
       (select proacl::text from pg_proc where oid = 'postrider.number(int)'::regprocedure) ~ $1 as calls`,
    [role],
  );
  assert.deepEqual(rows, [{ looks: true, updates: true, updates_all: false, calls: true }]);
  await client.query("drop schema postrider, postrider_internal cascade");
});

test("a foreign object that depends on a view is named in the error, and nothing is dropped", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: functions(NUMBER, VIEW) });
  await client.query("create view public.mine as select number from postrider.look");
  const narrow = named("look", "create or replace view postrider.look as select 5 as five;\n");
  for (const files of [functions(NUMBER, narrow), functions(NUMBER)]) {
    const error = await faultOf(migrate(client, { files }), "PR0009");
    assert.match(error, /cannot replace postrider\.look: view (public\.)?mine depends on it/);
  }
  assert.deepEqual((await client.query("select number from public.mine")).rows, [{ number: 1 }]);
  await client.query("drop view public.mine");
  assert.deepEqual((await migrate(client, { files: functions(NUMBER) })).dropped, ["look"]);
});

test("an object whose file is gone is dropped, and so is a trigger that its file no longer creates", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: functions(NUMBER, VIEW, TRIGGER) });
  const fewer = named("watch", TRIGGER.text.split("\n").slice(0, 2).join("\n"));
  const { installed, dropped } = await migrate(client, { files: functions(fewer) });
  assert.deepEqual({ installed, dropped }, { installed: ["watch"], dropped: ["look", "number"] });
  const { rows } = await client.query("select tgname from pg_trigger where tgrelid = 'postrider.one'::regclass");
  assert.deepEqual(rows, [{ tgname: "before_insert" }]);
  assert.deepEqual((await migrate(client, { files: functions() })).dropped, ["watch"]);
  assert.equal((await client.query("select from pg_trigger where tgrelid = 'postrider.one'::regclass")).rows.length, 0);
});

test("a function that was replaced or dropped by hand is named, and installed again when its row is deleted", async (t) => {
  const { client } = await emptyDatabase(t);
  const files = functions(NUMBER, VIEW, TRIGGER);
  await migrate(client, { files });
  await client.query("create or replace function postrider.number() returns integer return 9");
  await client.query("alter table postrider.one disable trigger before_update");
  await client.query("drop view postrider.look");
  assert.match(
    await faultOf(migrate(client, { files }), "PR0006"),
    /by hand since they were installed: look, number, watch;/,
  );
  await client.query("delete from postrider.schema_object");
  assert.deepEqual((await migrate(client, { files })).installed, ["number", "look", "watch"]);
  assert.equal(await numberIn(client), 1);
});

test("the functions of a newer program are left alone, and a daemon works with them", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: functions(NUMBER, VIEW) });
  await client.query("update postrider.schema_object set postrider_version = '10.0.0'");
  const files = functions(named("number", NUMBER.text.replace("1", "2")));
  await assertSchemaUsable(client, files);
  assert.deepEqual(await migrate(client, { files }), {
    applied: [],
    installed: [],
    dropped: [],
    restored: [],
    alreadyAt: 1,
  });
});

test("a function file that fails leaves nothing behind, and the error says where", async (t) => {
  const { client } = await emptyDatabase(t);
  const failing = named("look", "create or replace view postrider.look as\n  select nothing;\n");
  const error = await faultOf(migrate(client, { files: functions(failing) }), "PR0009");
  assert.match(error, /cannot apply look: ERROR 42703 at line 2: column "nothing" does not exist/);
  assert.deepEqual(await checkSchema(client, functions(failing)), { kind: "missing", want: 1 });
});

test("functions that need each other to be created are refused before anything runs", () => {
  const left = named("left", "create view postrider.left as select a from postrider.right;\n");
  const right = named("right", "create view postrider.right as select a from postrider.left;\n");
  assert.throws(() => readPlan(functions(left, right)), /need each other: left, right, left/);
  assert.throws(() => readPlan(functions(named("left", "-- grant: all\n"))), /must say what it grants/);
});

const OUTSIDE = file(
  2,
  `-- locks: nothing
-- breaking: no
-- transaction: none

drop index concurrently if exists postrider.one_id;

create index concurrently one_id on postrider.one (id);

insert into postrider.one select max(id) + 1 from postrider.one;
`,
);

test("an upgrade outside the transaction runs statement by statement, and again from its start if it was interrupted", async (t) => {
  const { client, database } = await emptyDatabase(t);
  await migrate(client, { files: functions(NUMBER) });
  await client.query("insert into postrider.one values (1)");
  const files = { ...tables(FIRST, OUTSIDE), functions: [NUMBER, VIEW] };
  const failing = { ...files, tables: [FIRST, file(2, `${OUTSIDE.text}\nselect 1 / 0;\n`)] };
  const error = await faultOf(migrate(client, { files: failing }), "PR0009");
  assert.match(error, /cannot apply 0002_step: ERROR 22012.*division by zero.*may be repeated/);
  assert.equal((await checkSchema(client, files)).kind, "behind");

  const clients = await Promise.all(Array.from({ length: 4 }, () => clientOf(t, database)));
  const results = await Promise.all(clients.map((each) => migrate(each, { files })));
  assert.deepEqual(
    results.flatMap(({ applied }) => applied.map(({ name }) => name)),
    ["0002_step"],
  );
  assert.deepEqual(
    results.flatMap(({ installed }) => installed),
    ["look"],
  );
  assert.deepEqual((await client.query("select max(id) as max from postrider.one")).rows, [{ max: 3 }]);
  const { rows } = await client.query(
    "select indisvalid from pg_index where indexrelid = 'postrider.one_id'::regclass",
  );
  assert.deepEqual(rows, [{ indisvalid: true }]);
});

test("a run that waits for another is in no transaction, for whose end a concurrent index of the other would wait", async (t) => {
  const { client, database } = await emptyDatabase(t);
  const waiting = await clientOf(t, database);
  const { rows: own } = await waiting.query<{ pid: number }>("select pg_backend_pid() as pid");
  await client.query(`select pg_advisory_lock(${MIGRATION_LOCK_KEY})`);
  const migrated = migrate(waiting, { files: functions(NUMBER) });
  await until("it has tried", async () => {
    const { rows } = await client.query(
      "select from pg_stat_activity where pid = $1 and state = 'idle' and query = 'rollback'",
      [own[0]?.pid],
    );
    return rows.length === 1;
  });
  await client.query(`select pg_advisory_unlock(${MIGRATION_LOCK_KEY})`);
  await migrated;
});

test("a long fill outside the transaction commits as it goes, and may have empty lines", async (t) => {
  const { client } = await emptyDatabase(t);
  const fill = file(
    2,
    `-- locks: the rows of one batch
-- breaking: no
-- transaction: none

do $fill$
begin
  for batch in 1 .. 3 loop
    insert into postrider.one values (batch);

    commit;
  end loop;
end
$fill$;

select 1 / 0;
`,
  );
  await faultOf(migrate(client, { files: tables(FIRST, fill) }), "PR0009");
  assert.deepEqual((await client.query("select count(*)::int as filled from postrider.one")).rows, [{ filled: 3 }]);
});

test("an upgrade that drops a view and is followed by one outside the transaction can be repeated", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: functions(NUMBER, VIEW) });
  const drop = file(2, `${HEADER}drop view postrider.look;\n`);
  const outside = (text: string) => file(3, `${HEADER.trimEnd()}\n-- transaction: none\n\n${text}\n`);
  const upgraded = (last: TableFile) => ({ ...functions(NUMBER, VIEW), tables: [FIRST, drop, last] });
  await faultOf(migrate(client, { files: upgraded(outside("select 1 / 0;")) }), "PR0009");
  const { installed } = await migrate(client, { files: upgraded(outside("select 1;")) });
  assert.deepEqual(installed, ["look"]);
  assert.equal(await numberIn(client), 1);
});

test("a change of a function alone does not wait for an open insert into the table of its trigger", async (t) => {
  const { client, database } = await emptyDatabase(t);
  await migrate(client, { files: functions(TRIGGER) });
  const writer = await clientOf(t, database);
  await writer.query("begin; insert into postrider.one values (1)");
  const changed = (trigger: string) =>
    named("watch", trigger.replace("begin return new", "begin new.id := 7; return new"));
  assert.deepEqual((await migrate(client, { files: functions(changed(TRIGGER.text)) })).installed, ["watch"]);
  await writer.query("insert into postrider.one values (1); commit");
  assert.deepEqual((await client.query("select id from postrider.one")).rows, [{ id: 1 }, { id: 7 }]);

  const fired = changed(TRIGGER.text.replace("before_update before update", "before_update before update of id"));
  await migrate(client, { files: functions(fired) });
  const { rows } = await client.query(
    "select pg_get_triggerdef(oid) ~ 'UPDATE OF id' as of_id from pg_trigger where tgname = 'before_update'",
  );
  assert.deepEqual(rows, [{ of_id: true }]);
});

test("a trigger that an upgrade drops is recreated", async (t) => {
  const { client } = await emptyDatabase(t);
  await migrate(client, { files: functions(TRIGGER) });
  const upgrade = file(2, `${HEADER}drop trigger before_insert on postrider.one;\n`);
  const files = { ...functions(TRIGGER), tables: [FIRST, upgrade] };
  assert.deepEqual((await migrate(client, { files })).installed, ["watch"]);
  const { rows } = await client.query("select from pg_trigger where tgrelid = 'postrider.one'::regclass");
  assert.equal(rows.length, 2);
});

test("neither session settings nor a migration in progress are mistaken for an edit by hand", async (t) => {
  const { client, database } = await emptyDatabase(t);
  const wait = named(
    "wait",
    `create or replace function postrider.wait(a interval default '1 day', b timestamptz default '2026-01-01 00:00:00Z', c text default 'a\\b')
returns interval return a;\n`,
  );
  await migrate(client, { files: functions(wait, NUMBER) });
  await client.query(
    "set intervalstyle = iso_8601; set datestyle = german; set timezone = 'Asia/Tokyo'; set standard_conforming_strings = off",
  );
  await refuseReplaced(client);
  await migrate(client, { files: functions(wait, NUMBER) });

  const other = await clientOf(t, database);
  await other.query(`select pg_advisory_lock(${MIGRATION_LOCK_KEY})`);
  await other.query("create or replace function postrider.number() returns integer return 9");
  await refuseReplaced(client);
  await other.query(`select pg_advisory_unlock(${MIGRATION_LOCK_KEY})`);
  assert.match(await faultOf(refuseReplaced(client), "PR0006"), /: number;/);
});

test("an upgrade drops the view that is in its way, and the same migration recreates it", async (t) => {
  const { client } = await emptyDatabase(t);
  const view = (text: string) =>
    named("look", `create or replace view postrider.look as select ${text} from postrider.one;\n`);
  await migrate(client, { files: functions(view("id")) });
  const upgrade = file(
    2,
    `${HEADER}select postrider_internal.drop_objects('look');\nalter table postrider.one alter column id type bigint;\n`,
  );
  const files = { ...tables(FIRST, upgrade), functions: [view("id")] };
  assert.deepEqual((await migrate(client, { files })).installed, ["look"]);
});

test("a view may have the name that a table had before an upgrade", async (t) => {
  const upgrade = file(2, `${HEADER}alter table postrider.one rename to many;\n`);
  const view = named("one", "create or replace view postrider.one as select id from postrider.many;\n");
  const files = { ...tables(FIRST, upgrade), functions: [view] };
  for (const before of [[], [FIRST]]) {
    const { client } = await emptyDatabase(t);
    if (before.length > 0) await migrate(client, { files: tables(...before) });
    assert.deepEqual((await migrate(client, { files })).installed, ["one"]);
    await client.query("select id from postrider.one");
  }
});

test("the printed script installs functions as migrate does, and is harmless twice", async (t) => {
  const { client } = await emptyDatabase(t);
  await client.query(withoutPsqlCommands(printMigration(functions(VIEW, NUMBER))));
  assert.equal((await checkSchema(client, functions(VIEW, NUMBER))).kind, "current");
  const files = functions(VIEW, named("number", NUMBER.text.replace("1", "2")));
  const script = withoutPsqlCommands(await printMigrationFor(client, files));
  for (let run = 1; run <= 2; run++) {
    await client.query(script);
    assert.equal(await numberIn(client), 2);
    assert.deepEqual(await migrate(client, { files }), {
      applied: [],
      installed: [],
      dropped: [],
      restored: [],
      alreadyAt: 1,
    });
  }
  await client.query("create or replace function postrider.number() returns integer return 9");
  await assert.rejects(client.query(script), /replaced or dropped by hand.*: number/);
  await client.query("rollback; update postrider.schema_object set postrider_version = '10.0.0'");
  await assert.rejects(client.query(script), /those of a newer Postrider/);
  await client.query("rollback");
  assert.equal(await numberIn(client), 9);
});

test("the printed script of an upgrade outside the transaction is divided by it", async (t) => {
  const { client } = await emptyDatabase(t);
  const files = { ...tables(FIRST, OUTSIDE), functions: [NUMBER, VIEW] };
  for (const statement of withoutPsqlCommands(printMigration(files)).split(/(?<=;)\n+(?=\n|select pg_advisory)/)) {
    await client.query(statement);
  }
  assert.equal((await checkSchema(client, files)).kind, "current");
  assert.equal(await numberIn(client), 1);
});

/** The schema made of these table files and these function files. */
function tables(...files: readonly TableFile[]): SchemaFiles {
  return { tables: files, functions: [], finish: "" };
}

function functions(...files: readonly FunctionFile[]): SchemaFiles {
  return { tables: [FIRST], functions: files, finish: "" };
}

function file(version: number, text: string): TableFile {
  return { version, name: `${String(version).padStart(4, "0")}_step`, text };
}

async function emptyDatabase(t: TestContext): Promise<{ database: TestDatabase; client: Connection }> {
  const database = await databaseFor(t, { template: "empty" });
  return { database, client: await clientOf(t, database) };
}

async function clientOf(t: TestContext, database: TestDatabase): Promise<Connection> {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const client = await openConnection({ config, purpose: "migrate" });
  t.after(() => client.end());
  return client;
}

/** The psql commands; the rest of a script is SQL that any client can send. */
function withoutPsqlCommands(script: string): string {
  return script.replace(/^\\.*$/gm, "");
}

/** The message of the PostriderError that the work fails with. */
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
