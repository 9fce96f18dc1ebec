/** Where the servers of the tests keep their data. */
import { chmod, mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Linux's file system in memory. Making a database writes some 600 small files, which a disk's journal turns into a
 * quarter of a second of work, twenty times as much as here.
 */
const MEMORY = "/dev/shm";
/** A run's data takes less than half of this. */
const MEMORY_BYTES_MIN = 4 * 1024 ** 3;

/** Makes a directory for servers' data: in memory if there is much of it, or else on the disk. The caller removes it. */
export async function makeServerDirectory(purpose: string): Promise<string> {
  const directory = await mkdtemp(join((await hasMemory()) ? MEMORY : tmpdir(), `postrider-${purpose}-`));
  // A server that root starts runs as another user, who must be able to enter.
  await chmod(directory, 0o755);
  return directory;
}

async function hasMemory(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(MEMORY);
    return bavail * bsize >= MEMORY_BYTES_MIN;
  } catch {
    return false;
  }
}
