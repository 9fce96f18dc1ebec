/**
 * Row changes that become events. An owner of tables captures them; a writer without rights on the outbox changes the
 * rows.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import pg from "pg";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { askFor, rowsOf, type Session } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";

const PAID = "new.status = 'paid' and old.status is distinct from 'paid'";

let database: TestDatabase;
let ownerLogin: Login;
let writerLogin: Login;
let owner: pg.Client;
let writer: pg.Client;
let version: number;

before(async () => {
  database = await createDatabase();
  ownerLogin = await createLogin(database, ["postrider_publisher"]);
  writerLogin = await createLogin(database);
  owner = new pg.Client(ownerLogin.url);
  writer = new pg.Client(writerLogin.url);
  await Promise.all([owner.connect(), writer.connect()]);
  version = Number(await askFor(owner, "select current_setting('server_version_num')"));
});

after(async () => {
  await Promise.all([owner.end(), writer.end()]);
  await ownerLogin.drop();
  await writerLogin.drop();
  await database.drop();
});

beforeEach(async () => {
  await database.pool.query(`
    truncate postrider.outbox;
    drop schema if exists app cascade;
    create schema app authorization ${ownerLogin.name}`);
  await owner.query(`
    set search_path = app;
    alter default privileges in schema app grant select, insert, update, delete, truncate on tables to ${writerLogin.name};
    grant usage on schema app to ${writerLogin.name};
    create table app.orders (id bigint primary key, status text, amount numeric, note text)`);
  await writer.query("reset all; set search_path = app");
});

/** Every column of an event that its capture decides. */
interface Captured {
  readonly event_type: string;
  readonly payload: string;
  readonly ordering_key: string | null;
  readonly tenant: string;
}

function captured(): Promise<Captured[]> {
  return rowsOf<Captured>(
    database.pool,
    "select event_type, payload::text, ordering_key, tenant from postrider.outbox order by seq",
  );
}

async function payloads(): Promise<unknown[]> {
  return (await captured()).map(({ payload }) => JSON.parse(payload));
}

/** `insert 1`, `update 1`: the operation and the id of the row. */
async function changes(): Promise<string[]> {
  return rowsOf<{ change: string }>(
    database.pool,
    `select payload ->> 'operation' || ' ' || coalesce(payload -> 'new' ->> 'id', payload -> 'old' ->> 'id') as change
     from postrider.outbox order by seq`,
  ).then((rows) => rows.map(({ change }) => change));
}

/** Asserts that a statement fails with this code, and that message, detail or hint match all the patterns. */
async function refuses(session: Session, statement: string, code: string, ...texts: readonly RegExp[]): Promise<void> {
  await assert.rejects(session.query(statement), (thrown: unknown) => {
    assert.ok(thrown instanceof pg.DatabaseError);
    const said = [thrown.message, thrown.detail, thrown.hint, thrown.where].join("\n");
    assert.equal(thrown.code, code, said);
    for (const text of texts) assert.match(said, text);
    return true;
  });
}

