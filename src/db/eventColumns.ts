import { ATTRIBUTES_BYTES_MAX } from "../format/cloudEventsAttributes.ts";
import type { FormattedEvent } from "../format/format.ts";
import { isTraceparent } from "../format/traceparent.ts";
import { reasonOfUnreadable } from "./pgErrors.ts";

/** An event as a row has it. */
export interface EventColumns {
  readonly event_id: string | null;
  readonly event_type: string | null;
  readonly created_at: string | null;
  readonly context: unknown;
  readonly payload: string | null;
}

/** What bodies and headers tell of an event, and its payload. */
export interface DecodedEvent extends FormattedEvent {
  readonly orderingKey: string | null;
  readonly traceparent: string | null;
  readonly problem: string | null;
  readonly payload: string | null;
  payloadBytes: number;
  hasKnownSize: boolean;
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
export function eventOf(row: EventColumns, id: string): DecodedEvent {
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
