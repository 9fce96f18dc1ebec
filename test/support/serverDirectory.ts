/** Where the servers of the tests keep their data. */
import { chmod, mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "./command.ts";

/**
 * Linux's file system in memory. Making a database writes some 600 small files, which a disk's journal turns into a
 * quarter of a second of work, twenty times as much as here.
 */
const MEMORY = "/dev/shm";
/** A run's data takes less than half of this. */
const MEMORY_BYTES_MIN = 4 * 1024 ** 3;

/** Makes a directory for servers' data: in memory if there is much of it, or else on the disk. The caller removes it. */
export async function makeServerDirectory(purpose: string): Promise<string> {
  const place = (await hasMemory()) ? MEMORY : tmpdir();
  const directory = await mkdtemp(join(place, `postrider-${purpose}-${process.pid}-`));
  // A server that root starts runs as another user, who must be able to enter.
  await chmod(directory, 0o755);
  return directory;
}

/** Removes what processes left there that were killed: it would take up memory until the machine restarts. */
export async function removeAbandonedDirectories(): Promise<void> {
  const names = await readdir(MEMORY).catch(() => []);
  for (const name of names) {
    const [, pid] = /^postrider-[a-z]+-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(MEMORY, name), { recursive: true, force: true });
  }
}

async function hasMemory(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(MEMORY);
    return bavail * bsize >= MEMORY_BYTES_MIN;
  } catch {
    return false;
  }
}
