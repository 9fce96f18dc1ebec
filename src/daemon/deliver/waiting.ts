import type { Delivery } from "../../domain/delivery.ts";

/** First attempts go so many times in a row while something from the queue waits as well. */
const FIRST_RUN_MAX = 3;

/** The places of started deliveries are cut off once they are half of a line, and at least so many: each cut moves the rest. */
const CUT_MIN = 16;

/** Deliveries in the order in which they came: taken off the front one by one, off the end many at a time. */
class Line {
  /** Nothing is kept before the head, because a line that never runs empty would hold what it has started, payloads and all. */
  readonly #deliveries: (Delivery | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#deliveries.length - this.#head;
  }

  push(delivery: Delivery): void {
    this.#deliveries.push(delivery);
  }

  putBack(deliveries: readonly Delivery[]): void {
    this.#deliveries.splice(0, this.#head, ...deliveries);
    this.#head = 0;
  }

  shift(): Delivery | undefined {
    const delivery = this.#deliveries[this.#head];
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

  /** Takes the delivery of one event; undefined if it is not here. */
  takeEvent(eventId: string): Delivery | undefined {
    const index = this.#deliveries.findIndex((delivery) => delivery?.event.id === eventId);
    return index === -1 ? undefined : this.#deliveries.splice(index, 1)[0];
  }

  takeFirst(count: number): Delivery[] {
    const first = this.#deliveries.splice(0, this.#head + Math.min(count, this.length));
    this.#head = 0;
    return first.filter((delivery) => delivery !== undefined);
  }

  takeLast(count: number): Delivery[] {
    const last = this.#deliveries.splice(this.#deliveries.length - Math.min(count, this.length));
    return last.filter((delivery) => delivery !== undefined);
  }
}

/**
 * What waits for one endpoint. First attempts go before retries and replays from the queue, and leave the queue one turn
 * in four: behind a replay, whose deliveries fill a lane four rounds deep, a new event waited 79 ms instead of 4.
 *
 * A delivery that was set aside is not in either line until it is recalled.
 */
export class Waiting {
  readonly #first = new Line();
  readonly #queued = new Line();
  readonly #aside = new Line();
  /** First attempts taken since the last delivery from the queue. */
  #firstRun = 0;

  /** All that wait, those set aside included. */
  get length(): number {
    return this.readyLength + this.#aside.length;
  }

  get readyLength(): number {
    return this.#first.length + this.#queued.length;
  }

  get asideLength(): number {
    return this.#aside.length;
  }

  push(delivery: Delivery): void {
    this.#lineOf(delivery).push(delivery);
  }

  takeNext(): Delivery | undefined {
    const isQueuesTurn = this.#queued.length > 0 && (this.#first.length === 0 || this.#firstRun >= FIRST_RUN_MAX);
    this.#firstRun = isQueuesTurn ? 0 : this.#firstRun + 1;
    return (isQueuesTurn ? this.#queued : this.#first).shift();
  }

  /** Behind the others that are aside; before them if it `isFirst`. */
  setAside(delivery: Delivery, isFirst: boolean): void {
    if (isFirst) {
      this.#aside.putBack([delivery]);
    } else {
      this.#aside.push(delivery);
    }
  }

  /** Puts the first deliveries that are aside, so many at most, at the front of their lines. */
  recall(countMax: number): void {
    const recalled = this.#aside.takeFirst(countMax);
    this.#first.putBack(recalled.filter(isFirstAttempt));
    this.#queued.putBack(recalled.filter((delivery) => !isFirstAttempt(delivery)));
  }

  takeEvent(eventId: string): Delivery | undefined {
    return this.#first.takeEvent(eventId) ?? this.#queued.takeEvent(eventId) ?? this.#aside.takeEvent(eventId);
  }

  /** Those that would start last: set aside before from the queue before first attempts, and of each the newest. */
  takeLast(count: number): Delivery[] {
    const taken: Delivery[] = [];
    for (const line of [this.#aside, this.#queued, this.#first]) {
      taken.push(...line.takeLast(count - taken.length));
    }
    return taken;
  }

  #lineOf(delivery: Delivery): Line {
    return isFirstAttempt(delivery) ? this.#first : this.#queued;
  }
}

function isFirstAttempt({ tenure }: Delivery): boolean {
  return tenure.kind === "claimed";
}
