/** Larger payloads are not sent, but fetched: a request holds its payload in memory three times over. */
export const SENT_BYTES_MAX = 64 * 1_048_576;

/** An event as a claim hands it over. */
export interface ClaimedEvent {
  readonly id: string;
  readonly eventType: string;
  /** ISO 8601 in UTC, with microseconds. */
  readonly createdAt: string;
  /** Which thing it is about; null if the application did not say. */
  readonly orderingKey: string | null;
  /** The W3C trace context under which it was published; null if there is none. */
  readonly traceparent: string | null;
  /** Its attributes, as the text of a JSON object; null if it has none, or large ones. */
  readonly attributes: string | null;
  /** They are too large for the claim. */
  readonly hasLargeAttributes: boolean;
  /** Why nothing of it can be sent; null if something can. */
  readonly problem: string | null;
  /** JSON text as the application wrote it; null if it was too large for the claim, and must be loaded before it is sent. */
  readonly payload: string | null;
  /** Bytes of a payload that must be loaded, 0 until they are known; of the event that stands for a batch, those of the batch. */
  payloadBytes: number;
  /** False if the payload has at least so many bytes, and perhaps more. */
  hasKnownSize: boolean;
}
