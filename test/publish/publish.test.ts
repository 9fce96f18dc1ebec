/** Events published through each library, by a role that is a publisher and no more. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import type pg from "pg";
import { PublishError, publish, publishMany } from "../../src/publish/publisher.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { openSession, reset, rowsOf } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";
import { LIBRARIES, type Library } from "./libraries.ts";

/** jsonb, or a round through JavaScript, would shorten the number, and jsonb reorder the keys. */
const JSON_TEXT = '{"n": 12345678901234567890.10, "z":1, "a":"\\u0000 \\" \\\\ {},NULL 😀"}';
const CHANGE = "insert into public.change (note) values ('changed')";

let database: TestDatabase;
let login: Login;

before(async () => {
  database = await createDatabase();
  login = await createLogin(database, ["postrider_publisher"]);
  await database.pool.query(`create table public.change (note text); grant insert on public.change to ${login.name}`);
});

after(async () => {
  await login.drop();
  await database.drop();
});

beforeEach(async () => {
  await reset(database.pool);
  await database.pool.query("truncate public.change");
});

for (const [name, open] of Object.entries(LIBRARIES)) {
  describe(name, () => {
    let library: Library;

    before(() => {
      library = open(login.url);
    });

    after(() => library.end());

    test("an event is committed with the change, every field as it was given", async () => {
      let id = "";
      await library.transaction(async (tx, sql) => {
        await sql(CHANGE);
        id = await publish(tx, {
          eventType: "order.paid",
          json: JSON_TEXT,
          tenant: 'ac"me\\',
          orderingKey: "o-1",
          idempotencyKey: "k-1",
          deliverAt: new Date("2031-01-02T03:04:05.678Z"),
          attributes: { subject: "o/1" },
        });
        assert.deepEqual(await seen(), { events: [], changes: 0 });
      });
      assert.deepEqual(await seen(), {
        events: [
          {
            id,
            event_type: "order.paid",
            payload: JSON_TEXT,
            tenant: 'ac"me\\',
            ordering_key: "o-1",
            idempotency_key: "k-1",
            deliver_at: "2031-01-02T03:04:05.678Z",
            attributes: { subject: "o/1" },
          },
        ],
        changes: 1,
      });
    });

    test("what is rolled back was never published, and a savepoint takes back its own part", async () => {
      const undone = new Error("undone");
      const attempt = library.transaction(async (tx, sql) => {
        await sql(CHANGE);
        await publish(tx, { eventType: "order.paid", payload: 1 });
        await publishMany(tx, [{ eventType: "order.paid", payload: 2 }]);
        throw undone;
      });
      await assert.rejects(attempt, undone);
      assert.deepEqual(await seen(), { events: [], changes: 0 });

      await library.transaction(async (tx) => {
        await publish(tx, { eventType: "order.paid", payload: "stays" });
        const part = library.savepoint(tx, async (inner) => {
          await publish(inner, { eventType: "order.paid", payload: "goes", idempotencyKey: "k" });
          throw undone;
        });
        await assert.rejects(part, undone);
        await library.savepoint(tx, async (inner) => {
          await publish(inner, { eventType: "order.paid", payload: "stays too", idempotencyKey: "k" });
        });
      });
      assert.deepEqual(await payloads(), ['"stays"', '"stays too"']);
    });

    test("a list comes back as ids in its order, with the first one's id for a key that is known", async () => {
      let inserted: readonly (string | undefined)[] = [];
      const kept = { eventType: "a.b", payload: "first", idempotencyKey: "known", tenant: "t" };
      await library.transaction(async (tx) => {
        const known = await publish(tx, kept);
        const many = await publishMany(tx, [
          { eventType: "a.b", payload: 0 },
          { eventType: "a.b", payload: 1, idempotencyKey: "twice" },
          { ...kept, payload: "second" },
          { eventType: "a.b", payload: 3, idempotencyKey: "twice" },
          { eventType: "a.b", json: JSON_TEXT },
        ]);
        inserted = [known, many[0], many[1], many[4]];
        assert.deepEqual(many, [many[0], many[1], known, many[1], many[4]]);
      });
      assert.deepEqual(await ids(), inserted);
      assert.deepEqual(await payloads(), ['"first"', "0", "1", JSON_TEXT]);
    });

    test("a list without keys is inserted as it stands, every field of each", async () => {
      let inserted: readonly string[] = [];
      await library.transaction(async (tx) => {
        inserted = await publishMany(tx, [
          { eventType: "a.b", json: JSON_TEXT, attributes: { subject: "1" }, tenant: 'a"\\', orderingKey: "NULL" },
          { eventType: "a.c", payload: null, deliverAt: "2031-01-01T00:00:00Z" },
        ]);
      });
      const none = { tenant: "", ordering_key: null, idempotency_key: null, deliver_at: null, attributes: null };
      assert.deepEqual((await seen()).events, [
        {
          ...none,
          id: inserted[0],
          event_type: "a.b",
          payload: JSON_TEXT,
          attributes: { subject: "1" },
          tenant: 'a"\\',
          ordering_key: "NULL",
        },
        { ...none, id: inserted[1], event_type: "a.c", payload: "null", deliver_at: "2031-01-01T00:00:00.000Z" },
      ]);
    });

    test("outside a transaction it is refused and nothing sent, unless the caller says that none is needed", async () => {
      const root = library.root as never;
      const event = { eventType: "a.b", payload: 1 };
      await assert.rejects(publish(root, event), { code: "no_transaction", message: /transaction: "optional"/ });
      await assert.rejects(publishMany(root, [event]), { code: "no_transaction" });
      assert.deepEqual(await payloads(), []);
      const id = await publish(root, event, { transaction: "optional" });
      const more = await publishMany(root, [event, event], { transaction: "optional" });
      assert.deepEqual(await ids(), [id, ...more]);
    });

    test("what Postgres refuses comes as the library gives it, and can be told by its SQLSTATE", async () => {
      const attempt = library.transaction(async (tx) => {
        await publish(tx, { eventType: "not a name", payload: 1 });
      });
      await assert.rejects(attempt, (thrown: Error & { cause?: { code?: string }; code?: string }) => {
        assert.ok(!(thrown instanceof PublishError));
        assert.equal(thrown.cause?.code ?? thrown.code, "23514");
        return true;
      });
      assert.deepEqual(await payloads(), []);
    });
  });
}

