import type { Database } from "../../db/database.ts";
import { eventOf } from "../../db/eventColumns.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { type Delivery, LEASE_MARGIN_MS, makeDelivery } from "../../domain/delivery.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { putTogether } from "./batches.ts";
import { type Claimed, claimPayloads } from "./claimed.ts";
import { linkRuns, type Placed } from "./runs.ts";

/** Endpoints that one part of a walk looks at. */
const WALK_ENDPOINTS_MAX = 500;

/** What one part of a walk over the queue brought. */
export interface Walk extends Claimed {
  /** The endpoint after which to go on; null after the last one. */
  readonly place: string | null;
  /** In how many milliseconds something is due, of what this part has seen; null if nothing waits. */
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
    is_again: "boolean?",
    deliver_at_ms: "bigint?",
    event_type: "text?",
    created_at: "json?",
    context: "jsonb?",
    payload: "json?",
    batch_id: "uuid?",
    ordering_seq: "bigint?",
    is_limited: "boolean?",
    revision: "bigint?",
    lease_ms: "integer?",
    next_due_ms: "bigint?",
  },
  hasManyRows: true,
});

type Row = RowOf<typeof claimDeliveriesStatement.shape>;

/** How many deliveries each endpoint can take. */
export interface EndpointRooms {
  readonly known: ReadonlyMap<string, number>;
  readonly unknown: number;
}

/**
 * Leases due deliveries of the endpoints after `place`, a few of each. One of each batch stands for the others, as does the
 * first one of a run.
 */
export async function claimDeliveries(
  database: Database,
  daemonId: string,
  place: string | null,
  deliveriesMax: number,
  rooms: EndpointRooms,
): Promise<Walk> {
  // Leases count from before the statement was sent, so that this clock never believes in one longer than Postgres does.
  const sentMs = monotonicMs();
  const { rows } = await claimPayloads((payloadBytesMax) =>
    database.run(claimDeliveriesStatement, {
      daemonId,
      place,
      endpointsMax: WALK_ENDPOINTS_MAX,
      deliveriesMax,
      shareMax: rooms.unknown,
      knownEndpoints: [...rooms.known.keys()],
      knownRooms: [...rooms.known.values()],
      leaseMarginMs: LEASE_MARGIN_MS,
      payloadBytesMax,
    }),
  );
  const leased: [Delivery, batchId: string | null][] = [];
  const ordered: Placed[] = [];
  const revisions = new Map<string, string>();
  const last = rows.at(-1);
  for (const row of rows) {
    if (row.event_id !== null && row.endpoint_id !== null) {
      revisions.set(row.endpoint_id, row.revision ?? "");
      const delivery = leasedDelivery(row, row.event_id, row.endpoint_id, { daemonId, sentMs });
      if (row.ordering_seq === null) {
        leased.push([delivery, row.batch_id]);
      } else {
        ordered.push({ delivery, seq: row.ordering_seq });
      }
    }
  }
  return {
    claimId: null,
    deliveries: [...putTogether(leased), ...linkRuns(ordered)],
    revisions,
    place: last?.endpoint_id ?? null,
    nextDueMs: last?.next_due_ms == null ? null : Number(last.next_due_ms),
  };
}

function leasedDelivery(
  row: Row,
  eventId: string,
  endpointId: string,
  { daemonId, sentMs }: { readonly daemonId: string; readonly sentMs: number },
): Delivery {
  return makeDelivery({
    event: eventOf(row, eventId),
    endpointId,
    daemonId,
    tenure: {
      kind: "leased",
      untilMs: sentMs + (row.lease_ms ?? 0),
      isCounted: row.is_limited ?? false,
      content: null,
    },
    attempts: row.attempts ?? 0,
    attemptsBefore: row.attempts_before ?? 0,
    isAgain: row.is_again ?? false,
    deliverAtMs: row.deliver_at_ms === null ? null : Number(row.deliver_at_ms),
  });
}
