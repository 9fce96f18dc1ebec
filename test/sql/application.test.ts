import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type pg from "pg";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  askFor,
  claimAll,
  createEndpoint,
  eventsOf,
  insertEvent,
  insertEvents,
  openSession,
  pidOf,
  reset,
  rowsOf,
  waitsForLock,
} from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";

const GATE = "1886352244, 2";

let database: TestDatabase;
let login: Login;

before(async () => {
  database = await createDatabase();
  login = await createLogin(database, ["postrider_publisher"]);
});

after(async () => {
  await login.drop();
  await database.drop();
});

beforeEach(() => reset(database.pool));

describe("a deliver_at", () => {
  const later = (time: string) =>
    database.pool.query(
      "insert into postrider.outbox (event_type, payload, deliver_at) values ('order.paid', '1', $1)",
      [time],
    );

  test("beyond the retention is refused, and one within it is not", async (t) => {
    for (const time of ["infinity", new Date(Date.now() + 31 * DAY_MS).toISOString()]) {
      await assert.rejects(later(time), /cannot insert an event that is due at /);
    }
    await later(new Date(Date.now() + 29 * DAY_MS).toISOString());
    await database.pool.query("update postrider.retention set period = '1 day'");
    t.after(() => database.pool.query("update postrider.retention set period = '30 days'"));
    await assert.rejects(later(new Date(Date.now() + 2 * DAY_MS).toISOString()), /cannot insert an event/);
    await later("-infinity");
  });
});

const DAY_MS = 86_400_000;

describe("a repeated idempotency key", () => {
  test("with another type or payload warns, and says nothing of either", async (t) => {
    const session = await openSession(t, database.url);
    const warnings: string[] = [];
    session.on("notice", ({ message, detail }) => warnings.push(`${message} ${detail}`));
    const insert = (type: string, payload: string) =>
      session.query("insert into postrider.outbox (event_type, payload, idempotency_key) values ($1, $2, 'k')", [
        type,
        payload,
      ]);
    await insert("order.paid", '{"a": 1, "secret": 2}');
    await insert("order.paid", '{"a": 1, "secret": 2}');
    await insert("order.paid", '{"secret":2,"a":1}');
    assert.deepEqual(warnings, []);
    await insert("order.sent", '{"a": 1, "secret": 2}');
    await insert("order.paid", '{"a": 1, "secret": 3}');
    await insert("order.paid", '"\\u0000"');
    await session.query("select postrider.publish('order.paid', '4', idempotency_key => 'k')");
    assert.equal(warnings.length, 4);
    for (const warning of warnings) {
      assert.match(warning, /^an event was left out, because its idempotency key is that of another event /);
      assert.doesNotMatch(warning, /secret/);
    }
  });
});

describe("publish", () => {
  test("inserts an event with all its arguments, and returns its id", async () => {
    const id = await askFor(
      database.pool,
      `select postrider.publish(event_type => 'order.paid', payload => '{"n": 1.0}', tenant => 'acme', ordering_key => 'o1',
         deliver_at => now() + interval '29 days', idempotency_key => 'k1', attributes => '{"subject": "o1"}')`,
    );
    assert.deepEqual(
      await rowsOf(
        database.pool,
        `select id, event_type, payload::text, tenant, ordering_key, deliver_at > now() + interval '28 days' as on_time, idempotency_key,
                attributes from postrider.outbox`,
      ),
      [
        {
          id,
          event_type: "order.paid",
          payload: '{"n": 1.0}',
          tenant: "acme",
          ordering_key: "o1",
          on_time: true,
          idempotency_key: "k1",
          attributes: { subject: "o1" },
        },
      ],
    );
  });

  test("adds the traceparent of the transaction's setting to the attributes that have none", async (t) => {
    const session = await openSession(t, login.url);
    const attributesOf = async (attributes: string | null) => {
      await session.query("begin");
      await session.query("select postrider.publish('order.paid', '1', attributes => $1)", [attributes]);
      await session.query("commit");
      return askFor(database.pool, "select attributes from postrider.outbox order by seq desc limit 1");
    };
    assert.deepEqual(await attributesOf('{"subject": "o1"}'), { subject: "o1" });
    await session.query("set postrider.traceparent = 'one'");
    assert.deepEqual(await attributesOf(null), { traceparent: "one" });
    assert.deepEqual(await attributesOf('{"subject": "o1"}'), { traceparent: "one", subject: "o1" });
    assert.deepEqual(await attributesOf('{"traceparent": "two"}'), { traceparent: "two" });
    assert.deepEqual(await attributesOf('{"traceparent": null}'), { traceparent: null });
    await session.query("rollback");
    await assert.rejects(attributesOf("[1]"), { code: "23514" });
    await session.query("rollback; reset postrider.traceparent");
    assert.equal(await attributesOf(null), null);
  });

  test("needs a type and a payload, and treats a null tenant as none", async () => {
    const id = await askFor(database.pool, "select postrider.publish('order.paid', '1', tenant => null)");
    assert.equal(await askFor(database.pool, "select tenant from postrider.outbox where id = $1", [id]), "");
  });

  test("is part of the caller's transaction", async (t) => {
    const session = await openSession(t, database.url);
    await session.query("begin; select postrider.publish('order.paid', '1'); rollback");
    assert.equal(await eventCount(), 0);
  });

  test("is for a publisher to call", async (t) => {
    const session = await openApplication(t);
    const id = await askFor(session, "select postrider.publish('order.paid', '1', idempotency_key => 'k')");
    assert.equal(await askFor(session, "select postrider.publish('order.paid', '2', idempotency_key => 'k')"), id);
    assert.equal(await askFor(database.pool, "select payload::text from postrider.outbox where id = $1", [id]), "1");
  });
});

