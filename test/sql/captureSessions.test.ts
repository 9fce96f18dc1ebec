/** What a captured event must not depend on: the session that changes the row, and how the table was when that session began. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import pg from "pg";
import { createDatabase, installSchema, type TestDatabase } from "../support/database.ts";
import { askFor, openSession, rowsOf, type Session } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";

/** Postgres plans a statement anew five times before it keeps the plan. */
const ENOUGH_FOR_A_KEPT_PLAN = 8;

/** Every setting that decides how a value is written or read, otherwise than usual. */
const OTHER_SETTINGS: Readonly<Record<string, string>> = {
  TimeZone: "Asia/Kathmandu",
  DateStyle: "SQL, DMY",
  IntervalStyle: "sql_standard",
  bytea_output: "escape",
  extra_float_digits: "-5",
  xmlbinary: "hex",
  xmloption: "document",
  lc_monetary: "C.UTF-8",
  lc_numeric: "C.UTF-8",
  lc_time: "C.UTF-8",
  search_path: "pg_catalog",
  quote_all_identifiers: "on",
  standard_conforming_strings: "off",
  escape_string_warning: "off",
  backslash_quote: "off",
  transform_null_equals: "on",
  array_nulls: "off",
  plan_cache_mode: "force_custom_plan",
  default_text_search_config: "pg_catalog.german",
};

let database: TestDatabase;
before(async () => {
  database = await createDatabase();
});
after(() => database.drop());

beforeEach(async () => {
  await database.pool.query("truncate postrider.outbox; drop schema if exists app cascade; create schema app");
});

interface Event {
  readonly payload: string;
  readonly ordering_key: string | null;
}

/** Takes the events, so that each step sees its own. */
async function takeEvents(): Promise<Event[]> {
  const events = await rowsOf<Event>(
    database.pool,
    "select payload::text, ordering_key from postrider.outbox order by seq",
  );
  await database.pool.query("truncate postrider.outbox");
  return events;
}

async function takePayloads(): Promise<unknown[]> {
  return (await takeEvents()).map(({ payload }) => JSON.parse(payload));
}

async function setAll(session: Session): Promise<void> {
  for (const [name, value] of Object.entries(OTHER_SETTINGS)) {
    await session.query(`select set_config('${name}', '${value}', false)`);
  }
}

