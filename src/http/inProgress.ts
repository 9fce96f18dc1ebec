import { monotonicMs } from "../ground/clock.ts";
import type { Exchange } from "./exchange.ts";

/** How late a deadline may be noticed. A timer for each request cost 0.7 µs of the fifteen that a request takes. */
const SWEEP_MS = 25;

/** The exchanges in progress, whose deadlines are looked at together. */
export class InProgress {
  readonly #exchanges: Exchange[] = [];
  #timer: NodeJS.Timeout | undefined;

  get size(): number {
    return this.#exchanges.length;
  }

  add(exchange: Exchange): void {
    exchange.index = this.#exchanges.length;
    this.#exchanges.push(exchange);
    this.#timer ??= setInterval(() => this.#onTimer(), SWEEP_MS);
  }

  delete(exchange: Exchange): void {
    const last = this.#exchanges.pop();
    if (last !== undefined && last !== exchange) {
      this.#exchanges[exchange.index] = last;
      last.index = exchange.index;
    }
  }

  /** Visits all that are in progress now; a visit may end the exchange, and its end may begin others. */
  each(visit: (exchange: Exchange) => void): void {
    for (const exchange of [...this.#exchanges]) {
      visit(exchange);
    }
  }

  /** Sweeps after the sockets have been read: after a pause of the process the answers may well have come in time. */
  #onTimer(): void {
    if (this.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else {
      setImmediate(() => this.each((exchange) => exchange.sweep(monotonicMs())));
    }
  }
}
