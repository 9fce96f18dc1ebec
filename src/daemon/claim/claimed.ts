import { type EventColumns, eventOf } from "../../db/eventColumns.ts";
import { isUnreadable } from "../../db/pgErrors.ts";
import { type Delivery, makeDelivery } from "../../domain/delivery.ts";

/** Larger payloads do not wait in memory: they are loaded when their turn comes. */
export const PAYLOAD_BYTES_MAX = 32_768;

/** No payload comes with the claim, and none is read. */
const NO_PAYLOADS = -1;

/**
 * Claims with payloads up to that size. If Postgres cannot give one of them, claims without any: they are loaded when their
 * turn comes, and then the one at fault keeps no other.
 */
export async function claimPayloads<Result>(claim: (payloadBytesMax: number) => Promise<Result>): Promise<Result> {
  try {
    return await claim(PAYLOAD_BYTES_MAX);
  } catch (thrown) {
    if (!isUnreadable(thrown)) {
      throw thrown;
    }
    return await claim(NO_PAYLOADS);
  }
}

/** Ids of endpoints and their revisions. */
export type Revisions = ReadonlyMap<string, string> | readonly (readonly [id: string, revision: string])[];

/** Deliveries that were claimed together. */
export interface Claimed {
  /** Null for leased deliveries, which are held one by one, and for a claim that took nothing. */
  readonly claimId: string | null;
  readonly deliveries: readonly Delivery[];
  /** The endpoints of these deliveries, some perhaps more than once, and the revision of each. */
  readonly revisions: Revisions;
}

/** The first attempts of a claim: each event of `rows` for its endpoints; an empty list if the row is of something else. */
export function firstAttempts<Row extends EventColumns>(
  rows: readonly Row[],
  endpointsOf: (row: Row) => readonly string[],
  { daemonId, claimId }: { readonly daemonId: string; readonly claimId: string },
): Delivery[] {
  const deliveries: Delivery[] = [];
  const tenure = { kind: "claimed", claimId } as const;
  for (const row of rows) {
    if (row.event_id !== null) {
      const event = eventOf(row, row.event_id);
      for (const endpointId of endpointsOf(row)) {
        deliveries.push(makeDelivery({ event, endpointId, daemonId, tenure, attempts: 0, attemptsBefore: 0 }));
      }
    }
  }
  return deliveries;
}
