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

/** What a thin event has in the place of its payload. */
export interface DataRef {
  /** Where the payload can be fetched. */
  readonly url: string;
  /** Its size; null if that would take too long to find out. */
  readonly bytes: number | null;
  /** ISO 8601. Until when it can be fetched there. */
  readonly expires: string;
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
  /** The bytes to sign and send of an event whose payload is to be fetched. */
  thinBody(event: FormattedEvent, ref: DataRef): Buffer;
  /**
   * The lines of headers that describe the event, each with its CRLF; of a thin one, if `ref` is given. Null: the format has
   * no such headers.
   */
  readonly headerLines: ((event: FormattedEvent, ref: DataRef | null) => string) | null;
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
  /** The same of an event whose payload is to be fetched. */
  thinItem(event: FormattedEvent, ref: DataRef): string;
}
