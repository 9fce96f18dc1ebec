/** What the sender writes in each format, as the kit reads it: the formats are the sender's own. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { batchBody } from "../../src/format/body.ts";
import type { DataRef, FormatName, FormattedEvent } from "../../src/format/format.ts";
import { createReceiver, type ReceivedEvent, type ReceivedRequest } from "../../src/receive/receive.ts";
import { bodyOf, EVENT, FORMATS, SOURCE, withAttributes } from "../format/formatted.ts";
import { anyJson, tokensOf } from "../format/jsonText.ts";
import { envelope, item, NOW_SECONDS, SECRET, setStore, signed } from "./requests.ts";

const NAMES = Object.keys(FORMATS) as readonly FormatName[];
const REF: DataRef = {
  url: "https://events.example.com/payloads/AQ?a=1&b=2",
  bytes: 104_857_600,
  expires: "2026-11-27T09:00:00.000Z",
};
const LARGE = { url: REF.url, size: 104_857_600, expires: REF.expires };

function receiverOf(name: FormatName) {
  const formats = name === "raw" || name === "cloudevents-binary" ? [name] : undefined;
  const options = { secrets: [SECRET], store: setStore(), handlers: {}, log: () => {} };
  return createReceiver({ ...options, formats, now: () => NOW_SECONDS * 1_000 });
}

/** What the daemon sends of an event. */
function requestOf(name: FormatName, body: Buffer, event: FormattedEvent, ref: DataRef | null = null): ReceivedRequest {
  const lines = FORMATS[name].headerLines?.(event, ref) ?? "";
  const ofFormat = lines.split("\r\n").filter((line) => line !== "");
  const headers = Object.fromEntries(ofFormat.map((line) => line.split(": ", 2)));
  const thin = ref === null ? {} : { "postrider-thin": "true" };
  const { contentType } = FORMATS[name];
  return signed(body, {
    id: event.id,
    contentType,
    headers: { "postrider-event-type": event.eventType, ...thin, ...headers },
  });
}

async function readOne(name: FormatName, body: Buffer, event: FormattedEvent, ref?: DataRef): Promise<ReceivedEvent> {
  const verdict = await receiverOf(name).verify(requestOf(name, body, event, ref));
  assert.ok(verdict.kind === "verified", JSON.stringify(verdict));
  const [read] = verdict.events;
  assert.ok(read !== undefined && verdict.events.length === 1);
  return read;
}

async function reasonOf(name: FormatName, request: ReceivedRequest): Promise<string> {
  const verdict = await receiverOf(name).verify(request);
  return verdict.kind === "rejected" ? `${verdict.status} ${verdict.code}` : verdict.kind;
}

