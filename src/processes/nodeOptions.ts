/**
 * Options of Node for a daemon, wherever this project starts it: in the executable and under a supervisor. They must be
 * there at the start of a process: v8.setFlagsFromString in its first line changes nothing any more (measured).
 *
 * The young generation has 16 MiB a half by default, which is 50 MB resident under load. Half of that takes 40 MB less
 * (the old generation's first limits follow it), and no more CPU that could be measured.
 */
export const NODE_OPTIONS: readonly string[] = ["--max-semi-space-size=8"];
