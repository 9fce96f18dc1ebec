import { monotonicMs } from "../ground/clock.ts";

/** After so much work there is a pause. Timers count whole milliseconds, so a shorter pause would be much longer than the work. */
const BURST_MS = 2;

/**
 * Half of the event loop, for all work on large payloads: deliveries have the other half at least, however many clients read.
 *
 * The work is done in pieces of less than half a millisecond, one at a time. Each has a turn of the loop to itself, because
 * a delivery needs several turns and would wait for a piece in each. After two milliseconds of work the loop is left alone
 * for as long.
 */
export class HalfLoop {
  #free: Promise<void> = Promise.resolve();
  /** Work since the last pause. */
  #workedMs = 0;

  /** Does a piece of work once its turn comes. */
  async run<Result>(piece: () => Result): Promise<Result> {
    const free = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    await free;
    const startedMs = monotonicMs();
    try {
      return piece();
    } finally {
      this.#workedMs += monotonicMs() - startedMs;
      this.#rest(resolve);
    }
  }

  #rest(onEnd: () => void): void {
    if (this.#workedMs < BURST_MS) {
      setImmediate(onEnd);
    } else {
      // A timer may fire up to a millisecond early.
      setTimeout(onEnd, Math.ceil(this.#workedMs) + 1);
      this.#workedMs = 0;
    }
  }
}
