import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../../ground/clock.ts";
import type { PostriderError } from "../../ground/errors.ts";
import { run } from "./account.ts";
import { hasCode, startFailure } from "./failure.ts";
import { type Place, POLL_MS } from "./place.ts";
import { readIfThere } from "./readIfThere.ts";

/** A fast shutdown writes a checkpoint. After this the server is stopped at once, and recovers when it starts again. */
export const STOP_MS_MAX = 30_000;

/** How long the server of a process that was just killed may take to learn of it. */
const ORPHAN_GRACE_MS = 500;

/** What `postmaster.pid` says; PostgreSQL keeps it while a server runs. */
export interface LockFile {
  readonly pid: number;
  /** `starting`, `stopping`, `ready` or `standby`; empty at the very beginning. */
  readonly status: string;
  readonly text: string;
}

export async function readLockFile(cluster: string): Promise<LockFile | undefined> {
  let text: string;
  try {
    text = await readFile(join(cluster, "postmaster.pid"), "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  const lines = text.split("\n");
  // A single-user server writes its pid with a minus sign.
  const pid = Math.abs(Number.parseInt(lines[0] ?? "", 10));
  return Number.isNaN(pid) || pid === 0 ? undefined : { pid, status: (lines[7] ?? "").trim(), text };
}

/** Returns once no server runs on the cluster; waits for one that is going down because its process was killed. */
export async function refuseSecondServer(place: Place): Promise<void> {
  const begunMs = monotonicMs();
  for (;;) {
    const lock = await readLockFile(place.cluster);
    if (lock === undefined || !isAlive(lock.pid)) return;
    if (!(await mayBeServer(lock.pid))) {
      await disownLockFile(place.cluster, lock);
      return;
    }
    const patienceMs = lock.status === "stopping" ? STOP_MS_MAX : ORPHAN_GRACE_MS;
    if (monotonicMs() - begunMs > patienceMs) throw alreadyRuns(place, lock.pid);
    await delay(POLL_MS);
  }
}

export function alreadyRuns(place: Place, pid: number): PostriderError {
  const lockFile = join(place.cluster, "postmaster.pid");
  return startFailure(
    place,
    `a server already runs there, with pid ${pid}`,
    `stop that one, or choose another directory (if ${pid} is not a PostgreSQL server, remove ${lockFile})`,
  );
}

/** By the name of its program, which any user may see. If it cannot be seen, the answer is yes. */
async function mayBeServer(pid: number): Promise<boolean> {
  if (process.platform === "linux") return (await readIfThere(`/proc/${pid}/comm`)) === "postgres";
  const { status, output } = await run({ kind: "self" }, ["ps", "-o", "comm=", "-p", String(pid)]);
  return status !== 0 || output.trim().endsWith("postgres");
}

/**
 * After a crash of the machine or a restart of a container, the pid may belong to another process, and PostgreSQL would
 * refuse to start for ever. PostgreSQL ignores its parent's pid, so the file gets that one; its other check, of the shared
 * memory that the file names, stays in force.
 */
async function disownLockFile(cluster: string, lock: LockFile): Promise<void> {
  await writeFile(join(cluster, "postmaster.pid"), lock.text.replace(/^-?\d+/, String(process.pid)));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}
