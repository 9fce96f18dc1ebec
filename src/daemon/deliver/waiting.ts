import type { Delivery } from "../../domain/delivery.ts";
import { Line } from "./line.ts";

/** First attempts go so many times in a row while something from the queue waits as well. */
const FIRST_RUN_MAX = 3;

/** Where deliveries wait whose payloads are loaded when their turn comes. */
interface LargeLines {
  readonly aside: Line;
  /** Those whose payloads are being loaded ahead, and those whose payloads are here. */
  readonly ahead: Line;
  readonly loaded: Line;
}

function newLargeLines(): LargeLines {
  return { aside: new Line(), ahead: new Line(), loaded: new Line() };
}

/** Nothing is ever added to these. Most lanes have no others, and those of ten thousand endpoints come and go. */
const NO_LARGE_LINES = newLargeLines();

/**
 * What waits for one endpoint. First attempts go before retries and replays from the queue, and leave the queue one turn
 * in four: behind a replay, whose deliveries fill a lane four rounds deep, a new event waited 79 ms instead of 4.
 *
 * A delivery that was set aside is not in either line until it is recalled.
 *
 * Nor is one whose payload is loaded ahead: it has begun to wait before those in the lines, so once its payload is here
 * it goes before them. If the next one in the lines came with its payload, they take turns: a lane that is given large
 * payloads all the time would otherwise never send its small ones.
 */
export class Waiting {
  readonly #first = new Line();
  readonly #queued = new Line();
  #large = NO_LARGE_LINES;
  #wasLoaded = false;
  /** First attempts taken since the last delivery from the queue. */
  #firstRun = 0;

  /** All that wait, those that cannot start included. */
  get length(): number {
    return this.readyLength + this.#large.aside.length + this.#large.ahead.length;
  }

  get readyLength(): number {
    return this.#first.length + this.#queued.length + this.#large.loaded.length;
  }

  /** Those in line that came from the queue. */
  get queuedLength(): number {
    return this.#queued.length;
  }

  /** Those that hold memory before their turn. */
  get aheadLength(): number {
    return this.#large.ahead.length + this.#large.loaded.length;
  }

  get asideLength(): number {
    return this.#large.aside.length;
  }

  push(delivery: Delivery): void {
    this.#lineOf(delivery).push(delivery);
  }

  takeNext(): Delivery | null {
    const line = this.#nextLine();
    const isSmallNext = line.first !== null && line.first.event.payload !== null;
    const loaded = this.#wasLoaded && isSmallNext ? null : this.#large.loaded.shift();
    this.#wasLoaded = loaded !== null;
    if (loaded !== null) {
      return loaded;
    }
    this.#firstRun = line === this.#queued ? 0 : this.#firstRun + 1;
    return line.shift();
  }

  #nextLine(): Line {
    const isQueuesTurn = this.#queued.length > 0 && (this.#first.length === 0 || this.#firstRun >= FIRST_RUN_MAX);
    return isQueuesTurn ? this.#queued : this.#first;
  }

  /** Takes the next one out of line whose payload is to be loaded, to load it ahead; null if there is none, or it does not fit. */
  takeAhead(fits: (delivery: Delivery) => boolean): Delivery | null {
    const line = [this.#nextLine(), this.#first, this.#queued, this.#large.aside].find(({ first }) =>
      isMeasured(first),
    );
    const delivery = line?.first ?? null;
    if (line === undefined || delivery === null || !fits(delivery)) {
      return null;
    }
    line.remove(delivery);
    this.#makeLarge().ahead.push(delivery);
    return delivery;
  }

  /** The payload of a delivery that was taken ahead is here. */
  addLoaded({ event }: Delivery): void {
    const delivery = this.#large.ahead.takeEvent(event.id);
    if (delivery === null) {
      throw new Error("the payload of the delivery is not loaded ahead");
    }
    this.#large.loaded.push(delivery);
  }

  /** Behind the others that are aside; before them if it `isFirst`. */
  setAside(delivery: Delivery, isFirst: boolean): void {
    if (isFirst) {
      this.#makeLarge().aside.putBack([delivery]);
    } else {
      this.#makeLarge().aside.push(delivery);
    }
  }

  /** Puts the first deliveries that are aside, so many at most, at the front of their lines. */
  recall(countMax: number): void {
    const recalled = this.#large.aside.takeFirst(countMax);
    this.#first.putBack(recalled.filter(isFirstAttempt));
    this.#queued.putBack(recalled.filter((delivery) => !isFirstAttempt(delivery)));
  }

  takeEvent(eventId: string): Delivery | null {
    for (const line of [this.#first, this.#queued, this.#large.aside, this.#large.ahead, this.#large.loaded]) {
      const delivery = line.takeEvent(eventId);
      if (delivery !== null) {
        return delivery;
      }
    }
    return null;
  }

  /**
   * Those that would start last: set aside before from the queue before first attempts before loaded ones, and of each the
   * newest.
   */
  takeLast(count: number): Delivery[] {
    const taken: Delivery[] = [];
    for (const line of [this.#large.aside, this.#queued, this.#first, this.#large.ahead, this.#large.loaded]) {
      taken.push(...line.takeLast(count - taken.length));
    }
    return taken;
  }

  #makeLarge(): LargeLines {
    if (this.#large === NO_LARGE_LINES) {
      this.#large = newLargeLines();
    }
    return this.#large;
  }

  #lineOf(delivery: Delivery): Line {
    return isFirstAttempt(delivery) ? this.#first : this.#queued;
  }
}

export function isFirstAttempt({ tenure }: Delivery): boolean {
  return tenure.kind === "claimed";
}

/** Whether its payload is to be loaded and known to be readable: one that is not would make a load of many fail. */
function isMeasured(delivery: Delivery | null): boolean {
  return (
    delivery !== null &&
    delivery.event.payload === null &&
    delivery.event.hasKnownSize &&
    delivery.event.payloadBytes > 0
  );
}
