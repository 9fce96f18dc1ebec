/**
 * CPU time from /proc, in microseconds. Every result is null if there is no /proc or no such process, because the server
 * may run elsewhere.
 */
import { readFileSync } from "node:fs";

/** What the kernel counts utime and stime in, on every architecture that Linux runs on with a /proc. */
const TICK_MICROS = 10_000;

/** User and system time of all threads of a process. */
export function processCpuMicros(pid: number): number | null {
  const stat = readStat(pid);
  return stat === null ? null : stat.ownTicks * TICK_MICROS;
}

/** Of a process with one thread, such as a backend of Postgres: to the nanosecond, where ticks are too coarse. */
export function threadCpuMicros(pid: number): number | null {
  const [nanos] = (read(`/proc/${pid}/schedstat`) ?? "").split(" ");
  return nanos === undefined || nanos === "" ? processCpuMicros(pid) : Number(nanos) / 1000;
}

/** A PostgreSQL server: the postmaster, its children, and those of them that have ended. */
export function serverCpuMicros(postmasterPid: number | null): number | null {
  const postmaster = postmasterPid === null ? null : readStat(postmasterPid);
  const children = postmasterPid === null ? null : read(`/proc/${postmasterPid}/task/${postmasterPid}/children`);
  if (postmasterPid === null || postmaster === null || children === null) {
    return null;
  }
  let micros = (threadCpuMicros(postmasterPid) ?? 0) + postmaster.childrenTicks * TICK_MICROS;
  for (const pid of children.split(" ").filter((text) => text !== "")) {
    micros += threadCpuMicros(Number(pid)) ?? 0;
  }
  return micros;
}

/** The postmaster is the parent of the backend that answers; null if that is not on this machine. */
export function postmasterOf(backendPid: number): number | null {
  const stat = readStat(backendPid);
  return stat?.command === "postgres" ? stat.parentPid : null;
}

export function difference(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}

export function per(total: number | null, count: number): number | null {
  return total === null ? null : total / count;
}

interface Stat {
  readonly command: string;
  readonly parentPid: number;
  readonly ownTicks: number;
  readonly childrenTicks: number;
}

function readStat(pid: number): Stat | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) {
    return null;
  }
  // The command stands in parentheses and may hold anything; what follows its last one is fields 3 and up.
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  const ticks = (field: number) => Number(fields[field - 3]);
  return {
    command: text.slice(text.indexOf("(") + 1, end),
    parentPid: ticks(4),
    ownTicks: ticks(14) + ticks(15),
    childrenTicks: ticks(16) + ticks(17),
  };
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
