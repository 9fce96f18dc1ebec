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

/**
 * The bytes to sign and send for one event in a format, made once.
 *
 * The payload is spliced in as it is, never parsed and written again, which would change numbers beyond double precision,
 * the order of keys, and the spacing. Always UTF-8, because receivers' libraries decode bodies as such.
 */
export function makeBody(format: BodyFormat, event: EventForBody): Buffer {
  switch (format) {
    case "standard":
      return Buffer.from(standardEnvelope(event));
    case "raw":
      return Buffer.from(event.payload);
  }
}

export function contentTypeOf(format: BodyFormat): string {
  switch (format) {
    case "standard":
    case "raw":
      return "application/json";
  }
}

function standardEnvelope(event: EventForBody): string {
  const type = JSON.stringify(event.eventType);
  const timestamp = JSON.stringify(event.timestamp);
  return `{"type":${type},"timestamp":${timestamp},"data":${event.payload}}`;
}
