/** Why a receiver cannot be made or cannot work. A code is never given a second meaning. */
export type ReceiveErrorCode =
  /** An option of `createReceiver`, or of an adapter, is missing, unknown or wrong. */
  | "bad_options"
  /** The public keys could not be fetched. */
  | "no_keys"
  /** The body was read before it reached the receiver, so that the bytes that were signed are gone. */
  | "body_consumed"
  /** The id, the key or the time of an event cannot be stored. */
  | "not_storable"
  /** Another request with the same event, or with one of the same key, has been handled for too long. */
  | "busy"
  /** A handler has run for longer than `handlerTimeoutMs`. It may still be running, but what it did is undone. */
  | "timed_out"
  /** The tables of the inbox are not there. */
  | "no_tables"
  /** A handler went on after a statement in its transaction had failed, so nothing of it can be committed. */
  | "transaction_failed"
  /** A handler ended the transaction that it was given. */
  | "transaction_ended"
  /** Rows older than the retention could not be deleted. */
  | "not_swept";

/** The message says what could not be done, what was found, and what to do. It never has a secret. */
export class ReceiveError extends Error {
  readonly code: ReceiveErrorCode;

  constructor(code: ReceiveErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.name = "ReceiveError";
    this.code = code;
  }
}

/** How an error names a value: by its kind, never by its content. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) {
    return String(value);
  }
  return Array.isArray(value) ? "an array" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
