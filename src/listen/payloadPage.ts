import type { Place } from "../format/payloadToken.ts";
import type { HalfLoop } from "./halfLoop.ts";

/** The bytes of a payload from a place on, as many as are at hand; null if the payload is gone. */
export type BytesFrom = (at: number) => Promise<Buffer | null>;

/** Some elements of an array, or members of an object, one after the other, as bytes of the payload. */
export interface Page {
  /** Where each begins and ends, without the blanks around it. */
  readonly spans: readonly Span[];
  /** Where the next page begins; null after the last one. */
  readonly next: Place | null;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A page ends before the element with which it would have more bytes, unless that is its only one. */
export const PAGE_BYTES_MAX = 4 * 1_048_576;

/** So many bytes are looked at before other work has its turn: a quarter of a millisecond. */
const PIECE_BYTES = 65_536;

/** Where the first page begins; null if the payload is neither an array nor an object, "gone" if there is none. */
export async function firstPlace(bytesFrom: BytesFrom): Promise<Place | null | "gone"> {
  for (let at = 0; ; ) {
    const bytes = await bytesFrom(at);
    if (bytes === null || bytes.length === 0) {
      return "gone";
    }
    for (const byte of bytes) {
      at += 1;
      if (!isBlank(byte)) {
        return byte === OPEN_ARRAY || byte === OPEN_OBJECT ? { isObject: byte === OPEN_OBJECT, at } : null;
      }
    }
  }
}

/**
 * Finds the elements from a place on, up to `limit`; null if the payload is gone. Nothing is made of them: what is found is
 * where they are. The text is JSON, as Postgres has checked, so brackets need no names and only strings can hide a comma.
 */
export async function findPage(
  bytesFrom: BytesFrom,
  place: Place,
  limit: number,
  halfLoop: HalfLoop,
  bytesMax = PAGE_BYTES_MAX,
): Promise<Page | null> {
  const scan = new Scan(place, limit, bytesMax);
  for (let at = place.at; !scan.isOver; ) {
    const bytes = await bytesFrom(at);
    if (bytes === null || bytes.length === 0) {
      return null;
    }
    for (let from = 0; from < bytes.length && !scan.isOver; from += PIECE_BYTES) {
      const piece = bytes.subarray(from, from + PIECE_BYTES);
      const pieceAt = at + from;
      await halfLoop.run(() => scan.read(piece, pieceAt));
    }
    at += bytes.length;
  }
  return { spans: scan.spans, next: scan.next };
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Strings up to here are read a byte at a time; the end of a longer one is searched for, which costs as much as 50 bytes. */
const NEAR_BYTES = 64;

/** What has been found, and where in the text it stands: between elements, in one, or in a string of one. */
class Scan {
  readonly spans: Span[] = [];
  next: Place | null = null;
  isOver = false;
  readonly #isObject: boolean;
  readonly #limit: number;
  readonly #bytesMax: number;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Where the element in progress begins; -1 between elements. */
  #from = -1;
  /** Behind the last byte of it that is not blank. */
  #to = 0;

  constructor({ isObject }: Place, limit: number, bytesMax: number) {
    this.#isObject = isObject;
    this.#limit = limit;
    this.#bytesMax = bytesMax;
  }

  read(bytes: Buffer, at: number): void {
    let index = 0;
    while (index < bytes.length && !this.isOver) {
      if (this.#isInString) {
        index = this.#afterString(bytes, index);
        this.#to = at + index;
      } else if (this.#depth > 0) {
        index = this.#afterBrackets(bytes, index);
        this.#to = at + index;
      } else {
        const byte = bytes[index] ?? 0;
        if (!isBlank(byte)) {
          this.#outside(byte, at + index);
        }
        index += 1;
      }
    }
    const first = this.spans[0];
    if (!this.isOver && first !== undefined && this.#from >= 0 && at + bytes.length - first.from > this.#bytesMax) {
      this.#end(this.#from);
    }
  }

  /** Returns the place behind the bracket that ends all that are open, or the end of the bytes. */
  #afterBrackets(bytes: Buffer, from: number): number {
    let index = from;
    let depth = this.#depth;
    while (index < bytes.length && depth > 0 && !this.#isInString) {
      const byte = bytes[index] ?? 0;
      index += 1;
      if (byte === QUOTE) {
        this.#isInString = true;
        index = this.#afterString(bytes, index);
      } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        depth += 1;
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        depth -= 1;
      }
    }
    this.#depth = depth;
    return index;
  }

  /** Returns the place behind the quote that ends the string, or the end of the bytes. */
  #afterString(bytes: Buffer, from: number): number {
    let index = this.#isEscaped ? from + 1 : from;
    this.#isEscaped = false;
    while (index < bytes.length) {
      for (const near = Math.min(index + NEAR_BYTES, bytes.length); index < near; ) {
        const byte = bytes[index];
        if (byte === QUOTE) {
          this.#isInString = false;
          return index + 1;
        }
        index += byte === BACKSLASH ? 2 : 1;
      }
      if (index < bytes.length) {
        const quote = bytes.indexOf(QUOTE, index);
        const to = quote === -1 ? bytes.length : quote;
        // A quote, or whatever comes next, is escaped if it follows an odd number of backslashes.
        index = to + (backslashesBefore(bytes, index, to) % 2);
        if (index === quote) {
          this.#isInString = false;
          return quote + 1;
        }
      }
    }
    this.#isEscaped = index > bytes.length;
    return bytes.length;
  }

  /** A byte outside of strings and brackets that is not blank. */
  #outside(byte: number, at: number): void {
    const isClosing = byte === CLOSE_ARRAY || byte === CLOSE_OBJECT;
    if (byte === COMMA || isClosing) {
      this.#endElement();
      if (isClosing) {
        this.isOver = true;
      } else if (this.spans.length === this.#limit) {
        this.#end(at + 1);
      }
      return;
    }
    if (this.#from < 0) {
      this.#from = at;
    }
    this.#to = at + 1;
    if (byte === QUOTE) {
      this.#isInString = true;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      this.#depth = 1;
    }
  }

  #endElement(): void {
    if (this.#from < 0) {
      return;
    }
    const from = this.#from;
    const first = this.spans[0];
    this.#from = -1;
    if (first !== undefined && this.#to - first.from > this.#bytesMax) {
      this.#end(from);
    } else {
      this.spans.push({ from, to: this.#to });
    }
  }

  #end(at: number): void {
    this.isOver = true;
    this.next = { isObject: this.#isObject, at };
  }
}

function backslashesBefore(bytes: Buffer, from: number, to: number): number {
  let at = to;
  while (at > from && bytes[at - 1] === BACKSLASH) {
    at -= 1;
  }
  return to - at;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
