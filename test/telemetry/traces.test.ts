import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import type { Attempt } from "../../src/domain/attempt.ts";
import type { Delivery, DeliveryResult } from "../../src/domain/delivery.ts";
import { VERSION } from "../../src/ground/version.ts";
import { Conditions } from "../../src/telemetry/conditions.ts";
import { startTraces } from "../../src/telemetry/traces/start.ts";
import type { TraceSettings, Traces } from "../../src/telemetry/traces/traces.ts";
import { Collector } from "../support/collector.ts";
import { KeptEvents } from "../support/daemon.ts";
import { deliveryOf } from "../support/delivery.ts";
import { until } from "../support/until.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISHED = `00-${TRACE}-00f067aa0ba902b7-01`;
const UNSAMPLED = `00-${TRACE}-00f067aa0ba902b7-00`;
const ENDPOINT = { id: randomUUID(), origin: "https://shop.example.com" };
/** Of OTLP. */
const CLIENT_KIND = 3;
const ERROR_CODE = 2;

interface Tracing {
  readonly traces: Traces;
  readonly collector: Collector;
  readonly emitted: KeptEvents;
}

async function start(t: TestContext, changes: Partial<TraceSettings> = {}): Promise<Tracing> {
  const collector = await Collector.start();
  t.after(() => collector.stop());
  const emitted = new KeptEvents();
  const settings: TraceSettings = {
    url: `${collector.url}/v1/traces`,
    protocol: "http/json",
    headers: {},
    compression: "none",
    caCertificates: [],
    timeoutMs: 10_000,
    sampler: "parentbased_always_on",
    samplerRatio: 1,
    resource: {},
    queue: { spansMax: 2_048, exportSpansMax: 512, delayMs: 1, exportTimeoutMs: 30_000 },
    ...changes,
  };
  const traces = await startTraces(settings, { instanceId: "one", conditions: new Conditions(emitted) });
  assert.ok(traces !== null);
  t.after(() => traces.stop(0));
  return { traces, collector, emitted };
}

function resultOf(delivery: Delivery, changes: Partial<Attempt> = {}): DeliveryResult {
  const attempt: Attempt = {
    id: randomUUID(),
    startedAtMs: 0,
    durationMs: 1,
    requests: 1,
    httpStatus: 200,
    failureKind: null,
    error: null,
    responseHeaders: {},
    responseBody: "",
    ...changes,
  };
  const isFailure = attempt.failureKind !== null;
  const decision = isFailure ? ({ state: "pending", waitMs: 5_000 } as const) : ({ state: "succeeded" } as const);
  return { delivery, attempt, endpointRevision: "1", bodyBytes: 430, decision };
}

/** One attempt from its start to its end; gives the header of its request. */
function attempt(traces: Traces, delivery: Delivery, changes: Partial<Attempt> = {}): string | null {
  const header = traces.begin(delivery, ENDPOINT);
  traces.end(resultOf(delivery, changes), ENDPOINT);
  return header;
}

function tracedDelivery(traceparent: string | null = PUBLISHED, eventType = "order.paid"): Delivery {
  return deliveryOf({ event: { traceparent, eventType } });
}

function batchOf(members: readonly Delivery[]): Delivery {
  const [first] = members;
  assert.ok(first !== undefined);
  first.batch = { id: randomUUID(), members, room: 1 };
  return first;
}

test("an attempt is a span below the one under which its event was published, and the parent of what the receiver does", async (t) => {
  const { traces, collector } = await start(t, { resource: { "service.name": "shop", zone: "eu" } });
  const delivery = deliveryOf({ event: { traceparent: PUBLISHED }, attempts: 2 });
  const header = attempt(traces, delivery);
  const [span] = await collector.got(1);
  assert.ok(span !== undefined);
  const { name, kind, traceId, spanId, parentSpanId, status, links, resource } = span;
  assert.deepEqual([name, kind, traceId, parentSpanId], ["deliver order.paid", CLIENT_KIND, TRACE, "00f067aa0ba902b7"]);
  assert.equal(header, `00-${TRACE}-${spanId}-01`);
  assert.deepEqual([status.code ?? 0, links ?? []], [0, []]);
  assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
  const { "postrider.attempt.id": id, ...attributes } = span.attributes;
  assert.match(String(id), /^[0-9a-f-]{36}$/);
  assert.deepEqual(attributes, {
    "messaging.system": "postrider",
    "messaging.operation.type": "send",
    "messaging.operation.name": "deliver",
    "messaging.destination.name": "order.paid",
    "messaging.message.id": delivery.event.id,
    "http.request.method": "POST",
    "http.request.body.size": 430,
    "http.request.resend_count": 2,
    "http.response.status_code": 200,
    "server.address": "shop.example.com",
    "server.port": 443,
    "postrider.endpoint.id": ENDPOINT.id,
    "postrider.attempt.number": 3,
    "postrider.delivery.state": "succeeded",
  });
  const { "service.name": service, "service.version": version, "service.instance.id": instance, zone } = resource;
  assert.deepEqual([service, version, instance, zone], ["shop", VERSION, "one", "eu"]);
});

