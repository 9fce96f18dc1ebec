/** Writes a report where it is published: tables into a README between two marks, charts as SVG, and all of it as JSON. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cell, FLOOR_HEAD, floorRows, machineOf, measureRows, type PartSummary, type Report } from "./report.ts";
import type { Summary } from "./statistics.ts";
import { barChart, lineChart, type Series } from "./svg.ts";

const BEGIN = "<!-- results: npm run bench -- --write -->";
const END = "<!-- end of results -->";
const RESULTS = "results";
/** What a chart of costs shows, and what it calls them. */
const COSTS = [
  ["sender_us", "Node"],
  ["postgres_us", "Postgres"],
] as const;
const RATE = "deliveries_per_s";

interface Chart {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

export async function writeReport(report: Report, directory: string): Promise<void> {
  const results = join(directory, RESULTS);
  await mkdir(results, { recursive: true });
  await writeFile(join(results, "results.json"), `${JSON.stringify(report, null, 2)}\n`);
  for (const { file, svg } of report.parts.flatMap(chartsOf)) {
    await writeFile(join(results, file), svg);
  }
  const readme = join(directory, "README.md");
  const page = await readFile(readme, "utf8").catch(() => `${BEGIN}\n${END}\n`);
  await writeFile(readme, replaced(page, markdownOf(report)));
}

/** The page with other text between its marks. */
function replaced(page: string, text: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end < begin) {
    throw new Error(`the page must have the lines "${BEGIN}" and "${END}"`);
  }
  return `${page.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${page.slice(end)}`;
}

function markdownOf(report: Report): string {
  const { rounds, events } = report.about;
  const floors =
    report.floors.length === 0 ? [] : ["## Floors and targets", table([FLOOR_HEAD, ...floorRows(report.floors)])];
  return [
    `${machineOf(report)}.`,
    `Medians with [least..most] of ${rounds} rounds, ${events.toLocaleString("en")} deliveries unless a part says otherwise.`,
    ...floors,
    ...report.parts.map(sectionOf),
  ].join("\n\n");
}

function sectionOf(summary: PartSummary): string {
  const { part, notes, subjects, ratios } = summary;
  const images = chartsOf(summary).map(({ file, title }) => `![${title}](${RESULTS}/${file})`);
  const ratioRows = ratios.map(({ of, to, measure, ratio }) => [of, to, measure, cell(ratio)]);
  return [
    `## ${part}`,
    notes.map((note) => `${note}`).join("\n"),
    table([["", ...Object.keys(subjects)], ...measureRows(subjects)]),
    ...(ratioRows.length === 0 ? [] : [table([["subject", "against", "measure", "ratio"], ...ratioRows])]),
    ...images,
  ].join("\n\n");
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const lineOf = (cells: readonly string[]) => `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
  return [lineOf(head), lineOf(head.map(() => "---")), ...body.map(lineOf)].join("\n");
}

function chartsOf(summary: PartSummary): Chart[] {
  const { part, subjects, curve } = summary;
  if (part === "peers") {
    const bars = Object.entries(subjects).flatMap(([name, measures]) => valued(name, measures[RATE] ?? null));
    const title = "Deliveries a second";
    return bars.length === 0 ? [] : [{ file: `${part}.svg`, title, svg: barChart(title, bars) }];
  }
  if (curve === undefined) {
    return [];
  }
  const rate = seriesOf(summary, RATE, "deliveries/s");
  const costs = COSTS.map(([measure, name]) => seriesOf(summary, measure, name));
  return [
    ...chart(`${part}.svg`, `Deliveries a second, by ${curve.unit}`, curve.unit, [rate]),
    ...chart(`${part}_cost.svg`, `CPU a delivery in µs, by ${curve.unit}`, curve.unit, costs),
  ];
}

function chart(file: string, title: string, unit: string, series: readonly Series[]): Chart[] {
  const drawn = series.filter(({ points }) => points.length > 0);
  return drawn.length === 0 ? [] : [{ file, title, svg: lineChart(title, unit, drawn) }];
}

function seriesOf({ subjects, curve }: PartSummary, measure: string, name: string): Series {
  const measures = Object.values(subjects);
  const points = (curve?.points ?? []).flatMap((x, index) => {
    const y = measures[index]?.[measure] ?? null;
    return y === null ? [] : [{ x, y }];
  });
  return { name, points };
}

function valued(name: string, value: Summary | null): { readonly name: string; readonly value: Summary }[] {
  return value === null ? [] : [{ name, value }];
}
