/**
 * Sending one request. An exchange goes through: waiting (for a place), dialling, written, answered, done. It is done
 * exactly once, whichever comes first: the end of the answer, the limit of what is read of it, a failure, the deadline.
 * What undici reports afterwards is not looked at.
 */
import { randomUUID } from "node:crypto";
import type { Dispatcher } from "undici";
import type { Attempt } from "../domain/attempt.ts";
import type { FailureKind } from "../domain/failureKind.ts";
import { monotonicMs, unixMs } from "../ground/clock.ts";
import { codeOf, Dialer, DialFailure, type Origin, type Resolver, systemResolver } from "./egress/dial.ts";
import { type EgressPolicy, judgeUrl, portOf } from "./egress/policy.ts";
import { type Connection, Pools, type Waiter } from "./pools.ts";
import { FRAMING_HEADERS, type OutgoingRequest } from "./request.ts";

/** Over all origins: a burst that goes from one origin to the next would leave its width behind at each. */
export const CONNECTIONS_IDLE_MAX = 1_024;
/** Of one body; the rest is not read. */
export const RESPONSE_BYTES_READ = 65_536;
/** Of one answer, as recorded. */
export const RESPONSE_BYTES_KEPT = 16_384;
/** Distinct URLs whose verdict and parts are remembered; the policy of a sender never changes. */
const TARGETS_MAX = 10_000;
/** Headers kept of one answer. 16 kB could be four thousand headers of one letter, each a key of an object. */
const RESPONSE_HEADERS_MAX = 128;
/** A kept piece of the body is copied out of a socket read larger than this, so that it does not hold the rest. */
const READ_PINNED_BYTES_MAX = 32_768;

/** Nobody sends so many before a final answer; without an end they would keep a core busy until the deadline. */
const INFORMATIONAL_MAX = 32;

export interface SenderOptions {
  readonly policy: EgressPolicy;
  /** Origins with open connections at the same time. */
  readonly originsMax?: number;
  readonly connectionsPerOrigin?: number;
  /** Idle connections over all origins. */
  readonly idleMax?: number;
  /** After so many bytes of a body the connection is closed, and the answer counts as it is. */
  readonly responseBytesRead?: number;
  /** Names and values of headers and the bytes of the body together, as recorded per attempt. */
  readonly responseBytesKept?: number;
  readonly responseHeaderBytesMax?: number;
  /** Resolving, connecting and the TLS handshake together. */
  readonly connectTimeoutMs?: number;
  /** From the request's last byte to the end of the answer's headers; undici's timers may be half a second late. */
  readonly headersTimeoutMs?: number;
  /** Between two pieces of the body; as late as those for headers. */
  readonly bodyTimeoutMs?: number;
  readonly keepAliveMs?: number;
  readonly keepAliveMaxMs?: number;
  readonly originIdleMs?: number;
  readonly resolve?: Resolver;
  /** PEM; trusted besides those that Node.js trusts. */
  readonly trustedCertificates?: readonly string[];
}

export interface SenderStats {
  readonly requestsInFlight: number;
  readonly originsOpen: number;
  readonly socketsOpen: number;
  /** Since the start: TCP connects begun, requests repeated on a fresh connection, requests refused by egress. */
  readonly connects: number;
  readonly retriesStale: number;
  readonly blocked: number;
}

