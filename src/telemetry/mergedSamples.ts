import { isOfEndpoint, METRICS, type Metric, type MetricName, type Sample, type Samples } from "./metrics.ts";

/** Where samples come from: one process, for as long as it lives. */
export type Source = object;

/** One series of a counter. */
interface Total extends Sample {
  /** What each process told when it last told of it, which need not be its last answer. */
  readonly last: WeakMap<Source, readonly number[]>;
}

/**
 * Makes one answer of the samples of several processes.
 *
 * A gauge is the sum, the largest or the smallest of those that answer now. A counter is what all processes have counted,
 * those that have ended included: what each has counted since it was last asked is added. So it never decreases when a
 * process ends, does not answer in time, or is replaced by one that begins at zero; what a process counted after the last
 * answer before its end is missing.
 */
export class MergedSamples {
  readonly #endpointsMax: number;
  /** What was counted so far, by metric and labels. */
  readonly #totals = new Map<MetricName, Map<string, Total>>();

  /** `endpointsMax`: of how many endpoints the answer has metrics. Each process tells of as many. */
  constructor(endpointsMax: number) {
    this.#endpointsMax = endpointsMax;
  }

  merge(answers: ReadonlyMap<Source, Samples>): Samples {
    for (const [source, samples] of answers) {
      this.#count(source, samples);
    }
    const merged: Partial<Record<MetricName, readonly Sample[]>> = {};
    for (const [name, metric] of Object.entries(METRICS) as [MetricName, Metric][]) {
      const present = [...answers.values()].flatMap((samples) => samples[name] ?? []);
      const samples = metric.type === "gauge" ? mergedGauge(metric, present) : this.#counted(name, present);
      if (samples.length > 0) {
        merged[name] = samples;
      }
    }
    return withBusiest(merged, this.#endpointsMax);
  }

  #count(source: Source, samples: Samples): void {
    for (const [name, metric] of Object.entries(METRICS) as [MetricName, Metric][]) {
      if (metric.type === "gauge") {
        continue;
      }
      for (const sample of samples[name] ?? []) {
        this.#add(name, source, sample);
      }
    }
  }

  #add(name: MetricName, source: Source, { labels, values }: Sample): void {
    const totals = this.#totals.get(name) ?? new Map<string, Total>();
    this.#totals.set(name, totals);
    const series = keyOf(labels);
    const { values: counted, last }: Total = totals.get(series) ?? { labels, values: [], last: new WeakMap() };
    const more = increases(values, last.get(source));
    totals.set(series, { labels, values: more.map((value, at) => value + (counted[at] ?? 0)), last });
    last.set(source, values);
  }

  /** An endpoint that no process tells of any more is forgotten; other series are few. */
  #counted(name: MetricName, present: readonly Sample[]): readonly Sample[] {
    const totals = this.#totals.get(name) ?? new Map<string, Total>();
    if (isOfEndpoint(name)) {
      const told = new Set(present.map(({ labels }) => keyOf(labels)));
      for (const series of totals.keys()) {
        if (!told.has(series)) {
          totals.delete(series);
        }
      }
    }
    return [...totals.values()].map(({ labels, values }) => ({ labels, values }));
  }
}

/** A process forgets an endpoint that is no longer busy, and begins at zero when it is again. */
function increases(values: readonly number[], last: readonly number[] | undefined): readonly number[] {
  const isReset = last === undefined || values.some((value, at) => value < (last[at] ?? 0));
  return isReset ? values : values.map((value, at) => value - (last[at] ?? 0));
}

function mergedGauge({ over }: Metric, samples: readonly Sample[]): readonly Sample[] {
  const merged = new Map<string, Sample>();
  for (const { labels, values } of samples) {
    const [value = 0] = values;
    const series = keyOf(labels);
    const other = merged.get(series)?.values[0];
    merged.set(series, { labels, values: [other === undefined ? value : together(over, other, value)] });
  }
  return [...merged.values()];
}

function together(over: Metric["over"], one: number, other: number): number {
  switch (over) {
    case "sum":
      return one + other;
    case "max":
      return Math.max(one, other);
    case "min":
      return Math.min(one, other);
  }
}

function withBusiest(samples: Samples, endpointsMax: number): Samples {
  const attempts = new Map<string, number>();
  for (const { labels, values } of samples.postrider_endpoint_attempts_total ?? []) {
    const [id = ""] = labels;
    attempts.set(id, (attempts.get(id) ?? 0) + (values[0] ?? 0));
  }
  if (attempts.size <= endpointsMax) {
    return samples;
  }
  const busiest = new Set(
    [...attempts]
      .sort(([, one], [, other]) => other - one)
      .slice(0, endpointsMax)
      .map(([id]) => id),
  );
  const entries = (Object.entries(samples) as [MetricName, readonly Sample[]][]).map(([name, each]) => [
    name,
    isOfEndpoint(name) ? each.filter(({ labels }) => busiest.has(labels[0] ?? "")) : each,
  ]);
  return Object.fromEntries(entries) as Samples;
}

function keyOf(labels: readonly string[]): string {
  return JSON.stringify(labels);
}
