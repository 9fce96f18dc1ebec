import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../ground/clock.ts";
import { type Line, LineSplitter } from "./lines.ts";
import { NO_MEMORY, type Position } from "./position.ts";
import { BATCH_BYTES, BATCH_LINES, type Batch, IDLE_MS, type LineSource } from "./source.ts";

/** How long the first line of a batch waits for more lines. */
const GATHER_MS = 50;

/** The lines of a stream that cannot be read twice, to its end. It reads only when asked for more. */
export class StreamSource implements LineSource {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #splitter = new LineSplitter({ byteOffset: 0, lineNumber: 0 });
  #chunk: Promise<IteratorResult<Buffer, unknown>> | null = null;
  #hasEnded = false;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async next(stopping: AbortSignal): Promise<Batch | null> {
    const beganMs = monotonicMs();
    const lines: Line[] = [];
    let bytes = 0;
    while (!this.#hasEnded && !stopping.aborted && lines.length < BATCH_LINES && bytes < BATCH_BYTES) {
      const untilMs = beganMs + (lines.length > 0 ? GATHER_MS : IDLE_MS);
      const chunk = await this.#within(untilMs - monotonicMs(), stopping);
      if (chunk === "nothing") break;
      bytes += chunk.length;
      lines.push(...(this.#hasEnded ? this.#splitter.end() : this.#splitter.split(chunk)));
    }
    return lines.length === 0 && (this.#hasEnded || stopping.aborted) ? null : { lines, end: this.#position() };
  }

  async close(): Promise<void> {
    this.#stream.destroy();
  }

  /** The next chunk, an empty one at the end of the stream, or "nothing" if none comes in time. */
  async #within(timeMs: number, stopping: AbortSignal): Promise<Buffer | "nothing"> {
    this.#chunk ??= this.#chunks.next();
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, stopping]);
    try {
      const waited = pause(Math.max(1, timeMs), "nothing" as const, { signal }).catch(() => "nothing" as const);
      const result = await Promise.race([this.#chunk, waited]);
      if (result === "nothing") return result;
      this.#chunk = null;
      this.#hasEnded = result.done === true;
      return result.done === true ? Buffer.alloc(0) : result.value;
    } finally {
      timer.abort();
    }
  }

  #position(): Position {
    return {
      ...NO_MEMORY,
      ...{ fileId: null, bornNs: null, fileModifiedNs: 0n, fingerprint: null },
      ...this.#splitter.position,
    };
  }
}