describe("whatever the session has set,", () => {
  const TYPES = `tz timestamptz, t timestamp, d date, ttz timetz, r tstzrange, iv interval, b bytea, f float8, f4 real, m money,
    rc regclass, x xml, ar timestamptz[], n numeric, q app."Mixed"`;
  const VALUES = `'2026-03-29 01:30+00', '2026-03-29 01:30', '2026-03-29', '01:30+02', '[2026-03-29 01:30+00,)', '1 mon -2 days 03:00',
    '\\x005cff', 0.1::float8 + 0.2, 0.1, 1234.5, 'app.thing', '<a/>', '{2026-03-29 01:30+00}', 1.50, row('2026-03-29 01:30+00')::app."Mixed"`;
  const EXPRESSIONS: Readonly<Record<string, string>> = {
    "the default payload": "",
    "conversions to text":
      "payload => $$ concat_ws(' ', new.tz, new.t, new.d, new.r, new.iv, new.b, new.f, new.f4, new.m, new.rc, new.q, new.ar) $$",
    "literals and patterns":
      "payload => $$ json_build_array('a\\b\\\\c', E'it\\'s', new.n::text ~ '^\\d\\.\\d+$', new.n = null) $$",
    "times read from text":
      "payload => $$ json_build_array('01/02/2026'::date, new.tz > '2026-03-29 03:00', '2026-03-29 02:00'::timestamptz) $$",
    "arrays and XML":
      "payload => $$ json_build_array('{null}'::text[], xmlelement(name a, new.b), ('a<b/>'::xml)::text) $$",
    "text searches": `payload => $$ json_build_array(plainto_tsquery('the cats'), jsonb_to_tsvector('"the cats"', '"string"'),
      ts_headline('the cats', 'cat'), 'cats'::text @@ 'cat'::text) $$`,
    "an array that only a type tells": "payload => $$ to_json(coalesce(nullif(new.ar, new.ar), '{null}')) $$",
    "numbers and months": "payload => $$ json_build_array(to_char(new.n, '9D99'), to_char(new.tz, 'TMMonth HH24')) $$",
  };

  for (const [name, expression] of Object.entries(EXPRESSIONS)) {
    test(`a row makes the same event: ${name}`, async (t) => {
      const [usual, other] = [await openSession(t, database.url), await openSession(t, database.url)];
      await usual.query(`create type app."Mixed" as (at timestamptz);
        create table app.thing (id int, ${TYPES});
        select postrider.capture('app.thing', 'thing.changed', ordering_key => $$ new.f || ' ' || new.tz $$
          ${expression === "" ? "" : `, ${expression}`})`);
      await usual.query(`insert into app.thing values (1, ${VALUES}); update app.thing set id = 2`);
      await usual.query("delete from app.thing");
      const expected = await takeEvents();
      assert.equal(expected.length, 3);
      await usual.query(`insert into app.thing values (1, ${VALUES})`);
      await takeEvents();
      await setAll(other);
      await other.query("update app.thing set id = 2; delete from app.thing");
      const [, ...changed] = expected;
      assert.deepEqual(await takeEvents(), changed);
    });
  }

  test("a time is in UTC, a number has all its digits, and an update changes what it changed", async (t) => {
    const session = await openSession(t, database.url);
    await setAll(session);
    await session.query(`create table app.thing (id int, at timestamptz, f float8);
      select postrider.capture('app.thing', 'thing.changed');
      insert into app.thing values (1, '2026-03-29 01:30+00', 0.3);
      update app.thing set f = 0.1::float8 + 0.2`);
    assert.deepEqual((await takeEvents()).at(-1)?.payload.match(/"(old|new)" : \{.*?\}/g), [
      '"old" : { "f" : 0.3 }',
      '"new" : {"id":1,"at":"2026-03-29T01:30:00+00:00","f":0.30000000000000004}',
    ]);
  });

  test("a condition may call a function that those who change rows may not", async (t) => {
    const login = await createLogin(database, []);
    t.after(() => login.drop());
    await database.pool.query(`create table app.thing (id int, status text);
      grant usage on schema app to ${login.name}; grant insert on app.thing to ${login.name};
      create function app.is_paid(status text) returns boolean immutable language plpgsql as 'begin return status = ''paid''; end';
      revoke all on function app.is_paid from public`);
    await database.pool.query(
      "select postrider.capture('app.thing', 'thing.paid', '{insert}', 'app.is_paid(new.status)', 'new.id')",
    );
    const session = await openSession(t, login.url);
    await session.query("insert into app.thing values (1, 'new'), (2, 'paid')");
    assert.deepEqual(await takePayloads(), [2]);
  });

  test("a condition judges alike in every session", async (t) => {
    const [usual, other] = [await openSession(t, database.url), await openSession(t, database.url)];
    await setAll(other);
    await usual.query("create table app.thing (id int, at timestamptz, status text)");
    const conditions = {
      "new.at::date = '2026-03-29'": true,
      "new.at > '2026-03-29 02:00' and new.at < '2026-03-29 04:00'": true,
      "new.at::text like '2026-03-29 03:%'": true,
      "(new.at, new.id) > (timestamp '2026-03-29 02:00', 0) and (new.at, new.id) < (timestamp '2026-03-29 04:00', 0)": true,
      "new.status ~ '^p\\w+$'": true,
      "new.status = null": false,
      "new.status = 'void'": false,
    };
    for (const capturing of [usual, other]) {
      for (const [condition, isMet] of Object.entries(conditions)) {
        await capturing.query(
          `select postrider.capture('app.thing', 'thing.changed', '{insert}', ${condition === "" ? "null" : pg.escapeLiteral(condition)})`,
        );
        for (const writing of [usual, other]) {
          await writing.query("insert into app.thing values (1, '2026-03-29 03:30+00', 'paid')");
          assert.equal((await takeEvents()).length, isMet ? 1 : 0, condition);
        }
      }
    }
  });
});

