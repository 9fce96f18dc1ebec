import { isUnreadable, reasonOfUnreadable } from "../../db/pgErrors.ts";
import { type Delivery, makeDelivery } from "../../domain/delivery.ts";
import type { ClaimedEvent } from "../../domain/event.ts";
import { ATTRIBUTES_BYTES_MAX } from "../../format/cloudEventsAttributes.ts";
import { isTraceparent } from "../../format/traceparent.ts";

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

/** An event as a row has it. */
export interface EventColumns {
  readonly event_id: string | null;
  readonly event_type: string | null;
  readonly created_at: string | null;
  readonly context: unknown;
  readonly payload: string | null;
}

/** As `postrider_internal.event_context` makes it. */
interface EventContext {
  readonly ordering_key?: string | null;
  readonly traceparent?: string | null;
  /** The text of JSON, cut off behind ATTRIBUTES_BYTES_MAX. */
  readonly attributes?: string;
  readonly has_large_attributes?: boolean;
  /** The SQLSTATE with which Postgres refused to give the others. */
  readonly problem?: string;
}

const NO_CONTEXT: EventContext = {};

/** The event type is the empty string if the event's row is gone: no event type is empty. */
export function eventOf(row: EventColumns, id: string): ClaimedEvent {
  const context = (row.context ?? NO_CONTEXT) as EventContext;
  const { ordering_key = null, traceparent = null, attributes, problem } = context;
  const hasLargeAttributes =
    context.has_large_attributes ?? (attributes !== undefined && Buffer.byteLength(attributes) > ATTRIBUTES_BYTES_MAX);
  return {
    id,
    eventType: row.event_type ?? "",
    createdAt: eventTime(row.created_at ?? '""'),
    orderingKey: ordering_key,
    // Anything else would make a receiver begin a trace of its own, so it is not sent.
    traceparent: traceparent !== null && isTraceparent(traceparent) ? traceparent : null,
    attributes: hasLargeAttributes ? null : (attributes ?? null),
    hasLargeAttributes,
    problem: problem === undefined ? null : `the ordering key or the attributes: ${reasonOfUnreadable(problem)}`,
    payload: row.payload,
    payloadBytes: 0,
    hasKnownSize: true,
  };
}

/**
 * `"2026-01-01T00:00:00.5"`, as Postgres writes a time in UTC, with the digits and the zone that the body has:
 * `2026-01-01T00:00:00.500000Z`. What no ISO 8601 date can say (infinity, a year before Christ) stays as it is.
 */
export function eventTime(json: string): string {
  if (json.length === 28 && json[20] === ".") {
    return `${json.slice(1, -1)}Z`;
  }
  const found = /^"(\d+-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?"$/.exec(json);
  return found === null ? json.slice(1, -1) : `${found[1]}.${(found[2] ?? "").padEnd(6, "0")}Z`;
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