test("the names of attributes are those of the conventions, or ours", async (t) => {
  const { traces, collector } = await start(t);
  attempt(traces, tracedDelivery(), { failureKind: "status", httpStatus: 500, error: "the receiver answered 500" });
  attempt(traces, batchOf([tracedDelivery(), tracedDelivery()]));
  const known = new Set<unknown>(Object.values(conventions));
  const names = (await collector.got(2)).flatMap((span) => Object.keys({ ...span.attributes, ...span.resource }));
  assert.deepEqual(
    names.filter((name) => !known.has(name) && !name.startsWith("postrider.")),
    [],
  );
});

test("a failed attempt has the kind of its failure and an error; one that sent nothing has a span as well", async (t) => {
  const { traces, collector } = await start(t);
  attempt(traces, tracedDelivery(), { failureKind: "status", httpStatus: 500, error: "the receiver answered 500" });
  const unsent = tracedDelivery();
  traces.end(resultOf(unsent, { failureKind: "blocked", httpStatus: null, error: "nothing was sent" }), ENDPOINT);
  const spans = await collector.got(2);
  assert.deepEqual(
    spans.map(({ status, attributes, parentSpanId }) => [status, attributes["error.type"], parentSpanId]),
    [
      [{ code: ERROR_CODE, message: "the receiver answered 500" }, "status", "00f067aa0ba902b7"],
      [{ code: ERROR_CODE, message: "nothing was sent" }, "blocked", "00f067aa0ba902b7"],
    ],
  );
  assert.deepEqual(
    spans.map(({ attributes }) => attributes["http.response.status_code"] ?? null),
    [500, null],
  );
});

test("a delivery that is handed back has no span", async (t) => {
  const { traces, collector } = await start(t);
  const delivery = tracedDelivery();
  traces.begin(delivery, ENDPOINT);
  traces.end({ ...resultOf(delivery), attempt: null }, ENDPOINT);
  attempt(traces, tracedDelivery(PUBLISHED, "order.sent"));
  await traces.stop(10_000);
  assert.deepEqual(
    collector.spans.map(({ name }) => name),
    ["deliver order.sent"],
  );
});

test("a batch is one span that begins a trace and links to each under which its events were published", async (t) => {
  const { traces, collector } = await start(t);
  const others = Array.from({ length: 998 }, (_, n) =>
    tracedDelivery(`00-${TRACE}-${(n + 1).toString(16).padStart(16, "0")}-01`),
  );
  const header = attempt(traces, batchOf([tracedDelivery(), tracedDelivery(), ...others, tracedDelivery(null)]));
  attempt(traces, batchOf([tracedDelivery(), tracedDelivery(PUBLISHED, "order.sent")]));
  const [span, mixed] = await collector.got(2);
  assert.ok(span !== undefined && mixed !== undefined);
  assert.notEqual(span.traceId, TRACE);
  assert.equal(span.parentSpanId ?? "", "");
  assert.equal(header, `00-${span.traceId}-${span.spanId}-01`);
  assert.equal(span.links?.length, 999);
  assert.deepEqual(
    mixed.links?.map(({ traceId, spanId }) => [traceId, spanId]),
    [[TRACE, "00f067aa0ba902b7"]],
  );
  assert.deepEqual(
    [span, mixed].map(({ name, attributes }) => [name, attributes["messaging.batch.message_count"]]),
    [
      ["deliver order.paid", 1_001],
      ["deliver", 2],
    ],
  );
  assert.equal(mixed.attributes["messaging.message.id"], undefined);
});

test("what is not sampled is not exported, and its request has the traceparent of the event or none", async (t) => {
  const { traces, collector } = await start(t);
  assert.equal(attempt(traces, tracedDelivery(UNSAMPLED)), UNSAMPLED);
  assert.equal(attempt(traces, batchOf([tracedDelivery(UNSAMPLED), tracedDelivery(UNSAMPLED)])), null);
  const rootless = await start(t, { sampler: "parentbased_always_off" });
  assert.equal(attempt(rootless.traces, tracedDelivery(null)), null);
  assert.equal(attempt(rootless.traces, batchOf([tracedDelivery(UNSAMPLED), tracedDelivery(null)])), null);
  const ratio = await start(t, { sampler: "traceidratio", samplerRatio: 0 });
  assert.equal(attempt(ratio.traces, tracedDelivery()), PUBLISHED);
  for (const { traces: each } of [{ traces }, rootless, ratio]) {
    await each.stop(10_000);
  }
  assert.deepEqual([...collector.exports, ...rootless.collector.exports, ...ratio.collector.exports], []);
});

