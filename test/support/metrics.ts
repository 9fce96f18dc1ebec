/** What /metrics says, read by a parser of others. */
import assert from "node:assert/strict";
import parse from "parse-prometheus-text-format";
import { METRICS, type Metric } from "../../src/telemetry/metrics.ts";

interface ParsedSample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value?: string;
  readonly buckets?: Readonly<Record<string, string>>;
  readonly count?: string;
  readonly sum?: string;
}

interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly metrics: readonly ParsedSample[];
}

/** The answer of a listener. */
export class Scrape {
  readonly text: string;
  readonly families: ReadonlyMap<string, ParsedFamily>;

  constructor(text: string) {
    this.text = text;
    const families: readonly ParsedFamily[] = parse(text);
    this.families = new Map(families.map((family) => [family.name, family]));
    assert.equal(this.families.size, families.length);
  }

  static async of(url: string): Promise<Scrape> {
    const answer = await fetch(`${url}/metrics`, { headers: { connection: "close" } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    return new Scrape(await answer.text());
  }

  /** Of the one series with these labels, and no others if they are all that the metric has. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const found = this.samples(name).filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels?.[label] === value),
    );
    assert.equal(found.length, 1, `${name} ${JSON.stringify(labels)}: ${found.length} series`);
    return Number(found[0]?.value ?? found[0]?.count);
  }

  samples(name: string): readonly ParsedSample[] {
    return this.families.get(name)?.metrics ?? [];
  }

  /** Each series of counters and of counts with its value, by its line without it. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const line of this.text.split("\n")) {
      const [, series = "", name = "", value] = /^(([a-z_]+)(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
      const family = (METRICS as Readonly<Record<string, Metric>>)[name.replace(/_(bucket|sum|count)$/, "")];
      if (value !== undefined && ((METRICS as Readonly<Record<string, Metric>>)[name] ?? family)?.type !== "gauge") {
        counts.set(series, Number(value));
      }
    }
    return counts;
  }
}
