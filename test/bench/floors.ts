/** What must hold: floors, below which a change is not accepted, and the targets above them. */
import { memoryBoundBytes } from "../../src/daemon/memory.ts";
import type { PartSummary } from "./report.ts";
import type { Summary } from "./statistics.ts";

interface Figure {
  readonly part: string;
  readonly subject: string;
  readonly measure: string;
  /** The ratio to this subject, by round; without it, the measure itself. */
  readonly to?: string;
}

interface FloorRow {
  readonly what: string;
  readonly figure: Figure;
  /** "most": the figure may be at most that. */
  readonly limit: "least" | "most";
  /** Null: a target only. */
  readonly floor: number | null;
  readonly target: number;
}

export interface Verdict {
  readonly what: string;
  readonly limit: "least" | "most";
  readonly floor: number | null;
  readonly target: number;
  readonly measured: Summary | null;
  readonly result: "on target" | "holds" | "missed" | "not measured";
}

const POSTRIDER = { part: "peers", subject: "postrider" };
const FAN_OUT = { part: "fan_out", subject: "100 endpoints an event" };
const LOW_RATE = { part: "low_rate", subject: "postrider" };
const MIB = 1_048_576;
/** The default of POSTRIDER_MAX_IN_FLIGHT, with which the daemons run. */
const MAX_IN_FLIGHT = 256;
const MEMORY_BOUND_MIB = memoryBoundBytes(MAX_IN_FLIGHT) / MIB;

const ROWS: readonly FloorRow[] = [
  most(
    "node CPU a delivery, against a bare client's request",
    { ...POSTRIDER, measure: "sender_us", to: "bare loop" },
    1.35,
    1.1,
  ),
  least(
    "deliveries a second, against the bare client",
    { ...POSTRIDER, measure: "deliveries_per_s", to: "bare loop" },
    0.62,
    0.85,
  ),
  least(
    "against the batched loop by hand",
    { ...POSTRIDER, measure: "deliveries_per_s", to: "batched loop" },
    1.15,
    1.5,
  ),
  least("against graphile-worker", { ...POSTRIDER, measure: "deliveries_per_s", to: "graphile-worker" }, 1.7, 2.2),
  least("against pg-boss", { ...POSTRIDER, measure: "deliveries_per_s", to: "pg-boss" }, 1.7, 2.2),
  most("Postgres CPU a delivery, µs", { ...POSTRIDER, measure: "postgres_us" }, 15, 12),
  most("WAL a delivery, bytes", { ...POSTRIDER, measure: "wal_bytes" }, 400, 370),
  most("rows updated or deleted a delivery", { ...POSTRIDER, measure: "dead_rows" }, 0.01, 0.003),
  most("memory of a daemon with small payloads, MiB", { ...POSTRIDER, measure: "peak_rss_mib" }, MEMORY_BOUND_MIB, 200),
  most("fan-out of 100: Postgres CPU a delivery, µs", { ...FAN_OUT, measure: "postgres_us" }, 18, 14),
  most("fan-out of 100: rows updated or deleted a delivery", { ...FAN_OUT, measure: "dead_rows" }, 0.05, 0.01),
  most(
    "payload of 34,000 bytes against 32,000, node CPU",
    { part: "payload", subject: "34,000 bytes", measure: "sender_us", to: "32,000 bytes" },
    1.15,
    1.07,
  ),
  least(
    "10,000 endpoints against 1, deliveries a second",
    { part: "endpoints", subject: "10,000 endpoints", measure: "deliveries_per_s", to: "1 endpoint" },
    0.85,
    0.95,
  ),
  most("commit to receive at 50 a second, p50, ms", { ...LOW_RATE, measure: "p50_ms" }, 1.8, 1.1),
  most("commit to receive at 50 a second, p99, ms", { ...LOW_RATE, measure: "p99_ms" }, 5, 3),
  most("the p50 against graphile-worker's", { ...LOW_RATE, measure: "p50_ms", to: "graphile-worker" }, null, 1),
  most(
    "Postgres CPU an event at 50 a second, with its insert, µs",
    { ...LOW_RATE, measure: "postgres_us_per_event" },
    2_000,
    1_200,
  ),
  most(
    "insert by 16 clients, CPU against a plain table with a key",
    { part: "insert", subject: "no daemon, 16", measure: "postgres_us_per_tx", to: "plain table, 16" },
    1.45,
    1.25,
  ),
  least(
    "insert by 64 clients, no daemon: rate with the wake-up against without",
    { part: "insert", subject: "no daemon, 64", measure: "tx_per_s", to: "no wake, 64" },
    0.96,
    0.99,
  ),
  least(
    "beside a held snapshot, last tenth against first, deliveries a second",
    { part: "snapshot", subject: "held", measure: "last_tenth_to_first" },
    0.97,
    0.99,
  ),
  most(
    "an event behind a bulk of 150,000 for another endpoint, ms",
    { part: "bulk", subject: "behind", measure: "behind_bulk_ms" },
    null,
    500,
  ),
];

function most(what: string, figure: Figure, floor: number | null, target: number): FloorRow {
  return { what, figure, limit: "most", floor, target };
}

function least(what: string, figure: Figure, floor: number | null, target: number): FloorRow {
  return { what, figure, limit: "least", floor, target };
}

/** Parts that the floors need. */
export const FLOOR_PARTS: readonly string[] = [...new Set(ROWS.map(({ figure }) => figure.part))];

/** Of the rows whose parts were measured. */
export function judge(summaries: readonly PartSummary[]): Verdict[] {
  const measured = new Set(summaries.map(({ part }) => part));
  return ROWS.filter(({ figure }) => measured.has(figure.part)).map((row) => judgeRow(row, summaries));
}

function judgeRow({ what, figure, limit, floor, target }: FloorRow, summaries: readonly PartSummary[]): Verdict {
  const measured = find(figure, summaries);
  return { what, limit, floor, target, measured, result: resultOf(measured, limit, floor, target) };
}

function resultOf(measured: Summary | null, limit: Verdict["limit"], floor: number | null, target: number) {
  if (measured === null) {
    return "not measured";
  }
  const holds = (bound: number) => (limit === "most" ? measured.median <= bound : measured.median >= bound);
  if (holds(target)) {
    return "on target";
  }
  return floor === null || holds(floor) ? "holds" : "missed";
}

function find({ part, subject, measure, to }: Figure, summaries: readonly PartSummary[]): Summary | null {
  const summary = summaries.find((each) => each.part === part);
  if (to === undefined) {
    return summary?.subjects[subject]?.[measure] ?? null;
  }
  const ratio = summary?.ratios.find((each) => each.of === subject && each.to === to && each.measure === measure);
  return ratio?.ratio ?? null;
}
