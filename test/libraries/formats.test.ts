/** What a daemon sends, as libraries of receivers read it that share nothing with it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CloudEvent, type CloudEventV1, HTTP } from "cloudevents";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { batchBody, makeFormats } from "../../src/format/body.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, rowsOf } from "../support/engine.ts";
import { type Received, ScriptedReceiver } from "../support/scriptedReceiver.ts";

const SOURCE = "https://shop.example.com/orders";
const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const PAYLOAD = '{ "order_id": 42, "total": 1.10, "customer": "Zoë 🚂", "lines": [null, true, {}] }';
const ATTRIBUTES = { subject: "o/42", traceparent: TRACEPARENT, partitionkey: "customer-7", retries: 3, final: false };
const JSON_FORMATS = ["standard", "raw", "cloudevents", "cloudevents-binary"] as const;

const database = useDatabase();
let receiver: ScriptedReceiver;
const secrets = new Map<string, string>();
let eventId = "";

describe("what a daemon sends", () => {
  before(async () => {
    receiver = await ScriptedReceiver.start();
    for (const format of JSON_FORMATS) {
      const [row] = await rowsOf<{ secret: string }>(
        database.pool,
        "select secret from postrider.create_endpoint($1, options => $2)",
        [receiver.url(`/${format}`), JSON.stringify({ format })],
      );
      secrets.set(format, row?.secret ?? "");
    }
    const { daemon } = await startDaemon(database.url, { source: SOURCE });
    try {
      const publish = "select postrider.publish('order.paid', $1, attributes => $2)";
      eventId = String(await askFor(database.pool, publish, [PAYLOAD, JSON.stringify(ATTRIBUTES)]));
      await Promise.all(JSON_FORMATS.map((format) => receiver.got(`/${format}`, 1)));
    } finally {
      await daemon.stop();
    }
  });
  after(() => receiver.stop());

  for (const format of JSON_FORMATS) {
    test(`standardwebhooks and svix verify the format ${format}, and refuse it changed`, () => {
      const request = requestOf(format);
      const body = request.body.toString();
      for (const webhook of [
        new StandardWebhook(secrets.get(format) ?? ""),
        new SvixWebhook(secrets.get(format) ?? ""),
      ]) {
        assert.doesNotThrow(() => webhook.verify(body, signedHeaders(request)));
        assert.throws(() => webhook.verify(`${body} `, signedHeaders(request)));
      }
    });
  }

  test("the SDK of CloudEvents reads the structured mode", () => {
    const { headers, body } = requestOf("cloudevents");
    const event = HTTP.toEvent<unknown>({ headers, body: body.toString() });
    assert.ok(!Array.isArray(event));
    assertIsEvent(event, eventId);
    assert.deepEqual([event.retries, event.final], [3, false]);
    assert.ok(new CloudEvent(event).validate());
  });

  test("the SDK of CloudEvents reads the binary mode", () => {
    const { headers, body } = requestOf("cloudevents-binary");
    const event = HTTP.toEvent<unknown>({ headers, body: body.toString() });
    assert.ok(!Array.isArray(event));
    assertIsEvent(event, eventId);
    assert.deepEqual([String(event.retries), String(event.final)], ["3", "false"]);
  });

  test("the SDK of CloudEvents reads a batch", () => {
    const { batch } = makeFormats(SOURCE).cloudevents;
    assert.ok(batch !== null);
    const ids = ["1", "2", "3"];
    const items = ids.map((id) =>
      batch.item(
        {
          id,
          eventType: "order.paid",
          createdAt: new Date().toISOString(),
          attributes: JSON.stringify(ATTRIBUTES),
          hasLargeAttributes: false,
        },
        PAYLOAD,
      ),
    );
    const headers = { "content-type": batch.contentType };
    const events = HTTP.toEvent<unknown>({ headers, body: batchBody(items).toString() });
    assert.ok(Array.isArray(events));
    assert.equal(events.length, 3);
    for (const [at, event] of events.entries()) {
      assertIsEvent(event, ids[at] ?? "");
    }
  });
});

function requestOf(format: string): Received {
  const [request] = receiver.requests(`/${format}`);
  assert.ok(request !== undefined);
  return request;
}

function signedHeaders({ headers }: Received): Record<string, string> {
  const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
  return Object.fromEntries(names.map((name) => [name, String(headers[name])]));
}

function assertIsEvent(event: CloudEventV1<unknown>, id: string): void {
  const { specversion, source, type, datacontenttype, subject, traceparent, partitionkey, data } = event;
  assert.deepEqual(
    { id: event.id, specversion, source, type, datacontenttype, subject, traceparent, partitionkey, data },
    {
      ...{ id, specversion: "1.0", source: SOURCE, type: "order.paid", datacontenttype: "application/json" },
      ...{ subject: "o/42", traceparent: TRACEPARENT, partitionkey: "customer-7", data: JSON.parse(PAYLOAD) },
    },
  );
  assert.ok(Math.abs(Date.parse(String(event.time)) - Date.now()) < 600_000);
}
