import type { StopSignal } from "./exchange.ts";

/** The mean of the first wait. Each further mean is twice the one before. */
const FIRST_MS = 250;
const LAST_MS = 30_000;
/** No server can put a receiver to sleep for longer than this. */
const RETRY_AFTER_MS_MAX = 300_000;

export interface Backoff {
  /** How long to wait before the next try, at least as long as the server asked for. Each call counts one more failure. */
  nextMs(retryAfterMs: number | null): number;
  /** Something worked: the next wait is a first one again. */
  reset(): void;
}

/** Waits grow, and are spread from half to one and a half times their mean, because what failed together must not come back together. */
export function makeBackoff(): Backoff {
  let meanMs = FIRST_MS;
  return {
    nextMs(retryAfterMs) {
      const spread = 0.5 + Math.random();
      const waitMs = meanMs * spread;
      meanMs = Math.min(LAST_MS, meanMs * 2);
      return Math.max(waitMs, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX) * Math.max(1, spread));
    },
    reset() {
      meanMs = FIRST_MS;
    },
  };
}

/** Resolves after the time, or as soon as the signal is aborted. */
export function pause(ms: number, signal: StopSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}
