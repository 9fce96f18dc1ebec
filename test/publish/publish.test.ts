/** Events published through each library, by a role that is only a publisher. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type pg from "pg";
import { publish, publishMany } from "../../src/publish/publisher.ts";
import { openSession, rowsOf } from "../support/engine.ts";
import { LIBRARIES } from "./libraries.ts";
import { CHANGE, usePublisher } from "./publisher.ts";
import { testPublishing } from "./testPublishing.ts";

const publisher = usePublisher();

for (const [name, open] of Object.entries(LIBRARIES)) describe(name, () => testPublishing(publisher, open));

test("a client without a transaction is refused, and accepted once one has begun", async (t) => {
  const client = await openSession(t, publisher.url);
  const event = { eventType: "a.b", payload: 1 };
  await assert.rejects(publish(client, event), { code: "no_transaction", message: /no transaction has begun/ });
  await client.query("begin");
  await publish(client, event);
  await client.query("commit");
  await assert.rejects(publish(client, event), { code: "no_transaction" });
  assert.deepEqual(await publisher.payloads(), ["1"]);
});

test("a client that does not expose the server's transaction status is queried for it, such as a pool's wrapper or an older node-postgres", async (t) => {
  const client = await openSession(t, publisher.url);
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
  const wrapper = { query: (text: string, values: (string | null)[]) => publisher.owner.pool.query(text, values) };
  await assert.rejects(publish(wrapper, event), refused);
  assert.deepEqual(await publisher.payloads(), []);

  await client.query("begin isolation level repeatable read");
  asked.texts.length = 0;
  await publish({ query }, event);
  await publishMany({ query }, [event, event]);
  assert.deepEqual(asked.texts, ["lock", "select", "lock", "insert"]);
  await client.query("rollback");
  await publish({ query }, event, { transaction: "optional" });
  assert.deepEqual(await publisher.payloads(), ["1"]);
});

test("that query takes no snapshot: a stricter isolation level sees what was there at the event", async (t) => {
  const client = await openSession(t, publisher.owner.url);
  const query = async (text: string, values: (string | null)[]) => {
    const result = await client.query(text, values);
    if (firstWord(text) === "lock") await publisher.owner.pool.query(CHANGE);
    return result;
  };
  await client.query("begin isolation level repeatable read");
  await publish({ query }, { eventType: "a.b", payload: 1 });
  assert.equal((await client.query("select from public.change")).rowCount, 1);
  await client.query("rollback");
});

test("a client that exposes the transaction status is not queried", async (t) => {
  const client = await openSession(t, publisher.url);
  const { query, texts } = queriesOf(client);
  const getTransactionStatus = () => client.getTransactionStatus();
  await client.query("begin");
  await publish({ query, getTransactionStatus } as never, { eventType: "a.b", payload: 1 });
  await client.query("rollback");
  assert.deepEqual(texts, ["select"]);
});

test("a transaction that has already failed reports that itself", async (t) => {
  const client = await openSession(t, publisher.url);
  const { query } = queriesOf(client);
  await client.query("begin");
  await assert.rejects(client.query("select 1/0"));
  await assert.rejects(publish(client, { eventType: "a.b", payload: 1 }), { code: "25P02" });
  await assert.rejects(publish({ query }, { eventType: "a.b", payload: 1 }), { code: "25P02" });
});

test("any text reaches its column, one by one and in a list", async (t) => {
  const client = await openSession(t, publisher.owner.url);
  await client.query("begin");
  // Every character except NUL, which Postgres cannot store. fast-check's own arbitrary for that takes seconds to build.
  const character = fc.oneof(
    fc.integer({ min: 1, max: 0xff }),
    fc.integer({ min: 0x100, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0x10ffff }),
  );
  const text = fc.array(character, { minLength: 1, maxLength: 20 }).map((codes) => String.fromCodePoint(...codes));
  const time = fc.date({ min: new Date(0), max: new Date(Date.now() + 29 * 86_400_000), noInvalidDate: true });
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

/** A client of which only `query` is known; records the first word of each text that it gets. */
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
