import type { BytesFrom, Span } from "./payloadPage.ts";

/** A part of an answer: text, or bytes of the payload. */
export type Part = string | Span;

/** What is made of bytes of the payload, as many as before. */
type Convert = (bytes: Buffer) => Buffer;

/** Bytes that are handed on at a time. A slow client holds these, and not the slice that they are from. */
const WINDOW_BYTES = 131_072;

export function bytesOfParts(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + lengthOf(part), 0);
}

/**
 * The answer, read as its client takes it. Nothing is read ahead, and between two reads it holds neither a connection to
 * Postgres nor more than a window. It breaks off if the payload is gone. `onEnd` hears once that it needs nothing any more.
 */
export function streamOf(
  parts: readonly Part[],
  bytesFrom: BytesFrom,
  onEnd: () => void,
  convert: Convert = (bytes) => bytes,
): ReadableStream<Uint8Array> {
  const pieces = piecesOf(parts, bytesFrom, convert);
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
          const { value, done } = await pieces.next();
          if (done === true) {
            end();
            controller.close();
          } else {
            controller.enqueue(value);
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

async function* piecesOf(parts: readonly Part[], bytesFrom: BytesFrom, convert: Convert): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = [];
  let count = 0;
  /** The bytes at hand, from `at` on. A page has thousands of elements in one slice. */
  let at = 0;
  let bytes: Buffer = NONE;
  for (const part of parts) {
    for (let done = 0; done < lengthOf(part); ) {
      let window: Buffer = NONE;
      if (typeof part === "string") {
        window = Buffer.from(part);
      } else {
        const from = part.from + done;
        if (from < at || from >= at + bytes.length) {
          at = from;
          bytes = await present(bytesFrom, from);
        }
        const to = Math.min(from + WINDOW_BYTES, part.to);
        window = convert(bytes.subarray(from - at, to - at));
      }
      gathered.push(window);
      done += window.length;
      count += window.length;
      if (count >= WINDOW_BYTES) {
        // A copy, so that the slice can go.
        const piece = Buffer.concat(gathered, count);
        gathered = [];
        count = 0;
        bytes = NONE;
        yield piece;
      }
    }
  }
  if (count > 0) {
    yield Buffer.concat(gathered, count);
  }
}

const NONE: Buffer = Buffer.alloc(0);

async function present(bytesFrom: BytesFrom, at: number): Promise<Buffer> {
  const bytes = await bytesFrom(at);
  if (bytes === null || bytes.length === 0) {
    throw new Error("the payload is gone while it is read");
  }
  return bytes;
}

function lengthOf(part: Part): number {
  return typeof part === "string" ? Buffer.byteLength(part) : part.to - part.from;
}
