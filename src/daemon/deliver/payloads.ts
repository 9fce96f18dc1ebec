import type { Database } from "../../db/database.ts";
import { classifyPostgresError, isUnreadable } from "../../db/pgErrors.ts";
import { defineStatement } from "../../db/statements.ts";
import type { Delivery } from "../../domain/delivery.ts";
import { SENT_BYTES_MAX } from "../../domain/event.ts";

const findPayloadSizes = defineStatement("find_payload_sizes", {
  params: { eventIds: "uuid[]", readsCompressed: "boolean" },
  columns: { event_id: "uuid", bytes: "integer?", stored_bytes: "integer" },
});

const loadPayloads = defineStatement("load_payloads", {
  params: { eventIds: "uuid[]" },
  columns: { event_id: "uuid", payload: "json" },
});

const loadTransformed = defineStatement("load_transformed", {
  params: { eventIds: "uuid[]", endpointIds: "uuid[]" },
  columns: { event_id: "uuid", endpoint_id: "uuid", payload: "json?" },
});

/** Compressed payloads that Postgres reads at a time for their sizes, and their bytes on its disk unless it is a larger one. */
const READ_MAX = 16;
const READ_BYTES_MAX = 1_048_576;

/** Payloads that were too large to come with their claim. */
export interface Payloads {
  /**
   * Notes how large the payloads of these deliveries are that did not come with them. One that Postgres cannot read stays
   * unknown, and fails when it is loaded. One that takes more than what is sent, compressed, is not read for its size. Of
   * one that Postgres could not read in time, it is known what it takes compressed: `isUnmeasured`.
   */
  measure(deliveries: readonly Delivery[]): Promise<void>;
  /** Loads the payloads of events; one whose event is gone is missing. */
  load(eventIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Loads what is stored for deliveries in the place of their payloads, by `payloadKey`. */
  loadTransformed(deliveries: readonly Delivery[]): Promise<ReadonlyMap<string, string>>;
}

/** Whether a delivery sends something else than the payload of its event. */
export function isTransformed({ tenure }: Delivery): boolean {
  return tenure.kind === "leased" && tenure.content !== null && tenure.content.isStored;
}

/**
 * Whether Postgres could not even read the payload for its size in time. It may be far too large for a daemon's memory, so
 * it is not loaded.
 */
export function isUnmeasured({ event }: Delivery): boolean {
  return event.payload === null && !event.hasKnownSize && event.payloadBytes > 0;
}

/** What identifies a payload that is to be loaded: that of an event, which its deliveries share, or that of one delivery. */
export function payloadKey(delivery: Delivery): string {
  const { event, endpointId } = delivery;
  return isTransformed(delivery) ? `${event.id} ${endpointId}` : event.id;
}

export function payloadsFrom(database: Database): Payloads {
  return {
    measure: async (deliveries) => {
      const events = deliveries
        .filter((delivery) => delivery.event.payload === null && !isTransformed(delivery))
        .map(({ event }) => event);
      const eventIds = [...new Set(events.map(({ id }) => id))];
      const sizes: Sizes = { exact: new Map(), stored: new Map(), tooSlow: new Set() };
      if (eventIds.length > 0) {
        await noteSizes(database, eventIds, false, sizes);
      }
      const unknown = eventIds.filter((id) => !sizes.exact.has(id) && storedOf(sizes, id) <= SENT_BYTES_MAX);
      for (const group of groupsToRead(unknown, sizes)) {
        await noteReadable(database, group, sizes);
      }
      for (const event of events) {
        const bytes = sizes.exact.get(event.id);
        event.hasKnownSize = bytes !== undefined;
        event.payloadBytes = bytes ?? leastOf(sizes, event.id);
      }
    },
    load: async (eventIds) => {
      const { rows } = await database.run(loadPayloads, { eventIds });
      return new Map(rows.map(({ event_id, payload }) => [event_id, payload]));
    },
    loadTransformed: async (deliveries) => {
      const eventIds = deliveries.map(({ event }) => event.id);
      const endpointIds = deliveries.map(({ endpointId }) => endpointId);
      const { rows } = await database.run(loadTransformed, { eventIds, endpointIds });
      return new Map(
        rows.flatMap(({ event_id, endpoint_id, payload }) =>
          payload === null ? [] : [[`${event_id} ${endpoint_id}`, payload] as const],
        ),
      );
    },
  };
}

/** Sizes of payloads, by event. */
interface Sizes {
  readonly exact: Map<string, number>;
  /** On the disk of Postgres, perhaps compressed. */
  readonly stored: Map<string, number>;
  /** Those that Postgres could not read in time. */
  readonly tooSlow: Set<string>;
}

function storedOf({ stored }: Sizes, eventId: string): number {
  return stored.get(eventId) ?? 0;
}

/** Of a payload whose size is not known: 0 unless it takes so much on the disk, and can be read. */
function leastOf(sizes: Sizes, eventId: string): number {
  const stored = storedOf(sizes, eventId);
  return stored > SENT_BYTES_MAX || sizes.tooSlow.has(eventId) ? stored : 0;
}

function groupsToRead(eventIds: readonly string[], sizes: Sizes): readonly (readonly string[])[] {
  const groups: string[][] = [];
  let bytes = 0;
  for (const id of eventIds) {
    const group = groups.at(-1);
    bytes += storedOf(sizes, id);
    if (group === undefined || group.length === READ_MAX || bytes > READ_BYTES_MAX) {
      groups.push([id]);
      bytes = storedOf(sizes, id);
    } else {
      group.push(id);
    }
  }
  return groups;
}

async function noteSizes(
  database: Database,
  eventIds: readonly string[],
  readsCompressed: boolean,
  { exact, stored }: Sizes,
): Promise<void> {
  const { rows } = await database.run(findPayloadSizes, { eventIds, readsCompressed });
  for (const { event_id, bytes, stored_bytes } of rows) {
    stored.set(event_id, stored_bytes);
    if (bytes !== null) {
      exact.set(event_id, bytes);
    }
  }
}

/** A payload that cannot be read, or not in time, must not keep the others, nor the claim that brought it. */
async function noteReadable(database: Database, eventIds: readonly string[], sizes: Sizes): Promise<void> {
  try {
    await noteSizes(database, eventIds, true, sizes);
  } catch (thrown) {
    const [eventId = ""] = eventIds;
    if (isCancelled(thrown) && eventIds.length === 1 && storedOf(sizes, eventId) > READ_BYTES_MAX) {
      sizes.tooSlow.add(eventId);
      return;
    }
    if (!isUnreadable(thrown)) {
      throw thrown;
    }
    for (const eventId of eventIds.length > 1 ? eventIds : []) {
      await noteReadable(database, [eventId], sizes);
    }
  }
}

/** By the deadline of the statement. */
function isCancelled(thrown: unknown): boolean {
  return classifyPostgresError(thrown).sqlstate === "57014";
}
