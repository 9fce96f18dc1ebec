import type { Database } from "../../db/database.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import type { Delivery } from "../../domain/delivery.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { type Claimed, claimPayloads, firstAttempts } from "./claimed.ts";
import { type Filters, PAGE_EVENTS_MAX, type SlowFilter, type Unjudged } from "./filters.ts";

/**
 * First attempts of one event at most: what a daemon may have in hand beyond its room, because an event is claimed whole.
 * The deliveries to further endpoints are written to the queue.
 */
export const FAN_OUT_MAX = 1_000;

/** A claim is worth its statements if there is room for so large a part of a page, or nothing else to do. */
const CLAIM_ROOM_MIN = PAGE_EVENTS_MAX / 2;
/** Room that transactions which are aside leave to what comes after them. */
const ASIDE_ROOM_KEPT = PAGE_EVENTS_MAX / 2;
/** What comes after them is looked for so often while they wait for room. */
const LOOK_BEHIND_MS = 50;
/** So many times the events that would fill the room are read, if they have as many endpoints as those before them. */
const READ_AHEAD = 2;
const UUID_LENGTH = 36;

/** What a claim of new events brought. */
export interface Page extends Claimed {
  /**
   * off: sending is switched off; busy: another daemon is claiming; empty: nothing is new; page: there is more; aside: the
   * same, and a large transaction is aside; complete: that was all; slow: a filter takes too long with the event that is
   * next.
   */
  readonly outcome: "off" | "busy" | "empty" | "page" | "aside" | "complete" | "slow";
  readonly eventCount: number;
  /** Deliveries that the claim wrote to the queue. */
  readonly queuedCount: number;
  /** The most frequent kinds of events in it that no endpoint gets. */
  readonly unmatched: readonly UnmatchedKind[];
  /** The filter because of which the claim stopped. */
  readonly slowFilter: SlowFilter | null;
}

/** The members are named as the fields of `events.unmatched`. */
export interface UnmatchedKind {
  readonly event_type: string;
  readonly tenant: string;
  readonly events: number;
  /** One of them. */
  readonly event_id: string;
}

const claimEventsStatement = defineStatement("claim_events", {
  params: {
    daemonId: "uuid",
    eventsMax: "integer",
    asideMax: "integer",
    pairsMax: "integer",
    fanOutMax: "integer",
    payloadBytesMax: "integer",
    unjudgedEndpoints: "uuid[]?",
    unjudgedEvents: "uuid?[]",
  },
  columns: {
    outcome: ["off", "busy", "empty", "page", "aside", "complete", "slow", null],
    claim_id: "bigint?",
    event_count: "integer?",
    queued_count: "integer?",
    event_id: "uuid?",
    event_type: "text?",
    created_at: "json?",
    context: "jsonb?",
    payload: "json?",
    endpoint_ids: "text?",
    endpoints: "text?",
    revisions: "text?",
    slow_endpoint_id: "uuid?",
    unmatched: "jsonb?",
  },
  hasManyRows: true,
});

export interface ClaimOptions {
  readonly daemonId: string;
  readonly eventsMax: number;
  /** Of transactions that are aside. */
  readonly asideMax: number;
  /** The page ends before an event with which it would have more first attempts. One event is claimed in any case. */
  readonly pairsMax: number;
  readonly unjudged: Unjudged;
}

/** Claims a page of new events. If it rejects, the claim may have been made all the same. */
export async function claimEvents(
  database: Database,
  { daemonId, eventsMax, asideMax, pairsMax, unjudged }: ClaimOptions,
): Promise<Page> {
  const pairs = unjudged === "all" ? [] : unjudged;
  const { rows } = await claimPayloads((payloadBytesMax) =>
    database.run(claimEventsStatement, {
      daemonId,
      eventsMax,
      asideMax,
      pairsMax,
      fanOutMax: FAN_OUT_MAX,
      payloadBytesMax,
      unjudgedEndpoints: unjudged === "all" ? null : pairs.map(({ endpointId }) => endpointId),
      unjudgedEvents: pairs.map(({ eventId }) => eventId),
    }),
  );
  const head = rows[0];
  if (head === undefined || head.outcome === null) {
    throw new Error("a claim answered without saying what came of it");
  }
  const endpointIds = idsOf(head.endpoint_ids ?? "");
  return {
    outcome: head.outcome,
    claimId: head.claim_id,
    eventCount: head.event_count ?? 0,
    queuedCount: head.queued_count ?? 0,
    deliveries: head.claim_id === null ? [] : deliveriesOf(rows, endpointIds, { daemonId, claimId: head.claim_id }),
    revisions: revisionsOf(endpointIds, head.revisions ?? ""),
    unmatched: (head.unmatched as UnmatchedKind[] | null) ?? [],
    slowFilter:
      head.event_id === null || head.slow_endpoint_id === null
        ? null
        : { eventId: head.event_id, endpointId: head.slow_endpoint_id },
  };
}

