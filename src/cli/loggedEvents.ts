import type { Config } from "../config/read.ts";
import { VERSION } from "../ground/version.ts";
import { type Events, makeEvents } from "../telemetry/bus.ts";
import type { EventName } from "../telemetry/events.ts";
import { type LogOptions, makeLog, showsSuccesses, standardStream } from "../telemetry/log.ts";

interface LoggedEventsOptions extends Pick<LogOptions, "daemonId" | "to"> {
  /** What the log leaves out, because the command shows it in another way. */
  readonly leftOut?: ReadonlySet<EventName> | undefined;
}

/** The stream of events of a command, with the log that its settings ask for. `stream` replaces `to`. */
export function loggedEvents(
  config: Config,
  { leftOut, ...options }: LoggedEventsOptions,
  stream = standardStream(options.to),
): Events {
  const events = makeEvents();
  const log = makeLog({ level: config.logLevel, version: VERSION, ...options }, stream);
  events.subscribe(
    (event) => {
      if (leftOut?.has(event.name) !== true) {
        log(event);
      }
    },
    { successes: showsSuccesses(config.logLevel) },
  );
  for (const warning of config.warnings) {
    events.emit("settings.warned", { warning });
  }
  return events;
}