describe("the default payload", () => {
  test("holds the full new row and the changed columns of the old one; an unchanged row makes no event", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await writer.query("insert into orders values (1, 'new', 10, 'a')");
    await writer.query("update orders set status = 'paid', note = null where id = 1");
    await writer.query("update orders set status = 'paid' where id = 1");
    await writer.query("delete from orders");
    assert.deepEqual(await payloads(), [
      {
        operation: "insert",
        table: "app.orders",
        old: null,
        new: { id: 1, status: "new", amount: 10, note: "a" },
      },
      {
        operation: "update",
        table: "app.orders",
        old: { status: "new", note: "a" },
        new: { id: 1, status: "paid", amount: 10, note: null },
      },
      {
        operation: "delete",
        table: "app.orders",
        old: { id: 1, status: "paid", amount: 10, note: null },
        new: null,
      },
    ]);
  });

  test("keeps the digits of numbers", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await writer.query("insert into orders (id, amount) values (9223372036854775807, 12345678901234567890.10)");
    const [event] = await captured();
    assert.match(event?.payload ?? "", /9223372036854775807.*12345678901234567890\.10/);
  });

  test("notices changes in a type without equality, and a number that changed only in its digits", async () => {
    await owner.query("create table app.things (id int, at point, data json, n numeric)");
    await owner.query("select postrider.capture('things', 'thing.changed', '{update}')");
    await writer.query(`insert into things values (1, '(1,2)', '{"a": 1}', 1.0)`);
    await writer.query(`update things set at = '(1,2)', data = '{"a": 1}', n = 1.0`);
    assert.deepEqual(await payloads(), []);
    await writer.query(`update things set n = 1.00`);
    await writer.query(`update things set data = '{"a": 2}'`);
    assert.deepEqual(
      (await captured()).map(({ payload }) => JSON.parse(payload).old),
      [{ n: 1 }, { data: { a: 1 } }],
    );
  });

  test("covers a table with a hundred columns, including stored generated ones", async () => {
    const columns = Array.from({ length: 99 }, (_, at) => `c${at} int default ${at}`).join(", ");
    await owner.query(
      `create table app.wide (id int primary key, ${columns}, sum int generated always as (c1 + c2) stored)`,
    );
    await owner.query("select postrider.capture('wide', 'wide.changed', condition => 'new.sum > 10')");
    await writer.query("insert into wide (id) values (1)");
    await writer.query("update wide set c2 = 50");
    const [event] = (await payloads()) as { old: object; new: object }[];
    assert.deepEqual(event?.old, { c2: 2, sum: 3 });
    assert.equal(Object.keys(event?.new ?? {}).length, 101);
    assert.equal((await payloads()).length, 1);
  });

  test("handles columns that are named old and new", async () => {
    await owner.query(`create table app.named ("new" int, old int, "table" int);
      select postrider.capture('named', 'named.changed');
      select postrider.capture('named', 'named.paid', condition => 'new.new > old.old', payload => 'json_build_array(new.new, old.old)')`);
    await writer.query("insert into named values (1, 2, 3)");
    await writer.query("update named set new = 4");
    assert.deepEqual(await payloads(), [
      { operation: "insert", table: "app.named", old: null, new: { new: 1, old: 2, table: 3 } },
      { operation: "update", table: "app.named", old: { new: 1 }, new: { new: 4, old: 2, table: 3 } },
      [4, 2],
    ]);
    await owner.query('alter table app.named rename old to former; alter table app.named rename "new" to latter');
    await writer.query("update named set latter = 5");
    assert.deepEqual((await payloads()).slice(3), [
      { operation: "update", table: "app.named", old: { latter: 4 }, new: { latter: 5, former: 2, table: 3 } },
      [5, 2],
    ]);
  });

  test("handles quoted names and composite keys, also when the key changes", async () => {
    await owner.query(`create table app."Odd ""table'" ("a b" int, "c'""d" text, primary key ("a b", "c'""d"))`);
    await owner.query(`select postrider.capture('"Odd ""table''"', 'odd.changed', payload => null,
      ordering_key => 'coalesce(new."c''""d", old."c''""d")')`);
    await writer.query(`insert into "Odd ""table'" values (1, 'x'), (2, 'y')`);
    await writer.query(`update "Odd ""table'" set "a b" = 3 - "a b", "c'""d" = "c'""d" || 'z'`);
    assert.deepEqual(
      (await captured()).map(({ payload, ordering_key }) => [JSON.parse(payload).old, ordering_key]),
      [
        [null, "x"],
        [null, "y"],
        [{ "a b": 1, "c'\"d": "x" }, "xz"],
        [{ "a b": 2, "c'\"d": "y" }, "yz"],
      ],
    );
    assert.equal((JSON.parse((await captured())[0]?.payload ?? "") as { table: string }).table, `app.Odd "table'`);
    await owner.query(`select postrider.uncapture('"Odd ""table''"', 'odd.changed')`);
    assert.deepEqual(await functionsLeft(), []);
  });
});

