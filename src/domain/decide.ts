import type { Attempt } from "./attempt.ts";
import type { Decision } from "./delivery.ts";
import type { FailureKind } from "./failureKind.ts";
import { retryDelayMs } from "./retry.ts";
import { parseRetryAfterMs } from "./retryAfter.ts";
import { type RetryPolicy, reasonToGiveUp } from "./retryPolicy.ts";

/** What the decision needs to know about an attempt. */
export type AttemptResult = Pick<Attempt, "httpStatus" | "failureKind" | "responseHeaders">;

/** The attempt's place in its retry schedule, and what else decides when the next one is due. */
export interface AttemptPosition {
  readonly scheduleMs: readonly number[];
  /** Which answers end a delivery at once; null if every one is retried. */
  readonly retryPolicy: RetryPolicy | null;
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
  const reason = position.retryPolicy === null ? null : reasonToGiveUp(position.retryPolicy, attempt.httpStatus);
  if (reason !== null) {
    return { state: "exhausted", reason };
  }
  const { scheduleMs } = position;
  const waitMs = retryDelayMs({
    scheduleMs: attempt.failureKind === "blocked" ? seldom(scheduleMs) : scheduleMs,
    failedAttempts: position.attemptInSchedule,
    random: position.random,
    retryAfterMs: retryAfterMs(attempt, position.nowMs),
  });
  return waitMs === null ? EXHAUSTED : { state: "pending", waitMs };
}

/**
 * The schedule of a delivery that egress blocked, or that the endpoint does not allow to be sent: as many attempts, each
 * after the longest wait. Only a person changes such a verdict, so quick attempts would be for nothing.
 */
function seldom(scheduleMs: readonly number[]): readonly number[] {
  const longestMs = Math.max(...scheduleMs);
  return scheduleMs.map(() => longestMs);
}

/** With this failed attempt a batch is over: its deliveries are sent one by one, so that one at fault holds up no other. */
const BATCH_FAILURES_MAX = 2;

/** Nothing in a batch can be the cause of these: the receiver has not seen it, or has said that it was not ready. */
const NEVER_ITS_FAULT: ReadonlySet<FailureKind> = new Set(["connect", "dns", "tls", "blocked", "proxy", "auth"]);

/**
 * Decides what becomes of the deliveries of a batch: the same for all of them. A batch is sent again as it was, until it has
 * failed twice for a reason that an event in it can cause. Then each of its deliveries goes alone, after the schedule's
 * first wait; at once, and only once, if the schedule is used up or the answer is one that ends a delivery.
 */
export function decideBatch(attempt: AttemptResult, position: AttemptPosition): Decision {
  const decision = decide(attempt, position);
  const { scheduleMs, attemptInSchedule, random } = position;
  if (!isPerhapsItsFault(attempt)) {
    return decision;
  }
  if (decision.state === "exhausted") {
    return { state: "pending", waitMs: 0, leavesBatch: true };
  }
  if (decision.state !== "pending" || attemptInSchedule < BATCH_FAILURES_MAX) {
    return decision;
  }
  const firstWaitMs = retryDelayMs({ scheduleMs, failedAttempts: 1, random, retryAfterMs: null });
  return { state: "pending", waitMs: firstWaitMs ?? 0, leavesBatch: true };
}

function isPerhapsItsFault({ failureKind, httpStatus }: AttemptResult): boolean {
  if (failureKind === null || NEVER_ITS_FAULT.has(failureKind)) {
    return false;
  }
  return httpStatus === null || !HONOURS_RETRY_AFTER.has(httpStatus);
}

function retryAfterMs(attempt: AttemptResult, nowMs: number): number | null {
  if (attempt.httpStatus === null || !HONOURS_RETRY_AFTER.has(attempt.httpStatus)) {
    return null;
  }
  return parseRetryAfterMs(attempt.responseHeaders?.["retry-after"], attempt.responseHeaders?.date, nowMs);
}
