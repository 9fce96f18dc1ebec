import type { LinePosition } from "./lines.ts";

/**
 * Decides which file comes next, from what a directory shows. Files are rotated in two ways: the old file gets a new name
 * (`create`), or it is copied under that name and then emptied (`copytruncate`). A rotated file lies beside the followed
 * one and has its name with a number or a time: app.log.1, app.log-20261125, app-2026-11-25.log.
 */

export interface FileFacts {
  /** Without the directory. */
  readonly name: string;
  /** Device and inode. */
  readonly fileId: string;
  readonly bytes: number;
  /** Since 1970. */
  readonly modifiedNs: bigint;
}

export interface Surroundings {
  /** The file with the followed name; null while there is none. */
  readonly current: FileFacts | null;
  /** The oldest first. */
  readonly rotated: readonly FileFacts[];
  /** Compressed rotated files, which are not read. */
  readonly compressed: readonly FileFacts[];
}

/** How far an ingest has got: in which file, and where in it. */
export interface Position extends LinePosition {
  /** Null before the first line: then the files rotated after `fileModifiedNs` come first. */
  readonly fileId: string | null;
  /** When that file was last modified, as far as was seen. */
  readonly fileModifiedNs: bigint;
  /** Of the content before `byteOffset`; null if it is not known. */
  readonly fingerprint: string | null;
}

export type RotatedKind = "plain" | "compressed";

/** How a file of this name relates to the followed one; null if it does not. */
export function rotatedKindOf(followed: string, name: string): RotatedKind | null {
  const plain = name.replace(COMPRESSED, "");
  if (plain === followed || !isRotatedName(followed, plain)) {
    return plain === followed && plain !== name ? "compressed" : null;
  }
  return plain === name ? "plain" : "compressed";
}

const COMPRESSED = /\.(gz|bz2|xz|zst|lz4|lzma|zip|Z)$/;
/** A number, a date, a date with a time, or `old`, after a separator. */
const MARK = /^[._-](\d[\dTZ:._+-]*|old)$/;

function isRotatedName(followed: string, name: string): boolean {
  if (name.startsWith(followed) && MARK.test(name.slice(followed.length))) {
    return true;
  }
  const dot = followed.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [followed.slice(0, dot), followed.slice(dot)] : [followed, ""];
  return (
    ending !== "" &&
    name.length > followed.length &&
    name.startsWith(stem) &&
    name.endsWith(ending) &&
    MARK.test(name.slice(stem.length, name.length - ending.length))
  );
}

/**
 * The oldest first. By name if the names tell: app.log.1 is newer than app.log.2, and dates grow. Otherwise by the time of
 * the last change, which is when a file was rotated, unless it was written to after that.
 */
export function inOrder(followed: string, rotated: readonly FileFacts[]): FileFacts[] {
  return [...rotated].sort((one, other) => {
    const [first, second] = [markOf(followed, one.name), markOf(followed, other.name)];
    if (NUMBER.test(first) && NUMBER.test(second)) {
      return Number(second.slice(1)) - Number(first.slice(1));
    }
    if (DATE.test(first) && DATE.test(second) && first.length === second.length) {
      return first < second ? -1 : 1;
    }
    if (one.modifiedNs !== other.modifiedNs) {
      return one.modifiedNs < other.modifiedNs ? -1 : 1;
    }
    return one.name < other.name ? -1 : 1;
  });
}

const NUMBER = /^\.\d{1,4}$/;
const DATE = /^[._-]\d[\dTZ:._+-]{5,}$/;

/** What follows the followed name; empty if the mark stands inside the name, where it may or may not grow. */
function markOf(followed: string, name: string): string {
  return name.startsWith(followed) ? name.slice(followed.length) : "";
}

/** The files that may be the one of the position, the likeliest first. The fingerprint must confirm each. */
export function resumeCandidates(position: Position, { current, rotated }: Surroundings): FileFacts[] {
  const all = [...(current === null ? [] : [current]), ...rotated.toReversed()];
  const longEnough = all.filter(({ bytes }) => bytes >= position.byteOffset);
  const isSame = ({ fileId }: FileFacts): boolean => fileId === position.fileId;
  // A copy is at least as new as its original; older files may well begin in the same way.
  const copies =
    position.fingerprint === null
      ? []
      : longEnough.filter((file) => !isSame(file) && file.modifiedNs >= position.fileModifiedNs);
  return [...longEnough.filter(isSame), ...copies];
}

/** The file to read after this one, or null while there is none with content. `fileId` null: this one is gone. */
export function successorOf(
  { fileId, fileModifiedNs }: Pick<Position, "fileId" | "fileModifiedNs">,
  { current, rotated }: Surroundings,
): FileFacts | null {
  const at = rotated.findIndex((file) => file.fileId === fileId);
  const newer = at === -1 ? rotated.filter((file) => file.modifiedNs > fileModifiedNs) : rotated.slice(at + 1);
  const next = [...newer, ...(current === null ? [] : [current])];
  return next.find((file) => file.bytes > 0 && file.fileId !== fileId) ?? null;
}

/** Where the very first run begins: at the start of the present file, after everything rotated before it. */
export function beginning({ rotated }: Surroundings): Position {
  const fileModifiedNs = rotated.reduce((newest, file) => (file.modifiedNs > newest ? file.modifiedNs : newest), 0n);
  return { fileId: null, fileModifiedNs, fingerprint: null, byteOffset: 0, lineNumber: 0 };
}
