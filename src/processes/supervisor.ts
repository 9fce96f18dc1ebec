import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { formatFault, messageOf, PostriderError } from "../ground/errors.ts";
import type { Events } from "../telemetry/bus.ts";
import type { ProcessesVitals } from "./processesVitals.ts";
import { Pulse } from "./pulse.ts";
import type { Report, Verdict } from "./supervised.ts";

/** The pause before a process is replaced. */
const RESTART = { firstMs: 500, lastMs: 30_000 } as const;
/** A daemon that worked for so long did not fail because of its start: the next pause is a first one again. */
const STEADY_MS = 60_000;

export interface SupervisorOptions {
  readonly processes: number;
  /** The file to execute, and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly events: Events;
  /** Takes whole lines of the processes' logs, and waits for no reader. */
  readonly writeLines: (lines: string) => void;
  /** Is told of each process. */
  readonly vitals: ProcessesVitals;
  /** How often a process is asked whether it still works. */
  readonly pulseMs?: number;
}

/** Everything that one supervisor has running. */
interface Group extends SupervisorOptions {
  /** Aborted when `stop` was, or by the first verdict, which is then the reason. */
  readonly ending: AbortSignal;
  readonly children: Set<ChildProcess>;
  /** Whether any daemon has started yet. */
  hasStarted: boolean;
  fail(fault: PostriderError): void;
}

interface Ending {
  readonly exitStatus: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the process could not be spawned. */
  readonly error: string | null;
  readonly verdict: Verdict | null;
  /** When its daemon had started. */
  readonly startedMs: number | null;
  /** It answered nothing any more, and was killed. */
  readonly wasSilent: boolean;
}

/**
 * Several daemons, each in a separate process. Resolves when all have ended after `stopping`.
 *
 *   running  a process that ends is replaced after a pause; one whose event loop hangs is killed, and so replaced
 *   ending   after `stopping` or a verdict: every process gets SIGTERM, and none is replaced
 *
 * A process that finds wrong settings, an unusable schema or a copied database says so before it ends: its verdict. Another
 * one could not work either, so all stop, and this rejects with the first verdict. That Postgres is away is such a verdict
 * until the first daemon has started, because the person who starts them should know. Later the others wait for it, and
 * the process is replaced like any that dies. This also rejects if a process dies while it stops.
 *
 * No process outlives this one. If this one exits, it kills them first; if it is killed, each sees that the channel to it
 * has closed, and stops as if asked.
 */
export async function supervise(options: SupervisorOptions, stopping: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const children = new Set<ChildProcess>();
  const ending = AbortSignal.any([stopping, failed.signal]);
  const group: Group = { ...options, ending, children, hasStarted: false, fail: (fault) => failed.abort(fault) };
  ending.addEventListener("abort", () => {
    options.vitals.isStopping = true;
    signalAll(children, "SIGTERM");
  });
  const killAll = (): void => signalAll(children, "SIGKILL");
  process.once("exit", killAll);
  await Promise.all(Array.from({ length: options.processes }, () => keepProcess(group)));
  process.off("exit", killAll);
  failed.signal.throwIfAborted();
}

function signalAll(children: ReadonlySet<ChildProcess>, signal: NodeJS.Signals): void {
  for (const child of children) {
    child.kill(signal);
  }
}

/** Runs one process after the other until the group ends. */
async function keepProcess(group: Group): Promise<void> {
  const backoff = makeBackoff(RESTART);
  while (!group.ending.aborted) {
    const ended = await runProcess(group);
    const { verdict, startedMs } = ended;
    if (verdict !== null && !(verdict.mayPass && group.hasStarted)) {
      group.fail(new PostriderError(verdict.faults, verdict.exitStatus));
    } else if (!group.ending.aborted) {
      if (startedMs !== null && monotonicMs() - startedMs > STEADY_MS) {
        backoff.reset();
      }
      await pauseAfter(ended, Math.round(backoff.nextMs()), group);
    } else if (!hasStopped(ended)) {
      group.fail(diedWhileStopping(ended));
    }
  }
}

