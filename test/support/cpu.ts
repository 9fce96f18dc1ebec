/** CPU time, which says as much beside other work on the machine as alone. */
import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second. */
const TICK_MS = 10;

/** Of this process and of those that it has started and seen end. Where there is no /proc, of the process alone. */
export function ownCpuMs(): number {
  try {
    return cpuMsOf("self");
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  }
}

/** Of another process and of those that it has started and seen end. Only Linux tells. */
export function processCpuMs(pid: number): number {
  return cpuMsOf(String(pid));
}

/** The process that started another one: of a session of Postgres, its server. Only Linux tells. */
export function parentOf(pid: number): number {
  return Number(statOf(String(pid))[1]);
}

/** Of a server, its sessions that have ended and its present processes. Only Linux tells. */
export function serverCpuMs(pid: number): number {
  const present = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ");
  const presentMs = present.reduce((sum, each) => sum + cpuMsWhileThere(each), 0);
  // Afterwards, so that it has what has ended meanwhile.
  return presentMs + cpuMsOf(String(pid));
}

function cpuMsWhileThere(pid: string): number {
  try {
    return cpuMsOf(pid);
  } catch {
    return 0;
  }
}

function cpuMsOf(pid: string): number {
  const [user = 0, system = 0, usersEnded = 0, systemsEnded = 0] = statOf(pid).slice(11, 15).map(Number);
  return (user + system + usersEnded + systemsEnded) * TICK_MS;
}

/** What follows the name of the program. */
function statOf(pid: string): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
