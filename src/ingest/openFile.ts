import { type FileHandle, open } from "node:fs/promises";
import { type FileFacts, factsOfStat, isMissing } from "./directory.ts";
import { type Ends, EndsTracker, endsOf, fingerprintOf } from "./fingerprint.ts";
import { type Line, type LinePosition, LineSplitter } from "./lines.ts";
import type { Place } from "./position.ts";
import { CHUNK_BYTES } from "./source.ts";

export type Reading =
  | { readonly kind: "lines"; readonly lines: readonly Line[] }
  /** Nothing more for now. */
  | { readonly kind: "end" }
  /** What was read is gone: the file was emptied, and perhaps written to again. */
  | { readonly kind: "emptied" };

/** A file that is read from a position while others write to it, rename it, or empty it. */
export class OpenFile {
  readonly #handle: FileHandle;
  readonly fileId: string;
  readonly #bornNs: bigint | null;
  readonly #splitter: LineSplitter;
  readonly #ends: EndsTracker;
  #readOffset: number;
  #fingerprint: string | null;
  #modifiedNs: bigint;

  private constructor(handle: FileHandle, facts: FileFacts, from: Place, ends: Ends) {
    this.#handle = handle;
    this.fileId = facts.fileId;
    this.#bornNs = facts.bornNs;
    this.#splitter = new LineSplitter(from);
    this.#ends = new EndsTracker(from.byteOffset, ends);
    this.#readOffset = from.byteOffset;
    this.#fingerprint = from.fingerprint;
    this.#modifiedNs = facts.modifiedNs;
  }

  /**
   * Opens it at a position, or at its beginning. Null if another file has the path by now, or if the content before the
   * position is not what the fingerprint says. Rejects if the file may not be read.
   */
  static async open(path: string, facts: FileFacts, from: Place | null): Promise<OpenFile | null> {
    let handle: FileHandle;
    try {
      handle = await open(path, "r");
    } catch (thrown) {
      if (isMissing(thrown)) {
        return null;
      }
      throw thrown;
    }
    try {
      const file = await OpenFile.#recognise(handle, facts, from);
      if (file === null) {
        await handle.close();
      }
      return file;
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
  }

  static async #recognise(handle: FileHandle, facts: FileFacts, from: Place | null): Promise<OpenFile | null> {
    const { fileId, modifiedNs } = factsOfStat(facts.name, await handle.stat({ bigint: true }), false);
    const byteOffset = from?.byteOffset ?? 0;
    const ends = await readEnds(handle, byteOffset);
    if (fileId !== facts.fileId || ends === null) {
      return null;
    }
    const fingerprint = fingerprintOf(byteOffset, ends);
    if (from !== null && from.fingerprint !== null && from.fingerprint !== fingerprint) {
      return null;
    }
    const { bornNs } = facts;
    const lineNumber = from?.lineNumber ?? 0;
    const place = { fileId, bornNs, fileModifiedNs: modifiedNs, fingerprint, byteOffset, lineNumber };
    return new OpenFile(handle, { ...facts, modifiedNs }, place, ends);
  }

  /** After the last line that was returned. */
  get place(): Place {
    return {
      fileId: this.fileId,
      bornNs: this.#bornNs,
      fileModifiedNs: this.#modifiedNs,
      fingerprint: this.#fingerprint,
      ...this.#splitter.position,
    };
  }

  /** Reads up to a chunk. */
  async read(): Promise<Reading> {
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
    if (size < BigInt(this.#readOffset)) {
      return { kind: "emptied" };
    }
    const chunk = await readAt(this.#handle, this.#readOffset, CHUNK_BYTES);
    if (chunk.length === 0 && mtimeNs === this.#modifiedNs) {
      return { kind: "end" };
    }
    // Checked after the read: if what was read is still there now, it was there when the chunk was read, so the chunk
    // continues it. Before the read, the file could be emptied and grow past this offset in between.
    if (!(await this.#isUnchanged())) {
      return { kind: "emptied" };
    }
    this.#modifiedNs = mtimeNs;
    if (chunk.length === 0) {
      return { kind: "end" };
    }
    this.#readOffset += chunk.length;
    const lines = this.#splitter.split(chunk);
    const fingerprint = this.#ends.read(chunk, chunk.lastIndexOf("\n") + 1);
    this.#fingerprint = fingerprint ?? this.#fingerprint;
    return { kind: "lines", lines };
  }

  /** The file will not grow: a line without a line end counts too. */
  end(): readonly Line[] {
    const lines = this.#splitter.end();
    this.#fingerprint = this.#ends.whole();
    return lines;
  }

  /** Of its content before `byteOffset`; null if it is shorter. */
  async fingerprintBefore(byteOffset: number): Promise<string | null> {
    const ends = await readEnds(this.#handle, byteOffset);
    return ends === null ? null : fingerprintOf(byteOffset, ends);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Files of one program often begin alike, so the last bytes that were read are compared as well as the first. */
  async #isUnchanged(): Promise<boolean> {
    const { head, tail } = this.#ends;
    return (
      (await readAt(this.#handle, 0, head.length)).equals(head) &&
      (await readAt(this.#handle, this.#readOffset - tail.length, tail.length)).equals(tail)
    );
  }
}

/** Of the whole file as it was seen; null if it is empty, shorter, or another one by now. */
export async function fingerprintOfFile(path: string, facts: FileFacts): Promise<string | null> {
  const file = await OpenFile.open(path, facts, null);
  try {
    return file === null ? null : await file.fingerprintBefore(facts.bytes);
  } finally {
    await file?.close();
  }
}

/** Null if the file is shorter. */
async function readEnds(handle: FileHandle, byteOffset: number): Promise<Ends | null> {
  const { headBytes, tailStart } = endsOf(byteOffset);
  const head = await readAt(handle, 0, headBytes);
  const tail = await readAt(handle, tailStart, byteOffset - tailStart);
  return head.length < headBytes || tail.length < byteOffset - tailStart ? null : { head, tail };
}

/** At most this many bytes; fewer at the end of the file. */
async function readAt(handle: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let length = 0;
  while (length < bytes) {
    const { bytesRead } = await handle.read(buffer, length, bytes - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/** Where the last complete line ends. Reads the whole file once, to count its lines. */
export async function endOfLines(path: string): Promise<LinePosition> {
  const handle = await open(path, "r");
  try {
    let [offset, byteOffset, lineNumber] = [0, 0, 0];
    for (;;) {
      const chunk = await readAt(handle, offset, COUNTED_BYTES);
      for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, at + 1)) {
        lineNumber += 1;
        byteOffset = offset + at + 1;
      }
      offset += chunk.length;
      if (chunk.length < COUNTED_BYTES) {
        return { byteOffset, lineNumber };
      }
    }
  } finally {
    await handle.close();
  }
}

const LINE_FEED = 0x0a;
const COUNTED_BYTES = 1_048_576;