describe("a condition", () => {
  test("over old and new selects changes; old is null for an insert, and new for a delete", async () => {
    await owner.query("select postrider.capture('orders', 'order.paid', condition => $1)", [PAID]);
    await writer.query("insert into orders (id, status) values (1, 'new'), (2, 'paid')");
    await writer.query("update orders set note = 'n'");
    await writer.query("update orders set status = 'paid'");
    await writer.query("delete from orders");
    assert.deepEqual(await changes(), ["insert 2", "update 1"]);
  });

  test("may query other tables, with the rights of the captured table's owner", async () => {
    await owner.query("create table app.vip (id bigint)");
    await owner.query(`revoke all on vip from ${writerLogin.name}`);
    await owner.query("insert into vip values (2)");
    await owner.query(`select postrider.capture('orders', 'order.vip', '{insert}',
      condition => 'exists (select from vip v where v.id = new.id) -- the important ones')`);
    await writer.query("insert into orders (id) values (1), (2)");
    assert.deepEqual(await changes(), ["insert 2"]);
  });

  test("that is null does not match", async () => {
    await owner.query(
      "select postrider.capture('orders', 'order.big', '{insert,delete}', condition => 'new.amount > 10')",
    );
    await owner.query(
      "select postrider.capture('orders', 'order.gone', '{insert,delete}', condition => 'old.amount > 10')",
    );
    await writer.query("insert into orders (id) values (1)");
    await writer.query("delete from orders");
    assert.deepEqual(await changes(), []);
  });

  test("that raises an error fails the change, and the error says what failed", async () => {
    await owner.query("select postrider.capture('orders', 'order.ratio', condition => '1 / new.amount > 0')");
    await owner.query(
      "select postrider.capture('orders', 'order.key', payload => 'new.id', ordering_key => '(1 / (new.id - 7))::text')",
    );
    await refuses(writer, "insert into orders (id, amount) values (1, 0)", "22012");
    await refuses(writer, "insert into orders (id, amount) values (7, 1)", "22012", /postrider_capture_order_key/);
    assert.deepEqual(await captured(), []);
  });
});

test("payload, ordering key and tenant are expressions", async () => {
  await owner.query(`select postrider.capture('orders', 'order.changed', payload => 'json_build_object(''n'', new.amount)',
    ordering_key => 'new.id', tenant => 'new.note')`);
  await writer.query("insert into orders (id, amount, note) values (7, 1.50, 'acme'), (8, null, null)");
  await writer.query("delete from orders where id = 8");
  assert.deepEqual(await captured(), [
    { event_type: "order.changed", payload: '{"n" : 1.50}', ordering_key: "7", tenant: "acme" },
    { event_type: "order.changed", payload: '{"n" : null}', ordering_key: "8", tenant: "" },
    { event_type: "order.changed", payload: '{"n" : null}', ordering_key: null, tenant: "" },
  ]);
});

test("a payload that is null is the JSON null", async () => {
  await owner.query("select postrider.capture('orders', 'order.noted', payload => 'new.note')");
  await writer.query("insert into orders (id) values (1)");
  assert.deepEqual(await payloads(), [null]);
});

describe("every way to change rows is seen:", () => {
  beforeEach(() => owner.query("select postrider.capture('orders', 'order.changed')"));

  test("COPY", async () => {
    // COPY from the client would need another package, so the server reads from a program, as a superuser.
    await database.pool.query(
      "copy app.orders (id, status) from program 'printf \"1,new\\\\n2,paid\\\\n\"' (format csv)",
    );
    assert.deepEqual(await changes(), ["insert 1", "insert 2"]);
  });

  test("on conflict", async () => {
    await writer.query("insert into orders (id, status) values (1, 'new')");
    await writer.query(`insert into orders (id, status) values (1, 'paid'), (2, 'paid')
      on conflict (id) do update set status = excluded.status`);
    await writer.query("insert into orders (id, status) values (1, 'lost') on conflict do nothing");
    assert.deepEqual((await changes()).sort(), ["insert 1", "insert 2", "update 1"]);
  });

  test("merge", async () => {
    await writer.query("insert into orders (id, status) values (1, 'new'), (2, 'new')");
    await writer.query(`merge into orders o using (values (1), (2), (3)) v (id) on o.id = v.id
      when matched and v.id = 1 then update set status = 'paid'
      when matched then delete
      when not matched then insert (id) values (v.id)`);
    assert.deepEqual((await changes()).slice(2).sort(), ["delete 2", "insert 3", "update 1"]);
  });

  test("a rollback to a savepoint leaves no event", async () => {
    await writer.query(
      "begin; insert into orders (id) values (1); savepoint s; insert into orders (id) values (2); rollback to s; commit",
    );
    assert.deepEqual(await changes(), ["insert 1"]);
  });

  test("truncate is refused with the reason while deletes are captured, and is allowed otherwise", async () => {
    await refuses(
      writer,
      "truncate orders",
      "55000",
      /cannot truncate app\.orders/,
      /uncapture\('app\.orders', 'order\.changed'\)/,
    );
    await owner.query("select postrider.capture('orders', 'order.changed', '{insert,update}')");
    await writer.query("truncate orders");
  });
});

