/** What `postrider/publish` refuses before an event is sent. A code is never given a second meaning. */
export type PublishErrorCode =
  /** What was passed as the transaction is none that is known. */
  | "not_a_transaction"
  /** It is a pool, a root client, or a connection on which no transaction has begun. */
  | "no_transaction"
  /** A field of the event is missing, unknown, or of the wrong type. */
  | "bad_event"
  /** The payload, or the attributes, cannot be written as JSON without losing something. */
  | "bad_payload"
  /** More events than one statement is to carry. */
  | "batch_too_large"
  /** Something between here and Postgres kept rows back: a plugin, a wrapper. */
  | "no_ids";

/**
 * A mistake of the caller's that was found here. Its message says what could not be done, what was found, and what to do.
 * What Postgres refuses is not one of these: its error comes as the library gives it, with the SQLSTATE.
 */
export class PublishError extends Error {
  readonly code: PublishErrorCode;

  constructor(code: PublishErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.name = "PublishError";
    this.code = code;
  }
}

/** How a value is named in an error: its kind, never what it holds. */
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