describe("an idempotency key", () => {
  const publish = "select postrider.publish('order.paid', $1, tenant => $2, idempotency_key => $3)";

  test("that is already known adds nothing, and publish returns the first event's id", async () => {
    const first = await askFor(database.pool, publish, ["1", "", "k"]);
    const second = await askFor(database.pool, publish, ["2", "", "k"]);
    assert.equal(second, first);
    const { rowCount } = await database.pool.query(
      "insert into postrider.outbox (event_type, payload, idempotency_key) values ('order.paid', '3', 'k')",
    );
    assert.equal(rowCount, 0);
    assert.deepEqual(await rowsOf(database.pool, "select id, payload::text from postrider.outbox"), [
      { id: first, payload: "1" },
    ]);
  });

  test("skips one row of a statement and keeps the others", async () => {
    const { rowCount } = await database.pool.query(
      `insert into postrider.outbox (event_type, payload, idempotency_key)
       values ('order.paid', '1', 'a'), ('order.paid', '2', 'a'), ('order.paid', '3', 'b'), ('order.paid', '4', null)`,
    );
    assert.equal(rowCount, 3);
  });

  test("belongs to one tenant", async () => {
    const ids = [];
    for (const tenant of ["", "acme", "other"]) ids.push(await askFor(database.pool, publish, ["1", tenant, "k"]));
    assert.equal(new Set(ids).size, 3);
  });

  test("of an event that was rolled back is free to use again", async (t) => {
    const session = await openSession(t, database.url);
    await session.query("begin");
    await session.query(publish, ["1", "", "k"]);
    await session.query("rollback");
    const id = await askFor(database.pool, publish, ["2", "", "k"]);
    assert.deepEqual(await rowsOf(database.pool, "select id from postrider.outbox"), [{ id }]);
  });

  for (const how of ["commit", "rollback"] as const) {
    test(`of two transactions at once makes the second wait; after the ${how} of the first it ${how === "commit" ? "gets that event" : "gets in"}`, async (t) => {
      const [first, second] = [await openSession(t, database.url), await openSession(t, database.url)];
      const pid = await pidOf(second);
      await first.query("begin");
      const firstId = await askFor(first, publish, ["1", "", "k"]);
      const waiting = askFor(second, publish, ["2", "", "k"]);
      await waitsForLock(database.pool, pid);
      await first.query(how);
      const secondId = await waiting;
      assert.equal(secondId === firstId, how === "commit");
      assert.deepEqual(await rowsOf(database.pool, "select id, payload::text from postrider.outbox"), [
        { id: secondId, payload: how === "commit" ? "1" : "2" },
      ]);
    });
  }
});

