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
