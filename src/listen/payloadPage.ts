import { setImmediate } from "node:timers/promises";
import type { Place } from "../format/payloadToken.ts";

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

/** So many bytes are looked at before other work has its turn: half a millisecond. */
const PIECE_BYTES = 131_072;

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
  bytesMax = PAGE_BYTES_MAX,
): Promise<Page | null> {
  const scan = new Scan(place, limit, bytesMax);
  for (let at = place.at; !scan.isOver; ) {
    const bytes = await bytesFrom(at);
    if (bytes === null || bytes.length === 0) {
      return null;
    }
    for (let from = 0; from < bytes.length && !scan.isOver; from += PIECE_BYTES) {
      scan.read(bytes.subarray(from, from + PIECE_BYTES), at + from);
      if (bytes.length - from >= PIECE_BYTES) {
        await setImmediate();
      }
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
    for (let index = 0; index < bytes.length && !this.isOver; index += 1) {
      const byte = bytes[index] ?? 0;
      if (this.#isInString) {
        index = this.#inString(bytes, index);
        this.#to = at + index + 1;
      } else if (!isBlank(byte)) {
        this.#outside(byte, at + index);
      }
    }
    const first = this.spans[0];
    if (!this.isOver && first !== undefined && this.#from >= 0 && at + bytes.length - first.from > this.#bytesMax) {
      this.#end(this.#from);
    }
  }

  /** To the end of the string, or of the bytes; returns the last of them that was read. */
  #inString(bytes: Buffer, from: number): number {
    for (let index = from; index < bytes.length; index += 1) {
      const byte = bytes[index];
      if (this.#isEscaped) {
        this.#isEscaped = false;
      } else if (byte === BACKSLASH) {
        this.#isEscaped = true;
      } else if (byte === QUOTE) {
        this.#isInString = false;
        return index;
      }
    }
    return bytes.length - 1;
  }

  #outside(byte: number, at: number): void {
    const isClosing = byte === CLOSE_ARRAY || byte === CLOSE_OBJECT;
    if (this.#depth === 0 && (byte === COMMA || isClosing)) {
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
      this.#depth += 1;
    } else if (isClosing) {
      this.#depth -= 1;
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

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
