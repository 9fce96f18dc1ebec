import { monotonicMs } from "./clock.ts";

/** Node fires a longer timer at once. */
const TIMER_MS_MAX = 2_147_483_647;

/**
 * Repeats a look, one at a time. Each look says how long to wait for the next.
 *
 *     const repeat = new Repeat(async () => ((await takeStep()) ? 0 : 10_000));
 *     repeat.start();
 *     repeat.soon(); // something has come up
 *     await repeat.stop();
 *
 *   new      nothing happens until start()
 *   waiting  a timer runs until the next look, which its delay or soon() starts, whichever comes first
 *   looking  a soon() counts for the next look, because this one may have looked already
 *   stopped  for good: a start() or soon() after it does nothing, so a stop that overtakes a start wins
 *
 * The look must not reject. It decides itself what a failure means and when to look again.
 */
export class Repeat {
  readonly #look: () => Promise<number>;
  #state: "new" | "running" | "stopped" = "new";
  #dueMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #isLooking = false;
  /** Ends with the last look that began. */
  #looking: Promise<void> | null = null;

  /** `look` resolves with the milliseconds until the next look; infinity: only when asked by soon(). */
  constructor(look: () => Promise<number>) {
    this.#look = look;
  }

  /** For a look of many steps, which must end between two of them. */
  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  /** Looks for the first time in so many milliseconds. */
  start(inMs = 0): void {
    if (this.#state === "new") {
      this.#state = "running";
      this.#lookWithin(inMs);
    }
  }

  /** Looks in so many milliseconds, unless a look is due earlier. */
  soon(inMs = 0): void {
    if (this.#state === "running") {
      this.#lookWithin(inMs);
    }
  }

  /** Begins no further look; resolves when the one in progress has ended. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    clearTimeout(this.#timer ?? undefined);
    await this.#looking;
  }

  #lookWithin(inMs: number): void {
    const dueMs = monotonicMs() + inMs;
    if (dueMs < this.#dueMs) {
      this.#dueMs = dueMs;
      if (!this.#isLooking) {
        this.#arm();
      }
    }
  }

  #arm(): void {
    clearTimeout(this.#timer ?? undefined);
    const inMs = Math.max(0, this.#dueMs - monotonicMs());
    this.#timer = setTimeout(
      () => {
        this.#looking = this.#lookNow();
      },
      Math.min(TIMER_MS_MAX, inMs),
    );
  }

  async #lookNow(): Promise<void> {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#isLooking = true;
    const inMs = await this.#look();
    this.#isLooking = false;
    if (this.#state === "running") {
      this.#dueMs = Math.min(this.#dueMs, monotonicMs() + inMs);
      if (this.#dueMs < Number.POSITIVE_INFINITY) {
        this.#arm();
      }
    }
  }
}
