import { createHash } from "node:crypto";

/**
 * What is remembered of a file's content, to know it again: its first and last bytes up to a place. An inode number says
 * little, since a deleted file's goes to the next one that is made, and the copies of `copytruncate` have others.
 */

/** Of each end. Log lines with a time of day differ well before. */
export const END_BYTES = 1_024;

/** The ends of what is before `byteOffset` in a file. */
export interface Ends {
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** Where in the file the ends of what is before `byteOffset` lie. */
export function endsOf(byteOffset: number): { readonly headBytes: number; readonly tailStart: number } {
  return { headBytes: Math.min(END_BYTES, byteOffset), tailStart: Math.max(0, byteOffset - END_BYTES) };
}

/** Null at the beginning of a file, where there is nothing to know it by. */
export function fingerprintOf(byteOffset: number, { head, tail }: Ends): string | null {
  if (byteOffset === 0) {
    return null;
  }
  return createHash("sha256").update(`${byteOffset}\n`).update(head).update(tail).digest("hex");
}

/** Follows the ends of a file along while it is read. */
export class EndsTracker {
  /** The first bytes of the file, as far as they have been read. */
  #head: Buffer;
  /** The last bytes that were read. */
  #recent: Buffer;
  #readOffset: number;

  /** `ends` of what is before `byteOffset`, where reading goes on. */
  constructor(byteOffset: number, ends: Ends) {
    this.#head = ends.head;
    this.#recent = ends.tail;
    this.#readOffset = byteOffset;
  }

  get head(): Buffer {
    return this.#head;
  }

  /**
   * Takes in a chunk that follows what was read, and gives the fingerprint of the file up to `lineBytes` into the chunk,
   * behind its last complete line; null where no line ends in it.
   */
  read(chunk: Buffer, lineBytes: number): string | null {
    if (this.#head.length === this.#readOffset && this.#head.length < END_BYTES) {
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, END_BYTES - this.#head.length)]);
    }
    const byteOffset = this.#readOffset + lineBytes;
    const tail = lastBytes(this.#recent, chunk.subarray(0, lineBytes));
    this.#recent = lastBytes(this.#recent, chunk);
    this.#readOffset += chunk.length;
    return lineBytes === 0 ? null : fingerprintOf(byteOffset, { head: this.#headBefore(byteOffset), tail });
  }

  /** Of everything that was read. */
  whole(): string | null {
    return fingerprintOf(this.#readOffset, { head: this.#headBefore(this.#readOffset), tail: this.#recent });
  }

  #headBefore(byteOffset: number): Buffer {
    return this.#head.subarray(0, endsOf(byteOffset).headBytes);
  }
}

function lastBytes(before: Buffer, chunk: Buffer): Buffer {
  // A copy: a view would keep the whole chunk in memory.
  const missing = END_BYTES - chunk.length;
  return missing <= 0
    ? Buffer.from(chunk.subarray(chunk.length - END_BYTES))
    : Buffer.concat([before.subarray(Math.max(0, before.length - missing)), chunk]);
}
