import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { connectionConfig } from "../../src/db/connect.ts";
import { Database } from "../../src/db/database.ts";
import { schemaFiles, statementNames, statementText } from "../../src/db/sqlFiles.ts";
import { declaredStatements, defineStatement, type Statement } from "../../src/db/statements.ts";
import { useDatabase } from "../support/database.ts";
import { describeStatement, typeName } from "../support/described.ts";
import { outside } from "../support/outside.ts";

const database = useDatabase();

/** Every module that declares statements. */
const SOURCES = globSync("**/*.ts", { cwd: new URL("../../src/", import.meta.url).pathname })
  .map((path) => new URL(`../../src/${path}`, import.meta.url))
  .filter((url) => /\bdefineStatement\("/.test(readFileSync(url, "utf8")));

for (const { href } of SOURCES) {
  await import(href);
}

const statements = new Map(declaredStatements().map((statement) => [statement.name, statement]));

test("every statement of sql/statements is declared, and no other", () => {
  assert.deepEqual([...statements.keys()].sort(), statementNames());
});

for (const statement of statements.values()) {
  test(`${statement.name} takes and returns what its declaration says`, async () => {
    const { params, columns } = statement.shape;
    const described = await describeStatement(database.pool, statement.name, statementText(statement.name));
    assert.deepEqual(described.params, Object.values(params).map(typeName));
    assert.deepEqual(
      described.columns,
      Object.entries(columns).map(([name, type]) => ({ name, type: typeName(type) })),
    );
    const declaredNotNull = Object.keys(columns).filter((name) => !mayBeNull(columns[name] ?? ""));
    assert.deepEqual(
      described.nullable.filter((name) => declaredNotNull.includes(name)),
      [],
      "these columns of tables may be null",
    );
  });
}

test("a statement is declared once", () => {
  assert.throws(() => defineStatement("wake_peers", { params: {}, columns: {} }), /"wake_peers" is declared twice/);
});

test("a statement is prepared once in each session, under a name that changes with its text", async (t) => {
  const tested = databaseOf(t);
  const wakePeers = declared("wake_peers");
  assert.equal((await tested.run(wakePeers, {})).rowCount, 1);
  await tested.run(wakePeers, {});
  const { rows } = await tested.query<{ name: string }>("select name from pg_prepared_statements");
  assert.equal(rows.length, 1);
  assert.match(rows[0]?.name ?? "", /^wake_peers_[0-9a-f]{8}$/);
});

test("if the pooler keeps no prepared statements, none is made", async (t) => {
  const tested = databaseOf(t, { preparedStatements: false });
  await tested.run(declared("wake_peers"), {});
  await tested.transaction((transaction) => transaction.run(declared("wake_peers"), {}));
  assert.equal((await tested.query("select from pg_prepared_statements")).rowCount, 0);
});

test("if a pooler lends the sessions, a statement still has its deadlines, and leaves none behind", async (t) => {
  const tested = databaseOf(t, { ownSession: false });
  await database.pool.query(`
    create table public.seen (deadline text);
    create function public.see() returns trigger language plpgsql as
      $$ begin insert into public.seen values (current_setting('statement_timeout')); return null; end $$;
    create trigger see after insert on postrider.daemon for each row execute function public.see()`);
  t.after(() =>
    database.pool.query("drop function public.see cascade; drop table public.seen; delete from postrider.daemon"),
  );
  await tested.run(declared("beat"), {
    daemonId: "00000000-0000-7000-8000-00000000000a",
    ...{ host: "host.test", pid: 42, version: "0.0.0", leaseMs: 60_000, inFlight: 0, waiting: 0 },
    ...{ condition: "well", conditionMs: null, conditionReason: null, isRenewal: false, encryptionKeyIds: [] },
  });
  assert.deepEqual((await database.pool.query("select deadline from public.seen")).rows, [{ deadline: "10s" }]);
  assert.deepEqual(await outside(tested, "select current_setting('statement_timeout') as timeout"), [{ timeout: "0" }]);
});

test("a statement that does not exist is refused by its name", async (t) => {
  assert.throws(() => statementText("no_such_statement"), /no statement "no_such_statement"/);
  assert.throws(() => statementText("../schema/01_events"), /no statement/);
  const unknown = defineStatement("no_such_statement", { params: {}, columns: {} });
  await assert.rejects(databaseOf(t).run(unknown, {}), /no statement "no_such_statement"/);
});

test("schema files are listed in the order of their numbers", () => {
  const versions = schemaFiles().tables.map(({ version }) => version);
  assert.deepEqual(
    versions,
    versions.map((_, index) => index + 1),
  );
});

function declared(name: string): Statement {
  const statement = statements.get(name);
  assert.ok(statement !== undefined);
  return statement;
}

function databaseOf(
  t: TestContext,
  options: { readonly preparedStatements?: boolean; readonly ownSession?: boolean } = {},
): Database {
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
  const tested = new Database({ config, max: 1, purpose: "pipeline", ...options });
  t.after(() => tested.end());
  return tested;
}

function mayBeNull(type: string | readonly unknown[]): boolean {
  return typeof type === "string" ? type.endsWith("?") : type.includes(null);
}
