import pino, { type DestinationStream, type Level, type LevelWithSilent } from "pino";
import type { Subscriber } from "./bus.ts";
import type { Emitted, EventName } from "./events.ts";
import { redacted } from "./redact.ts";

export interface LogOptions {
  readonly level: LevelWithSilent;
  /** A function if it is not known yet or changes: a daemon that lost its lease continues under another id. */
  readonly daemonId: string | (() => string | null);
  readonly version: string;
  /** `run` logs to stdout, as containers expect. Commands whose own output is on stdout log to stderr. */
  readonly to: "stdout" | "stderr";
}

/**
 * Makes the process's log, a subscriber of events: one JSON object per line with `level`, `time` (ISO 8601), `daemon_id`,
 * `version`, `event` and the event's fields.
 *
 * It uses none of pino's transports, because their worker threads hang in a bundle. What is still buffered when the process
 * ends by itself is written then. `destination` replaces `to`.
 */
export function makeLog(options: LogOptions, destination: DestinationStream = standardStream(options.to)): Subscriber {
  const { daemonId } = options;
  const logger = pino(
    {
      level: options.level,
      base: { version: options.version },
      mixin: () => ({ daemon_id: typeof daemonId === "string" ? daemonId : daemonId() }),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redacted },
    },
    destination,
  );
  const hidesContent = !logger.isLevelEnabled("debug");
  return (event) => {
    const level = levelOf(event);
    if (logger.isLevelEnabled(level)) {
      logger[level]({ event: event.name, ...(hidesContent ? withoutContent(event) : event.fields) });
    }
  };
}

/** What is not listed is "info". */
export const LEVELS: Partial<Readonly<Record<EventName, Level>>> = {
  "claim.taken": "debug",
  "deliveries.queued": "debug",
  "events.unmatched": "debug",
  "listener.connected": "debug",

  "connections.refused": "warn",
  "console.left_out": "warn",
  "daemon.beat_failed": "warn",
  "delivery.exhausted": "warn",
  "endpoint.disabled": "warn",
  "file.ignored": "warn",
  "file.lost": "warn",
  "file.missing": "warn",
  "file.unreadable": "warn",
  "gate.lost": "warn",
  "http_listener.left_out": "warn",
  "certificate.expiring": "warn",
  "circuit.opened": "warn",
  "claim_lock.freed": "warn",
  "claim_lock.held": "warn",
  "line.refused": "warn",
  "listener.lost": "warn",
  "maintenance.failed": "warn",
  "payload.failed": "warn",
  "delivery.untransformed": "warn",
  "pooler.found": "warn",
  "record.reduced": "warn",
  "replay.failed": "warn",
  "sending.stopped": "warn",
  "settings.warned": "warn",
  "traces.failed": "warn",

  "claim.failed": "error",
  "claims.kept": "error",
  "console_request.failed": "error",
  "portal_request.failed": "error",
  "daemon.lease_lost": "error",
  "daemon.leave_failed": "error",
  "database.copied": "error",
  "filter.too_slow": "error",
  "filters.skipped": "error",
  "http_request.failed": "error",
  "postgres.lost": "error",
  "process.ended": "error",
  "record.abandoned": "error",
  "record.failed": "error",
  "schema.unusable": "error",
  "subscriber.failed": "error",
};

/** Whether a log of this level shows successful attempts. */
export function showsSuccesses(level: LevelWithSilent): boolean {
  return level === "debug" || level === "trace";
}

/**
 * A successful attempt is for debugging: at full speed there are thousands a second, and `postrider.attempt` has them all.
 * Failed attempts show by default; `warn` hides both and keeps the changes of state.
 */
export function levelOf(event: Emitted): Level {
  return event.name === "delivery.attempted" && event.fields.failure_kind === null
    ? "debug"
    : (LEVELS[event.name] ?? "info");
}

/**
 * A line that is no JSON is often a stack trace or a dump with whatever secrets were at hand, so only a log for debugging
 * shows what it says. Its place and the reason are enough to find it by.
 */
function withoutContent(event: Emitted): object {
  return event.name === "line.refused" ? { ...event.fields, excerpt: undefined } : event.fields;
}

/** Never waits for its reader. Each text that is written must be one or more whole lines. */
export function standardStream(to: LogOptions["to"]): DestinationStream {
  switch (to) {
    case "stdout":
      return buffered(1);
    case "stderr":
      return pino.destination({ dest: 2, sync: true });
  }
}

/** Kept for a reader that has fallen behind. A daemon does not wait for the reader of its log. */
const BUFFER_BYTES_MAX = 1_048_576;

/**
 * Lines are handed to a thread, one write at a time. They are dropped beyond the buffer, and when they cannot be written (a
 * full disk, a reader that is gone): what matters is in Postgres as well.
 */
function buffered(fd: number): DestinationStream {
  const stream = pino.destination({ dest: fd, sync: false, maxLength: BUFFER_BYTES_MAX });
  let isInDoubt = false;
  stream.on("error", () => {
    isInDoubt = true;
  });
  stream.on("drop", () => {
    isInDoubt = true;
  });
  stream.on("drain", () => {
    isInDoubt = false;
  });
  // pino calls this when the process ends. With a reader that does not read, or a full disk, it would try forever.
  const flushSync = stream.flushSync.bind(stream);
  stream.flushSync = () => {
    if (!isInDoubt) {
      flushSync();
    }
  };
  return stream;
}
