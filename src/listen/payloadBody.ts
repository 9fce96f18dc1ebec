import type { HalfLoop } from "./halfLoop.ts";
import type { BytesFrom, Span } from "./payloadPage.ts";

/** A part of an answer, never empty: text as it is sent, or bytes of the payload. */
export type Part = Buffer | Span;

/** An answer, and what it is made with. */
export interface Body {
  readonly parts: readonly Part[];
  readonly bytesFrom: BytesFrom;
  readonly halfLoop: HalfLoop;
  /** What is sent for bytes of the payload, as many as before. Default: the bytes. */
  readonly convert?: (bytes: Buffer) => Buffer;
}

/** Bytes that are handed on at a time. A slow client holds these, and not the slice that they are from. */
const WINDOW_BYTES = 131_072;

export function bytesOfParts(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + lengthOf(part), 0);
}

/**
 * The answer, read as its client takes it. Nothing is read ahead, and between two reads it holds neither a connection to
 * Postgres nor more than a window. It breaks off if the payload is gone. `onEnd` hears once that it needs nothing any more.
 */
export function streamOf(body: Body, onEnd: () => void): ReadableStream<Uint8Array> {
  const assembly = new Assembly(body.parts);
  let isOver = false;
  const end = (): void => {
    if (!isOver) {
      isOver = true;
      onEnd();
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          if (assembly.isWhole) {
            end();
            controller.close();
          } else {
            controller.enqueue(await nextPiece(assembly, body));
          }
        } catch (thrown) {
          end();
          controller.error(thrown);
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

async function nextPiece(
  assembly: Assembly,
  { bytesFrom, halfLoop, convert = (bytes) => bytes }: Body,
): Promise<Buffer> {
  const at = assembly.wantedAt();
  const bytes = at === null ? NONE : (await present(bytesFrom, at)).subarray(0, WINDOW_BYTES);
  return halfLoop.run(() => assembly.next(convert(bytes), at ?? 0));
}

const NONE: Buffer = Buffer.alloc(0);

async function present(bytesFrom: BytesFrom, at: number): Promise<Buffer> {
  const bytes = await bytesFrom(at);
  if (bytes === null || bytes.length === 0) {
    throw new Error("the payload is gone while it is read");
  }
  return bytes;
}

/** Puts an answer together, a window at a time. A page has thousands of elements in one. */
class Assembly {
  readonly #parts: readonly Part[];
  #left: number;
  /** The part that comes next, and how many of its bytes are done. */
  #index = 0;
  #done = 0;

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
    this.#left = bytesOfParts(parts);
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  /** Where the next bytes of the payload begin; null if none are needed any more. */
  wantedAt(): number | null {
    for (let index = this.#index; index < this.#parts.length; index += 1) {
      const part = this.#parts[index];
      if (part !== undefined && !Buffer.isBuffer(part)) {
        return part.from + (index === this.#index ? this.#done : 0);
      }
    }
    return null;
  }

  /** What comes next, as far as these bytes of the payload go, which begin at `at`. It is a copy, so that they can go. */
  next(bytes: Buffer, at: number): Buffer {
    const piece = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, this.#left));
    let filled = 0;
    while (filled < piece.length) {
      const part = this.#parts[this.#index];
      if (part === undefined) {
        break;
      }
      const isText = Buffer.isBuffer(part);
      const source = isText ? part : bytes;
      const begin = isText ? 0 : part.from - at;
      const from = begin + this.#done;
      if (from >= source.length) {
        break;
      }
      const length = lengthOf(part);
      const copied = source.copy(piece, filled, from, begin + length);
      filled += copied;
      this.#done += copied;
      if (this.#done === length) {
        this.#index += 1;
        this.#done = 0;
      }
    }
    this.#left -= filled;
    return piece.subarray(0, filled);
  }
}

function lengthOf(part: Part): number {
  return Buffer.isBuffer(part) ? part.length : part.to - part.from;
}
