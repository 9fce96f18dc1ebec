import type { Attempt } from "./attempt.ts";
import type { ClaimedEvent } from "./event.ts";

/** A lease beyond the endpoint's timeout: the wait in memory, and the time until the result is recorded. */
export const LEASE_MARGIN_MS = 15_000;

/** The right by which a daemon works on a delivery. It decides how the result is recorded. */
export type Tenure =
  /** A first attempt from memory: held with the claim, as long as the daemon's heartbeat lasts. */
  | { readonly kind: "claimed"; readonly claimId: string }
  /** A due delivery from the queue: held until the lease runs out, by the daemon's own clock. */
  | {
      readonly kind: "leased";
      readonly untilMs: number;
      /** Whether the lease counts for limits of the endpoint. */
      readonly isCounted: boolean;
      readonly content: Content | null;
    };

/** What a delivery sends, as was decided before its first attempt. Null if no one has looked, as most endpoints need none. */
export interface Content {
  /** Whether the payload is not that of the event, and must be loaded from where it is stored. */
  readonly isStored: boolean;
  /** Headers of this delivery alone, which replace those of its endpoint; null for none. */
  readonly headers: Readonly<Record<string, string>> | null;
}

/** Deliveries of one endpoint that go in one request. Postgres stores which these are before they are sent. */
export interface Batch {
  readonly id: string;
  /** In the order of their events. The first one stands for the batch in the lanes. */
  readonly members: readonly Delivery[];
  /** What it takes up of the room in hand, where a single delivery takes up 1. */
  readonly room: number;
}

/** A delivery that a daemon has in hand. */
export interface Delivery {
  readonly event: ClaimedEvent;
  readonly endpointId: string;
  /** The identity under which it was claimed, and under which its result is recorded. */
  readonly daemonId: string;
  readonly tenure: Tenure;
  /** Attempts made before. */
  readonly attempts: number;
  /** Attempts made before the retry schedule began, or began again. */
  readonly attemptsBefore: number;
  /** Whether it is sent again by hand or by a replay. */
  readonly isAgain: boolean;
  /** The event's `deliver_at`, in milliseconds since 1970, if it has waited for that time in the queue; otherwise null. */
  readonly deliverAtMs: number | null;
  /** The batch that it belongs to; null if it goes alone. Set once, when the batch is complete. */
  batch: Batch | null;
  /** The delivery of the same ordering key that is sent once this one has succeeded; null if none is in hand. */
  next: Delivery | null;
  /** The payload from when it was loaded ahead until it is sent; null if it came with the claim, or has yet to be loaded. */
  loadedPayload: string | null;
  /**
   * Kept by the lanes while it is in hand: its lane, when its request began, and the deliveries before and after it in a
   * line of that lane. In the delivery itself, because a map would take a search and an entry for each request.
   */
  lane: object | null;
  begunMs: number;
  before: Delivery | null;
  after: Delivery | null;
}

/** In place of the time at which a request began. */
export const NOT_BEGUN = -1;

/** What a claim says of a delivery. */
export type ClaimedDelivery = Omit<
  Delivery,
  "isAgain" | "deliverAtMs" | "batch" | "next" | "loadedPayload" | "lane" | "begunMs" | "before" | "after"
> & {
  readonly isAgain?: boolean;
  readonly deliverAtMs?: number | null;
};

/** One shape for every delivery, however it was claimed, so that the code of the hot path stays monomorphic. */
export function makeDelivery(claimed: ClaimedDelivery): Delivery {
  const { event, endpointId, daemonId, tenure, attempts, attemptsBefore, isAgain, deliverAtMs } = claimed;
  return {
    event,
    endpointId,
    daemonId,
    tenure,
    attempts,
    attemptsBefore,
    isAgain: isAgain ?? false,
    deliverAtMs: deliverAtMs ?? null,
    batch: null,
    next: null,
    loadedPayload: null,
    lane: null,
    begunMs: NOT_BEGUN,
    before: null,
    after: null,
  };
}

/** The deliveries that one in the lanes stands for: those of its batch, or itself. */
export function membersOf(delivery: Delivery): readonly Delivery[] {
  return delivery.batch === null ? [delivery] : delivery.batch.members;
}

/** A delivery and those that follow it, in their order. */
export function runOf(delivery: Delivery): readonly Delivery[] {
  const run: Delivery[] = [];
  for (let member: Delivery | null = delivery; member !== null; member = member.next) {
    run.push(member);
  }
  return run;
}

/** What becomes of a delivery; the names are those of `postrider.delivery.state`. */
export type Decision =
  | { readonly state: "succeeded" }
  /** `leavesBatch`: the batch that failed is not sent again; each of its deliveries goes alone. */
  | { readonly state: "pending"; readonly waitMs: number; readonly leavesBatch?: true }
  /** `reason`: why it was given up, if its schedule is not used up. */
  | { readonly state: "exhausted"; readonly reason?: string }
  /** `endpointGone`: the receiver answered 410, and its endpoint must be disabled. */
  | { readonly state: "discarded"; readonly reason: string; readonly endpointGone: boolean };

/** A delivery that leaves a daemon's hand, with the reason. */
export interface DeliveryResult {
  readonly delivery: Delivery;
  /** Null if no request was made, as for a delivery that is handed back. */
  readonly attempt: Attempt | null;
  /** The revision of the endpoint that the attempt used; null if no request was made. */
  readonly endpointRevision: string | null;
  /** The size of the body; 0 if no request was made. */
  readonly bodyBytes: number;
  readonly decision: Decision;
}
