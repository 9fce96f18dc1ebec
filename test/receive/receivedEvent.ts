import { randomUUID } from "node:crypto";
import type { ReceivedEvent } from "../../src/receive/event.ts";

/** An event of the format `standard`. */
export function receivedEvent(changes: Partial<ReceivedEvent> = {}): ReceivedEvent {
  const dataText = '{"order_id":42}';
  return {
    id: randomUUID(),
    type: "order.paid",
    timestamp: "2026-11-24T09:00:00.123456Z",
    data: JSON.parse(dataText),
    dataText,
    large: undefined,
    source: undefined,
    subject: undefined,
    attributes: {},
    isTypeSigned: true,
    orderingKey: undefined,
    traceparent: undefined,
    attempt: 1,
    ...changes,
  };
}
