import { type Delivery, HOLDS_NO_SLOT } from "../../domain/delivery.ts";

/** The deliveries of a lane whose requests have begun, the earliest first: a list that is linked through them. */
export class Begun {
  #first: Delivery | null = null;
  #last: Delivery | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the earliest of these requests began; infinity if there is none. */
  get oldestMs(): number {
    return this.#first === null ? Number.POSITIVE_INFINITY : this.#first.begunMs;
  }

  /** `nowMs` is never before that of an earlier call. */
  add(delivery: Delivery, nowMs: number): void {
    if (delivery.begunMs !== HOLDS_NO_SLOT) {
      throw new Error("the request of this delivery has begun before");
    }
    delivery.begunMs = nowMs;
    delivery.before = this.#last;
    if (this.#last === null) {
      this.#first = delivery;
    } else {
      this.#last.after = delivery;
    }
    this.#last = delivery;
    this.#size += 1;
  }

  remove(delivery: Delivery): void {
    const { before, after } = delivery;
    if (before === null) {
      this.#first = after;
    } else {
      before.after = after;
    }
    if (after === null) {
      this.#last = before;
    } else {
      after.before = before;
    }
    delivery.begunMs = HOLDS_NO_SLOT;
    delivery.before = null;
    delivery.after = null;
    this.#size -= 1;
  }

  all(): Delivery[] {
    const deliveries: Delivery[] = [];
    for (let delivery = this.#first; delivery !== null; delivery = delivery.after) {
      deliveries.push(delivery);
    }
    return deliveries;
  }
}
