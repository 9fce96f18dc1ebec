/** What tests of an application can ask: through each library, of any payload, and what is drained. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { publish } from "../../src/publish/publisher.ts";
import {
  assertNotPublished,
  assertPublished,
  type Delivery,
  drain,
  markOutbox,
  publishedEvents,
} from "../../src/publish/testing.ts";
import { askFor, openSession, type Session } from "../support/engine.ts";
import { LIBRARIES } from "./libraries.ts";
import { usePublisher } from "./publisher.ts";
import { testAssertions } from "./testAssertions.ts";

const tester = usePublisher(["postrider_publisher", "postrider_operator"]);

for (const [name, open] of Object.entries(LIBRARIES)) describe(name, () => testAssertions(tester, open));

describe("an expected payload", () => {
  const at = new Date("2026-11-24T09:00:00.000Z");
  const payload = { order_id: 42, lines: [{ sku: "a", n: 1 }, { sku: "b" }], note: null, at, "a b": {} };
  const tx = transactionWith([{ eventType: "order.paid", json: JSON.stringify(payload) }]);

  for (const part of [
    {},
    { order_id: 42 },
    { lines: [{ n: 1 }, {}] },
    { note: null, "a b": {} },
    { at },
    { total: undefined, "a b": { c: undefined } },
    payload,
  ]) {
    test(`${JSON.stringify(part)} is a part of the published one`, async () => {
      await assertPublished(tx, { payload: part });
      await assert.rejects(assertNotPublished(tx, { payload: part }));
    });
  }

  const others: readonly (readonly [unknown, string])[] = [
    [{ order_id: "42" }, 'payload.order_id is 42, not "42"'],
    [{ order_id: undefined }, "payload.order_id is 42, and should not be there"],
    [{ total: 1 }, "payload.total is missing"],
    [{ toString: null }, "payload.toString is missing"],
    [{ lines: [{ sku: "a" }] }, 'payload.lines is [{"sku":"a","n":1},{"sku":"b"}], not [{"sku":"a"}]'],
    [{ lines: [{}, { sku: "c" }] }, 'payload.lines[1].sku is "b", not "c"'],
    [{ lines: { 0: {} } }, 'payload.lines is [{"sku":"a","n":1},{"sku":"b"}], not {"0":{}}'],
    [{ note: {} }, "payload.note is null, not {}"],
    [{ "a b": { c: 1 } }, 'payload["a b"].c is missing'],
    [[], `payload is ${JSON.stringify(payload)}, not []`],
    [null, `payload is ${JSON.stringify(payload)}, not null`],
  ];
  for (const [part, difference] of others) {
    test(`is refused with what differs: ${difference}`, async () => {
      await assert.rejects(assertPublished(tx, { payload: part }), (thrown: Error) => {
        assert.ok(thrown.message.endsWith(`: ${difference}`), thrown.message);
        return true;
      });
      await assertNotPublished(tx, { payload: part });
    });
  }
});

test("the other fields are compared whole, but for the attributes", async () => {
  const deliverAt = Date.UTC(2026, 10, 24, 9);
  const tx = transactionWith([{ eventType: "a.b", json: "[1.0]", deliverAt, attributes: { subject: "s", more: 1 } }]);
  const whole = { eventType: "a.b", json: "[1.0]", tenant: "", orderingKey: null, deliverAt: new Date(deliverAt) };
  await assertPublished(tx, { ...whole, attributes: { subject: "s" } });
  await assertNotPublished(tx, { json: "[1]" });
  await assertNotPublished(tx, { deliverAt: null });
  await assertNotPublished(tx, { orderingKey: "k" });
  await assertNotPublished(tx, { attributes: null });
});

test("a long list of long events is cut in the message, not in what the error holds", async () => {
  const tx = transactionWith(Array.from({ length: 25 }, () => ({ eventType: "a.b", json: `"${"x".repeat(1000)}"` })));
  await assert.rejects(assertPublished(tx, { eventType: "a.c" }), (thrown: Error & { actual?: unknown }) => {
    const lines = thrown.message.split("\n");
    assert.equal(lines.length, 22);
    assert.equal(lines.at(-1), "  and 5 more");
    assert.match(lines[1] ?? "", /^ {2}a\.b "x{299}…: eventType is "a\.b", not "a\.c"$/);
    assert.equal((thrown.actual as unknown[]).length, 25);
    return true;
  });
});

describe("what would make an assertion meaningless is refused:", () => {
  const { tx, sent } = recorder();
  const expected: readonly (readonly [string, unknown, RegExp])[] = [
    ["a type alone", "order.paid", /cannot look for an event: it is a string; pass \{ eventType, payload \}/],
    ["a misspelt field", { eventType: "a.b", payloads: 1 }, /"payloads" is not a field of an event/],
    ["no field", {}, /no field is given/],
    ["a field that is undefined", { eventType: "a.b", payload: undefined }, /its payload is undefined/],
    ["what JSON does not have", { payload: { n: 1n } }, /"n" in it is a bigint/],
  ];
  for (const [what, value, message] of expected) {
    test(what, async () => {
      await assert.rejects(assertPublished(tx, value as never), { name: "PublishError", message });
      await assert.rejects(assertNotPublished(tx, value as never), { name: "PublishError", message });
      assert.deepEqual(sent, []);
    });
  }

  test("a mark that is none", async () => {
    for (const since of [undefined, null, new Date(), {}]) {
      await assert.rejects(publishedEvents(tx, { since } as never), { code: "bad_mark", message: /markOutbox/ });
    }
    assert.deepEqual(sent, []);
  });
});

test("a role that may only publish is told what the tests need", async (t) => {
  const client = await openSession(t, tester.owner.url);
  await client.query("begin; set local role postrider_publisher");
  await publish(client, { eventType: "a.b", payload: 1 });
  await assert.rejects(publishedEvents(client), /cannot read the outbox: .*grant postrider_operator/);
});

test("a mark tells what was committed after it, also by transactions that were open then, from what was before", async (t) => {
  const [early, late] = [await openSession(t, tester.url), await openSession(t, tester.url)];
  const { pool } = tester.owner;
  for (const client of [early, late]) await client.query("begin");
  await publish(early, { eventType: "a.b", payload: "open" });
  await publish(pool, { eventType: "a.b", payload: "before" }, { transaction: "optional" });
  const since = await markOutbox(pool);
  await publish(late, { eventType: "a.b", payload: "after" });
  await late.query("commit");
  const seen = async () => (await publishedEvents(pool, { since })).map(({ payload }) => payload);
  assert.deepEqual(await seen(), ["after"]);
  await early.query("commit");
  assert.deepEqual(await seen(), ["open", "after"]);
});

test("what is drained is what would be sent: by tenant, type, filter and state of the endpoint, and by the time", async (t) => {
  const tx = await openSession(t, tester.url);
  await tx.query("begin");
  await createEndpoint(tx, "all", "{order.*}");
  const large = await createEndpoint(tx, "large", "{}");
  await tx.query("select postrider.subscribe($1, 'order.paid', '$.amount > 100')", [large]);
  await createEndpoint(tx, "acme", "{*}", "acme");
  const paused = await createEndpoint(tx, "paused", "{order.paid}");
  await tx.query("select postrider.pause_endpoint($1, 'closed')", [paused]);
  const disabled = await createEndpoint(tx, "disabled", "{*}");
  await tx.query("select postrider.disable_endpoint($1, 'gone')", [disabled]);

  const later = new Date(Date.now() + 3_600_000);
  await publish(tx, { eventType: "order.paid", payload: { amount: 50 } });
  await publish(tx, { eventType: "order.paid", payload: { amount: 500 }, deliverAt: new Date(Date.now() - 1000) });
  await publish(tx, { eventType: "order.paid", payload: { amount: 600 }, tenant: "acme" });
  await publish(tx, { eventType: "order.paid", payload: { amount: 700 }, deliverAt: later });
  await publish(tx, { eventType: "shop.opened", payload: { amount: 800 } });
  const deliveries = await drain(tx);
  assert.deepEqual(summaries(deliveries), ["50 to all", "500 to all", "500 to large", "600 to acme"]);
  assert.equal(deliveries[0]?.endpoint.url, "https://all.example/hooks");

  await tx.query("select postrider.resume_endpoint($1)", [paused]);
  assert.deepEqual(summaries(await drain(tx)), ["50 to paused", "500 to paused"]);
  assert.deepEqual(await drain(tx), []);
});

test("deliveries are handed over in the order of the events, one at a time, and what they publish waits for the next drain", async (t) => {
  const tx = await openSession(t, tester.url);
  await tx.query("begin");
  await createEndpoint(tx, "all", "{*}");
  for (const payload of [1, 2, 3]) await publish(tx, { eventType: "a.b", payload });
  const steps: string[] = [];
  const deliver = async ({ event }: Delivery) => {
    steps.push(`begin ${event.json}`);
    if (event.payload === 2) await publish(tx, { eventType: "a.c", payload: "answer" });
    steps.push(`end ${event.json}`);
  };
  assert.equal((await drain(tx, deliver)).length, 3);
  assert.equal((await drain(tx, deliver)).length, 1);
  assert.deepEqual(
    steps,
    ["1", "2", "3", '"answer"'].flatMap((each) => [`begin ${each}`, `end ${each}`]),
  );
});

test("what was drained is forgotten with the transaction, however it ends", async (t) => {
  const client = await openSession(t, tester.url);
  const since = await markOutbox(client);
  await createEndpoint(client, "all", "{*}");
  await publish(client, { eventType: "a.b", payload: 1 }, { transaction: "optional" });
  for (const end of ["commit", "rollback"]) {
    await client.query("begin");
    assert.equal((await drain(client, () => {}, { since })).length, 1, end);
    assert.equal((await drain(client, () => {}, { since })).length, 0, end);
    await client.query(end);
  }
});

test("a receiver that fails fails the drain", async (t) => {
  const tx = await openSession(t, tester.url);
  await tx.query("begin");
  await createEndpoint(tx, "all", "{*}");
  await publish(tx, { eventType: "a.b", payload: 1 });
  const failure = new Error("cannot read this");
  await assert.rejects(
    drain(tx, () => Promise.reject(failure)),
    failure,
  );
});

async function createEndpoint(tx: Session, name: string, types: string, tenant = ""): Promise<unknown> {
  const options = { name };
  return askFor(tx, "select endpoint_id from postrider.create_endpoint($1, $2, $3, $4)", [
    `https://${name}.example/hooks`,
    types,
    tenant,
    options,
  ]);
}

function summaries(deliveries: readonly Delivery[]): readonly string[] {
  return deliveries
    .map(({ event, endpoint }) => `${(event.payload as { amount: number }).amount} to ${endpoint.name}`)
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || a.localeCompare(b));
}

/** A transaction that published these events, without a server. */
function transactionWith(events: readonly object[]) {
  const plain = { id: "1", tenant: "", orderingKey: null, deliverAt: null, idempotencyKey: null, attributes: null };
  return recorder(events.map((event) => ({ value: JSON.stringify({ ...plain, ...event }) }))).tx;
}

function recorder(rows: readonly unknown[] = []) {
  const sent: string[] = [];
  const query = async (text: string) => {
    sent.push(text);
    return { rows };
  };
  return { sent, tx: { query, getTransactionStatus: () => "T" } };
}