for (const name of NAMES) {
  const isUnsigned = name === "raw" || name === "cloudevents-binary";
  const isCloudEvent = name.startsWith("cloudevents");

  describe(`an event in ${name}`, () => {
    test("has its id, its type, its time and its payload", async () => {
      const payload = '{ "order_id": 42, "total": 12345678901234567890.10 }';
      const event = await readOne(name, bodyOf(name, payload), EVENT);
      assert.deepEqual(
        [event.id, event.type, event.data, event.large, event.isTypeSigned],
        [EVENT.id, EVENT.eventType, JSON.parse(payload), undefined, !isUnsigned],
      );
      assert.equal(event.timestamp, name === "raw" ? timeIn(EVENT.id) : EVENT.createdAt);
      assert.equal(event.dataText, name === "xml" ? '{"order_id":42,"total":12345678901234567890.10}' : payload);
      assert.equal(event.source, isCloudEvent ? SOURCE : undefined);
    });

    test("has any payload as it was inserted", async () => {
      await fc.assert(
        fc.asyncProperty(anyJson, async (payload) => {
          const { data, dataText = "" } = await readOne(name, bodyOf(name, payload), EVENT);
          assert.deepEqual(data, JSON.parse(payload));
          if (name === "xml" || name === "cloudevents-xml") {
            assert.deepEqual(tokensOf(dataText), tokensOf(payload));
          } else {
            assert.equal(dataText, name.startsWith("cloudevents-binary") || name === "raw" ? payload : payload.trim());
          }
        }),
        { numRuns: 100 },
      );
    });

    test("says where a large payload is", async () => {
      const event = await readOne(name, FORMATS[name].thinBody(EVENT, REF), EVENT, REF);
      assert.deepEqual([event.large, event.data, event.dataText], [LARGE, undefined, undefined]);
      assert.deepEqual([event.id, event.type], [EVENT.id, EVENT.eventType]);
      const unknown = { ...REF, bytes: null };
      const { large } = await readOne(name, FORMATS[name].thinBody(EVENT, unknown), EVENT, unknown);
      assert.deepEqual(large, { ...LARGE, size: undefined });
    });

    if (isCloudEvent) {
      test("has its subject and its attributes", async () => {
        const event = withAttributes({
          subject: "o/ü 42%",
          priority: 7,
          urgent: true,
          note: '"a" & <b>\u2028',
          big: 1e10,
        });
        const read = await readOne(name, bodyOf(name, "1", event), event);
        const isText = name === "cloudevents-binary";
        assert.equal(read.subject, "o/ü 42%");
        assert.deepEqual(read.attributes, {
          priority: isText ? "7" : 7,
          urgent: isText ? "true" : true,
          note: '"a" & <b>\u2028',
          big: "10000000000",
        });
      });
    }

    const { batch } = FORMATS[name];
    if (batch !== null) {
      test("may come with others in a batch", async () => {
        const other = { ...EVENT, id: "019a5b0c-9f3e-7cc1-8d2e-0123456789ac", eventType: "order.opened" };
        const items = [batch.item(EVENT, ' [1, "]"] '), batch.thinItem(other, REF), batch.item(other, '{"data":{}}')];
        const request = signed(batchBody(items), { id: "batch", contentType: batch.contentType });
        const verdict = await receiverOf(name).verify(request);
        assert.ok(verdict.kind === "verified");
        assert.deepEqual(
          verdict.events.map(({ id, type, dataText, large }) => [id, type, dataText, large?.size]),
          [
            [EVENT.id, "order.paid", '[1, "]"]', undefined],
            [other.id, "order.opened", undefined, REF.bytes],
            [other.id, "order.opened", '{"data":{}}', undefined],
          ],
        );
      });
    }
  });
}

function attributes(count: number, prefix = ""): string {
  return Array.from({ length: count }, (_, at) => `${prefix}a${at}="b"`).join(" ");
}

function timeIn(id: string): string {
  return new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toISOString();
}

test("formats whose bodies do not say what they are must be named, and are then the only ones", async () => {
  const raw = requestOf("raw", bodyOf("raw", "{}"), EVENT);
  assert.equal(await reasonOf("standard", raw), "422 malformed");
  const binary = requestOf("cloudevents-binary", bodyOf("cloudevents-binary", "1"), EVENT);
  assert.equal(await reasonOf("standard", binary), "415 format_not_allowed");
  // What an envelope says inside of a payload is not believed.
  const event = await readOne("raw", Buffer.from(envelope("1", "user.promoted")), EVENT);
  assert.equal(event.type, "order.paid");
});

test("a batch of more events than a sender puts into one is refused", async () => {
  const batch = (count: number) => signed(`[${Array.from({ length: count }, () => item("1", "a")).join(",")}]`);
  assert.equal(await reasonOf("standard", batch(10_000)), "verified");
  assert.equal(await reasonOf("standard", batch(10_001)), "422 malformed");
});

test("JSON that is nested more deeply than any payload is refused before it is parsed", async () => {
  const nested = (depth: number) =>
    signed(envelope(`${"[".repeat(depth)}"]${"]".repeat(10_000)}"${"]".repeat(depth)}`));
  assert.equal(await reasonOf("standard", nested(9_999)), "verified");
  assert.equal(await reasonOf("standard", nested(1_000_000)), "422 malformed");
});

test("an id beside webhook-id, which alone is signed with every request, must be the same", async () => {
  const other = { ...EVENT, id: "019a5b0c-9f3e-7cc1-8d2e-0123456789ac" };
  const binary = requestOf("cloudevents-binary", bodyOf("cloudevents-binary", "1"), EVENT);
  const renamed = { ...binary, headers: { ...(binary.headers as Record<string, string>), "ce-id": other.id } };
  assert.equal(await reasonOf("cloudevents-binary", renamed), "422 malformed");
  const thin = requestOf("standard", FORMATS.standard.thinBody(other, REF), EVENT, REF);
  assert.equal(await reasonOf("standard", thin), "422 malformed");
});

