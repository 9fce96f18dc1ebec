/** How long the highest value is remembered, at least. */
const STRETCH_MS = 10_000;

/** The highest of the values of the last seconds: of the present stretch of time and the one before it. */
export class Peak {
  #value = 0;
  #before = 0;
  #beganMs = 0;

  get value(): number {
    return Math.max(this.#value, this.#before);
  }

  /** Part of what was noted does not count any more. */
  lower(by: number): void {
    this.#value = Math.max(0, this.#value - by);
    this.#before = Math.max(0, this.#before - by);
  }

  note(value: number, nowMs: number): void {
    const passedMs = nowMs - this.#beganMs;
    if (passedMs >= STRETCH_MS) {
      this.#before = passedMs < 2 * STRETCH_MS ? this.#value : 0;
      this.#value = 0;
      this.#beganMs = nowMs;
    }
    this.#value = Math.max(this.#value, value);
  }
}
