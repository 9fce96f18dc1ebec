import { parser } from "@prometheus-io/lezer-promql";
import { FAILURE_KINDS } from "../../src/domain/failureKind.ts";
import { CONDITIONS } from "../../src/telemetry/conditions.ts";
import { EVENTS } from "../../src/telemetry/events.ts";
import { METRICS, type Metric } from "../../src/telemetry/metrics.ts";

/** What Prometheus adds to each series. */
const TARGET_LABELS = ["instance", "job"];

/** The values that a label may have, as far as that is known. test/e2e/metrics.test.ts compares them with what daemons tell. */
export const LABEL_VALUES: Readonly<Record<string, readonly string[]>> = {
  condition: Object.keys(CONDITIONS),
  event: Object.keys(EVENTS),
  level: ["info", "warn", "error", "debug"],
  failure_kind: FAILURE_KINDS,
  result: ["succeeded", "failed"],
  status_class: ["3xx", "4xx", "5xx", "other"],
  endpoint_state: ["active", "paused"],
  state: [
    ...["succeeded", "exhausted", "discarded"],
    ...["active", "paused", "disabled"],
    ...["live", "late", "lost"],
    ...["awake", "sleeping", "napping", "blind"],
  ],
};

/** What is wrong with an expression: it is no PromQL, or asks for metrics, labels or values that do not exist. */
export function promqlFaults(expression: string): readonly string[] {
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

/** The labels that the series of its result have. */
export function labelsOfResult(expression: string): readonly string[] {
  const aggregation = /\b(?:sum|min|max)(?: by \(([^)]*)\))? ?\(/.exec(expression);
  if (aggregation !== null) {
    const [, grouping = ""] = aggregation;
    return grouping.split(/, ?/).filter((label) => label !== "" && label !== "le");
  }
  const [name = ""] = /\bpostrider_\w+/.exec(expression) ?? [];
  return [...TARGET_LABELS, ...(metricOf(name)?.labels ?? [])];
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
