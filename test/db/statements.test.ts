import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type pg from "pg";
import { connectionConfig } from "../../src/db/connect.ts";
import { Database } from "../../src/db/database.ts";
import { schemaFiles, statementNames, statementText } from "../../src/db/sqlFiles.ts";
import { declaredStatements, defineStatement, type Statement } from "../../src/db/statements.ts";
import { useDatabase } from "../support/database.ts";
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
    const described = await describe(statement);
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

/** As Postgres names the type: without what only the declaration knows, null and the words of a text. */
function typeName(type: string | readonly unknown[]): string {
  return typeof type === "string" ? type.replaceAll("?", "") : "text";
}

function mayBeNull(type: string | readonly unknown[]): boolean {
  return typeof type === "string" ? type.endsWith("?") : type.includes(null);
}

interface Description {
  readonly params: readonly string[];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Columns that are read from a table as they are, and may be null there. Of any other column a server says nothing. */
  readonly nullable: readonly string[];
}

/** What the server says about a statement without running it. */
async function describe({ name }: Statement): Promise<Description> {
  const client = await database.pool.connect();
  try {
    const fields = await fieldsOf(client, name, statementText(name));
    const { rows: prepared } = await client.query<{ params: string[] }>(
      `select array(select format_type(p.type, null)
         from unnest(s.parameter_types) with ordinality p (type, n) order by p.n) as params
       from pg_prepared_statements s where s.name = $1`,
      [name],
    );
    const { rows: types } = await client.query<{ type: string }>(
      "select format_type(t.oid, null) as type from unnest($1::oid[]) with ordinality t (oid, n) order by t.n",
      [fields.map(({ dataTypeID }) => dataTypeID)],
    );
    const { rows: attributes } = await client.query<{ is_nullable: boolean }>(
      `select coalesce(not a.attnotnull and r.relkind in ('r', 'p'), false) as is_nullable
       from unnest($1::oid[], $2::smallint[]) with ordinality c (relation, number, n)
       left join pg_class r on r.oid = c.relation
       left join pg_attribute a on a.attrelid = r.oid and a.attnum = c.number order by c.n`,
      [fields.map(({ tableID }) => tableID), fields.map(({ columnID }) => columnID)],
    );
    return {
      nullable: fields.filter((_, index) => attributes[index]?.is_nullable === true).map(({ name }) => name),
      params: prepared[0]?.params ?? [],
      columns: fields.map((field, index) => ({ name: field.name, type: types[index]?.type ?? "" })),
    };
  } finally {
    client.release();
  }
}

/** Prepares the statement and asks for its columns, by the messages of the protocol: no SQL does that before 16. */
async function fieldsOf(client: pg.PoolClient, name: string, text: string): Promise<readonly pg.FieldDef[]> {
  const described = Promise.withResolvers<readonly pg.FieldDef[]>();
  let fields: readonly pg.FieldDef[] = [];
  const request = {
    submit(connection: pg.Connection) {
      connection.parse({ name, text, types: [] }, false);
      connection.describe({ type: "S", name }, false);
      connection.sync();
    },
    handleRowDescription: (message: { readonly fields: readonly pg.FieldDef[] }) => {
      fields = message.fields;
    },
    handleReadyForQuery: () => described.resolve(fields),
    handleError: (error: unknown) => described.reject(error),
  };
  client.query(request);
  return await described.promise;
}
