import type { Database } from "../../db/database.ts";
import { defineStatement } from "../../db/statements.ts";
import type { Delivery } from "../../domain/delivery.ts";

const findPayloadSizes = defineStatement("find_payload_sizes", {
  params: { eventIds: "uuid[]" },
  columns: { event_id: "uuid", bytes: "integer" },
});

const loadPayloads = defineStatement("load_payloads", {
  params: { eventIds: "uuid[]" },
  columns: { event_id: "uuid", payload: "json" },
});

/** Payloads that were too large to come with their claim. */
export interface Payloads {
  /** Notes how large the payloads of these deliveries are that did not come with them. */
  measure(deliveries: readonly Delivery[]): Promise<void>;
  /** Loads the payloads of events; one whose event is gone is missing. */
  load(eventIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export function payloadsFrom(database: Database): Payloads {
  return {
    measure: async (deliveries) => {
      const events = deliveries.filter(({ event }) => event.payload === null).map(({ event }) => event);
      if (events.length > 0) {
        const { rows } = await database.run(findPayloadSizes, { eventIds: [...new Set(events.map(({ id }) => id))] });
        const sizes = new Map(rows.map(({ event_id, bytes }) => [event_id, bytes]));
        for (const event of events) {
          event.payloadBytes = sizes.get(event.id) ?? 0;
        }
      }
    },
    load: async (eventIds) => {
      const { rows } = await database.run(loadPayloads, { eventIds });
      return new Map(rows.map(({ event_id, payload }) => [event_id, payload]));
    },
  };
}