/** Sends signed bodies and reports what became of each. Stopped by `close`, and not started again. */
export class Sender {
  readonly #dialer: Dialer;
  readonly #pools: Pools;
  readonly #context: ExchangeContext;
  readonly #policy: EgressPolicy;
  readonly #targets = new Map<string, Target>();
  readonly #inFlight = new Set<Exchange>();
  #retriesStale = 0;
  #blocked = 0;
  #closed: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(options: SenderOptions) {
    this.#policy = options.policy;
    const limits: ExchangeLimits = {
      responseBytesRead: options.responseBytesRead ?? RESPONSE_BYTES_READ,
      responseBytesKept: options.responseBytesKept ?? RESPONSE_BYTES_KEPT,
      responseHeaderBytesMax: options.responseHeaderBytesMax ?? 16_384,
      headersTimeoutMs: options.headersTimeoutMs ?? 30_000,
      bodyTimeoutMs: options.bodyTimeoutMs ?? 10_000,
    };
    this.#dialer = new Dialer({
      policy: options.policy,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      resolve: options.resolve ?? systemResolver,
      trustedCertificates: options.trustedCertificates ?? [],
    });
    this.#pools = new Pools({
      dialer: this.#dialer,
      originsMax: options.originsMax ?? 1_024,
      connectionsPerOrigin: options.connectionsPerOrigin ?? 50,
      idleMax: options.idleMax ?? CONNECTIONS_IDLE_MAX,
      originIdleMs: options.originIdleMs ?? 60_000,
      headersTimeoutMs: limits.headersTimeoutMs,
      bodyTimeoutMs: limits.bodyTimeoutMs,
      keepAliveMs: options.keepAliveMs ?? 4_000,
      keepAliveMaxMs: options.keepAliveMaxMs ?? 30_000,
      responseHeaderBytesMax: limits.responseHeaderBytesMax,
    });
    this.#context = {
      pools: this.#pools,
      limits,
      onStaleRetry: () => {
        this.#retriesStale += 1;
      },
      onDone: (exchange, attempt) => this.#settle(exchange, attempt),
    };
  }

  get stats(): SenderStats {
    return {
      requestsInFlight: this.#inFlight.size,
      originsOpen: this.#pools.originsOpen,
      socketsOpen: this.#pools.socketsOpen,
      connects: this.#dialer.connects,
      retriesStale: this.#retriesStale,
      blocked: this.#blocked,
    };
  }

  /**
   * One POST, at most two where a reused connection turns out dead. Whatever the receiver does, and whatever stands in
   * the request, is a result.
   *
   * @throws Error where the sender is closed
   */
  send(request: OutgoingRequest): Promise<Attempt> {
    if (this.#closed !== undefined) {
      return Promise.reject(new Error("the sender is closed"));
    }
    const target = this.#targetOf(request.url);
    if (target.kind === "refused") {
      this.#blocked += 1;
      return Promise.resolve(unsent("blocked", `egress refused the URL: ${target.reason}`));
    }
    const fault = headerFault(request.headers);
    if (fault !== undefined) {
      return Promise.resolve(unsent("protocol", fault));
    }
    return new Promise((resolve) => {
      const exchange = new Exchange(this.#context, target, request, resolve);
      this.#inFlight.add(exchange);
      this.#pools.request(exchange);
    });
  }

  /** Takes nothing more, waits for what is in flight (each has its deadline), closes every socket. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#drain().then(() => this.#pools.close());
    return this.#closed;
  }

  /** Cuts off what is in flight: each ends as a reset. Takes nothing more, and resolves when every socket is closed. */
  abort(): Promise<void> {
    const closed = this.close();
    for (const exchange of this.#inFlight) {
      exchange.abort();
    }
    return closed;
  }

  #settle(exchange: Exchange, attempt: Attempt): void {
    this.#inFlight.delete(exchange);
    if (attempt.failureKind === "blocked") {
      this.#blocked += 1;
    }
    if (this.#inFlight.size === 0) {
      this.#drained?.();
    }
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#inFlight.size === 0) {
        resolve();
      } else {
        this.#drained = resolve;
      }
    });
  }

  #targetOf(url: string): Target {
    const known = this.#targets.get(url);
    if (known !== undefined) {
      return known;
    }
    if (this.#targets.size >= TARGETS_MAX) {
      // Judging again costs some microseconds; keeping an order of use would cost each request a part of one.
      this.#targets.clear();
    }
    const target = parseTarget(this.#policy, url);
    this.#targets.set(url, target);
    return target;
  }
}

