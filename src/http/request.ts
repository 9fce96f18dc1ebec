import type { Attempt } from "../domain/attempt.ts";
import { VERSION } from "../ground/version.ts";
import type { ClientCertificate } from "./egress/clientCertificate.ts";

/** What a request says of the program that sends it, unless the endpoint says otherwise. */
export const USER_AGENT = `postrider/${VERSION}`;

/** What to send. The body is the exact bytes that were signed. */
export interface OutgoingRequest {
  /** Default: POST. */
  readonly method?: "OPTIONS";
  /** Absolute http or https URL. */
  readonly url: string;
  /** Headers that are the same for many requests. */
  readonly fixed: FixedHeaders;
  /**
   * The header lines of this request, each with its CRLF. They are not judged again, so whoever writes them passes every
   * value from outside through `headerText`. The sender adds `host`, `connection` and `content-length`.
   */
  readonly lines: string;
  readonly body: Buffer;
  /** Of whom the request is. Connections are shared only under one id; without one, by requests that have none either. */
  readonly credentialId?: string;
  /** For a receiver that asks who connects. */
  readonly clientCertificate?: ClientCertificate;
  /** For the whole request: waiting for a connection, connecting, headers, body. */
  readonly timeoutMs: number;
}

/** Sends one request, and says once how that ended; implemented by the sender, and by tests. */
export type Send = (request: OutgoingRequest, done: (attempt: Attempt) => void) => void;

/** Headers as the lines of a message, or why they must not be in one. */
export interface FixedHeaders {
  readonly lines: string;
  readonly fault: string | undefined;
}

/** Judges headers and writes their lines, once for many requests: a microsecond for each of them otherwise. */
export function fixHeaders(headers: Readonly<Record<string, string>>): FixedHeaders {
  const fault = headerFault(headers);
  return { lines: fault === undefined ? linesOf(headers) : "", fault };
}

function linesOf(headers: Readonly<Record<string, string>>): string {
  let lines = "";
  for (const name in headers) {
    lines += `${name}: ${headers[name]}\r\n`;
  }
  return lines;
}

/**
 * The headers that frame, sign or describe a request: the sender sets them, and refuses a request that does. The database
 * refuses them for an endpoint (`postrider_internal.are_headers`), and a test compares the two.
 */
const OWN_HEADERS =
  /^(?:connection|content-encoding|content-length|expect|host|http2-settings|keep-alive|te|traceparent|tracestate|trailer|transfer-encoding|upgrade|(?:ce|postrider|proxy|webhook)-.*)$/i;

/**
 * Why a request with these headers must not be sent; undefined if it may. A person may have written them into a row.
 * RFC 9110 §5.5, §5.6.2: visible ASCII, space, tab and 0x80-0xff in values, tokens as names.
 */
function headerFault(headers: Readonly<Record<string, string>>): string | undefined {
  for (const name in headers) {
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(name)) {
      return `the request was not sent: ${JSON.stringify(name.slice(0, 100))} is not a header name`;
    }
    if (OWN_HEADERS.test(name)) {
      return `the request was not sent: the header ${name} is set by the sender alone`;
    }
    if (/[^\t\x20-\x7e\x80-\xff]/.test(headers[name] ?? "")) {
      return `the request was not sent: the value of the header ${name} has a line break, a NUL or a character outside latin1`;
    }
  }
  return undefined;
}
