import assert from "node:assert/strict";
import { test } from "node:test";
import { readPlan } from "../../src/db/schemaPlan.ts";
import { schemaFiles } from "../../src/db/sqlFiles.ts";
import { CommandProcess, eventually, runCommand } from "../support/command.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { unguarded } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";

const LATEST = schemaFiles().tables.length;
const FILES = [...schemaFiles().tables, ...schemaFiles().functions];

test("the schema is installed once, and --check tells before and after", async () => {
  await withEmpty(async ({ url, pool }) => {
    const env = { DATABASE_URL: url };
    const before = await runCommand(["migrate", "--check"], { env });
    assert.equal(before.code, 1);
    assert.match(before.stderr, /^PR0004: .*; run "postrider migrate"\n$/);

    const first = await runCommand(["migrate"], { env });
    assert.equal(first.code, 0, first.stderr);
    const lines = first.stdout.trim().split("\n");
    assert.equal(lines.length, LATEST + 2);
    assert.match(lines[0] ?? "", /^applied 01_events in \d+ ms$/);
    assert.match(lines.at(-2) ?? "", /^installed \d+ functions and views$/);
    assert.equal(lines.at(-1), `the schema is at version ${LATEST}`);

    const second = await runCommand(["migrate"], { env });
    assert.equal(second.stdout, `nothing to do: the schema is at version ${LATEST}\n`);
    await pool.query("update postrider.schema_object set sha256 = repeat('0', 64) where name = 'endpoint_health'");
    const third = await runCommand(["migrate"], { env });
    assert.equal(third.stdout, `installed 1 function or view\nthe schema is at version ${LATEST}\n`);
    const after = await runCommand(["migrate", "--check"], { env });
    assert.deepEqual(
      { ...after, signal: null },
      { code: 0, signal: null, stdout: "the schema is up to date\n", stderr: "" },
    );
  });
});

test("--check fails if the schema is behind, ahead and breaking, or not what was applied", async () => {
  await withEmpty(async ({ url, pool }) => {
    const env = { DATABASE_URL: url };
    await runCommand(["migrate"], { env });
    const record = `insert into postrider.schema_migration (version, name, sha256, breaking, postrider_version, duration_ms)
      values ($1, 'later', repeat('0', 64), $2, '9', 0)`;
    await pool.query(record, [LATEST + 1, false]);
    const ahead = await runCommand(["migrate", "--check"], { env });
    assert.equal(ahead.code, 0);
    assert.match(ahead.stdout, /^the schema is at version \d+; this program knows version \d+, and works with it\n$/);
    await pool.query(record, [LATEST + 2, true]);
    assert.match((await runCommand(["migrate", "--check"], { env })).stderr, /^PR0005: /);
    await unguarded(pool, `delete from postrider.schema_migration where version >= ${LATEST}`);
    const behind = await runCommand(["migrate", "--check"], { env });
    assert.equal(behind.code, 1);
    assert.match(behind.stderr, /^PR0004: .*it is at version/);
    await pool.query(record, [LATEST, false]);
    await pool.query("update postrider.schema_migration set sha256 = $1 where version = $2", [
      readPlan().tables.at(-1)?.sha256,
      LATEST,
    ]);
    await pool.query("create or replace function postrider_internal.wake_daemons() returns void begin atomic end");
    const replaced = await runCommand(["migrate", "--check"], { env });
    assert.equal(replaced.code, 1);
    assert.match(replaced.stderr, /^PR0006: .*by hand.*: wake_daemons;/);
    await pool.query("update postrider.schema_object set sha256 = repeat('0', 64) where name = 'publish'");
    const outdated = await runCommand(["migrate", "--check"], { env });
    assert.equal(outdated.code, 1);
    assert.match(outdated.stderr, /^PR0004: .*1 of its functions/);
    await pool.query("update postrider.schema_migration set sha256 = repeat('0', 64) where version = 1");
    assert.match((await runCommand(["migrate", "--check"], { env })).stderr, /^PR0006: /);
  });
});

