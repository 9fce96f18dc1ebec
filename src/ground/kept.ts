import { monotonicMs } from "./clock.ts";
import { endsWithin } from "./endsWithin.ts";

interface Known<Value> {
  readonly value: Value;
  readonly atMs: number;
}

/** How long an answer waits for a value: for the first one, and for a newer one than it has. */
const FIRST_WAIT_MS = 500;
const NEWER_WAIT_MS = 15;

/**
 * A value that is read when it is asked for, and kept for a while. If reading takes longer than an answer should, the answer
 * has the last value, or none; if it fails, none.
 */
export class Kept<Value> {
  readonly #read: () => Promise<Value>;
  readonly #forMs: number;
  #known: Known<Value> | null = null;
  #reading: Promise<void> | null = null;
  #readMs = Number.NEGATIVE_INFINITY;

  /** `forMs`: how long after a read, failed or not, the next one may begin. */
  constructor(read: () => Promise<Value>, forMs: number) {
    this.#read = read;
    this.#forMs = forMs;
  }

  async get(): Promise<{ readonly value: Value; readonly ageMs: number } | null> {
    if (this.#reading === null && monotonicMs() >= this.#readMs + this.#forMs) {
      this.#reading = this.#readAgain();
    }
    if (this.#reading !== null) {
      await endsWithin(this.#reading, this.#known === null ? FIRST_WAIT_MS : NEWER_WAIT_MS);
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
    this.#readMs = monotonicMs();
    this.#reading = null;
  }
}
