/** Why something could not be fetched. A code is never given a second meaning. */
export type FetchErrorCode =
  /** The options are wrong, or the URL is none that may be asked. */
  | "bad_options"
  /** It was answered so that asking again changes nothing: a wrong token, a wrong cursor, a disabled endpoint. */
  | "refused"
  /** The URL has expired, or what it named is not kept any more. */
  | "gone"
  /** It could not be fetched, tried several times. */
  | "unreachable"
  /** What came was not signed, or not encrypted, as it must be. */
  | "rejected"
  /** What came is not what the protocol says. */
  | "malformed"
  /** It is larger than allowed. */
  | "too_large"
  /** The signal was aborted. */
  | "stopped";

/** The message says what could not be done, what was found, and what to do. It never has the URL of a payload, which is a secret. */
export class FetchError extends Error {
  readonly code: FetchErrorCode;
  /** The status of the last answer; undefined if there was none. */
  readonly status: number | undefined;

  constructor(code: FetchErrorCode, message: string, status?: number) {
    super(message);
    this.name = "FetchError";
    this.code = code;
    this.status = status;
  }
}
