/**
 * CPU time and memory from /proc. Every result is null if there is no /proc or no such process, because the server may
 * run elsewhere.
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

export interface ServerCpu {
  /** The postmaster, its children, and those of them that have ended. */
  readonly allMicros: number;
  /** Of that, what no session does itself. */
  readonly backgroundMicros: number;
}

/** As they call themselves on the command line. */
const BACKGROUND = /^postgres: (walwriter|checkpointer|background writer|autovacuum|logical replication)/;

/** A PostgreSQL server. */
export function serverCpu(postmasterPid: number | null): ServerCpu | null {
  const postmaster = postmasterPid === null ? null : readStat(postmasterPid);
  const children = postmasterPid === null ? null : read(`/proc/${postmasterPid}/task/${postmasterPid}/children`);
  if (postmasterPid === null || postmaster === null || children === null) {
    return null;
  }
  let allMicros = (threadCpuMicros(postmasterPid) ?? 0) + postmaster.childrenTicks * TICK_MICROS;
  let backgroundMicros = 0;
  for (const pid of children.split(" ").filter((text) => text !== "")) {
    const micros = threadCpuMicros(Number(pid)) ?? 0;
    allMicros += micros;
    backgroundMicros += BACKGROUND.test(read(`/proc/${pid}/cmdline`) ?? "") ? micros : 0;
  }
  return { allMicros, backgroundMicros };
}

export function serverCpuMicros(postmasterPid: number | null): number | null {
  return serverCpu(postmasterPid)?.allMicros ?? null;
}

/** The most memory that a process has had, by the kernel's accounting; null if there is none. */
export function peakRssMib(pid: number): number | null {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kib === undefined ? null : Number(kib) / 1_024;
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
