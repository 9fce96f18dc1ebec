/** What every library must do alike, by a role that is a publisher and no more. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PublishError, publish, publishMany } from "../../src/publish/publisher.ts";
import type { Library } from "./libraries.ts";
import { CHANGE, JSON_TEXT, type Publisher } from "./publisher.ts";

/** A time with milliseconds that is not too far ahead. */
const LATER = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, -5)}.678Z`;

export function testPublishing(publisher: Publisher, open: (url: string) => Library): void {
  let library: Library;

  before(() => {
    library = open(publisher.url);
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
        deliverAt: new Date(LATER),
        attributes: { subject: "o/1" },
      });
      assert.deepEqual(await publisher.seen(), { events: [], changes: 0 });
    });
    assert.deepEqual(await publisher.seen(), {
      events: [
        {
          id,
          event_type: "order.paid",
          payload: JSON_TEXT,
          tenant: 'ac"me\\',
          ordering_key: "o-1",
          idempotency_key: "k-1",
          deliver_at: LATER,
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
    assert.deepEqual(await publisher.seen(), { events: [], changes: 0 });

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
    assert.deepEqual(await publisher.payloads(), ['"stays"', '"stays too"']);
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
    assert.deepEqual(await publisher.ids(), inserted);
    assert.deepEqual(await publisher.payloads(), ['"first"', "0", "1", JSON_TEXT]);
  });

  test("a list without keys is inserted as it stands, every field of each", async () => {
    let inserted: readonly string[] = [];
    await library.transaction(async (tx) => {
      inserted = await publishMany(tx, [
        { eventType: "a.b", json: JSON_TEXT, attributes: { subject: "1" }, tenant: 'a"\\', orderingKey: "NULL" },
        { eventType: "a.c", payload: null, deliverAt: LATER },
      ]);
    });
    const none = { tenant: "", ordering_key: null, idempotency_key: null, deliver_at: null, attributes: null };
    assert.deepEqual((await publisher.seen()).events, [
      {
        ...none,
        id: inserted[0],
        event_type: "a.b",
        payload: JSON_TEXT,
        attributes: { subject: "1" },
        tenant: 'a"\\',
        ordering_key: "NULL",
      },
      { ...none, id: inserted[1], event_type: "a.c", payload: "null", deliver_at: LATER },
    ]);
  });

  test("outside a transaction it is refused and nothing sent, unless the caller says that none is needed", async () => {
    const root = library.root as never;
    const event = { eventType: "a.b", payload: 1 };
    await assert.rejects(publish(root, event), { code: "no_transaction", message: /transaction: "optional"/ });
    await assert.rejects(publishMany(root, [event]), { code: "no_transaction" });
    assert.deepEqual(await publisher.payloads(), []);
    const id = await publish(root, event, { transaction: "optional" });
    const more = await publishMany(root, [event, event], { transaction: "optional" });
    assert.deepEqual(await publisher.ids(), [id, ...more]);
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
    assert.deepEqual(await publisher.payloads(), []);
  });
}
