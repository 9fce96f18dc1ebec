import type { Delivery } from "../../domain/delivery.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Endpoint } from "./endpoint.ts";

/** What has been said is remembered up to here, and then said once more. */
const SAID_MAX = 1_000;

/**
 * Reports attributes that a format cannot carry: once for each type of events, because all events of a type are mostly
 * alike. `explain_event` says it of each event.
 */
export function makeLeftOutLog(events: Events): (delivery: Delivery, endpoint: Endpoint) => void {
  const said = new Set<string>();
  return ({ event, endpointId }, { format }) => {
    const leftOut = format.leftOut?.(event) ?? [];
    if (leftOut.length === 0) {
      return;
    }
    const attributes = leftOut.join("; ");
    const key = `${format.name} ${event.eventType} ${attributes}`;
    if (said.has(key)) {
      return;
    }
    if (said.size >= SAID_MAX) {
      said.clear();
    }
    said.add(key);
    events.emit("attributes.left_out", {
      event_id: event.id,
      endpoint_id: endpointId,
      event_type: event.eventType,
      format: format.name,
      attributes,
    });
  };
}
