import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { makeEvents } from "../../src/telemetry/bus.ts";
import { EventCounts } from "../../src/telemetry/eventCounts.ts";
import { MergedSamples } from "../../src/telemetry/mergedSamples.ts";
import { METRICS, type Metric, type Samples } from "../../src/telemetry/metrics.ts";
import { metricsText } from "../../src/telemetry/metricsText.ts";
import { Scrape } from "../support/metrics.ts";

/** One series of every metric; those with labels have hostile ones. */
function sampleOfEach(): Samples {
  const entries = Object.entries(METRICS).map(([name, metric]: [string, Metric]) => {
    const labels = metric.labels.map((label, at) => `${label} ${at} ${HOSTILE}`);
    const values = metric.type === "histogram" ? [1_500, ...metric.boundsMs.map((_, at) => at), 3] : [0.1 + 0.2];
    return [name, [{ labels, values }]];
  });
  return Object.fromEntries(entries) as Samples;
}

const HOSTILE = 'a "b" \\ \n c\r\t\u0000 {le="1"} 7 # é 💥 \u2028';

test("names, types and units follow the conventions of Prometheus", () => {
  for (const [name, { type, labels, over }] of Object.entries(METRICS) as [string, Metric][]) {
    assert.match(name, /^(postrider|process)_[a-z]+(_[a-z]+)*$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    assert.doesNotMatch(name, /_(ms|milliseconds|minutes|hours|kib|mib|percent|count|sum|bucket)(_|$)/, name);
    assert.ok(type === "gauge" || over === "sum", name);
    for (const label of labels) assert.match(label, /^[a-z]+(_[a-z]+)*$/);
  }
});

test("the text is read by a parser that is not ours as what was written, whatever names hold", () => {
  const { families } = new Scrape(metricsText(sampleOfEach()));
  for (const [name, metric] of Object.entries(METRICS) as [string, Metric][]) {
    const family = families.get(name);
    assert.equal(family?.type.toLowerCase(), metric.type, name);
    assert.equal(family.help, metric.help);
    const [sample] = family.metrics;
    const labels = metric.labels.map((label, at) => [label, `${label} ${at} ${HOSTILE}`]);
    if (metric.type === "histogram") {
      const bounds = [...metric.boundsMs.map((boundMs) => String(boundMs / 1_000)), "+Inf"];
      const counts = bounds.map((bound) => Number(sample?.buckets?.[bound]));
      assert.deepEqual(counts.slice(0, 4), [0, 1, 3, 6]);
      assert.deepEqual([counts.at(-1), Number(sample?.sum)], [Number(sample?.count), 1.5]);
    } else {
      assert.deepEqual(sample?.labels ?? {}, Object.fromEntries(labels));
      assert.equal(Number(sample?.value), 0.1 + 0.2);
    }
  }
});

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

test("promtool finds nothing to say", { skip: hasPromtool ? false : "promtool is not installed" }, () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: metricsText(sampleOfEach()),
    encoding: "utf8",
  });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
});

test("each event of a daemon is counted from zero, and attempts are not asked for", () => {
  const events = makeEvents();
  const counts = new EventCounts(events);
  assert.equal(events.wantsSuccesses, false);
  const of = (event: string) =>
    counts.samples().postrider_log_events_total?.find(({ labels }) => labels[0] === event)?.values[0];
  assert.equal(of("claim.taken"), 0);
  assert.equal(of("delivery.attempted"), undefined);
  assert.equal(of("line.refused"), undefined);
  events.emit("claim.taken", { claim_id: "1", events: 5, deliveries: 7, complete: true });
  events.emit("claim.taken", { claim_id: null, events: 1, deliveries: 0, complete: true });
  events.emit("events.unmatched", { event_type: "order.paid", tenant: "", events: 2, event_id: "3" });
  assert.equal(of("claim.taken"), 2);
  const { postrider_claimed_events_total, postrider_claimed_deliveries_total, postrider_unmatched_events_total } =
    counts.claimSamples();
  assert.deepEqual(
    [postrider_claimed_events_total, postrider_claimed_deliveries_total, postrider_unmatched_events_total].map(
      (samples) => samples?.[0]?.values[0],
    ),
    [6, 7, 2],
  );
});

