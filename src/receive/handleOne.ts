import type { EventResult } from "./answer.ts";
import type { ReceivedEvent } from "./event.ts";
import type { Handling } from "./handling.ts";
import type { Handler } from "./options.ts";
import { fetchPayload } from "./payload.ts";

/** Handles an event once, and says what became of it. Never rejects. */
export async function handleOne<Tx>(handling: Handling<Tx>, event: ReceivedEvent): Promise<EventResult> {
  const { id, type } = event;
  const handler = handlerFor(handling, event);
  if (typeof handler === "string") {
    return { id, type, result: handler === "accept" ? "ignored" : "refused" };
  }
  try {
    const isFetched = event.large !== undefined && !handling.streamingHandlers.has(type);
    if (isFetched && (await handling.store.isRemembered?.(event)) === true) {
      return { id, type, result: "duplicate" };
    }
    // Before the transaction begins, which would have to wait for it.
    const whole = isFetched ? { ...event, ...(await fetchPayload(event, handling.payloads)) } : event;
    const result = await handling.store.once(whole, async (transaction) => {
      await handler(whole, { transaction });
    });
    return { id, type, result };
  } catch (error) {
    return { id, type, result: "failed", error };
  }
}

/** A type is a stranger's text: only what was given as a handler is one, and nothing that every object has. */
function handlerFor<Tx>(
  { handlers, streamingHandlers, onUnknown }: Handling<Tx>,
  { type }: ReceivedEvent,
): Handler<ReceivedEvent, Tx> | "accept" | "refuse" {
  return handlers.get(type) ?? streamingHandlers.get(type) ?? onUnknown;
}