describe("partitions and inheritance:", () => {
  test("a partitioned table is captured with all its partitions, including later ones, by whichever name rows are changed", async () => {
    await owner.query(`create table app.parted (id int, day int) partition by list (day);
      create table app.parted_1 partition of app.parted for values in (1)`);
    await owner.query("select postrider.capture('parted', 'part.changed')");
    await owner.query(`create table app.parted_2 (id int, day int);
      alter table app.parted attach partition app.parted_2 for values in (2)`);
    await writer.query("insert into parted values (1, 1)");
    await writer.query("insert into parted_2 values (2, 2)");
    await writer.query("update parted set id = 3 where id = 2");
    await writer.query("update parted set day = 2 where id = 1");
    assert.deepEqual((await changes()).slice(0, 3), ["insert 1", "insert 2", "update 3"]);
    // another partition, because Postgres fires row triggers that way
    assert.deepEqual((await changes()).slice(3).sort(), ["delete 1", "insert 1"]);
    assert.deepEqual(
      ((await payloads()) as { table: string }[]).map(({ table }) => table),
      Array(5).fill("app.parted"),
    );
    assert.equal(await askFor(owner, "select count(*)::int from pg_trigger where tgname ~ '^postrider_insert'"), 3);
    await owner.query("select postrider.uncapture('parted', 'part.changed')");
    assert.equal(await askFor(owner, "select count(*)::int from pg_trigger where tgname ~ '^postrider_'"), 0);
  });

  test("updates with either inserts or deletes of a partitioned table are refused, because a row that moves is both", async () => {
    await owner.query("create table app.parted (id int, day int) partition by list (day)");
    for (const other of ["insert", "delete"]) {
      await refuses(
        owner,
        `select postrider.capture('parted', 'part.changed', '{update,${other}}')`,
        "0A000",
        /moves a row to another partition/,
        /update alone/,
      );
    }
  });

  describe("an update is one event, also if it moves the row to another partition:", () => {
    beforeEach(async () => {
      await owner.query(`create table app.parted (id int, day int, note text) partition by list (day);
        create table app.parted_1 partition of app.parted for values in (1);
        create table app.later (note text, gone int, day int, id int); alter table app.later drop gone`);
    });

    async function capture(rest: string): Promise<void> {
      await owner.query(`select postrider.capture('parted', 'part.changed', '{update}', ${rest})`);
      await owner.query("alter table app.parted attach partition app.later for values in (2)");
      await writer.query("insert into parted values (1, 1, 'a'), (2, 2, 'b'), (3, 1, 'c')");
      assert.deepEqual(await captured(), []);
    }

    test("with the rows as they were and are", async () => {
      await capture("ordering_key => 'new.id'");
      await writer.query(
        "update parted set day = 3 - day, note = note || 'x' where id < 3; delete from parted where id = 3",
      );
      await writer.query("update later set note = 'y' where id = 1");
      const event = (id: number, old: object, now: object) => [
        String(id),
        { operation: "update", table: "app.parted", old, new: { id, ...now } },
      ];
      assert.deepEqual(
        (await captured()).map(({ payload, ordering_key }) => [ordering_key, JSON.parse(payload)]),
        [
          event(1, { day: 1, note: "a" }, { day: 2, note: "ax" }),
          event(2, { day: 2, note: "b" }, { day: 1, note: "bx" }),
          event(1, { note: "ax" }, { day: 2, note: "y" }),
        ],
      );
    });

    test("in a merge that inserts and deletes as well; and a row that is deleted and inserted makes none", async () => {
      await capture("payload => 'json_build_array(old.id, old.day, new.day)'");
      await writer.query(`merge into parted p using (values (1), (2), (3), (4)) v (id) on p.id = v.id
        when matched and v.id = 1 then update set day = 2
        when matched and v.id = 2 then delete
        when matched then update set day = 2
        when not matched then insert values (v.id, 1)`);
      const moved = [
        [1, 1, 2],
        [3, 1, 2],
      ];
      assert.deepEqual(((await payloads()) as number[][]).sort(), moved);
      await writer.query(
        "with gone as (delete from parted where id = 1 returning id) insert into parted select id, 1 from gone",
      );
      assert.equal((await payloads()).length, 2);
    });

    test("by the condition, and for each capture of the table", async () => {
      await capture("condition => $$ new.note <> 'c' $$, payload => $$ 'one'::text $$");
      await owner.query(`select postrider.capture('parted', 'part.moved', '{update}',
        condition => 'old.day <> new.day', payload => $$ 'two'::text $$)`);
      await writer.query("update parted set day = 3 - day");
      assert.deepEqual(((await payloads()) as string[]).sort(), ["one", "one", "two", "two", "two"]);
      await owner.query("select postrider.uncapture('parted', 'part.changed')");
      await owner.query("select postrider.uncapture('parted', 'part.moved')");
      await writer.query("update parted set day = 3 - day");
      assert.equal((await payloads()).length, 5);
      assert.equal(await askFor(owner, "select count(*)::int from pg_trigger where tgname ~ 'postrider_'"), 0);
      assert.deepEqual(await functionsLeft(), []);
    });

    test("whatever triggers of the table's own do before it", async () => {
      await capture("payload => 'json_build_array(old.id, old.day, new.day)'");
      await owner.query(`create function app.touch() returns trigger language plpgsql as $$
        begin update app.parted set note = note || '!' where id = 3; return new; end $$;
        create trigger z_min_update before update on app.parted for each row
          execute function suppress_redundant_updates_trigger();
        create trigger z_touch before update on app.parted for each row when (old.day <> new.day) execute function app.touch()`);
      await writer.query("update parted set day = 2 where id = 1");
      assert.deepEqual(((await payloads()) as number[][]).sort(), [
        [1, 1, 2],
        [3, 1, 1],
      ]);
      await writer.query(
        "begin; update parted set note = note where id = 2; delete from parted where id = 2; insert into parted values (4, 1); commit",
      );
      assert.equal((await payloads()).length, 2);
    });

    test("whatever rows of the table are changed meanwhile, by triggers of its own", async () => {
      await capture("payload => 'json_build_array(old.id, old.day, new.day)'");
      await owner.query(`create function app.meddle() returns trigger language plpgsql as $$
        begin
          if pg_trigger_depth() = 1 and tg_op = 'DELETE' and tg_when = 'BEFORE' then
            update app.parted set note = note || '!' where id = 2;
          elsif pg_trigger_depth() = 1 and tg_op = 'DELETE' then
            update app.parted set day = 3 - day where id = 3;
          elsif pg_trigger_depth() = 1 then
            insert into app.parted values (4, 1);
          end if;
          return case when tg_op = 'DELETE' then old else new end;
        end $$`);
      for (const [name, event] of [
        ["z_before_delete", "before delete"],
        ["z_before_insert", "before insert"],
        ["z_after_delete", "after delete"],
      ] as const) {
        await owner.query(`create trigger ${name} ${event} on app.parted for each row execute function app.meddle()`);
      }
      await writer.query("update parted set day = 2 where id = 1");
      assert.deepEqual(((await payloads()) as number[][]).sort(), [
        [1, 1, 2],
        [2, 2, 2],
        [3, 1, 2],
      ]);
    });

    test("unless it is rolled back", async () => {
      await capture("payload => 'new.id'");
      await writer.query(`begin; savepoint s; update parted set day = 2 where id = 1; rollback to s;
        insert into parted values (9, 1); delete from parted where id in (1, 9); commit`);
      assert.deepEqual(await captured(), []);
    });

    test("but a role that may not update the table cannot pretend that a row has moved", async () => {
      await capture("payload => 'new.id'");
      await owner.query(`revoke update on parted, parted_1, later from ${writerLogin.name}`);
      const setting = await askFor(
        owner,
        "select substring(pg_get_triggerdef(oid) from 'postrider.moving_[0-9a-f]+') from pg_trigger where tgname ~ '^postrider_arrive' limit 1",
      );
      await writer.query("select set_config($1, 'left', false)", [`${setting}_1`]);
      await refuses(writer, "insert into parted values (8, 1)", "22P02", /may not update/);
      await writer.query("select set_config($1, '', false)", [`${setting}_1`]);
    });

    test("also where columns have been renamed since", async () => {
      await capture("condition => $$ new.note <> 'c' $$, payload => 'json_build_array(old.day, new.day, new.note)'");
      await owner.query("alter table app.parted rename note to remark; alter table app.parted rename id to number");
      await writer.query("update parted set day = 3 - day");
      assert.deepEqual(await payloads(), [
        [1, 2, "a"],
        [2, 1, "b"],
      ]);
    });
  });

  test("a table that others inherit from is refused, and one that inherits is captured", async () => {
    await owner.query("create table app.child () inherits (app.orders)");
    await refuses(owner, "select postrider.capture('orders', 'order.changed')", "0A000", /inherit from it/);
    await owner.query("select postrider.capture('child', 'order.changed')");
    await writer.query("insert into child (id) values (1)");
    await writer.query("update orders set status = 'paid'");
    assert.deepEqual(await changes(), ["insert 1", "update 1"]);
  });
});

