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
  minutes_failing: { starts: ["maintenance.failed"], ends: "maintenance.restored", shownAs: null },
  replays_failing: { starts: ["maintenance.failed"], ends: "maintenance.restored", shownAs: null },
  handshakes_failing: { starts: ["maintenance.failed"], ends: "maintenance.restored", shownAs: null },
  keys_failing: { starts: ["maintenance.failed"], ends: "maintenance.restored", shownAs: null },
  postgres_lost: { starts: ["postgres.lost"], ends: "postgres.restored", shownAs: null },
  traces_failing: { starts: ["traces.failed"], ends: "traces.restored", shownAs: null },
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
  /** Whether its start was emitted; its end is then, too. */
  isTold: boolean;
  /** When to emit the start if it is met again. */
  tellAtMs: number;
  pauseMs: number;
}

/** A condition that lasts is told again after this time, then after twice as long, at last once an hour. */
const REMINDER_FIRST_MS = 600_000;
const REMINDER_LAST_MS = 3_600_000;
/** One that comes and goes is told so many times a minute; a start beyond that is told if it still lasts after the minute. */
const STARTS_MAX = 5;
const STARTS_MS = 60_000;

/** The check of postrider.daemon has the same limit. */
const REASON_CHARS_MAX = 200;

/**
 * Each lasting condition emits one event when it starts and one when it ends, however often it is met in between, and its
 * start again seldom.
 */
export class Conditions {
  readonly #events: Events;
  readonly #now: () => number;
  /** When starts were emitted lately. */
  readonly #starts = new Map<ConditionName, readonly number[]>();
  readonly #lasting = new Map<ConditionName, Lasting>();
  readonly #watchers = new Set<() => void>();

  constructor(events: Events, now: () => number = monotonicMs) {
    this.#events = events;
    this.#now = now;
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
   * Emits `event` if the condition is new or was not told for long, and counts otherwise. `reason` is for postrider.daemon, whose readers may see
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
      const started = this.#start(name, text);
      this.#lasting.set(name, started);
      this.#tellWhenDue(started, event, fields);
      this.#tellWatchers(name);
      return;
    }
    const isEdited = name === "not_sending" && lasting.reason !== text;
    lasting.reason = text;
    lasting.repeats += 1;
    this.#tellWhenDue(lasting, event, fields);
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
    const ended = { lasted_ms: Math.round(this.#now() - lasting.sinceMs), repeats: lasting.repeats };
    if (lasting.isTold) {
      this.#events.emit(CONDITIONS[name].ends, { ...fields, ...ended } as EndFields<Name>);
    }
    this.#tellWatchers(name);
  }

  #start(name: ConditionName, reason: string): Lasting {
    const sinceMs = this.#now();
    const recent = (this.#starts.get(name) ?? []).filter((atMs) => atMs > sinceMs - STARTS_MS);
    const [oldest = sinceMs] = recent;
    const isQuiet = recent.length >= STARTS_MAX;
    this.#starts.set(name, isQuiet ? recent : [...recent, sinceMs]);
    const tellAtMs = isQuiet ? oldest + STARTS_MS : sinceMs;
    return { reason, sinceMs, repeats: 0, isTold: false, tellAtMs, pauseMs: REMINDER_FIRST_MS };
  }

  #tellWhenDue<Event extends EventName>(lasting: Lasting, event: Event, fields: EventFields<Event>): void {
    const nowMs = this.#now();
    if (nowMs < lasting.tellAtMs) {
      return;
    }
    lasting.isTold = true;
    lasting.tellAtMs = nowMs + lasting.pauseMs;
    lasting.pauseMs = Math.min(REMINDER_LAST_MS, lasting.pauseMs * 2);
    this.#events.emit(event, fields);
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
