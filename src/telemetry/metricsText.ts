import { METRICS, type Metric, type MetricName, type Sample, type Samples } from "./metrics.ts";

/** The media type of `metricsText`. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The text format of Prometheus, in the order of the declarations. */
export function metricsText(samples: Samples): string {
  return (Object.entries(METRICS) as [MetricName, Metric][])
    .map(([name, metric]) => familyText(name, metric, samples[name] ?? []))
    .join("");
}

function familyText(name: string, metric: Metric, samples: readonly Sample[]): string {
  if (samples.length === 0) {
    return "";
  }
  const lines = samples.map((sample) =>
    metric.type === "histogram"
      ? histogramText(name, metric, sample)
      : line(name, labelsText(metric, sample), sample.values[0]),
  );
  return `# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.type}\n${lines.join("")}`;
}

/** Counts add up from bucket to bucket; bounds and the sum, which are kept in milliseconds, become seconds. */
function histogramText(name: string, metric: Metric, sample: Sample): string {
  const [sumMs = 0, ...counts] = sample.values;
  let count = 0;
  const buckets = counts.map((more, at) => {
    count += more;
    const boundMs = metric.boundsMs[at];
    const bound = boundMs === undefined ? "+Inf" : String(boundMs / 1_000);
    return line(`${name}_bucket`, `{le="${bound}"}`, count);
  });
  return `${buckets.join("")}${line(`${name}_sum`, "", sumMs / 1_000)}${line(`${name}_count`, "", count)}`;
}

function line(name: string, labels: string, value = 0): string {
  return `${name}${labels} ${value}\n`;
}

/** An empty label is the same as none. */
function labelsText(metric: Metric, sample: Sample): string {
  const shown = metric.labels.flatMap((name, at) => {
    const value = sample.labels[at] ?? "";
    return value === "" ? [] : [`${name}="${escaped(value)}"`];
  });
  return shown.length === 0 ? "" : `{${shown.join(",")}}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

/** Names are what operators and tenants write. */
function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => ESCAPES[character] ?? character);
}
