/** The trace of an event, from the application's span to the receiver, as a collector gets it from two processes. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { type CollectedSpan, Collector } from "../support/collector.ts";
import { CommandProcess } from "../support/command.ts";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";
import { Scrape } from "../support/metrics.ts";
import { OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
/** Part of the URL, of a secret header and of a payload: no span has it. */
const HIDDEN = "h1dden-word";

const database = useDatabase();
let receiver: ScriptedReceiver;
let collector: Collector;
let daemons: CommandProcess;

interface Route {
  readonly endpoint: string;
  readonly requests: readonly Received[];
}

/** An endpoint for events of this type alone. */
async function route(eventType: string, options: object = {}, isFlaky = false): Promise<Route> {
  const path = `/${HIDDEN}/${randomUUID()}?key=${HIDDEN}`;
  receiver.script(path, ({ nth }) => (isFlaky && nth === 1 ? status(500) : OK));
  const [row] = await rowsOf<{ endpoint_id: string; secret: string }>(
    database.pool,
    "select * from postrider.create_endpoint($1, array[$2], '', $3)",
    [receiver.url(path), eventType, JSON.stringify({ ...options, headers: { "x-key": HIDDEN } })],
  );
  assert.ok(row !== undefined);
  receiver.verify(path, row.secret);
  return { endpoint: row.endpoint_id, requests: receiver.requests(path) };
}

async function publish(eventType: string, traceparents: readonly (string | null)[]): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    database.pool,
    `insert into postrider.outbox (event_type, payload, attributes)
     select $1, json_build_object('word', $2::text), case when t is not null then jsonb_build_object('traceparent', t) end
     from unnest($3::text[]) t returning id`,
    [eventType, HIDDEN, traceparents],
  );
  return rows.map(({ id }) => id);
}

/** The spans of this type's attempts, once there are so many. */
async function spansOf(eventType: string, count: number): Promise<readonly CollectedSpan[]> {
  const name = `deliver ${eventType}`;
  for (let seen = count; ; seen += 1) {
    const spans = (await collector.got(seen)).filter((span) => span.name === name);
    if (spans.length >= count) {
      return spans;
    }
  }
}

test("a daemon whose spans reach no collector says so, and is ready", async (t) => {
  const silent = await ScriptedReceiver.start();
  t.after(() => silent.stop());
  silent.script("/", () => OK);
  const daemon = new CommandProcess(["run"], {
    env: {
      ...{ DATABASE_URL: database.url, POSTRIDER_HTTP_LISTEN: "127.0.0.1:0" },
      ...{ POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" },
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT: "100" },
      OTEL_BSP_SCHEDULE_DELAY: "10",
    },
  });
  t.after(() => daemon.end("SIGKILL"));
  const [, address] = await daemon.match(/"event":"http_listener\.started","address":"([^"]+)"/);
  await database.pool.query("select from postrider.create_endpoint($1, '{order.untraced}')", [silent.url("/")]);
  await publish("order.untraced", [null]);
  await daemon.match(/"event":"traces\.failed"/);
  const scrape = await Scrape.of(`http://${address}`);
  assert.equal(scrape.value("postrider_condition", { condition: "traces_failing" }), 1);
  assert.equal(scrape.value("postrider_ready"), 1);
  const answer = await fetch(`http://${address}/readyz`);
  assert.deepEqual(await answer.json(), { ready: true, reasons: [], notes: ["spans do not reach the collector"] });
});

