import assert from "node:assert/strict";
import { describe, test } from "node:test";
import pg from "pg";
import type { PostgresInboxOptions } from "../../src/receive/inboxOptions.ts";
import { inboxSql } from "../../src/receive/inboxSql.ts";
import { postgresInbox } from "../../src/receive/postgresInbox.ts";
import { ReceiveError } from "../../src/receive/receiveError.ts";
import { databaseFor, openPool } from "../support/database.ts";
import { askFor, rowsOf } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";
import { until } from "../support/until.ts";
import { useEffects, writing } from "./effects.ts";
import { receivedEvent } from "./receivedEvent.ts";
import { testOnce } from "./testOnce.ts";

const effects = useEffects();
const nothing = async () => {};

describe("node-postgres", () => {
  testOnce(effects, (url) => {
    const pool = openPool({ connectionString: url, max: 4 });
    return {
      inbox: postgresInbox(pool),
      execute: (client: pg.PoolClient, text) => client.query(text),
      end: () => pool.end(),
    };
  });
});

test("each receiver of a database handles an event once", async () => {
  const event = receivedEvent();
  for (const receiver of ["billing", "shipping"]) {
    const inbox = postgresInbox(effects.pool, { receiver });
    assert.equal(await inbox.once(event, nothing), "handled");
    assert.equal(await inbox.once(event, nothing), "duplicate");
  }
});

test("it says whether it remembers an event, which its own receiver alone has handled", async () => {
  const event = receivedEvent();
  const [inbox, other] = ["billing", "shipping"].map((receiver) => postgresInbox(effects.pool, { receiver }));
  assert.equal(await inbox?.isRemembered?.(event), false);
  await inbox?.once(event, nothing);
  assert.deepEqual([await inbox?.isRemembered?.(event), await other?.isRemembered?.(event)], [true, false]);
});

test("any number of duplicates leaves connections to the handler that they wait for", async (t) => {
  const pool = poolFor(t, { max: 2 });
  const inbox = postgresInbox(pool);
  const event = receivedEvent();
  const calls = Array.from({ length: 20 }, () =>
    inbox.once(event, async () => {
      // Beside the transaction's: with each duplicate holding one, none would be left.
      await pool.query("select 1");
    }),
  );
  assert.deepEqual((await Promise.all(calls)).toSorted(), [...Array(19).fill("duplicate"), "handled"]);
});

test("an event waits for another request with it only so long, in one process and in two, and holds nothing then", async (t) => {
  const [pool, otherPool] = [poolFor(t, { max: 2 }), poolFor(t, { max: 1 })];
  const inbox = postgresInbox(pool, { waitMs: 100 });
  const other = postgresInbox(otherPool, { waitMs: 100 });
  const begun = Promise.withResolvers<void>();
  const ending = Promise.withResolvers<void>();
  const event = receivedEvent();
  const first = inbox.once(event, async (client) => {
    begun.resolve();
    await ending.promise;
    assert.equal(await askFor(client, "select current_setting('lock_timeout')"), "0");
  });
  await begun.promise;
  await assert.rejects(inbox.once(event, nothing), { name: "ReceiveError", code: "busy" });
  await assert.rejects(inbox.once(event, nothing), { name: "ReceiveError", code: "busy" });
  await assert.rejects(other.once(event, nothing), { code: "55P03" });
  assert.deepEqual([pool.idleCount, otherPool.idleCount, otherPool.totalCount], [0, 1, 1]);
  ending.resolve();
  assert.equal(await first, "handled");
  assert.equal(await inbox.once(event, nothing), "duplicate");
  assert.equal(await other.once(event, nothing), "duplicate");
});

test("a limit that the session has for locks stays as it is", async (t) => {
  const settings: unknown[] = [];
  for (const setting of ["0", "7s"]) {
    const pool = poolFor(t, { max: 1, options: `-c lock_timeout=${setting}` });
    await postgresInbox(pool).once(receivedEvent({ orderingKey: "a" }), async (client) => {
      settings.push(await askFor(client, "select current_setting('lock_timeout')"));
    });
  }
  assert.deepEqual(settings, ["0", "7s"]);
});

test("a connection that breaks while a handler runs ends neither the process nor the pool, and the event may come again", async (t) => {
  const pool = poolFor(t, { max: 1 });
  const inbox = postgresInbox(pool);
  const event = receivedEvent();
  const breaking = inbox.once(event, async (client) => {
    await client.query(writing("lost"));
    const pid = await askFor(client, "select pg_backend_pid()");
    await effects.pool.query("select pg_terminate_backend($1)", [pid]);
    await until("the session has gone", async () => {
      const rows = await rowsOf(effects.pool, "select from pg_stat_activity where pid = $1", [pid]);
      return rows.length === 0;
    });
  });
  await assert.rejects(breaking);
  assert.equal(await inbox.once(event, nothing), "handled");
  assert.deepEqual(await effects.notes(), []);
});

