/**
 * Clusters that servers of tests start with as copies: initdb and a migration take three seconds of CPU time, and a copy a
 * tenth of one. Each is kept for the sources that it was made from, and for a day, because it has that day's partitions.
 *
 * All copies have one system identifier, so a test that compares clusters makes new ones.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { makeServerDirectory } from "./serverDirectory.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const KEPT = join(ROOT, "node_modules/.cache/postgres");
/** What decides what is in a cluster. */
const SOURCES = [
  ...["package.json", "test/servers/package.json", "sql/**/*.sql", "src/{db,dev/postgres,ground}/**/*.ts"],
  "test/support/{database,preparedCluster,testServer}.ts",
];
/** Far longer than a copy takes, so that none is removed meanwhile. */
const UNUSED_MS_MAX = 3_600_000;

/** Copies the cluster to `path`, which does not exist yet. If there is none, `make` makes it at the path that it gets. */
export async function copyPreparedCluster(
  name: string,
  path: string,
  make: (path: string) => Promise<void>,
): Promise<void> {
  const kept = join(KEPT, `${name}-${keyOfSources()}`);
  if (!existsSync(kept)) await keep(kept, make);
  const now = new Date();
  await utimes(kept, now, now);
  await copy(kept, path);
}

async function keep(kept: string, make: (path: string) => Promise<void>): Promise<void> {
  await mkdir(KEPT, { recursive: true });
  await removeUnused();
  const [making, keeping] = [await makeServerDirectory("prepared"), await mkdtemp(`${kept}-`)];
  try {
    await make(join(making, "cluster"));
    await copy(join(making, "cluster"), join(keeping, "cluster"));
    await rename(join(keeping, "cluster"), kept);
  } catch (error) {
    // Another run may have been quicker.
    if (!existsSync(kept)) throw error;
  } finally {
    for (const directory of [making, keeping]) await rm(directory, { recursive: true, force: true });
  }
}

/** With the owners, which Node.js does not keep: the data belongs to the account that the server runs as. */
async function copy(from: string, to: string): Promise<void> {
  await promisify(execFile)("cp", ["-Rp", from, to]);
}

async function removeUnused(): Promise<void> {
  for (const name of await readdir(KEPT)) {
    const path = join(KEPT, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > UNUSED_MS_MAX) await rm(path, { recursive: true, force: true });
  }
}

function keyOfSources(): string {
  const hash = createHash("sha256").update(`${process.getuid?.()} ${new Date().toISOString().slice(0, 10)}`);
  for (const path of globSync(SOURCES, { cwd: ROOT }).sort()) hash.update(path).update(readFileSync(join(ROOT, path)));
  return hash.digest("hex").slice(0, 16);
}
