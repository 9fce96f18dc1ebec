import { setTimeout as pause } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import { Daemon } from "../daemon/daemon.ts";
import { classifyPostgresError, StandbyError } from "../db/connection.ts";
import { explainRefusal } from "../db/roles.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { aborted, untilStopped } from "../ground/untilStopped.ts";
import { VERSION } from "../ground/version.ts";
import { type Log, makeLog } from "../telemetry/log.ts";

/**
 * A container often starts before its database. So long it is waited for, with a line a try; then the daemon gives up,
 * since whoever looks after it should know that it is not running.
 */
const POSTGRES_WAIT_MS = 60_000;
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 5_000;

/** `postrider run`: the daemon until SIGTERM or SIGINT, drained then. Rejects where it cannot be started. */
export async function run(config: Config): Promise<0 | 1> {
  let daemon: Daemon | null = null;
  const log = makeLog({
    level: config.logLevel,
    daemonId: () => daemon?.id ?? null,
    version: VERSION,
    to: "stdout",
  });
  logWarnings(config, log);
  return untilStopped({ signals: ["SIGTERM", "SIGINT"] }, async (stopping) => {
    const giveUpAtMs = monotonicMs() + POSTGRES_WAIT_MS;
    for (let retryMs = RETRY_FIRST_MS; ; retryMs = Math.min(RETRY_LAST_MS, retryMs * 2)) {
      daemon = new Daemon(config, log);
      try {
        await daemon.start(stopping);
        break;
      } catch (thrown) {
        if (stopping.aborted) {
          return;
        }
        if (!mayPass(thrown) || monotonicMs() + retryMs > giveUpAtMs) {
          throw explainRefusal(thrown, "postrider_daemon");
        }
        log.warn({ event: "postgres.lost", error: messageOf(thrown), retry_ms: retryMs });
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

export function logWarnings(config: Config, log: Log): void {
  for (const warning of config.warnings) {
    log.warn({ event: "settings.warned", warning });
  }
}

/** Whether waiting may help: not against a wrong password or name, nor a schema that is missing. */
function mayPass(thrown: unknown): boolean {
  const met = thrown instanceof PostriderError && !(thrown instanceof StandbyError) ? thrown.cause : thrown;
  const { kind, sqlstate } = classifyPostgresError(met);
  return (kind === "connection" || kind === "transient") && !/^(28|3D)/.test(sqlstate ?? "");
}
