import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BODY_FORMATS, contentTypeOf, makeBody } from "../../src/format/body.ts";

const EVENT = { eventType: "order.paid", timestamp: "2026-11-03T20:26:10.344522Z" };

test("the standard format is type, timestamp and data in that order", () => {
  const body = makeBody("standard", { ...EVENT, payload: '{"order_id": 42}' });
  assert.equal(
    body.toString(),
    '{"type":"order.paid","timestamp":"2026-11-03T20:26:10.344522Z","data":{"order_id": 42}}',
  );
  assert.equal(contentTypeOf("standard"), "application/json");
});

test("the raw format is the payload alone", () => {
  const body = makeBody("raw", { ...EVENT, payload: '{"order_id": 42}' });
  assert.equal(body.toString(), '{"order_id": 42}');
  assert.equal(contentTypeOf("standard"), "application/json");
});

test("number precision, the order of keys, repeated keys and spacing survive in every format", () => {
  const payload = '{"n": 12345678901234567890.10, "z":1, "a":2,\n\t"a" : 1e400}';
  for (const format of BODY_FORMATS) {
    assert.ok(makeBody(format, { ...EVENT, payload }).includes(payload), format);
  }
});

test("text beyond ASCII is sent as UTF-8", () => {
  const payload = '{"name":"Zoë – 東京 🚀"}';
  const expected = Buffer.from(payload, "utf8");
  assert.deepEqual(makeBody("raw", { ...EVENT, payload }), expected);
  assert.ok(makeBody("standard", { ...EVENT, payload }).includes(expected));
});

test("the body contains the payload's text byte for byte, and a standard body is JSON if the payload is", () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: "grapheme" }), (payload) => {
      const body = makeBody("standard", { ...EVENT, payload }).toString();
      assert.ok(body.endsWith(`"data":${payload}}`));
      assert.deepEqual(JSON.parse(body), {
        type: EVENT.eventType,
        timestamp: EVENT.timestamp,
        data: JSON.parse(payload),
      });
    }),
  );
});
