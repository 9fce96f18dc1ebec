/** What a role or a database may have set otherwise, and what no function of ours may depend on. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { askFor, openSession } from "../support/engine.ts";

let database: TestDatabase;
before(async () => {
  database = await createDatabase();
});
after(() => database.drop());

test("functions read their patterns alike where backslashes escape in literals", async (t) => {
  const session = await openSession(t, database.url);
  await session.query("set standard_conforming_strings = off; set escape_string_warning = off");
  await assert.rejects(session.query("select postrider.define_event_type('order paid')"), /order paid/);
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