test("a role without any right is told what it needs", async (t) => {
  const database = await createDatabase();
  const login = await createLogin(database);
  t.after(async () => {
    await login.drop();
    await database.drop();
  });
  const env = { DATABASE_URL: login.url };
  for (const option of ["--check", "--print"]) {
    assert.match((await runCommand(["migrate", option], { env })).stderr, /^PR0013: .*"grant postrider_reader to"/);
  }
  const { code, stderr } = await runCommand(["migrate"], { env });
  assert.equal(code, 1);
  assert.match(stderr, /^PR0009: cannot begin to migrate: ERROR 42501.*run it as the owner of the database/);
});

test("a login that is named like the schema is warned of, unless its search_path says otherwise", async (t) => {
  await withEmpty(async ({ url, pool }) => {
    const { rowCount } = await pool.query("select from pg_roles where rolname = 'postrider'");
    if (rowCount !== 0) return t.skip("the server that was given to the run has a role of this name");
    const { pathname } = new URL(url);
    const migrate = async () => (await runCommand(["migrate"], { env: { DATABASE_URL: url } })).stderr;
    // At once with its path: other tests on this server migrate, too.
    await pool.query("begin; create role postrider login; alter role postrider set search_path = public; commit");
    try {
      assert.equal(await migrate(), "");
      await pool.query(`alter role postrider in database ${pathname.slice(1)} set search_path = "$user", public`);
      await pool.query("grant usage on schema postrider to postrider");
      assert.match(await migrate(), /^warning: the role postrider is named .*set search_path = public\n$/);
      await pool.query(`alter role postrider in database ${pathname.slice(1)} set search_path = public`);
      assert.equal(await migrate(), "");
    } finally {
      await pool.query("drop owned by postrider; drop role postrider");
    }
  });
});

test("--print needs no database, and prints everything without one", async () => {
  const { code, stdout, stderr } = await runCommand(["migrate", "--print"]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  for (const { text } of FILES) assert.ok(stdout.includes(text.trimEnd()));
});

test("--print waits for a slow reader", async () => {
  const command = new CommandProcess(["migrate", "--print"]);
  command.child.stdout?.pause();
  // It has written what fits into the pipe, and is still there.
  await eventually("the pipe is full", () => ((command.child.stdout?.readableLength ?? 0) > 0 ? true : undefined));
  command.child.stdout?.resume();
  assert.deepEqual(await command.ended, { code: 0, signal: null });
  for (const { text } of FILES) assert.ok(command.stdout.includes(text.trimEnd()));
});

test("--print with a database prints what it lacks, and changes nothing", async () => {
  await withEmpty(async ({ url, pool }) => {
    const env = { DATABASE_URL: url };
    const before = await runCommand(["migrate", "--print"], { env });
    assert.match(before.stdout, /create table postrider\.outbox/);
    const { rows } = await pool.query("select from pg_namespace where nspname = 'postrider'");
    assert.equal(rows.length, 0);
    await runCommand(["migrate"], { env });
    const after = await runCommand(["migrate", "--print"], { env });
    assert.match(after.stdout, /There is nothing to do\.\n$/);
  });
});

test("a reader that goes away early is not an error", async () => {
  const { code, stdout, stderr } = await runCommand([], {
    program: ["/bin/bash", "-c", `set -o pipefail; "${process.execPath}" src/main.ts migrate --print | head -1`],
  });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.match(stdout, /^-- Postrider .*\n$/);
});

test("an unreachable database is PR0003, without its password", async () => {
  const env = { DATABASE_URL: "postgres://somebody:hidden@127.0.0.1:1/nothing" };
  const { code, stderr } = await runCommand(["migrate"], { env });
  assert.equal(code, 1);
  assert.match(stderr, /^PR0003: cannot connect to Postgres: 127\.0\.0\.1:1, database "nothing", user "somebody": /);
  assert.doesNotMatch(stderr, /hidden/);
});

async function withEmpty(use: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await createDatabase({ template: "empty" });
  try {
    await use(database);
  } finally {
    await database.drop();
  }
}
