import { monotonicMs } from "../clock.ts";
import { classifyPostgresError, type Pool, withTransaction } from "../db/connection.ts";
import { defineStatement } from "../db/statements.ts";
import type { Log } from "../log.ts";
import { PAGE_EVENTS_MAX } from "./claim.ts";

/**
 * Filters are judged within the claim, so one that takes for ever (a regular expression that backtracks, a path that
 * visits every pair of a large array) would stop every claim. This keeps claims short: pages become smaller while they
 * take long; and where one event alone cannot be claimed in time, the filters at fault are found by trying each alone.
 * Their endpoints go without: their deliveries are discarded, with the reason, until they are tried again.
 */

/** A page that takes longer is followed by a smaller one; one that took less than a tenth by a larger one. */
const LONG_MS = 2_000;
const SHRINK_BY = 4;
const GROW_BY = 2;
/** A claim that was cancelled sooner was cancelled by somebody else, and says nothing about filters. */
const TIMED_OUT_MS = 8_000;
/** What all filters together may take with one event. */
const EVENT_BUDGET_MS = 3_000;
const TRIAL_TIMEOUT_MS = 2_000;
/** An endpoint with a slow filter is tried again after so long. */
const UNJUDGED_MS = 10 * 60_000;
const QUERY_CANCELED = "57014";

const filteredEndpoints = defineStatement<{ readonly endpoint_id: string }, [eventId: string]>("filtered_endpoints");
const tryFilters = defineStatement<unknown, [eventId: string, endpointId: string | null]>("try_filters");

export class Filters {
  readonly #pool: Pool;
  readonly #log: Log;
  /** Until when, by the monotonic clock, each endpoint goes without. */
  readonly #unjudged = new Map<string, number>();
  #eventsMax = PAGE_EVENTS_MAX;

  constructor({ pool, log }: { readonly pool: Pool; readonly log: Log }) {
    this.#pool = pool;
    this.#log = log;
  }

  /** Events of the next page at most. */
  get eventsMax(): number {
    return this.#eventsMax;
  }

  /** The endpoints whose filters are not applied now. */
  unjudged(): string[] {
    const nowMs = monotonicMs();
    for (const [endpointId, untilMs] of this.#unjudged) {
      if (untilMs <= nowMs) {
        this.#unjudged.delete(endpointId);
      }
    }
    return [...this.#unjudged.keys()];
  }

  /** To be told how long each claim took. */
  claimed(tookMs: number): void {
    if (tookMs > LONG_MS) {
      this.#eventsMax = Math.max(1, Math.floor(this.#eventsMax / SHRINK_BY));
    } else if (tookMs < LONG_MS / 10) {
      this.#eventsMax = Math.min(PAGE_EVENTS_MAX, this.#eventsMax * GROW_BY);
    }
  }

  /** A claim has failed after so long. `peek`: the id of the event that is next, without claiming it. */
  async failed(thrown: unknown, tookMs: number, peek: () => Promise<string | null>): Promise<void> {
    if (classifyPostgresError(thrown).sqlstate !== QUERY_CANCELED || tookMs < TIMED_OUT_MS) {
      return;
    }
    if (this.#eventsMax > 1) {
      this.#eventsMax = Math.max(1, Math.floor(this.#eventsMax / SHRINK_BY ** 2));
      return;
    }
    const eventId = await peek();
    for (const endpointId of eventId === null ? [] : await this.#findSlow(eventId)) {
      this.#unjudged.set(endpointId, monotonicMs() + UNJUDGED_MS);
      this.#log.error({
        event: "filter.too_slow",
        endpoint_id: endpointId,
        event_id: eventId,
        unjudged_for_ms: UNJUDGED_MS,
      });
    }
  }

  /** The fewest endpoints without whose filters the event can be judged in time; none where that is possible with them. */
  async #findSlow(eventId: string): Promise<string[]> {
    const { rows } = await filteredEndpoints.run(this.#pool, [eventId]);
    // What reading the payload takes is no filter's fault.
    const readingMs = await this.#time(eventId, null);
    const tried: { readonly endpointId: string; readonly tookMs: number }[] = [];
    for (const { endpoint_id: endpointId } of rows) {
      tried.push({ endpointId, tookMs: Math.max(0, (await this.#time(eventId, endpointId)) - readingMs) });
    }
    tried.sort((one, other) => other.tookMs - one.tookMs);
    let leftMs = tried.reduce((sum, { tookMs }) => sum + tookMs, 0);
    const slow: string[] = [];
    for (const { endpointId, tookMs } of tried) {
      if (leftMs <= EVENT_BUDGET_MS / 2) {
        break;
      }
      // Twice, lest a server that stood still for a moment costs an endpoint its deliveries.
      if ((await this.#time(eventId, endpointId)) - readingMs > tookMs / 2) {
        slow.push(endpointId);
      }
      leftMs -= tookMs;
    }
    return slow;
  }

  /** Milliseconds that the filters of one endpoint take with the event, or that reading its payload takes. */
  async #time(eventId: string, endpointId: string | null): Promise<number> {
    const startedMs = monotonicMs();
    try {
      await withTransaction(this.#pool, async (client) => {
        await client.query(`set local statement_timeout = ${TRIAL_TIMEOUT_MS}`);
        await tryFilters.run(client, [eventId, endpointId]);
      });
    } catch (thrown) {
      if (classifyPostgresError(thrown).sqlstate !== QUERY_CANCELED) {
        throw thrown;
      }
    }
    return monotonicMs() - startedMs;
  }
}
