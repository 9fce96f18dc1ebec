import type { HandlerSignal } from "./options.ts";
import { ReceiveError } from "./receiveError.ts";

/** How long one handler may run. Nothing can end a function, so it is told, and what it returns later does not count. */
export class HandlerTime {
  readonly #limitMs: number;
  readonly #controller = new AbortController();
  #give: (error: ReceiveError) => void = () => {};
  /** Rejects with a ReceiveError `timed_out` when the time is over. */
  readonly over = new Promise<never>((_, reject) => {
    this.#give = reject;
  });

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Aborted when the time is over. */
  get signal(): HandlerSignal {
    return this.#controller.signal as HandlerSignal;
  }

  /** The time begins now. Settles as the work does, but for work that ends too late, which has failed. */
  async run(work: (signal: HandlerSignal) => unknown): Promise<void> {
    const timer = setTimeout(() => this.#end(), this.#limitMs);
    try {
      await work(this.signal);
    } finally {
      clearTimeout(timer);
    }
    this.#controller.signal.throwIfAborted();
  }

  #end(): void {
    const error = new ReceiveError(
      "timed_out",
      `cannot wait for a handler any longer: it has run for ${this.#limitMs} ms; pass its signal to what it waits for, or give it more with handlerTimeoutMs`,
    );
    this.#give(error);
    this.#controller.abort(error);
  }
}
