import type { Delivery } from "../../domain/delivery.ts";
import type { Standing } from "./lanes.ts";

/** Larger payloads are not sent: a request holds its payload in memory three times over. */
export const SENT_BYTES_MAX = 64 * 1_048_576;
/** What large payloads may hold of memory at a time, in bytes of their text: twice the largest that is sent. */
export const BUDGET_BYTES = 2 * SENT_BYTES_MAX;

/** Parts of the budget. What endpoints that hang cannot take has room for the largest payload. */
const KEPT_FOR_GOOD = 1 / 4;
const KEPT_FOR_NEW = 1 / 4;

/** Why a payload must wait: its endpoint's standing has another one being loaded, or there is too little memory. */
export type Refusal = "loading" | "short";

/**
 * The memory that large payloads share.
 *
 * It is kept by standing, as slots are. With a further payload an endpoint may hold as much as is left for its standing
 * without it: with n others active, 1/(n + 2) of the budget; an endpoint that holds nothing may take all that is left.
 *
 * How large a payload is turns out only when it is loaded, so a load reserves all that its endpoint may have until then,
 * and each standing has one load at a time: those of endpoints that hang (64 MiB take half a second) delay no others.
 *
 * A payload that found too little memory goes first: its endpoint gets no memory for another one before it, and if its
 * endpoint holds nothing, endpoints that hang get nothing of what it needs; otherwise they would take up in small pieces
 * all that comes free.
 *
 * Pure bookkeeping: it loads nothing.
 */
export class Budget {
  readonly #bytesMax: number;
  readonly #standingOf: (endpointId: string) => Standing;
  /** The bytes of each payload in memory, and of each load what it may have. */
  readonly #held = new Map<Delivery, number>();
  readonly #loading = new Map<Standing, Delivery>();
  /** Of each endpoint the payload that found too little memory, in the order in which they began to wait. */
  readonly #short = new Map<string, Delivery>();
  /** Sizes that a load has found out. */
  readonly #sizes = new WeakMap<Delivery, number>();

  constructor(bytesMax: number, standingOf: (endpointId: string) => Standing) {
    this.#bytesMax = bytesMax;
    this.#standingOf = standingOf;
  }

  /** How many bytes a payload may have that is loaded now. `loaded` or `release` must follow. */
  reserve(delivery: Delivery): number | Refusal {
    const { endpointId } = delivery;
    const standing = this.#standingOf(endpointId);
    const first = this.#short.get(endpointId) ?? delivery;
    if (first !== delivery) {
      return "short";
    }
    if (this.#loading.has(standing)) {
      return "loading";
    }
    const room = this.#room(endpointId, standing);
    if (room < this.#sizeOf(delivery)) {
      this.#short.set(endpointId, delivery);
      return "short";
    }
    this.#short.delete(endpointId);
    this.#held.set(delivery, room);
    this.#loading.set(standing, delivery);
    return room;
  }

  /** The payload has so many bytes. False if that is more than was reserved: it is not held, and must wait. */
  loaded(delivery: Delivery, bytes: number): boolean {
    const reserved = this.#held.get(delivery);
    if (reserved === undefined) {
      throw new Error("no payload is being loaded for this delivery");
    }
    this.#endLoad(delivery);
    if (bytes <= reserved) {
      this.#held.set(delivery, bytes);
      return true;
    }
    this.#held.delete(delivery);
    this.#sizes.set(delivery, bytes);
    this.#short.set(delivery.endpointId, delivery);
    return false;
  }

  /** Whether no other payload of its endpoint gets memory before this one. */
  isFirst(delivery: Delivery): boolean {
    return this.#short.get(delivery.endpointId) === delivery;
  }

  /** The delivery needs no memory any more. True if others may find some now. */
  release(delivery: Delivery): boolean {
    this.#endLoad(delivery);
    const wasFirst = this.isFirst(delivery);
    if (wasFirst) {
      this.#short.delete(delivery.endpointId);
    }
    return this.#held.delete(delivery) || wasFirst;
  }

  #room(endpointId: string, standing: Standing): number {
    const heldBy: Record<Standing, number> = { good: 0, new: 0, doubtful: 0 };
    let own = 0;
    for (const [{ endpointId: holder }, bytes] of this.#held) {
      heldBy[this.#standingOf(holder)] += bytes;
      own += holder === endpointId ? bytes : 0;
    }
    const awaited = standing === "doubtful" ? this.#bytesAwaitedBefore(endpointId) : 0;
    return Math.min(this.#left(standing, heldBy) - awaited - own, Math.floor(this.#bytesMax / 2));
  }

  /** What the first endpoint that waits and holds nothing waits for. */
  #bytesAwaitedBefore(endpointId: string): number {
    const holders = new Set([...this.#held.keys()].map((delivery) => delivery.endpointId));
    for (const [waiter, delivery] of this.#short) {
      if (waiter === endpointId) {
        return 0;
      }
      if (!holders.has(waiter)) {
        return this.#sizeOf(delivery);
      }
    }
    return 0;
  }

  #left(standing: Standing, held: Readonly<Record<Standing, number>>): number {
    const left = this.#bytesMax - held.good - held.new - held.doubtful;
    switch (standing) {
      case "good":
        return left;
      case "new":
        return Math.min(left, Math.floor(this.#bytesMax * (1 - KEPT_FOR_GOOD)) - held.new - held.doubtful);
      case "doubtful":
        return Math.min(left, Math.floor(this.#bytesMax * (1 - KEPT_FOR_GOOD - KEPT_FOR_NEW)) - held.doubtful);
    }
  }

  #sizeOf(delivery: Delivery): number {
    return this.#sizes.get(delivery) ?? 1;
  }

  #endLoad(delivery: Delivery): void {
    for (const [standing, loading] of this.#loading) {
      if (loading === delivery) {
        this.#loading.delete(standing);
      }
    }
  }
}
