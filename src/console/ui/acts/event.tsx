import { REASON, timeText } from "../fields.ts";
import type { Act } from "../parts/act.tsx";
import { EventId } from "../parts/id.tsx";
import type { Delivery, OneEvent } from "../rows.ts";
import { zone } from "../shown.ts";

export const PUBLISH: Act = {
  label: "Insert an event",
  sentence: "Each endpoint that its subscriptions name gets it. A list inserts several in one transaction.",
  operation: "publish_events",
  asks: [
    {
      name: "events",
      label: "event",
      initial: '{"event_type": "order.paid", "payload": {"order_id": 42}}',
    },
  ],
  values: (given) => given,
  result: ({ data }) => (
    <p>
      It was inserted:{" "}
      {(data as readonly { readonly id: string }[]).map(({ id }) => (
        <EventId key={id} id={id} />
      ))}
    </p>
  ),
};

export function redeliverAct(eventId: string, delivery: Delivery): Act {
  return {
    ...at(eventId, delivery, "redeliver", "Redeliver"),
    sentence: `One further attempt of this event at ${nameOf(delivery)}, at once. If it fails, the retry schedule begins again.`,
  };
}

export function cancelAct(eventId: string, delivery: Delivery): Act {
  return {
    ...at(eventId, delivery, "cancel", "Cancel"),
    sentence: `No further attempt of this event at ${nameOf(delivery)}. One that is in progress is not undone.`,
    asks: [REASON],
  };
}

export function skipAct(eventId: string, delivery: Delivery): Act {
  return {
    ...at(eventId, delivery, "skip", "Skip"),
    sentence: `${nameOf(delivery)} gets the next events of this ordering key. This one stays exhausted, and can be redelivered.`,
    asks: [REASON],
  };
}

export function redeliverAllAct({ id }: OneEvent, deliveries: readonly Delivery[]): Act {
  return {
    ...of(id, "redeliver_event", "Redeliver everywhere"),
    sentence: `One further attempt at once at each of ${endpoints(deliveries.length)}, but for what is in flight or was cancelled, and for what is disabled.`,
  };
}

export function cancelAllAct({ id }: OneEvent, deliveries: readonly Delivery[]): Act {
  const waiting = deliveries.filter(({ state }) => state === "pending").length;
  return {
    ...of(id, "cancel_deliveries", "Cancel everywhere"),
    sentence: `No further attempt of this event at ${endpoints(waiting)} for which it waits. One that is in progress is not undone.`,
    asks: [REASON],
  };
}

export function rescheduleAct({ id, deliver_at }: OneEvent): Act {
  return {
    ...of(id, "reschedule", "Reschedule"),
    sentence: "It is sent from another time on, earlier or later.",
    asks: [{ name: "at", initial: timeText(Date.parse(deliver_at ?? ""), zone.value) }],
  };
}

export function eraseAct({ id, event_type }: OneEvent, deliveries: readonly Delivery[]): Act {
  const waiting = deliveries.filter(({ state }) => state === "pending").length;
  return {
    ...of(id, "erase_event", "Erase"),
    sentence: `What this event said is overwritten, wherever it is kept: its payload, attributes and keys, what receivers answered, and what the audit has of it. ${waiting} of its deliveries wait, and are discarded. There is no way back.`,
    asks: [REASON],
    agreement: event_type,
  };
}

function endpoints(count: number): string {
  return count === 1 ? "1 endpoint" : `${count} endpoints`;
}

export function nameOf({ name, url, endpoint_id }: Delivery): string {
  return name ?? url ?? endpoint_id;
}

function of(eventId: string, operation: string, label: string): Pick<Act, "operation" | "label" | "values"> {
  return { operation, label, values: (given) => ({ event_id: eventId, ...given }) };
}

function at(eventId: string, { endpoint_id }: Delivery, operation: string, label: string): ReturnType<typeof of> {
  return { operation, label, values: (given) => ({ event_id: eventId, endpoint_id, ...given }) };
}
