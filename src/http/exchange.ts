/**
 * One request and its answer. An exchange goes through: waiting (for a connection), dialling, written, answered, done. It is
 * done exactly once, by whichever comes first: the end of the answer, the limit of what is read of it, a failure, or the
 * deadline. From then on its connection tells it nothing more.
 */
import { randomUUID } from "node:crypto";
import type { Attempt } from "../domain/attempt.ts";
import type { FailureKind } from "../domain/failureKind.ts";
import { monotonicMs, unixMs } from "../ground/clock.ts";
import { keepBytes, keepHeaders, storable, textOf } from "./answer.ts";
import type { AnswerHead } from "./answerHead.ts";
import type { Carried, Connection, RequestBytes } from "./connection.ts";
import type { ClientCertificate } from "./egress/clientCertificate.ts";
import type { Origin } from "./egress/dialFailure.ts";
import { failureOf, statusSentence } from "./failures.ts";
import type { Pools } from "./pools.ts";
import type { OutgoingRequest } from "./request.ts";
import type { AllowedTarget } from "./target.ts";

/** What all exchanges of a sender share. */
export interface ExchangeContext {
  readonly pools: Pools;
  readonly responseBytesKept: number;
  readonly onDone: (exchange: Exchange) => void;
}

/** Hears once how the attempt ended. */
export type Done = (attempt: Attempt) => void;

export class Exchange implements Carried {
  readonly startedMs = monotonicMs();
  /** Where it stands among the exchanges in progress. */
  index = -1;
  readonly #context: ExchangeContext;
  readonly #target: AllowedTarget;
  readonly #request: OutgoingRequest;
  readonly #done: Done;
  readonly #startedAtMs = unixMs();
  #connection: Connection | undefined;
  #isDone = false;
  #socketReused = false;
  #requests = 0;
  #answered = false;
  #retriedStale = false;
  #status: number | null = null;
  #headers: Readonly<Record<string, string>> | null = null;
  #bytesKeptLeft: number;
  #kept: Buffer[] | undefined;

  constructor(context: ExchangeContext, target: AllowedTarget, request: OutgoingRequest, done: Done) {
    this.#context = context;
    this.#target = target;
    this.#request = request;
    this.#done = done;
    this.#bytesKeptLeft = context.responseBytesKept;
  }

  get origin(): Origin {
    return this.#target.origin;
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.#request.clientCertificate;
  }

  get poolKey(): string {
    const { clientCertificate, credentialId } = this.#request;
    return clientCertificate === undefined && credentialId === undefined
      ? this.#target.originKey
      : `${this.#target.originKey} ${clientCertificate?.id ?? ""} ${credentialId ?? ""}`;
  }

  onConnection(connection: Connection): void {
    this.#connection = connection;
  }

  takeRequest(isReused: boolean): RequestBytes {
    this.#socketReused = isReused;
    this.#requests += 1;
    const { method, fixed, lines, body } = this.#request;
    const { head } = this.#target;
    return {
      head: `${method === undefined ? head : head.replace("POST", method)}${fixed.lines}${lines}content-length: ${body.length}\r\n\r\n`,
      body,
    };
  }

  /**
   * Ends the exchange if its deadline has passed: there is one for all of it, the endpoint's; or if the receiver keeps TLS
   * busy in place of answering.
   */
  sweep(nowMs: number): void {
    if (nowMs - this.startedMs >= this.#request.timeoutMs) {
      this.#expire();
    } else if (this.#connection?.isFlooded === true) {
      this.#failUnlessStatus("protocol", "the receiver sent more bytes over TLS than any answer has");
    }
  }

  #expire(): void {
    const isWaiting = this.#connection === undefined;
    const phase = isWaiting
      ? "while waiting for a connection"
      : this.#status === null
        ? "before an answer"
        : "before the answer's end";
    this.#fail("timeout", `${this.#request.timeoutMs} ms passed ${phase}`);
    if (isWaiting) {
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

  onAnswered(): void {
    this.#answered = true;
  }

  onHead({ status, fields }: AnswerHead): void {
    this.#status = status;
    this.#headers = keepHeaders(fields, this.#bytesKeptLeft);
    for (const name in this.#headers) {
      this.#bytesKeptLeft -= name.length + (this.#headers[name]?.length ?? 0);
    }
  }

  onBody(bytes: Buffer, from: number, to: number): void {
    if (this.#bytesKeptLeft > 0) {
      const piece = keepBytes(bytes, from, Math.min(to, from + this.#bytesKeptLeft));
      this.#bytesKeptLeft -= piece.length;
      if (this.#kept === undefined) {
        this.#kept = [piece];
      } else {
        this.#kept.push(piece);
      }
    }
  }

  onEnd(isReusable: boolean): void {
    this.#finishByStatus(isReusable);
  }

  onOverlong(): void {
    // The status line has decided the delivery. Failing a 200 for its long or endless body would send again what the
    // receiver has accepted.
    this.#finishByStatus(false);
  }

  onFault(fault: string): void {
    this.#failUnlessStatus("protocol", fault);
  }

  onClosed(error: Error | undefined): void {
    const { kind, error: sentence } = failureOf(error, this.#status !== null);
    const connection = this.#connection;
    if (kind === "reset" && this.#socketReused && !this.#answered && !this.#retriedStale && connection !== undefined) {
      // The receiver closed an idle connection as we wrote to it: it has most likely read nothing. Every keep-alive
      // client loses this race at times, and a retry by the schedule would delay the delivery by seconds.
      this.#retriedStale = true;
      this.#context.pools.beginAnew(connection, this);
    } else {
      this.#failUnlessStatus(kind, sentence);
    }
  }

  onLost(): void {
    if (this.#connection !== undefined) {
      this.#context.pools.beginAnew(this.#connection, this);
    }
  }

  /** A 413 and a closed connection while we still write: the status says more than the reset. */
  #failUnlessStatus(kind: FailureKind, error: string): void {
    const status = this.#status;
    if (status !== null && (status < 200 || status > 299)) {
      this.#finishByStatus(false);
    } else {
      this.#fail(kind, error);
    }
  }

  #finishByStatus(isReusable: boolean): void {
    const status = this.#status ?? 0;
    if (status >= 200 && status <= 299) {
      this.#finish(null, null, isReusable);
    } else {
      this.#finish("status", statusSentence(status), isReusable);
    }
  }

  #fail(kind: FailureKind, error: string): void {
    this.#finish(kind, error, false);
  }

  /** The connection is released first, so that the caller's next request finds it. */
  #finish(failureKind: FailureKind | null, error: string | null, isReusable: boolean): void {
    if (this.#isDone) {
      return;
    }
    this.#isDone = true;
    const nowMs = monotonicMs();
    const connection = this.#connection;
    if (connection !== undefined) {
      if (isReusable) {
        this.#context.pools.release(connection, nowMs);
      } else {
        this.#context.pools.discard(connection);
      }
    }
    const attempt: Attempt = {
      id: randomUUID(),
      startedAtMs: this.#startedAtMs,
      durationMs: Math.round(nowMs - this.startedMs),
      requests: this.#requests,
      httpStatus: this.#status,
      failureKind,
      error: error === null ? null : storable(error),
      responseHeaders: this.#headers,
      responseBody: this.#status === null ? null : textOf(this.#kept),
    };
    this.#context.onDone(this);
    this.#done(attempt);
  }
}
