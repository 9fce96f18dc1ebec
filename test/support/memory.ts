import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What a process holds of memory now: its resident set. */
export async function processMemoryBytes(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
  return Number(stdout.trim()) * 1_024;
}
