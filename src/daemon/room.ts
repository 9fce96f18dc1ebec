export interface RoomOptions {
  readonly deliveriesMax: number;
  /** Deliveries that are in hand, or whose results are not recorded yet. */
  readonly taken: () => number;
  /** A statement that had asked for room has brought what it found. */
  readonly onChange: () => void;
}

/**
 * How many more deliveries may be in hand, and who may ask for them. What one statement asks for, the other leaves alone
 * until what it brought is in hand. While new events wait for the room that makes a claim worthwhile, one more walk goes
 * before them: half by half, walks over a deep queue would take whatever comes free for as long as they last.
 */
export class Room {
  readonly #options: RoomOptions;
  /** The deliveries that statements in progress may bring. */
  #askedFor = 0;
  /** Parts of walks that may go before the next claim; infinity unless new events wait for room. */
  #walksLeft = Number.POSITIVE_INFINITY;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** Below zero if what an operator has locked comes on top. */
  get left(): number {
    const { deliveriesMax, taken } = this.#options;
    return deliveriesMax - taken() - this.#askedFor;
  }

  get mayWalk(): boolean {
    return this.left > 0 && this.#walksLeft > 0;
  }

  /** New events wait for more room. */
  eventsWait(): void {
    this.#walksLeft = Math.min(this.#walksLeft, 1);
  }

  /** It is the turn of new events, or of claims to take over. */
  eventsTurn(): void {
    this.#walksLeft = Number.POSITIVE_INFINITY;
  }

  walksOn(): void {
    this.#walksLeft -= 1;
  }

  /** Asks for this part of what is left, and for one delivery at least. */
  async ask(part: number, bring: (deliveriesMax: number) => Promise<void>): Promise<void> {
    const deliveriesMax = Math.max(1, Math.floor(this.left * part));
    this.#askedFor += deliveriesMax;
    try {
      await bring(deliveriesMax);
    } finally {
      this.#askedFor -= deliveriesMax;
      this.#options.onChange();
    }
  }
}
