import type { FailureKind } from "./failureKind.ts";

/**
 * One attempt and its result: the sender makes it, `decide` judges it, and it is recorded as it is.
 * All text in it can be stored: it holds no NUL and no half of a surrogate pair.
 */
export interface Attempt {
  /** A UUID made with the attempt, so that recording it twice adds nothing. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** How often its request was written to a connection: once; twice if the first one had just been closed; or never. */
  readonly requests: number;
  /** Null if no status line arrived. */
  readonly httpStatus: number | null;
  /** Null if and only if the attempt succeeded: the status is 2xx, and the answer was read to its end or to the limit. */
  readonly failureKind: FailureKind | null;
  /** One sentence, without secrets or credentials from the URL; null after a success. */
  readonly error: string | null;
  /** Lower-case names; repeated headers are joined with ", ". Null if no status line arrived. */
  readonly responseHeaders: Readonly<Record<string, string>> | null;
  /** The beginning of the body, decoded as UTF-8. Null if no status line arrived. */
  readonly responseBody: string | null;
}
