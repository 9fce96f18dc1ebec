import { randomUUID } from "node:crypto";
import { type ClaimedDelivery, type Delivery, makeDelivery } from "../../src/domain/delivery.ts";
import type { ClaimedEvent } from "../../src/domain/event.ts";

interface Given extends Partial<Omit<ClaimedDelivery, "event">> {
  readonly event?: Partial<ClaimedEvent>;
}

/** A first delivery of an event in a daemon's memory, except for what the test says of it. */
export function deliveryOf({ event, ...given }: Given): Delivery {
  return makeDelivery({
    event: {
      id: randomUUID(),
      eventType: "order.paid",
      createdAt: "2026-01-01T00:00:00.000000Z",
      orderingKey: null,
      traceparent: null,
      attributes: null,
      hasLargeAttributes: false,
      problem: null,
      payload: "{}",
      payloadBytes: 0,
      hasKnownSize: true,
      ...event,
    },
    endpointId: "endpoint",
    daemonId: "daemon",
    tenure: { kind: "claimed", claimId: "1" },
    attempts: 0,
    attemptsBefore: 0,
    ...given,
  });
}
