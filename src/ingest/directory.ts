import { glob, lstat, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { firstWord, isCompressed, looksRotated, markOf } from "./names.ts";
import type { Identity } from "./position.ts";

export interface FileFacts extends Identity {
  /** Relative to the directory. */
  readonly name: string;
  readonly bytes: number;
  /** Since 1970. */
  readonly modifiedNs: bigint;
}

/** The file with the followed name, and the files beside it that may have had it. */
export interface Look {
  /** Where the files are. If the followed path is a symbolic link, the directory of its target. */
  readonly directory: string;
  /** The name in that directory. */
  readonly followed: string;
  /** The same, if the followed path is a link that may point to another file next: its name then has a mark, too. */
  readonly linked: string | null;
  /** The file with the followed name; null while there is none. */
  readonly current: FileFacts | null;
  /** The other files whose names begin with the same word, or that --rotated names. */
  readonly others: readonly FileFacts[];
  /** Compressed rotated files, which are not read. */
  readonly compressed: readonly FileFacts[];
  /** The names that --rotated stands for; null without it. */
  readonly declared: ReadonlySet<string> | null;
}

export function pathOf({ directory }: Look, { name }: FileFacts): string {
  return resolve(directory, name);
}

/** Renames may happen during a look; two looks that agree show one moment. */
const LOOKS_MAX = 10;

/** `rotated`: the pattern of --rotated. */
export async function lookAround(path: string, rotated: string | null): Promise<Look> {
  let before = await lookOnce(path, rotated);
  for (let look = 1; look < LOOKS_MAX; look++) {
    const after = await lookOnce(path, rotated);
    if (isSameLook(before, after)) {
      return after;
    }
    before = after;
  }
  return before;
}

/** Null if there is nothing, or something other than a regular file. */
export async function factsOf(
  path: string,
  { name = basename(path), tellsBirths = false } = {},
): Promise<FileFacts | null> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? factsOfStat(name, found, tellsBirths) : null;
  } catch (thrown) {
    if (isMissing(thrown)) {
      return null;
    }
    throw thrown;
  }
}

interface Stat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly birthtimeNs: bigint;
}

export function factsOfStat(name: string, found: Stat, tellsBirths: boolean): FileFacts {
  return {
    name,
    fileId: `${found.dev}:${found.ino}`,
    bornNs: tellsBirths && found.birthtimeNs > 0n ? found.birthtimeNs : null,
    bytes: Number(found.size),
    modifiedNs: found.mtimeNs,
  };
}

export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && (thrown.code === "ENOENT" || thrown.code === "ENOTDIR");
}

async function lookOnce(path: string, rotated: string | null): Promise<Look> {
  const real = await realpath(path).catch(() => path);
  const [directory, followed] = [dirname(real), basename(real)];
  const tellsBirths = await doesTellBirths(directory);
  const current = await factsOf(real, { tellsBirths });
  const declared = rotated === null ? null : await matching(rotated, directory);
  const word = firstWord(followed);
  const named = (await namesIn(directory)).filter((name) => name.startsWith(word));
  const others: FileFacts[] = [];
  const compressed: FileFacts[] = [];
  const seen = new Set(current === null ? [] : [current.fileId]);
  for (const name of new Set([...named, ...(declared ?? [])])) {
    const facts = await factsOf(resolve(directory, name), { name, tellsBirths });
    if (facts === null || seen.has(facts.fileId)) continue;
    seen.add(facts.fileId);
    if (!isCompressed(name)) others.push(facts);
    else if (looksRotated(followed, name) || declared?.has(name)) compressed.push(facts);
  }
  const linked = (await isLink(path)) && markOf(followed).shape !== followed ? followed : null;
  return { directory, followed, linked, current, others, compressed, declared };
}

/**
 * Where a file system does not tell when a file was made, there is 0 or the time of the last change in its place. A
 * directory was changed when its files were made.
 */
async function doesTellBirths(directory: string): Promise<boolean> {
  try {
    const { birthtimeNs, ctimeNs } = await stat(directory, { bigint: true });
    return birthtimeNs > 0n && birthtimeNs !== ctimeNs;
  } catch (thrown) {
    if (isMissing(thrown)) {
      return false;
    }
    throw thrown;
  }
}

async function matching(pattern: string, directory: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for await (const name of glob(pattern, { cwd: directory })) names.add(name);
  return names;
}

async function isLink(path: string): Promise<boolean> {
  return await lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
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
  const namesAndFiles = ({ current, others }: Look): string =>
    [current, ...others].map((file) => (file === null ? "" : `${file.fileId} ${file.name}`)).join("\n");
  return one.directory === other.directory && namesAndFiles(one) === namesAndFiles(other);
}
