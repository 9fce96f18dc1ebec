/**
 * How long a walk leaves the queue alone. A walk steps over every endpoint for which something waits, whether that may be
 * sent now or not. Beside hundreds of endpoints with open circuits, each claim puts something into the queue, and without
 * a pause one walk of 25 ms follows the other for a delivery or two.
 */

/** What a walk may take for each delivery that it leases. */
const LEASE_MS = 0.5;
/** The pause is so many times what it took beyond that. */
const PAUSES = 4;
const PAUSE_MS_MAX = 250;

export class WalkPause {
  #tookMs = 0;
  #leased = 0;

  /** A part of the walk took so long, and brought so many deliveries. */
  add(tookMs: number, leased: number): void {
    this.#tookMs += tookMs;
    this.#leased += leased;
  }

  /** The walk is over: how long to wait before the next one. */
  takeMs(): number {
    const wastedMs = Math.max(0, this.#tookMs - this.#leased * LEASE_MS);
    this.#tookMs = 0;
    this.#leased = 0;
    return Math.min(PAUSE_MS_MAX, wastedMs * PAUSES);
  }
}
