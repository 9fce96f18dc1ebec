import { readFileSync } from "node:fs";
import type { Environment } from "../config/environment.ts";
import type { StopSource } from "../ground/untilStopped.ts";

const POLL_MS = 1_000;
const SHELLS: ReadonlySet<string> = new Set(["sh", "dash", "bash", "ash", "ksh", "zsh", "busybox"]);

export function isStartedByNpm(env: Environment): boolean {
  return (env.npm_lifecycle_event ?? env.npm_command ?? "") !== "";
}

/** What asks a command that lasts for its end, if npm started it. */
export function npmSources(env: Environment): readonly StopSource[] {
  return isStartedByNpm(env) ? [npmGone] : [];
}

/**
 * Asks for a stop when the npm that started this process is gone. npm passes signals on, but if it is killed with -9,
 * a Ctrl-C in the terminal no longer reaches this process.
 *
 * npm starts a script through a shell. The scripts of this checkout begin with exec, so that the command takes the place of
 * the shell: dash would stay between the two, and a SIGTERM would end npm and the shell alone. Where another script starts
 * the command without it, the end of the shell asks for a stop, and so does that of its parent.
 */
const npmGone: StopSource = (ask) => {
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