describe("what cannot be captured correctly is refused with the reason:", () => {
  test("every table of Postrider and of the catalog, but not another table in the same schema", async () => {
    const tables = await rowsOf<{ name: string }>(
      database.pool,
      "select oid::regclass as name from pg_class where relnamespace = 'postrider'::regnamespace and relkind in ('r', 'p')",
    );
    assert.ok(tables.length > 20);
    for (const { name } of tables) {
      await refuses(database.pool, `select postrider.capture('${name}', 'a.b')`, "0A000", /part of Postrider/);
    }
    await refuses(database.pool, "select postrider.capture('pg_class', 'a.b')", "0A000", /part of PostgreSQL/);
    await database.pool.query(
      "create table postrider.mine (id int); select postrider.capture('postrider.mine', 'a.b')",
    );
    await database.pool.query("select postrider.uncapture('postrider.mine', 'a.b'); drop table postrider.mine");
  });

  test("views, temporary tables, virtual generated columns", async () => {
    await owner.query("create view app.seen as select id from app.orders; create temporary table passing (id int)");
    await refuses(owner, "select postrider.capture('seen', 'a.b')", "0A000", /not a table of this database/);
    await refuses(owner, "select postrider.capture('passing', 'a.b')", "0A000", /temporary/);
    if (version < 180_000) return;
    await owner.query("alter table app.orders add twice numeric generated always as (amount * 2) virtual");
    await refuses(
      owner,
      "select postrider.capture('orders', 'a.b')",
      "0A000",
      /virtual generated columns twice/,
      /stored/,
    );
  });

  test("unknown operations, and truncate", async () => {
    await refuses(
      owner,
      "select postrider.capture('orders', 'a.b', '{insert,truncate}')",
      "0A000",
      /does not say which rows/,
    );
    await refuses(
      owner,
      "select postrider.capture('orders', 'a.b', '{upsert}')",
      "0A000",
      /upsert/,
      /insert, update and delete/,
    );
    await refuses(owner, "select postrider.capture('orders', 'a.b', '{}')", "0A000", /insert, update and delete/);
    await refuses(owner, "select postrider.capture('orders', 'a.b', null)", "0A000", /insert, update and delete/);
  });

  test("an invalid event type", async () => {
    await refuses(owner, "select postrider.capture('orders', 'a..b')", "22023", /not an event type/);
    await refuses(owner, "select postrider.capture('orders', null)", "22023", /not an event type/);
  });

  test("anything but a single expression over old and new, of the right type", async () => {
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ["condition", "new.missing > 1", /new\.missing does not exist/],
      ["condition", "status = 'paid'", /ambiguous/],
      ["condition", "new.amount", /must be type boolean/],
      ["condition", "true); drop table app.orders; select (true", /syntax error/],
      ["condition", "true) then 1 end; drop table app.orders; select case when (true", /multi-query/],
      ["condition", "", /syntax error/],
      ["condition", "true), (true", /syntax error/],
      ["payload", "new.id), (new.id", /to_json\(bigint, bigint\) does not exist/],
      ["payload", "new.id from orders", /syntax error/],
      ["ordering_key", "row(new.id, ", /syntax error/],
      ["tenant", "other.id", /missing FROM-clause entry/],
    ];
    for (const [argument, expression, reason] of cases) {
      await refuses(
        owner,
        `select postrider.capture('orders', 'a.b', ${argument} => ${pg.escapeLiteral(expression)})`,
        "22023",
        new RegExp(`${argument} is not an expression`),
        reason,
      );
    }
    assert.deepEqual(await status(), []);
    assert.deepEqual(await functionsLeft(), []);
  });
});

