import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Config } from "../config/read.ts";
import { Daemon } from "../daemon/daemon.ts";
import { DaemonVitals } from "../daemon/vitals.ts";
import { classifyPostgresError, isOutage, isOutageAtStart } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { aborted } from "../ground/untilStopped.ts";
import { tellOfQueued } from "../processes/supervised.ts";
import { Conditions } from "../telemetry/conditions.ts";
import { ProgramMetrics } from "../telemetry/programMetrics.ts";
import { withServers } from "./listening.ts";
import { loggedEvents } from "./loggedEvents.ts";
import { withTraces } from "./withTraces.ts";

/**
 * A container often starts before its database. The daemon waits this long for it and then gives up, because the person
 * who runs it should know that it is not running.
 */
const POSTGRES_WAIT_MS = 60_000;

export interface RunOptions {
  readonly stopping: AbortSignal;
  /** Called once the daemon has started. */
  readonly onStarted?: () => void;
  /** How long a start waits for Postgres. Default: POSTGRES_WAIT_MS. */
  readonly postgresWaitMs?: number;
  /** The supervisor, which has the listener, asks for them; without one, this process has it. */
  readonly supervisedVitals?: DaemonVitals;
}

/** Runs one daemon until `stopping` is aborted. Rejects if it cannot be started, or can work no longer. */
export async function runDaemon(config: Config, options: RunOptions): Promise<void> {
  let latest: Daemon | null = null;
  const events = loggedEvents(config, { daemonId: () => latest?.id ?? null, to: "stdout" });
  const daemonId = randomUUID();
  const { supervisedVitals } = options;
  const vitals = supervisedVitals ?? new DaemonVitals();
  if (supervisedVitals !== undefined) {
    tellOfQueued(events);
  }
  vitals.program = new ProgramMetrics(events);
  const conditions = new Conditions(events);
  const run = (settings: Config): Promise<void> =>
    withTraces(settings, { instanceId: daemonId, conditions }, (traces) => {
      const make = (): Daemon => {
        latest = new Daemon(settings, events, daemonId, traces, conditions);
        return latest;
      };
      return runWhenReachable(make, vitals, conditions, options);
    });
  await (supervisedVitals === undefined ? withServers(config, events, vitals, run) : run(config));
}

async function runWhenReachable(
  make: () => Daemon,
  vitals: DaemonVitals,
  conditions: Conditions,
  options: RunOptions,
): Promise<void> {
  const { stopping, onStarted } = options;
  stopping.addEventListener("abort", () => {
    vitals.isStopping = true;
  });
  const daemon = await startWhenReachable(make, vitals, conditions, options);
  if (daemon === null) {
    return;
  }
  vitals.daemon = daemon;
  onStarted?.();
  const fault = await Promise.race([aborted(stopping), daemon.unusable]);
  vitals.isStopping = true;
  const isRecorded = await daemon.stop();
  if (fault !== undefined) {
    throw fault;
  }
  if (!isRecorded) {
    throw notRecorded();
  }
}

/** A started daemon, or null if the stop came first. */
async function startWhenReachable(
  make: () => Daemon,
  vitals: DaemonVitals,
  conditions: Conditions,
  { stopping, postgresWaitMs = POSTGRES_WAIT_MS }: RunOptions,
): Promise<Daemon | null> {
  const giveUpAtMs = monotonicMs() + postgresWaitMs;
  const backoff = makeBackoff({ firstMs: 500, lastMs: 5_000 });
  while (!stopping.aborted) {
    const daemon = make();
    try {
      await daemon.start(stopping);
      conditions.end("postgres_lost", {});
      return daemon;
    } catch (thrown) {
      const retryMs = backoff.nextMs();
      if (stopping.aborted) {
        return null;
      }
      if (!isOutageAtStart(thrown) || monotonicMs() + retryMs > giveUpAtMs) {
        throw failedStart(thrown);
      }
      const { sqlstate } = classifyPostgresError(thrown);
      vitals.isWaiting = true;
      conditions.begin("postgres_lost", "postgres.lost", { error: messageOf(thrown), sqlstate });
      await pause(retryMs, null, { signal: stopping }).catch(() => {
        // Asked to stop.
      });
    }
  }
  return null;
}

function failedStart(thrown: unknown): unknown {
  if (thrown instanceof PostriderError || !isOutage(thrown)) {
    return explainRefusal(thrown, "postrider_daemon");
  }
  return new PostriderError(
    [
      {
        code: "PR0003",
        problem: "cannot start the daemon",
        found: messageOf(thrown),
        remedy: "look at the server, and whether a daemon may have as many connections as it needs",
      },
    ],
    1,
    { cause: thrown },
  );
}

function notRecorded(): PostriderError {
  return new PostriderError([
    {
      code: "PR0012",
      problem: "cannot record every result before the stop",
      found: "Postgres did not take them in time",
      remedy: "nothing is lost: the next daemon makes these deliveries again, after a lease of 15 s",
    },
  ]);
}
