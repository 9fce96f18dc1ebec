import type { Database } from "../../db/database.ts";
import { defineStatement } from "../../db/statements.ts";
import type { ClaimedEvent, Delivery } from "../../domain/delivery.ts";
import { monotonicMs } from "../../ground/clock.ts";

/** Payloads beyond this do not wait in memory: they are loaded when their turn comes. */
export const PAYLOAD_BYTES_MAX = 32_768;
/** Events of one page. */
export const PAGE_EVENTS_MAX = 500;
/** An event with more endpoints than this is written to the queue by Postgres and never passes through here at once. */
export const FAN_OUT_MAX = 200;
/** Endpoints that one walk over the queue looks at. */
const WALK_ENDPOINTS_MAX = 500;
/** Beyond the endpoint's timeout: the wait in memory, and the time until the result is recorded. */
const LEASE_MARGIN_MS = 15_000;

/** What a claim of new events brought. */
export interface Page {
  /**
   * off: sending is switched off; busy: another daemon is claiming; empty: nothing is new; page: there is more; complete:
   * that was all; slow: a filter takes too long with the event that is next.
   */
  readonly outcome: "off" | "busy" | "empty" | "page" | "complete" | "slow";
  /** Null where the claim took nothing. */
  readonly claimId: string | null;
  readonly eventCount: number;
  /** Deliveries that the claim wrote to the queue. */
  readonly queuedCount: number;
  readonly deliveries: readonly Delivery[];
  /** The endpoints of these deliveries, with the revision that each has. */
  readonly revisions: ReadonlyMap<string, string>;
  /** Where the claim stopped for it: the event is next. */
  readonly slowFilter: SlowFilter | null;
}

/** An endpoint with a filter that takes too long with an event. */
export interface SlowFilter {
  readonly eventId: string;
  readonly endpointId: string;
}

/** Endpoints whose filters are not applied to an event (null: to any), the delivery being discarded for that. */
export type Unjudged = readonly { readonly endpointId: string; readonly eventId: string | null }[] | "all";

interface EventRow {
  readonly event_id: string;
  readonly event_type: string | null;
  readonly created_at: string | null;
  readonly payload: string | null;
  readonly endpoint_ids: string;
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
  /** Deliveries in hand at most; what is beyond goes to the queue. */
  readonly pairsMax: number;
  readonly unjudged: Unjudged;
}

