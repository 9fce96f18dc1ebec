/** The alert rules and the dashboard ask for metrics, labels and values that exist, and each alert is explained. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { guideText } from "../support/guides.ts";
import { labelsOfResult, promqlFaults } from "../support/promql.ts";

const GUIDE = "deploy/monitoring.md";
const RULES = "deploy/prometheus/alerts.yaml";

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

test("what asks for what does not exist is found", () => {
  assert.deepEqual(promqlFaults('sum by (result) (rate(postrider_attempts_total{result="failed"}[5m])) > 0'), []);
  assert.deepEqual(promqlFaults("sum(rate(postrider_attempt_total[5m]))"), ["postrider_attempt_total does not exist"]);
  assert.deepEqual(promqlFaults("rate(postrider_due_deliveries[5m])"), ["postrider_due_deliveries is a gauge"]);
  assert.deepEqual(promqlFaults("postrider_attempts_total > 1"), ["postrider_attempts_total is a counter"]);
  assert.deepEqual(promqlFaults('postrider_condition{state="x"}'), ["there is no label state"]);
  assert.deepEqual(promqlFaults('postrider_condition{condition=~"blind|deaf"}'), ["condition is never deaf"]);
  assert.deepEqual(promqlFaults('postrider_endpoints{state="stopped"}'), ["state is never stopped"]);
  assert.deepEqual(promqlFaults("sum by (color) (postrider_condition)"), ["nothing is grouped by color"]);
  assert.deepEqual(promqlFaults("rate(postrider_request_duration_seconds[5m])"), [
    "postrider_request_duration_seconds does not exist",
  ]);
  assert.ok(promqlFaults("sum(").length > 0);
});

test("a text names labels that the result has", () => {
  assert.deepEqual(labelsOfResult("sum by (event, level) (rate(postrider_log_events_total[1h])) > 0"), [
    "event",
    "level",
  ]);
  assert.deepEqual(labelsOfResult("max(postrider_condition) > 0"), []);
  assert.deepEqual(labelsOfResult("postrider_condition > 0"), ["instance", "job", "condition"]);
});

for (const { alert, expr, labels, annotations } of rules) {
  test(`the alert ${alert} asks for what exists, and the guide says what to do`, () => {
    assert.deepEqual(promqlFaults(expr), []);
    assert.ok(["critical", "warning"].includes(labels.severity));
    assert.equal(annotations.runbook, `${GUIDE}#${alert.toLowerCase()}`);
    assert.match(guideText(GUIDE), new RegExp(`^### ${alert}$`, "m"));
    assert.match(annotations.summary, /^[A-Z{]/);
    assertLabels(expr, annotations.summary.matchAll(/\$labels\.(\w+)/g));
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
    for (const { expr, legendFormat } of targets) {
      assert.deepEqual(promqlFaults(expr.replaceAll("$__rate_interval", "5m")), [], expr);
      assert.match(expr, /job=~"\$job"/);
      assertLabels(expr, legendFormat.matchAll(/\{\{(\w+)\}\}/g));
    }
  });
}

function assertLabels(expr: string, named: Iterable<RegExpExecArray>): void {
  for (const [, label = ""] of named) {
    assert.ok(labelsOfResult(expr).includes(label), `${label} in ${expr}`);
  }
}

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

test("promtool takes the rules", { skip: hasPromtool ? false : "promtool is not installed" }, () => {
  const { status, stderr } = spawnSync("promtool", ["check", "rules", RULES], {
    cwd: new URL("../../", import.meta.url),
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
});