test("a client on which no transaction has begun is refused, and taken once one has", async (t) => {
  const client = await openSession(t, login.url);
  const event = { eventType: "a.b", payload: 1 };
  await assert.rejects(publish(client, event), { code: "no_transaction", message: /no transaction has begun/ });
  await client.query("begin");
  await publish(client, event);
  await client.query("commit");
  await assert.rejects(publish(client, event), { code: "no_transaction" });
  assert.deepEqual(await payloads(), ["1"]);
});

test("who does not say what the server said last is asked for it: as a pool's wrapper, or an older node-postgres", async (t) => {
  const client = await openSession(t, login.url);
  const asked = queriesOf(client);
  const { query } = asked;
  const event = { eventType: "a.b", payload: 1 };
  const refused = {
    code: "no_transaction",
    message: /no transaction has begun on this client; .*transaction: "optional"/,
  };
  await assert.rejects(publish({ query }, event), refused);
  await assert.rejects(publishMany({ query }, [event, event]), refused);
  const wrapped = async (...sent: Parameters<typeof query>) =>
    query(...sent).catch((cause: unknown) => {
      throw new Error("wrapped", { cause });
    });
  await assert.rejects(publish({ query: wrapped }, event), refused);
  const wrapper = { query: (text: string, values: (string | null)[]) => database.pool.query(text, values) };
  await assert.rejects(publish(wrapper, event), refused);
  assert.deepEqual(await payloads(), []);

  await client.query("begin isolation level repeatable read");
  asked.texts.length = 0;
  await publish({ query }, event);
  await publishMany({ query }, [event, event]);
  assert.deepEqual(asked.texts, ["lock", "select", "lock", "insert"]);
  await client.query("rollback");
  await publish({ query }, event, { transaction: "optional" });
  assert.deepEqual(await payloads(), ["1"]);
});

test("what the server is asked takes no snapshot: a stricter isolation level sees what was there at the event", async (t) => {
  const client = await openSession(t, database.url);
  const query = async (text: string, values: (string | null)[]) => {
    const result = await client.query(text, values);
    if (firstWord(text) === "lock") await database.pool.query(CHANGE);
    return result;
  };
  await client.query("begin isolation level repeatable read");
  await publish({ query }, { eventType: "a.b", payload: 1 });
  assert.equal((await client.query("select from public.change")).rowCount, 1);
  await client.query("rollback");
});

