import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BODY_BYTES_MAX } from "../../src/format/bodyText.ts";
import { bodyOf, EVENT, FORMATS, SOURCE, withAttributes } from "./formatted.ts";
import { anyJson, tokensOf } from "./jsonText.ts";
import { parseXml, readCloudEvent, readEnvelope } from "./xmlReader.ts";

const MIB = 1_048_576;

/** The element that a payload becomes. */
function elementOf(payload: string): string {
  const body = bodyOf("xml", payload).toString();
  return body
    .slice(body.indexOf("<data>") + 6, -"</data></event>".length)
    .replace(' xmlns="http://www.w3.org/2005/xpath-functions"', "");
}

describe("the XML of the standard envelope", () => {
  test("is an event with type, timestamp and data, in which the payload is as fn:json-to-xml writes it", () => {
    assert.equal(
      bodyOf("xml", '{"order_id": 42, "paid": true}').toString(),
      '<?xml version="1.0" encoding="UTF-8"?>' +
        "<event><type>order.paid</type><timestamp>2026-11-03T20:26:10.344522Z</timestamp><data>" +
        '<map xmlns="http://www.w3.org/2005/xpath-functions"><number key="order_id">42</number><boolean key="paid">true</boolean></map>' +
        "</data></event>",
    );
  });

  test("has what was inserted, as an independent parser and the schema read it", () => {
    fc.assert(
      fc.property(anyJson, (payload) => {
        const { type, timestamp, data } = readEnvelope(bodyOf("xml", payload));
        assert.deepEqual([type, timestamp], [EVENT.eventType, EVENT.createdAt]);
        assert.deepEqual(data, tokensOf(payload));
      }),
      { numRuns: 500 },
    );
  });

  for (const [payload, element] of [
    ["12345678901234567890.10", "<number>12345678901234567890.10</number>"],
    ["-1E+400", "<number>-1E+400</number>"],
    ["[]", "<array></array>"],
    ['[1,"",null]', "<array><number>1</number><string></string><null/></array>"],
    ['{"a":1,"a":2}', '<map><number key="a">1</number><number key="a">2</number></map>'],
    ['{"":{}}', '<map><map key=""></map></map>'],
    ['"\ufeff seventeen bytes"', "<string>\ufeff seventeen bytes</string>"],
    [String.raw`"a & <b> \"c\" \/ \u0026"`, "<string>a &amp; &lt;b&gt; &quot;c&quot; / &amp;</string>"],
    [String.raw`"\n\u000a"`, String.raw`<string escaped="true">\n\n</string>`],
    [String.raw`"\u0000\u001F\u007f"`, String.raw`<string escaped="true">\u0000\u001F\u007F</string>`],
    [String.raw`"\\n\u005c"`, String.raw`<string escaped="true">\\n\\</string>`],
    ['"\x7f\x85\ufffe"', String.raw`<string escaped="true">\u007F\u0085\uFFFE</string>`],
    [String.raw`"\ud83d\ude82 \ud83d \ude82"`, String.raw`<string escaped="true">🚂 \uD83D \uDE82</string>`],
    [String.raw`"\ud83d\ude82 🚂"`, "<string>🚂 🚂</string>"],
    [String.raw`{"a\tb":"c"}`, String.raw`<map><string key="a\tb" escaped-key="true">c</string></map>`],
    [String.raw`{"\"<":[]}`, '<map><array key="&quot;&lt;"></array></map>'],
  ] as const) {
    test(`of ${payload} is ${element}`, () => {
      assert.equal(elementOf(payload), element);
      assert.deepEqual(readEnvelope(bodyOf("xml", payload)).data, tokensOf(payload));
    });
  }

  test("is written whatever the depth of the payload, which no stack limits", () => {
    const depth = MIB;
    const body = bodyOf("xml", "[".repeat(depth) + "]".repeat(depth)).toString();
    assert.equal(body.split("<array").length - 1, depth);
    assert.equal(body.split("</array>").length - 1, depth);
    const keyed = bodyOf("xml", `${'{"":'.repeat(depth)}1${"}".repeat(depth)}`).toString();
    assert.equal(keyed.split("</map>").length - 1, depth);
  });

  test("is no body if it would be longer than the most that is sent, and little is written before that is known", () => {
    assert.equal(FORMATS.xml.body(EVENT, `[${"0,".repeat(4 * MIB)}0]`), null);
    const longest = `"${"x".repeat(BODY_BYTES_MAX - 300)}"`;
    assert.ok(bodyOf("xml", longest).length <= BODY_BYTES_MAX);
    assert.equal(FORMATS.xml.body(EVENT, `"${"x".repeat(BODY_BYTES_MAX)}"`), null);
  });

  test("has a string of megabytes with escapes in it as it was", () => {
    const payload = JSON.stringify({ ["k\0".repeat(100_000)]: '🚂\n\0"<\\'.repeat(200_000) });
    assert.deepEqual(readEnvelope(bodyOf("xml", payload)).data, tokensOf(payload));
  });
});

describe("a CloudEvent in XML", () => {
  test("has the elements of the draft, and the JSON text of the payload", () => {
    const body = bodyOf(
      "cloudevents-xml",
      '{"a": "<&>"}',
      withAttributes({ subject: "o & 1", retries: 3, test: true, note: " x " }),
    );
    const { attributes, data } = readCloudEvent(body);
    assert.equal(data, '{"a": "<&>"}');
    const type = (name: string) => `{http://cloudevents.io/xmlformat/V1}${name}`;
    assert.deepEqual(attributes, {
      source: { type: null, text: SOURCE },
      id: { type: null, text: EVENT.id },
      type: { type: null, text: EVENT.eventType },
      time: { type: null, text: EVENT.createdAt },
      datacontenttype: { type: null, text: "application/json" },
      subject: { type: null, text: "o & 1" },
      retries: { type: type("integer"), text: "3" },
      test: { type: type("boolean"), text: "true" },
      note: { type: type("string"), text: " x " },
    });
  });

  test("has what was inserted, as an independent parser reads it; without U+FFFE and U+FFFF, character for character", () => {
    fc.assert(
      fc.property(anyJson, (payload) => {
        const { data } = readCloudEvent(bodyOf("cloudevents-xml", payload));
        assert.deepEqual(tokensOf(data), tokensOf(payload));
        assert.equal(data, payload.replaceAll("\ufffe", "\\ufffe").replaceAll("\uffff", "\\uffff"));
      }),
      { numRuns: 500 },
    );
  });

  test("is the same, however long the payload is", () => {
    const payload = `["${"🚂<".repeat(MIB)}",\r\n1]`;
    assert.equal(readCloudEvent(bodyOf("cloudevents-xml", payload)).data, payload);
  });
});

test("both are UTF-8 documents that say so", () => {
  for (const name of ["xml", "cloudevents-xml"] as const) {
    assert.equal(
      parseXml(bodyOf(name, '"東京"'), (root) => root.doc.encoding),
      "UTF-8",
    );
  }
});
