/** Why an attempt failed; null in the row of one that did not. Names are those of `postrider.attempt.failure_kind`. */
export type FailureKind =
  /** The receiver answered, and not with 2xx. */
  | "status"
  /** A deadline passed: connect, headers, body, or the whole request. */
  | "timeout"
  /** The connection was refused or the network unreachable. */
  | "connect"
  /** The host name did not resolve. */
  | "dns"
  /** The TLS handshake failed. */
  | "tls"
  /** The peer closed or reset the connection before a full answer. */
  | "reset"
  /** Egress refused the address or the URL; nothing was sent. */
  | "blocked"
  /** The answer was no well-formed HTTP, or larger than the limit. */
  | "protocol";

/** What to send. The body is the exact bytes that were signed. */
export interface OutgoingRequest {
  /** Absolute http or https URL. */
  readonly url: string;
  /** Lower-case names. `content-length` and `host` are added by the sender. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The whole request: waiting for a connection, connecting, headers, body. */
  readonly timeoutMs: number;
}

/** The result of one attempt. A failure is a value: `send` does not throw for anything a receiver can do. */
export interface SendResult {
  readonly durationMs: number;
  /** Null where no status line arrived. */
  readonly httpStatus: number | null;
  /** Null exactly when the status is 2xx and the answer was read to its end or to the limit. */
  readonly failureKind: FailureKind | null;
  /** One sentence, without secrets or credentials from the URL; null on success. */
  readonly error: string | null;
  /** Lower-case names; repeated headers joined with ", ". Null where no status line arrived. */
  readonly responseHeaders: Readonly<Record<string, string>> | null;
  /** The first bytes of the body, as far as they are kept. Null where no status line arrived. */
  readonly responseBody: Buffer | null;
  /** True where a reused connection had died and the request went out once more on a fresh one. */
  readonly retriedStale: boolean;
}

/** Lower-case names of the headers that frame a request: the sender decides them, and refuses a request that has one. */
export const FRAMING_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
