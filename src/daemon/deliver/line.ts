import type { Delivery } from "../../domain/delivery.ts";

/**
 * Deliveries in the order in which they came: a list that is linked through them. A delivery is in one line at a time. An
 * array for each of ten thousand endpoints would be allocated again for most deliveries, because most lanes run empty.
 */
export class Line {
  #first: Delivery | null = null;
  #last: Delivery | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): Delivery | null {
    return this.#first;
  }

  push(delivery: Delivery): void {
    delivery.before = this.#last;
    if (this.#last === null) {
      this.#first = delivery;
    } else {
      this.#last.after = delivery;
    }
    this.#last = delivery;
    this.#length += 1;
  }

  /** Before all others, in the order given. */
  putBack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries.toReversed()) {
      delivery.after = this.#first;
      if (this.#first === null) {
        this.#last = delivery;
      } else {
        this.#first.before = delivery;
      }
      this.#first = delivery;
      this.#length += 1;
    }
  }

  shift(): Delivery | null {
    const delivery = this.#first;
    if (delivery !== null) {
      this.remove(delivery);
    }
    return delivery;
  }

  /** The delivery must be in this line. */
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
    delivery.before = null;
    delivery.after = null;
    this.#length -= 1;
  }

  /** Takes the delivery of one event, or the one that stands for its batch or its run; null if it is not here. */
  takeEvent(eventId: string): Delivery | null {
    for (let delivery = this.#first; delivery !== null; delivery = delivery.after) {
      if (isOf(delivery, eventId)) {
        this.remove(delivery);
        return delivery;
      }
    }
    return null;
  }

  takeFirst(countMax: number): Delivery[] {
    const taken: Delivery[] = [];
    while (this.#first !== null && taken.length < countMax) {
      taken.push(this.#first);
      this.remove(this.#first);
    }
    return taken;
  }

  /** In the order of the line. */
  takeLast(countMax: number): Delivery[] {
    const taken: Delivery[] = [];
    while (this.#last !== null && taken.length < countMax) {
      taken.push(this.#last);
      this.remove(this.#last);
    }
    return taken.reverse();
  }

  all(): Delivery[] {
    const deliveries: Delivery[] = [];
    for (let delivery = this.#first; delivery !== null; delivery = delivery.after) {
      deliveries.push(delivery);
    }
    return deliveries;
  }
}

function isOf(delivery: Delivery, eventId: string): boolean {
  const { event, batch, next } = delivery;
  return (
    event.id === eventId ||
    (batch?.members.some((member) => member.event.id === eventId) ?? false) ||
    (next !== null && isOf(next, eventId))
  );
}