type Row = RowOf<typeof claimEventsStatement.shape>;

/** Each event names its endpoints by their places in the first row; events of one kind do it with the same text. */
function deliveriesOf(
  rows: readonly Row[],
  endpointIds: readonly string[],
  claim: { readonly daemonId: string; readonly claimId: string },
): Delivery[] {
  const endpointAt = (place: string) => endpointIds[Number(place)] ?? "";
  const lists = new Map<string, readonly string[]>();
  const endpointsOf = ({ endpoints }: Row): readonly string[] => {
    if (endpoints === null) {
      return [];
    }
    if (!endpoints.includes(",")) {
      return [endpointAt(endpoints)];
    }
    let list = lists.get(endpoints);
    if (list === undefined) {
      list = endpoints.split(",").map(endpointAt);
      lists.set(endpoints, list);
    }
    return list;
  };
  return firstAttempts(rows, endpointsOf, claim);
}

/**
 * The ids of a text with commas. Read from bytes, because a part of a string keeps the whole string in memory, and the
 * lane of an endpoint keeps its id.
 */
function idsOf(text: string): string[] {
  const bytes = Buffer.from(text, "latin1");
  const ids: string[] = [];
  for (let start = 0; start < bytes.length; start += UUID_LENGTH + 1) {
    ids.push(bytes.toString("latin1", start, start + UUID_LENGTH));
  }
  return ids;
}

/** An endpoint that gets events of several kinds is listed several times. No map, which costs 1 µs an entry. */
function revisionsOf(endpointIds: readonly string[], revisions: string): (readonly [string, string])[] {
  const list = revisions.split(",");
  return endpointIds.map((id, index) => [id, list[index] ?? ""]);
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
  /** Deliveries of an event in the newest page. */
  #fanOut = 1;
  /** Whether the last claim left a transaction aside, and when it was made. */
  #hasAside = false;
  #claimedMs = 0;

  constructor(parts: NewEventsParts) {
    this.#parts = parts;
  }

  /** Whether a claim is worth its statements with so much room. `isIdle`: nothing will make enough soon. */
  isWorthwhile(room: number, isIdle: boolean): boolean {
    if (!this.#hasAside) {
      return room >= CLAIM_ROOM_MIN || isIdle;
    }
    const isLookDue = monotonicMs() - this.#claimedMs >= LOOK_BEHIND_MS;
    return room >= CLAIM_ROOM_MIN + ASIDE_ROOM_KEPT || (isLookDue && (room >= CLAIM_ROOM_MIN || isIdle));
  }

  /** In how many milliseconds a claim may be worthwhile although no room was made. */
  get worthwhileInMs(): number {
    return this.#hasAside ? LOOK_BEHIND_MS : Number.POSITIVE_INFINITY;
  }

  async claim(daemonId: string, room: number): Promise<Page> {
    const { database, claimDatabase, filters } = this.#parts;
    const pairsMax = Math.max(1, room);
    // The claim ends the page where it must. This only keeps it from reading many events that it has no room for.
    const eventsMax = Math.min(filters.eventsMax, Math.ceil((READ_AHEAD * pairsMax) / this.#fanOut));
    // One at least: an event of many endpoints may take more than the room that is left to asides, and a claim that could
    // bring nothing would be made again at once.
    const asideMax = Math.max(1, Math.floor((room - ASIDE_ROOM_KEPT) / this.#fanOut));
    const unjudged = filters.unjudged();
    const startedMs = monotonicMs();
    try {
      const page = await claimEvents(filters.isPatient ? database : claimDatabase, {
        daemonId,
        eventsMax,
        asideMax,
        pairsMax,
        unjudged,
      });
      this.#hasAside = page.outcome === "aside";
      this.#claimedMs = monotonicMs();
      if (page.eventCount > 0) {
        filters.claimed(monotonicMs() - startedMs);
        this.#fanOut = Math.max(1, (page.deliveries.length + page.queuedCount) / page.eventCount);
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
