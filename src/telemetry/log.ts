import pino, { type DestinationStream } from "pino";
import type { LogLevel } from "../config/config.ts";
import type { EventName } from "./events.ts";

/** One line: the event, and fields in snake_case. Errors go in as `error: messageOf(thrown)`, URLs through `urlForLog`. */
export interface LogLine {
  readonly event: EventName;
  readonly [field: string]: unknown;
}

/** What code that logs is given. A test passes its own and keeps the lines. */
export interface Log {
  trace(line: LogLine): void;
  debug(line: LogLine): void;
  info(line: LogLine): void;
  warn(line: LogLine): void;
  error(line: LogLine): void;
  fatal(line: LogLine): void;
  /** To be asked before a wide line is put together on a hot path. */
  isLevelEnabled(level: Exclude<LogLevel, "silent">): boolean;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** A function where it is not known yet, or changes: a daemon that has lost its lease goes on under another id. */
  readonly daemonId: string | (() => string | null);
  readonly version: string;
  /** `run` logs to stdout, as containers expect; where stdout carries a command's own output, logs go to stderr. */
  readonly to: "stdout" | "stderr";
}

/**
 * Makes the process's log: one JSON object per line with `level`, `time` (ISO 8601), `daemon_id`, `version`, `event`.
 *
 * Not through one of pino's transports: their worker threads hang in a bundle. What is still in the buffer when the
 * process ends by itself is written then. `destination` replaces `to`.
 */
export function makeLog(options: LogOptions, destination: DestinationStream = standardStream(options.to)): Log {
  const { daemonId } = options;
  return pino(
    {
      level: options.level,
      base: { version: options.version },
      mixin: () => ({ daemon_id: typeof daemonId === "string" ? daemonId : daemonId() }),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: blankRecord },
    },
    destination,
  );
}

/**
 * The level of `delivery.attempted`, the one wide line per attempt. Successes are for debugging: at full speed they are
 * thousands of lines a second and tell what `postrider.attempt` tells. Failures show by default; `warn` turns off both
 * and keeps the changes of state.
 */
export function attemptLevel(failureKind: string | null): "debug" | "info" {
  return failureKind === null ? "debug" : "info";
}

/**
 * The origin of a URL and no more: user, password and query hold credentials, and where a path is hard to guess it is
 * one. Which endpoint it is tells the endpoint's id. What is no http URL is not repeated.
 */
export function urlForLog(url: string): string {
  const { protocol, origin } = URL.parse(url) ?? {};
  return (protocol === "http:" || protocol === "https:") && origin !== undefined ? origin : "(not an http URL)";
}

function standardStream(to: LogOptions["to"]): DestinationStream {
  switch (to) {
    case "stdout":
      return buffered(1);
    case "stderr":
      return pino.destination({ dest: 2, sync: true });
  }
}

/** What is kept for a reader that has fallen behind; a daemon does not stand still for who reads its log. */
const BUFFER_BYTES_MAX = 1_048_576;

/**
 * Lines are handed to a thread, one write at a time. Beyond the buffer, and where they cannot be written (a full disk, a
 * reader that is gone), they are dropped: the log is not what a daemon is for, and what matters is in Postgres as well.
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
  // Called by pino when the process ends. To a reader that stands still, or a disk that is full, it would try for ever.
  const flushSync = stream.flushSync.bind(stream);
  stream.flushSync = () => {
    if (!isInDoubt) {
      flushSync();
    }
  };
  return stream;
}

// A net below the rule that no secret is passed to the log: these names are blanked wherever they stand.
const BLANKED_NAMES: ReadonlySet<string> = new Set([
  "secret",
  "secrets",
  "password",
  "token",
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "webhook-signature",
  "x-api-key",
  "database_url",
  "databaseUrl",
  "listen_url",
  "listenUrl",
]);

const BLANKED_DEPTH_MAX = 4;

function blankRecord(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return blankFields(record, BLANKED_DEPTH_MAX);
}

/**
 * A copy of the record without secrets. Not pino's own `redact`: its paths need a wildcard per depth, and with three
 * depths a line cost 35 µs of CPU against 2 µs this way. Null fields stay null: that nothing was set is no secret.
 */
function blankFields(record: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  const blanked: Record<string, unknown> = {};
  for (const name of Object.keys(record)) {
    const value = record[name];
    blanked[name] = BLANKED_NAMES.has(name) && value !== null ? "[redacted]" : blankValue(value, depth);
  }
  return blanked;
}

function blankValue(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (depth === 0) {
    return "[too deep]";
  }
  if (Array.isArray(value)) {
    return value.map((entry) => blankValue(entry, depth - 1));
  }
  return isPlainRecord(value) ? blankFields(value, depth - 1) : value;
}

function isPlainRecord(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
