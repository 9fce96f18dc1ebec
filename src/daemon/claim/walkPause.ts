/**
 * How long a walk leaves the queue alone. A walk steps over every endpoint for which something waits, whether that may be
 * sent now or not. Beside hundreds of endpoints with open circuits, each claim puts something into the queue, and without
 * a pause one walk of 25 ms follows the other for a delivery or two.
 *
 * The poll finds what only other daemons know: the leases and retries of one that was killed, or the backlog of one that
 * is full. Everything else is announced, or its time is known from the last walk. So a poll may step over so many endpoints
 * in each poll interval and no more, and an idle daemon costs the same however many endpoints wait.
 */

/** What a walk may take for each delivery that it leases. */
const LEASE_MS = 0.5;
/** The pause is so many times what it took beyond that. */
const PAUSES = 4;
const PAUSE_MS_MAX = 250;
/** The longest time between two polls, which 30,000 endpoints reach if the poll interval is a second. */
const POLL_MS_MAX = 60_000;

export interface Pause {
  /** How long no walk may begin. */
  readonly restMs: number;
  /** After how long the next one begins if nothing calls for it. */
  readonly pollMs: number;
}

export class WalkPause {
  #tookMs = 0;
  #leased = 0;
  #parts = 0;

  /** A part of the walk took so long, and brought so many deliveries. */
  add(tookMs: number, leased: number): void {
    this.#tookMs += tookMs;
    this.#leased += leased;
    this.#parts += 1;
  }

  /** The walk is over. */
  take(pollIntervalMs: number): Pause {
    const wastedMs = Math.max(0, this.#tookMs - this.#leased * LEASE_MS);
    const pollMs = Math.max(pollIntervalMs, Math.min(POLL_MS_MAX, pollIntervalMs * this.#parts));
    this.#tookMs = 0;
    this.#leased = 0;
    this.#parts = 0;
    return { restMs: Math.min(PAUSE_MS_MAX, wastedMs * PAUSES), pollMs };
  }
}