test("a handler that has run out of time is not waited for, also if its statement hangs, and can write nothing any more", async (t) => {
  const pool = poolFor(t, { max: 1 });
  const inbox = postgresInbox(pool);
  const event = receivedEvent();
  const time = new AbortController();
  const ending = Promise.withResolvers<void>();
  const writes: PromiseSettledResult<unknown>[] = [];
  const lock = await effects.pool.connect();
  try {
    await lock.query("begin; lock table effect");
    const late = inbox.once(
      event,
      async (client) => {
        const hanging = client.query(writing("hanging"));
        await until("its statement hangs", async () => {
          const rows = await rowsOf(
            effects.pool,
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
          );
          return rows.length > 0;
        });
        time.abort();
        writes.push(...(await Promise.allSettled([hanging, client.query(writing("next"))])));
        await ending.promise;
        writes.push(...(await Promise.allSettled([client.query(writing("last"))])));
      },
      time.signal,
    );
    await assert.rejects(late, /run out of time/);
    assert.equal(pool.totalCount, 0);
  } finally {
    await lock.query("rollback");
    lock.release();
  }
  const again = inbox.once(event, async (client) => {
    ending.resolve();
    await until("the first one has written", () => writes.length === 3);
    await client.query(writing("again"));
  });
  assert.equal(await again, "handled");
  assert.deepEqual(
    writes.map(({ status }) => status),
    ["rejected", "rejected", "rejected"],
  );
  assert.deepEqual(await effects.notes(), ["again"]);
});

test("without its tables it says how to make them, whichever library it works through", async (t) => {
  const { pool } = await databaseFor(t, { template: "empty" });
  const isTold = { name: "ReceiveError", code: "no_tables", message: /run the SQL that inboxSql\(\) returns/ };
  const inbox = postgresInbox(pool, { lateEvents: "drop" });
  await assert.rejects(inbox.once(receivedEvent(), nothing), isTold);
  await assert.rejects(inbox.once(receivedEvent({ orderingKey: "a" }), nothing), isTold);
  await assert.rejects(postgresInbox(pool, { schema: "nowhere" }).parked(), isTold);
  const code = "42P01";
  for (const thrown of [Object.assign(new Error(), { code }), new Error("", { cause: { code } }), { meta: { code } }]) {
    const query = () => Promise.reject(thrown);
    const through = postgresInbox<null>({ transaction: (work) => work(null), query });
    await assert.rejects(through.once(receivedEvent(), nothing), isTold);
  }
  // A table of the handler that is missing is not the inbox's.
  await pool.query(inboxSql());
  const failing = inbox.once(receivedEvent(), async (client) => void (await client.query("select from nothing")));
  await assert.rejects(failing, { code });
});

test("a handler that ends its transaction is told so, whether it committed or rolled back", async () => {
  const inbox = postgresInbox(effects.pool);
  for (const end of ["commit", "rollback", "commit and chain", "rollback; begin"]) {
    const ending = inbox.once(receivedEvent(), async (client) => {
      await client.query(end);
    });
    await assert.rejects(ending, { name: "ReceiveError", code: "transaction_ended" }, end);
  }
});

test("savepoints of a handler are its own", async () => {
  const inbox = postgresInbox(effects.pool);
  const outcome = await inbox.once(receivedEvent(), async (client) => {
    await client.query("savepoint tried");
    await client.query("select 1 / 0").catch(() => client.query("rollback to savepoint tried"));
    await client.query(writing("after all"));
  });
  assert.deepEqual([outcome, await effects.notes()], ["handled", ["after all"]]);
});

test("a handler's constraint that is checked at the commit makes the event come again", async () => {
  await effects.pool.query("alter table effect add constraint known unique (note) deferrable initially deferred");
  try {
    const inbox = postgresInbox(effects.pool);
    await inbox.once(receivedEvent(), async (client) => void (await client.query(writing("same"))));
    const event = receivedEvent();
    await assert.rejects(
      inbox.once(event, async (client) => void (await client.query(writing("same")))),
      { code: "23505" },
    );
    assert.equal(await inbox.once(event, nothing), "handled");
  } finally {
    await effects.pool.query("alter table effect drop constraint known");
  }
});

