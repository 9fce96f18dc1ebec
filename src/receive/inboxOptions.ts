import type { ReceivedEvent } from "./event.ts";
import { type InboxTables, inboxTables } from "./inboxSql.ts";
import { kindOf, ReceiveError } from "./receiveError.ts";
import type { KeyOf, LateEvents } from "./store.ts";

export interface PostgresInboxOptions {
  /** Whose inbox it is, if several receivers share a database and each handles every event. Default: `default`. */
  readonly receiver?: string;
  /** Where the tables are, if not on the `search_path`. */
  readonly schema?: string;
  /**
   * How long an event is remembered. The sender must not send it again after that: by default it keeps events for 30 days
   * itself, and up to that time can replay them or go on trying. Default: 45.
   */
  readonly retentionDays?: number;
  /** What becomes of an event that comes after a later one of its key was handled. Default: `handle`, like any other. */
  readonly lateEvents?: LateEvents;
  /** What an event is about, for `lateEvents`; undefined if it is never late. Default: its `orderingKey`. */
  keyOf?(event: ReceivedEvent): string | undefined;
  /**
   * How long an event waits while another request with it, or with its key, is being handled; then it fails, and comes again.
   * Default: 10,000, less than the sender's own timeout.
   */
  readonly waitMs?: number;
  /** Told when old rows could not be deleted; events are handled nevertheless. Default: `console.warn`. */
  onProblem?(problem: Error): void;
}

export interface InboxSettings {
  readonly receiver: string;
  readonly tables: InboxTables;
  /** An interval of Postgres. */
  readonly retention: string;
  readonly lateEvents: LateEvents;
  readonly keyOf: KeyOf;
  readonly waitMs: number;
  readonly onProblem: (problem: Error) => void;
}

const NAMES: Readonly<Record<keyof PostgresInboxOptions, true>> = {
  receiver: true,
  schema: true,
  retentionDays: true,
  lateEvents: true,
  keyOf: true,
  waitMs: true,
  onProblem: true,
};
const LATE_EVENTS: readonly LateEvents[] = ["handle", "drop", "park"];
/** Longer than a sender keeps events by default: 30 days, whole days only, and while one is tried again they stay. */
const RETENTION_DAYS = 45;
const WAIT_MS = 10_000;
/** As long as a timer can be. */
const NUMBER_MAX = 2 ** 31 - 1;

/** Throws ReceiveError. A misspelt option would otherwise promise what does not happen. */
export function readInboxOptions(options: PostgresInboxOptions): InboxSettings {
  refuseUnknown(options, Object.keys(NAMES));
  const { lateEvents = "handle", keyOf = (event) => event.orderingKey } = options;
  if (!LATE_EVENTS.includes(lateEvents)) {
    throw wrong(`lateEvents is none of ${LATE_EVENTS.join(", ")}; give one`);
  }
  return {
    receiver: storable("receiver", options.receiver ?? "default"),
    tables: inboxTables(options.schema),
    retention: `${positive("retentionDays", options.retentionDays ?? RETENTION_DAYS)} days`,
    lateEvents,
    keyOf: lateEvents === "handle" ? () => undefined : judgedKeyOf(keyOf),
    waitMs: Math.ceil(positive("waitMs", options.waitMs ?? WAIT_MS)),
    onProblem: callable("onProblem", options.onProblem ?? ((problem) => console.warn(problem.message))),
  };
}

export function refuseUnknown(options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw wrong(`${JSON.stringify(unknown)} is not one of its options; they are ${names.join(", ")}`);
  }
}

export function positive(name: string, value: number): number {
  if (!(value > 0 && value <= NUMBER_MAX)) {
    throw wrong(`${name} is ${value}; give a number above 0`);
  }
  return value;
}

export function callable<Wanted>(name: string, value: Wanted): Wanted {
  if (typeof value !== "function") {
    throw wrong(`${name} is ${kindOf(value)}; give a function`);
  }
  return value;
}

/** Not every caller has types, and a number would be another key here than the text of it in the database. */
export function judgedKeyOf(keyOf: KeyOf): KeyOf {
  const given: (event: ReceivedEvent) => unknown = callable("keyOf", keyOf);
  return (event) => {
    const key = given(event);
    if (key === undefined || typeof key === "string") {
      return key;
    }
    throw new ReceiveError(
      "bad_options",
      `cannot tell what an event is about: keyOf returned ${kindOf(key)}; return a string, or undefined if the event is never late`,
    );
  };
}

export function wrong(problem: string): ReceiveError {
  return new ReceiveError("bad_options", `cannot keep an inbox: ${problem}`);
}

/** UTF-8 cannot hold half of a surrogate pair, and drivers replace it: two ids could become one. */
export function storable(what: string, text: string): string {
  if (text.includes("\0") || /\p{Cs}/u.test(text)) {
    throw new ReceiveError(
      "not_storable",
      `cannot remember an event: its ${what} has characters that Postgres does not store; its sender must leave them out`,
    );
  }
  return text;
}
