import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type FileFacts, inOrder, type RotatedKind, rotatedKindOf, type Surroundings } from "./rotation.ts";

export interface Look extends Surroundings {
  /** Where the files are. If the followed path is a symbolic link, the directory of its target. */
  readonly directory: string;
}

/** Renames may happen during a look; two looks that agree show one moment. */
const LOOKS_MAX = 10;

/** The file with the followed name, and the rotated ones beside it. */
export async function lookAround(path: string): Promise<Look> {
  let before = await lookOnce(path);
  for (let look = 1; look < LOOKS_MAX; look++) {
    const after = await lookOnce(path);
    if (isSameLook(before, after)) {
      return after;
    }
    before = after;
  }
  return before;
}

/** Null if there is nothing, or something other than a regular file. */
export async function factsOf(path: string): Promise<FileFacts | null> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? factsOfStat(basename(path), found) : null;
  } catch (thrown) {
    if (isMissing(thrown)) {
      return null;
    }
    throw thrown;
  }
}

export function factsOfStat(
  name: string,
  found: { readonly dev: bigint; readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint },
): FileFacts {
  return { name, fileId: `${found.dev}:${found.ino}`, bytes: Number(found.size), modifiedNs: found.mtimeNs };
}

export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && (thrown.code === "ENOENT" || thrown.code === "ENOTDIR");
}

async function lookOnce(path: string): Promise<Look> {
  const real = await realpath(path).catch(() => path);
  const [directory, followed] = [dirname(real), basename(real)];
  const current = await factsOf(real);
  const found: Record<RotatedKind, FileFacts[]> = { plain: [], compressed: [] };
  for (const name of await namesIn(directory)) {
    const kind = rotatedKindOf(followed, name);
    const facts = kind === null ? null : await factsOf(join(directory, name));
    if (kind !== null && facts !== null && facts.fileId !== current?.fileId) {
      found[kind].push(facts);
    }
  }
  return { directory, current, rotated: inOrder(followed, found.plain), compressed: found.compressed };
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    if (isMissing(thrown)) {
      return [];
    }
    throw thrown;
  }
}

/** Whether the same files have the same names. */
export function isSameLook(one: Look, other: Look): boolean {
  const namesAndFiles = ({ current, rotated }: Look): string =>
    [current, ...rotated].map((file) => (file === null ? "" : `${file.fileId} ${file.name}`)).join("\n");
  return one.directory === other.directory && namesAndFiles(one) === namesAndFiles(other);
}
