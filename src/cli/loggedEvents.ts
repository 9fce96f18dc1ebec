import type { Config } from "../config/read.ts";
import { VERSION } from "../ground/version.ts";
import { type Events, makeEvents } from "../telemetry/bus.ts";
import { type LogOptions, makeLog, showsSuccesses, standardStream } from "../telemetry/log.ts";

/** The stream of events of a command, with the log that its settings ask for. `stream` replaces `to`. */
export function loggedEvents(
  config: Config,
  options: Pick<LogOptions, "daemonId" | "to">,
  stream = standardStream(options.to),
): Events {
  const events = makeEvents();
  const log = makeLog({ level: config.logLevel, version: VERSION, ...options }, stream);
  events.subscribe(log, { successes: showsSuccesses(config.logLevel) });
  for (const warning of config.warnings) {
    events.emit("settings.warned", { warning });
  }
  return events;
}