test("a client that says what the server said last is not asked", async (t) => {
  const client = await openSession(t, login.url);
  const { query, texts } = queriesOf(client);
  const getTransactionStatus = () => client.getTransactionStatus();
  await client.query("begin");
  await publish({ query, getTransactionStatus } as never, { eventType: "a.b", payload: 1 });
  await client.query("rollback");
  assert.deepEqual(texts, ["select"]);
});

test("a transaction that has failed already says so itself", async (t) => {
  const client = await openSession(t, login.url);
  const { query } = queriesOf(client);
  await client.query("begin");
  await assert.rejects(client.query("select 1/0"));
  await assert.rejects(publish(client, { eventType: "a.b", payload: 1 }), { code: "25P02" });
  await assert.rejects(publish({ query }, { eventType: "a.b", payload: 1 }), { code: "25P02" });
});

test("any text reaches the column that it was meant for, one by one and in a list", async (t) => {
  const client = await openSession(t, database.url);
  await client.query("begin");
  // Every character but NUL, which no text of Postgres has. fast-check's own way to say so takes seconds to be made.
  const character = fc.oneof(
    fc.integer({ min: 1, max: 0xff }),
    fc.integer({ min: 0x100, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0x10ffff }),
  );
  const text = fc.array(character, { minLength: 1, maxLength: 20 }).map((codes) => String.fromCodePoint(...codes));
  const time = fc.date({ min: new Date(0), max: new Date("9999-01-01T00:00:00Z"), noInvalidDate: true });
  const given = fc.record({
    payload: fc.jsonValue(),
    tenant: text,
    orderingKey: fc.option(text),
    deliverAt: fc.option(time),
    subject: text,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(given, { minLength: 1, maxLength: 8 }), fc.boolean(), async (list, hasKeys) => {
      const events = list.map(({ subject, ...rest }, index) => ({
        ...rest,
        eventType: "a.b",
        idempotencyKey: hasKeys && index > 0 ? `k ${index}` : null,
        attributes: { subject },
      }));
      await client.query("savepoint part");
      const published = await publishMany(client, events.slice(1));
      published.unshift(await publish(client, events[0] ?? assert.fail()));
      const rows = await rowsOf(client, TEXTS, [published]);
      await client.query("rollback to savepoint part");
      assert.deepEqual(
        rows,
        events.map(({ payload, ...rest }) => ({ ...rest, payload: JSON.stringify(payload) })),
      );
    }),
    { numRuns: 15 },
  );
});

/** What nobody but `query` is known of, and the first word of each text that it gets. */
function queriesOf(client: pg.Client) {
  const texts: string[] = [];
  const query = (text: string, values: (string | null)[]) => {
    texts.push(firstWord(text));
    return client.query(text, values);
  };
  return { texts, query };
}

function firstWord(text: string): string {
  return text.slice(0, text.search(/\s/));
}

const TEXTS = `
  select event_type as "eventType", payload::text as payload, tenant, ordering_key as "orderingKey",
    deliver_at as "deliverAt", idempotency_key as "idempotencyKey", attributes
  from unnest($1::uuid[]) with ordinality p (id, place) join postrider.outbox o on o.id = p.id
  order by p.place`;

async function seen(): Promise<{ readonly events: readonly unknown[]; readonly changes: number }> {
  const events = await rowsOf<{ deliver_at: Date | null }>(
    database.pool,
    `select id, event_type, payload::text, tenant, ordering_key, idempotency_key, deliver_at, attributes
     from postrider.outbox order by seq`,
  );
  const changes = await rowsOf(database.pool, "select note from public.change");
  return {
    events: events.map((event) => ({ ...event, deliver_at: event.deliver_at?.toISOString() ?? null })),
    changes: changes.length,
  };
}

async function ids(): Promise<readonly string[]> {
  const rows = await rowsOf<{ id: string }>(database.pool, "select id from postrider.outbox order by seq");
  return rows.map(({ id }) => id);
}

async function payloads(): Promise<readonly string[]> {
  const rows = await rowsOf<{ text: string }>(
    database.pool,
    "select payload::text as text from postrider.outbox order by seq",
  );
  return rows.map(({ text }) => text);
}