describe("in a session that has made events before,", () => {
  const CAPTURES: Readonly<Record<string, string>> = {
    "a payload of columns":
      "payload => $$ json_build_object('amount', new.amount, 'was', old.amount) $$, ordering_key => 'coalesce(new.id, old.id)'",
    "a payload with a subquery":
      "payload => $$ (select json_agg(v.amount) from (select new.amount union all select old.amount) v) $$",
    "a condition with a subquery":
      "condition => $$ exists (select where coalesce(new.amount, old.amount) > 0) $$, payload => 'coalesce(new.amount, old.amount)'",
    "a payload of the whole row": "payload => 'app.described(new)'",
    "the default payload": "condition => null",
  };

  async function changeRows(session: Session, firstId: number): Promise<void> {
    for (let id = firstId; id < firstId + ENOUGH_FOR_A_KEPT_PLAN; id += 1) {
      await session.query(`insert into app.orders (id, amount) values (${id}, 1)`);
      await session.query(`update app.orders set amount = amount + 1 where id = ${id}`);
      await session.query(`delete from app.orders where id = ${id}`);
    }
  }

  for (const [name, capture] of Object.entries(CAPTURES)) {
    test(`every change of the table's columns leaves changes of rows as they are: ${name}`, async (t) => {
      const session = await openSession(t, database.url);
      await database.pool.query(`create table app.orders (id int, amount int, note varchar(20), mood text);
        create function app.described(app.orders) returns json language sql stable as 'select json_build_object(''amount'', $1.amount)'`);
      await database.pool.query(`select postrider.capture('app.orders', 'order.changed', ${capture})`);
      await changeRows(session, 0);
      await takeEvents();
      const steps = [
        "alter table app.orders alter column amount type bigint",
        "alter table app.orders alter column amount type numeric(12,2)",
        "alter table app.orders alter column id type bigint, add extra text default 'x'",
        "alter table app.orders drop note",
        "create type app.mood as enum ('sad', 'happy'); alter table app.orders alter mood type app.mood using mood::app.mood",
        "alter type app.mood rename value 'sad' to 'low'; alter type app.mood add value 'high'",
        "alter table app.orders drop mood, drop extra",
        "alter table app.orders set unlogged",
      ];
      for (const [at, step] of steps.entries()) {
        await database.pool.query(step);
        await changeRows(session, 100 * (at + 1));
        const events = await takeEvents();
        assert.equal(events.length, 3 * ENOUGH_FOR_A_KEPT_PLAN, step);
        if (at > 0) assert.match(events[1]?.payload ?? "", /2\.00/, step);
      }
    });
  }

  test("a renamed column is followed, and capture_status says that capturing again is cheaper", async (t) => {
    const session = await openSession(t, database.url);
    await database.pool.query("create table app.orders (id int, amount int, note text)");
    await database.pool.query(`select postrider.capture('app.orders', 'order.changed',
      payload => $$ json_build_object('amount', new.amount, 'was', old.amount) $$, ordering_key => 'coalesce(new.id, old.id)')`);
    await changeRows(session, 0);
    const expected = (await takeEvents()).slice(0, 3);
    await database.pool.query(
      "alter table app.orders rename amount to total; alter table app.orders rename id to number",
    );
    await session.query(`insert into app.orders (number, total) values (0, 1)`);
    await session.query(`update app.orders set total = 2`);
    await session.query(`delete from app.orders`);
    assert.deepEqual(await takeEvents(), expected);
    assert.match(await problem(), /renamed or dropped.*: id, amount\. Capture it again/);
    await database.pool.query(`select postrider.capture('app.orders', 'order.changed', payload => 'new.total')`);
    assert.equal(await problem(), null);
  });

  test("a column that another takes the name of is that other, and a dropped one is null", async (t) => {
    const session = await openSession(t, database.url);
    await database.pool.query("create table app.orders (id int, amount int, note text)");
    await database.pool.query(`select postrider.capture('app.orders', 'order.changed', '{insert}',
      payload => $$ json_build_array(new.amount + 1, upper(new.note)) $$)`);
    await session.query("insert into app.orders values (1, 10, 'a')");
    await database.pool.query("alter table app.orders add cents bigint; update app.orders set cents = amount * 100");
    await database.pool.query(
      "alter table app.orders rename amount to old_amount; alter table app.orders rename cents to amount",
    );
    await session.query("insert into app.orders (id, amount, note) values (2, 2000, 'b')");
    await database.pool.query("alter table app.orders drop note");
    await session.query("insert into app.orders (id, amount) values (3, 3000)");
    await database.pool.query("alter table app.orders drop amount");
    await session.query("insert into app.orders (id) values (4)");
    assert.deepEqual(await takePayloads(), [
      [11, "A"],
      [2001, "B"],
      [3001, null],
      [null, null],
    ]);
  });

  test("an expression that does not fit the table any more stops no change, and each change is kept", async (t) => {
    const [session, watching] = [await openSession(t, database.url), await openSession(t, database.url)];
    await database.pool.query("create table app.orders (id int, amount int, note text)");
    await database.pool.query(
      "select postrider.capture('app.orders', 'order.changed', payload => 'coalesce(new.amount, old.amount) + 1')",
    );
    await changeRows(session, 0);
    await takeEvents();
    const warnings: string[] = [];
    session.on("notice", ({ message }) => warnings.push(message ?? ""));
    await database.pool.query("alter table app.orders alter column amount type text");
    await session.query("begin; insert into app.orders values (1, 'ten', 'a'); update app.orders set amount = 'two'");
    await session.query("delete from app.orders; commit");
    const kept = await rowsOf<{ event_type: string; payload: unknown }>(
      watching,
      "select event_type, payload from postrider.outbox order by seq",
    );
    const error = "operator does not exist: text + integer";
    assert.deepEqual(
      kept.map(({ event_type, payload }) => [event_type, payload]),
      [
        { operation: "insert", old: null, new: { id: 1, amount: "ten", note: "a" } },
        { operation: "update", old: { amount: "ten" }, new: { id: 1, amount: "two", note: "a" } },
        { operation: "delete", old: { id: 1, amount: "two", note: "a" }, new: null },
      ].map((change) => [
        "postrider.capture.failed",
        { event_type: "order.changed", error, change: { table: "app.orders", ...change } },
      ]),
    );
    assert.deepEqual(warnings, [`no event order.changed is made of changes of app.orders: ${error}`]);
    await takeEvents();
    // A value that an expression cannot take is no change of the table.
    await database.pool.query("alter table app.orders alter column amount type int using length(amount)");
    await session.query("insert into app.orders values (2, 8, 'b')");
    assert.deepEqual(await takePayloads(), [9]);
    await assert.rejects(session.query("insert into app.orders values (3, 2147483647, 'b')"), /integer out of range/);
    await database.pool.query("alter table app.orders alter column amount type date using '2026-11-01'");
    await database.pool.query(
      "select postrider.capture('app.orders', 'order.changed', '{insert}', payload => $$ (new.amount + 1)::text $$)",
    );
    await session.query("insert into app.orders values (4, '2026-11-29', 'c')");
    assert.deepEqual(await takePayloads(), ["2026-11-30"]);
  });

  test("a column of a type without equality leaves changes as they are, and a condition that it would fail is refused", async (t) => {
    const session = await openSession(t, database.url);
    const capture = (condition: string) =>
      database.pool.query("select postrider.capture('app.orders', 'order.changed', '{update}', $1, 'new.id')", [
        condition,
      ]);
    await database.pool.query("create table app.orders (id int, note text)");
    for (const condition of [
      "old.* is distinct from new.*",
      "old <> new",
      "new.id > 0 and not (old = new)",
      "nullif(new, old) is not null",
      "new.id > 0 and new >= old",
    ]) {
      await assert.rejects(capture(condition), /compares whole rows by value/, condition);
    }
    for (const condition of [
      "new.* *<> old.*",
      "(new.id, new.note) <> (old.id, old.note)",
      "to_jsonb(new) <> to_jsonb(old)",
    ]) {
      await database.pool.query("alter table app.orders drop if exists document, drop if exists place");
      await capture(condition);
      await session.query("delete from app.orders; insert into app.orders values (0, 'a')");
      for (let id = 0; id < ENOUGH_FOR_A_KEPT_PLAN; id += 1) await session.query("update app.orders set id = id + 1");
      await takeEvents();
      await database.pool.query(
        "alter table app.orders add document json default '{}', add place point default '(1, 1)'",
      );
      await session.query("update app.orders set id = 1; update app.orders set id = id");
      assert.deepEqual(await takePayloads(), [1], condition);
    }
  });

  test("only changes of a captured table can be noted as failed", async (t) => {
    const login = await createLogin(database, ["postrider_publisher"]);
    t.after(() => login.drop());
    const session = await openSession(t, login.url);
    await assert.rejects(
      session.query("select postrider_internal.note_failed_capture('order.changed', 'pg_class'::regclass, '{}', 'x')"),
      /are not captured as events "order.changed"/,
    );
  });

  test("a schema or table of another name, and a partition with its columns in another order, make the same events", async (t) => {
    const session = await openSession(t, database.url);
    await database.pool.query(`create table app.orders (id int, amount int, day int) partition by list (day);
      create table app.later (day int, gone text, amount int, id int); alter table app.later drop gone;
      create table app.orders_1 partition of app.orders for values in (1)`);
    await database.pool.query(`select postrider.capture('app.orders', 'order.changed', '{insert}',
      payload => 'json_build_array(new.id, new.amount)')`);
    await database.pool.query("alter table app.orders attach partition app.later for values in (2)");
    const insert = async (table: string) => {
      await session.query(`insert into ${table} values (7, 8, 1), (7, 8, 2)`);
      return takePayloads();
    };
    const expected = [
      [7, 8],
      [7, 8],
    ];
    assert.deepEqual(await insert("app.orders"), expected);
    await database.pool.query("alter table app.orders rename to purchases");
    assert.deepEqual(await insert("app.purchases"), expected);
    await database.pool.query("alter schema app rename to shop");
    try {
      assert.deepEqual(await insert("shop.purchases"), expected);
      await database.pool.query("alter table shop.purchases rename amount to total");
      assert.deepEqual(await insert("shop.purchases"), expected);
    } finally {
      await database.pool.query("alter schema shop rename to app");
    }
  });

  function problem(): Promise<string> {
    return askFor(database.pool, "select problem from postrider.capture_status") as Promise<string>;
  }
});

