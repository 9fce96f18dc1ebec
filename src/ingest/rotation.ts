import type { FileFacts, Look } from "./directory.ts";
import { END_BYTES } from "./fingerprint.ts";
import { looksRotated, markOf, usualShapes } from "./names.ts";
import { isBefore, type Span, spanOf } from "./order.ts";
import { isIn, laterBirth, type Place, type Position, recall, unreadFile } from "./position.ts";

/**
 * Decides which files belong to the followed log and are unread, from what a directory shows and what is remembered.
 * Files are rotated in two ways: the old file gets a new name (`create`), or it is copied under that name and then emptied
 * (`copytruncate`).
 *
 * A file belongs to the log if it is remembered; if --rotated names it; or if the name has the shape that a remembered file
 * has now, and its time fits between the file of the position and the present one. Without a remembered file in sight, one
 * of the usual shapes serves.
 */

/** A file that is not read, although its name looks like that of a rotated one. */
export interface Ignored {
  readonly file: FileFacts;
  readonly reason: string;
}

export interface Unread {
  readonly files: readonly FileFacts[];
  readonly ignored: readonly Ignored[];
}

/** A program may write to the old file for so long after the next one was made. */
const REOPEN_NS = 60_000_000_000n;
/** A copy is written at no less than this. */
const COPIED_BYTES_PER_SECOND = 10_485_760;

/** The rotated files that belong to the log and are not read to their end, as far as can be told without opening them. */
export function unreadFiles(position: Position, look: Look): Unread {
  const others = look.others.filter((file) => file.bytes > 0 && !isIn(position, file));
  const span = spanOfPlace(position, look);
  const unknown = others.filter((file) => recall(position, file) === null && !isPast(file, position, span));
  const remembered = others.filter((file) => recall(position, file) !== null);
  const proven = provenShapes(position, look);
  // Without a followed file in sight, only what began when the last one ended can be its successor.
  const fits = (file: FileFacts): boolean =>
    proven.size > 0 || position.fileId === null || spanOf(file).beginNs >= span.endNs - REOPEN_NS;
  const shapes = proven.size > 0 ? proven : usualShape(look, unknown.filter(fits));
  const files: FileFacts[] = [];
  const ignored: Ignored[] = [];
  for (const file of unknown) {
    const reason = objectionTo(file, look, fits(file) ? shapes : NO_SHAPES, span);
    if (reason === null) files.push(file);
    else if (looksRotated(look.followed, file.name)) ignored.push({ file, reason });
  }
  return { files: [...remembered, ...files], ignored };
}

function objectionTo(file: FileFacts, look: Look, shapes: ReadonlySet<string>, span: Span): string | null {
  if (look.declared !== null) {
    return look.declared.has(file.name) ? null : "--rotated does not name it";
  }
  if (!shapes.has(markOf(file.name).shape)) {
    return "no file of this log is known to have such a name";
  }
  return isWrittenOn(file, look, span) ? "it was written to while a newer file was there" : null;
}

/** From the birth of the file of the position to its last change, as far as they are known. */
function spanOfPlace(place: Place, { others }: Look): Span {
  const own = others.find((file) => isIn(place, file));
  return spanOf({ bornNs: place.bornNs, modifiedNs: own?.modifiedNs ?? place.fileModifiedNs });
}

function isPast(file: FileFacts, position: Position, span: Span): boolean {
  const { passedBornNs, fileId, fileModifiedNs } = position;
  if (passedBornNs !== null && file.bornNs !== null && file.bornNs <= passedBornNs) {
    return true;
  }
  return fileId === null ? file.modifiedNs <= fileModifiedNs : isBefore(spanOf(file), span);
}

const NO_SHAPES: ReadonlySet<string> = new Set();

/** The shapes of the names that followed files have now. */
function provenShapes(position: Position, look: Look): ReadonlySet<string> {
  const own = look.others.filter((file) => isIn(position, file) || recall(position, file) !== null);
  return new Set(own.map(({ name }) => markOf(name).shape));
}

/** The first of the usual shapes that one of these files has. */
function usualShape({ linked, followed }: Look, files: readonly FileFacts[]): ReadonlySet<string> {
  const seen = new Set(files.map(({ name }) => markOf(name).shape));
  const usual = [...(linked === null ? [] : [markOf(linked).shape]), ...usualShapes(followed)];
  return new Set(usual.filter((shape) => seen.has(shape)).slice(0, 1));
}

/** Whether it was written to while the present file was, so that it is the log of something else. */
function isWrittenOn(file: FileFacts, { current }: Look, span: Span): boolean {
  const { beginNs, endNs } = spanOf(file);
  if (current === null) {
    return false;
  }
  if (current.bornNs !== null && current.bornNs > span.beginNs) {
    return endNs > current.bornNs + REOPEN_NS;
  }
  // The present file is older than the one before: it is emptied each time. A copy is not written to for long.
  return endNs - beginNs > REOPEN_NS + BigInt(Math.ceil(file.bytes / COPIED_BYTES_PER_SECOND)) * 1_000_000_000n;
}

/**
 * The files that may be the one of the position, the likeliest first. The fingerprint must confirm each. A copy is looked
 * for if the file itself was emptied. If it is gone, a file that begins in the same way may be a new one, unless that
 * beginning is long.
 */
export function resumeCandidates(position: Position, { current, others }: Look): readonly FileFacts[] {
  const { byteOffset, fileModifiedNs, fingerprint, bornNs } = position;
  const all = [...(current === null ? [] : [current]), ...others];
  const isEmptied = all.some((file) => isIn(position, file));
  const isTelling = byteOffset > END_BYTES || bornNs === null;
  const copies = fingerprint === null || !(isEmptied || isTelling) ? [] : isTelling ? all : others;
  return [
    ...all.filter((file) => isIn(position, file)),
    // A copy is at least as new as its original; older files may well begin in the same way.
    ...copies
      .filter((file) => !isIn(position, file) && recall(position, file) === null && file.modifiedNs >= fileModifiedNs)
      .sort((one, other) => (one.modifiedNs > other.modifiedNs ? -1 : 1)),
  ].filter(({ bytes }) => bytes >= byteOffset);
}

/** Where the very first run begins: at the start of the present file, after everything rotated before it. */
export function beginning({ current, others, followed }: Look): Position {
  const rotated = others.filter(({ name }) => looksRotated(followed, name));
  return {
    fileId: null,
    bornNs: current?.bornNs ?? null,
    fileModifiedNs: rotated.reduce((newest, file) => (file.modifiedNs > newest ? file.modifiedNs : newest), 0n),
    fingerprint: null,
    byteOffset: 0,
    lineNumber: 0,
    known: current === null ? [] : [unreadFile(current)],
    // Where births are not told, or not yet in a new directory: a file was made no later than it was modified.
    passedBornNs: others.reduce<bigint | null>(
      (time, { bornNs, modifiedNs }) => laterBirth(time, { bornNs: bornNs ?? modifiedNs }),
      null,
    ),
  };
}
