/** Failed attempts: their kinds and sentences. */
import { randomUUID } from "node:crypto";
import type { Attempt } from "../domain/attempt.ts";
import type { FailureKind } from "../domain/failureKind.ts";
import { unixMs } from "../ground/clock.ts";
import { storable } from "./answer.ts";
import { codeOf, DialFailure } from "./egress/dialFailure.ts";
import { tlsSentence } from "./egress/tlsFailure.ts";

/** The attempt in which nothing was sent: it fails before there is a connection. */
export function unsent(failureKind: FailureKind, error: string): Attempt {
  return {
    id: randomUUID(),
    startedAtMs: unixMs(),
    durationMs: 0,
    requests: 0,
    httpStatus: null,
    failureKind,
    error: storable(error),
    responseHeaders: null,
    responseBody: null,
  };
}

export function statusSentence(status: number): string {
  if (status >= 300 && status <= 399 && status !== 304) {
    return `the receiver answered ${status}, and redirects are not followed`;
  }
  return `the receiver answered ${status}`;
}

interface Failure {
  readonly kind: FailureKind;
  readonly error: string;
}

/**
 * Judges errors of the system by their codes. Their texts are not passed on, because some quote the receiver.
 *
 * @param error undefined if the receiver closed the connection in order
 */
export function failureOf(error: Error | undefined, headersCame: boolean): Failure {
  if (error === undefined) {
    return { kind: "reset", error: `the receiver closed the connection ${before(headersCame)}` };
  }
  if (error instanceof DialFailure) {
    return { kind: error.kind, error: error.message };
  }
  const code = codeOf(error);
  switch (code) {
    case "ETIMEDOUT":
      return { kind: "timeout", error: "the receiver stopped taking our bytes (ETIMEDOUT)" };
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ENETDOWN":
      return { kind: "connect", error: `the network became unreachable (${code})` };
    case "ECONNRESET":
    case "ECONNABORTED":
    case "EPIPE":
      return { kind: "reset", error: `the receiver reset the connection ${before(headersCame)} (${code})` };
  }
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO") {
    return { kind: "tls", error: `the TLS connection failed: ${tlsSentence(code)}` };
  }
  return { kind: "protocol", error: `the exchange failed (${code === "" ? error.name : code})` };
}

function before(headersCame: boolean): string {
  return headersCame ? "before the end of its answer" : "before an answer";
}
