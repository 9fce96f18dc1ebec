/** PostgreSQL's own client programs on what migrate installs, if this machine has them: restores a dump, runs a script. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connectionConfig, openConnection } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { printMigration } from "../../src/db/printMigration.ts";
import { schemaSnapshot } from "../../src/db/schemaSnapshot.ts";
import { checkSchema } from "../../src/db/schemaState.ts";
import { runShell } from "../docs/shell.ts";
import { databaseFor, type TestDatabase } from "../support/database.ts";
import { askFor, rowsOf } from "../support/engine.ts";
import { guideBlock } from "../support/guides.ts";
import { MAJOR_VARIABLE } from "../support/testServer.ts";

const server = Number(process.env[MAJOR_VARIABLE]);
const noDump = majorOf("pg_dump") < server ? "there is no pg_dump for this server" : false;
const noPsql = majorOf("psql") === 0 ? "there is no psql" : false;

const CONTENT = `
  select from postrider.create_endpoint('https://receiver.test/hook?a=1', '{order.*}', options => '{
    "format": "raw", "timeout_ms": 500, "retry_schedule": ["1 s", "1 month"], "headers": {"x-a": "1"}, "disable_after": null}');
  select postrider.define_event_type('order.paid', json_schema => '{"type": "object"}', enforce => true);
  select postrider.publish('order.paid', '{}', idempotency_key => 'k')`;

/** Values checked by domains, because a dump must load whatever they once accepted. */
const ENDPOINTS = `
  select to_jsonb(e) as endpoint, array(select s.secret::text from postrider.endpoint_secret s) as secrets,
         array(select s.event_type::text from postrider.subscription s) as event_types
  from postrider.endpoint e`;

test("the documented dump is restored into an empty database, and needs no migration", { skip: noDump }, async (t) => {
  const [source, copy] = [await databaseFor(t), await databaseFor(t, { template: "empty" })];
  await source.pool.query(CONTENT);
  const urls = { OLD_DATABASE_URL: source.url, DATABASE_URL: copy.url };
  await runShell(guideBlock("sql/copies.md", "Dumps", "sh"), urls, { cwd: directoryFor(t) });

  const client = await clientOf(t, copy);
  assert.equal((await checkSchema(client)).kind, "current");
  const { applied, installed, dropped } = await migrate(client);
  assert.deepEqual({ applied, installed, dropped }, { applied: [], installed: [], dropped: [] });
  assert.equal(
    withoutParentheses(await schemaSnapshot(client)),
    withoutParentheses(await schemaSnapshot(await clientOf(t, source))),
  );
  assert.equal(await askFor(copy.pool, "select count(*)::int from postrider.outbox"), 1);
  assert.deepEqual(await rowsOf(copy.pool, ENDPOINTS), await rowsOf(source.pool, ENDPOINTS));
  await assert.rejects(copy.pool.query("select postrider.publish('order.paid', '[]')"), /order\.paid/);
  await copy.pool.query("select postrider.publish('order.paid', '{}')");
});

test("the documented data-only dump is restored into a migrated database, and leaves its migration records unchanged", {
  skip: noDump,
}, async (t) => {
  const [source, copy] = [await databaseFor(t), await databaseFor(t)];
  await source.pool.query(CONTENT);
  await source.pool.query(`
    -- as an earlier program would have left it
    update postrider.schema_migration set sha256 = repeat('0', 64);
    update postrider.schema_object set sha256 = repeat('0', 64), fingerprint = 'x'`);
  await copy.pool.query(guideBlock("sql/copies.md", "Data alone", "sql"));
  const urls = { OLD_DATABASE_URL: source.url, DATABASE_URL: copy.url };
  await runShell(guideBlock("sql/copies.md", "Data alone", "sh"), urls, { cwd: directoryFor(t) });

  const client = await clientOf(t, copy);
  assert.equal((await checkSchema(client)).kind, "current");
  const { applied, installed } = await migrate(client);
  assert.deepEqual({ applied, installed }, { applied: [], installed: [] });
  assert.deepEqual(await rowsOf(copy.pool, ENDPOINTS), await rowsOf(source.pool, ENDPOINTS));
  assert.equal(await askFor(copy.pool, "select count(*)::int from postrider.outbox"), 1);
  await copy.pool.query("select role_name from postrider.grant_roles()");
  await assert.rejects(copy.pool.query("select postrider.publish('order.paid', '[]')"), /order\.paid/);
});

test("psql runs the printed script, and running it again is harmless", { skip: noPsql }, async (t) => {
  const database = await databaseFor(t, { template: "empty" });
  const file = join(directoryFor(t), "postrider.sql");
  writeFileSync(file, printMigration());
  run("psql", ["-X", "-q", "-f", file, database.url]);
  const client = await clientOf(t, database);
  assert.equal((await checkSchema(client)).kind, "current");
  const made = await schemaSnapshot(client);
  assert.equal(made, await schemaSnapshot(await clientOf(t, await databaseFor(t))));

  const { status, stderr } = spawnSync("psql", ["-X", "-q", "-f", file, database.url], { encoding: "utf8" });
  assert.equal(status, 3);
  assert.match(stderr, /begins with version 0 of the schema, and the schema is at version \d+/);
  assert.equal(await schemaSnapshot(client), made);
});

/** A dump writes some expressions with other parentheses and casts. */
function withoutParentheses(snapshot: string): string {
  return snapshot.replace(/::(timestamp with time zone|double precision|[a-z_]+)|[()\s]/g, "");
}

function majorOf(program: string): number {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return Number(/ (\d+)\./.exec(stdout ?? "")?.[1] ?? 0);
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
}

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "postrider-dump-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function clientOf(t: TestContext, database: TestDatabase) {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const client = await openConnection({ config, purpose: "migrate" });
  t.after(() => client.end());
  return client;
}
