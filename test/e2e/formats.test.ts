/** What each format sends, with a whole daemon, a real server and real sockets. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import fc from "fast-check";
import { FORMAT_NAMES, type FormatName } from "../../src/format/format.ts";
import { anyJson, elementsOf, memberOf, memberOfTokens, textOf, tokensOf } from "../format/jsonText.ts";
import { type KeyPair, makeKeyPair, openJwe } from "../format/jweReader.ts";
import { readCloudEvent, readEnvelope } from "../format/xmlReader.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, reset, rowsOf } from "../support/engine.ts";
import { type Received, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const SOURCE = "https://shop.example.com/orders";
const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ATTRIBUTES = { subject: "o/42 €", traceparent: TRACEPARENT, retries: 3, ratio: 1.5, isTest: true, nothing: null };
const CONTENT_TYPES: Readonly<Record<FormatName, string>> = {
  standard: "application/json",
  raw: "application/json",
  cloudevents: "application/cloudevents+json",
  "cloudevents-binary": "application/json",
  xml: "application/xml",
  "cloudevents-xml": "application/cloudevents+xml",
};

function contentTypeOf({ format, isBatched, key }: Way): string {
  if (key !== null) {
    return "application/jose+json";
  }
  return isBatched && format === "cloudevents" ? "application/cloudevents-batch+json" : CONTENT_TYPES[format];
}

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

async function createEndpoint(
  format: string,
  path = `/${format}`,
  options: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const [row] = await rowsOf<{ endpoint_id: string; secret: string }>(
    database.pool,
    "select * from postrider.create_endpoint($1, options => $2)",
    [receiver.url(path), JSON.stringify({ format, ...options })],
  );
  assert.ok(row !== undefined);
  receiver.verify(path, row.secret);
  return row.endpoint_id;
}

/** A way in which events are sent. */
interface Way {
  readonly format: FormatName;
  readonly isBatched: boolean;
  readonly key: KeyPair | null;
}

const WAYS: readonly Way[] = [null, makeKeyPair("X25519")].flatMap((key) => [
  ...FORMAT_NAMES.map((format) => ({ format, isBatched: false, key })),
  ...(["standard", "cloudevents"] as const).map((format) => ({ format, isBatched: true, key })),
]);

function pathOf({ format, isBatched, key }: Way): string {
  return `/${format}${isBatched ? "/batched" : ""}${key === null ? "" : "/encrypted"}`;
}

/** The JSON of each event's payload, token by token, as a receiver reads it. */
function payloadsIn(
  { format, isBatched, key }: Way,
  received: Received,
): readonly (readonly [string, readonly string[]])[] {
  const body = key === null ? received.body : openJwe(received.body, key.privateJwk).content;
  if (isBatched) {
    return elementsOf(body.toString()).map((item) => [
      textOf(memberOfTokens(item, "id")[0] ?? ""),
      memberOfTokens(item, "data"),
    ]);
  }
  switch (format) {
    case "raw":
    case "cloudevents-binary":
      return [[received.id, tokensOf(body.toString())]];
    case "standard":
    case "cloudevents":
      return [[received.id, memberOf(body.toString(), "data")]];
    case "xml":
      return [[received.id, readEnvelope(body).data]];
    case "cloudevents-xml":
      return [[received.id, tokensOf(readCloudEvent(body).data)]];
  }
}

function requestOf(path: string, id: string): Received {
  const found = receiver.requests(path).find((request) => request.id === id);
  assert.ok(found !== undefined, `${path} got ${id}`);
  return found;
}

test("every format brings what was inserted, signed, alone or in batches, encrypted or not", async (t) => {
  for (const way of WAYS) {
    await createEndpoint(way.format, pathOf(way), {
      ...(way.isBatched && { batch_size: 7, batch_delay_ms: 20 }),
      ...(way.key !== null && { encryption_key: way.key.publicJwk }),
    });
  }
  const { daemon } = await startDaemon(database.url, { source: SOURCE });
  t.after(() => daemon.stop());
  const payloads = [...fc.sample(anyJson, { numRuns: 40, seed: 7 }), `["${"🚂&\\u0000".repeat(20_000)}"]`];
  const events = new Map<string, readonly string[]>();
  for (const payload of payloads) {
    events.set(await insertEvent(database.pool, "order.paid", { payload }), tokensOf(payload));
  }
  await until("everything is delivered", async () => {
    const query = "select count(*)::int from postrider.delivery where state = 'succeeded'";
    return (await askFor(database.pool, query)) === WAYS.length * payloads.length;
  });
  for (const way of WAYS) {
    const requests = receiver.requests(pathOf(way));
    for (const { verification, headers } of requests) {
      assert.equal(verification, "verified");
      assert.equal(headers["content-type"], contentTypeOf(way));
    }
    const got = new Map(requests.flatMap((request) => payloadsIn(way, request)));
    assert.deepEqual(got, events, pathOf(way));
    assert.equal(way.isBatched, requests.length < payloads.length, pathOf(way));
  }
});