test("an event is flushed to the disk before it counts as handled, also where the database would not wait for that", async (t) => {
  const settings: unknown[] = [];
  const note = async (client: pg.PoolClient) => {
    settings.push(await askFor(client, "select current_setting('synchronous_commit')"));
  };
  for (const setting of ["off", "local", "on"]) {
    const pool = poolFor(t, { max: 1, options: `-c synchronous_commit=${setting}` });
    await postgresInbox(pool).once(receivedEvent(), note);
    settings.push(await askFor(pool, "select current_setting('synchronous_commit')"));
  }
  assert.deepEqual(settings, ["on", "off", "local", "local", "on", "on"]);
});

test("in a stricter isolation level one of two duplicates may fail, and the event is handled once all the same", async (t) => {
  const open = () => postgresInbox(poolFor(t, { max: 4, options: "-c default_transaction_isolation=serializable" }));
  const inboxes = [open(), open()];
  const events = Array.from({ length: 5 }, () => receivedEvent());
  const calls = events.flatMap((event) =>
    inboxes.map((inbox) => inbox.once(event, async (client) => void (await client.query(writing(event.id))))),
  );
  const failed = (await Promise.allSettled(calls)).filter(({ status }) => status === "rejected");
  for (const { reason } of failed as readonly PromiseRejectedResult[]) assert.equal(reason.code, "40001");
  for (const event of events) assert.equal(await inboxes[0]?.once(event, nothing), "duplicate");
  assert.deepEqual([...(await effects.notes())].sort(), events.map(({ id }) => id).sort());
});

test("a role needs no more than to read and write the two tables", async (t) => {
  const database = await databaseFor(t, { template: "empty" });
  await database.pool.query(inboxSql());
  const login = await createLogin(database);
  await database.pool.query(
    `grant select, insert, update, delete on postrider_inbox, postrider_inbox_key to ${login.name}`,
  );
  const pool = openPool({ connectionString: login.url, max: 1 });
  try {
    const inbox = postgresInbox(pool, { lateEvents: "park" });
    const key = { orderingKey: "order 42" };
    assert.equal(await inbox.once(receivedEvent({ ...key, timestamp: "2026-01-02T00:00:00Z" }), nothing), "handled");
    const late = receivedEvent({ ...key, timestamp: "2026-01-01T00:00:00Z" });
    assert.equal(await inbox.once(late, nothing), "parked");
    assert.equal(await inbox.release(late.id, nothing), true);
    assert.equal(await inbox.sweep(), 0);
  } finally {
    await pool.end();
    await login.drop();
  }
});

test("the tables may be made twice, lie in a schema of any name, and say what they are", async (t) => {
  const database = await databaseFor(t, { template: "empty" });
  const schema = 'the "inbox"';
  await database.pool.query(`create schema "the ""inbox"""`);
  for (let time = 0; time < 2; time++) await database.pool.query(inboxSql({ schema }));
  const inbox = postgresInbox(database.pool, { schema, lateEvents: "drop" });
  assert.equal(await inbox.once(receivedEvent({ orderingKey: "a" }), nothing), "handled");
  assert.equal(await inbox.sweep(), 0);
  const missing = await rowsOf(
    database.pool,
    `select c.relname, a.attname from pg_class c
     left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     where c.relkind = 'r' and c.relnamespace = $1::regnamespace
       and (obj_description(c.oid, 'pg_class') is null or col_description(c.oid, a.attnum) is null)`,
    ['"the ""inbox"""'],
  );
  assert.deepEqual(missing, []);
});

test("what cannot be stored is refused before anything of it is, and what is strange is stored as it is", async () => {
  const inbox = postgresInbox(effects.pool, { lateEvents: "drop" });
  const refused = [{ id: "a\0b" }, { id: "\ud83d" }, { orderingKey: "\0" }, { orderingKey: "\udc00" }];
  const timeless = ["now", "infinity", "2026-13-01T00:00:00Z", "", "2026-11-24"].map((timestamp) => ({
    orderingKey: "a",
    timestamp,
  }));
  for (const changes of [...refused, ...timeless]) {
    const receiving = inbox.once(receivedEvent(changes), nothing);
    await assert.rejects(receiving, { name: "ReceiveError", code: "not_storable" }, JSON.stringify(changes));
  }
  const strange = receivedEvent({ id: `'; drop table effect; -- $1 "😀`, type: "a\0\ud83d", orderingKey: "%' \\" });
  assert.equal(await inbox.once(strange, nothing), "handled");
  assert.deepEqual(await effects.remembered(), [`${strange.id} handled`]);
});

