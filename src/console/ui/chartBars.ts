import type { ChartBar, LatencyBar } from "./rows.ts";

/** A part of a bar, from the bottom of the chart, 0, to its top, 1. */
export interface Part {
  readonly tone: string;
  readonly from: number;
  readonly to: number;
  readonly opacity?: number;
}

export interface Bar {
  readonly at: string;
  /** What it shows, for those who point at it or cannot see it. */
  readonly text: string;
  /** The list of what it counts. */
  readonly href: string;
  readonly parts: readonly Part[];
}

/** The list behind a bar: what happened from its beginning to that of the next one. */
export type LinkOf = (at: string, isFailed: boolean) => string;

export type TextOf = (at: string) => string;

/** First successes at the bottom, later ones above, failed attempts at the top. */
export function attemptBars(rows: readonly ChartBar[], textOf: TextOf, linkOf: LinkOf): readonly Bar[] {
  const most = Math.max(1, ...rows.map((row) => attemptsOf(row)));
  return rows.map((row) => {
    const { at, succeeded_first: first, succeeded_later: later, failed } = row;
    const counts = [first ?? 0, later ?? 0, failed ?? 0];
    const text = first === null ? NO_DAEMON : `${first} at first, ${later} later, ${failed} failed`;
    return {
      at,
      text: `${textOf(at)}: ${text}`,
      href: linkOf(at, (failed ?? 0) > 0),
      parts: first === null ? GAP : stacked(["first", "later", "failed"], counts, most),
    };
  });
}

export function attemptsOf({ succeeded_first, succeeded_later, failed }: ChartBar): number {
  return (succeeded_first ?? 0) + (succeeded_later ?? 0) + (failed ?? 0);
}

const NO_DAEMON = "no daemon lived, or it is not over";
const GAP: readonly Part[] = [{ tone: "gap", from: 0, to: 1 }];

function stacked(tones: readonly string[], counts: readonly number[], most: number): readonly Part[] {
  let from = 0;
  return tones.flatMap((tone, place) => {
    const to = from + (counts[place] ?? 0) / most;
    const part = { tone, from, to };
    from = to;
    return part.to > part.from ? [part] : [];
  });
}

/** Milliseconds up to three days, by their logarithm. */
function heightOf(ms: number): number {
  return Math.log10(1 + ms) / Math.log10(1 + 259_200_000);
}

/** How late half of the deliveries arrived, and 99 of 100. */
export function delayBars(rows: readonly LatencyBar[], textOf: TextOf, linkOf: LinkOf): readonly Bar[] {
  return rows.map(({ at, delay_ms, delay_p50_ms, delay_p50_within_ms, delay_p99_ms, delay_p99_within_ms }) => {
    const [p50, p99] = [heightOf(delay_p50_ms ?? 0), heightOf(delay_p99_ms ?? 0)];
    const text =
      delay_p50_ms === null
        ? "nothing delivered"
        : `p50 ${msText(delay_p50_ms, delay_p50_within_ms)}, p99 ${msText(delay_p99_ms, delay_p99_within_ms)}`;
    return {
      at,
      text: `${textOf(at)}: ${delay_ms === null ? NO_DAEMON : text}`,
      href: linkOf(at, false),
      parts:
        delay_ms === null
          ? GAP
          : [
              { tone: "first", from: 0, to: p50 },
              { tone: "later", from: p50, to: p99 },
            ],
    };
  });
}

/** The buckets of how long requests took. */
const REQUEST_BUCKETS = 17;

/** How many requests took how long: the more, the darker, by the logarithm. */
export function requestBars(rows: readonly LatencyBar[], textOf: TextOf, linkOf: LinkOf): readonly Bar[] {
  const most = Math.log1p(Math.max(1, ...rows.flatMap(({ request_ms }) => request_ms ?? [])));
  return rows.map(
    ({ at, request_ms, request_p50_ms, request_p50_within_ms, request_p95_ms, request_p95_within_ms }) => {
      const text =
        request_p50_ms === null
          ? "no request"
          : `p50 ${msText(request_p50_ms, request_p50_within_ms)}, p95 ${msText(request_p95_ms, request_p95_within_ms)}`;
      const cells = (request_ms ?? []).flatMap((count, place): readonly Part[] =>
        count === 0
          ? []
          : [
              {
                tone: "first",
                from: place / REQUEST_BUCKETS,
                to: (place + 1) / REQUEST_BUCKETS,
                opacity: Math.min(1, 0.2 + (0.8 * Math.log1p(count)) / most),
              },
            ],
      );
      return {
        at,
        text: `${textOf(at)}: ${request_ms === null ? NO_DAEMON : text}`,
        href: linkOf(at, false),
        parts: request_ms === null ? GAP : cells,
      };
    },
  );
}

/** A percentile as it is interpolated, and the bound of the bucket that it lies in. */
export function msText(ms: number | null, withinMs: number | null): string {
  return ms === null
    ? "none"
    : `${Number(ms.toPrecision(2)).toLocaleString("en")} ms (≤ ${withinMs?.toLocaleString("en")})`;
}

/** How often attempts failed for each cause, the most frequent first. */
export function causesOf(rows: readonly ChartBar[]): readonly (readonly [cause: string, attempts: number])[] {
  const sums = new Map<string, number>();
  for (const { failures } of rows)
    for (const [cause, attempts] of Object.entries(failures ?? {})) sums.set(cause, (sums.get(cause) ?? 0) + attempts);
  return [...sums].sort(([, one], [, other]) => other - one);
}
