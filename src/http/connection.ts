import type { Socket } from "node:net";
import { type AnswerLimits, AnswerParser, type AnswerSink } from "./answerParser.ts";
import type { ClientCertificate } from "./egress/clientCertificate.ts";
import type { Dialer } from "./egress/dial.ts";
import { DialFailure, type Origin } from "./egress/dialFailure.ts";
import { rawBytesRead } from "./egress/rawBytes.ts";
import type { OnRead } from "./egress/reading.ts";

export interface ConnectionOptions extends AnswerLimits {
  readonly dialer: Dialer;
  /** How long an idle socket is kept if the receiver does not say. */
  readonly keepAliveMs: number;
  /** The most that a receiver's `keep-alive: timeout=` can ask for. */
  readonly keepAliveMaxMs: number;
}

/** What a connection carries, one at a time. */
export interface Carried extends AnswerSink {
  readonly origin: Origin;
  /** Shown to the receiver if it asks for one. */
  readonly clientCertificate: ClientCertificate | undefined;
  /** Of the pool whose connections it may use: the same for the same origin, client certificate and credential. */
  readonly poolKey: string;
  readonly startedMs: number;
  /** A place on a connection has been found. */
  onConnection(connection: Connection): void;
  /** The request, ready to be written. */
  takeRequest(isReused: boolean): RequestBytes;
  /** The first byte of an answer has come, even if it is an informational one. */
  onAnswered(): void;
  onEnd(isReusable: boolean): void;
  /** The limit of what is read of a body. */
  onOverlong(): void;
  onFault(fault: string): void;
  /** The connection closed or failed, or there was none. */
  onClosed(error: Error | undefined): void;
  /** The idle connection closed before the request was written to it. */
  onLost(): void;
}

export interface RequestBytes {
  /** latin1 */
  readonly head: string;
  readonly body: Buffer;
}

/** The connections of one origin, with one client certificate and one credential or none. */
export interface Pool {
  readonly key: string;
  readonly secure: boolean;
  /** Every connection of the origin, idle or busy. */
  readonly connections: Set<Connection>;
  /** The last one used is at the end and is taken first, so that the others can go idle and close. */
  readonly idle: Connection[];
  readonly waiting: Carried[];
  lastUsedMs: number;
}

/** What a connection reports to its pools. */
export interface ConnectionOwner {
  onOpened(): void;
  onSocketClosed(): void;
  /** The receiver closed an idle connection, or sent something over it. */
  onIdleLost(connection: Connection): void;
}

/** A larger body is not copied behind the head, but written beside it, in the same system call. */
const BODY_COPIED_BYTES_MAX = 16_384;
/** A receiver that names its time closes then, and an answer may take a while to come: keep the connection for less. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

/** Tickets, new keys and the frames of records, beyond what an answer has. */
const TLS_BYTES_MAX = 32_768;

/** One socket, from its dialling to its end, and the requests that it carries one after the other. */
export class Connection {
  readonly pool: Pool;
  idle = false;
  /** When to close it if it is idle. */
  idleUntilMs = 0;
  readonly #options: ConnectionOptions;
  readonly #owner: ConnectionOwner;
  readonly #parser: AnswerParser;
  #abandon: AbortController | undefined;
  #dialled: Promise<void> | undefined;
  #socket: Socket | undefined;
  #carried: Carried | undefined;
  #isWritten = false;
  #isReused = false;
  /** Of the bytes off the network, what had come at the first look since a request or its end. */
  #bytesBefore: number | undefined;
  #destroyed = false;
  /** Node says "closed" of a socket that is yet to close. */
  #isSocketClosed = false;
  #closed: Promise<void> | undefined;

  constructor(pool: Pool, options: ConnectionOptions, owner: ConnectionOwner) {
    this.pool = pool;
    this.#options = options;
    this.#owner = owner;
    this.#parser = new AnswerParser(options);
  }

  /** The request has been written, and the system has taken all of it. */
  get isSent(): boolean {
    return this.#isWritten && this.#socket?.writableLength === 0;
  }

  /**
   * Whether more bytes have come over TLS since the first look than any answer has: the parser counts only those that it is
   * given.
   */
  get isFlooded(): boolean {
    const socket = this.#socket;
    if (socket === undefined || !this.pool.secure) {
      return false;
    }
    const bytes = rawBytesRead(socket);
    this.#bytesBefore ??= bytes;
    const { responseBytesRead, responseHeaderBytesMax } = this.#options;
    return bytes - this.#bytesBefore > responseBytesRead + responseHeaderBytesMax + TLS_BYTES_MAX;
  }

