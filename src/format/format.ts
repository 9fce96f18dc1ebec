/** The names of the formats. `postrider.endpoint.format` has one of them. */
export const FORMAT_NAMES = ["standard", "raw", "cloudevents", "cloudevents-binary", "xml", "cloudevents-xml"] as const;

export type FormatName = (typeof FORMAT_NAMES)[number];

/** What bodies and headers tell of an event beside its payload. */
export interface FormattedEvent {
  readonly id: string;
  readonly eventType: string;
  /** ISO 8601. When the event was created, not when it is sent: every attempt signs the same body. */
  readonly createdAt: string;
  /** Its attributes, as the text of a JSON object without repeated keys; null if it has none, or large ones. */
  readonly attributes: string | null;
  /** They take more than ATTRIBUTES_BYTES_MAX, and do not come with a claim. */
  readonly hasLargeAttributes: boolean;
}

/** How an event is written into a request. */
export interface Format {
  readonly name: FormatName;
  readonly contentType: string;
  /** A body has at most so many bytes for each byte of its payload, and some for the rest of the event. */
  readonly growthMax: number;
  /**
   * The bytes to sign and send, in UTF-8; null if they would be more than BODY_BYTES_MAX, which only XML can be.
   * `payload` is JSON text as Postgres accepts it for the type json, and is never parsed and written again: that would
   * change numbers beyond double precision, the order of keys, and repeated keys.
   */
  body(event: FormattedEvent, payload: string): Buffer | null;
  /** The lines of headers that describe the event, each with its CRLF. Null: the format has no such headers. */
  readonly headerLines: ((event: FormattedEvent) => string) | null;
  /** Null if several events cannot be in one request. */
  readonly batch: BatchFormat | null;
  /** Which attributes of an event it cannot carry, and why. Null: it carries none at all. */
  readonly leftOut: ((event: FormattedEvent) => readonly string[]) | null;
}

/** How several events are written into one request: as items of a JSON array. */
export interface BatchFormat {
  readonly contentType: string;
  /** One item: an envelope with the event's id. */
  item(event: FormattedEvent, payload: string): string;
}
