/** Failed attempts: their kinds and sentences. */
import { randomUUID } from "node:crypto";
import type { Attempt } from "../domain/attempt.ts";
import type { FailureKind } from "../domain/failureKind.ts";
import { unixMs } from "../ground/clock.ts";
import { storable } from "./answer.ts";
import { codeOf, DialFailure } from "./egress/dialFailure.ts";

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

/** The limits that a failure's sentence names. */
export interface FailureLimits {
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly responseHeaderBytesMax: number;
}

interface Failure {
  readonly kind: FailureKind;
  readonly error: string;
}

/** Judges errors of undici and the system by their codes. Their texts are not passed on, because some quote the receiver. */
export function failureOf(error: Error, limits: FailureLimits, headersCame: boolean): Failure {
  if (error instanceof DialFailure) {
    return { kind: error.kind, error: error.message };
  }
  const code = codeOf(error);
  switch (code) {
    case "UND_ERR_HEADERS_TIMEOUT":
      return { kind: "timeout", error: `no answer within ${limits.headersTimeoutMs} ms of the request` };
    case "UND_ERR_BODY_TIMEOUT":
      return { kind: "timeout", error: `the answer's body paused for ${limits.bodyTimeoutMs} ms` };
    case "UND_ERR_HEADERS_OVERFLOW":
      return {
        kind: "protocol",
        error: `the answer's headers are larger than ${limits.responseHeaderBytesMax} bytes`,
      };
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      // undici gives this code to any parse error after a content-length, even to one among the headers.
      return headersCame
        ? { kind: "reset", error: "the receiver closed the connection before the end of its answer" }
        : { kind: "protocol", error: "the answer is not well-formed HTTP" };
    case "UND_ERR_SOCKET":
      return socketFailure(error.message, headersCame);
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
  if (error.name === "HTTPParserError") {
    // Its code is undefined in undici 8.12; the reason in its message is one of the parser's own fixed texts.
    const reason = /\((.*)\)$/.exec(error.message)?.[1] ?? "no reason given";
    return { kind: "protocol", error: `the answer is not well-formed HTTP (${reason})` };
  }
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO") {
    return { kind: "tls", error: `the TLS connection failed (${code})` };
  }
  return { kind: "protocol", error: `the exchange failed (${code === "" ? error.name : code})` };
}

/** One code stands for a closed connection and for two kinds of answer that undici does not accept. */
function socketFailure(message: string, headersCame: boolean): Failure {
  if (message === "bad response") {
    return { kind: "protocol", error: "the receiver sent an answer that was not asked for, or 100 Continue" };
  }
  if (message === "bad upgrade") {
    return { kind: "protocol", error: "the receiver switched protocols, which was not asked for" };
  }
  return { kind: "reset", error: `the receiver closed the connection ${before(headersCame)}` };
}

function before(headersCame: boolean): string {
  return headersCame ? "before the end of its answer" : "before an answer";
}