interface ExchangeLimits {
  readonly responseBytesRead: number;
  readonly responseBytesKept: number;
  readonly responseHeaderBytesMax: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

/** What all exchanges of a sender share. */
interface ExchangeContext {
  readonly pools: Pools;
  readonly limits: ExchangeLimits;
  /** A request goes out once more, because the reused connection it was written to had died. */
  readonly onStaleRetry: () => void;
  readonly onDone: (exchange: Exchange, attempt: Attempt) => void;
}

interface AllowedTarget {
  readonly kind: "allowed";
  readonly origin: Origin;
  readonly originKey: string;
  readonly path: string;
}

type Target = AllowedTarget | { readonly kind: "refused"; readonly reason: string };

function parseTarget(policy: EgressPolicy, text: string): Target {
  const verdict = judgeUrl(policy, text);
  if (verdict.verdict === "refused") {
    return { kind: "refused", reason: verdict.reason };
  }
  const url = verdict.url;
  return {
    kind: "allowed",
    origin: { secure: url.protocol === "https:", hostname: url.hostname, port: portOf(url) },
    originKey: url.origin,
    path: url.pathname + url.search,
  };
}

class Exchange implements Dispatcher.DispatchHandler, Waiter {
  readonly #context: ExchangeContext;
  readonly #target: AllowedTarget;
  readonly #request: OutgoingRequest;
  readonly #resolve: (attempt: Attempt) => void;
  readonly #startedAtMs = unixMs();
  readonly #startedMs = monotonicMs();
  readonly #deadline: NodeJS.Timeout;
  #connection: Connection | undefined;
  #done = false;
  #socketReused = false;
  /** A first byte of an answer has come, be it of an informational one. */
  #answered = false;
  #informational = 0;
  #retriedStale = false;
  #status: number | null = null;
  #headers: Readonly<Record<string, string>> | null = null;
  #bytesRead = 0;
  #bytesKeptLeft: number;
  #kept: Buffer[] | undefined;

  constructor(
    context: ExchangeContext,
    target: AllowedTarget,
    request: OutgoingRequest,
    resolve: (attempt: Attempt) => void,
  ) {
    this.#context = context;
    this.#target = target;
    this.#request = request;
    this.#resolve = resolve;
    this.#bytesKeptLeft = context.limits.responseBytesKept;
    // Node keeps timers of one duration in one list, and endpoints share few durations: setting and clearing one costs
    // 0.7 µs; adding to and deleting from a set of our own, swept now and then, 0.6; an AbortSignal.timeout 5 to 10.
    this.#deadline = setTimeout(expire, request.timeoutMs, this);
  }

  get origin(): Origin {
    return this.#target.origin;
  }

  get originKey(): string {
    return this.#target.originKey;
  }

