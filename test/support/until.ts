import { setTimeout as pause } from "node:timers/promises";

/** Between two looks at a condition that does not announce itself. */
const LOOK_INTERVAL_MS = 20;

/** Resolves when the condition holds; after the deadline it rejects and says what it waited for. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  deadlineMs: number = 60_000,
): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedMs > deadlineMs) {
      throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    }
    await pause(LOOK_INTERVAL_MS);
  }
}
