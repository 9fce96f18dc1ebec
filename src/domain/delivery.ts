import type { Attempt } from "./attempt.ts";

/** An event as a claim hands it over. */
export interface ClaimedEvent {
  readonly id: string;
  readonly eventType: string;
  /** ISO 8601 in UTC, with microseconds. */
  readonly createdAt: string;
  /** JSON text as the application wrote it; null where it was too large to come along and is loaded when it is sent. */
  readonly payload: string | null;
}

/** By what right a daemon works on a delivery; it decides how the result is recorded. */
export type Tenure =
  /** A first attempt from memory: held with the claim, for as long as the daemon beats. */
  | { readonly kind: "claimed"; readonly claimId: string }
  /** A due delivery from the queue: held until the lease runs out, by the daemon's own clock. */
  | { readonly kind: "leased"; readonly untilMs: number };

/** A delivery that a daemon has in hand. */
export interface Delivery {
  readonly event: ClaimedEvent;
  readonly endpointId: string;
  /** The identity under which it was taken, and under which its result is recorded. */
  readonly daemonId: string;
  readonly tenure: Tenure;
  /** Attempts made before. */
  readonly attempts: number;
  /** Attempts made before the retry schedule began, or began anew. */
  readonly attemptsBefore: number;
}

/** What becomes of a delivery with a result; the names are those of `postrider.delivery.state`. */
export type Decision =
  | { readonly state: "succeeded" }
  | { readonly state: "pending"; readonly waitMs: number }
  | { readonly state: "exhausted" }
  | { readonly state: "discarded"; readonly reason: string };

/** A delivery with what came of having it in hand. */
export interface DeliveryResult {
  readonly delivery: Delivery;
  /** Null where no request was made: the delivery is handed back. */
  readonly attempt: Attempt | null;
  readonly decision: Decision;
  /** The receiver answered 410: its endpoint is to be disabled. */
  readonly endpointGone: boolean;
}
