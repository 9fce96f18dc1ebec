/** The alert rules and the dashboard ask for metrics, labels and values that exist, and each alert is explained. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { FAILURE_KINDS } from "../../src/domain/failureKind.ts";
import { CONDITIONS } from "../../src/telemetry/conditions.ts";
import { EVENTS } from "../../src/telemetry/events.ts";
import { METRICS, type Metric } from "../../src/telemetry/metrics.ts";
import { guideText } from "../support/guides.ts";

const GUIDE = "deploy/monitoring.md";
const RULES = "deploy/prometheus/alerts.yaml";
/** What Prometheus adds to each series. */
const TARGET_LABELS = ["instance", "job"];

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Panel {
  readonly title: string;
  readonly description: string;
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const rules: readonly Rule[] = parse(read(RULES)).groups.flatMap((group: { rules: Rule[] }) => group.rules);
const panels: readonly Panel[] = JSON.parse(read("deploy/grafana/dashboard.json")).panels;

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

/** The values that a label may have, as far as that is known. */
const LABEL_VALUES: Readonly<Record<string, readonly string[]>> = {
  condition: Object.keys(CONDITIONS),
  event: Object.keys(EVENTS),
  level: ["info", "warn", "error", "debug"],
  failure_kind: FAILURE_KINDS,
  result: ["succeeded", "failed"],
  endpoint_state: ["active", "paused"],
};

/** What is wrong with an expression. */
function faultsOf(expression: string): readonly string[] {
  const faults: string[] = [];
  let labels: readonly string[] = [];
  const counting: string[] = [];
  parser.parse(expression).iterate({
    enter: (node) => {
      const text = expression.slice(node.from, node.to);
      switch (node.name) {
        case "⚠":
          faults.push(`is no PromQL at ${node.from}`);
          break;
        case "FunctionCall":
          counting.push(/^\w+/.exec(text)?.[0] ?? "");
          break;
        case "VectorSelector": {
          const name = /^\w+/.exec(text)?.[0] ?? "";
          const metric = metricOf(name);
          if (metric === null) {
            faults.push(`${name} does not exist`);
            break;
          }
          labels = [...labels, ...metric.labels, ...(name.endsWith("_bucket") ? ["le"] : [])];
          const isCount = metric.type !== "gauge";
          if (isCount !== ["rate", "increase"].includes(counting.at(-1) ?? "")) {
            faults.push(`${name} is a ${metric.type}`);
          }
          break;
        }
        case "UnquotedLabelMatcher":
          faults.push(...matcherFaults(text, labels));
          break;
        case "LabelName":
          if (node.node.parent?.name !== "UnquotedLabelMatcher" && node.node.parent?.name !== "QuotedLabelName") {
            // In the by(…) of an aggregation, which comes before what it aggregates.
            const within = expression.slice(node.from);
            const after = [...within.matchAll(/\bpostrider_\w+|\bprocess_\w+/g)].map(([name]) => metricOf(name));
            const known = [...TARGET_LABELS, "le", ...(after[0]?.labels ?? [])];
            if (!known.includes(text)) faults.push(`nothing is grouped by ${text}`);
          }
          break;
      }
    },
    leave: (node) => {
      if (node.name === "FunctionCall") counting.pop();
    },
  });
  return faults;
}

/** The metric of a series; null if there is none. Those of a histogram have the suffixes that its text has. */
function metricOf(name: string): Metric | null {
  const metrics: Readonly<Record<string, Metric>> = METRICS;
  const exact = metrics[name];
  if (exact !== undefined) {
    return exact.type === "histogram" ? null : exact;
  }
  const histogram = metrics[name.replace(/_(bucket|sum|count)$/, "")];
  return histogram?.type === "histogram" ? histogram : null;
}

function matcherFaults(matcher: string, labels: readonly string[]): readonly string[] {
  const [, label = "", value = ""] = /^(\w+)\s*(?:=~|!~|!=|=)\s*"(.*)"$/.exec(matcher) ?? [];
  if (!labels.includes(label) && !TARGET_LABELS.includes(label)) {
    return [`there is no label ${label}`];
  }
  const known = LABEL_VALUES[label];
  return known === undefined
    ? []
    : value
        .split("|")
        .filter((one) => !known.includes(one))
        .map((one) => `${label} is never ${one}`);
}

test("what asks for what does not exist is found", () => {
  assert.deepEqual(faultsOf('sum by (result) (rate(postrider_attempts_total{result="failed"}[5m])) > 0'), []);
  assert.deepEqual(faultsOf("sum(rate(postrider_attempt_total[5m]))"), ["postrider_attempt_total does not exist"]);
  assert.deepEqual(faultsOf("rate(postrider_due_deliveries[5m])"), ["postrider_due_deliveries is a gauge"]);
  assert.deepEqual(faultsOf("postrider_attempts_total > 1"), ["postrider_attempts_total is a counter"]);
  assert.deepEqual(faultsOf('postrider_condition{state="x"}'), ["there is no label state"]);
  assert.deepEqual(faultsOf('postrider_condition{condition=~"blind|deaf"}'), ["condition is never deaf"]);
  assert.deepEqual(faultsOf("sum by (color) (postrider_condition)"), ["nothing is grouped by color"]);
  assert.deepEqual(faultsOf("rate(postrider_request_duration_seconds[5m])"), [
    "postrider_request_duration_seconds does not exist",
  ]);
  assert.ok(faultsOf("sum(").length > 0);
});

for (const { alert, expr, labels, annotations } of rules) {
  test(`the alert ${alert} asks for what exists, and the guide says what to do`, () => {
    assert.deepEqual(faultsOf(expr), []);
    assert.ok(["critical", "warning"].includes(labels.severity));
    assert.equal(annotations.runbook, `${GUIDE}#${alert.toLowerCase()}`);
    assert.match(guideText(GUIDE), new RegExp(`^### ${alert}$`, "m"));
    assert.match(annotations.summary, /^[A-Z{]/);
  });
}

test("the guide explains no alert that does not exist", () => {
  const explained = [...guideText(GUIDE).matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(
    explained,
    rules.map(({ alert }) => alert),
  );
});

for (const { title, description, targets } of panels) {
  test(`the panel "${title}" shows what exists`, () => {
    assert.ok(description.length > 10 && targets.length > 0);
    for (const { expr } of targets) {
      assert.deepEqual(faultsOf(expr.replaceAll("$__rate_interval", "5m")), [], expr);
      assert.match(expr, /job=~"\$job"/);
    }
  });
}

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

test("promtool takes the rules", { skip: hasPromtool ? false : "promtool is not installed" }, () => {
  const { status, stderr } = spawnSync("promtool", ["check", "rules", RULES], {
    cwd: new URL("../../", import.meta.url),
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
});
