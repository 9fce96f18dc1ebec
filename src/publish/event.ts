import { jsonText } from "./jsonText.ts";
import { kindOf, PublishError } from "./publishError.ts";

/** What an event may carry beside its type and payload; the columns of postrider.outbox. */
export interface EventFields {
  /** Only endpoints of the same tenant get it. Default: the empty string. */
  readonly tenant?: string | null | undefined;
  /** Which thing the event is about, for endpoints that want one thing's events in order; 1 to 255 characters. */
  readonly orderingKey?: string | null | undefined;
  /** A second event with the same key and tenant adds nothing, and gets the first one's id; 1 to 255 characters. */
  readonly idempotencyKey?: string | null | undefined;
  /** The event is not sent before this time: a Date, or a text that Postgres reads as a timestamptz. */
  readonly deliverAt?: Date | string | null | undefined;
  /**
   * Extra attributes of the event, such as subject. If OpenTelemetry has an active span, `traceparent` is added, unless it
   * is given; null for none.
   */
  readonly attributes?: Readonly<Record<string, unknown>> | null | undefined;
}

/** An event with a payload that will be written as JSON, or with the JSON text itself. */
export type Event<Type extends string = string, Payload = unknown> = EventFields & {
  /** Dotted name: `order.paid`. */
  readonly eventType: Type;
} & (WithPayload<Payload> | WithJson);

interface WithPayload<Payload> {
  /** Written by `JSON.stringify`. */
  readonly payload: Payload;
  readonly json?: undefined;
}

interface WithJson {
  /** The payload as JSON text, sent exactly as it stands: number precision, key order, spacing. */
  readonly json: string;
  readonly payload?: undefined;
}

/** An event of one of the types in a catalogue: `postrider types` writes `EventTypes`. */
export type EventOf<Events extends object> = {
  [Type in keyof Events & string]: Event<Type, Events[Type]>;
}[keyof Events & string];

/** An event as the statements take it: every column is a text, so that no driver has its own idea of a type. */
export interface EventRow {
  readonly eventType: string;
  readonly payload: string;
  readonly tenant: string | null;
  readonly orderingKey: string | null;
  readonly deliverAt: string | null;
  readonly idempotencyKey: string | null;
  readonly attributes: string | null;
}

/** Occurs in no payload: JSON has no control characters except whitespace, and JSON.stringify escapes those in strings. */
export const PAYLOAD_SEPARATOR = "\u001e";

const FIELDS: readonly string[] = [
  "eventType",
  "payload",
  "json",
  "tenant",
  "orderingKey",
  "deliverAt",
  "idempotencyKey",
  "attributes",
];

/**
 * Checks what an error can explain better here than in Postgres. Postgres checks the rest. `which` names the event in
 * an error: "the event", "event 3". `traceparent` is for an event that has none; null for nothing.
 */
export function eventRow(event: unknown, which: string, traceparent: string | null): EventRow {
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw bad(which, `it is ${kindOf(event)}`, "pass { eventType, payload }");
  }
  const fields = event as Readonly<Record<string, unknown>>;
  refuseUnknown(fields, which);
  return {
    eventType: eventTypeOf(fields, which),
    payload: payloadOf(fields, which),
    tenant: textOf(fields, "tenant", which),
    orderingKey: textOf(fields, "orderingKey", which),
    deliverAt: deliverAtOf(fields.deliverAt, which),
    idempotencyKey: textOf(fields, "idempotencyKey", which),
    attributes: attributesOf(fields.attributes, which, traceparent),
  };
}

/** A misspelt field, such as an idempotency key, would otherwise be dropped silently. */
function refuseUnknown(fields: Readonly<Record<string, unknown>>, which: string): void {
  const unknown = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) {
    throw bad(which, `${JSON.stringify(unknown)} is not a field of an event`, `the fields are ${FIELDS.join(", ")}`);
  }
}

function eventTypeOf(fields: Readonly<Record<string, unknown>>, which: string): string {
  const eventType = textOf(fields, "eventType", which);
  if (eventType === null) {
    throw bad(which, "it has no eventType", 'name it, as in eventType: "order.paid"');
  }
  return eventType;
}

function payloadOf({ eventType, payload, json }: Readonly<Record<string, unknown>>, which: string): string {
  const named = `${which} (${JSON.stringify(eventType)})`;
  if (json === undefined) {
    return jsonText(payload, `the payload of ${named}`);
  }
  if (payload !== undefined) {
    throw bad(named, "it has both payload and json", "pass the value as payload, or its text as json");
  }
  if (typeof json !== "string") {
    throw bad(named, `its json is ${kindOf(json)}`, "pass a JSON text as json, or a value as payload");
  }
  if (json === "" || json.includes(PAYLOAD_SEPARATOR)) {
    const found = json === "" ? "is empty" : "holds the control character U+001E, which JSON does not have";
    throw bad(named, `its json ${found}`, "pass a JSON text");
  }
  return wellFormed(json, "json", named);
}

function textOf(fields: Readonly<Record<string, unknown>>, name: string, which: string): string | null {
  const value = fields[name] ?? null;
  if (value !== null && typeof value !== "string") {
    throw bad(which, `its ${name} is ${kindOf(value)}`, "pass a string");
  }
  return value === null ? null : wellFormed(value, name, which);
}

/** UTF-8 cannot hold half of a surrogate pair. Drivers would replace it by U+FFFD, so two keys could become one. */
function wellFormed(text: string, name: string, which: string): string {
  if (/\p{Cs}/u.test(text)) {
    throw bad(
      which,
      `its ${name} holds half of a surrogate pair`,
      "pass whole characters; in JSON, write it as \\ud83d",
    );
  }
  return text;
}

function deliverAtOf(value: unknown, which: string): string | null {
  if (value === undefined || value === null || typeof value === "string") {
    return value ?? null;
  }
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) {
    const found = value instanceof Date ? "an invalid Date" : kindOf(value);
    throw bad(which, `its deliverAt is ${found}`, "pass a Date, or a text such as 2026-11-24T09:00:00Z");
  }
  return value.toISOString();
}

function attributesOf(value: unknown, which: string, traceparent: string | null): string | null {
  const own = traceparent === null ? null : `{"traceparent":"${traceparent}"`;
  if (value === undefined || value === null) {
    return own === null ? null : `${own}}`;
  }
  const text = jsonText(value, `the attributes of ${which}`);
  if (!text.startsWith("{")) {
    throw bad(which, `its attributes are ${kindOf(value)}`, "pass an object");
  }
  if (own === null) {
    return text;
  }
  // It comes first: of a name that is there twice, jsonb keeps the last, the one that was given.
  return text === "{}" ? `${own}}` : `${own},${text.slice(1)}`;
}

function bad(which: string, found: string, remedy: string): PublishError {
  return new PublishError("bad_event", `cannot publish ${which}: ${found}; ${remedy}`);
}
