const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The default waits after the first, second, … failed attempt: about 75.6 hours in all. */
export const DEFAULT_SCHEDULE_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** Each wait is its interval ± at most this share, so deliveries that failed together do not return together. */
export const JITTER = 0.2;

export interface RetryPosition {
  /** The endpoint's retry schedule: waits in milliseconds, none negative. */
  readonly scheduleMs: readonly number[];
  /** Failures since the schedule started, including this one: 1 if the first attempt failed. */
  readonly failedAttempts: number;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random: () => number;
  /** The wait that the receiver asked for; null if it asked for none, or if its request does not count. */
  readonly retryAfterMs: number | null;
}

/**
 * Whole milliseconds until the next attempt, or null if the schedule is used up.
 *
 * `Retry-After` lengthens a wait and never shortens it. The schedule's longest interval bounds it, so that a receiver cannot
 * park its deliveries for years. Jitter only adds to it, so deliveries that were refused together do not all return
 * together and get refused again.
 */
export function retryDelayMs({ scheduleMs, failedAttempts, random, retryAfterMs }: RetryPosition): number | null {
  if (!Number.isInteger(failedAttempts) || failedAttempts < 1) {
    throw new RangeError(`failedAttempts must be 1 or more, not ${failedAttempts}`);
  }
  const intervalMs = scheduleMs[failedAttempts - 1];
  if (intervalMs === undefined) {
    return null;
  }
  const drawn = random();
  const scheduledMs = Math.round(intervalMs * (1 - JITTER + 2 * JITTER * drawn));
  if (retryAfterMs === null) {
    return scheduledMs;
  }
  const askedMs = Math.ceil(retryAfterMs * (1 + JITTER * drawn));
  return Math.max(scheduledMs, Math.min(askedMs, Math.max(...scheduleMs)));
}
