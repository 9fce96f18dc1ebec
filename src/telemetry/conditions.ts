import { monotonicMs } from "../ground/clock.ts";
import { printable } from "../ground/printable.ts";
import type { Events } from "./bus.ts";
import type { Ended, EventFields, EventName } from "./events.ts";

/**
 * What can last: the event at its start, the one at its end, and how the heartbeat shows it in postrider.daemon while it
 * lasts. The worst comes first. A lost lease is not shown: a daemon that cannot beat cannot say so, and its overdue beat
 * says it instead.
 *
 *   not_recording  results cannot be written; the daemon keeps them, retries, and claims nothing
 *   not_claiming   new events and due deliveries cannot be taken
 *   not_sending    an operator switched sending off, in postrider.sending
 *   blind          notifications do not reach the daemon; it looks once in each poll interval
 */
export const CONDITIONS = {
  not_recording: { starts: ["record.failed"], ends: "record.restored", shownAs: "not_recording" },
  not_claiming: { starts: ["postgres.lost", "claim.failed"], ends: "postgres.restored", shownAs: "not_claiming" },
  claim_lock_held: { starts: ["claim_lock.held"], ends: "claim_lock.released", shownAs: "not_claiming" },
  not_sending: { starts: ["sending.stopped"], ends: "sending.started", shownAs: "not_sending" },
  blind: { starts: ["listener.lost", "gate.lost", "pooler.found"], ends: "gate.restored", shownAs: "blind" },
  few_connections: { starts: ["connections.refused"], ends: "connections.granted", shownAs: null },
  lease_lost: { starts: ["daemon.lease_lost"], ends: "daemon.lease_regained", shownAs: null },
  not_beating: { starts: ["daemon.beat_failed"], ends: "daemon.beat_restored", shownAs: null },
  partitions_failing: { starts: ["maintenance.failed"], ends: "maintenance.restored", shownAs: null },
  replays_failing: { starts: ["maintenance.failed"], ends: "maintenance.restored", shownAs: null },
  postgres_lost: { starts: ["postgres.lost"], ends: "postgres.restored", shownAs: null },
  file_missing: { starts: ["file.missing", "file.unreadable"], ends: "file.found", shownAs: null },
} as const satisfies Readonly<Record<string, Declaration>>;

interface Declaration {
  readonly starts: readonly EventName[];
  readonly ends: EventName;
  readonly shownAs: "not_recording" | "not_claiming" | "not_sending" | "blind" | null;
}

export type ConditionName = keyof typeof CONDITIONS;
type StartEvent<Name extends ConditionName> = (typeof CONDITIONS)[Name]["starts"][number];
type EndFields<Name extends ConditionName> = EventFields<(typeof CONDITIONS)[Name]["ends"]>;

/** What postrider.daemon shows. */
export type Shown =
  | { readonly name: "well" }
  | { readonly name: NonNullable<Declaration["shownAs"]>; readonly reason: string; readonly sinceMs: number };

interface Lasting {
  reason: string;
  readonly sinceMs: number;
  repeats: number;
}

/** The check of postrider.daemon has the same limit. */
const REASON_CHARS_MAX = 200;

/** Each lasting condition emits one event when it starts and one when it ends, however often it is met in between. */
export class Conditions {
  readonly #events: Events;
  readonly #lasting = new Map<ConditionName, Lasting>();
  readonly #watchers = new Set<() => void>();

  constructor(events: Events) {
    this.#events = events;
  }

  has(name: ConditionName): boolean {
    return this.#lasting.has(name);
  }

  get worst(): Shown {
    for (const [name, { shownAs }] of Object.entries(CONDITIONS) as [ConditionName, Declaration][]) {
      const lasting = this.#lasting.get(name);
      if (lasting !== undefined && shownAs !== null) {
        return { name: shownAs, reason: lasting.reason, sinceMs: lasting.sinceMs };
      }
    }
    return { name: "well" };
  }

  /**
   * `watcher` is called when `worst` may have changed: a shown condition started or ended, or an operator edited the reason
   * of `not_sending`. The reasons of failures change too often. Returns the function that ends the watch.
   */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * Emits `event` if the condition is new, and counts otherwise. `reason` is for postrider.daemon, whose readers may see
   * neither payloads nor secrets; the latest one is shown.
   */
  begin<Name extends ConditionName, Event extends StartEvent<Name>>(
    name: Name,
    event: Event,
    fields: EventFields<Event>,
    reason = "",
  ): void {
    const text = printable(reason).slice(0, REASON_CHARS_MAX);
    const lasting = this.#lasting.get(name);
    if (lasting === undefined) {
      this.#lasting.set(name, { reason: text, sinceMs: monotonicMs(), repeats: 0 });
      this.#events.emit(event, fields);
      this.#tellWatchers(name);
      return;
    }
    const isEdited = name === "not_sending" && lasting.reason !== text;
    lasting.reason = text;
    lasting.repeats += 1;
    if (isEdited) {
      this.#tellWatchers(name);
    }
  }

  /** Emits the event of the end, with `fields`, the duration and the count, if the condition lasts. */
  end<Name extends ConditionName>(name: Name, fields: Omit<EndFields<Name>, keyof Ended>): void {
    const lasting = this.#lasting.get(name);
    if (lasting === undefined) {
      return;
    }
    this.#lasting.delete(name);
    const ended = { lasted_ms: Math.round(monotonicMs() - lasting.sinceMs), repeats: lasting.repeats };
    this.#events.emit(CONDITIONS[name].ends, { ...fields, ...ended } as EndFields<Name>);
    this.#tellWatchers(name);
  }

  #tellWatchers(name: ConditionName): void {
    if (CONDITIONS[name].shownAs === null) {
      return;
    }
    for (const watcher of this.#watchers) {
      watcher();
    }
  }
}