describe("a publisher", () => {
  test("inserts events, reads back their ids, and uses idempotency keys", async (t) => {
    const session = await openApplication(t);
    const id = await insertEvent(session, "order.paid", { payload: '{"order_id": 42}' });
    const key = "insert into postrider.outbox (event_type, payload, idempotency_key) values ('order.paid', '1', 'k')";
    assert.equal((await session.query(key)).rowCount, 1);
    assert.equal((await session.query(key)).rowCount, 0);
    await createEndpoint(database.pool);
    const [first] = await claimAll(database.pool);
    assert.deepEqual([first?.event, first?.payload], [id, '{"order_id": 42}']);
  });

  test("can do so with any search_path", async (t) => {
    const session = await openApplication(t);
    await session.query("set search_path = ''");
    await insertEvent(session, "order.paid");
    await session.query(
      "insert into postrider.outbox (event_type, payload, idempotency_key) values ('order.paid', '1', 'k')",
    );
    assert.equal(await eventCount(), 2);
  });

  test("can read nothing else, and cannot set the columns that Postrider sets", async (t) => {
    const session = await openApplication(t);
    for (const statement of [
      "select payload from postrider.outbox",
      "select * from postrider.endpoint_secret",
      "select * from postrider.idempotency_key",
      "update postrider.outbox set payload = '2'",
      "delete from postrider.outbox",
      "insert into postrider.outbox (event_type, payload, xid) values ('order.paid', '1', pg_current_xact_id())",
      "insert into postrider.outbox (event_type, payload, seq) overriding system value values ('order.paid', '1', 1)",
      "insert into postrider.outbox (event_type, payload, id) values ('order.paid', '1', gen_random_uuid())",
      "insert into postrider.outbox (event_type, payload, created_at) values ('order.paid', '1', now())",
      "insert into postrider.outbox_default (id, seq, event_type, payload) overriding system value values (postrider.uuid_v7_floor('2020-01-01'), 1, 'order.paid', '1')",
    ]) {
      await assert.rejects(session.query(statement), { code: "42501" }, statement);
    }
  });

  test("cannot insert Postrider's own events, whichever way it tries, while the owner can", async (t) => {
    const session = await openApplication(t);
    for (const [statement, code] of [
      ["insert into postrider.outbox (event_type, payload) values ('postrider.endpoint.disabled', '1')", "42501"],
      ["select postrider.publish('postrider.test', '1')", "42501"],
      ["select postrider.publish('postrider.test', '1', idempotency_key => 'k')", "42501"],
      ["select postrider_internal.open_ingest('own', null, gen_random_uuid(), false, null, 'postrider.test')", "42501"],
    ] as const) {
      await assert.rejects(session.query(statement), { code, detail: /^Types that begin with postrider\./ }, statement);
    }
    await insertEvent(session, "postrider_like");
    const owner = await openSession(t, database.url);
    await insertEvent(owner, "postrider.test");
    await owner.query("set role postrider_publisher");
    await assert.rejects(insertEvent(owner, "postrider.test"), { code: "42501" });
    await owner.query("reset role; create table public.thing (id int)");
    t.after(() => database.pool.query("drop table public.thing"));
    await assert.rejects(owner.query("select postrider.capture('public.thing', 'postrider.test')"), { code: "22023" });
    assert.equal(await eventCount(), 2);
  });

  test("wakes daemons: an insert notifies while a daemon sleeps", async (t) => {
    const [session, listener, sleeper] = [
      await openApplication(t),
      await openSession(t, database.url),
      await openSession(t, database.url),
    ];
    await listener.query("listen postrider");
    await sleeper.query(`select pg_advisory_lock(${GATE})`);
    const notified = once(listener, "notification");
    await insertEvent(session, "order.paid");
    await notified;
  });
});

