import { monotonicMs } from "../ground/clock.ts";

export interface Rate {
  readonly perSecond: number;
  /** How many may come at once. */
  readonly burst: number;
}

/** Whoever comes from more addresses than these is limited by connections alone. */
const KEYS_MAX = 10_000;

/** How often something may happen, for each key (GCRA: one time a key). */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;
  readonly #now: () => number;
  /** By key, the one used last at the end: when all that it has used would be due at the steady rate. */
  readonly #dueMs = new Map<string, number>();

  constructor({ perSecond, burst }: Rate, now: () => number = monotonicMs) {
    this.#intervalMs = 1_000 / perSecond;
    this.#toleranceMs = (burst - 1) * this.#intervalMs;
    this.#now = now;
  }

  /** 0 if it may happen now, and then it counts; otherwise in how many milliseconds it may. */
  take(key: string): number {
    const nowMs = this.#now();
    const dueMs = Math.max(this.#dueMs.get(key) ?? 0, nowMs);
    const waitMs = dueMs - nowMs - this.#toleranceMs;
    if (waitMs > 0) {
      return waitMs;
    }
    this.#dueMs.delete(key);
    this.#dueMs.set(key, dueMs + this.#intervalMs);
    const [oldest] = this.#dueMs.keys();
    if (this.#dueMs.size > KEYS_MAX && oldest !== undefined) {
      this.#dueMs.delete(oldest);
    }
    return 0;
  }

  /** How often it may happen at once now. */
  left(key: string): number {
    const aheadMs = Math.max(0, (this.#dueMs.get(key) ?? 0) - this.#now());
    return Math.max(0, Math.floor((this.#toleranceMs - aheadMs) / this.#intervalMs + 1));
  }
}
