/** Why an attempt failed. `postrider.attempt.failure_kind` holds one of these names, or null after a success. */
export const FAILURE_KINDS = [
  /** The receiver answered with something other than 2xx. */
  "status",
  /** A deadline passed: connect, headers, body, or the whole request. */
  "timeout",
  /** The connection was refused, or the network was unreachable. */
  "connect",
  /** The host name did not resolve. */
  "dns",
  /** The TLS handshake failed. */
  "tls",
  /** The peer closed or reset the connection before a full answer. */
  "reset",
  /** Egress refused the address or the URL; nothing was sent. */
  "blocked",
  /** The answer was not well-formed HTTP, or was larger than the limit. */
  "protocol",
  /** The egress proxy is out of reach, or did not open the tunnel; the receiver saw nothing. */
  "proxy",
  /** The token endpoint gave no token; the receiver saw nothing, or refused the one before. */
  "auth",
] as const;

export type FailureKind = (typeof FAILURE_KINDS)[number];
