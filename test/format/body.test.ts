import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { batchBody } from "../../src/format/body.ts";
import { FORMAT_NAMES } from "../../src/format/format.ts";
import { bodyOf, EVENT, FORMATS, headersOf, SOURCE, withAttributes } from "./formatted.ts";
import { anyJson, memberOf, tokensOf, unitsOf } from "./jsonText.ts";

const CONTENT_TYPES = {
  standard: "application/json",
  raw: "application/json",
  cloudevents: "application/cloudevents+json",
  "cloudevents-binary": "application/json",
  xml: "application/xml",
  "cloudevents-xml": "application/cloudevents+xml",
};

test("each format has its content type, and only two can be batched", () => {
  for (const name of FORMAT_NAMES) {
    assert.equal(FORMATS[name].name, name);
    assert.equal(FORMATS[name].contentType, CONTENT_TYPES[name]);
  }
  const batched = FORMAT_NAMES.map((name) => [name, FORMATS[name].batch?.contentType]);
  assert.deepEqual(
    batched.filter(([, contentType]) => contentType !== undefined),
    [
      ["standard", "application/json"],
      ["cloudevents", "application/cloudevents-batch+json"],
    ],
  );
});

test("the standard format is type, timestamp and data in that order", () => {
  assert.equal(
    bodyOf("standard", '{"order_id": 42}').toString(),
    '{"type":"order.paid","timestamp":"2026-11-03T20:26:10.344522Z","data":{"order_id": 42}}',
  );
});

test("the raw format is the payload alone", () => {
  assert.equal(bodyOf("raw", '{"order_id": 42}').toString(), '{"order_id": 42}');
});

test("a CloudEvent in JSON has the attributes of the specification around the payload", () => {
  const body = bodyOf("cloudevents", '{"order_id": 42}', withAttributes({ subject: "o/1", retries: 3, test: true }));
  assert.equal(
    body.toString(),
    `{"specversion":"1.0","source":"${SOURCE}","id":"${EVENT.id}","type":"order.paid",` +
      '"time":"2026-11-03T20:26:10.344522Z","datacontenttype":"application/json",' +
      '"subject":"o/1","retries":3,"test":true,"data":{"order_id": 42}}',
  );
});

test("a CloudEvent in the binary mode has its attributes in headers, percent-encoded, and the payload as body", () => {
  const event = withAttributes({ subject: "Zoë €", retries: 3, test: true });
  assert.equal(bodyOf("cloudevents-binary", "[1.0]", event).toString(), "[1.0]");
  assert.match(
    FORMATS["cloudevents-binary"].headerLines?.(event, null) ?? "",
    /\r\nce-subject: Zo%C3%AB%20%E2%82%AC\r\n/,
  );
  assert.deepEqual(headersOf("cloudevents-binary", event), {
    "ce-specversion": "1.0",
    "ce-source": SOURCE,
    "ce-id": EVENT.id,
    "ce-type": "order.paid",
    "ce-time": "2026-11-03T20:26:10.344522Z",
    "ce-subject": "Zoë €",
    "ce-retries": "3",
    "ce-test": "true",
  });
});

test("only the binary mode has headers of the event", () => {
  const having = FORMAT_NAMES.filter((name) => FORMATS[name].headerLines !== null);
  assert.deepEqual(having, ["cloudevents-binary"]);
});

test("the body of every format in JSON is JSON that has the payload's text, byte for byte", () => {
  fc.assert(
    fc.property(anyJson, (payload) => {
      for (const name of ["raw", "cloudevents-binary"] as const) {
        assert.equal(bodyOf(name, payload).toString(), payload);
      }
      for (const name of ["standard", "cloudevents"] as const) {
        const body = bodyOf(name, payload).toString();
        assert.ok(body.endsWith(`"data":${payload}}`));
        assert.deepEqual(memberOf(body, "data"), tokensOf(payload));
        assert.deepEqual(memberOf(body, "type"), [unitsOf(EVENT.eventType)]);
      }
    }),
  );
});

test("a batch is one JSON array of envelopes, each with its id and its payload's text", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uuid(), anyJson), { maxLength: 5 }), (members) => {
      for (const name of ["standard", "cloudevents"] as const) {
        const { batch } = FORMATS[name];
        const items = members.map(([id, payload]) => batch?.item({ ...EVENT, id }, payload) ?? "");
        const body = batchBody(items).toString();
        assert.deepEqual(tokensOf(body), [
          "[",
          ...items.flatMap((item, at) => (at === 0 ? tokensOf(item) : [",", ...tokensOf(item)])),
          "]",
        ]);
        for (const [at, [id, payload]] of members.entries()) {
          assert.deepEqual(memberOf(items[at] ?? "", "id"), [unitsOf(id)]);
          assert.deepEqual(memberOf(items[at] ?? "", "data"), tokensOf(payload));
        }
      }
    }),
  );
  const item = FORMATS.standard.batch?.item(EVENT, "1");
  assert.equal(item, `{"id":"${EVENT.id}","type":"order.paid","timestamp":"2026-11-03T20:26:10.344522Z","data":1}`);
});

test("no body is larger for its payload than its format says", () => {
  // What grows most: short values, marks of XML, characters that XML cannot carry, deep nesting.
  const payloads = ["0,", '"\x7f",', '"",', '"&",', "{},", "[],", '{"a":{"b":1}},', "[[[]]],", '"\\\\",'].map(
    (item) => `[${item.repeat(1_000).slice(0, -1)}]`,
  );
  for (const name of FORMAT_NAMES) {
    const overhead = bodyOf(name, "1").length;
    for (const payload of payloads) {
      const growth = (bodyOf(name, payload).length - overhead) / Buffer.byteLength(payload);
      assert.ok(growth <= FORMATS[name].growthMax, `${name} grows ${growth} times with ${payload.slice(0, 20)}`);
    }
  }
});