describe("when the table changes:", () => {
  test("an added column appears in the payload, and a dropped one disappears", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await owner.query("alter table app.orders add extra int default 5; alter table app.orders drop note");
    await writer.query("insert into orders (id) values (1)");
    await writer.query("update orders set extra = 6");
    assert.deepEqual(await payloads(), [
      { operation: "insert", table: "app.orders", old: null, new: { id: 1, status: null, amount: null, extra: 5 } },
      {
        operation: "update",
        table: "app.orders",
        old: { extra: 5 },
        new: { id: 1, status: null, amount: null, extra: 6 },
      },
    ]);
  });

  test("a condition follows a renamed column, and a column that it names cannot be dropped", async () => {
    await owner.query("select postrider.capture('orders', 'order.paid', '{update}', condition => $1)", [PAID]);
    await owner.query("alter table app.orders rename status to phase");
    await writer.query("insert into orders (id) values (1)");
    await writer.query("update orders set phase = 'paid'");
    assert.deepEqual(await changes(), ["update 1"]);
    await refuses(owner, "alter table app.orders drop phase", "2BP01", /postrider_update_order_paid/);
  });

  test("an expression follows a renamed column, and a new capture names it as it is", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed', payload => 'new.note')");
    await owner.query("alter table app.orders rename note to remark");
    await writer.query("insert into orders (id, remark) values (1, 'old')");
    await refuses(
      owner,
      "select postrider.capture('orders', 'order.changed', payload => 'new.note')",
      "22023",
      /note does not exist/,
    );
    await owner.query("select postrider.capture('orders', 'order.changed', payload => 'new.remark')");
    await writer.query("insert into orders (id, remark) values (2, 'r')");
    assert.deepEqual(await payloads(), ["old", "r"]);
    assert.equal((await functionsLeft()).length, 2);
  });

  test("a renamed table stays captured, and a new table of the old name is captured separately", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await owner.query("alter table app.orders rename to purchases; create table app.orders (id bigint)");
    await owner.query("select postrider.capture('orders', 'order.changed', '{insert}', payload => '''other''::text')");
    await writer.query("insert into purchases (id) values (1)");
    await writer.query("insert into orders (id) values (2)");
    assert.deepEqual(((await payloads())[0] as { operation: string }).operation, "insert");
    assert.equal((await payloads())[1], "other");
  });

  test("a dropped table takes its captures with it, and the next capture deletes the functions left over", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await owner.query("drop table app.orders; create table app.orders (id int)");
    assert.deepEqual(await status(), []);
    await owner.query("select postrider.capture('orders', 'order.changed')");
    assert.equal((await functionsLeft()).length, 2);
  });
});

