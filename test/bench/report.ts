import type { Verdict } from "./floors.ts";
import type { Curve, Measures, Part } from "./part.ts";
import { type Summary, summarise } from "./statistics.ts";

/** The measures of one subject, a round an entry; undefined where the trial failed. */
export type Rounds = (Measures | undefined)[];

export interface PartResult {
  readonly part: Pick<Part, "name" | "notes" | "ratios" | "curve">;
  readonly subjects: ReadonlyMap<string, Rounds>;
}

/** What a whole run gives, as its JSON has it. */
export interface Report {
  readonly about: {
    readonly date: string;
    readonly rounds: number;
    readonly events: number;
    readonly node: string;
    readonly postgres: string;
    readonly cores: number;
    readonly cpu: string;
    readonly memoryMib: number;
    readonly kernel: string;
    readonly version: string;
  };
  readonly parts: readonly PartSummary[];
  readonly floors: readonly Verdict[];
}

export interface PartSummary {
  readonly part: string;
  readonly notes: readonly string[];
  readonly subjects: Readonly<Record<string, Readonly<Record<string, Summary | null>>>>;
  /** Paired by round. */
  readonly ratios: readonly {
    readonly of: string;
    readonly to: string;
    readonly measure: string;
    readonly ratio: Summary | null;
  }[];
  readonly curve?: Curve;
}

export function summarisePart({ part, subjects }: PartResult): PartSummary {
  return {
    part: part.name,
    notes: part.notes,
    ...(part.curve === undefined ? {} : { curve: part.curve }),
    subjects: Object.fromEntries([...subjects].map(([subject, rounds]) => [subject, summariseRounds(rounds)])),
    ratios: part.ratios.map(({ of, to, measure }) => ({
      of,
      to,
      measure,
      ratio: summarise(pairedRatios(subjects.get(of) ?? [], subjects.get(to) ?? [], measure)),
    })),
  };
}

function summariseRounds(rounds: Rounds): Record<string, Summary | null> {
  const names = new Set(rounds.flatMap((measures) => Object.keys(measures ?? {})));
  return Object.fromEntries(
    [...names].map((name) => [name, summarise(rounds.map((measures) => measures?.[name] ?? null).filter(isNumber))]),
  );
}

function pairedRatios(of: Rounds, to: Rounds, measure: string): number[] {
  return of
    .map((measures, round) => {
      const numerator = measures?.[measure] ?? null;
      const denominator = to[round]?.[measure] ?? null;
      return numerator === null || denominator === null ? null : numerator / denominator;
    })
    .filter(isNumber);
}

function isNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

/** The machine and the versions, which the figures depend on. */
export function machineOf({ about }: Report): string {
  return `${about.date}, ${about.cores} cores (${about.cpu}), ${Math.round(about.memoryMib / 1024)} GiB, Linux ${about.kernel}, Node ${about.node}, PostgreSQL ${about.postgres}, Postrider ${about.version}`;
}

/** A table of medians, each with the range of its rounds. */
export function textOf({ part, notes, subjects, ratios }: PartSummary): string {
  const names = Object.keys(subjects);
  const rows = [[part, ...names], ...measureRows(subjects)];
  return [
    ...aligned(rows),
    ...ratios.map(({ of, to, measure, ratio }) => `${of} / ${to}, ${measure}: ${cell(ratio)}`),
    ...notes,
    "",
  ].join("\n");
}

/** A measure a row, a subject a column. */
export function measureRows(subjects: PartSummary["subjects"]): string[][] {
  const names = Object.keys(subjects);
  const measures = [...new Set(names.flatMap((name) => Object.keys(subjects[name] ?? {})))];
  return measures.map((measure) => [measure, ...names.map((name) => cell(subjects[name]?.[measure] ?? null))]);
}

export const FLOOR_HEAD = ["what", "floor", "target", "measured", ""];

export function floorRows(verdicts: readonly Verdict[]): string[][] {
  return verdicts.map(({ what, limit, floor, target, measured, result }) => {
    const sign = limit === "most" ? "≤" : "≥";
    return [
      what,
      floor === null ? "-" : `${sign} ${figure(floor)}`,
      `${sign} ${figure(target)}`,
      cell(measured),
      result,
    ];
  });
}

/** The first row is the head. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const width = Math.max(...lines.map((line) => line.length));
  return [lines[0] ?? "", "-".repeat(width), ...lines.slice(1)];
}

export function cell(summary: Summary | null): string {
  if (summary === null) {
    return "-";
  }
  const { median, min, max } = summary;
  return `${figure(median)} [${figure(min)}..${figure(max)}]`;
}

/** Three digits that mean something, and whole numbers from a hundred on. */
function figure(value: number): string {
  const size = Math.abs(value);
  if (size === 0) {
    return "0";
  }
  return size >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(size < 0.1 ? 2 : 3);
}
