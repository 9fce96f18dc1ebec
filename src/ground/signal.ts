/** Wakes one waiter. A signal that is given while none waits is kept for the next one. */
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

  /** Resolves on the next signal, or after this many milliseconds. */
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