describe("captures of a table", () => {
  test("are listed, several of them, and a new one replaces that of the same type", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await owner.query("select postrider.capture('orders', 'order.paid', '{update,insert}', $1, $2, $3, $4)", [
      PAID,
      "new.id -- é",
      "new.id",
      "'acme'",
    ]);
    await owner.query("select postrider.capture('orders', 'order.changed', '{delete}')");
    assert.deepEqual(await status(), [
      {
        table_name: "app.orders",
        event_type: "order.changed",
        operations: ["delete"],
        condition: null,
        payload: null,
        ordering_key: null,
        tenant: null,
        runs_as: ownerLogin.name,
        problem: null,
      },
      {
        table_name: "app.orders",
        event_type: "order.paid",
        operations: ["insert", "update"],
        condition: PAID,
        payload: "new.id -- é",
        ordering_key: "new.id",
        tenant: "'acme'",
        runs_as: ownerLogin.name,
        problem: null,
      },
    ]);
  });

  test("end with uncapture, which lists the captures if the one named does not exist", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await refuses(
      owner,
      "select postrider.uncapture('orders', 'order.chagned')",
      "42704",
      /Captured from it: order\.changed\./,
    );
    await owner.query("select postrider.uncapture('orders', 'order.changed')");
    await writer.query("insert into orders (id) values (1); truncate orders");
    assert.deepEqual(await captured(), []);
    assert.deepEqual(await functionsLeft(), []);
  });

  test("are kept apart if their event types begin alike or are very long", async () => {
    const long = "order.".concat("x".repeat(240));
    for (const type of [`${long}1`, `${long}2`, "order.paid", "order_paid", "order/paid", "order-paid", "order:paid"]) {
      await owner.query("select postrider.capture('orders', $1, '{insert}')", [type]);
    }
    await writer.query("insert into orders (id) values (1)");
    assert.equal(new Set((await captured()).map(({ event_type }) => event_type)).size, 7);
  });
});