test("of repeated members the last counts, in the value and in its text", async () => {
  const event = await readOne("standard", Buffer.from(envelope("1").replace(/}$/, ',"d\\u0061ta":2}')), EVENT);
  assert.deepEqual([event.data, event.dataText], [2, "2"]);
});

test("headers cannot make another event of a body that says what it is", async () => {
  const standard = (headers: Readonly<Record<string, string>>, contentType = "application/json") =>
    signed(envelope("1"), { headers, contentType });
  const read = await receiverOf("standard").verify(
    standard({ "postrider-event-type": "user.deleted", "postrider-thin": "true", "ce-type": "user.deleted" }),
  );
  assert.ok(read.kind === "verified");
  assert.equal(read.events[0]?.type, "order.paid");
  const binary = { "ce-specversion": "1.0", "ce-id": EVENT.id, "ce-type": "user.deleted", "ce-source": "x" };
  assert.equal(await reasonOf("standard", standard(binary)), "415 format_not_allowed");
  for (const contentType of ["application/cloudevents+json", "application/cloudevents-batch+json", "application/xml"]) {
    assert.equal(await reasonOf("standard", standard({}, contentType)), "422 malformed", contentType);
  }
  assert.equal(await reasonOf("standard", standard({}, "text/plain")), "415 format_unknown");
});

test("headers cannot make a payload of a thin event in raw, or a thin event of a payload", async () => {
  const bodyOfThin = FORMATS.raw.thinBody(EVENT, REF);
  const event = await readOne("raw", bodyOfThin, EVENT);
  assert.deepEqual([event.large, event.isTypeSigned], [LARGE, true]);
  const lookalike = bodyOf("raw", bodyOfThin.toString().replace(EVENT.id, "019a5b0c-9f3e-7cc1-8d2e-0123456789ac"));
  assert.equal((await readOne("raw", lookalike, EVENT)).large, undefined);
  assert.equal(await reasonOf("raw", requestOf("raw", lookalike, EVENT, REF)), "422 malformed");
});

test("the content-type may have parameters and capitals, or be missing", async () => {
  for (const contentType of ["application/json; charset=utf-8", "Application/JSON ;a=b", ""]) {
    assert.equal(await reasonOf("standard", signed(envelope("1"), { contentType })), "verified", contentType);
  }
});

test("a time that RFC 3339 cannot say is that in the id, or when the request was signed", async () => {
  const at = async (id: string, timestamp: string) => {
    const verdict = await receiverOf("standard").verify(
      signed(`{"type":"a","timestamp":${JSON.stringify(timestamp)},"data":1}`, { id }),
    );
    assert.ok(verdict.kind === "verified");
    return verdict.events[0]?.timestamp;
  };
  assert.equal(await at(EVENT.id, "infinity"), timeIn(EVENT.id));
  assert.equal(await at("ffffffff-ffff-7fff-bfff-ffffffffffff", ""), new Date(NOW_SECONDS * 1_000).toISOString());
  assert.equal(await at("msg_1", "now"), new Date(NOW_SECONDS * 1_000).toISOString());
});

describe("a signed CloudEvent is refused", () => {
  const good = { specversion: "1.0", id: "1", source: "s", type: "t", data: 1 };
  for (const [what, changes] of [
    ["of another version", { specversion: "0.3" }],
    ["without an id", { id: undefined }],
    ["with an id that is no text", { id: 1 }],
    ["without a source", { source: undefined }],
    ["without a type", { type: "" }],
    ["without data", { data: undefined }],
    ["with data that is not JSON", { datacontenttype: "application/xml" }],
    ["with binary data", { data: undefined, data_base64: "AA==" }],
    ["with data and a dataref", { dataref: REF.url, datarefexpires: REF.expires }],
    ["with a dataref to a file", { data: undefined, dataref: "file:///etc/passwd", datarefexpires: REF.expires }],
    ["with a size that is none", { data: undefined, dataref: REF.url, datarefsize: -1, datarefexpires: REF.expires }],
  ] as const) {
    test(what, async () => {
      const of = (event: object) =>
        reasonOf("cloudevents", signed(JSON.stringify(event), { contentType: "application/cloudevents+json" }));
      assert.equal(await of(good), "verified");
      assert.equal(await of({ ...good, ...changes }), "422 malformed");
    });
  }
});

