import type { EventOf } from "./event.ts";
import type { ReceiverOptions } from "./options.ts";
import { type PulledPage, type PullHandlingOptions, pull, pullEvents, pullPages } from "./pull.ts";
import type { PullOptions } from "./pullOptions.ts";
import { createReceiver, type Receiver } from "./receiver.ts";

/** The kit with the event types of a catalogue. */
export interface TypedKit<Events extends object> {
  createReceiver<Tx>(options: ReceiverOptions<Events, Tx>): Receiver;
  pull<Tx>(options: PullHandlingOptions<Events, Tx>): Promise<void>;
  pullPages(options: PullOptions): AsyncGenerator<PulledPage<Events>, void, undefined>;
  pullEvents(options: PullOptions): AsyncGenerator<EventOf<Events>, void, undefined>;
}

/**
 * The same functions, whose handlers get the events of `Events` with their payloads. The transaction has the type that the
 * store gives it.
 *
 * ```ts
 * import type { EventTypes } from "./postrider-events.ts"; // postrider types --output postrider-events.ts
 * const { createReceiver } = forEventTypes<EventTypes>();
 * ```
 */
export function forEventTypes<Events extends object>(): TypedKit<Events> {
  // Nothing but the catalogue says what the events are.
  return { createReceiver, pull, pullPages, pullEvents } as TypedKit<Events>;
}
