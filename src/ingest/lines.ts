import { isUtf8 } from "node:buffer";

/**
 * The longest line that becomes an event: as long as the longest payload that filters are applied to. What is longer is
 * no log line any more, and is not to fill the memory of whatever reads it.
 */
export const LINE_BYTES_MAX = 1_048_576;

/** One line that is not empty, and where it is. */
export interface Line {
  /** In its file or stream, from 1; empty ones count. */
  readonly number: number;
  /** Of its first byte. */
  readonly byteOffset: number;
  /** Where the next line begins. */
  readonly endOffset: number;
  /** Without the line end; null where it is not to be sent, as it is no text, or too long to be kept. */
  readonly bytes: Buffer | null;
  /** Why it cannot be an event, whatever Postgres would say. */
  readonly problem: string | null;
}

/** Where reading begins, or has got to: everything before is complete lines. */
export interface LinePlace {
  readonly byteOffset: number;
  readonly lineNumber: number;
}

/**
 * Cuts a stream of chunks into lines. A line ends with a line feed, and a carriage return before it belongs to the end;
 * what comes after the last one is kept until the rest of its line is there. Lines are views of the chunks.
 */
export class LineSplitter {
  #byteOffset: number;
  #lineNumber: number;
  /** The line that has begun, as long as it may still become one. */
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor({ byteOffset, lineNumber }: LinePlace) {
    this.#byteOffset = byteOffset;
    this.#lineNumber = lineNumber;
  }

  /** Behind the last complete line. */
  get place(): LinePlace {
    return { byteOffset: this.#byteOffset, lineNumber: this.#lineNumber };
  }

  /** The complete lines that end in this chunk, without the empty ones. */
  split(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      this.#keep(chunk.subarray(from, end));
      this.#finish(1, lines);
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    return lines;
  }

  /** The stream ends here: what has no line feed is a line all the same. */
  end(): Line[] {
    const lines: Line[] = [];
    if (this.#partBytes > 0) {
      this.#finish(0, lines);
    }
    return lines;
  }

  #keep(part: Buffer): void {
    this.#partBytes += part.length;
    if (this.#partBytes > LINE_BYTES_MAX + CARRIAGE_RETURNS_MAX) {
      this.#parts = [];
    } else if (part.length > 0) {
      this.#parts.push(part);
    }
  }

  #finish(lineFeeds: 0 | 1, lines: Line[]): void {
    const byteOffset = this.#byteOffset;
    const endOffset = byteOffset + this.#partBytes + lineFeeds;
    const number = this.#lineNumber + 1;
    const place = { number, byteOffset, endOffset };
    const bytes =
      this.#partBytes > LINE_BYTES_MAX + CARRIAGE_RETURNS_MAX ? null : contentOf(this.#joined(), byteOffset);
    this.#byteOffset = endOffset;
    this.#lineNumber = number;
    this.#parts = [];
    this.#partBytes = 0;
    if (bytes === null || bytes.length > LINE_BYTES_MAX) {
      lines.push({ ...place, bytes: null, problem: `it has more than ${LINE_BYTES_MAX} bytes` });
    } else if (!isBlank(bytes)) {
      const problem = problemOf(bytes);
      lines.push({ ...place, bytes: problem === null ? bytes : null, problem });
    }
  }

  #joined(): Buffer {
    const [first = EMPTY, ...more] = this.#parts;
    return more.length === 0 ? first : Buffer.concat(this.#parts);
  }
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const CARRIAGE_RETURNS_MAX = 1;
const EMPTY = Buffer.alloc(0);
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Without the carriage return of a line end, and without the mark that some editors put at a file's beginning. */
function contentOf(line: Buffer, byteOffset: number): Buffer {
  const hasMark = byteOffset === 0 && line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  return line.subarray(
    hasMark ? BYTE_ORDER_MARK.length : 0,
    line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length,
  );
}

function isBlank(bytes: Buffer): boolean {
  // The first byte tells of nearly every line.
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === CARRIAGE_RETURN);
}

function problemOf(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) {
    return "it is not UTF-8";
  }
  return bytes.includes(0) ? "it holds a byte that is zero" : null;
}
