import { setTimeout as pause } from "node:timers/promises";
import type { Environment } from "../config/environment.ts";
import { type Config, readConfig } from "../config/read.ts";
import { Daemon } from "../daemon/daemon.ts";
import { classifyPostgresError, StandbyError } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { aborted, untilStopped } from "../ground/untilStopped.ts";
import { NODE_OPTIONS } from "../processes/nodeOptions.ts";
import { settingsUnderSupervisor, supervisedEnvironment, underSupervisor } from "../processes/supervised.ts";
import { supervise } from "../processes/supervisor.ts";
import { Conditions } from "../telemetry/conditions.ts";
import { standardStream } from "../telemetry/log.ts";
import { defineCommand } from "./command.ts";
import { loggedEvents } from "./loggedEvents.ts";

/**
 * A container often starts before its database. The daemon waits this long for it and then gives up, because the person
 * who runs it should know that it is not running.
 */
const POSTGRES_WAIT_MS = 60_000;

export const command = defineCommand({
  summary: "runs the daemon against DATABASE_URL",
  options: {},
  examples: ["DATABASE_URL=postgres://… postrider run"],
  run: (_, env) => run(env),
});

/** The daemons until SIGTERM or SIGINT, drained at the end. Rejects if they cannot be started. */
function run(env: Environment): Promise<0 | 1> {
  const settings = settingsUnderSupervisor(env);
  if (settings !== null) {
    // The supervisor has warned.
    return underSupervisor((stopping) => runDaemon({ ...readSettings(settings), warnings: [] }, stopping));
  }
  const config = readSettings(env);
  return untilStopped({ signals: ["SIGTERM", "SIGINT"] }, (stopping) =>
    config.processes === 1 ? runDaemon(config, stopping) : runProcesses(config, env, stopping),
  );
}

function readSettings(env: Environment): Config {
  return readConfig(env, { name: "run", database: "required" });
}

/** A daemon in each process. The log of all is one stream, in which lines of this process have no daemon's id. */
function runProcesses(config: Config, env: Environment, stopping: AbortSignal): Promise<void> {
  const log = standardStream("stdout");
  const events = loggedEvents(config, { daemonId: () => null, to: "stdout" }, log);
  return supervise(
    {
      processes: config.processes,
      command: [...thisProgram(), "run"],
      env: supervisedEnvironment(env),
      events,
      writeLines: (lines) => log.write(lines),
    },
    stopping,
  );
}

/** How to start this program again: the executable that holds it, or Node with its options and the script. */
function thisProgram(): readonly [string, ...string[]] {
  const { execPath, execArgv, argv } = process;
  // Not imported: the bundle must load on an old Node, which lacks this module, to say that it is too old.
  return process.getBuiltinModule("node:sea").isSea()
    ? [execPath]
    : [execPath, ...NODE_OPTIONS, ...execArgv, argv[1] ?? ""];
}

async function runDaemon(config: Config, stopping: AbortSignal): Promise<void> {
  let latest: Daemon | null = null;
  const events = loggedEvents(config, { daemonId: () => latest?.id ?? null, to: "stdout" });
  const conditions = new Conditions(events);
  const make = (): Daemon => {
    latest = new Daemon(config, events);
    return latest;
  };
  const daemon = await startWhenReachable(make, conditions, stopping);
  if (daemon === null) {
    return;
  }
  const fault = await Promise.race([aborted(stopping), daemon.unusable]);
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
  conditions: Conditions,
  stopping: AbortSignal,
): Promise<Daemon | null> {
  const giveUpAtMs = monotonicMs() + POSTGRES_WAIT_MS;
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
      if (!mayPass(thrown) || monotonicMs() + retryMs > giveUpAtMs) {
        throw explainRefusal(thrown, "postrider_daemon");
      }
      const { sqlstate } = classifyPostgresError(causeOf(thrown));
      conditions.begin("postgres_lost", "postgres.lost", { error: messageOf(thrown), sqlstate });
      await pause(retryMs, null, { signal: stopping }).catch(() => {
        // Asked to stop.
      });
    }
  }
  return null;
}

/** Whether waiting may help. It does not help against a wrong password or name, or a missing schema. */
function mayPass(thrown: unknown): boolean {
  const { kind, sqlstate } = classifyPostgresError(causeOf(thrown));
  return (kind === "connection" || kind === "transient") && !/^(28|3D)/.test(sqlstate ?? "");
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof PostriderError && !(thrown instanceof StandbyError) ? thrown.cause : thrown;
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
