import type { Database } from "../../db/database.ts";
import { classifyPostgresError, isTimeout, unreadableReason } from "../../db/pgErrors.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { type Delivery, makeDelivery } from "../../domain/delivery.ts";
import { messageOf } from "../../ground/errors.ts";
import { keepNewest } from "../../ground/keepNewest.ts";
import type { Events } from "../../telemetry/bus.ts";
import { claimPayloads } from "./claimed.ts";

const transformDeliveriesStatement = defineStatement("transform_deliveries", {
  params: {
    daemonId: "uuid",
    eventIds: "uuid[]",
    endpointIds: "uuid[]",
    payloadBytesMax: "integer",
    isGivenUp: "boolean",
  },
  columns: {
    event_id: "uuid",
    endpoint_id: "uuid",
    payload: "json?",
    payload_bytes: "integer?",
    headers: "jsonb?",
    problem: "text?",
    is_discarded: "boolean",
  },
});

type Row = RowOf<typeof transformDeliveriesStatement.shape>;

/** Leased deliveries, sorted by what is known of the payloads that they send. */
export interface Transformed {
  readonly ready: readonly Delivery[];
  /** The transformation cannot be applied, and the endpoint does not want the payload without it. */
  readonly discarded: readonly { readonly delivery: Delivery; readonly reason: string }[];
  /** Others took so long that there was no time for these, or someone has locked their events. */
  readonly putOff: readonly Delivery[];
}

export interface TransformedParts {
  readonly database: Database;
  readonly events: Events;
  readonly daemonId: string;
  /** Whether deliveries to an endpoint may have something else to send than their payloads. */
  readonly mayTransform: (endpointId: string) => boolean;
  /** How often each has outlasted the deadline of the statement by itself. Kept from one walk to the next. */
  readonly overrunsOf: Map<string, number>;
}

/**
 * A delivery with so many overruns is not transformed: each holds up the walks for as long as the deadline. Fewer may be the
 * fault of the server, or of someone who has a table locked.
 */
const OVERRUNS_MAX = 3;
const OVERRUNS_KEPT = 1_000;

/**
 * What a delivery sends is decided before its first attempt, in Postgres, and stored there. A page of new events needs no
 * look: endpoints with a transformation get none of their deliveries from memory.
 */
export async function transformDeliveries(
  parts: TransformedParts,
  deliveries: readonly Delivery[],
): Promise<Transformed> {
  const isChosen = ({ endpointId, event, tenure }: Delivery) =>
    tenure.kind === "leased" && event.eventType !== "" && parts.mayTransform(endpointId);
  const chosen = deliveries.filter(isChosen);
  if (chosen.length === 0) {
    return { ready: deliveries, discarded: [], putOff: [] };
  }
  const { ready, discarded, putOff } = await transformChosen(parts, chosen);
  return { ready: [...deliveries.filter((delivery) => !isChosen(delivery)), ...ready], discarded, putOff };
}

async function transformChosen(parts: TransformedParts, chosen: readonly Delivery[]): Promise<Transformed> {
  try {
    return sorted(parts, chosen, await look(parts, chosen, false));
  } catch (thrown) {
    if (!mayBeOfOne(thrown)) {
      throw thrown;
    }
    if (chosen.length === 1) {
      return await failed(parts, chosen, thrown);
    }
    // One that cannot be read must not keep the others.
    const middle = Math.ceil(chosen.length / 2);
    const first = await transformChosen(parts, chosen.slice(0, middle));
    const second = await transformChosen(parts, chosen.slice(middle));
    return {
      ready: [...first.ready, ...second.ready],
      discarded: [...first.discarded, ...second.discarded],
      putOff: [...first.putOff, ...second.putOff],
    };
  }
}

/** Whether one delivery may be the cause: while Postgres cannot work, or a lock is held, asking for fewer is no use. */
function mayBeOfOne(thrown: unknown): boolean {
  const { kind } = classifyPostgresError(thrown);
  return kind !== "connection" && (kind !== "transient" || isTimeout(thrown));
}

async function look(
  { database, daemonId }: TransformedParts,
  chosen: readonly Delivery[],
  isGivenUp: boolean,
): Promise<readonly Row[]> {
  const eventIds = chosen.map(({ event }) => event.id);
  const endpointIds = chosen.map(({ endpointId }) => endpointId);
  const { rows } = await claimPayloads((payloadBytesMax) =>
    database.run(transformDeliveriesStatement, { daemonId, eventIds, endpointIds, payloadBytesMax, isGivenUp }),
  );
  return rows;
}

function sorted(
  { events, overrunsOf }: TransformedParts,
  chosen: readonly Delivery[],
  rows: readonly Row[],
): Transformed {
  const rowOf = new Map(rows.map((row) => [keyOf(row.event_id, row.endpoint_id), row]));
  const ready: Delivery[] = [];
  const discarded: { delivery: Delivery; reason: string }[] = [];
  const putOff: Delivery[] = [];
  for (const delivery of chosen) {
    const { event, endpointId } = delivery;
    const key = keyOf(event.id, endpointId);
    const row = rowOf.get(key);
    if (row === undefined) {
      putOff.push(delivery);
      continue;
    }
    overrunsOf.delete(key);
    if (row.is_discarded) {
      discarded.push({ delivery, reason: `the transformation cannot be applied: ${row.problem}` });
    } else {
      if (row.problem !== null) {
        events.emit("delivery.untransformed", { event_id: event.id, endpoint_id: endpointId, reason: row.problem });
      }
      ready.push(prepared(delivery, row));
    }
  }
  return { ready, discarded, putOff };
}

function prepared(delivery: Delivery, { payload, payload_bytes, headers }: Row): Delivery {
  const { event, tenure } = delivery;
  if (tenure.kind !== "leased") {
    throw new Error("a delivery that is not leased has no transformation");
  }
  return makeDelivery({
    ...delivery,
    event: { ...event, payload, payloadBytes: payload_bytes ?? 0, hasKnownSize: true },
    tenure: {
      ...tenure,
      content: { isStored: payload_bytes !== null, headers: headers as Readonly<Record<string, string>> | null },
    },
  });
}

/** What becomes of a delivery that failed when it was alone. */
async function failed(
  parts: TransformedParts,
  [delivery, ...none]: readonly Delivery[],
  thrown: unknown,
): Promise<Transformed> {
  if (delivery === undefined || none.length > 0) {
    throw thrown;
  }
  if (isTimeout(thrown) && noteOverrun(parts.overrunsOf, delivery) >= OVERRUNS_MAX) {
    return sorted(parts, [delivery], await look(parts, [delivery], true));
  }
  parts.events.emit("payload.failed", {
    event_id: delivery.event.id,
    endpoint_id: delivery.endpointId,
    error: messageOf(thrown),
    sqlstate: classifyPostgresError(thrown).sqlstate,
  });
  const reason = unreadableReason(thrown);
  return reason === null
    ? { ready: [], discarded: [], putOff: [delivery] }
    : { ready: [], discarded: [{ delivery, reason: `the transformation cannot be applied: ${reason}` }], putOff: [] };
}

/** Returns how many overruns those are. */
function noteOverrun(overrunsOf: Map<string, number>, { event, endpointId }: Delivery): number {
  const key = keyOf(event.id, endpointId);
  const overruns = (overrunsOf.get(key) ?? 0) + 1;
  keepNewest(overrunsOf, key, overruns, OVERRUNS_KEPT);
  return overruns;
}

function keyOf(eventId: string, endpointId: string): string {
  return `${eventId} ${endpointId}`;
}
