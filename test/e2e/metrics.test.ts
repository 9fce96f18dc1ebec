/** /metrics of `postrider run`, as Prometheus scrapes it. */
import assert from "node:assert/strict";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import { METRICS } from "../../src/telemetry/metrics.ts";
import { FaultProxy, PASS } from "../chaos/proxy.ts";
import { CommandProcess } from "../support/command.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, insertEvents, reset } from "../support/engine.ts";
import { Scrape } from "../support/metrics.ts";
import { LABEL_VALUES } from "../support/promql.ts";
import { createLogin } from "../support/roles.ts";
import { OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

/** As a member of the daemons' role alone. `port`: by which Postgres is reached. */
async function run(
  t: TestContext,
  { port, ...env }: Readonly<Record<string, string>> = {},
): Promise<{ readonly command: CommandProcess; readonly url: string }> {
  const login = await createLogin(database, ["postrider_daemon"]);
  const url = new URL(login.url);
  url.port = port ?? url.port;
  const command = new CommandProcess(["run"], {
    env: {
      ...{ POSTRIDER_HTTP_LISTEN: "127.0.0.1:0", DATABASE_URL: url.href },
      ...{ POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" },
      ...env,
    },
  });
  t.after(async () => {
    await command.end("SIGKILL");
    await login.drop();
  });
  const [, address] = await command.match(/"event":"http_listener\.started","address":"([^"]+)"/);
  return { command, url: `http://${address}` };
}

async function endpoint(path: string, name: string): Promise<string> {
  const id = await askFor(
    database.pool,
    "select endpoint_id from postrider.create_endpoint($1, '{*}', '', $2::jsonb)",
    [receiver.url(path), JSON.stringify({ name, retry_schedule: ["100 ms"] })],
  );
  return String(id);
}

async function ended(count: number): Promise<void> {
  await until(`${count} deliveries have ended`, async () =>
    Boolean(
      await askFor(database.pool, "select count(*) >= $1 from postrider.delivery where state <> 'pending'", [count]),
    ),
  );
}

const HOSTILE = 'billing "EU" \\ C:\\n {le="0"} # 1';

test("every declared metric is there, and counts what was recorded as the minutes of charts do", async (t) => {
  const sound = await endpoint("/sound", HOSTILE);
  await endpoint("/failing", "failing");
  receiver.script("/sound", () => OK);
  receiver.script("/failing", () => status(503));
  const { command, url } = await run(t, { POSTRIDER_METRICS_ENDPOINTS: "2" });
  await command.match(/"event":"daemon\.started"/);
  await insertEvents(database.pool, "order.paid", 3);
  await insertEvent(database.pool, "order.paid", { tenant: "acme" });
  await ended(6);
  const scrape = await Scrape.of(url);
  assert.deepEqual([...scrape.families.keys()].toSorted(), Object.keys(METRICS).toSorted());
  assert.equal(scrape.value("postrider_ready"), 1);
  assert.equal(scrape.value("postrider_claimed_events_total"), 4);
  assert.equal(scrape.value("postrider_unmatched_events_total"), 1);
  assert.equal(scrape.value("postrider_attempts_total", { result: "succeeded" }), 3);
  assert.equal(scrape.value("postrider_attempts_total", { failure_kind: "status", status_class: "5xx" }), 6);
  assert.equal(scrape.value("postrider_attempts_total", { failure_kind: "timeout" }), 0);
  assert.equal(scrape.value("postrider_finished_deliveries_total", { state: "exhausted" }), 3);
  assert.equal(scrape.value("postrider_first_attempt_successes_total"), 3);
  assert.equal(scrape.value("postrider_request_duration_seconds"), 9);
  assert.equal(scrape.value("postrider_delivery_delay_seconds"), 3);
  assert.equal(scrape.value("postrider_pending_deliveries", { endpoint_state: "active" }), 0);
  assert.equal(scrape.value("postrider_endpoints", { state: "active" }), 2);
  assert.equal(scrape.value("postrider_known_daemons", { state: "live" }), 1);
  assert.equal(scrape.value("postrider_log_events_total", { event: "delivery.exhausted" }), 3);
  assert.equal(scrape.value("postrider_schema_version"), scrape.value("postrider_known_schema_version"));
  const named = { endpoint_id: sound, endpoint_name: HOSTILE, result: "succeeded" };
  assert.equal(scrape.value("postrider_endpoint_attempts_total", named), 3);
  const labels = [...scrape.families.values()].flatMap(({ metrics }) =>
    metrics.flatMap((sample) => Object.entries(sample.labels ?? {})),
  );
  assert.deepEqual(
    labels.filter(([label, value]) => LABEL_VALUES[label]?.includes(value) === false),
    [],
  );
  const [request] = scrape.samples("postrider_request_duration_seconds");
  assert.equal(Object.keys(request?.buckets ?? {}).length, 17);
  assert.deepEqual(await command.end(), { code: 0, signal: null });
  const counted = await askFor(
    database.pool,
    "select sum(succeeded_first + succeeded_later) || ' ' || sum(failed) || ' ' || sum(exhausted) from postrider.endpoint_minute",
  );
  assert.equal(counted, "3 6 3");
});

test("without Postgres the daemon's own metrics are there, and say that the others are not", async (t) => {
  const proxy = await FaultProxy.start(() => Number(new URL(database.url).port));
  t.after(() => proxy.close());
  await endpoint("/untold", "untold");
  receiver.script("/untold", () => OK);
  // Spans take memory, too.
  const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
  const { command, url: listener } = await run(t, { port: String(proxy.port), ...otel });
  const [, mib] = await command.match(/"event":"daemon\.started".*"memory_mib_max":(\d+)/);
  await insertEvents(database.pool, "order.paid", 1);
  await ended(1);
  const first = await Scrape.of(listener);
  assert.equal(first.value("postrider_database_up"), 1);
  const ofEndpoints = [...first.families.keys()].filter((name) => name.startsWith("postrider_endpoint_"));
  assert.deepEqual(ofEndpoints, [], "none is told of unless that is asked for");
  assert.equal(Math.ceil(first.value("postrider_memory_limit_bytes") / 1_048_576), Number(mib));
  proxy.set({ kind: "cut" });
  await until("the daemon has noticed", async () => (await Scrape.of(listener)).value("postrider_database_up") === 0);
  await command.match(/"event":"postgres\.lost"/);
  const scrape = await Scrape.of(listener);
  assert.equal(scrape.value("postrider_ready"), 0);
  assert.equal(scrape.value("postrider_condition", { condition: "not_claiming" }), 1);
  assert.equal(scrape.value("postrider_in_flight_requests"), 0);
  assert.ok(!scrape.families.has("postrider_schema_version"));
  proxy.set(PASS);
  await until("the figures are back", async () => (await Scrape.of(listener)).value("postrider_database_up") === 1);
});

test("several processes give one answer, whose counters do not decrease when one of them is replaced", async (t) => {
  await endpoint("/many", "many");
  receiver.script("/many", () => OK);
  const { command, url } = await run(t, { POSTRIDER_PROCESSES: "2", POSTRIDER_METRICS_ENDPOINTS: "1" });
  await until("both daemons work", async () => (await Scrape.of(url)).value("postrider_ready") === 1);
  await insertEvents(database.pool, "order.paid", 40);
  await ended(40);
  const before = await Scrape.of(url);
  assert.equal(before.value("postrider_daemons"), 2);
  assert.equal(before.value("postrider_attempts_total", { result: "succeeded" }), 40);
  assert.equal(before.value("postrider_in_flight_requests_limit"), 512);
  assert.equal(before.value("postrider_endpoint_attempts_total", { result: "succeeded" }), 40);
  assert.equal(before.value("postrider_endpoints", { state: "active" }), 1);
  for (const [, pid] of command.stdout.matchAll(/"event":"process\.started","pid":(\d+)/g)) {
    process.kill(Number(pid), "SIGKILL");
  }
  await command.match(/"event":"process\.ended"/);
  assertNoDecrease(before, await Scrape.of(url));
  await until("both daemons work again", async () => (await Scrape.of(url)).value("postrider_ready") === 1);
  await insertEvents(database.pool, "order.paid", 2);
  await ended(42);
  const afterwards = await Scrape.of(url);
  assertNoDecrease(before, afterwards);
  assert.equal(afterwards.value("postrider_log_events_total", { event: "process.ended" }), 2);
  assert.ok(afterwards.value("postrider_attempts_total", { result: "succeeded" }) >= 42);
});

test("what several processes have sent to one endpoint is added up", async (t) => {
  await endpoint("/shared", "shared");
  receiver.script("/shared", () => OK);
  const { command, url } = await run(t, { POSTRIDER_PROCESSES: "2", POSTRIDER_METRICS_ENDPOINTS: "1" });
  const areReady = async () => (await Scrape.of(url)).value("postrider_ready") === 1;
  await until("both daemons work", areReady);
  const pids = [...command.stdout.matchAll(/"event":"process\.started","pid":(\d+)/g)].map(([, pid]) => Number(pid));
  t.after(() => signalEach(pids, "SIGKILL"));
  for (const [index, pid] of pids.entries()) {
    // The other one has them to itself.
    process.kill(pid, "SIGSTOP");
    await insertEvents(database.pool, "order.paid", 5);
    await ended(5 * (index + 1));
    process.kill(pid, "SIGCONT");
  }
  await until("both daemons answer again", areReady);
  const scrape = await Scrape.of(url);
  assert.equal(scrape.value("postrider_attempts_total", { result: "succeeded" }), 10);
  assert.equal(scrape.value("postrider_endpoint_attempts_total", { result: "succeeded" }), 10);
});

/** Those that are there. */
function signalEach(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It is gone, as it should be.
    }
  }
}

/** What an endpoint has counted is forgotten with the processes that told of it. */
function assertNoDecrease(before: Scrape, afterwards: Scrape): void {
  const counts = afterwards.counts();
  for (const [series, count] of before.counts()) {
    if (!series.startsWith("postrider_endpoint_")) {
      assert.ok((counts.get(series) ?? -1) >= count, `${series}: ${count}, then ${counts.get(series)}`);
    }
  }
}
