import { createHash } from "node:crypto";

/**
 * What is remembered of a file's content, to recognise it: its first and last bytes before a position. An inode number
 * says little, because a deleted file's number goes to the next new file, and the copies of `copytruncate` have others.
 */

/** Of each end. Log lines with a time of day differ well within this many bytes. */
export const END_BYTES = 1_024;

/** The ends of a file's content before `byteOffset`. */
export interface Ends {
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** Where these ends lie in the file. */
export function endsOf(byteOffset: number): { readonly headBytes: number; readonly tailStart: number } {
  return { headBytes: Math.min(END_BYTES, byteOffset), tailStart: Math.max(0, byteOffset - END_BYTES) };
}

/** Null at the beginning of a file, where there is nothing to recognise. */
export function fingerprintOf(byteOffset: number, { head, tail }: Ends): string | null {
  if (byteOffset === 0) {
    return null;
  }
  return createHash("sha256").update(`${byteOffset}\n`).update(head).update(tail).digest("hex");
}

/** Tracks the ends of a file while it is read. */
export class EndsTracker {
  /** The first bytes of the file that have been read. */
  #head: Buffer;
  /** The last bytes that were read. */
  #recent: Buffer;
  #readOffset: number;

  /** `ends`: of the content before `byteOffset`, where reading continues. */
  constructor(byteOffset: number, ends: Ends) {
    this.#head = ends.head;
    this.#recent = ends.tail;
    this.#readOffset = byteOffset;
  }

  get head(): Buffer {
    return this.#head;
  }

  get tail(): Buffer {
    return this.#recent;
  }

  /**
   * Takes the next chunk, and returns the fingerprint of the file up to `lineBytes` into the chunk, where its last complete
   * line ends; null if no line ends in it.
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

  /** The fingerprint of everything that was read. */
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