describe("what is refused", () => {
  test("is an xid of another transaction, with the reason", async () => {
    await assert.rejects(
      database.pool.query("insert into postrider.outbox (event_type, payload, xid) values ('order.paid', '1', '42')"),
      {
        code: "23514",
        message: /xid of another transaction/,
        detail: /lost or sent out of order/,
        hint: /Leave xid out/,
      },
    );
    await database.pool.query(
      "insert into postrider.outbox (event_type, payload, xid) values ('order.paid', '1', pg_current_xact_id())",
    );
  });

  test("is a seq", async () => {
    await assert.rejects(
      database.pool.query("insert into postrider.outbox (event_type, payload, seq) values ('order.paid', '1', 1)"),
      { code: "428C9" },
    );
  });

  for (const eventType of [
    "",
    ".",
    "order.",
    ".paid",
    "order..paid",
    "order paid",
    "order\\paid",
    "order+paid",
    "[:alpha:]",
    "order.*",
    "*",
    "órder",
    "order\n",
    "a".repeat(256),
  ]) {
    test(`is the event type ${JSON.stringify(eventType.slice(0, 20))}`, async () => {
      await assert.rejects(insertEvent(database.pool, eventType), {
        code: "23514",
        constraint: "event_type is words of letters, digits, _-/: joined by dots",
      });
    });
  }

  for (const [column, value, constraint] of [
    ["tenant", "'x'.repeat(256)", "tenant has at most 255 characters"],
    ["ordering_key", "''", "ordering_key has 1 to 255 characters"],
    ["idempotency_key", "''", "idempotency_key has 1 to 255 characters"],
    ["attributes", "'[]'", "attributes is a JSON object"],
  ] as const) {
    test(`is a wrong ${column}`, async () => {
      const literal = column === "tenant" ? `'${"x".repeat(256)}'` : value;
      await assert.rejects(
        database.pool.query(
          `insert into postrider.outbox (event_type, payload, ${column}) values ('order.paid', '1', ${literal})`,
        ),
        { code: "23514", constraint },
      );
    });
  }

  test("with what was found and what to do, and without any value but the event type", async () => {
    const refusals: readonly (readonly [values: string, message: string, column: string])[] = [
      ["'order+paid', ''", 'cannot insert an event whose event_type is "order+paid"', "event_type"],
      ["repeat('secret', 50), ''", "cannot insert an event whose event_type has 300 characters", "event_type"],
      ["'a', repeat('secret', 50)", "cannot insert an event whose tenant has 300 characters", "tenant"],
    ];
    for (const [values, message, column] of refusals) {
      await assert.rejects(
        database.pool.query(
          `insert into postrider.outbox (event_type, tenant, payload, idempotency_key) values (${values}, '"secret"', 'secret')`,
        ),
        (error: pg.DatabaseError) => {
          assert.deepEqual(
            [error.message, error.schema, error.table, error.column],
            [message, "postrider", "outbox", column],
          );
          assert.match(error.hint ?? "", /at most 255/);
          assert.ok(!JSON.stringify({ ...error, internalQuery: null }).includes("secret"));
          return true;
        },
      );
    }
  });

  test("is a null in any column that needs a value, without showing the payload, an ordering key or a tenant", async () => {
    await database.pool.query(
      `insert into postrider.outbox (event_type, payload, tenant, ordering_key) values ('order.paid', '"secret"', 'secret', 'secret')`,
    );
    const columns = await rowsOf<{ column: string }>(
      database.pool,
      `select attname as column from pg_attribute
       where attrelid = 'postrider.outbox'::regclass and attnum > 0 and attnotnull and not attisdropped`,
    );
    assert.deepEqual(
      columns.map(({ column }) => column),
      ["id", "xid", "seq", "created_at", "event_type", "tenant", "payload"],
    );
    for (const { column } of columns.filter((c) => c.column !== "tenant")) {
      const given = { event_type: "'order.paid'", payload: `'"secret"'`, [column]: "null" };
      await assertHidden(
        `insert into postrider.outbox (${Object.keys(given)}, tenant) overriding system value values (${Object.values(given)}, 'secret')`,
        column,
      );
      await assertHidden(
        `insert into postrider.outbox (${Object.keys(given)}, tenant, ordering_key, idempotency_key)
         overriding system value values (${Object.values(given)}, 'secret', 'secret', 'secret')`,
        column,
      );
    }
    // Nothing can update seq.
    for (const { column } of columns.filter((c) => c.column !== "seq")) {
      await assertHidden(`update postrider.outbox set ${column} = null`, column);
    }
  });

  async function assertHidden(statement: string, column: string): Promise<void> {
    await assert.rejects(database.pool.query(statement), (error: pg.DatabaseError) => {
      assert.deepEqual([error.code, error.table, error.column], ["23502", "outbox", column]);
      assert.ok(!JSON.stringify({ ...error, message: error.message }).includes("secret"));
      return true;
    });
  }

  test("is a payload that is not JSON, or is missing", async () => {
    await assert.rejects(insertEvent(database.pool, "order.paid", { payload: "{'a': 1}" }), { code: "22P02" });
    await assert.rejects(database.pool.query("insert into postrider.outbox (event_type) values ('order.paid')"), {
      code: "23502",
    });
  });
});

