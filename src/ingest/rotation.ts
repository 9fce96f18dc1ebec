/**
 * Which file comes next, decided from what a directory shows. Files are rotated in two ways, by a new name for the old
 * file (`create`), or by a copy of it under that name, after which it is emptied (`copytruncate`). A rotated file is beside
 * the followed one and has its name with a number or a time: app.log.1, app.log-20261125, app-2026-11-25.log.
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
  /** What has the followed name now; null while nothing has. */
  readonly current: FileFacts | null;
  /** The oldest first. */
  readonly rotated: readonly FileFacts[];
  /** Rotated files that are compressed, which are not read. */
  readonly compressed: readonly FileFacts[];
}

/** How far an ingest has got: in which file, and where in it. */
export interface Position {
  /** Null before the first line: then everything rotated after `fileModifiedNs` comes first. */
  readonly fileId: string | null;
  /** When that file had been modified, as last seen. */
  readonly fileModifiedNs: bigint;
  /** Of what is before `byteOffset`; null where it is not known. */
  readonly fingerprint: string | null;
  readonly byteOffset: number;
  readonly lineNumber: number;
}

export type RotatedKind = "plain" | "compressed";

/** What a file of this name is to the one that is followed; null for a stranger. */
export function rotatedKindOf(followed: string, name: string): RotatedKind | null {
  const plain = name.replace(COMPRESSED, "");
  if (plain === followed || !isRotatedName(followed, plain)) {
    return plain === followed && plain !== name ? "compressed" : null;
  }
  return plain === name ? "plain" : "compressed";
}

const COMPRESSED = /\.(gz|bz2|xz|zst|lz4|lzma|zip|Z)$/;
/** A number, a date, a date with a time, or `old`, after something that separates. */
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
 * The oldest first. By name where names tell: app.log.1 is newer than app.log.2, and dates grow. Else by the time of the last
 * change, which is when they were rotated, unless somebody wrote to the old file after that.
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

/** What stands behind the followed name; empty where the mark stands within it, which may grow or not. */
function markOf(followed: string, name: string): string {
  return name.startsWith(followed) ? name.slice(followed.length) : "";
}

/** Where the file that the position is in may be now, the likeliest first. Each is to be known by its fingerprint. */
export function resumeCandidates(position: Position, { current, rotated }: Surroundings): FileFacts[] {
  const all = [...(current === null ? [] : [current]), ...rotated.toReversed()];
  const longEnough = all.filter(({ bytes }) => bytes >= position.byteOffset);
  const isSame = ({ fileId }: FileFacts): boolean => fileId === position.fileId;
  // A copy is as new as what it is a copy of, at least; older files may well begin in the same way.
  const copies =
    position.fingerprint === null
      ? []
      : longEnough.filter((file) => !isSame(file) && file.modifiedNs >= position.fileModifiedNs);
  return [...longEnough.filter(isSame), ...copies];
}

/** The file to be read after this one, or null while there is none with anything in it. `fileId` null: it is gone. */
export function successorOf(
  { fileId, fileModifiedNs }: Pick<Position, "fileId" | "fileModifiedNs">,
  { current, rotated }: Surroundings,
): FileFacts | null {
  const at = rotated.findIndex((file) => file.fileId === fileId);
  const newer = at === -1 ? rotated.filter((file) => file.modifiedNs > fileModifiedNs) : rotated.slice(at + 1);
  const next = [...newer, ...(current === null ? [] : [current])];
  return next.find((file) => file.bytes > 0 && file.fileId !== fileId) ?? null;
}

/** Where the very first start begins: before the file that is there now, after everything that was rotated before. */
export function beginning({ rotated }: Surroundings): Position {
  const fileModifiedNs = rotated.reduce((newest, file) => (file.modifiedNs > newest ? file.modifiedNs : newest), 0n);
  return { fileId: null, fileModifiedNs, fingerprint: null, byteOffset: 0, lineNumber: 0 };
}