  begin(connection: Connection): void {
    this.#connection = connection;
    const request = this.#request;
    connection.client.dispatch(
      { path: this.#target.path, method: "POST", headers: request.headers, body: request.body },
      this,
    );
  }

  /** The total deadline: a receiver that sends a byte a second passes every other one. */
  expire(): void {
    const connection = this.#connection;
    const phase =
      connection === undefined
        ? "while waiting for a connection"
        : this.#status === null
          ? "before an answer"
          : "before the answer's end";
    this.#fail("timeout", `${this.#request.timeoutMs} ms passed ${phase}`);
    if (connection === undefined) {
      this.#context.pools.withdraw(this);
    }
  }

  /** The sender is shut down before the answer has come. */
  abort(): void {
    const isWaiting = this.#connection === undefined;
    this.#fail("reset", "the daemon stopped before the answer had come");
    if (isWaiting) {
      this.#context.pools.withdraw(this);
    }
  }

  onRequestStart(): void {
    const connection = this.#connection;
    if (connection !== undefined) {
      connection.requestsWritten += 1;
      this.#socketReused = connection.requestsWritten > 1;
    }
  }

  onResponseStarted(): void {
    this.#answered = true;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: ReceivedHeaders): void {
    if (status < 200) {
      this.#informational += 1;
      if (this.#informational > INFORMATIONAL_MAX && !this.#done) {
        this.#fail("protocol", `the receiver sent more than ${INFORMATIONAL_MAX} informational answers`);
      }
      return;
    }
    this.#status = status;
    this.#headers = keepHeaders(headers, this.#bytesKeptLeft);
    for (const name in this.#headers) {
      this.#bytesKeptLeft -= name.length + (this.#headers[name]?.length ?? 0);
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) {
      return;
    }
    this.#bytesRead += chunk.length;
    if (this.#bytesKeptLeft > 0) {
      const piece = keepBytes(chunk, this.#bytesKeptLeft);
      this.#bytesKeptLeft -= piece.length;
      if (this.#kept === undefined) {
        this.#kept = [piece];
      } else {
        this.#kept.push(piece);
      }
    }
    if (this.#bytesRead > this.#context.limits.responseBytesRead) {
      // The status line has said what became of the delivery. Failing a 200 for its long or endless body would send
      // again what the receiver has taken.
      this.#finishByStatus(false);
    }
  }

  onResponseEnd(): void {
    if (!this.#done) {
      // An answer may come before the whole request has gone out; the next request must not wait behind the rest.
      this.#finishByStatus(this.#connection?.unsentBytes === 0);
    }
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#done) {
      return;
    }
    const status = this.#status;
    if (status !== null && (status < 200 || status > 299)) {
      // 413 and a closed door while we still write: the status is the better news than the reset.
      this.#finishByStatus(false);
      return;
    }
    const failure = failureOf(error, this.#context.limits, status !== null);
    const connection = this.#connection;
    if (
      failure.kind === "reset" &&
      this.#socketReused &&
      !this.#answered &&
      !this.#retriedStale &&
      connection !== undefined
    ) {
      // The receiver closed an idle connection as we wrote to it: it has most likely read nothing, and a retry by the
      // schedule would delay the delivery by seconds for a race that every keep-alive client loses now and then.
      this.#retriedStale = true;
      this.#context.onStaleRetry();
      this.#context.pools.beginAnew(connection, this);
      return;
    }
    this.#fail(failure.kind, failure.error);
  }

  #finishByStatus(connectionUsable: boolean): void {
    const status = this.#status ?? 0;
    if (status >= 200 && status <= 299) {
      this.#finish(null, null, connectionUsable);
    } else {
      this.#finish("status", statusSentence(status), connectionUsable);
    }
  }

  #fail(kind: FailureKind, error: string): void {
    this.#finish(kind, error, false);
  }

  /** The connection is given back first, so that the caller's next request finds it. */
  #finish(failureKind: FailureKind | null, error: string | null, connectionUsable: boolean): void {
    this.#done = true;
    clearTimeout(this.#deadline);
    const connection = this.#connection;
    if (connection !== undefined) {
      if (connectionUsable) {
        this.#context.pools.release(connection);
      } else {
        this.#context.pools.discard(connection);
      }
    }
    const attempt: Attempt = {
      id: randomUUID(),
      startedAtMs: this.#startedAtMs,
      durationMs: Math.round(monotonicMs() - this.#startedMs),
      httpStatus: this.#status,
      failureKind,
      error: error === null ? null : storable(error),
      responseHeaders: this.#headers,
      responseBody: this.#status === null ? null : textOf(this.#kept),
    };
    this.#context.onDone(this, attempt);
    this.#resolve(attempt);
  }
}

function expire(exchange: Exchange): void {
  exchange.expire();
}

type ReceivedHeaders = Record<string, string | string[] | undefined>;

/**
 * Names come lower-case and values as latin1 from undici's parser, which has refused NUL and line breaks. The object
 * is ours: it is made per answer, and changed in place.
 */
function keepHeaders(received: ReceivedHeaders, bytesMax: number): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  let bytesLeft = bytesMax;
  let countLeft = RESPONSE_HEADERS_MAX;
  for (const [name, value] of Object.entries(received)) {
    const text = Array.isArray(value) ? value.join(", ") : (value ?? "");
    bytesLeft -= name.length + text.length;
    countLeft -= 1;
    if (bytesLeft < 0 || countLeft < 0) {
      break;
    }
    kept[name] = text;
  }
  return kept;
}

function keepBytes(chunk: Buffer, bytesMax: number): Buffer {
  const piece = chunk.length > bytesMax ? chunk.subarray(0, bytesMax) : chunk;
  return chunk.buffer.byteLength > READ_PINNED_BYTES_MAX ? Buffer.from(piece) : piece;
}

function textOf(pieces: readonly Buffer[] | undefined): string {
  if (pieces === undefined) {
    return "";
  }
  const [first] = pieces;
  return storable((pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)).toString("utf8"));
}

