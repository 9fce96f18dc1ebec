import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf } from "../ground/errors.ts";
import type { Events } from "../telemetry/bus.ts";
import type { Conditions } from "../telemetry/conditions.ts";
import { type FileFacts, factsOf, isSameLook, type Look, lookAround, pathOf } from "./directory.ts";
import type { Line } from "./lines.ts";
import { endOfLines, fingerprintOfFile, OpenFile } from "./openFile.ts";
import { orderOf, spanOf } from "./order.ts";
import {
  isIn,
  type KnownFile,
  knownAt,
  type Place,
  type Position,
  placeIn,
  recall,
  remember,
  unreadFile,
} from "./position.ts";
import { beginning, type Ignored, resumeCandidates, unreadFiles } from "./rotation.ts";
import { BATCH_BYTES, BATCH_LINES, type Batch, IDLE_MS, type LineSource } from "./source.ts";

/**
 * Follows a file across its rotations, as `tail -F` does, but from a remembered position and through the files that were
 * rotated in the meantime.
 *
 *   no file open   looks for the file of the position under any name; if it is gone, the oldest unread one follows
 *   reading        reads to the end of the file, then waits for it to grow
 *   rotated        another file has the name: reads this one until nothing has come for a while, then leaves it
 *   unproven       the next file is open, but the position is still at the end of the one before. With the first lines it
 *                  checks again that this is the next file: it may have been copied and emptied since, and its earlier
 *                  content is then in the copy
 *
 * A file that is left is remembered with the place where it was left, and lines that are written to it later are read
 * after the next rotation.
 */

/** Between two looks at a file that does not grow. fs.watch sees nothing on network and container file systems. */
const POLL_MS = 200;

/** A writer keeps writing to a renamed file until it opens the new one, moments later. */
const SETTLE_MS = 2_000;

/** So long after the rotation, a writer that still has the old file keeps nobody from the new one. */
const LINGER_MS = 60_000;

export interface FollowOptions {
  /** Absolute. */
  readonly path: string;
  /** The pattern that names the rotated files, relative to the directory of the followed one; null to recognise them. */
  readonly rotated: string | null;
  readonly position: Position;
  readonly events: Events;
  readonly conditions: Conditions;
  /** Default: POLL_MS. */
  readonly pollMs?: number;
  /** Default: SETTLE_MS. */
  readonly settleMs?: number;
  /** Default: LINGER_MS. */
  readonly lingerMs?: number;
}

/** The file to read next, and where: at its beginning, or where it was left. */
interface Next {
  readonly file: FileFacts;
  readonly from: Place | null;
  readonly ignored: readonly Ignored[];
}

export class FollowedFile implements LineSource {
  readonly #path: string;
  readonly #rotated: string | null;
  readonly #events: Events;
  readonly #conditions: Conditions;
  readonly #pollMs: number;
  readonly #settleMs: number;
  readonly #lingerMs: number;
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
  /** Files that the log has named as ignored. */
  readonly #named = new Set<string>();

