import { isUtf8 } from "node:buffer";

/**
 * The longest line that becomes an event: as long as the longest payload that filters are applied to. Anything longer is
 * not a log line, and must not fill the memory of its readers.
 */
export const LINE_BYTES_MAX = 1_048_576;

/** One line that is not empty, and its position. */
export interface Line {
  /** In its file or stream, from 1; empty lines count. */
  readonly number: number;
  /** Of its first byte. */
  readonly byteOffset: number;
  /** Where the next line begins. */
  readonly endOffset: number;
  /** Without the line end; null if it cannot be sent, because it is not text or too long to keep. */
  readonly bytes: Buffer | null;
  /** Why it cannot become an event, before Postgres judges it. */
  readonly problem: string | null;
}

/** Where reading begins or has got to: everything before it is complete lines. */
export interface LinePosition {
  readonly byteOffset: number;
  readonly lineNumber: number;
}

/**
 * Cuts a stream of chunks into lines. A line ends with a line feed; a carriage return before that belongs to the end. The
 * beginning of a line is kept until its rest arrives. Lines are views of the chunks.
 */
export class LineSplitter {
  #byteOffset: number;
  #lineNumber: number;
  /** The beginning of a line, unless it is too long already. */
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor({ byteOffset, lineNumber }: LinePosition) {
    this.#byteOffset = byteOffset;
    this.#lineNumber = lineNumber;
  }

  /** After the last complete line. */
  get position(): LinePosition {
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

  /** The stream ends here: a line without a line feed counts too. */
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
    const position = { number, byteOffset, endOffset };
    const bytes =
      this.#partBytes > LINE_BYTES_MAX + CARRIAGE_RETURNS_MAX ? null : contentOf(this.#joined(), byteOffset);
    this.#byteOffset = endOffset;
    this.#lineNumber = number;
    this.#parts = [];
    this.#partBytes = 0;
    if (bytes === null || bytes.length > LINE_BYTES_MAX) {
      lines.push({ ...position, bytes: null, problem: `it has more than ${LINE_BYTES_MAX} bytes` });
    } else if (!isBlank(bytes)) {
      const problem = problemOf(bytes);
      lines.push({ ...position, bytes: problem === null ? bytes : null, problem });
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

/** Without the carriage return of the line end and the mark that some editors put at the beginning of a file. */
function contentOf(line: Buffer, byteOffset: number): Buffer {
  const hasMark = byteOffset === 0 && line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  return line.subarray(
    hasMark ? BYTE_ORDER_MARK.length : 0,
    line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length,
  );
}

function isBlank(bytes: Buffer): boolean {
  // For nearly every line the first byte decides.
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === CARRIAGE_RETURN);
}

function problemOf(bytes: Buffer): string | null {
  if (!isUtf8(bytes)) {
    return "it is not UTF-8";
  }
  return bytes.includes(0) ? "it holds a byte that is zero" : null;
}
