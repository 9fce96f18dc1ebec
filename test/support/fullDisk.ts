/**
 * A disk that is full for some tables, without being root: the file of each is replaced by /dev/full, where every write
 * fails with ENOSPC. Linux only.
 */
import { existsSync } from "node:fs";
import { chown, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rowsOf, type Session } from "./engine.ts";

const FULL = "/dev/full";

export const NO_FULL_DISK = existsSync(FULL) ? undefined : `there is no ${FULL} here`;

/**
 * Empties the partitioned table and leaves no room in any of its partitions until the returned function is called. No
 * session may use the table meanwhile.
 */
export async function fillUp(session: Session, table: string, cluster: string): Promise<() => Promise<void>> {
  await session.query(`truncate ${table}`);
  const rows = await rowsOf<{ path: string }>(
    session,
    "select pg_relation_filepath(inhrelid) as path from pg_inherits where inhparent = $1::regclass",
    [table],
  );
  const files = rows.map(({ path }) => join(cluster, path));
  for (const file of files) {
    await rm(file);
    await symlink(FULL, file);
  }
  const { uid, gid } = await stat(cluster);
  return async () => {
    for (const file of files) {
      await rm(file);
      await writeFile(file, "", { mode: 0o600 });
      if (process.getuid?.() === 0) {
        await chown(file, uid, gid);
      }
    }
    // A session that has looked at the table keeps the full file open. Dropping a database makes all close their files.
    await session.query("create database room_made template template0");
    await session.query("drop database room_made");
  };
}
