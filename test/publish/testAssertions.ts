/** What tests of an application can ask through every library alike, as a member of publisher and operator. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { publish } from "../../src/publish/publisher.ts";
import { assertNotPublished, assertPublished, drain, markOutbox, publishedEvents } from "../../src/publish/testing.ts";
import type { Library } from "./libraries.ts";
import { JSON_TEXT, type Publisher } from "./publisher.ts";

/** A time with milliseconds that is not too far ahead. */
const LATER = new Date(Math.trunc(Date.now() / 1000) * 1000 + 86_400_678);
const PLAIN = { tenant: "", orderingKey: null, deliverAt: null, idempotencyKey: null, attributes: null };
const ENDPOINT = `
  select postrider.create_endpoint('https://shop.example/hooks', '{order.*}', options => '{"name": "shop"}')`;

export function testAssertions(tester: Publisher, open: (url: string) => Library): void {
  const undone = new Error("undone");
  let library: Library;

  before(() => {
    library = open(tester.url);
  });

  after(() => library.end());

  /** As a test of an application does it: everything in a transaction that is rolled back. */
  async function rolledBack(work: Parameters<Library["transaction"]>[0]): Promise<void> {
    const attempt = library.transaction(async (tx, sql) => {
      await work(tx, sql);
      throw undone;
    });
    await attempt.catch((thrown) => {
      if (thrown !== undone) throw thrown;
    });
    assert.deepEqual(await tester.payloads(), []);
  }

  async function undoneSavepoint(tx: never, work: (inner: never) => Promise<unknown>): Promise<void> {
    const part = library.savepoint(tx, async (inner) => {
      await work(inner);
      throw undone;
    });
    await assert.rejects(part, undone);
  }

  test("the events of the transaction are listed, every field of each, without those of an undone savepoint", async () => {
    await rolledBack(async (tx, sql) => {
      assert.deepEqual(await publishedEvents(tx), []);
      const fields = { orderingKey: "o-1", idempotencyKey: "k-1", deliverAt: LATER, attributes: { subject: "o/1" } };
      const id = await publish(tx, { eventType: "order.paid", json: JSON_TEXT, tenant: 'ac"me\\', ...fields });
      await undoneSavepoint(tx, (inner) => publish(inner, { eventType: "order.undone", payload: 1 }));
      await library.savepoint(tx, async (inner) => {
        await publish(inner, { eventType: "order.kept", payload: null });
      });
      await sql("insert into postrider.outbox (event_type, payload) values ('by.hand', '{ }')");
      const [first, second, third, ...more] = await publishedEvents(tx);
      assert.deepEqual(first, {
        ...{ id, eventType: "order.paid", json: JSON_TEXT, payload: JSON.parse(JSON_TEXT) },
        ...{ tenant: 'ac"me\\', ...fields },
      });
      assert.deepEqual(second, { ...PLAIN, id: second?.id, eventType: "order.kept", json: "null", payload: null });
      assert.deepEqual(third, { ...PLAIN, id: third?.id, eventType: "by.hand", json: "{ }", payload: {} });
      assert.deepEqual(more, []);
    });
  });

  test("an assertion finds the events that are like the expected one, and otherwise lists all", async () => {
    await rolledBack(async (tx) => {
      const expected = { eventType: "order.paid", payload: { order_id: 42 } };
      await assert.rejects(assertPublished(tx, expected), /this transaction published nothing/);
      await assertNotPublished(tx, expected);
      await publish(tx, { eventType: "order.paid", payload: { order_id: 41 } });
      await assert.rejects(assertPublished(tx, expected), {
        name: "AssertionError",
        message:
          'expected an event like {"eventType":"order.paid","payload":{"order_id":42}}; published was:\n' +
          '  order.paid {"order_id":41}: payload.order_id is 41, not 42',
      });
      const id = await publish(tx, { eventType: "order.paid", payload: { total: 9.5, order_id: 42 } });
      assert.deepEqual(
        (await assertPublished(tx, expected)).map((event) => event.id),
        [id],
      );
      await assert.rejects(assertNotPublished(tx, expected), {
        name: "AssertionError",
        message:
          'expected no event like {"eventType":"order.paid","payload":{"order_id":42}}; published was:\n' +
          '  order.paid {"total":9.5,"order_id":42}',
      });
    });
  });

  test("each delivery that waits is handed over once, and again if the savepoint around that was undone", async () => {
    await rolledBack(async (tx, sql) => {
      await sql(ENDPOINT);
      await publish(tx, { eventType: "order.paid", payload: 1 });
      const seen: string[] = [];
      const deliver = ({ event, endpoint }: { event: { json: string }; endpoint: { name: string | null } }) =>
        seen.push(`${event.json} to ${endpoint.name}`);
      await undoneSavepoint(tx, (inner) => drain(inner, deliver));
      await drain(tx, deliver);
      await drain(tx, deliver);
      await publish(tx, { eventType: "order.paid", payload: 2 });
      await publish(tx, { eventType: "shop.opened", payload: 3 });
      await drain(tx, deliver);
      assert.deepEqual(seen, ["1 to shop", "1 to shop", "2 to shop"]);
    });
  });

  test("outside a transaction a mark says since when, and without one it is refused", async () => {
    const root = library.root as never;
    const expected = { eventType: "order.paid", payload: 2 };
    await assert.rejects(publishedEvents(root), { code: "no_transaction", message: /pass { since: mark } if/ });
    await assert.rejects(drain(root), { code: "no_transaction" });
    await publish(root, { eventType: "order.paid", payload: 1 }, { transaction: "optional" });
    const since = await markOutbox(root);
    await assert.rejects(assertPublished(root, expected, { since }), /nothing was published since the mark/);
    await publish(root, { eventType: "order.paid", payload: 2 }, { transaction: "optional" });
    await assertPublished(root, expected, { since });
    await assertNotPublished(root, { payload: 1 }, { since });
    await library.transaction(async (tx) => {
      assert.equal((await publishedEvents(tx, { since })).length, 1);
      assert.deepEqual(await publishedEvents(tx), []);
    });
  });
}