async function pauseAfter(ended: Ending, restartMs: number, group: Group): Promise<void> {
  const { exitStatus, signal } = ended;
  const error = reasonOf(ended);
  group.events.emit("process.ended", { exit_status: exitStatus, signal, error, restart_ms: restartMs });
  await pause(restartMs, null, { signal: group.ending }).catch(() => {
    // Asked to stop.
  });
}

/** Null if it is not known. */
function reasonOf({ verdict, error, wasSilent }: Ending): string | null {
  if (wasSilent) {
    return "it answered nothing any more, and was killed";
  }
  return verdict === null ? error : verdict.faults.map(formatFault).join("; ");
}

/** One process, from its start to its end and the last line of its log. */
async function runProcess(group: Group): Promise<Ending> {
  const { command, env, events, writeLines, children, vitals } = group;
  const [file, ...args] = command;
  let verdict: Verdict | null = null;
  let startedMs: number | null = null;
  let pulse: Pulse | null = null;
  let wasSilent = false;
  try {
    const child = spawn(file, args, { env, stdio: ["ignore", "pipe", "inherit", "ipc"] });
    const kill = (): void => {
      wasSilent = child.kill("SIGKILL");
    };
    passOnLines(child.stdout, writeLines);
    child.on("message", (message) => {
      const report = message as Report;
      pulse?.heard();
      if (report.kind === "started") {
        startedMs = monotonicMs();
        group.hasStarted = true;
        pulse ??= new Pulse(() => vitals.ping(child), kill, group.pulseMs);
      } else if (report.kind === "answer") {
        vitals.answered(child, report);
      } else if (report.kind === "queued") {
        events.emit("deliveries.queued", { deliveries: report.deliveries });
      } else {
        verdict = report;
      }
    });
    const ended = new Promise<Ending>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (exitStatus, signal) => {
        pulse?.stop();
        children.delete(child);
        vitals.remove(child);
        resolve({ exitStatus, signal, error: null, verdict, startedMs, wasSilent });
      });
    });
    if (child.pid !== undefined) {
      children.add(child);
      vitals.add(child);
      events.emit("process.started", { pid: child.pid });
    }
    return await ended;
  } catch (thrown) {
    // Too many processes, no memory for another, a program that is gone.
    return { exitStatus: null, signal: null, error: messageOf(thrown), verdict: null, startedMs, wasSilent };
  }
}

/**
 * Passes on whole lines alone, so that those of several processes do not mix. A log's own buffer bounds how long a line is.
 * What a killed process left of a line is no JSON, and is dropped.
 */
function passOnLines(output: Readable | null, write: (lines: string) => void): void {
  let begun = "";
  output?.setEncoding("utf8").on("data", (text: string) => {
    const end = text.lastIndexOf("\n") + 1;
    if (end > 0) {
      write(begun + text.slice(0, end));
      begun = "";
    }
    begun += text.slice(end);
  });
}

/**
 * A stop that comes before a process listens for signals ends it by that signal, with nothing done yet. A verdict comes
 * here only from a start that found no Postgres, which has done nothing either.
 */
function hasStopped({ exitStatus, signal, error, verdict }: Ending): boolean {
  return exitStatus === 0 || signal === "SIGTERM" || signal === "SIGINT" || error !== null || verdict !== null;
}

function diedWhileStopping({ exitStatus, signal }: Ending): PostriderError {
  return new PostriderError([
    {
      code: "PR0012",
      problem: "cannot tell whether every result was recorded before the stop",
      found: `a daemon's process ended with ${signal ?? `exit status ${exitStatus}`}`,
      remedy: "nothing is lost: the next daemon makes these deliveries again, after a lease of 15 s",
    },
  ]);
}
