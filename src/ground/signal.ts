/** Wakes one waiter. A signal given while nobody waits is kept for the next one. */
export class Signal {
  #isGiven = false;
  #resolve: (() => void) | null = null;

  give(): void {
    if (this.#resolve === null) {
      this.#isGiven = true;
    } else {
      this.#resolve();
    }
  }

  /** Resolves on the next signal, or after so many milliseconds. */
  async wait(timeoutMs: number): Promise<void> {
    if (this.#isGiven) {
      this.#isGiven = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#resolve = null;
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#resolve = done;
    });
  }
}
