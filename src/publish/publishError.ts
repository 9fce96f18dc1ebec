/** What `postrider/publish` refuses before anything is sent. A code is never given a second meaning. */
export type PublishErrorCode =
  /** The value passed as the transaction belongs to no supported library. */
  | "not_a_transaction"
  /** It is a pool, a root client, or a connection without an open transaction. */
  | "no_transaction"
  /** A field of the event is missing, unknown, or of the wrong type. */
  | "bad_event"
  /** The payload, or the attributes, cannot be written as JSON without losing something. */
  | "bad_payload"
  /** There are more events than one statement may carry. */
  | "batch_too_large"
  /** Something between here and Postgres kept rows back: a plugin, a wrapper. */
  | "no_ids"
  /** In a test: what was passed as a mark does not come from markOutbox. */
  | "bad_mark";

/**
 * A mistake by the caller. The message says what could not be done, what was found, and what to do. If Postgres refuses
 * something, the caller gets the library's own error with the SQLSTATE instead.
 */
export class PublishError extends Error {
  readonly code: PublishErrorCode;

  constructor(code: PublishErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.name = "PublishError";
    this.code = code;
  }
}

/** How an error names a value: by its kind, never by its content. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) {
    return String(value);
  }
  if (typeof value !== "object" && typeof value !== "function") {
    return `a ${typeof value}`;
  }
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "" ? `a value of type ${name}` : `a ${typeof value}`;
}