test("system columns, which the event's function does not see, are refused", async () => {
  await database.pool.query("create table app.thing (id int)");
  await assert.rejects(
    database.pool.query("select postrider.capture('app.thing', 'thing.changed', payload => 'new.tableoid::regclass')"),
    /one of these is not an expression over old and new: .*new/,
  );
  assert.equal(
    await askFor(database.pool, "select count(*)::int from pg_proc where proname ~ '^postrider_(capture|event)_'"),
    0,
  );
});

test("in a database whose language has another i, operations have their usual names", async (t) => {
  const name = `${database.name}_turkish`;
  await database.pool.query(
    `create database ${name} template template0 locale_provider icu icu_locale 'tr-TR' encoding utf8 locale 'C'`,
  );
  t.after(() => database.pool.query(`drop database ${name} with (force)`));
  const url = new URL(database.url);
  url.pathname = name;
  await installSchema(url.href);
  const session = await openSession(t, url.href);
  await session.query(`create table public.orders (id int);
    select postrider.capture('public.orders', 'order.changed', payload => null);
    insert into public.orders values (1); update public.orders set id = 2; delete from public.orders`);
  assert.equal(
    await askFor(session, "select string_agg(payload ->> 'operation', ' ' order by seq) from postrider.outbox"),
    "insert update delete",
  );
  assert.deepEqual(await askFor(session, "select operations from postrider.capture_status"), [
    "insert",
    "update",
    "delete",
  ]);
  await session.query("select postrider.create_endpoint('https://receiver.test/hook')");
  await session.query("update postrider.endpoint set timeout_ms = 9000");
  assert.deepEqual(
    await askFor(
      session,
      "select array_agg(action order by at, action) from postrider.audit where action ~ 'endpoint'",
    ),
    ["create_endpoint", "update endpoint"],
  );
});
