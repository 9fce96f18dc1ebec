import { monotonicMs } from "./clock.ts";
import { endsWithin } from "./endsWithin.ts";

interface Known<Value> {
  readonly value: Value;
  readonly atMs: number;
}

/** How long an answer waits: for the first value, from when it began to be read; and for a newer one than it has. */
const FIRST_WAIT_MS = 500;
const NEWER_WAIT_MS = 10;

/**
 * A value that is read when it is asked for, and kept for a while. If reading takes longer than an answer should, the answer
 * has the last value, or none; if it fails, none.
 */
export class Kept<Value> {
  readonly #read: () => Promise<Value>;
  readonly #forMs: number;
  #known: Known<Value> | null = null;
  #reading: Promise<void> | null = null;
  #begunMs = Number.NEGATIVE_INFINITY;
  #endedMs = Number.NEGATIVE_INFINITY;

  /** `forMs`: how long after a read, failed or not, the next one may begin. */
  constructor(read: () => Promise<Value>, forMs: number) {
    this.#read = read;
    this.#forMs = forMs;
  }

  async get(): Promise<{ readonly value: Value; readonly ageMs: number } | null> {
    const nowMs = monotonicMs();
    if (this.#reading === null && nowMs >= this.#endedMs + this.#forMs) {
      this.#begunMs = nowMs;
      this.#reading = this.#readAgain();
    }
    if (this.#reading !== null) {
      const firstMs = this.#known === null ? this.#begunMs + FIRST_WAIT_MS - nowMs : 0;
      await endsWithin(this.#reading, Math.max(NEWER_WAIT_MS, firstMs));
    }
    return this.#known === null ? null : { value: this.#known.value, ageMs: monotonicMs() - this.#known.atMs };
  }

  async #readAgain(): Promise<void> {
    try {
      const value = await this.#read();
      this.#known = { value, atMs: monotonicMs() };
    } catch {
      // Whoever asks sees that there is none. Other parts of the program tell of an outage.
      this.#known = null;
    }
    this.#endedMs = monotonicMs();
    this.#reading = null;
  }
}
