import type { Environment } from "../config/environment.ts";
import { type Config, readConfig } from "../config/read.ts";
import { DaemonVitals } from "../daemon/vitals.ts";
import { listenAddressText } from "../ground/listenAddress.ts";
import { untilStopped } from "../ground/untilStopped.ts";
import { NODE_OPTIONS } from "../processes/nodeOptions.ts";
import { ProcessesVitals } from "../processes/processesVitals.ts";
import {
  answerSupervisor,
  settingsUnderSupervisor,
  supervisedEnvironment,
  underSupervisor,
} from "../processes/supervised.ts";
import { supervise } from "../processes/supervisor.ts";
import { standardStream } from "../telemetry/log.ts";
import { ProgramMetrics } from "../telemetry/programMetrics.ts";
import { defineCommand } from "./command.ts";
import { withServers } from "./listening.ts";
import { loggedEvents } from "./loggedEvents.ts";
import { npmSources } from "./npmGone.ts";
import { runDaemon } from "./runDaemon.ts";

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
    const supervisedVitals = new DaemonVitals();
    answerSupervisor(supervisedVitals);
    return underSupervisor((stopping, onStarted) =>
      runDaemon({ ...readSettings(settings), warnings: [] }, { stopping, onStarted, supervisedVitals }),
    );
  }
  const config = readSettings(env);
  return untilStopped({ signals: ["SIGTERM", "SIGINT"], sources: npmSources(env) }, (stopping) =>
    config.processes === 1 ? runDaemon(config, { stopping }) : runProcesses(config, env, stopping),
  );
}

function readSettings(env: Environment): Config {
  return readConfig(env, { name: "run", database: "required", traces: true });
}

/**
 * A daemon in each process, and the listener in this one. The log of all is one stream, in which lines of this process have
 * no daemon's id.
 */
function runProcesses(config: Config, env: Environment, stopping: AbortSignal): Promise<void> {
  const { processes } = config;
  const log = standardStream("stdout");
  const events = loggedEvents(config, { daemonId: () => null, to: "stdout" }, log);
  const vitals = new ProcessesVitals(processes, config.metricsEndpoints);
  vitals.program = new ProgramMetrics(events);
  return withServers(config, events, vitals, ({ httpListen, apiListen, portalListen }) =>
    supervise(
      {
        processes,
        command: [...thisProgram(), "run"],
        // They do not listen there, and must not send there either.
        env: supervisedEnvironment({
          ...env,
          POSTRIDER_HTTP_LISTEN: httpListen === null ? "off" : listenAddressText(httpListen),
          POSTRIDER_API_LISTEN: apiListen === null ? "off" : listenAddressText(apiListen),
          POSTRIDER_PORTAL_LISTEN: portalListen === null ? "off" : listenAddressText(portalListen),
        }),
        events,
        writeLines: (lines) => log.write(lines),
        vitals,
      },
      stopping,
    ),
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
