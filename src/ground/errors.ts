/**
 * Every error that a person can see carries a code that is never reused, and says three things: what could not be done,
 * what state was found, and what to do next.
 */
export interface Fault {
  /** Stable, `PR` and four digits; see ERRORS below. */
  readonly code: ErrorCode;
  /** What could not be done: "cannot read POSTRIDER_EGRESS". */
  readonly problem: string;
  /** What was found: `it is "public"`. */
  readonly found: string;
  /** What to do next: "use public-only, private-ok or custom". */
  readonly remedy: string;
}

/** Every code. New ones are added at the end, and none gets a second meaning. */
export const ERRORS = {
  PR0001: "wrong usage of the command line",
  PR0002: "a setting is wrong",
  PR0003: "Postgres cannot be reached",
  PR0004: "the schema is not installed, or older than this program needs",
  PR0005: "the schema declares itself breaking for this program",
  PR0006: "an applied migration differs from the one this program knows",
  PR0007: "the server is not one this program can work with",
  PR0008: "the embedded PostgreSQL could not be started",
  PR0009: "a migration failed",
  PR0010: "an address could not be listened on",
  PR0011: "Node.js is too old",
  PR0012: "a daemon stopped with results that it could not record",
  PR0013: "the database role may not do what the command needs",
  PR0014: "the database was restored or copied from another one, and not adopted",
  PR0016: "another process does what the command would do",
  PR0017: "log lines that were read could not be stored",
  PR0018: "a file cannot be followed",
  PR0019: "a file could not be read or written",
  PR0020: "a generated file is not what would be generated now",
  PR0021: "a command was interrupted, and nothing of it was kept",
  PR0022: "a transaction pooler is in the way of a command that must keep its session",
  PR0023: "Postgres refused an event",
  PR0024: "a file of endpoints and event types has faults, and nothing of it was applied",
  PR0025: "the daemon on this host does not answer, or is not ready",
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** 1: the command failed. 2: wrong usage or configuration. */
export type ExitStatus = 1 | 2;

/** Thrown for what a person must fix. Any other error is a bug or an outage. */
export class PostriderError extends Error {
  readonly faults: readonly Fault[];
  readonly exitStatus: ExitStatus;

  constructor(faults: readonly Fault[], exitStatus: ExitStatus = 1, options?: { readonly cause?: unknown }) {
    super(faults.map(formatFault).join("\n"), options);
    this.name = "PostriderError";
    this.faults = faults;
    this.exitStatus = exitStatus;
  }
}

/** One line: `PR0002: cannot read X: it is "y"; use z`. */
export function formatFault(fault: Fault): string {
  return `${fault.code}: ${fault.problem}: ${fault.found}; ${fault.remedy}`;
}

/** The message of anything that can be thrown, without a stack. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === "") {
    return thrown.errors.map(messageOf).join("; ");
  }
  return thrown instanceof Error ? thrown.message : String(thrown);
}
