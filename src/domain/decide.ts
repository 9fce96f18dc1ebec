import type { Attempt } from "./attempt.ts";
import { retryDelayMs } from "./retry.ts";
import { parseRetryAfterMs } from "./retryAfter.ts";

/** What the decision needs to know about an attempt. */
export type AttemptResult = Pick<Attempt, "httpStatus" | "failureKind" | "responseHeaders">;

/** The attempt's place in its retry schedule, and what else decides when the next one is due. */
export interface AttemptPosition {
  readonly scheduleMs: readonly number[];
  /**
   * 1 for the first attempt since the schedule started. This is not the attempt's number, because a redelivery by hand
   * starts the schedule again but not the numbering.
   */
  readonly attemptInSchedule: number;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random: () => number;
  /** When the response arrived, milliseconds since 1970; used if it carries no date of its own. */
  readonly nowMs: number;
}

/** What becomes of the delivery. */
export type Outcome =
  | { readonly kind: "succeeded" }
  | { readonly kind: "retry"; readonly delayMs: number }
  /** The attempt failed and the schedule is used up. */
  | { readonly kind: "exhausted" }
  /** The receiver answered 410: the attempt failed, no further one follows, and the endpoint must be disabled. */
  | { readonly kind: "gone" };

const GONE = 410;

// Too Many Requests and Service Unavailable: the two whose Retry-After says when the receiver will be ready again.
const HONOURS_RETRY_AFTER: ReadonlySet<number> = new Set([429, 503]);

/** Decides what follows from one attempt. Draws from `random` only for a retry. */
export function decideOutcome(result: AttemptResult, position: AttemptPosition): Outcome {
  if (result.failureKind === null) {
    return { kind: "succeeded" };
  }
  if (result.httpStatus === GONE) {
    return { kind: "gone" };
  }
  const delayMs = retryDelayMs({
    scheduleMs: position.scheduleMs,
    failedAttempts: position.attemptInSchedule,
    random: position.random,
    retryAfterMs: retryAfterMs(result, position.nowMs),
  });
  return delayMs === null ? { kind: "exhausted" } : { kind: "retry", delayMs };
}

function retryAfterMs(result: AttemptResult, nowMs: number): number | null {
  if (result.httpStatus === null || !HONOURS_RETRY_AFTER.has(result.httpStatus)) {
    return null;
  }
  return parseRetryAfterMs(result.responseHeaders?.["retry-after"], result.responseHeaders?.date, nowMs);
}
