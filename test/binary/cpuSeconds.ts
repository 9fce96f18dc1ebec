import { existsSync } from "node:fs";
import { CommandProcess } from "../support/command.ts";
import type { Program } from "./delivers.ts";

const BASH = "/bin/bash";

/** Why no time can be measured here, or false. */
export const noCpuSeconds = existsSync(BASH) ? false : "bash is missing, which measures the time";

/**
 * A start takes 0.3 s, and on a busy machine, whose cores share their caches, twice as much. The time on the clock says little
 * there.
 */
export const START_CPU_SECONDS_MAX = 1;

/** The CPU time of a program and what it starts, and what it has said on stdout. */
export async function cpuSecondsOf(
  program: Program,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly seconds: number; readonly stdout: string }> {
  const timed = `TIMEFORMAT='%U %S'; time "$0" "$@"`;
  const command = new CommandProcess([], {
    program: [BASH, "--norc", "-c", timed, ...program],
    env: { ...env, LC_ALL: "C" },
  });
  await command.ended;
  const [user = Number.NaN, system = Number.NaN] = command.stderr.trim().split(" ").map(Number);
  return { seconds: user + system, stdout: command.stdout };
}
