/** What is kept of an answer, which comes from a stranger and may have any size. */

/** Bytes read of one body; the rest is not read. */
export const RESPONSE_BYTES_READ = 65_536;
/** Bytes of one answer that are recorded: names and values of headers, and the body. */
export const RESPONSE_BYTES_KEPT = 16_384;
/** Headers kept of one answer. 16 kB could be four thousand headers of one letter, each a key of an object. */
const HEADERS_MAX = 128;

/** @param fields Names, in lower case, and values, alternating; the parser has refused NUL and line breaks. */
export function keepHeaders(fields: readonly string[], bytesMax: number): Readonly<Record<string, string>> {
  const kept: Record<string, string> = Object.create(null);
  let bytesLeft = bytesMax;
  let countLeft = HEADERS_MAX;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const value = fields[index + 1] ?? "";
    const former = kept[name];
    bytesLeft -= former === undefined ? name.length + value.length : value.length + 2;
    countLeft -= former === undefined ? 1 : 0;
    if (bytesLeft < 0 || countLeft < 0) {
      break;
    }
    kept[name] = former === undefined ? value : `${former}, ${value}`;
  }
  return kept;
}

/** A copy, because what a socket has received is overwritten. */
export function keepBytes(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.from(bytes.subarray(from, to));
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
