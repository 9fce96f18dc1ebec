import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { leftOutOf } from "../../src/format/cloudEventsAttributes.ts";
import { bodyOf, EVENT, FORMATS, headersOf, withAttributes } from "./formatted.ts";
import { memberOf, unitsOf } from "./jsonText.ts";
import { readCloudEvent } from "./xmlReader.ts";

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** The attributes of a CloudEvent in JSON beyond those that every one has. */
function extensionsOf(json: string): Readonly<Record<string, unknown>> {
  const { specversion, source, id, type, time, datacontenttype, data, ...rest } = JSON.parse(
    bodyOf("cloudevents", "1", { ...EVENT, attributes: json }).toString(),
  );
  return rest;
}

for (const [name, json, expected] of [
  ["texts", '{"subject": "o/1", "partitionkey": "a b"}', { subject: "o/1", partitionkey: "a b" }],
  ["the trace", `{"traceparent": "${TRACEPARENT}"}`, { traceparent: TRACEPARENT }],
  ["true and false", '{"a": true, "b": false}', { a: true, b: false }],
  ["whole numbers of 32 bits", '{"a": 0, "b": -2147483648, "c": 2147483647}', { a: 0, b: -2147483648, c: 2147483647 }],
  [
    "other numbers, as texts",
    '{"a": 2147483648, "b": 1.10, "c": 12345678901234567890}',
    { a: "2147483648", b: "1.10", c: "12345678901234567890" },
  ],
  ["a subject that is a number, as a text", '{"subject": 42}', { subject: "42" }],
  ["null: not set", '{"a": null}', {}],
  ["a URI as schema", '{"dataschema": "https://a.example/schema"}', { dataschema: "https://a.example/schema" }],
  ["nothing", "{}", {}],
] as const) {
  test(`a CloudEvent carries ${name}`, () => {
    assert.deepEqual(extensionsOf(json), expected);
    assert.deepEqual(leftOutOf({ ...EVENT, attributes: json }), []);
  });
}

for (const [json, reason] of [
  ['{"orderId": "x"}', '"orderId": a name of CloudEvents has only lower-case letters and digits'],
  ['{"order_id": "x"}', '"order_id": a name of CloudEvents has only lower-case letters and digits'],
  ['{"": "x"}', '"": a name of CloudEvents has only lower-case letters and digits'],
  ['{"source": "x"}', '"source": Postrider fills it in'],
  ['{"data": "x"}', '"data": Postrider fills it in'],
  ['{"a": {"b": 1}}', '"a": its value is an object'],
  ['{"a": [{"b": "}"}]}', '"a": its value is a list'],
  ['{"a": "b\\nc"}', '"a": its value has a control character or a noncharacter'],
  ['{"a": "b\\u009fc"}', '"a": its value has a control character or a noncharacter'],
  ['{"a": "\u{1fffe}"}', '"a": its value has a control character or a noncharacter'],
  ['{"subject": ""}', '"subject": it is empty'],
  ['{"traceparent": "x"}', '"traceparent": its value is not one of W3C Trace Context'],
  ['{"dataschema": "no uri"}', '"dataschema": its value is not an absolute URI'],
] as const) {
  test(`a CloudEvent leaves out ${json}, says why, and carries the others`, () => {
    const attributes = `{"kept": 1, ${json.slice(1, -1)}, "too": 2}`;
    assert.deepEqual(extensionsOf(attributes), { kept: 1, too: 2 });
    for (const name of ["cloudevents", "cloudevents-binary", "cloudevents-xml"] as const) {
      assert.deepEqual(FORMATS[name].leftOut?.({ ...EVENT, attributes }), [reason]);
    }
  });
}

test("in XML a name that begins with a digit is left out, too", () => {
  const event = withAttributes({ "1a": "x" });
  assert.deepEqual(headersOf("cloudevents-binary", event)["ce-1a"], "x");
  assert.equal(readCloudEvent(bodyOf("cloudevents-xml", "1", event)).attributes["1a"], undefined);
  assert.deepEqual(FORMATS["cloudevents-xml"].leftOut?.(event), ['"1a": a name of XML does not begin with a digit']);
});

test("large attributes, and a time that is none, are said to be missing", () => {
  const event = { ...EVENT, hasLargeAttributes: true, createdAt: "infinity" };
  assert.equal(leftOutOf(event).length, 2);
  assert.ok(!("time" in JSON.parse(bodyOf("cloudevents", "1", event).toString())));
  assert.ok(!("ce-time" in headersOf("cloudevents-binary", event)));
  assert.ok(!("time" in readCloudEvent(bodyOf("cloudevents-xml", "1", event)).attributes));
});

test("every attribute is carried as it is or named as left out, in all three formats alike", () => {
  const value = fc.oneof(fc.string({ unit: "binary" }), fc.integer(), fc.boolean(), fc.jsonValue());
  const name = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/), fc.string({ unit: "grapheme", maxLength: 4 }));
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 5 }), (attributes) => {
      const event = withAttributes(attributes);
      const json = bodyOf("cloudevents", "1", event).toString();
      const headers = headersOf("cloudevents-binary", event);
      const { attributes: elements } = readCloudEvent(bodyOf("cloudevents-xml", "1", event));
      const leftOut = FORMATS["cloudevents-xml"].leftOut?.(event) ?? [];
      for (const [key, given] of Object.entries(JSON.parse(event.attributes ?? "{}"))) {
        if (given === null || leftOut.some((reason) => reason.startsWith(`${JSON.stringify(key)}:`))) {
          continue;
        }
        const text = typeof given === "string" ? given : JSON.stringify(given);
        assert.equal(headers[`ce-${key}`], text);
        assert.equal(elements[key]?.text, text);
        const [inJson] = memberOf(json, key);
        assert.ok(inJson === text || inJson === unitsOf(text), `${key} is ${inJson}`);
      }
    }),
  );
});