/** Text as Postgres can store it: no NUL, and no half of a surrogate pair. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}

/** The attempt in which nothing was sent: it fails before there is a connection. */
export function unsent(failureKind: FailureKind, error: string): Attempt {
  return {
    id: randomUUID(),
    startedAtMs: unixMs(),
    durationMs: 0,
    httpStatus: null,
    failureKind,
    error: storable(error),
    responseHeaders: null,
    responseBody: null,
  };
}

/**
 * Headers may hold what somebody wrote into a row by hand. undici refuses the same bytes; this says which header it
 * was, and does not depend on undici going on to do so. RFC 9110 §5.5, §5.6.2: visible ASCII, space, tab and
 * 0x80-0xff in values, tokens as names.
 */
function headerFault(headers: Readonly<Record<string, string>>): string | undefined {
  for (const name in headers) {
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(name)) {
      return `the request was not sent: ${JSON.stringify(name.slice(0, 100))} is no header name`;
    }
    if (FRAMING_HEADERS.has(name.toLowerCase())) {
      return `the request was not sent: the header ${name} cannot be set, the sender decides it`;
    }
    if (/[^\t\x20-\x7e\x80-\xff]/.test(headers[name] ?? "")) {
      return `the request was not sent: the value of the header ${name} has a line break, a NUL or a character outside latin1`;
    }
  }
  return undefined;
}

function statusSentence(status: number): string {
  if (status >= 300 && status <= 399 && status !== 304) {
    return `the receiver answered ${status}, and redirects are not followed`;
  }
  return `the receiver answered ${status}`;
}

interface Failure {
  readonly kind: FailureKind;
  readonly error: string;
}

/** undici's and the system's errors by their codes; no text of theirs is passed on, for some quote the receiver. */
function failureOf(error: Error, limits: ExchangeLimits, headersCame: boolean): Failure {
  if (error instanceof DialFailure) {
    return { kind: error.kind, error: error.message };
  }
  const code = codeOf(error);
  switch (code) {
    case "UND_ERR_HEADERS_TIMEOUT":
      return { kind: "timeout", error: `no answer within ${limits.headersTimeoutMs} ms of the request` };
    case "UND_ERR_BODY_TIMEOUT":
      return { kind: "timeout", error: `the answer's body stood still for ${limits.bodyTimeoutMs} ms` };
    case "UND_ERR_HEADERS_OVERFLOW":
      return {
        kind: "protocol",
        error: `the answer's headers are larger than ${limits.responseHeaderBytesMax} bytes`,
      };
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      // undici gives this code to any parse error once a content-length has been seen, even among the headers.
      return headersCame
        ? { kind: "reset", error: "the receiver closed the connection before the end of its answer" }
        : { kind: "protocol", error: "the answer is no well-formed HTTP" };
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
    return { kind: "protocol", error: `the answer is no well-formed HTTP (${reason})` };
  }
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO") {
    return { kind: "tls", error: `the TLS connection failed (${code})` };
  }
  return { kind: "protocol", error: `the exchange failed (${code === "" ? error.name : code})` };
}

/** One code stands for a closed connection and for two kinds of answer that undici does not take. */
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
