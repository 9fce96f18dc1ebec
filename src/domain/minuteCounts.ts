import type { DeliveryResult } from "./delivery.ts";

/**
 * What is counted of one minute, for an endpoint or over all of them: a row of postrider.endpoint_minute_part, and the
 * larger part of one of postrider.daemon_minute. The members are named as the columns.
 */
export interface MinuteCounts {
  request_ms_total: number;
  sent_bytes: number;
  succeeded_first: number;
  succeeded_later: number;
  failed: number;
  exhausted: number;
  discarded: number;
  sent_again: number;
  failed_again: number;
  excused: number;
  /** By status, or by the kind of the failure if there was none; null until one fails. */
  failures: Record<string, number> | null;
  /** One count for each bound, and one beyond them. */
  readonly request_ms: number[];
  readonly delay_ms: number[];
}

/** The upper bounds of the counts in `request_ms`; postrider.request_ms_bounds() has the same. */
export const REQUEST_MS_BOUNDS: readonly number[] = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 120_000,
];
/** Those of `delay_ms`: up to a minute in steps, then 5 and 30 min, 2 and 6 h, 1 and 3 days. */
export const DELAY_MS_BOUNDS: readonly number[] = [
  10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000, 21_600_000, 86_400_000,
  259_200_000,
];

export function makeCounts(): MinuteCounts {
  return {
    request_ms_total: 0,
    sent_bytes: 0,
    succeeded_first: 0,
    succeeded_later: 0,
    failed: 0,
    exhausted: 0,
    discarded: 0,
    sent_again: 0,
    failed_again: 0,
    excused: 0,
    failures: null,
    request_ms: new Array<number>(REQUEST_MS_BOUNDS.length + 1).fill(0),
    delay_ms: new Array<number>(DELAY_MS_BOUNDS.length + 1).fill(0),
  };
}

/**
 * How long after it was due a delivery arrived; NaN unless this is its first success. `clockAheadMs`: how far the clock of
 * Postgres, by which the event was inserted, is ahead of the one by which the attempt started.
 */
export function delayMsOf({ attempt, delivery }: DeliveryResult, clockAheadMs: number): number {
  if (attempt === null || attempt.failureKind !== null || delivery.isAgain) {
    return Number.NaN;
  }
  const dueMs = Math.max(Date.parse(delivery.event.createdAt), delivery.deliverAtMs ?? 0);
  // An event that says no time that JavaScript can read has no delay.
  return attempt.startedAtMs + attempt.durationMs + clockAheadMs - dueMs;
}

/** Counts an attempt that was recorded, with what `delayMsOf` says of it. */
export function countAttempt(
  counts: MinuteCounts,
  { attempt, delivery, bodyBytes }: DeliveryResult,
  delayMs: number,
): void {
  if (attempt === null) {
    return;
  }
  const { durationMs, failureKind, httpStatus } = attempt;
  counts.request_ms_total += durationMs;
  counts.sent_bytes += bodyBytes * attempt.requests;
  addTo(counts.request_ms, REQUEST_MS_BOUNDS, durationMs);
  if (delivery.isAgain) {
    counts.sent_again += 1;
  }
  if (failureKind !== null) {
    counts.failed += 1;
    counts.failed_again += delivery.isAgain ? 1 : 0;
    const cause = failureKind === "status" && httpStatus !== null ? String(httpStatus) : failureKind;
    counts.failures ??= {};
    counts.failures[cause] = (counts.failures[cause] ?? 0) + 1;
    return;
  }
  if (delivery.attempts === 0) {
    counts.succeeded_first += 1;
  } else {
    counts.succeeded_later += 1;
  }
  if (!Number.isNaN(delayMs)) {
    addTo(counts.delay_ms, DELAY_MS_BOUNDS, delayMs);
  }
}

/** Counts a delivery that ended without success. */
export function countEnd(counts: MinuteCounts, { decision, delivery }: DeliveryResult): void {
  if (decision.state !== "exhausted" && decision.state !== "discarded") {
    return;
  }
  counts[decision.state] += 1;
  if (delivery.isAgain || (decision.state === "discarded" && isByHand(decision.reason))) {
    counts.excused += 1;
  }
}

/** Whether a person cancelled the delivery or erased its event; Postgres gives these reasons. */
function isByHand(reason: string): boolean {
  return reason === "cancelled" || reason.startsWith("cancelled: ") || reason === "the event was erased";
}

/** Counts the results of one flush. */
export interface FlushCount {
  /** Its attempt was recorded. */
  attempt(result: DeliveryResult): void;
  /** Its delivery was decided. */
  end(result: DeliveryResult): void;
}

/** Adds what was counted elsewhere. */
export function addCounts(counts: MinuteCounts, others: MinuteCounts): void {
  counts.request_ms_total += others.request_ms_total;
  counts.sent_bytes += others.sent_bytes;
  counts.succeeded_first += others.succeeded_first;
  counts.succeeded_later += others.succeeded_later;
  counts.failed += others.failed;
  counts.exhausted += others.exhausted;
  counts.discarded += others.discarded;
  counts.sent_again += others.sent_again;
  counts.failed_again += others.failed_again;
  counts.excused += others.excused;
  for (const [cause, count] of Object.entries(others.failures ?? {})) {
    counts.failures ??= {};
    counts.failures[cause] = (counts.failures[cause] ?? 0) + count;
  }
  addEach(counts.request_ms, others.request_ms);
  addEach(counts.delay_ms, others.delay_ms);
}

/** A histogram as it is stored: without the zeros at its end. */
export function trimmed(histogram: readonly number[]): readonly number[] {
  return histogram.slice(0, histogram.findLastIndex((count) => count > 0) + 1);
}

function addTo(histogram: number[], bounds: readonly number[], value: number): void {
  let at = 0;
  while (at < bounds.length && value > (bounds[at] ?? 0)) {
    at += 1;
  }
  histogram[at] = (histogram[at] ?? 0) + 1;
}

function addEach(histogram: number[], others: readonly number[]): void {
  for (const [at, count] of others.entries()) {
    histogram[at] = (histogram[at] ?? 0) + count;
  }
}
