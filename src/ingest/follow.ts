import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf } from "../ground/errors.ts";
import type { Events } from "../telemetry/bus.ts";
import type { Conditions } from "../telemetry/conditions.ts";
import { factsOf, isSameLook, type Look, lookAround } from "./directory.ts";
import type { Line } from "./lines.ts";
import { endOfLines, OpenFile } from "./openFile.ts";
import { beginning, type FileFacts, type Position, resumeCandidates, successorOf } from "./rotation.ts";
import { BATCH_BYTES, BATCH_LINES, type Batch, IDLE_MS, type LineSource } from "./source.ts";

/**
 * Follows a file across its rotations, as `tail -F` does, but from a remembered position and through the files that were
 * rotated in the meantime.
 *
 *   no file open   looks for the file of the position under any name; if it is gone, the next newer one follows
 *   reading        reads to the end of the file, then waits for it to grow
 *   rotated        another file has the name: reads this one until nothing has come for a while, then leaves it
 *   unproven       the next file is open, but the position is still at the end of the one before. With the first lines it
 *                  checks again that this is the next file: it may have been copied and emptied since, and its earlier
 *                  content is then in the copy
 */

/** Between two looks at a file that does not grow. fs.watch sees nothing on network and container file systems. */
const POLL_MS = 200;

/** A writer keeps writing to a renamed file until it opens the new one, moments later. */
const SETTLE_MS = 2_000;

export interface FollowOptions {
  /** Absolute. */
  readonly path: string;
  readonly position: Position;
  readonly events: Events;
  readonly conditions: Conditions;
  /** Default: POLL_MS. */
  readonly pollMs?: number;
  /** Default: SETTLE_MS. */
  readonly settleMs?: number;
}

export class FollowedFile implements LineSource {
  readonly #path: string;
  readonly #events: Events;
  readonly #conditions: Conditions;
  readonly #pollMs: number;
  readonly #settleMs: number;
  /** After the last line that was returned. */
  #position: Position;
  #file: OpenFile | null = null;
  #isProven = true;
  /** False for a copy, which nothing writes to. */
  #mayGrow = true;
  #grewAtMs = 0;
  #rotatedAtMs: number | null = null;
  /** The next file, as seen when everything here had been read. */
  #nextId: string | null = null;

  constructor({ path, position, events, conditions, pollMs = POLL_MS, settleMs = SETTLE_MS }: FollowOptions) {
    this.#path = path;
    this.#position = position;
    this.#events = events;
    this.#conditions = conditions;
    this.#pollMs = pollMs;
    this.#settleMs = settleMs;
  }

