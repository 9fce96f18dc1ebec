/** How often a process is asked whether it still works. */
const PULSE_MS = 5_000;
/** So many questions in a row without any word from it: its event loop hangs. Its lease ran out after half of the time. */
const UNANSWERED_MAX = 6;

/**
 * Watches whether a process answers. Questions are counted and not time, because a machine that was suspended, or was too
 * busy for the supervisor as well, is no reason to kill.
 */
export class Pulse {
  readonly #timer: NodeJS.Timeout;
  #unanswered = 0;

  constructor(ask: () => void, onSilence: () => void, pulseMs = PULSE_MS) {
    this.#timer = setInterval(() => {
      if (this.#unanswered >= UNANSWERED_MAX) {
        this.stop();
        onSilence();
      } else {
        this.#unanswered += 1;
        ask();
      }
    }, pulseMs).unref();
  }

  /** The process said something. */
  heard(): void {
    this.#unanswered = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
