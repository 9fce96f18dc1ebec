/** The formats that this version can write. `postrider.endpoint.format` names one of them. */
export const BODY_FORMATS = ["standard", "raw"] as const;

export type BodyFormat = (typeof BODY_FORMATS)[number];

/** The parts of a body. */
export interface EventForBody {
  readonly eventType: string;
  /** ISO 8601. The time of the event (`created_at`), not of the attempt, because every attempt signs the same body. */
  readonly timestamp: string;
  /** JSON text exactly as the application wrote it. */
  readonly payload: string;
}

/** The bytes to sign and send, made once. */
export interface EncodedBody {
  readonly body: Buffer;
  readonly contentType: string;
}

/**
 * The body of one event in a format.
 *
 * The payload is spliced in as it is, never parsed and written again, which would change numbers beyond double precision,
 * the order of keys, and the spacing. Always UTF-8, because receivers' libraries decode bodies as such.
 */
export function makeBody(format: BodyFormat, event: EventForBody): EncodedBody {
  switch (format) {
    case "standard":
      return { body: Buffer.from(standardEnvelope(event)), contentType: "application/json" };
    case "raw":
      return { body: Buffer.from(event.payload), contentType: "application/json" };
  }
}

function standardEnvelope(event: EventForBody): string {
  const type = JSON.stringify(event.eventType);
  const timestamp = JSON.stringify(event.timestamp);
  return `{"type":${type},"timestamp":${timestamp},"data":${event.payload}}`;
}