  async next(stopping: AbortSignal): Promise<Batch | null> {
    const idleAtMs = monotonicMs() + IDLE_MS;
    while (!stopping.aborted) {
      const step = await this.#step();
      if (typeof step === "object") {
        return step;
      }
      if (monotonicMs() > idleAtMs) {
        return { lines: [], end: this.#position };
      }
      if (step === "wait") {
        await pause(this.#pollMs, null, { signal: stopping }).catch(() => {
          // Asked to stop.
        });
      }
    }
    return null;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  async #step(): Promise<Batch | "again" | "wait"> {
    try {
      const file = this.#file ?? (await this.#find());
      return file === null ? "wait" : await this.#readOn(file);
    } catch (thrown) {
      // The right to read it may come with the next rotation, and a network file system with its server. The lines wait.
      if (!(thrown instanceof Error && "syscall" in thrown)) {
        throw thrown;
      }
      const fields = { path: this.#path, error: messageOf(thrown) };
      this.#conditions.begin("file_missing", "file.unreadable", fields);
      await this.close();
      return "wait";
    }
  }

  /** Opens the file of the position or, if that is gone, the next newer one. */
  async #find(): Promise<OpenFile | null> {
    const look = await lookAround(this.#path);
    for (const candidate of this.#position.fileId === null ? [] : resumeCandidates(this.#position, look)) {
      const file = await OpenFile.open(join(look.directory, candidate.name), candidate, this.#position);
      if (file !== null) {
        this.#take(file, { isProven: true, mayGrow: candidate.fileId === this.#position.fileId });
        return file;
      }
    }
    const next = successorOf({ ...this.#position, fileId: null }, look);
    if (next === null) {
      if (look.current === null) this.#noteMissing();
      return null;
    }
    if (this.#position.fileId !== null) {
      // If it was rotated between the look and the opening, the file exists under another name.
      if (!isSameLook(look, await lookAround(this.#path))) return null;
      this.#admitLoss(look, next);
    }
    return this.#enter(look, next);
  }

  #admitLoss({ compressed }: Look, next: FileFacts): void {
    const { byteOffset, lineNumber, fileModifiedNs } = this.#position;
    this.#events.emit("file.lost", {
      path: this.#path,
      byte_offset: byteOffset,
      line_number: lineNumber,
      goes_on_with: next.name,
      compressed: compressed.filter((file) => file.modifiedNs >= fileModifiedNs).map(({ name }) => name),
    });
    this.#position = { fileId: null, fileModifiedNs, fingerprint: null, byteOffset: 0, lineNumber: 0 };
  }

  async #enter({ directory }: Look, next: FileFacts): Promise<OpenFile | null> {
    const file = await OpenFile.open(join(directory, next.name), next, null);
    if (file !== null) {
      this.#take(file, { isProven: false, mayGrow: true });
    }
    return file;
  }

  #take(file: OpenFile, { isProven, mayGrow }: { readonly isProven: boolean; readonly mayGrow: boolean }): void {
    this.#file = file;
    this.#isProven = isProven;
    this.#mayGrow = mayGrow;
    this.#rotatedAtMs = null;
    this.#nextId = null;
    this.#grewAtMs = monotonicMs();
    this.#conditions.end("file_missing", { path: this.#path });
  }

  async #readOn(file: OpenFile): Promise<Batch | "again" | "wait"> {
    const lines: Line[] = [];
    const startOffset = file.position.byteOffset;
    while (lines.length < BATCH_LINES && file.position.byteOffset - startOffset < BATCH_BYTES) {
      const reading = await file.read();
      if (reading.kind === "end") {
        return lines.length > 0 ? this.#batch(lines) : await this.#atEnd(file);
      }
      if (reading.kind === "emptied") {
        return lines.length > 0 ? this.#batch(lines) : await this.#emptied();
      }
      if (!this.#isProven && !(await this.#isNext(file))) {
        await this.close();
        return "again";
      }
      this.#isProven = true;
      this.#grewAtMs = monotonicMs();
      this.#nextId = null;
      lines.push(...reading.lines);
      if (file.position.byteOffset > 0) {
        this.#position = file.position;
      }
    }
    return this.#batch(lines);
  }

  #batch(lines: readonly Line[]): Batch {
    return { lines, end: this.#position };
  }

  async #isNext(file: OpenFile): Promise<boolean> {
    return successorOf(this.#position, await lookAround(this.#path))?.fileId === file.fileId;
  }

  async #emptied(): Promise<"again"> {
    this.#events.emit("file.emptied", { path: this.#path, byte_offset: this.#position.byteOffset });
    await this.close();
    return "again";
  }

  /** Everything in the file was read. If another file has the name, this one is left when it is quiet. */
  async #atEnd(file: OpenFile): Promise<Batch | "again" | "wait"> {
    if ((await factsOf(this.#path))?.fileId === file.fileId) {
      this.#rotatedAtMs = null;
      this.#conditions.end("file_missing", { path: this.#path });
      return "wait";
    }
    if (!this.#isProven) {
      await this.close();
      return "again";
    }
    const look = await lookAround(this.#path);
    const next = successorOf(file.position, look);
    this.#rotatedAtMs ??= monotonicMs();
    // If the next file is a rotated one too, the writer is two files ahead.
    const isQuiet = !this.#mayGrow || next?.fileId !== look.current?.fileId || this.#hasSettled();
    if (next === null || !isQuiet) {
      if (look.current === null) this.#noteMissing();
      return "wait";
    }
    // One more read finds what was written between the last read and this look. After that, nothing can come.
    if (this.#nextId !== next.fileId) {
      this.#nextId = next.fileId;
      return "again";
    }
    return await this.#leaveFor(file, look, next);
  }

  #hasSettled(): boolean {
    return monotonicMs() - Math.max(this.#grewAtMs, this.#rotatedAtMs ?? 0) >= this.#settleMs;
  }

  async #leaveFor(file: OpenFile, look: Look, next: FileFacts): Promise<Batch | "again"> {
    const lines = file.end();
    this.#position = file.position;
    const { lineNumber, byteOffset } = this.#position;
    this.#events.emit("file.rotated", { path: this.#path, line_number: lineNumber, byte_offset: byteOffset });
    await this.close();
    await this.#enter(look, next);
    return lines.length > 0 ? this.#batch(lines) : "again";
  }

  #noteMissing(): void {
    this.#conditions.begin("file_missing", "file.missing", { path: this.#path });
  }
}

/**
 * Where an ingest that has no position begins: at the start of the file, or after its last complete line. Rejects if the
 * file exists but cannot be read.
 */
export async function firstPosition(path: string, from: "beginning" | "end"): Promise<Position> {
  const look = await lookAround(path);
  const { current } = look;
  const file = current === null ? null : await OpenFile.open(path, current, null);
  await file?.close();
  if (from === "beginning" || current === null) {
    return beginning(look);
  }
  const end = await endOfLines(path);
  const atEnd = await OpenFile.open(path, current, { ...beginning(look), ...end });
  await atEnd?.close();
  return atEnd?.position ?? beginning(look);
}
