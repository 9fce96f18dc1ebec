import type { ReceivedEvent } from "./event.ts";
import { callable, judgedKeyOf, positive, refuseUnknown, wrong } from "./inboxOptions.ts";
import { isBefore, type Moment, momentOf } from "./moment.ts";
import type { KeyOf, Outcome, Store } from "./store.ts";
import { Turns } from "./turns.ts";

export interface MemoryInboxOptions {
  /** How many ids are remembered; the oldest is forgotten first. Default: 100,000, some 20 MB. */
  readonly idsMax?: number;
  /** As for `postgresInbox`. Nothing can be parked in memory. Default: `handle`. */
  readonly lateEvents?: "handle" | "drop";
  /** Default: the event's `orderingKey`. */
  keyOf?(event: ReceivedEvent): string | undefined;
  /** Told once what cannot be promised. Default: `console.warn`. */
  readonly warn?: (sentence: string) => void;
}

const IDS_MAX = 100_000;
/** How long an event waits for another request with it. */
const WAIT_MS = 10_000;

export const MEMORY_INBOX_WARNING =
  "memoryInbox forgets every event when the process ends, and other processes do not know of them: an event may be handled " +
  "again after a restart, or by another process, and a handler that fails halfway leaves what it did; use postgresInbox for once and only once";

/**
 * Remembers events in this process, for trying things out and for handlers that may run again. It cannot promise that an
 * event is handled once: the ids are gone with the process, no other process has them, only the last `idsMax` are there, and
 * nothing undoes what a handler did before it failed.
 */
export function memoryInbox(options: MemoryInboxOptions = {}): Store<undefined> {
  refuseUnknown(options, ["idsMax", "lateEvents", "keyOf", "warn"]);
  const warn = callable("warn", options.warn ?? ((sentence: string) => console.warn(sentence)));
  const inbox = new MemoryInbox(options);
  warn(MEMORY_INBOX_WARNING);
  return inbox;
}

class MemoryInbox implements Store<undefined> {
  readonly #ids: Latest<true>;
  readonly #latest: Latest<Moment>;
  readonly #keyOf: KeyOf;
  readonly #byId = new Turns(WAIT_MS);
  readonly #byKey = new Turns(WAIT_MS);

  constructor({ idsMax, lateEvents = "handle", keyOf = (event) => event.orderingKey }: MemoryInboxOptions) {
    if (lateEvents !== "handle" && lateEvents !== "drop") {
      throw wrong("lateEvents is neither handle nor drop, and nothing can be parked in memory; give one of them");
    }
    const max = positive("idsMax", idsMax ?? IDS_MAX);
    this.#ids = new Latest(max);
    this.#latest = new Latest(max);
    this.#keyOf = lateEvents === "handle" ? () => undefined : judgedKeyOf(keyOf);
  }

  async once(event: ReceivedEvent, handle: (transaction: undefined) => Promise<void>): Promise<Outcome> {
    const key = this.#keyOf(event);
    return this.#byId.take(event.id, () => {
      const work = () => this.#receive(event, key, handle);
      return key === undefined ? work() : this.#byKey.take(key, work);
    });
  }

  async isRemembered({ id }: ReceivedEvent): Promise<boolean> {
    return this.#ids.get(id) !== undefined;
  }

  async #receive(
    event: ReceivedEvent,
    key: string | undefined,
    handle: (transaction: undefined) => Promise<void>,
  ): Promise<Outcome> {
    if (this.#ids.get(event.id) !== undefined) {
      return "duplicate";
    }
    const moment = key === undefined ? undefined : momentOf(event.timestamp);
    const isLate = this.#isLate(key, moment);
    if (!isLate) {
      await handle(undefined);
      if (key !== undefined && moment !== undefined) {
        this.#latest.set(key, moment);
      }
    }
    this.#ids.set(event.id, true);
    return isLate ? "dropped" : "handled";
  }

  #isLate(key: string | undefined, moment: Moment | undefined): boolean {
    const latest = key === undefined ? undefined : this.#latest.get(key);
    return latest !== undefined && moment !== undefined && isBefore(moment, latest);
  }
}

/** A map that forgets what was set longest ago. */
class Latest<Value> {
  readonly #max: number;
  readonly #values = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get(name: string): Value | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: Value): void {
    this.#values.delete(name);
    this.#values.set(name, value);
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#max && oldest !== undefined) {
      this.#values.delete(oldest);
    }
  }
}
