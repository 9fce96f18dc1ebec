import type { Delivery } from "../../domain/delivery.ts";

/** So many first attempts in a row, where something from the queue waits as well. */
const FIRST_RUN_MAX = 3;

/** The places of started deliveries are cut off when they are half of a line, and so many: each cut moves the rest. */
const CUT_MIN = 16;

/** Deliveries in the order in which they came: taken off the front one by one, off the end many at a time. */
class Line {
  /** Up to the head nothing is kept, since a line that never runs empty would hold what it has started, payloads and all. */
  readonly #deliveries: (Delivery | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#deliveries.length - this.#head;
  }

  get first(): Delivery | undefined {
    return this.#deliveries[this.#head];
  }

  push(delivery: Delivery): void {
    this.#deliveries.push(delivery);
  }

  putBack(delivery: Delivery): void {
    this.#deliveries.splice(0, this.#head, delivery);
    this.#head = 0;
  }

  shift(): Delivery | undefined {
    const delivery = this.first;
    if (delivery !== undefined) {
      this.#deliveries[this.#head] = undefined;
      this.#head += 1;
      if (this.length === 0 || (this.#head >= CUT_MIN && this.#head * 2 >= this.#deliveries.length)) {
        this.#deliveries.splice(0, this.#head);
        this.#head = 0;
      }
    }
    return delivery;
  }

  /** Takes the delivery of one event; undefined where it is not there. */
  takeEvent(eventId: string): Delivery | undefined {
    const index = this.#deliveries.findIndex((delivery) => delivery?.event.id === eventId);
    return index === -1 ? undefined : this.#deliveries.splice(index, 1)[0];
  }

  takeLast(count: number): Delivery[] {
    const last = this.#deliveries.splice(this.#deliveries.length - Math.min(count, this.length));
    return last.filter((delivery) => delivery !== undefined);
  }
}

/**
 * What waits for one endpoint. First attempts go before what comes from the queue, retries and replays, and leave it one
 * turn in four: behind a replay, whose deliveries fill a lane four rounds deep, a new event waited 79 ms where it waits
 * 4 ms alone.
 */
export class Waiting {
  readonly #first = new Line();
  readonly #queued = new Line();
  /** First attempts that were taken since the last one from the queue. */
  #firstRun = 0;

  get length(): number {
    return this.#first.length + this.#queued.length;
  }

  /** The delivery whose turn it is. */
  get next(): Delivery | undefined {
    return (this.#isQueuesTurn ? this.#queued : this.#first).first;
  }

  push(delivery: Delivery): void {
    this.#lineOf(delivery).push(delivery);
  }

  /** What was taken, and could not be started, is the first of its line again. */
  putBack(delivery: Delivery): void {
    this.#lineOf(delivery).putBack(delivery);
  }

  takeNext(): Delivery | undefined {
    const isQueuesTurn = this.#isQueuesTurn;
    this.#firstRun = isQueuesTurn ? 0 : this.#firstRun + 1;
    return (isQueuesTurn ? this.#queued : this.#first).shift();
  }

  takeEvent(eventId: string): Delivery | undefined {
    return this.#first.takeEvent(eventId) ?? this.#queued.takeEvent(eventId);
  }

  /** The last in first, and what came from the queue before first attempts. */
  takeLast(count: number): Delivery[] {
    const queued = this.#queued.takeLast(count);
    return [...queued, ...this.#first.takeLast(count - queued.length)];
  }

  get #isQueuesTurn(): boolean {
    return this.#queued.length > 0 && (this.#first.length === 0 || this.#firstRun >= FIRST_RUN_MAX);
  }

  #lineOf(delivery: Delivery): Line {
    return delivery.tenure.kind === "claimed" ? this.#first : this.#queued;
  }
}
