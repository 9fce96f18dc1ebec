import { setTimeout as pause } from "node:timers/promises";

/** Between two looks at a condition that does not announce itself: soon at first, and then rarely, because a look may be a query. */
const LOOK_INTERVAL_MS_MIN = 20;
const LOOK_INTERVAL_MS_MAX = 250;
/** Of the time that it has waited. */
const LOOK_INTERVAL_SHARE = 0.05;

/** Resolves when the condition holds; after the deadline it rejects and says what it waited for. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs: number = 60_000,
): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    const waitedMs = performance.now() - startedMs;
    if (waitedMs > deadlineMs) {
      throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    }
    await pause(lookIntervalMs(waitedMs));
  }
}

/** How long to wait for the next look after having waited for so long. */
export function lookIntervalMs(waitedMs: number): number {
  return Math.min(Math.max(LOOK_INTERVAL_MS_MIN, waitedMs * LOOK_INTERVAL_SHARE), LOOK_INTERVAL_MS_MAX);
}
