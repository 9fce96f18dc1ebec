import type { Database } from "../../db/database.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { type Claimed, firstAttempts, PAYLOAD_BYTES_MAX } from "./claimed.ts";
import type { Filters, SlowFilter, Unjudged } from "./filters.ts";

/** Postgres writes an event with more endpoints than this to the queue; its deliveries do not come with the claim. */
export const FAN_OUT_MAX = 200;
/** Weight of the newest page in the average number of deliveries of an event. */
const FAN_OUT_WEIGHT = 0.3;

/** What a claim of new events brought. */
export interface Page extends Claimed {
  /**
   * off: sending is switched off; busy: another daemon is claiming; empty: nothing is new; page: there is more; complete:
   * that was all; slow: a filter takes too long with the event that is next.
   */
  readonly outcome: "off" | "busy" | "empty" | "page" | "complete" | "slow";
  readonly eventCount: number;
  /** Deliveries that the claim wrote to the queue. */
  readonly queuedCount: number;
  /** The filter because of which the claim stopped. */
  readonly slowFilter: SlowFilter | null;
}

const claimEventsStatement = defineStatement("claim_events", {
  params: {
    daemonId: "uuid",
    eventsMax: "integer",
    pairsMax: "integer",
    fanOutMax: "integer",
    payloadBytesMax: "integer",
    unjudgedEndpoints: "uuid[]?",
    unjudgedEvents: "uuid?[]",
  },
  columns: {
    outcome: ["off", "busy", "empty", "page", "complete", "slow", null],
    claim_id: "bigint?",
    event_count: "integer?",
    queued_count: "integer?",
    event_id: "uuid?",
    event_type: "text?",
    created_at: "text?",
    payload: "text?",
    endpoint_ids: "text?",
    revisions: "text?",
    slow_endpoint_id: "uuid?",
  },
});

export interface ClaimOptions {
  readonly daemonId: string;
  readonly eventsMax: number;
  /** Deliveries in hand at most; the rest goes to the queue. */
  readonly pairsMax: number;
  readonly unjudged: Unjudged;
}

/** Claims a page of new events. If it rejects, the claim may have been made all the same. */
export async function claimEvents(
  database: Database,
  { daemonId, eventsMax, pairsMax, unjudged }: ClaimOptions,
): Promise<Page> {
  const pairs = unjudged === "all" ? [] : unjudged;
  const { rows } = await database.run(claimEventsStatement, {
    daemonId,
    eventsMax,
    pairsMax,
    fanOutMax: FAN_OUT_MAX,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
    unjudgedEndpoints: unjudged === "all" ? null : pairs.map(({ endpointId }) => endpointId),
    unjudgedEvents: pairs.map(({ eventId }) => eventId),
  });
  const [head, ...events] = rows;
  if (head === undefined || head.outcome === null) {
    throw new Error("a claim answered without saying what came of it");
  }
  return {
    outcome: head.outcome,
    claimId: head.claim_id,
    eventCount: head.event_count ?? 0,
    queuedCount: head.queued_count ?? 0,
    deliveries: head.claim_id === null ? [] : firstAttempts(events, daemonId, head.claim_id),
    revisions: revisionsOf(head),
    slowFilter:
      head.event_id === null || head.slow_endpoint_id === null
        ? null
        : { eventId: head.event_id, endpointId: head.slow_endpoint_id },
  };
}

function revisionsOf({
  endpoint_ids,
  revisions,
}: RowOf<typeof claimEventsStatement.shape>): ReadonlyMap<string, string> {
  const revisionList = revisions?.split(",") ?? [];
  return new Map(endpoint_ids?.split(",").map((id, index) => [id, revisionList[index] ?? ""]));
}

export interface NewEventsParts {
  /** For claims that may take longer. */
  readonly database: Database;
  /** With a short deadline, because everything waits for a claim. */
  readonly claimDatabase: Database;
  readonly filters: Filters;
}

/** Claims new events, a page at a time, as large as the room for their deliveries allows. */
export class NewEvents {
  readonly #parts: NewEventsParts;
  /** Deliveries of an event, on average. */
  #fanOut = 1;

  constructor(parts: NewEventsParts) {
    this.#parts = parts;
  }

  async claim(daemonId: string, room: number): Promise<Page> {
    const { database, claimDatabase, filters } = this.#parts;
    const pairsMax = Math.max(1, room);
    const eventsMax = Math.max(1, Math.min(filters.eventsMax, Math.floor(pairsMax / this.#fanOut)));
    const unjudged = filters.unjudged();
    const startedMs = monotonicMs();
    try {
      const page = await claimEvents(filters.isPatient ? database : claimDatabase, {
        daemonId,
        eventsMax,
        pairsMax,
        unjudged,
      });
      if (page.eventCount > 0) {
        filters.claimed(monotonicMs() - startedMs);
        const fanOut = Math.max(1, (page.deliveries.length + page.queuedCount) / page.eventCount);
        this.#fanOut += FAN_OUT_WEIGHT * (fanOut - this.#fanOut);
      }
      return page;
    } catch (thrown) {
      filters.failed(thrown, monotonicMs() - startedMs);
      throw thrown;
    }
  }

  /** To be called once the page is in hand: tries the filter because of which the claim stopped. */
  async tryFilter({ slowFilter }: Page): Promise<void> {
    if (slowFilter !== null) {
      await this.#parts.filters.met(slowFilter);
    }
  }
}