test("an attempt of an event without a trace begins one, and a batch is sampled if one of its events is", async (t) => {
  const { traces, collector } = await start(t);
  const header = attempt(traces, tracedDelivery(null));
  attempt(traces, batchOf([tracedDelivery(UNSAMPLED), tracedDelivery()]));
  const [root, batch] = await collector.got(2);
  assert.equal(header, `00-${root?.traceId}-${root?.spanId}-01`);
  assert.equal(root?.parentSpanId ?? "", "");
  assert.equal(batch?.links?.length, 2);
});

test("exports have the headers that were set, can be compressed, and are made by us", async (t) => {
  const { traces, collector } = await start(t, { headers: { "api-key": "s3cret" }, compression: "gzip" });
  attempt(traces, tracedDelivery());
  await collector.got(1);
  const [made] = collector.exports;
  assert.ok(made !== undefined);
  const { path, headers } = made;
  assert.deepEqual(
    [path, headers["api-key"], headers["content-type"], headers["content-encoding"]],
    ["/v1/traces", "s3cret", "application/json", "gzip"],
  );
  assert.match(headers["user-agent"] ?? "", new RegExp(`^postrider/${VERSION} `));
});

test("a collector that is down costs spans beyond a limit, which are counted and said once, and no attempt waits", async (t) => {
  const queue = { spansMax: 20, exportSpansMax: 10, delayMs: 1, exportTimeoutMs: 30_000 };
  const { traces, collector, emitted } = await start(t, { queue, timeoutMs: 100, headers: { "api-key": "s3cret" } });
  collector.answer = null;
  for (let n = 0; n < 50; n += 1) {
    attempt(traces, tracedDelivery());
  }
  await until("every span is lost", () => emitted.named("traces.failed").length > 0 && collector.exports.length >= 2);
  assert.deepEqual(
    emitted.named("traces.failed").map(({ error, spans_lost }) => [error, spans_lost]),
    [["the queue is full", 1]],
  );
  collector.answer = { status: 200 };
  await until("the collector takes spans again", () => {
    attempt(traces, tracedDelivery());
    return emitted.named("traces.restored").length > 0;
  });
  const [{ spans_lost } = { spans_lost: 0 }] = emitted.named("traces.restored");
  assert.ok(spans_lost >= 30 && spans_lost <= 50, String(spans_lost));
  assert.doesNotMatch(JSON.stringify(emitted.kept), /s3cret/);
});

test("a batch takes room for its links, so that few of them fill the queue", async (t) => {
  const queue = { spansMax: 300, exportSpansMax: 10, delayMs: 1, exportTimeoutMs: 30_000 };
  const { traces, collector, emitted } = await start(t, { queue, timeoutMs: 500 });
  collector.answer = null;
  for (let batch = 0; batch < 3; batch += 1) {
    const members = Array.from({ length: 1_000 }, (_, n) =>
      tracedDelivery(`00-${TRACE}-${(n + 1).toString(16).padStart(16, "0")}-01`),
    );
    attempt(traces, batchOf(members));
  }
  assert.deepEqual(
    emitted.named("traces.failed").map(({ spans_lost }) => spans_lost),
    [1],
  );
});

test("what a collector refuses or rejects is lost, with its reason", async (t) => {
  const { traces, collector, emitted } = await start(t);
  collector.answer = { status: 400, body: "s3cret" };
  attempt(traces, tracedDelivery());
  await until("it is said", () => emitted.named("traces.failed").length === 1);
  collector.answer = { status: 200 };
  attempt(traces, tracedDelivery());
  await until("it is over", () => emitted.named("traces.restored").length === 1);
  collector.answer = {
    status: 200,
    body: JSON.stringify({ partialSuccess: { rejectedSpans: "1", errorMessage: "too old\n" } }),
  };
  attempt(traces, tracedDelivery());
  await until("it is said again", () => emitted.named("traces.failed").length === 2);
  assert.deepEqual(
    emitted.named("traces.failed").map(({ error, spans_lost }) => [error, spans_lost]),
    [
      ["the collector answered 400", 1],
      ["the collector rejected spans: too old\\n", 2],
    ],
  );
});

test("a stop exports what is left, and waits for a silent collector no longer than it may", async (t) => {
  const queue = { spansMax: 2_048, exportSpansMax: 512, delayMs: 600_000, exportTimeoutMs: 30_000 };
  const { traces, collector } = await start(t, { queue });
  attempt(traces, tracedDelivery());
  await traces.stop(10_000);
  assert.equal(collector.spans.length, 1);
  const silent = await start(t, { queue, timeoutMs: 500 });
  silent.collector.answer = null;
  attempt(silent.traces, tracedDelivery());
  const startedMs = performance.now();
  await silent.traces.stop(50);
  assert.ok(performance.now() - startedMs < 5_000);
  assert.deepEqual(
    silent.emitted.named("traces.failed").map(({ error }) => error),
    ["the collector did not take the last spans before the stop"],
  );
});
