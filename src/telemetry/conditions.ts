import { classifyPostgresError } from "../db/connection.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf } from "../ground/errors.ts";
import { printable } from "../ground/printable.ts";

/**
 * What keeps a daemon from its work, the worst first; the heartbeat carries it to postrider.daemon, for whoever asks.
 *
 *   not_recording  results cannot be written; they are kept and tried again, and nothing is claimed meanwhile
 *   not_claiming   new events and due deliveries cannot be taken
 *   not_sending    an operator has switched sending off, in postrider.sending
 *   blind          no notification reaches it: it looks once in a poll interval
 *
 * A lost lease is none of them: a daemon that cannot beat cannot say so, and its overdue beat says it for it.
 */
export const TROUBLES = ["not_recording", "not_claiming", "not_sending", "blind"] as const;
export type Trouble = (typeof TROUBLES)[number];

export type Condition =
  | { readonly name: "well" }
  | { readonly name: Trouble; readonly reason: string; readonly sinceMs: number };

/** As the check of postrider.daemon has it. */
const REASON_CHARS_MAX = 200;

export class Troubles {
  readonly #found = new Map<Trouble, Exclude<Condition, { name: "well" }>>();
  readonly #onChange: () => void;

  /** `onChange` hears of what begins and ends, and of the reason that an operator edits; those of failures change too often. */
  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
  }

  get worst(): Condition {
    for (const trouble of TROUBLES) {
      const found = this.#found.get(trouble);
      if (found !== undefined) {
        return found;
      }
    }
    return { name: "well" };
  }

  /** The time is that of the first call, the reason that of the last. */
  begin(trouble: Trouble, reason: string): void {
    const known = this.#found.get(trouble);
    const text = printable(reason).slice(0, REASON_CHARS_MAX);
    this.#found.set(trouble, { name: trouble, reason: text, sinceMs: known?.sinceMs ?? monotonicMs() });
    if (known === undefined || (trouble === "not_sending" && known.reason !== text)) {
      this.#onChange();
    }
  }

  end(trouble: Trouble): void {
    if (this.#found.delete(trouble)) {
      this.#onChange();
    }
  }
}

/**
 * What was met, for people who may see neither payloads nor secrets: Postgres repeats data in the messages of class 22
 * ("invalid input syntax …") alone, and those are in the daemon's log.
 */
export function troubleOf(thrown: unknown): string {
  const { sqlstate } = classifyPostgresError(thrown);
  if (sqlstate === null) {
    return messageOf(thrown);
  }
  return sqlstate.startsWith("22")
    ? `SQLSTATE ${sqlstate}: Postgres refused the data; the daemon's log says more`
    : `SQLSTATE ${sqlstate}: ${messageOf(thrown)}`;
}
