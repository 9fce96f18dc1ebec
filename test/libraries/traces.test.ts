/** What goes to a collector, as the published definitions of OTLP read it; protobufjs made that reader of them. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import root from "@opentelemetry/otlp-transformer/build/src/generated/root.js";
import type { Delivery } from "../../src/domain/delivery.ts";
import { Conditions } from "../../src/telemetry/conditions.ts";
import { startTraces } from "../../src/telemetry/traces/start.ts";
import type { TraceSettings } from "../../src/telemetry/traces/traces.ts";
import { type CollectedSpan, Collector, type OtlpRequest } from "../support/collector.ts";
import { KeptEvents } from "../support/daemon.ts";
import { deliveryOf } from "../support/delivery.ts";
import { until } from "../support/until.ts";

/** A message of the generated code, which has no types. */
interface Message {
  encode(fields: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: { readonly longs: StringConstructor }): Record<string, unknown>;
}

const { ExportTraceServiceRequest, ExportTraceServiceResponse } = messagesOf(root);
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPANS = ["00f067aa0ba902b7", "10f067aa0ba902b7"];
const ENDPOINT = { id: randomUUID(), origin: "http://[2001:db8::1]:8080" };

test("http/protobuf says what http/json says: ids, parents, links, attributes and the resource", async (t) => {
  const [fromProtobuf, fromJson] = await Promise.all([spansBy(t, "http/protobuf"), spansBy(t, "http/json")]);
  assert.deepEqual(fromProtobuf, fromJson);
  const [retry, batch] = fromProtobuf;
  assert.deepEqual([retry?.traceId, retry?.parentSpanId], [TRACE, SPANS[0]]);
  assert.deepEqual(
    batch?.links,
    SPANS.map((spanId) => ({ traceId: TRACE, spanId })),
  );
  assert.deepEqual(
    [retry?.attributes["error.type"], retry?.attributes["server.address"], retry?.attributes["server.port"]],
    ["status", "2001:db8::1", 8080],
  );
  assert.equal(retry?.resource["service.name"], "shop");
});

test("spans that a collector rejects in protobuf are counted", async (t) => {
  const answer = ExportTraceServiceResponse.encode({ partialSuccess: { rejectedSpans: 1, errorMessage: "too old" } });
  const { collector, traces, emitted } = await tracing(t, "http/protobuf");
  collector.answer = { status: 200, body: Buffer.from(answer.finish()) };
  const delivery = deliveryOf({});
  traces.begin(delivery, ENDPOINT);
  traces.end(failed(delivery), ENDPOINT);
  await until("the loss is said", () => emitted.named("traces.failed").length === 1);
  assert.deepEqual(emitted.named("traces.failed"), [{ error: "the collector rejected spans: too old", spans_lost: 1 }]);
});

/** A retry that failed and a batch that failed, without what differs each time. */
async function spansBy(t: TestContext, protocol: TraceSettings["protocol"]) {
  const { collector, traces } = await tracing(t, protocol);
  const events = SPANS.map((span) => ({
    id: `00000000-0000-7000-8000-${span.slice(-12)}`,
    traceparent: `00-${TRACE}-${span}-01`,
  }));
  const members = events.map((event) => deliveryOf({ event, attempts: 1 }));
  const [first] = members;
  assert.ok(first !== undefined);
  first.batch = { id: "batch", members, room: 1 };
  for (const delivery of [deliveryOf({ event: events[0] ?? {}, attempts: 1 }), first]) {
    traces.begin(delivery, ENDPOINT);
    traces.end(failed(delivery), ENDPOINT);
  }
  const spans = await collector.got(2);
  for (const { traceId, spanId, startTimeUnixNano, endTimeUnixNano } of spans) {
    assert.match(`${traceId} ${spanId}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
    assert.ok(BigInt(startTimeUnixNano) > 0n && BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano));
  }
  return spans.map((span) => comparable(span));
}

function comparable({ name, kind, parentSpanId, traceId, attributes, links, status, resource }: CollectedSpan) {
  return {
    ...{ name, kind, attributes, resource, status },
    parentSpanId: parentSpanId ?? "",
    traceId: traceId === TRACE ? traceId : null,
    links: (links ?? []).map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
  };
}

async function tracing(t: TestContext, protocol: TraceSettings["protocol"]) {
  const collector = await (protocol === "http/json" ? Collector.start() : Collector.start(decode));
  t.after(() => collector.stop());
  const emitted = new KeptEvents();
  const traces = await startTraces(
    {
      url: `${collector.url}/v1/traces`,
      protocol,
      headers: {},
      compression: "none",
      caCertificates: [],
      timeoutMs: 500,
      sampler: "parentbased_always_on",
      samplerRatio: 1,
      resource: { "service.name": "shop" },
      queue: { spansMax: 100, exportSpansMax: 10, delayMs: 1, exportTimeoutMs: 30_000 },
    },
    { instanceId: "one", conditions: new Conditions(emitted) },
  );
  assert.ok(traces !== null);
  t.after(() => traces.stop(0));
  return { collector, traces, emitted };
}

function failed(delivery: Delivery) {
  return {
    delivery,
    attempt: {
      id: "attempt",
      startedAtMs: 0,
      durationMs: 1,
      requests: 1,
      httpStatus: 500,
      failureKind: "status",
      error: "the receiver answered 500",
      responseHeaders: null,
      responseBody: null,
    },
    endpointRevision: "1",
    bodyBytes: 2,
    decision: { state: "pending", waitMs: 1 },
  } as const;
}

/** With ids in hexadecimal digits, as the mapping of OTLP to JSON has them. */
function decode(body: Buffer): OtlpRequest {
  const message = ExportTraceServiceRequest.toObject(ExportTraceServiceRequest.decode(body), { longs: String });
  return JSON.parse(
    JSON.stringify(message, (_, value) => (value?.type === "Buffer" ? Buffer.from(value.data).toString("hex") : value)),
  );
}

function messagesOf(generated: unknown) {
  const { opentelemetry } = generated as {
    readonly opentelemetry: {
      readonly proto: {
        readonly collector: {
          readonly trace: {
            readonly v1: { readonly ExportTraceServiceRequest: Message; readonly ExportTraceServiceResponse: Message };
          };
        };
      };
    };
  };
  return opentelemetry.proto.collector.trace.v1;
}
