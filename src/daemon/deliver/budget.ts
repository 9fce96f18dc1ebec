import type { Delivery } from "../../domain/delivery.ts";
import { SENT_BYTES_MAX } from "../../domain/event.ts";
import { BODY_BYTES_MAX } from "../../format/bodyText.ts";
import { ENCRYPTION_COPIES, PLAINTEXT_BYTES_MAX } from "../../format/encrypt.ts";
import type { Standing } from "./lane.ts";

/** What large payloads may hold of memory at a time, in bytes of their text: twice the largest that is sent. */
export const BUDGET_BYTES = 2 * SENT_BYTES_MAX;

/** Parts of the budget. What endpoints that hang cannot take has room for the largest payload. */
const KEPT_FOR_GOOD = 1 / 4;
const KEPT_FOR_NEW = 1 / 4;

export interface BudgetParts {
  readonly standingOf: (endpointId: string) => Standing;
  /** What the payload of a delivery takes: `budgetBytes`, which may change with its endpoint. */
  readonly bytesOf: (delivery: Delivery) => number;
}

/** A request has its payload as it came, in the text of its body, and in the bytes that are sent. */
export const COPIES_SENT = 3;

/**
 * What a payload takes of the budget, whose bytes are there for three copies each. If its format writes up to `growth` bytes
 * for one, there are the payload, the pieces of the body and the body. A body that is encrypted is there several times, and
 * the payload no more.
 */
export function budgetBytes(payloadBytes: number, growth: number, isEncrypted: boolean): number {
  const written =
    growth === 1
      ? payloadBytes
      : Math.ceil((payloadBytes + 2 * Math.min(payloadBytes * growth, BODY_BYTES_MAX)) / COPIES_SENT);
  return isEncrypted ? Math.max(written, encryptedBudgetBytes(payloadBytes * growth)) : written;
}

function encryptedBudgetBytes(bodyBytes: number): number {
  return Math.ceil((Math.min(bodyBytes, PLAINTEXT_BYTES_MAX) * ENCRYPTION_COPIES) / COPIES_SENT);
}

/**
 * The memory that large payloads share.
 *
 * It is kept by standing, as slots are. With a further payload an endpoint may hold as much as is left for its standing
 * without it: with n others active, 1/(n + 2) of the budget; an endpoint that holds nothing may take all that is left.
 *
 * A payload that found too little memory goes first: its endpoint gets no memory for another one before it, and if its
 * endpoint holds nothing, endpoints that hang get nothing of what it needs; otherwise they would take up in small pieces
 * all that comes free.
 *
 * Pure bookkeeping: it loads nothing.
 */
export class Budget {
  readonly bytesMax: number;
  readonly #standingOf: (endpointId: string) => Standing;
  readonly #bytesOf: (delivery: Delivery) => number;
  /** What each delivery holds, in bytes. */
  readonly #held = new Map<Delivery, number>();
  #heldBytes = 0;
  /** What each endpoint holds in all, in bytes. */
  readonly #heldBy = new Map<string, number>();
  /** Of each endpoint the payload that found too little memory, in the order in which they began to wait. */
  readonly #short = new Map<string, Delivery>();

  constructor(bytesMax: number, { standingOf, bytesOf }: BudgetParts) {
    this.bytesMax = bytesMax;
    this.#standingOf = standingOf;
    this.#bytesOf = bytesOf;
  }

  /** What payloads hold together. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes memory for the payload of a delivery; false if there is too little. `release` must follow in any case. */
  reserve(delivery: Delivery): boolean {
    const { endpointId } = delivery;
    if ((this.#short.get(endpointId) ?? delivery) !== delivery) {
      return false;
    }
    const bytes = this.#bytesOf(delivery);
    if (this.#room(endpointId) < bytes) {
      this.#short.set(endpointId, delivery);
      return false;
    }
    this.#short.delete(endpointId);
    this.#hold(delivery, bytes);
    return true;
  }

  /**
   * Takes memory for a payload that is loaded before its turn, if nothing waits for memory and half of the budget stays
   * free for those whose turn it is; false otherwise.
   */
  reserveAhead(delivery: Delivery): boolean {
    const bytes = this.#bytesOf(delivery);
    const fits =
      this.#short.size === 0 &&
      this.#heldBytes + bytes <= this.bytesMax / 2 &&
      this.#room(delivery.endpointId) >= bytes;
    if (fits) {
      this.#hold(delivery, bytes);
    }
    return fits;
  }

  /** Whether the payload of a delivery has memory. */
  has(delivery: Delivery): boolean {
    return this.#held.has(delivery);
  }

  /** Whether no other payload of its endpoint gets memory before this one. */
  isFirst(delivery: Delivery): boolean {
    return this.#short.get(delivery.endpointId) === delivery;
  }

  /** The delivery needs no memory any more. True if others may find some now. */
  release(delivery: Delivery): boolean {
    const { endpointId } = delivery;
    const wasFirst = this.isFirst(delivery);
    if (wasFirst) {
      this.#short.delete(endpointId);
    }
    const bytes = this.#held.get(delivery);
    if (bytes === undefined) {
      return wasFirst;
    }
    this.#held.delete(delivery);
    this.#heldBytes -= bytes;
    const left = this.#holds(endpointId) - bytes;
    if (left > 0) {
      this.#heldBy.set(endpointId, left);
    } else {
      this.#heldBy.delete(endpointId);
    }
    return true;
  }

  #hold(delivery: Delivery, bytes: number): void {
    const { endpointId } = delivery;
    this.#held.set(delivery, bytes);
    this.#heldBytes += bytes;
    this.#heldBy.set(endpointId, this.#holds(endpointId) + bytes);
  }

  #holds(endpointId: string): number {
    return this.#heldBy.get(endpointId) ?? 0;
  }

  #room(endpointId: string): number {
    const standing = this.#standingOf(endpointId);
    const held: Record<Standing, number> = { good: 0, new: 0, doubtful: 0 };
    for (const [holder, bytes] of this.#heldBy) {
      held[this.#standingOf(holder)] += bytes;
    }
    const awaited = standing === "doubtful" ? this.#bytesAwaitedBefore(endpointId) : 0;
    return Math.min(this.#left(standing, held) - awaited - this.#holds(endpointId), Math.floor(this.bytesMax / 2));
  }

  /** What the first endpoint that waits and holds nothing waits for. */
  #bytesAwaitedBefore(endpointId: string): number {
    for (const [waiter, delivery] of this.#short) {
      if (waiter === endpointId) {
        return 0;
      }
      if (!this.#heldBy.has(waiter)) {
        return this.#bytesOf(delivery);
      }
    }
    return 0;
  }

  #left(standing: Standing, held: Readonly<Record<Standing, number>>): number {
    const left = this.bytesMax - held.good - held.new - held.doubtful;
    switch (standing) {
      case "good":
        return left;
      case "new":
        return Math.min(left, Math.floor(this.bytesMax * (1 - KEPT_FOR_GOOD)) - held.new - held.doubtful);
      case "doubtful":
        return Math.min(left, Math.floor(this.bytesMax * (1 - KEPT_FOR_GOOD - KEPT_FOR_NEW)) - held.doubtful);
    }
  }
}