describe("two processes that trace", () => {
  before(async () => {
    receiver = await ScriptedReceiver.start();
    collector = await Collector.start();
    daemons = new CommandProcess(["run"], {
      env: {
        DATABASE_URL: database.url,
        POSTRIDER_PROCESSES: "2",
        POSTRIDER_EGRESS: "custom",
        POSTRIDER_EGRESS_ALLOW: "127.0.0.1",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_HEADERS: `api-key=${HIDDEN}`,
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
        OTEL_BSP_SCHEDULE_DELAY: "10",
      },
    });
    await daemons.match(/"event":"daemon\.started".*"event":"daemon\.started"/s);
  });

  after(async () => {
    await daemons.end("SIGKILL");
    await collector.stop();
    await receiver.stop();
  });

  test("each attempt is a child of the application's span and the parent of what the receiver does, under one trace", async () => {
    const { endpoint, requests } = await route("order.paid", { retry_schedule: ["1 ms"] }, true);
    const [event] = await publish("order.paid", [`00-${TRACE}-${SPAN}-01`]);
    const spans = await spansOf("order.paid", 2);
    assert.deepEqual(
      requests.map(({ headers, verification }) => [headers.traceparent, verification]),
      spans.map(({ spanId }) => [`00-${TRACE}-${spanId}-01`, "verified"]),
    );
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, 2);
    const recorded = () =>
      rowsOf(
        database.pool,
        `select id as "postrider.attempt.id", attempt_number as "postrider.attempt.number", http_status as "http.response.status_code"
         from postrider.attempt where event_id = $1 order by attempt_number`,
        [event],
      );
    await until("both attempts are recorded", async () => (await recorded()).length === 2);
    const attempts = await recorded();
    assert.deepEqual(
      spans.map(({ attributes }) =>
        Object.fromEntries(Object.keys(attempts[0] ?? {}).map((name) => [name, attributes[name]])),
      ),
      attempts,
    );
    for (const { traceId, parentSpanId, attributes, resource } of spans) {
      assert.deepEqual([traceId, parentSpanId, attributes["messaging.message.id"]], [TRACE, SPAN, event]);
      assert.equal(attributes["postrider.endpoint.id"], endpoint);
      assert.deepEqual([resource["service.name"], resource["deployment.environment.name"]], ["postrider", "test"]);
    }
    assert.deepEqual(
      spans.map(({ attributes }) => [attributes["error.type"], attributes["postrider.delivery.state"]]),
      [
        ["status", "pending"],
        [undefined, "succeeded"],
      ],
    );
  });

  test("a batch is one span with links, and the parent of what the receiver does", async () => {
    const { requests } = await route("order.batched", { batch_size: 3, batch_delay_ms: 600_000 });
    const published = ["1", "2"].map((digit) => `00-${TRACE}-${SPAN.replace("00", `${digit}0`)}-01`);
    await publish("order.batched", [...published, null]);
    const [span] = await spansOf("order.batched", 1);
    assert.ok(span !== undefined);
    assert.deepEqual(
      requests.map(({ headers, verification }) => [headers.traceparent, verification]),
      [[`00-${span.traceId}-${span.spanId}-01`, "verified"]],
    );
    assert.notEqual(span.traceId, TRACE);
    assert.deepEqual(span.links?.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`).toSorted(), published);
    const [{ batch } = { batch: null }] = await rowsOf<{ batch: string | null }>(
      database.pool,
      "select batch_id::text as batch from postrider.delivery order by event_id desc limit 1",
    );
    assert.deepEqual(
      [span.attributes["messaging.batch.message_count"], span.attributes["postrider.delivery.batch_id"]],
      [3, batch],
    );
  });

  test("an attempt that egress refuses has a span", async () => {
    await rowsOf(database.pool, "select from postrider.create_endpoint('http://10.0.0.1/', '{order.refused}')");
    await publish("order.refused", [`00-${TRACE}-${SPAN}-01`]);
    const [span] = await spansOf("order.refused", 1);
    assert.deepEqual(
      [span?.attributes["error.type"], span?.attributes["server.address"], span?.parentSpanId],
      ["blocked", "10.0.0.1", SPAN],
    );
  });

  test("each process traces, the spans of a stopping one go out, and none has a part of a URL, a header or a payload", async () => {
    assert.equal(daemons.stdout.split(`"traces":"${collector.url}"`).length, 3, daemons.said());
    const { requests } = await route("order.last");
    await publish("order.last", [null]);
    await until("the event is sent", () => requests.length === 1);
    assert.deepEqual(await daemons.end("SIGTERM"), { code: 0, signal: null }, daemons.said());
    const [span] = await spansOf("order.last", 1);
    assert.equal(requests[0]?.headers.traceparent, `00-${span?.traceId}-${span?.spanId}-01`);
    const exported = collector.exports.map(({ body }) => body.toString()).join("\n");
    assert.ok(!exported.includes(HIDDEN), exported);
    assert.ok(!daemons.said().includes(HIDDEN), daemons.said());
  });
});
