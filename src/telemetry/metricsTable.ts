import { METRICS, type Metric } from "./metrics.ts";

/** The documentation's table of metrics, as Markdown. */
export function metricsTable(): string {
  const rows = Object.entries(METRICS).map(([name, metric]: [string, Metric]) => {
    const labels = metric.labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${metric.type} | ${labels} | ${metric.over} | ${metric.help} |`;
  });
  return ["| metric | type | labels | of several daemons | what it means |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}
