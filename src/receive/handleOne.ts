import type { EventResult } from "./answer.ts";
import type { ReceivedEvent } from "./event.ts";
import { HandlerTime } from "./handlerTime.ts";
import type { Handling } from "./handling.ts";
import type { Handler } from "./options.ts";
import { fetchPayload } from "./payload.ts";
import type { Outcome } from "./store.ts";

/** Handles an event once, and says what became of it. Never rejects. */
export async function handleOne<Tx>(handling: Handling<Tx>, event: ReceivedEvent): Promise<EventResult> {
  const { id, type } = event;
  const handler = handlerFor(handling, event);
  if (typeof handler === "string") {
    return { id, type, result: handler === "accept" ? "ignored" : "refused" };
  }
  const isFetched = event.large !== undefined && !handling.streamingHandlers.has(type);
  try {
    const result = isFetched
      ? await handling.fetching.take(id, () => fetchAndRun(handling, handler, event))
      : await run(handling, handler, event);
    return { id, type, result };
  } catch (error) {
    return { id, type, result: "failed", error };
  }
}

/** A duplicate that comes at the same time finds the event remembered, and fetches nothing. */
async function fetchAndRun<Tx>(
  handling: Handling<Tx>,
  handler: Handler<ReceivedEvent, Tx>,
  event: ReceivedEvent,
): Promise<Outcome> {
  if ((await handling.store.isRemembered?.(event)) === true) {
    return "duplicate";
  }
  // Before the transaction begins, which would have to wait for it.
  const payload = await fetchPayload(event, handling.payloads);
  return run(handling, handler, { ...event, ...payload });
}

async function run<Tx>(
  { store, handlerTimeoutMs }: Handling<Tx>,
  handler: Handler<ReceivedEvent, Tx>,
  event: ReceivedEvent,
): Promise<Outcome> {
  const time = new HandlerTime(handlerTimeoutMs);
  const handled = store.once(
    event,
    (transaction) => time.run((signal) => handler(event, { transaction, signal })),
    time.signal,
  );
  return Promise.race([handled, time.over]);
}

/** A type is a stranger's text: only what was given as a handler is one, and nothing that every object has. */
function handlerFor<Tx>(
  { handlers, streamingHandlers, onUnknown }: Handling<Tx>,
  { type }: ReceivedEvent,
): Handler<ReceivedEvent, Tx> | "accept" | "refuse" {
  return handlers.get(type) ?? streamingHandlers.get(type) ?? onUnknown;
}
