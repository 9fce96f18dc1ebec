/** The span of the application that publishes, by the API of OpenTelemetry itself. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, test } from "node:test";
import { type Context, type ContextManager, context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { publish, publishMany } from "../../src/publish/publisher.ts";
import { activeTraceparent } from "../../src/publish/trace.ts";
import { openSession, rowsOf } from "../support/engine.ts";
import { usePublisher } from "./publisher.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;
const OPTIONAL = { transaction: "optional" } as const;

const publisher = usePublisher();
afterEach(() => context.disable());

function useOpenTelemetry(): void {
  const contexts = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => contexts.getStore() ?? ROOT_CONTEXT,
    with: (active, run, self, ...args) => contexts.run(active, () => run.apply(self, args)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
}

function inSpan<Result>(traceFlags: number, run: () => Result): Result {
  const span = { traceId: TRACE, spanId: "00f067aa0ba902b7", traceFlags };
  return context.with(trace.setSpanContext(ROOT_CONTEXT, span), run);
}

test("events that are published within a span have its traceparent, unless they say otherwise", async (t) => {
  useOpenTelemetry();
  const client = await openSession(t, publisher.url);
  const event = (attributes?: Readonly<Record<string, unknown>>) => ({
    eventType: "a.b",
    payload: 1,
    ...(attributes && { attributes }),
  });
  await publish(client, event(), OPTIONAL);
  await inSpan(1, async () => {
    await publish(client, event(), OPTIONAL);
    await publishMany(
      client,
      [event(), event({}), event({ subject: "s" }), event({ traceparent: "own" }), event({ traceparent: null })],
      OPTIONAL,
    );
  });
  const rows = await rowsOf<{ attributes: unknown }>(
    publisher.owner.pool,
    "select attributes from postrider.outbox order by seq",
  );
  assert.deepEqual(
    rows.map(({ attributes }) => attributes),
    [
      null,
      { traceparent: TRACEPARENT },
      { traceparent: TRACEPARENT },
      { traceparent: TRACEPARENT },
      { traceparent: TRACEPARENT, subject: "s" },
      { traceparent: "own" },
      { traceparent: null },
    ],
  );
});

test("a list of events takes the setting of the transaction as publish() does", async (t) => {
  const client = await openSession(t, publisher.url);
  await client.query("set postrider.traceparent = 'one'");
  const event = { eventType: "a.b", payload: 1 };
  await publishMany(client, [event, { ...event, attributes: { traceparent: "own" } }], OPTIONAL);
  const rows = await rowsOf(publisher.owner.pool, "select attributes from postrider.outbox order by seq");
  assert.deepEqual(rows, [{ attributes: { traceparent: "one" } }, { attributes: { traceparent: "own" } }]);
});

test("a span that is not sampled says so, and what is no span is none", (t) => {
  assert.equal(activeTraceparent(), null);
  useOpenTelemetry();
  assert.equal(activeTraceparent(), null);
  assert.equal(inSpan(0, activeTraceparent), `00-${TRACE}-00f067aa0ba902b7-00`);
  const key = Symbol.for("opentelemetry.js.api.1");
  const globals = globalThis as Record<symbol, unknown>;
  const api = globals[key];
  t.after(() => {
    globals[key] = api;
  });
  for (const other of [
    null,
    1,
    {},
    { context: 1 },
    { context: { active: () => null } },
    {
      context: {
        active: () => ({ getValue: () => ({ spanContext: () => ({ traceId: '"', spanId: "", traceFlags: 1 }) }) }),
      },
    },
  ]) {
    globals[key] = other;
    assert.equal(activeTraceparent(), null);
  }
});
