/** What a role or a database may have set otherwise, and what no function of ours may depend on. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { askFor, openSession, rowsOf } from "../support/engine.ts";

let database: TestDatabase;
before(async () => {
  database = await createDatabase();
});
after(() => database.drop());

test("functions read their patterns alike where backslashes escape in literals", async (t) => {
  const session = await openSession(t, database.url);
  await session.query("set standard_conforming_strings = off; set escape_string_warning = off");
  await assert.rejects(session.query("select postrider.define_event_type('order paid')"), /order paid/);
  for (const type of ["order paid", "order.paid."]) {
    await assert.rejects(
      session.query("insert into postrider.outbox (event_type, payload) values ($1, '1')", [type]),
      /event_type is/,
    );
  }
  await assert.rejects(session.query("select postrider.define_event_type('order.paid.')"), /order\.paid\./);
  await session.query(`select postrider.define_event_type('order.paid', enforce => true, json_schema =>
    '{"$defs": {"a": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a"}}}')`);
  await assert.rejects(session.query(`select postrider.publish('order.paid', '{"x": 1}')`), /order\.paid/);
  await session.query(
    'select postrider.create_endpoint(\'https://user.test/hook?a=1\', options => \'{"headers": {"x-a": "b"}}\')',
  );
  assert.equal(await askFor(session, "select shown_url from postrider.endpoint"), "https://user.test/hook");
  await session.query("create table public.thing (id int)");
  await session.query("select postrider.capture('public.thing', 'thing.changed')");
  await session.query("insert into public.thing values (1)");
  await session.query("select postrider.uncapture('public.thing', 'thing.changed')");
  await session.query("insert into public.thing values (2)");
  assert.equal(await askFor(session, "select count(*)::int from postrider.outbox"), 1);
  await session.query("select outcome from postrider.maintain()");
});

/** A body that is text is read by the settings of each session; one that follows `return` was read when it was created. */
test("no function reads a backslash in a literal, unless the literal says that backslashes escape", async () => {
  const functions = await rowsOf<{ name: string; body: string }>(
    database.pool,
    `select p.oid::regprocedure::text as name, p.prosrc as body from pg_proc p
     where p.pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and p.prosqlbody is null
       and not coalesce(p.proconfig @> '{standard_conforming_strings=on}', false)`,
  );
  assert.ok(functions.length > 150);
  assert.deepEqual(
    functions.filter(({ body }) => hasDoubtfulBackslash(body)).map(({ name }) => name),
    [],
  );
});

test("no statement of daemons or the API and no recipe reads a backslash in a literal", async () => {
  for (const directory of ["sql/statements", "sql/console", "sql/recipes"]) {
    for (const file of await readdir(directory)) {
      assert.ok(!hasDoubtfulBackslash(await readFile(join(directory, file), "utf8")), join(directory, file));
    }
  }
});

test("what looks for backslashes finds them", () => {
  assert.ok(hasDoubtfulBackslash("select 'a' ~ '\\d'"));
  const harmless = ["select E'\\n' || 'n'", "select $a$ '\\d' $a$", "-- it's '\\d'\nselect 1", `select 'it''s', "\\"`];
  for (const text of harmless) assert.ok(!hasDoubtfulBackslash(text), text);
});

function hasDoubtfulBackslash(text: string): boolean {
  const parts = /--.*|\$(\w*)\$[\s\S]*?\$\1\$|"(?:[^"]|"")*"|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'/gi;
  return [...text.matchAll(parts)].some(([part]) => part.startsWith("'") && part.includes("\\"));
}
