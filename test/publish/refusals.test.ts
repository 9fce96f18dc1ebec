/** What is refused before anything is sent, which needs no server. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runInNewContext } from "node:vm";
import { type Event, publish, publishMany } from "../../src/publish/publisher.ts";

/** A transaction that records what is sent, and answers with this many ids or with the given rows. */
function recorder(answer?: readonly unknown[]) {
  const sent: { readonly text: string; readonly values: readonly (string | null)[] }[] = [];
  const query = async (text: string, values: (string | null)[]) => {
    sent.push({ text, values });
    return { rows: answer ?? [{ id: "1" }] };
  };
  const getTransactionStatus = () => "T";
  return { sent, tx: { query, getTransactionStatus } };
}

describe("before anything is sent", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const lossy: readonly (readonly [string, unknown, RegExp])[] = [
    ["nothing", undefined, /it is undefined/],
    ["a function", { f: () => 1 }, /"f" in it is a function/],
    ["a symbol", [Symbol("s")], /"0" in it is a symbol/],
    ["a bigint", { n: 12345678901234567890n }, /"n" in it is a bigint; .*as a string, or the whole as text in json/],
    ["NaN", { deep: [{ n: Number.NaN }] }, /"n" in it is NaN/],
    ["an infinite number", Number.POSITIVE_INFINITY, /it is Infinity/],
    ["an element that is undefined", [1, undefined], /"1" in it is undefined/],
    ["an invalid Date", { at: new Date(Number.NaN) }, /"at" in it is an invalid Date/],
    ["a Map", { m: new Map([["a", 1]]) }, /"m" in it is a value of type Map/],
    ["a Set", new Set([1]), /it is a value of type Set/],
    ["a promise", { order: Promise.resolve(1) }, /"order" in it is a value of type Promise/],
    ["an Error", { error: Object.assign(new Error("x"), { code: 1 }) }, /"error" in it is a value of type Error/],
    ["a regular expression", { r: /x/ }, /"r" in it is a value of type RegExp/],
    ["a list of parameters", { q: new URLSearchParams("a=1") }, /"q" in it is a value of type URLSearchParams/],
    ["an iterator", { i: [1].values() }, /"i" in it is a value of type /],
    ["what keeps its state to itself", { m: new WeakMap() }, /"m" in it is a value of type WeakMap/],
    ["bytes", { b: new Uint8Array([1]) }, /"b" in it is a value of type Uint8Array/],
    ["a buffer", { b: new ArrayBuffer(1) }, /"b" in it is a value of type ArrayBuffer/],
    ["NaN as an object", { n: Object(Number.NaN) }, /"n" in it is NaN/],
    ["a Map of another realm", runInNewContext("({ m: new Map() })"), /"m" in it is a value of type Map/],
    [
      "an Error of another realm",
      [runInNewContext("Object.assign(new Error(), { a: 1 })")],
      /"0" in it is a value of type Error/,
    ],
    ["a circle", circle, /circular/],
    ["a toJSON that throws", { toJSON: () => { throw new Error("no"); } }, /JSON.stringify says: no/], // biome-ignore format: one line a case
  ];

  for (const [what, payload, message] of lossy) {
    test(`${what} in a payload is refused`, async () => {
      const { sent, tx } = recorder();
      await assert.rejects(publish(tx, { eventType: "a.b", payload }), { code: "bad_payload", message });
      await assert.rejects(publishMany(tx, [{ eventType: "a.b", payload }]), { code: "bad_payload", message });
      const attributes = { a: payload };
      if (payload !== undefined) {
        await assert.rejects(publish(tx, { eventType: "a.b", payload: 1, attributes }), { code: "bad_payload" });
      }
      assert.deepEqual(sent, []);
    });
  }

  test("whatever JSON.stringify writes in full is accepted: toJSON, Date, and undefined properties, which it omits", async () => {
    const { sent, tx } = recorder();
    class Point {
      x = 1;
    }
    class Hidden {
      readonly #hidden = 2;
      toJSON = () => this.#hidden;
    }
    const payload = {
      at: new Date(0),
      none: undefined,
      own: { toJSON: () => [null, "x"] },
      boxes: [Object(1), Object("ab"), Object(""), Object(true)],
      instances: [new Point(), new Hidden()],
      bare: Object.assign(Object.create(null), { a: 1 }),
      empty: [{}, [], Object.create(null), runInNewContext("({})"), runInNewContext("[]")],
      bytes: Buffer.from("ab"),
      url: new URL("http://localhost/"),
    };
    await publish(tx, { eventType: "a.b", payload });
    assert.equal(sent[0]?.values[1], JSON.stringify(payload));
  });

  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ["no event", null, /it is null; pass \{ eventType, payload \}/],
    ["a list in place of an event", [], /it is a value of type Array/],
    ["no event type", { payload: 1 }, /it has no eventType/],
    ["an event type that is not a string", { eventType: 7, payload: 1 }, /its eventType is a number/],
    [
      "a misspelt key",
      { eventType: "a.b", payload: 1, idempotency_key: "k" },
      /"idempotency_key" is not a field of an event/,
    ],
    ["payload and json", { eventType: "a.b", payload: 1, json: "1" }, /both payload and json/],
    ["json that is empty", { eventType: "a.b", json: "" }, /its json is empty/],
    [
      "json that would be two in a list",
      { eventType: "a.b", json: "1\u001e2" },
      /its json holds the control character/,
    ],
    ["json that is not a string", { eventType: "a.b", json: {} }, /its json is a value of type Object/],
    ["half a character", { eventType: "a.b", json: '"\ud83d"' }, /its json holds half of a surrogate pair/],
    [
      "half a character in a key",
      { eventType: "a.b", payload: 1, idempotencyKey: "\ud83d" },
      /its idempotencyKey holds half/,
    ],
    ["a key that is not a string", { eventType: "a.b", payload: 1, orderingKey: 42 }, /its orderingKey is a number/],
    [
      "a time that is none",
      { eventType: "a.b", payload: 1, deliverAt: new Date(Number.NaN) },
      /its deliverAt is an invalid Date/,
    ],
    ["a time in milliseconds", { eventType: "a.b", payload: 1, deliverAt: 0 }, /its deliverAt is a number/],
    [
      "attributes that are no object",
      { eventType: "a.b", payload: 1, attributes: [] },
      /its attributes are a value of type Array/,
    ],
  ];

  for (const [what, event, message] of wrong) {
    test(`${what} is refused`, async () => {
      const { sent, tx } = recorder();
      await assert.rejects(publish(tx, event as Event), { code: "bad_event", message });
      await assert.rejects(publishMany(tx, [{ eventType: "a.b", payload: 1 }, event as Event]), {
        code: "bad_event",
        message: /event 1/,
      });
      assert.deepEqual(sent, []);
    });
  }

  test("a list that is too long or too large is refused, and an empty one sends nothing", async () => {
    const { sent, tx } = recorder();
    const event = { eventType: "a.b", payload: 1 };
    await assert.rejects(publishMany(tx, new Array(10_001).fill(event)), { code: "batch_too_large" });
    const large = { eventType: "a.b", json: `"${"x".repeat(64 * 1024 * 1024)}"` };
    await assert.rejects(publishMany(tx, [large, large]), { code: "batch_too_large" });
    await assert.rejects(publishMany(tx, "ab" as never), { code: "bad_event" });
    assert.deepEqual(await publishMany(tx, []), []);
    assert.deepEqual(sent, []);
  });

  test("an option that is misspelt is refused", async () => {
    const { sent, tx } = recorder();
    const options = { transaction: "none" } as never;
    await assert.rejects(publish(tx, { eventType: "a.b", payload: 1 }, options), { code: "bad_event" });
    assert.deepEqual(sent, []);
  });
});