describe("rights:", () => {
  test("a role that changes rows needs no rights on the outbox, and gets none", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await writer.query("insert into orders (id) values (1)");
    await refuses(writer, "insert into postrider.outbox (event_type, payload) values ('a.b', '1')", "42501");
    await refuses(writer, "select postrider.capture('orders', 'a.b')", "42501");
  });

  test("a publisher who does not own the table is refused, whatever other rights he has on it", async (t) => {
    const other = await createLogin(database, ["postrider_publisher"]);
    const session = new pg.Client(other.url);
    await session.connect();
    t.after(async () => {
      await session.end();
      await other.drop();
    });
    await owner.query(`grant usage, create on schema app to ${other.name}; grant all on app.orders to ${other.name}`);
    await refuses(session, "select postrider.capture('app.orders', 'a.b')", "42501", /does not own it/);
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await refuses(session, "select postrider.uncapture('app.orders', 'order.changed')", "42501");

    // The owner's function on another role's table would turn that role's rows into the owner's events.
    const fn = await askFor(
      database.pool,
      "select min(tgfoid)::regproc::text from pg_trigger where tgname ~ '^postrider_insert'",
    );
    await session.query("create table app.forged (id int)");
    await refuses(
      session,
      `create trigger forged after insert on app.forged for each row execute function ${fn}('a.b', '', '', '', '', 'when')`,
      "42501",
    );
  });

  test("what a superuser captures acts with the rights of the table's owner", async () => {
    await database.pool.query("select postrider.capture('app.orders', 'order.changed', payload => 'current_user')");
    await writer.query("insert into orders (id) values (1)");
    assert.deepEqual(await payloads(), [ownerLogin.name]);
  });

  test("an owner who is not a publisher is refused, and one who no longer is shows up in the status", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await database.pool.query(`revoke postrider_publisher from ${ownerLogin.name}`);
    try {
      assert.match(String((await status())[0]?.problem), /may not insert events.*grant postrider_publisher to/);
      await refuses(writer, "insert into orders (id) values (1)", "42501", /schema postrider/);
      await refuses(
        database.pool,
        "select postrider.capture('app.orders', 'a.b')",
        "42501",
        /grant postrider_publisher to/,
      );
    } finally {
      await database.pool.query(`grant postrider_publisher to ${ownerLogin.name}`);
    }
  });

  test("disabled triggers and a new owner show up in the status", async () => {
    await owner.query("select postrider.capture('orders', 'order.changed')");
    await owner.query("alter table app.orders disable trigger user");
    assert.match(String((await status())[0]?.problem), /triggers are disabled/);
    await owner.query("alter table app.orders enable trigger user");
    await database.pool.query("alter table app.orders owner to current_user");
    assert.match(String((await status())[0]?.problem), /now belongs to/);
  });

  test("none of the writer's code runs with the owner's rights: search_path, temporary tables, operators", async () => {
    await owner.query("create table app.vip (id bigint)");
    await owner.query(`select postrider.capture('orders', 'order.vip', '{insert}',
      condition => 'exists (select from vip where vip.id = new.id)', payload => 'lower(new.status) || current_user')`);
    await writer.query("create temporary table vip as select 1::bigint as id; set search_path = pg_temp, app");
    await writer.query(`
      create function pg_temp.lower(text) returns text language sql return 'taken over';
      create function pg_temp.equals(bigint, bigint) returns boolean language sql return true;
      create operator pg_temp.= (function = pg_temp.equals, leftarg = bigint, rightarg = bigint);
      insert into app.orders (id, status) values (1, 'A')`);
    assert.deepEqual(await captured(), []);
    await owner.query("insert into vip values (1)");
    await writer.query("delete from app.orders; insert into app.orders (id, status) values (1, 'A')");
    assert.deepEqual(await payloads(), [`a${ownerLogin.name}`]);
    await writer.query("discard temp");
  });

  test("expressions resolve names by the owner's search_path, whatever the writer's is", async () => {
    await owner.query("create function app.label(bigint) returns text language sql return 'label ' || $1");
    await owner.query(`select postrider.capture('orders', 'order.changed', '{insert}', payload => 'label(new.id)',
      condition => 'label(new.id) <> ''label 2''')`);
    await writer.query("set search_path = pg_catalog");
    await writer.query("insert into app.orders (id) values (1), (2)");
    assert.deepEqual(await payloads(), ["label 1"]);
  });
});

function status(): Promise<Record<string, unknown>[]> {
  return rowsOf(
    database.pool,
    `select table_name::text, event_type, operations, condition, payload, ordering_key, tenant, runs_as::text, problem
     from postrider.capture_status order by event_type`,
  );
}

function functionsLeft(): Promise<{ name: string }[]> {
  return rowsOf<{ name: string }>(
    database.pool,
    "select proname as name from pg_proc where proname ~ '^postrider_(capture|event)_' order by 1",
  );
}