  constructor({ path, rotated, position, events, conditions, ...times }: FollowOptions) {
    this.#path = path;
    this.#rotated = rotated;
    this.#position = position;
    this.#events = events;
    this.#conditions = conditions;
    this.#pollMs = times.pollMs ?? POLL_MS;
    this.#settleMs = times.settleMs ?? SETTLE_MS;
    this.#lingerMs = times.lingerMs ?? LINGER_MS;
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

  /** Opens the file of the position or, if that is gone, the oldest unread one. */
  async #find(): Promise<OpenFile | null> {
    const look = await this.#look();
    const { fileId } = this.#position;
    for (const candidate of fileId === null ? [] : resumeCandidates(this.#position, look)) {
      const file = await OpenFile.open(pathOf(look, candidate), candidate, this.#position);
      if (file !== null) {
        const isItself = isIn(this.#position, candidate);
        if (!isItself) this.#moveToCopy(look, file);
        this.#take(file, { isProven: true, mayGrow: isItself });
        return file;
      }
    }
    const start = fileId === null ? this.#position : this.#withoutFile(look);
    const next = await this.#next(look, start);
    if (next === null) {
      if (look.current === null) this.#noteMissing();
      return null;
    }
    if (fileId !== null) {
      // If it was rotated between the look and the opening, the file exists under another name.
      if (!isSameLook(look, await this.#look())) return null;
      this.#admitLoss(look, next.file);
      this.#position = start;
    }
    return this.#enter(look, next);
  }

  /** The file of the position was emptied, or is on another disk now; what was read of it is in a copy. */
  #moveToCopy(look: Look, { place }: OpenFile): void {
    this.#position = { ...this.#leaving(look), ...place };
  }

  #admitLoss(look: Look, next: FileFacts): void {
    const { byteOffset, lineNumber, fileModifiedNs } = this.#position;
    this.#events.emit("file.lost", {
      path: this.#path,
      byte_offset: byteOffset,
      line_number: lineNumber,
      goes_on_with: next.name,
      compressed: look.compressed.filter((file) => file.modifiedNs >= fileModifiedNs).map(({ name }) => name),
    });
  }

  /** After everything that was written before the file of the position was last. */
  #withoutFile(look: Look): Position {
    return { ...this.#leaving(look), fileId: null, fingerprint: null, byteOffset: 0, lineNumber: 0 };
  }

  /** Remembers the file of the position, without what was read of it if that is no longer in it. */
  #leaving({ current, others }: Look): Position {
    const left = knownAt(this.#position);
    if (left === null) return this.#position;
    const isEmptied = [current, ...others].some((file) => file !== null && isIn(this.#position, file));
    return { ...this.#position, ...remember(this.#position, isEmptied ? unreadFile(left) : left) };
  }

  async #enter(look: Look, { file: next, from, ignored }: Next): Promise<OpenFile | null> {
    this.#nameIgnored(ignored);
    const file = await OpenFile.open(pathOf(look, next), next, from);
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
    const startOffset = file.place.byteOffset;
    while (lines.length < BATCH_LINES && file.place.byteOffset - startOffset < BATCH_BYTES) {
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
      if (file.place.byteOffset > 0) {
        this.#moveTo(file.place);
      }
    }
    return this.#batch(lines);
  }

  /** The file before this one, if there is any, was read to its end. */
  #moveTo(place: Place): void {
    const left = isIn(this.#position, place) ? null : knownAt(this.#position);
    this.#position = { ...this.#position, ...(left === null ? {} : remember(this.#position, left)), ...place };
  }

  #batch(lines: readonly Line[]): Batch {
    return { lines, end: this.#position };
  }

  async #isNext(file: OpenFile): Promise<boolean> {
    return (await this.#next(await this.#look()))?.file.fileId === file.fileId;
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
    const look = await this.#look();
    const next = await this.#next(look, file.place);
    this.#rotatedAtMs ??= monotonicMs();
    // If the next file is a newer rotated one, the writer is two files ahead.
    const isTwoAhead = next !== null && next.from === null && next.file.fileId !== look.current?.fileId;
    const isOver = !this.#mayGrow || isTwoAhead || this.#isQuiet();
    if (next === null || !(isOver || this.#hasLingered())) {
      if (look.current === null) this.#noteMissing();
      return "wait";
    }
    // One more read finds what was written between the last read and this look. After that, nothing can come.
    if (isOver && this.#nextId !== next.file.fileId) {
      this.#nextId = next.file.fileId;
      return "again";
    }
    return await this.#leaveFor(isOver ? file.end() : [], file, look, next);
  }

  #isQuiet(): boolean {
    return monotonicMs() - Math.max(this.#grewAtMs, this.#rotatedAtMs ?? 0) >= this.#settleMs;
  }

  #hasLingered(): boolean {
    return this.#rotatedAtMs !== null && monotonicMs() - this.#rotatedAtMs >= this.#lingerMs;
  }

  async #leaveFor(lines: readonly Line[], file: OpenFile, look: Look, next: Next): Promise<Batch | "again"> {
    this.#moveTo(file.place);
    const { lineNumber, byteOffset } = this.#position;
    this.#events.emit("file.rotated", { path: this.#path, line_number: lineNumber, byte_offset: byteOffset });
    await this.close();
    await this.#enter(look, next);
    return lines.length > 0 ? this.#batch(lines) : "again";
  }

  /** A file that is seen under the followed name belongs to the log from then on. */
  async #look(): Promise<Look> {
    const look = await lookAround(this.#path, this.#rotated);
    const { current } = look;
    if (current !== null && !isIn(this.#position, current) && recall(this.#position, current) === null) {
      this.#position = { ...this.#position, ...remember(this.#position, unreadFile(current)) };
    }
    return look;
  }

  /** The oldest file with something unread in it, the one with the followed name last; null while there is none. */
  async #next(look: Look, place: Place = this.#position): Promise<Next | null> {
    const at = { ...this.#position, ...place };
    const { files, ignored } = unreadFiles(at, look);
    const { current } = look;
    const isWaiting = current !== null && current.bytes > 0 && !isIn(at, current);
    const oldestOf = orderOf(look.others);
    for (let left = files; left.length > 0 || isWaiting; ) {
      const file = oldestOf(left) ?? current;
      if (file === null) break;
      left = left.filter((each) => each !== file);
      const from = await this.#startIn(file, look, at);
      if (from !== "read") return { file, from, ignored };
      if (file === current) break;
    }
    return null;
  }

  /** Where to begin in a file: null at its beginning; "read" if there is nothing unread. */
  async #startIn(file: FileFacts, look: Look, at: Position): Promise<Place | null | "read"> {
    const known = recall(at, file);
    if (known !== null) {
      return await startInKnown(pathOf(look, file), file, known);
    }
    return file !== look.current && (await this.#isCopy(file, look, at)) ? "read" : null;
  }

  /** Whether it holds what was read from another file: a part of the last one, or all of an earlier one. */
  async #isCopy(file: FileFacts, look: Look, at: Position): Promise<boolean> {
    const last = this.#file !== null && isIn(at, this.#file.place) ? this.#file : null;
    const isPart = last !== null && spanOf(file).beginNs < at.fileModifiedNs && file.bytes <= at.byteOffset;
    const equal = [...at.known, knownAt(at)].filter((each) => each?.bytes === file.bytes);
    if (equal.length === 0 && !isPart) return false;
    const fingerprint = await fingerprintOfFile(pathOf(look, file), file);
    const isCopy =
      (isPart && (await last.fingerprintBefore(file.bytes)) === fingerprint) ||
      equal.some((each) => each?.fingerprint === fingerprint);
    if (isCopy && fingerprint !== null) {
      this.#nameIgnored([{ file, reason: "what is in it was read under another name" }]);
      const { fileId, bornNs, bytes, modifiedNs } = file;
      const copy = { fileId, bornNs, bytes, lines: 0, modifiedNs, fingerprint };
      this.#position = { ...this.#position, ...remember(this.#position, copy) };
    }
    return isCopy && fingerprint !== null;
  }

  #nameIgnored(ignored: readonly Ignored[]): void {
    for (const { file, reason } of ignored) {
      if (this.#named.has(file.fileId) || this.#named.size >= NAMED_MAX) continue;
      this.#named.add(file.fileId);
      this.#events.emit("file.ignored", { path: this.#path, file: file.name, reason });
    }
  }

  #noteMissing(): void {
    this.#conditions.begin("file_missing", "file.missing", { path: this.#path });
  }
}

/** A run names no more ignored files than this. */
const NAMED_MAX = 100;

async function startInKnown(path: string, file: FileFacts, known: KnownFile): Promise<Place | null | "read"> {
  if (known.bytes === 0) return null;
  if (known.bytes === file.bytes && known.modifiedNs === file.modifiedNs) return "read";
  const place = placeIn(known);
  const opened = file.bytes < known.bytes ? null : await OpenFile.open(path, file, place);
  await opened?.close();
  // If it does not begin as it did, it was emptied and written to again.
  if (opened === null) return null;
  return known.bytes === file.bytes ? "read" : place;
}

/**
 * Where an ingest that has no position begins: at the start of the file, or after its last complete line. Rejects if the
 * file exists but cannot be read.
 */
export async function firstPosition(
  path: string,
  rotated: string | null,
  from: "beginning" | "end",
): Promise<Position> {
  const look = await lookAround(path, rotated);
  const { current } = look;
  const start = beginning(look);
  const file = current === null ? null : await OpenFile.open(pathOf(look, current), current, null);
  await file?.close();
  if (from === "beginning" || current === null) {
    return start;
  }
  const end = await endOfLines(path);
  const atEnd = await OpenFile.open(pathOf(look, current), current, { ...start, ...end });
  await atEnd?.close();
  return atEnd === null ? start : { ...start, ...atEnd.place };
}
