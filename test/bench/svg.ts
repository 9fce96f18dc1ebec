/** Charts as SVG text: lines with their spread over a logarithmic x, and bars. Colours are legible on white and on black. */
import type { Summary } from "./statistics.ts";

const WIDTH = 640;
const HEIGHT = 320;
const LEFT = 84;
const RIGHT = 20;
const TOP = 44;
const BOTTOM = 48;
const BAR_LEFT = 140;
const BAR_HEIGHT = 26;
const TICKS = 5;
const COLOURS = ["#2f7ed8", "#d9692a", "#3a9a5b"];
const INK = "#777";
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: Summary }[];
}

/** Both axes begin where they must: x at its first point, y at zero. */
export function lineChart(title: string, xLabel: string, series: readonly Series[]): string {
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const yMax = niceMax(Math.max(...series.flatMap(({ points }) => points.map(({ y }) => y.max))));
  const [first = 1] = xs;
  const span = Math.log((xs.at(-1) ?? 1) / first) || 1;
  const xOf = (x: number) => LEFT + (PLOT_WIDTH * Math.log(x / first)) / span;
  const yOf = (y: number) => TOP + PLOT_HEIGHT * (1 - y / yMax);
  return document(HEIGHT, [
    text(LEFT, 20, title, "start", 14),
    text(LEFT + PLOT_WIDTH / 2, HEIGHT - 8, xLabel, "middle"),
    ...Array.from({ length: TICKS + 1 }, (_, tick) => gridLine((yMax * tick) / TICKS, yOf)),
    ...xs.map((x) => text(xOf(x), TOP + PLOT_HEIGHT + 18, shortNumber(x), "middle")),
    ...series.flatMap((each, index) => lineOf(each, index, xOf, yOf)),
  ]);
}

export function barChart(title: string, bars: readonly { readonly name: string; readonly value: Summary }[]): string {
  const max = Math.max(...bars.map(({ value }) => value.max));
  const widthOf = (value: number) => ((WIDTH - BAR_LEFT - LEFT) * value) / max;
  return document(TOP + bars.length * BAR_HEIGHT + 12, [
    text(LEFT / 6, 20, title, "start", 14),
    ...bars.flatMap(({ name, value }, index) => {
      const y = TOP + index * BAR_HEIGHT;
      const middle = y + BAR_HEIGHT / 2 - 3;
      return [
        text(BAR_LEFT - 8, middle + 4, name, "end"),
        `<rect x="${BAR_LEFT}" y="${y}" width="${fixed(widthOf(value.median))}" height="${BAR_HEIGHT - 6}" fill="${COLOURS[0]}"/>`,
        line(BAR_LEFT + widthOf(value.min), middle, BAR_LEFT + widthOf(value.max), middle, INK),
        text(BAR_LEFT + widthOf(value.max) + 8, middle + 4, Math.round(value.median).toLocaleString("en"), "start"),
      ];
    }),
  ]);
}

function lineOf(
  { name, points }: Series,
  index: number,
  xOf: (x: number) => number,
  yOf: (y: number) => number,
): string[] {
  const colour = COLOURS[index % COLOURS.length] ?? INK;
  const path = points.map(({ x, y }) => `${fixed(xOf(x))},${fixed(yOf(y.median))}`).join(" ");
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...points.map(({ x, y }) => line(xOf(x), yOf(y.min), xOf(x), yOf(y.max), colour)),
    ...points.map(
      ({ x, y }) => `<circle cx="${fixed(xOf(x))}" cy="${fixed(yOf(y.median))}" r="3.5" fill="${colour}"/>`,
    ),
    text(LEFT + PLOT_WIDTH, TOP - 6 - 14 * index, name, "end", 12, colour),
  ];
}

function gridLine(value: number, yOf: (y: number) => number): string {
  return (
    line(LEFT, yOf(value), LEFT + PLOT_WIDTH, yOf(value), "#8884") +
    text(LEFT - 8, yOf(value) + 4, shortNumber(value), "end")
  );
}

function document(height: number, parts: readonly string[]): string {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif">`;
  return [open, ...parts, "</svg>", ""].join("\n");
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" stroke="${colour}"/>`;
}

function text(x: number, y: number, content: string, anchor: string, size = 12, colour = INK): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}" font-size="${size}" fill="${colour}">${escaped}</text>`;
}

/** The next of 1, 2, 2.5, 5 and 10 times a power of ten. */
function niceMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  const factor = [1, 2, 2.5, 5, 10].find((each) => each * power >= value) ?? 10;
  return factor * power;
}

function shortNumber(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en");
}

function fixed(value: number): string {
  return value.toFixed(1);
}
