import { type Delivery, type DeliveryResult, membersOf } from "../../domain/delivery.ts";
import type { ClaimedEvent } from "../../domain/event.ts";
import type { DataRef } from "../../format/format.ts";
import type { TokenKey } from "../../format/payloadToken.ts";
import { makeDataRef } from "../../format/payloadUrl.ts";
import { unixSeconds } from "../../ground/clock.ts";
import type { Events } from "../../telemetry/bus.ts";
import { isTransformed } from "./payloads.ts";

/** How an endpoint gets events whose payloads are larger than it wants them: with a URL, from which it fetches them. */
export interface Thinning {
  /** Payloads up to here are in the request. */
  readonly bytesMax: number;
  readonly key: TokenKey;
  /** Of the listener; null if receivers cannot reach it, so that such events wait. */
  readonly publicUrl: string | null;
}

/** Whether the payload is to be fetched. It need not be loaded then. */
export function isThin(delivery: Delivery, { bytesMax }: Thinning): boolean {
  return bytesOf(delivery.event) > bytesMax && !isTransformed(delivery);
}

/** Whether nothing can be sent because there is no URL to give. */
export function lacksUrl(delivery: Delivery, thinning: Thinning): boolean {
  return thinning.publicUrl === null && membersOf(delivery).some((member) => isThin(member, thinning));
}

/** What a thin event has in the place of its payload. Made for each attempt, which may come days after the one before. */
export function dataRefOf({ event, endpointId }: Delivery, { key, publicUrl }: Thinning): DataRef {
  return makeDataRef(publicUrl ?? "", key, { endpointId, eventId: event.id, bytes: sizeOf(event) }, unixSeconds());
}

function sizeOf(event: ClaimedEvent): number | null {
  return event.payload !== null || event.hasKnownSize ? bytesOf(event) : null;
}

/** Those that stand for a batch have its bytes, and their payloads. */
function bytesOf({ payload, payloadBytes }: ClaimedEvent): number {
  return payload === null ? payloadBytes : Buffer.byteLength(payload);
}

/** When a delivery is looked at again that another daemon may be able to send, or this one when it was restarted. */
const URL_WAIT_MS = 30_000;
/** What has been said is remembered up to here, and then said once more. */
const SAID_MAX = 1_000;

/** Makes what becomes of deliveries that lack a URL: they wait. It is said once of each endpoint. */
export function makeUrlWait(events: Events): (delivery: Delivery) => DeliveryResult {
  const said = new Set<string>();
  return (delivery) => {
    const { endpointId, event } = delivery;
    if (!said.has(endpointId)) {
      if (said.size >= SAID_MAX) {
        said.clear();
      }
      said.add(endpointId);
      events.emit("payload.url_missing", { event_id: event.id, endpoint_id: endpointId });
    }
    return {
      delivery,
      attempt: null,
      endpointRevision: null,
      bodyBytes: 0,
      decision: { state: "pending", waitMs: URL_WAIT_MS },
    };
  };
}
