import { type Delivery, makeDelivery } from "../../domain/delivery.ts";
import type { ClaimedEvent } from "../../domain/event.ts";

/** Larger payloads do not wait in memory: they are loaded when their turn comes. */
export const PAYLOAD_BYTES_MAX = 32_768;

/** Deliveries that were claimed together. */
export interface Claimed {
  /** Null for leased deliveries, which are held one by one, and for a claim that took nothing. */
  readonly claimId: string | null;
  readonly deliveries: readonly Delivery[];
  /** The endpoints of these deliveries, and the revision of each. */
  readonly revisions: ReadonlyMap<string, string>;
}

/** An event as a row has it. */
export interface EventColumns {
  readonly event_id: string | null;
  readonly event_type: string | null;
  readonly created_at: string | null;
  readonly payload: string | null;
}

/** The event type is the empty string if the event's row is gone: no event type is empty. */
export function eventOf(row: EventColumns, id: string): ClaimedEvent {
  return {
    id,
    eventType: row.event_type ?? "",
    createdAt: row.created_at ?? "",
    payload: row.payload,
    payloadBytes: 0,
  };
}

/** The first attempts of a claim: each row has an event with its endpoints. Other rows have no event or no endpoints. */
export function firstAttempts(
  rows: readonly (EventColumns & { readonly endpoint_ids: string | null })[],
  daemonId: string,
  claimId: string,
): Delivery[] {
  const deliveries: Delivery[] = [];
  const tenure = { kind: "claimed", claimId } as const;
  for (const row of rows) {
    if (row.event_id !== null && row.endpoint_ids !== null) {
      const event = eventOf(row, row.event_id);
      for (const endpointId of row.endpoint_ids.split(",")) {
        deliveries.push(makeDelivery({ event, endpointId, daemonId, tenure, attempts: 0, attemptsBefore: 0 }));
      }
    }
  }
  return deliveries;
}