test("event types are words of letters, digits, _, -, / and :, up to 255 characters", async () => {
  const types = [
    "a",
    "_",
    "Order_2.PAID",
    "1.2.3",
    `${"a.".repeat(127)}b`,
    "orders/create",
    "payment-failed",
    "urn:x:y",
    "-/:",
  ];
  for (const eventType of types) await insertEvent(database.pool, eventType);
  assert.equal(await eventCount(), types.length);
});

test("a payload reaches the daemon exactly as it was written", async () => {
  await createEndpoint(database.pool);
  const payloads = [
    '{"n": 12345678901234567890.10, "z":1, "a":2}',
    '{ "a" : 1 ,\t"a":2,\n"b":[ ]}',
    '{"e":1E400000,"m":-0.0,"u":"\\u0000\\ud83d\\ude00 😀 \\/"}',
    '  "text"  ',
    "null",
    "[]",
  ];
  for (const payload of payloads) await insertEvent(database.pool, "order.paid", { payload });
  assert.deepEqual(
    (await claimAll(database.pool)).map(({ payload }) => payload),
    payloads,
  );
});

test("a null tenant is taken as none", async () => {
  await database.pool.query(
    "insert into postrider.outbox (event_type, payload, tenant) values ('order.paid', '1', null)",
  );
  assert.equal(await askFor(database.pool, "select tenant from postrider.outbox"), "");
});

describe("an insert notifies", () => {
  test("into a partition by its name, too", async (t) => {
    const notified = await notificationsOf(t, async ({ sleeper }) => {
      await sleeper.query(`select pg_advisory_lock(${GATE})`);
      await database.pool.query(
        "insert into postrider.outbox_default (id, seq, event_type, payload) overriding system value values (postrider.uuid_v7_floor('2020-01-01'), 1, 'order.paid', '1')",
      );
    });
    assert.deepEqual(notified, [""]);
  });

  for (const extra of ["ordering_key", "idempotency_key"]) {
    test(`with an ${extra}, while a daemon sleeps and not while none does`, async (t) => {
      const insert = `insert into postrider.outbox (event_type, payload, ${extra}) values ('order.paid', '1', gen_random_uuid())`;
      for (const sleeps of [true, false]) {
        const notified = await notificationsOf(t, async ({ sleeper, application }) => {
          if (sleeps) await sleeper.query(`select pg_advisory_lock(${GATE})`);
          await application.query(insert);
        });
        assert.deepEqual(notified, sleeps ? [""] : []);
      }
    });
  }

  test("while a daemon sleeps, once per transaction however many statements it has", async (t) => {
    const notified = await notificationsOf(t, async ({ sleeper, application }) => {
      await sleeper.query(`select pg_advisory_lock(${GATE})`);
      await application.query("begin");
      for (let count = 0; count < 3; count++) await insertEvent(application, "order.paid");
      await application.query("commit");
    });
    assert.deepEqual(notified, [""]);
  });

  test("not while no daemon sleeps, because a notification takes a lock at every commit", async (t) => {
    const notified = await notificationsOf(t, async ({ application }) => {
      await insertEvent(application, "order.paid");
    });
    assert.deepEqual(notified, []);
  });

  for (const value of ["off", "of", "OFF", "Off", " off ", "false", "False", "f", "fal", "no", "N", "0", "\toff\n"]) {
    test(`not if postrider.wake is ${JSON.stringify(value)}`, async (t) => {
      const notified = await notificationsOf(t, async ({ sleeper, application }) => {
        await sleeper.query(`select pg_advisory_lock(${GATE})`);
        await application.query(`set postrider.wake = '${value}'`);
        await insertEvent(application, "order.paid");
      });
      assert.deepEqual(notified, []);
    });
  }

  for (const value of ["on", "true", "yes", "1", "", "o", "offf", "of f", "00", "not"]) {
    test(`also if postrider.wake is ${JSON.stringify(value)}`, async (t) => {
      const notified = await notificationsOf(t, async ({ sleeper, application }) => {
        await sleeper.query(`select pg_advisory_lock(${GATE})`);
        await application.query(`set postrider.wake = '${value}'`);
        await insertEvent(application, "order.paid");
      });
      assert.deepEqual(notified, [""]);
    });
  }

  test("not with postrider.wake off, which also leaves the gate to the daemons", async (t) => {
    const [application, daemon] = [await openSession(t, database.url), await openSession(t, database.url)];
    await application.query("begin; set local postrider.wake = 'OFF'");
    await insertEvent(application, "order.paid");
    assert.equal(await askFor(daemon, `select pg_try_advisory_lock(${GATE})`), true);
  });

  test("again after a transaction that had set postrider.wake to off", async (t) => {
    const notified = await notificationsOf(t, async ({ sleeper, application }) => {
      await sleeper.query(`select pg_advisory_lock(${GATE})`);
      await application.query("begin; set local postrider.wake = off");
      await insertEvent(application, "order.paid");
      await application.query("commit");
      await insertEvent(application, "order.paid");
    });
    assert.deepEqual(notified, [""]);
  });

  test("once for all its rows, and anew if a savepoint took the notification back", async (t) => {
    const notified = await notificationsOf(t, async ({ sleeper, application }) => {
      await sleeper.query(`select pg_advisory_lock(${GATE})`);
      await application.query("begin");
      await application.query("savepoint taken_back");
      await insertEvents(application, "order.paid", 2);
      assert.equal(await askFor(application, "select current_setting('postrider.has_notified')"), "on");
      await application.query("rollback to savepoint taken_back");
      await insertEvents(application, "order.paid", 2);
      await application.query("commit");
    });
    assert.deepEqual(notified, [""]);
  });
});