function counted(flushes: number, inFlight = 0): Samples {
  const one = (value: number) => [{ labels: [], values: [value] }];
  return {
    postrider_flushes_total: one(flushes),
    postrider_in_flight_requests: one(inFlight),
    postrider_request_duration_seconds: [{ labels: [], values: [flushes * 10, flushes, 0] }],
  };
}

test("gauges of processes are the sum, the largest or the smallest of those that answer", () => {
  const gauges = (value: number): Samples => {
    const one = [{ labels: [], values: [value] }];
    return { postrider_in_flight_requests: one, postrider_memory_bytes: one, process_start_time_seconds: one };
  };
  const merged = new MergedSamples(0).merge(
    new Map<object, Samples>([
      [{}, gauges(3)],
      [{}, gauges(5)],
      [{}, {}],
    ]),
  );
  assert.equal(merged.postrider_in_flight_requests?.[0]?.values[0], 8);
  assert.equal(merged.postrider_memory_bytes?.[0]?.values[0], 5);
  assert.equal(merged.process_start_time_seconds?.[0]?.values[0], 3);
  assert.ok(!("postrider_flushes_total" in merged));
});

test("counters of processes never decrease: not when one ends, does not answer, or begins anew", () => {
  const merging = new MergedSamples(0);
  const [one, other, third] = [{}, {}, {}];
  const flushes = (...answers: [object, Samples][]) => {
    const merged = merging.merge(new Map(answers));
    const [sumMs, ...counts] = merged.postrider_request_duration_seconds?.[0]?.values ?? [];
    const value = merged.postrider_flushes_total?.[0]?.values[0];
    assert.deepEqual([sumMs, counts], [(value ?? 0) * 10, [value, 0]]);
    return value;
  };
  assert.equal(flushes([one, counted(10)], [other, counted(5)]), 15);
  assert.equal(flushes([one, counted(11)]), 16);
  assert.equal(flushes([one, counted(11)], [other, counted(9)]), 20);
  // `other` has ended, and `third` takes its place.
  assert.equal(flushes([one, counted(12)]), 21);
  assert.equal(flushes([one, counted(12)], [third, counted(2)]), 23);
  assert.equal(flushes(), 23);
});

test("of the endpoints that processes tell of, as many are told of as are wanted, and those with the most attempts", () => {
  const told = (...endpoints: [string, number][]): Samples => ({
    postrider_endpoint_attempts_total: endpoints.map(([id, count]) => ({
      labels: [id, "", "", "succeeded"],
      values: [count],
    })),
    postrider_endpoint_circuit_open: endpoints.map(([id]) => ({ labels: [id, "", ""], values: [0] })),
  });
  const merging = new MergedSamples(2);
  const [one, other] = [{}, {}];
  const attempts = (first: Samples, second: Samples) => {
    const merged = merging.merge(
      new Map([
        [one, first],
        [other, second],
      ]),
    );
    const ids = merged.postrider_endpoint_circuit_open?.map(({ labels }) => labels[0]);
    const counts = (merged.postrider_endpoint_attempts_total ?? []).map(({ labels, values }) => [labels[0], values[0]]);
    assert.deepEqual(ids?.toSorted(), counts.map(([id]) => id).toSorted());
    return Object.fromEntries(counts);
  };
  assert.deepEqual(attempts(told(["a", 5], ["b", 3]), told(["a", 1], ["c", 9])), { a: 6, c: 9 });
  // `one` forgets b and c is told of by both; what `other` has counted of a stays.
  assert.deepEqual(attempts(told(["a", 6], ["c", 1]), told(["b", 1], ["c", 9])), { a: 7, c: 10 });
  // For a while, `one` cannot tell of c, because Postgres does not answer it.
  assert.deepEqual(attempts(told(["a", 6]), told(["b", 1], ["c", 9])), { a: 7, c: 10 });
  assert.deepEqual(attempts(told(["a", 6], ["c", 2]), told(["b", 1], ["c", 9])), { a: 7, c: 11 });
  // Nobody tells of a any more. When it returns, it begins anew.
  assert.deepEqual(attempts(told(["c", 2]), told(["c", 9])), { c: 11 });
  assert.deepEqual(attempts(told(["a", 2]), told(["c", 9])), { a: 2, c: 11 });
});