test("CloudEvents have the event's id, type, time and attributes, and the source of the settings; the log names what is left out", async (t) => {
  for (const format of ["cloudevents", "cloudevents-binary", "cloudevents-xml"]) {
    await createEndpoint(format, `/known/${format}`);
  }
  const { daemon, emitted } = await startDaemon(database.url, { source: SOURCE });
  t.after(() => daemon.stop());
  const publish = "select postrider.publish('order.paid', '{}', attributes => $1)";
  const id = String(await askFor(database.pool, publish, [JSON.stringify(ATTRIBUTES)]));
  await askFor(database.pool, publish, [JSON.stringify(ATTRIBUTES)]);
  const time = await askFor(
    database.pool,
    `select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') from postrider.outbox where id = $1`,
    [id],
  );
  for (const format of ["cloudevents", "cloudevents-binary", "cloudevents-xml"]) {
    await receiver.got(`/known/${format}`, 2);
  }
  const known = { id, source: SOURCE, type: "order.paid", time };
  const extensions = { subject: "o/42 €", traceparent: TRACEPARENT, ratio: "1.5" };

  const structured = requestOf("/known/cloudevents", id);
  assert.deepEqual(JSON.parse(structured.body.toString()), {
    ...{ specversion: "1.0", datacontenttype: "application/json", data: {} },
    ...{ ...known, ...extensions, retries: 3 },
  });
  assert.equal(structured.headers["ce-id"], undefined);

  const { headers } = requestOf("/known/cloudevents-binary", id);
  for (const [name, value] of Object.entries({ specversion: "1.0", ...known, ...extensions, retries: "3" })) {
    assert.equal(decodeURIComponent(String(headers[`ce-${name}`])), value, name);
  }
  assert.equal(headers["ce-datacontenttype"], undefined);
  assert.equal(headers.traceparent, TRACEPARENT);

  const { attributes } = readCloudEvent(requestOf("/known/cloudevents-xml", id).body);
  const texts = Object.fromEntries(Object.entries(attributes).map(([name, { text }]) => [name, text]));
  assert.deepEqual(texts, { ...known, ...extensions, datacontenttype: "application/json", retries: "3" });

  const left = emitted.named("attributes.left_out");
  assert.deepEqual(
    left.map(({ format, event_type, attributes: leftOut }) => [format, event_type, leftOut]).toSorted(),
    ["cloudevents", "cloudevents-binary", "cloudevents-xml"].map((format) => [
      format,
      "order.paid",
      '"isTest": a name of CloudEvents has only lower-case letters and digits',
    ]),
    "once for each format, although there were two events",
  );
});

test("an event whose XML would be too long is discarded with the reason, and others are sent in its place", async (t) => {
  const endpoint = await createEndpoint("xml", "/long");
  const { daemon } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  const id = String(
    await askFor(
      database.pool,
      "select postrider.publish('report.made', ('[' || repeat('0,', 4000000) || '0]')::json)",
    ),
  );
  const small = await insertEvent(database.pool, "order.paid");
  await until(
    "both have ended",
    async () =>
      Number(await askFor(database.pool, "select count(*) from postrider.delivery where state <> 'pending'")) === 2,
  );
  const [row] = await rowsOf<{ state: string; reason: string }>(
    database.pool,
    "select state, reason from postrider.delivery_status where event_id = $1 and endpoint_id = $2",
    [id, endpoint],
  );
  assert.deepEqual(row, {
    state: "discarded",
    reason: "in the format xml the body has more than 67108864 bytes, which is the most that is sent",
  });
  assert.deepEqual(
    receiver
      .requests("/long")
      .map((request) => request.id)
      .filter((got) => got === id || got === small),
    [small],
  );
});

test("a retry after a change of the format is in the new one", async (t) => {
  const endpoint = await createEndpoint("raw", "/changed");
  let status = 500;
  receiver.script("/changed", () => ({ kind: "status", status }));
  const { daemon } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  const id = await insertEvent(database.pool, "order.paid", { payload: "{}" });
  await receiver.got("/changed", 1);
  status = 200;
  await database.pool.query("update postrider.endpoint set format = 'cloudevents' where id = $1", [endpoint]);
  await until(
    "the failure is recorded",
    async () =>
      (await askFor(database.pool, "select count(*) from postrider.attempt where event_id = $1", [id])) === "1",
  );
  await database.pool.query("select postrider.redeliver($1, $2)", [id, endpoint]);
  await receiver.got("/changed", 2);
  const [first, second] = receiver.requests("/changed");
  assert.equal(first?.body.toString(), "{}");
  assert.equal(second?.headers["content-type"], "application/cloudevents+json");
  assert.equal(JSON.parse(String(second?.body)).id, id);
});