  /** The first request of the connection, written as soon as it is open. */
  dialFor(carried: Carried): void {
    this.#carried = carried;
    this.#abandon = new AbortController();
    const { origin, clientCertificate } = carried;
    const onRead: OnRead = (length, bytes) => this.#onRead(length, bytes as Buffer);
    this.#dialled = this.#options.dialer.dial({ origin, clientCertificate, onRead }, this.#abandon.signal).then(
      (socket) => this.#onOpened(socket),
      (error: Error) => {
        this.#abandon = undefined;
        this.#takeCarried()?.onClosed(error);
      },
    );
  }

  /** A later request. It is written by `write`, and may be lost before. */
  hold(carried: Carried): void {
    this.#carried = carried;
  }

  /** Writes the request that it holds, unless that has ended by now or the connection has. */
  write(): void {
    const carried = this.#carried;
    const socket = this.#socket;
    if (carried === undefined || socket === undefined || this.#destroyed || this.#isWritten) {
      return;
    }
    const { head, body } = carried.takeRequest(this.#isReused);
    this.#isWritten = true;
    this.#isReused = true;
    this.#bytesBefore = undefined;
    this.#parser.begin();
    if (body.length <= BODY_COPIED_BYTES_MAX) {
      const bytes = Buffer.allocUnsafe(head.length + body.length);
      bytes.write(head, 0, "latin1");
      body.copy(bytes, head.length);
      socket.write(bytes);
    } else {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
    }
  }

  /** What it carries has ended. @returns until when it may be kept idle */
  release(nowMs: number): void {
    this.#carried = undefined;
    this.#isWritten = false;
    this.#bytesBefore = undefined;
    this.idleUntilMs = nowMs + this.#keepMs();
  }

  /** Stops dialling, drops what is not written, closes the socket. Resolves when it is closed. */
  destroy(): Promise<void> {
    this.#destroyed = true;
    this.#carried = undefined;
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#abandon?.abort(new DialFailure("connect", "the connection is no longer needed"));
    await this.#dialled;
    const socket = this.#socket;
    if (socket !== undefined && !this.#isSocketClosed) {
      await new Promise((resolve) => {
        socket.once("close", resolve);
        socket.destroy();
      });
    }
  }

  #keepMs(): number {
    const { keepAliveMs, keepAliveMaxMs } = this.#options;
    const offered = this.#parser.keepAliveMs;
    return Math.min(offered === undefined ? keepAliveMs : offered - KEEP_ALIVE_MARGIN_MS, keepAliveMaxMs);
  }

  #onOpened(socket: Socket): void {
    this.#abandon = undefined;
    this.#socket = socket;
    this.#owner.onOpened();
    socket.on("end", () => this.#onClosed(undefined));
    socket.on("error", (error) => this.#onClosed(error));
    socket.on("close", () => {
      this.#isSocketClosed = true;
      this.#onClosed(undefined);
      this.#owner.onSocketClosed();
    });
    this.write();
  }

  #onRead(length: number, bytes: Buffer): boolean {
    const carried = this.#carried;
    if (carried === undefined || !this.#isWritten) {
      // Bytes that were not asked for must not be taken for the answer to the next request.
      this.#onUnasked();
      return true;
    }
    carried.onAnswered();
    const progress = this.#parser.read(bytes, length, carried);
    if (progress === "ended") {
      // An answer may come before the whole request has gone out; the next request must not wait for the rest of it.
      carried.onEnd(this.#parser.isReusable && this.isSent);
    } else if (progress === "overlong") {
      carried.onOverlong();
    } else if (progress !== "more") {
      carried.onFault(progress.fault);
    }
    return true;
  }

  #onUnasked(): void {
    if (this.#isReused) {
      this.#onClosed(undefined);
    } else {
      this.#carried?.onFault("the receiver sent an answer before the request");
    }
  }

  #onClosed(error: Error | undefined): void {
    if (this.#destroyed) {
      return;
    }
    const carried = this.#carried;
    if (carried === undefined) {
      this.#owner.onIdleLost(this);
    } else if (!this.#isWritten) {
      this.#takeCarried()?.onLost();
    } else if (error === undefined && this.#parser.close() === "ended") {
      carried.onEnd(false);
    } else {
      carried.onClosed(error);
    }
  }

  #takeCarried(): Carried | undefined {
    const carried = this.#carried;
    this.#carried = undefined;
    return carried;
  }
}