test("rows withheld on their way are not taken for ids", async () => {
  const event = { eventType: "a.b", payload: 1 };
  for (const answer of [[], [{}], [null], [{ id: 1 }], [{ id: "1" }, { id: "2" }]]) {
    const { tx } = recorder(answer);
    await assert.rejects(publish(tx, event), { code: "no_ids" });
    await assert.rejects(publishMany(tx, [event, event, event]), { code: "no_ids" });
  }
});

test("what cannot be a transaction is refused, and none of its methods is called", async () => {
  for (const given of [
    undefined,
    null,
    42,
    "postgres://localhost/",
    {},
    [],
    () => {},
    new Date(0),
    { raw: assert.fail, commit: assert.fail },
  ]) {
    await assert.rejects(publish(given as never, { eventType: "a.b", payload: 1 }), {
      name: "PublishError",
      code: "not_a_transaction",
      message:
        /^cannot publish through this: it is .+; pass a transaction of pg, Kysely, Drizzle, Prisma or Postgres.js$/,
    });
  }
});

test("an object that begins transactions is not accepted as one, whichever library it belongs to", async () => {
  const { sent, tx } = recorder();
  for (const root of [
    { ...tx, transaction: async () => {} },
    { ...tx, $pool: {} },
    { ...tx, totalCount: 0 },
  ]) {
    await assert.rejects(publish(root as never, { eventType: "a.b", payload: 1 }), { code: "no_transaction" });
  }
  assert.deepEqual(sent, []);
});
