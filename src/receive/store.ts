import type { ReceivedEvent } from "./event.ts";
import type { StopSignal } from "./exchange.ts";

/**
 * What became of an event:
 * - handled: its handler has run, and what it did is committed together with the event's id
 * - duplicate: it was handled, dropped or parked before; nothing ran
 * - dropped, parked: a later event of its key was handled before it; nothing ran
 */
export type Outcome = "handled" | "duplicate" | "dropped" | "parked";

/** Remembers which events were handled. `Tx` is what a handler works through: the transaction that remembers its event. */
export interface Store<Tx> {
  /**
   * Runs `handle`, unless the event is remembered, in a transaction that also remembers it. Rejects with what `handle`
   * rejected with, once everything is undone, so that the event may come again. Of two calls with the same event, the
   * second waits for the first.
   *
   * When `signal` is aborted, `handle` has run out of time, and rejects once it ends. A store that can take the transaction
   * back from it need not wait for that.
   */
  once(event: ReceivedEvent, handle: (transaction: Tx) => Promise<void>, signal?: StopSignal): Promise<Outcome>;
  /**
   * Whether the event is remembered. Asked before a large payload is fetched, so that a duplicate does not fetch it again;
   * a store may leave it out.
   */
  isRemembered?(event: ReceivedEvent): Promise<boolean>;
}

/** What to do with an event that comes after a later one of its key was handled. */
export type LateEvents = "handle" | "drop" | "park";

/** Which thing an event is about; undefined if it stands for itself, and is never late. */
export type KeyOf = (event: ReceivedEvent) => string | undefined;