test("an option that cannot be meant is refused at once", () => {
  const cases: readonly (PostgresInboxOptions | { readonly lateEvent: string } | { readonly lateEvents: string })[] = [
    { lateEvent: "drop" },
    { lateEvents: "skip" },
    { retentionDays: 0 },
    { retentionDays: Number.NaN },
    { retentionDays: Number.POSITIVE_INFINITY },
    { waitMs: -1 },
    { waitMs: 2 ** 31 },
    { lateEvents: "drop", keyOf: "order" } as never,
    { onProblem: true } as never,
    { schema: "" },
  ];
  for (const options of cases) {
    assert.throws(
      () => postgresInbox(effects.pool, options as PostgresInboxOptions),
      ReceiveError,
      JSON.stringify(options),
    );
  }
});

test("what is no pool is refused at once, a single client among it", () => {
  for (const given of [new pg.Client(), {}, null, { transaction: nothing }, { transaction: nothing, query: {} }]) {
    assert.throws(() => postgresInbox(given as never), /no pool of node-postgres/);
  }
});

test("an adapter that returns no rows, or does not await the work, is told so", async () => {
  const silent = postgresInbox<null>({ transaction: (work) => work(null), query: async () => [] });
  await assert.rejects(silent.once(receivedEvent(), nothing), { code: "bad_options" });
  const hasty = postgresInbox<null>({ transaction: async () => {}, query: async () => [] });
  await assert.rejects(hasty.once(receivedEvent(), nothing), { code: "bad_options" });
});

describe("what is older than the retention", () => {
  const age = (id: string, days: number) =>
    effects.pool.query("update postrider_inbox set received_at = now() - $2 * interval '1 day' where event_id = $1", [
      id,
      days,
    ]);

  test("is deleted by sweep, and only that of this receiver", async () => {
    const inbox = postgresInbox(effects.pool, { retentionDays: 30 });
    const other = postgresInbox(effects.pool, { receiver: "other", retentionDays: 30 });
    const [old, young] = [receivedEvent({ id: "old" }), receivedEvent({ id: "young" })];
    for (const event of [old, young]) await inbox.once(event, nothing);
    await other.once(old, nothing);
    await age("old", 30.1);
    await age("young", 29.9);
    assert.equal(await inbox.sweep(), 1);
    assert.deepEqual(await effects.remembered(), ["old handled", "young handled"]);
    assert.equal(await inbox.once(old, nothing), "handled");
  });

  test("is deleted to the last row, in parts", async () => {
    await effects.pool.query(
      `insert into postrider_inbox (receiver, event_id, event_type, received_at)
       select 'default', n::text, 'a.b', now() - interval '46 days' from generate_series(1, 2345) n`,
    );
    assert.equal(await postgresInbox(effects.pool).sweep(), 2345);
    assert.deepEqual(await effects.remembered(), []);
  });

  test("is not what a sender that keeps whole days of 30 may send again", async () => {
    const inbox = postgresInbox(effects.pool);
    await inbox.once(receivedEvent({ id: "old" }), nothing);
    await age("old", 32);
    assert.equal(await inbox.sweep(), 0);
  });

  test("goes while events come, and nobody has to ask", async () => {
    await effects.pool.query(
      `insert into postrider_inbox (receiver, event_id, event_type, received_at)
       select 'default', 'old ' || n, 'a.b', now() - interval '46 days' from generate_series(1, 20) n`,
    );
    const inbox = postgresInbox(effects.pool);
    for (let count = 0; count < 100; count++) await inbox.once(receivedEvent(), nothing);
    assert.equal((await effects.remembered()).filter((line) => line.startsWith("old")).length, 0);
  });

  test("takes no event with it if it cannot be deleted, and that is said", async (t) => {
    const database = await databaseFor(t, { template: "empty" });
    await database.pool.query(inboxSql());
    const login = await createLogin(database);
    await database.pool.query(`grant select, insert, update on postrider_inbox to ${login.name}`);
    const pool = openPool({ connectionString: login.url, max: 1 });
    const problems: Error[] = [];
    const inbox = postgresInbox(pool, { onProblem: (problem) => problems.push(problem) });
    try {
      for (let count = 0; count < 100; count++) {
        assert.equal(await inbox.once(receivedEvent(), nothing), "handled");
      }
    } finally {
      await pool.end();
      await login.drop();
    }
    assert.deepEqual(
      problems.map(({ message }) => message),
      [
        "cannot delete old rows of the inbox: permission denied for table postrider_inbox; grant delete on its tables, or call sweep() with a role that may",
      ],
    );
  });
});

function poolFor(t: { after(work: () => Promise<void>): void }, settings: pg.PoolConfig): pg.Pool {
  const pool = openPool({ connectionString: effects.url, ...settings });
  t.after(() => pool.end());
  return pool;
}
