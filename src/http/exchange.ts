/**
 * One request and its answer. An exchange goes through: waiting (for a connection), dialling, written, answered, done. It is
 * done exactly once, by whichever comes first: the end of the answer, the limit of what is read of it, a failure, or the
 * deadline. What undici reports afterwards is ignored.
 */
import { randomUUID } from "node:crypto";
import type { Dispatcher } from "undici";
import type { Attempt } from "../domain/attempt.ts";
import type { FailureKind } from "../domain/failureKind.ts";
import { monotonicMs, unixMs } from "../ground/clock.ts";
import { keepBytes, keepHeaders, type ReceivedHeaders, storable, textOf } from "./answer.ts";
import type { Connection, Waiter } from "./connection.ts";
import type { Origin } from "./egress/dialFailure.ts";
import { type FailureLimits, failureOf, statusSentence } from "./failures.ts";
import type { Pools } from "./pools.ts";
import type { OutgoingRequest } from "./request.ts";
import type { AllowedTarget } from "./target.ts";

/** More than any honest receiver sends before a final answer; without an end they would keep a core busy until the deadline. */
const INFORMATIONAL_MAX = 32;

export interface ExchangeLimits extends FailureLimits {
  readonly responseBytesRead: number;
  readonly responseBytesKept: number;
}

/** What all exchanges of a sender share. */
export interface ExchangeContext {
  readonly pools: Pools;
  readonly limits: ExchangeLimits;
  /** A request goes out once more, because the reused connection it was written to had died. */
  readonly onStaleRetry: () => void;
  readonly onDone: (exchange: Exchange, attempt: Attempt) => void;
}

export class Exchange implements Dispatcher.DispatchHandler, Waiter {
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
  /** The first byte of an answer has come, even if it is an informational one. */
  #answered = false;
  #informational = 0;
  #retriedStale = false;
  #requests = 0;
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
    // 0.7 µs; adding to and deleting from a set of our own, swept periodically, 0.6; an AbortSignal.timeout 5 to 10.
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

  /** The total deadline, because a receiver that sends a byte a second meets every other one. */
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

  /** The sender shuts down before the answer has come. */
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
      this.#requests += 1;
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
      // The status line has decided the delivery. Failing a 200 for its long or endless body would send again what the
      // receiver has accepted.
      this.#finishByStatus(false);
    }
  }

  onResponseEnd(): void {
    if (!this.#done) {
      // An answer may come before the whole request has gone out; the next request must not wait for the rest of it.
      this.#finishByStatus(this.#connection?.unsentBytes === 0);
    }
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#done) {
      return;
    }
    const status = this.#status;
    if (status !== null && (status < 200 || status > 299)) {
      // A 413 and a closed connection while we still write: the status says more than the reset.
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
      // The receiver closed an idle connection as we wrote to it: it has most likely read nothing. Every keep-alive
      // client loses this race at times, and a retry by the schedule would delay the delivery by seconds.
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

  /** The connection is released first, so that the caller's next request finds it. */
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
      requests: this.#requests,
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
