import type { Delivery } from "../../domain/delivery.ts";

/** What large payloads may hold of memory at a time, in bytes of their text: twice the largest that is sent. */
export const HELD_BYTES_MAX = 2 * 64 * 1_048_576;

/** Parts of the memory. What is kept for others from those that hang has room for the largest payload. */
const KEPT_FOR_GOOD = 1 / 4;
const KEPT_FOR_NEW = 1 / 4;

export type Standing = "good" | "new" | "doubtful";

/** An endpoint, as far as the memory is concerned. */
export interface Holder {
  readonly standing: Standing;
  heldBytes: number;
}

/** One who holds nothing and waits for so many bytes, for this delivery. */
interface Awaited {
  readonly holder: Holder;
  readonly delivery: Delivery;
  readonly bytes: number;
}

/**
 * The memory that large payloads share: who holds how much of it.
 *
 * An endpoint may hold, with a further payload, as much as is left for its standing without it. So with many payloads it
 * gets half when it is alone, a third beside another, and a part in n + 2 beside n others; who holds nothing may take all
 * that is left. Where that is not enough for a payload, those that hang get nothing of what it needs until it has it:
 * otherwise they would take up in small pieces whatever comes free.
 *
 * Pure bookkeeping: it loads nothing.
 */
export class PayloadMemory {
  readonly #bytesMax: number;
  readonly #heldBy: Record<Standing, number> = { good: 0, new: 0, doubtful: 0 };
  #awaited: Awaited | null = null;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** How large a further payload may be; half of it all at most. */
  room(holder: Holder): number {
    const isHeldBack = holder.standing === "doubtful" && this.#awaited !== null && this.#awaited.holder !== holder;
    const awaitedBytes = isHeldBack ? (this.#awaited?.bytes ?? 0) : 0;
    const room = this.#left(holder.standing) - awaitedBytes - holder.heldBytes;
    return Math.max(0, Math.min(room, Math.floor(this.#bytesMax / 2)));
  }

  /** Negative: gives back. */
  take(holder: Holder, bytes: number): void {
    holder.heldBytes += bytes;
    this.#heldBy[holder.standing] += bytes;
  }

  /** To be called before a holder's standing changes. */
  move(holder: Holder, standing: Standing): void {
    this.#heldBy[holder.standing] -= holder.heldBytes;
    this.#heldBy[standing] += holder.heldBytes;
  }

  /** There is too little for this payload. */
  wait(holder: Holder, delivery: Delivery, bytes: number): void {
    if (holder.heldBytes === 0 && (this.#awaited === null || this.#awaited.holder === holder)) {
      this.#awaited = { holder, delivery, bytes };
    }
  }

  /** Whether the holder waited for another delivery than the one that is its next by now; then it waits no more. */
  waitsNoMore(holder: Holder, next: Delivery | undefined): boolean {
    const isOver = this.#awaited?.holder === holder && this.#awaited.delivery !== next;
    if (isOver) {
      this.#awaited = null;
    }
    return isOver;
  }

  #left(standing: Standing): number {
    const { good, new: ofNew, doubtful } = this.#heldBy;
    const left = this.#bytesMax - good - ofNew - doubtful;
    switch (standing) {
      case "good":
        return left;
      case "new":
        return Math.min(left, Math.floor(this.#bytesMax * (1 - KEPT_FOR_GOOD)) - ofNew - doubtful);
      case "doubtful":
        return Math.min(left, Math.floor(this.#bytesMax * (1 - KEPT_FOR_GOOD - KEPT_FOR_NEW)) - doubtful);
    }
  }
}