test("a transaction that did not notify keeps a daemon awake until it ends", async (t) => {
  const [application, daemon] = [await openSession(t, database.url), await openSession(t, database.url)];
  const trySleeping = `select pg_try_advisory_lock(${GATE})`;
  await application.query("begin");
  await insertEvent(application, "order.paid");
  assert.equal(await askFor(daemon, trySleeping), false);
  await application.query("commit");
  assert.equal(await askFor(daemon, trySleeping), true);
});

test("a transaction can be prepared while a daemon sleeps if postrider.wake is off", async (t) => {
  const [application, sleeper] = [await openSession(t, database.url), await openSession(t, database.url)];
  await createEndpoint(database.pool);
  await sleeper.query(`select pg_advisory_lock(${GATE})`);
  await application.query("begin");
  await insertEvent(application, "order.paid");
  await assert.rejects(application.query("prepare transaction 'application'"), { code: "0A000" });
  await application.query("begin; set local postrider.wake = off");
  const event = await insertEvent(application, "order.paid");
  await application.query("prepare transaction 'application'");
  assert.deepEqual(await claimAll(database.pool), []);
  await application.query("commit prepared 'application'");
  assert.deepEqual(eventsOf(await claimAll(database.pool)), [event]);
});

interface Parties {
  readonly sleeper: pg.Client;
  readonly application: pg.Client;
}

/** The payloads of the notifications that it causes. */
async function notificationsOf(t: TestContext, act: (parties: Parties) => Promise<void>): Promise<string[]> {
  const [sleeper, application, listener] = [
    await openSession(t, database.url),
    await openSession(t, database.url),
    await openSession(t, database.url),
  ];
  const heard: string[] = [];
  const ended = new Promise<void>((resolve) => {
    listener.on("notification", ({ channel, payload }) => {
      if (channel === "postrider") heard.push(payload ?? "");
      else resolve();
    });
  });
  await listener.query("listen postrider; listen postrider_test_end");
  await act({ sleeper, application });
  // Notifications arrive in the order of their commits, so after this one all have arrived.
  await application.query("notify postrider_test_end");
  await ended;
  await sleeper.query("select pg_advisory_unlock_all()");
  return heard;
}

function openApplication(t: TestContext): Promise<pg.Client> {
  return openSession(t, login.url);
}

async function eventCount(): Promise<number> {
  return Number(await askFor(database.pool, "select count(*) from postrider.outbox"));
}
