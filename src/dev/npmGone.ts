import { readFileSync } from "node:fs";
import type { StopSource } from "../ground/untilStopped.ts";

const POLL_MS = 1_000;
const SHELLS: ReadonlySet<string> = new Set(["sh", "dash", "bash", "ash", "ksh", "zsh", "busybox"]);

/**
 * Asks for a stop when the npm that started this process is gone. npm passes signals on, but if it is killed with -9,
 * a Ctrl-C in the terminal no longer reaches this process.
 *
 * npm starts a script through a shell. Some shells become the command. dash stays between the two and outlives npm, so
 * this looks for the parent of the shell as well. On systems other than Linux the shell is bash, which becomes the command.
 */
export const npmGone: StopSource = (ask) => {
  const parent = process.ppid;
  const grandparent = SHELLS.has(procText(parent, "comm").trim()) ? parentOf(parent) : null;
  const timer = setInterval(() => {
    if (process.ppid !== parent || (grandparent !== null && parentOf(parent) !== grandparent)) {
      ask("npm is gone");
    }
  }, POLL_MS);
  return () => clearInterval(timer);
};

/** Null if it is unknown. */
function parentOf(pid: number): number | null {
  // PID (NAME) STATE PPID …, and the name may hold blanks and parentheses.
  const [, parent] = /^.*\) \S (\d+) /s.exec(procText(pid, "stat")) ?? [];
  return parent === undefined ? null : Number(parent);
}

/** Empty if there is no such process, or no /proc. */
function procText(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