describe("signed XML is refused", () => {
  const data = '<data><null xmlns="http://www.w3.org/2005/xpath-functions"/></data>';
  const xml = (inner: string) => `<event><type>a</type><timestamp>t</timestamp>${inner}</event>`;
  const of = (text: string | Buffer) => reasonOf("xml", signed(text, { contentType: "application/xml" }));
  const value = (element: string) =>
    xml(`<data>${element.replace(/^<\w+/, '$& xmlns="http://www.w3.org/2005/xpath-functions"')}</data>`);

  test("unless it is an envelope, in whatever spelling", async () => {
    const prefixed =
      '<?xml version="1.0"?>\n <event xmlns:f="http://www.w3.org/2005/xpath-functions">\n<data>\n<f:map>' +
      "<f:string key='a'>&lt;b&#62;&#x26;</f:string></f:map></data><timestamp>t</timestamp><type>a</type></event>";
    const verdict = await receiverOf("xml").verify(signed(prefixed, { contentType: "text/xml; charset=utf-8" }));
    assert.ok(verdict.kind === "verified", JSON.stringify(verdict));
    assert.deepEqual(verdict.events[0]?.data, { a: "<b>&" });
  });

  for (const [what, text] of [
    ["with a document type", `<!DOCTYPE event [<!ENTITY a "b">]>${xml(data)}`],
    ["with a document type in lower case", `<!doctype event>${xml(data)}`],
    ["with a comment", xml(`<!-- a -->${data}`)],
    ["with a section", xml(data).replace(">a<", "><![CDATA[a]]><")],
    ["with an instruction", xml(`<?a b?>${data}`)],
    ["with more attributes than any has", xml(data).replace("<type", `<type ${attributes(51)}`)],
    ["with more namespaces than any has", xml(data).replace("<type", `<type ${attributes(17, "xmlns:")}`)],
    ["with an entity of its own", xml(data).replace("<type>a", "<type>&a;")],
    ["that is not well formed", xml(data).replace("</type>", "</tipe>")],
    ["that is cut off", xml(data).slice(0, -3)],
    ["with something behind it", `${xml(data)}<event/>`],
    ["with a prefix that is not declared", xml("<data><f:null/></data>")],
    ["that is empty", ""],
    ["of another root", xml(data).replaceAll("event>", "evil>")],
    ["with a root in a namespace", xml(data).replace("<event", '<event xmlns="urn:x"')],
    ["with two types", xml(`<type>b</type>${data}`)],
    ["without data", xml("")],
    ["with data of another namespace", xml("<data><null/></data>")],
    ["with two values", xml(data.replace("</data>", '<null xmlns="http://www.w3.org/2005/xpath-functions"/></data>'))],
    ["with text beside the value", xml(data.replace("</data>", "x</data>"))],
    ["with elements in an element of the envelope", xml(`<id><a/></id>${data}`).replace("<a/>", "<a><b/></a>")],
    ["with an element that the mapping has not", value("<integer>1</integer>")],
    ["with a number that is none", value("<number>0x1</number>")],
    ["with a number beyond JSON", value("<number>NaN</number>")],
    ["with a boolean that is none", value("<boolean>yes</boolean>")],
    ["with a null that is something", value("<null>0</null>")],
    ["with text in a map", value("<map>a</map>")],
    ["with a member without a key", value("<map><null/></map>")],
    ["with an element in a string", value("<string><null/></string>")],
    ["with an escape that is none", value('<string escaped="true">\\x</string>')],
    ["with an escape that is cut off", value('<string escaped="true">a\\</string>')],
  ] as const) {
    test(what, async () => {
      assert.equal(await of(text), "422 malformed");
    });
  }

  test("of a depth that no payload has, soon", async () => {
    const deep = value(`<array>${"<array>".repeat(200_000)}${"</array>".repeat(200_000)}</array>`);
    assert.equal(await of(deep), "422 malformed");
    const levels = 5_000;
    assert.equal(await of(value(`<array>${"<array>".repeat(levels)}${"</array>".repeat(levels)}</array>`)), "verified");
  });
});
