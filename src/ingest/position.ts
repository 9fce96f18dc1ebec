import type { LinePosition } from "./lines.ts";

/**
 * What an ingest remembers: where it is in the file it reads, and which other files it knows. Both are stored in the
 * transaction that stores the lines before that place.
 */

/** Tells one file from another, whatever their names are. */
export interface Identity {
  /** Device and inode. */
  readonly fileId: string;
  /** When it was made, since 1970; null if the file system does not tell. */
  readonly bornNs: bigint | null;
}

/** A place in a file. */
export interface Place extends LinePosition {
  /** Null before the first line and after a loss: then every file changed after `fileModifiedNs` is unread. */
  readonly fileId: string | null;
  /** Of the file; without one, of the file that was followed last. */
  readonly bornNs: bigint | null;
  /** When the file was last modified, as far as was seen. */
  readonly fileModifiedNs: bigint;
  /** Of the content before `byteOffset`; null if it is not known. */
  readonly fingerprint: string | null;
}

/** A file that had the followed name or was read, but is not the one being read. */
export interface KnownFile extends Identity {
  /** How much of it was read; 0 if nothing was, or if it was emptied since. */
  readonly bytes: number;
  readonly lines: number;
  readonly modifiedNs: bigint;
  readonly fingerprint: string | null;
}

export interface Memory {
  /** The one that was learned of last comes last. */
  readonly known: readonly KnownFile[];
  /** Files made at or before this, other than the known ones, are not read: they were there first, or were forgotten. */
  readonly passedBornNs: bigint | null;
}

/** How far an ingest has got. */
export interface Position extends Place, Memory {}

/** So many rotated files may be lying about that were read and are told by more than their age. */
export const KNOWN_MAX = 100;

export const NO_MEMORY: Memory = { known: [], passedBornNs: null };

/**
 * An inode's number goes to the next new file after a deletion, and a device's changes when it is mounted elsewhere. Where
 * the time of birth is known, it decides both.
 */
export function isSameFile(one: Identity, other: Identity): boolean {
  if (one.bornNs !== null && other.bornNs !== null) {
    return one.bornNs === other.bornNs && inodeOf(one.fileId) === inodeOf(other.fileId);
  }
  return one.fileId === other.fileId;
}

function inodeOf(fileId: string): string {
  return fileId.slice(fileId.indexOf(":") + 1);
}

/** Whether the place is in this file. */
export function isIn(place: Place, { fileId, bornNs }: Pick<Place, "fileId" | "bornNs">): boolean {
  return (
    place.fileId !== null &&
    fileId !== null &&
    isSameFile({ fileId: place.fileId, bornNs: place.bornNs }, { fileId, bornNs })
  );
}

export function recall({ known }: Memory, file: Identity): KnownFile | null {
  return known.find((each) => isSameFile(each, file)) ?? null;
}

/** With one file more. If there are too many, the oldest is forgotten, and told by its age from then on. */
export function remember({ known, passedBornNs }: Memory, file: KnownFile): Memory {
  const all = [...known.filter((each) => !isSameFile(each, file)), file];
  const forgotten = all.slice(0, Math.max(0, all.length - KNOWN_MAX));
  return { known: all.slice(forgotten.length), passedBornNs: forgotten.reduce(laterBirth, passedBornNs) };
}

/** The later of a time and a file's birth. */
export function laterBirth(time: bigint | null, { bornNs }: Pick<Identity, "bornNs">): bigint | null {
  return bornNs === null || (time !== null && time >= bornNs) ? time : bornNs;
}

/** The file of a place, as it is remembered when the ingest leaves it. Null if the place is in none. */
export function knownAt({
  fileId,
  bornNs,
  byteOffset,
  lineNumber,
  fileModifiedNs,
  fingerprint,
}: Place): KnownFile | null {
  return fileId === null
    ? null
    : { fileId, bornNs, bytes: byteOffset, lines: lineNumber, modifiedNs: fileModifiedNs, fingerprint };
}

/** A file of whose present content nothing was read. */
export function unreadFile({ fileId, bornNs }: Identity): KnownFile {
  return { fileId, bornNs, bytes: 0, lines: 0, modifiedNs: 0n, fingerprint: null };
}

/** Where a known file was left. */
export function placeIn({ fileId, bornNs, bytes, lines, modifiedNs, fingerprint }: KnownFile): Place {
  return { fileId, bornNs, byteOffset: bytes, lineNumber: lines, fileModifiedNs: modifiedNs, fingerprint };
}

export function jsonOfKnown(known: readonly KnownFile[]): string {
  const text = (time: bigint | null): string | null => time?.toString() ?? null;
  return JSON.stringify(
    known.map(({ fileId, bornNs, modifiedNs, bytes, lines, fingerprint }) => ({
      ...{ file_id: fileId, born_ns: text(bornNs), modified_ns: text(modifiedNs) },
      ...{ bytes, lines, fingerprint },
    })),
  );
}

/** What `jsonOfKnown` wrote, as Postgres gives it back. */
export function knownOfJson(stored: unknown): readonly KnownFile[] {
  return (Array.isArray(stored) ? stored : []).map((each) => ({
    fileId: String(each.file_id),
    bornNs: each.born_ns === null ? null : BigInt(each.born_ns),
    modifiedNs: BigInt(each.modified_ns),
    bytes: Number(each.bytes),
    lines: Number(each.lines),
    fingerprint: each.fingerprint === null ? null : String(each.fingerprint),
  }));
}
