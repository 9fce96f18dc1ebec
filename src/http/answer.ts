/** What is kept of an answer, which comes from a stranger and may have any size. */

/** Bytes read of one body; the rest is not read. */
export const RESPONSE_BYTES_READ = 65_536;
/** Bytes of one answer that are recorded: names and values of headers, and the body. */
export const RESPONSE_BYTES_KEPT = 16_384;
/** Headers kept of one answer. 16 kB could be four thousand headers of one letter, each a key of an object. */
const HEADERS_MAX = 128;
/** A piece of the body is copied out of a socket read larger than this, so that it does not hold the rest in memory. */
const READ_PINNED_BYTES_MAX = 32_768;

export type ReceivedHeaders = Record<string, string | string[] | undefined>;

/** Names come lower-case and values as latin1 from undici's parser, which has refused NUL and line breaks. */
export function keepHeaders(received: ReceivedHeaders, bytesMax: number): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  let bytesLeft = bytesMax;
  let countLeft = HEADERS_MAX;
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

export function keepBytes(chunk: Buffer, bytesMax: number): Buffer {
  const piece = chunk.length > bytesMax ? chunk.subarray(0, bytesMax) : chunk;
  return chunk.buffer.byteLength > READ_PINNED_BYTES_MAX ? Buffer.from(piece) : piece;
}

/** The pieces of a body as text that Postgres can store. */
export function textOf(pieces: readonly Buffer[] | undefined): string {
  if (pieces === undefined) {
    return "";
  }
  const [first] = pieces;
  return storable((pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)).toString("utf8"));
}

/** Text as Postgres can store it: no NUL, and no half of a surrogate pair. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
