import type { BytesFrom, Span } from "./payloadPage.ts";

/** A part of an answer: text, or bytes of the payload. */
export type Part = string | Span;

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
  convert: (bytes: Buffer) => Buffer = (bytes) => bytes,
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

async function* piecesOf(
  parts: readonly Part[],
  bytesFrom: BytesFrom,
  convert: (bytes: Buffer) => Buffer,
): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = [];
  let count = 0;
  for (const part of parts) {
    for (let at = 0; at < lengthOf(part); ) {
      const window = typeof part === "string" ? Buffer.from(part) : convert(await windowOf(part, at, bytesFrom));
      gathered.push(window);
      at += window.length;
      count += window.length;
      if (count >= WINDOW_BYTES) {
        // A copy, so that the slice can go.
        const piece = Buffer.concat(gathered, count);
        gathered = [];
        count = 0;
        yield piece;
      }
    }
  }
  if (count > 0) {
    yield Buffer.concat(gathered, count);
  }
}

async function windowOf({ from, to }: Span, at: number, bytesFrom: BytesFrom): Promise<Buffer> {
  const bytes = await bytesFrom(from + at);
  if (bytes === null || bytes.length === 0) {
    throw new Error("the payload is gone while it is read");
  }
  return bytes.subarray(0, Math.min(WINDOW_BYTES, to - from - at));
}

function lengthOf(part: Part): number {
  return typeof part === "string" ? Buffer.byteLength(part) : part.to - part.from;
}
