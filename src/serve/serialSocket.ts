import type { Socket } from "node:net";
import { Duplex } from "node:stream";

const HEADERS_END = Buffer.from("\r\n\r\n");

/**
 * A connection that shows the HTTP server one request at a time.
 *
 * Node's parser makes an object of each request in the 64 KiB that it reads at once, and an error with a stack trace of
 * each that is not answered when the connection ends. Some 2,000 requests in one packet cost 50 ms, so a client with a
 * megabyte a second would take all of a daemon's CPU. What follows the headers of a request is kept back until it has been
 * answered, and if that is more than may be kept, the connection ends. If what follows is the request's body, the server
 * says so (`admitBody`) once it has read the headers, and so many bytes pass.
 */
export class SerialSocket extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly #socket: Socket;
  readonly #keptBytesMax: number;
  /** Bytes that the server has not seen. */
  #kept: Buffer = Buffer.alloc(0);
  /** How much of the end of headers the bytes that the server has seen end with. */
  #matched = 0;
  #isAnswering = false;
  /** Bytes of the body that have yet to pass. */
  #bodyLeft = 0;
  #isEnded = false;

  constructor(socket: Socket, keptBytesMax: number) {
    super({ allowHalfOpen: false });
    this.remoteAddress = socket.remoteAddress;
    this.#socket = socket;
    this.#keptBytesMax = keptBytesMax;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => {
      this.#isEnded = true;
      if (this.#isAnswering) {
        // Nobody waits for the answer any more.
        this.destroy();
      } else {
        this.#pass();
      }
    });
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
    socket.on("timeout", () => this.emit("timeout"));
  }

  /** As a socket has it: the HTTP server ends connections on which nothing passes. */
  setTimeout(timeoutMs: number, onTimeout?: () => void): this {
    this.#socket.setTimeout(timeoutMs);
    if (onTimeout !== undefined) {
      this.once("timeout", onTimeout);
    }
    return this;
  }

  /** As a socket has it: the HTTP server closes with it what it has answered for the last time. */
  destroySoon(): void {
    this.end(() => this.destroy());
  }

  /** What follows the headers that have just passed is a body of so many bytes. */
  admitBody(bytes: number): void {
    this.#bodyLeft = bytes;
    // The server's parser is in the middle of the headers, and takes nothing while it is.
    process.nextTick(() => this.#pass());
  }

  /** The next request may pass, behind what is left of a body that was not read. */
  answered(): void {
    this.#isAnswering = false;
    this.#pass();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer; readonly encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #take(chunk: Buffer): void {
    this.#kept = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    this.#pass();
    if (this.#isAnswering && this.#kept.length > this.#keptBytesMax) {
      this.destroy();
    }
  }

  #pass(): void {
    if (this.destroyed) {
      return;
    }
    this.#passBody();
    if (this.#isAnswering || this.#bodyLeft > 0) {
      return;
    }
    const end = this.#endOfHeaders();
    this.#isAnswering = end !== null;
    this.#passBytes(end ?? this.#kept.length);
    if (this.#isEnded && this.#kept.length === 0) {
      this.push(null);
    }
  }

  #passBody(): void {
    const bytes = Math.min(this.#bodyLeft, this.#kept.length);
    this.#bodyLeft -= bytes;
    this.#passBytes(bytes);
  }

  #passBytes(bytes: number): void {
    const passed = this.#kept.subarray(0, bytes);
    // A copy, so that the rest of what was read with it can go.
    this.#kept = Buffer.from(this.#kept.subarray(bytes));
    if (bytes > 0 && !this.push(passed)) {
      this.#socket.pause();
    }
  }

  /** How many of the bytes end a request; null if its headers have not ended. */
  #endOfHeaders(): number | null {
    for (const [index, byte] of this.#kept.entries()) {
      // After another byte than the next one, only a carriage return can begin it anew.
      this.#matched = byte === HEADERS_END[this.#matched] ? this.#matched + 1 : byte === HEADERS_END[0] ? 1 : 0;
      if (this.#matched === HEADERS_END.length) {
        this.#matched = 0;
        return index + 1;
      }
    }
    return null;
  }
}
