import type { Attempt } from "./attempt.ts";
import type { Decision } from "./delivery.ts";
import { retryDelayMs } from "./retry.ts";
import { parseRetryAfterMs } from "./retryAfter.ts";

/** What the decision needs to know about an attempt. */
export type AttemptResult = Pick<Attempt, "httpStatus" | "failureKind" | "responseHeaders">;

/** The attempt's place in its retry schedule, and what else decides when the next one is due. */
export interface AttemptPosition {
  readonly scheduleMs: readonly number[];
  /**
   * 1 for the first attempt since the schedule started. This is not the attempt's number, because a redelivery by hand
   * restarts the schedule but not the numbering.
   */
  readonly attemptInSchedule: number;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random: () => number;
  /** When the response arrived, milliseconds since 1970; used if it carries no date. */
  readonly nowMs: number;
}

const GONE = 410;
/** What becomes of a delivery after an attempt that succeeded, whatever its place in the schedule. */
export const SUCCEEDED: Decision = { state: "succeeded" };
const EXHAUSTED: Decision = { state: "exhausted" };

// Too Many Requests and Service Unavailable: the two whose Retry-After says when the receiver will be ready again.
const HONOURS_RETRY_AFTER: ReadonlySet<number> = new Set([429, 503]);

/** Decides what becomes of a delivery after one attempt. Draws from `random` only for a retry. */
export function decide(attempt: AttemptResult, position: AttemptPosition): Decision {
  if (attempt.failureKind === null) {
    return SUCCEEDED;
  }
  if (attempt.httpStatus === GONE) {
    return { state: "discarded", reason: "the receiver answered 410 Gone", endpointGone: true };
  }
  const waitMs = retryDelayMs({
    scheduleMs: position.scheduleMs,
    failedAttempts: position.attemptInSchedule,
    random: position.random,
    retryAfterMs: retryAfterMs(attempt, position.nowMs),
  });
  return waitMs === null ? EXHAUSTED : { state: "pending", waitMs };
}

function retryAfterMs(attempt: AttemptResult, nowMs: number): number | null {
  if (attempt.httpStatus === null || !HONOURS_RETRY_AFTER.has(attempt.httpStatus)) {
    return null;
  }
  return parseRetryAfterMs(attempt.responseHeaders?.["retry-after"], attempt.responseHeaders?.date, nowMs);
}
