import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import type { Attempt, Delivery, Page } from "../rows.ts";
import { EventId } from "./id.tsx";
import { answerText } from "./journey.tsx";
import { SeenValue } from "./seen.tsx";
import { State } from "./state.tsx";
import { durationText } from "./time.tsx";

/** What becomes of a test, as it happens. */
export function TestOutcome({ eventId }: { readonly eventId: string }) {
  const deliveries = useLive<Page<Delivery>>(call("list_event_deliveries", { event_id: eventId }));
  const attempts = useLive<Page<Attempt>>(call("list_event_attempts", { event_id: eventId }));
  const last = attempts.value.value?.data.at(-1);
  return (
    <>
      <p>
        The event <EventId id={eventId} /> was inserted.
      </p>
      <SeenValue of={deliveries}>
        {({ data: [delivery] }) => (
          <p class="verdict">
            {delivery === undefined ? null : <State word={delivery.detail} />}{" "}
            {last === undefined
              ? "A daemon has yet to send it."
              : `The receiver: ${answerText(last)} after ${durationText(last.duration_ms)}. ${last.error ?? ""}`}
          </p>
        )}
      </SeenValue>
    </>
  );
}