/** Claims a page of new events. Where it rejects, whether it was done is not known. */
export async function claimEvents(
  pool: Database,
  { daemonId, eventsMax, pairsMax, unjudged }: ClaimOptions,
): Promise<Page> {
  const pairs = unjudged === "all" ? [] : unjudged;
  const { rows } = await pool.run(claimEventsStatement, {
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
  const deliveries: Delivery[] = [];
  for (const row of events) {
    if (head.claim_id !== null && row.event_id !== null && row.endpoint_ids !== null) {
      pushFirstAttempts(
        deliveries,
        { ...row, event_id: row.event_id, endpoint_ids: row.endpoint_ids },
        daemonId,
        head.claim_id,
      );
    }
  }
  const endpointIds = head.endpoint_ids?.split(",") ?? [];
  const revisions = head.revisions?.split(",") ?? [];
  return {
    outcome: head.outcome,
    claimId: head.claim_id,
    eventCount: head.event_count ?? 0,
    queuedCount: head.queued_count ?? 0,
    deliveries,
    revisions: new Map(endpointIds.map((id, index) => [id, revisions[index] ?? ""])),
    slowFilter:
      head.event_id === null || head.slow_endpoint_id === null
        ? null
        : { eventId: head.event_id, endpointId: head.slow_endpoint_id },
  };
}

function pushFirstAttempts(deliveries: Delivery[], row: EventRow, daemonId: string, claimId: string): void {
  const event = eventOf(row);
  const tenure = { kind: "claimed", claimId } as const;
  for (const endpointId of row.endpoint_ids.split(",")) {
    deliveries.push({ event, endpointId, daemonId, tenure, attempts: 0, attemptsBefore: 0 });
  }
}

/** An event whose row is gone has the empty string for its type: no event type is empty. */
function eventOf(row: Pick<EventRow, "event_id" | "event_type" | "created_at" | "payload">): ClaimedEvent {
  return { id: row.event_id, eventType: row.event_type ?? "", createdAt: row.created_at ?? "", payload: row.payload };
}

/** What a walk over the queue brought. */
export interface Walk {
  readonly deliveries: readonly Delivery[];
  readonly revisions: ReadonlyMap<string, string>;
  /** Where to go on; null after the last endpoint. */
  readonly place: string | null;
  /** In how many milliseconds something is due, of what this walk has seen; null: nothing waits. */
  readonly nextDueMs: number | null;
}

const claimDeliveriesStatement = defineStatement("claim_deliveries", {
  params: {
    daemonId: "uuid",
    place: "uuid?",
    endpointsMax: "integer",
    deliveriesMax: "integer",
    shareMax: "integer",
    knownEndpoints: "uuid[]",
    knownRooms: "integer[]",
    leaseMarginMs: "integer",
    payloadBytesMax: "integer",
  },
  columns: {
    event_id: "uuid?",
    endpoint_id: "uuid?",
    attempts: "integer?",
    attempts_before: "integer?",
    event_type: "text?",
    created_at: "text?",
    payload: "text?",
    revision: "bigint?",
    lease_ms: "integer?",
    next_due_ms: "bigint?",
  },
});

export async function claimDeliveries(
  pool: Database,
  daemonId: string,
  place: string | null,
  deliveriesMax: number,
  rooms: { readonly known: ReadonlyMap<string, number>; readonly unknown: number },
): Promise<Walk> {
  // Leases run from before the statement was sent, so that this clock never believes in one longer than Postgres does.
  const sentMs = monotonicMs();
  const { rows } = await pool.run(claimDeliveriesStatement, {
    daemonId,
    place,
    endpointsMax: WALK_ENDPOINTS_MAX,
    deliveriesMax,
    shareMax: rooms.unknown,
    knownEndpoints: [...rooms.known.keys()],
    knownRooms: [...rooms.known.values()],
    leaseMarginMs: LEASE_MARGIN_MS,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
  });
  const deliveries: Delivery[] = [];
  const revisions = new Map<string, string>();
  const last = rows.at(-1);
  for (const row of rows) {
    if (row.event_id === null || row.endpoint_id === null) {
      continue;
    }
    revisions.set(row.endpoint_id, row.revision ?? "");
    deliveries.push({
      event: eventOf({ ...row, event_id: row.event_id }),
      endpointId: row.endpoint_id,
      daemonId,
      tenure: { kind: "leased", untilMs: sentMs + (row.lease_ms ?? 0) },
      attempts: row.attempts ?? 0,
      attemptsBefore: row.attempts_before ?? 0,
    });
  }
  return {
    deliveries,
    revisions,
    place: last?.endpoint_id ?? null,
    nextDueMs: last?.next_due_ms == null ? null : Number(last.next_due_ms),
  };
}

/** A claim that was taken over, or adopted: the caller's own, whose answer was lost. */
export interface TakenOver {
  readonly claimId: string;
  readonly formerDaemonId: string;
  readonly deliveries: readonly Delivery[];
  readonly revisions: ReadonlyMap<string, string>;
}

const takeOverStatement = defineStatement("take_over_claim", {
  params: { daemonId: "uuid", knownClaims: "bigint[]", payloadBytesMax: "integer" },
  columns: {
    claim_id: "bigint",
    former_daemon_id: "uuid",
    event_id: "uuid?",
    event_type: "text?",
    created_at: "text?",
    payload: "text?",
    endpoint_ids: "text?",
    endpoint_id: "uuid?",
    revision: "bigint?",
  },
});

/** Null where there is none. */
export async function takeOverClaim(
  pool: Database,
  daemonId: string,
  knownClaims: readonly string[],
): Promise<TakenOver | null> {
  const { rows } = await pool.run(takeOverStatement, {
    daemonId,
    knownClaims,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
  });
  const [first] = rows;
  if (first === undefined) {
    return null;
  }
  const deliveries: Delivery[] = [];
  const revisions = new Map<string, string>();
  for (const row of rows) {
    if (row.endpoint_id !== null) {
      revisions.set(row.endpoint_id, row.revision ?? "");
    } else if (row.event_id !== null && row.endpoint_ids !== null) {
      pushFirstAttempts(
        deliveries,
        { ...row, event_id: row.event_id, endpoint_ids: row.endpoint_ids },
        daemonId,
        row.claim_id,
      );
    }
  }
  return { claimId: first.claim_id, formerDaemonId: first.former_daemon_id, deliveries, revisions };
}

const loadPayloadStatement = defineStatement("load_payload", {
  params: { eventId: "uuid", bytesMax: "integer" },
  columns: { payload: "text?", bytes: "integer" },
});

/** Payloads beyond this are not sent: a request holds its payload in memory three times over. */
export const SENT_BYTES_MAX = 64 * 1_048_576;

/** A payload that was too large to come with its claim: null where it is larger than what was asked for. */
export interface LoadedPayload {
  readonly payload: string | null;
  /** Of its text. */
  readonly bytes: number;
}

/** Null where the event is gone. */
export async function loadPayload(pool: Database, eventId: string, bytesMax: number): Promise<LoadedPayload | null> {
  const { rows } = await pool.run(loadPayloadStatement, { eventId, bytesMax });
  return rows[0] ?? null;
}

const whySending = defineStatement("find_sending", {
  params: {},
  columns: { reason: "text?", changed_by: "text" },
});

/** Who has switched sending, and why; by now it may be on again. */
export async function findSending(pool: Database) {
  const { rows } = await pool.run(whySending, {});
  return rows[0] ?? { reason: null, changed_by: "" };
}

const freeLaneStatement = defineStatement("free_lane", {
  params: { sinceMs: "integer" },
  columns: {
    pid: "integer",
    role: "name?",
    application_name: "text?",
    state: "text?",
    wait_event: "text?",
    ended: "boolean",
  },
});

/** Who has held the lane of claiming for longer than `sinceMs`; ends a session that is stuck in writing its answer. */
export async function freeLane(pool: Database, sinceMs: number) {
  const { rows } = await pool.run(freeLaneStatement, { sinceMs });
  return rows;
}
