import { setTimeout as pause } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import { Daemon } from "../daemon/daemon.ts";
import { classifyPostgresError, StandbyError } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { aborted, untilStopped } from "../ground/untilStopped.ts";
import { VERSION } from "../ground/version.ts";
import { type Events, makeEvents } from "../telemetry/bus.ts";
import { Conditions } from "../telemetry/conditions.ts";
import { type LogOptions, makeLog } from "../telemetry/log.ts";

/**
 * A container often starts before its database. The daemon waits this long for it and then gives up, because the person who
 * runs it should know that it is not running.
 */
const POSTGRES_WAIT_MS = 60_000;
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 5_000;

/** `postrider run`: the daemon until SIGTERM or SIGINT, drained then. Rejects where it cannot be started. */
export async function run(config: Config): Promise<0 | 1> {
  let daemon: Daemon | null = null;
  const events = loggedEvents(config, { daemonId: () => daemon?.id ?? null, to: "stdout" });
  const conditions = new Conditions(events);
  return untilStopped({ signals: ["SIGTERM", "SIGINT"] }, async (stopping) => {
    const giveUpAtMs = monotonicMs() + POSTGRES_WAIT_MS;
    for (let retryMs = RETRY_FIRST_MS; ; retryMs = Math.min(RETRY_LAST_MS, retryMs * 2)) {
      daemon = new Daemon(config, events);
      try {
        await daemon.start(stopping);
        conditions.end("postgres_lost", {});
        break;
      } catch (thrown) {
        if (stopping.aborted) {
          return;
        }
        if (!mayPass(thrown) || monotonicMs() + retryMs > giveUpAtMs) {
          throw explainRefusal(thrown, "postrider_daemon");
        }
        const { sqlstate } = classifyPostgresError(causeOf(thrown));
        conditions.begin("postgres_lost", "postgres.lost", { error: messageOf(thrown), sqlstate });
      }
      await pause(retryMs, null, { signal: stopping }).catch(() => {
        // Asked to stop.
      });
      if (stopping.aborted) {
        return;
      }
    }
    const fault = await Promise.race([aborted(stopping), daemon.unusable]);
    const isRecorded = await daemon.stop();
    if (fault !== undefined) {
      throw fault;
    }
    if (!isRecorded) {
      throw new PostriderError([
        {
          code: "PR0012",
          problem: "cannot record every result before the stop",
          found: "Postgres did not take them in time",
          remedy: "nothing is lost: the next daemon makes these deliveries again, after a lease of 15 s",
        },
      ]);
    }
  });
}

/** The stream of events of a command, with the log that its settings ask for. */
export function loggedEvents(config: Config, options: Pick<LogOptions, "daemonId" | "to">): Events {
  const events = makeEvents();
  events.subscribe(makeLog({ level: config.logLevel, version: VERSION, ...options }));
  for (const warning of config.warnings) {
    events.emit("settings.warned", { warning });
  }
  return events;
}

/** Whether waiting may help: not against a wrong password or name, nor a schema that is missing. */
function mayPass(thrown: unknown): boolean {
  const { kind, sqlstate } = classifyPostgresError(causeOf(thrown));
  return (kind === "connection" || kind === "transient") && !/^(28|3D)/.test(sqlstate ?? "");
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof PostriderError && !(thrown instanceof StandbyError) ? thrown.cause : thrown;
}
