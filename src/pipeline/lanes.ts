import type { Delivery } from "../domain/delivery.ts";

/**
 * The deliveries that a daemon has in hand, and which of them starts next.
 *
 * Each endpoint has a lane. A lane starts with a few requests at a time, earns more by answering while it is full, and
 * loses half by not answering. Lanes with something to start take turns, one delivery each.
 *
 * What a lane may take from the others depends on its standing:
 *
 *   good      it has answered, and no request of it hangs: any slot, and its share of what waits in memory
 *   new       it has not answered yet: an eighth of the slots is kept from it, for those that have
 *   doubtful  a request of it hangs, or it has lost some: another eighth is kept from it, for new ones, and it has no
 *             more in memory than it can start at once
 *
 * What is beyond goes to the queue in Postgres (a few more statements, nothing else), so that receivers that hang leave
 * slots and memory to their neighbours.
 *
 * Within a lane first attempts go before what comes from the queue, retries and replays, and leave it one turn in four:
 * behind a replay, whose deliveries fill a lane four rounds deep, a new event waited 79 ms where it waits 4 ms alone.
 *
 * Pure bookkeeping: no timers, no promises; the time is passed in.
 */

export interface LaneLimits {
  /** Requests at a time, over all lanes. */
  readonly inFlightMax: number;
  /** Requests at a time of one lane. */
  readonly laneMax: number;
  /** Deliveries under way and waiting, over all lanes: what the shares are made of. */
  readonly inHandMax: number;
}

/** How many deliveries each endpoint can take now: those with a lane, and any other one. */
export interface Rooms {
  readonly known: ReadonlyMap<string, number>;
  readonly unknown: number;
}

/** Requests at a time of a lane that has not answered yet; one that has lost more is not in good standing. */
const LANE_START = 8;
/** A lane with a request that has been under way for longer hangs. */
const HANGING_MS = 1_000;
/** A fast lane may be given so many times its width from the queue, so that it does not run dry before the next walk. */
const ROUNDS_MAX = 4;
/** Requests as long as this leave time for one more walk over the queue in between. */
const ROUND_MS = 100;
/** Weight of the newest duration in a lane's average. */
const DURATION_WEIGHT = 0.2;
/** Parts of the slots. */
const KEPT_FOR_GOOD = 1 / 8;
const KEPT_FOR_NEW = 1 / 8;
/** What is known of a lane with nothing to do is forgotten after so long. */
const FORGET_MS = 60_000;
/** Lanes that are remembered beside those with something in hand; a walk over the queue is told of each. */
const LANES_MAX = 4_096;
/** Which lanes have begun to hang is looked at so often, where slots are scarce. */
const RECOUNT_MS = 100;

/** So many first attempts in a row, where something from the queue waits as well. */
const FIRST_RUN_MAX = 3;

/**
 * Started deliveries are cut off the front of a line's array when they are half of it, and so many at least, since each cut
 * moves the rest. Sooner or never: what is not cut off is held in memory, payloads and all, by every line there is.
 */
const CUT_MIN = 16;

/** Deliveries in the order in which they came: taken off the front one by one, off the end many at a time. */
class Line {
  readonly #deliveries: Delivery[] = [];
  #head = 0;

  get length(): number {
    return this.#deliveries.length - this.#head;
  }

  push(delivery: Delivery): void {
    this.#deliveries.push(delivery);
  }

  shift(): Delivery | undefined {
    const delivery = this.#deliveries[this.#head];
    if (delivery !== undefined) {
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
    const index = this.#deliveries.findIndex(({ event }, place) => place >= this.#head && event.id === eventId);
    return index === -1 ? undefined : this.#deliveries.splice(index, 1)[0];
  }

  takeLast(count: number): Delivery[] {
    return this.#deliveries.splice(this.#deliveries.length - Math.min(count, this.length));
  }
}

const STANDINGS = ["good", "new", "doubtful"] as const;
type Standing = (typeof STANDINGS)[number];

interface Lane {
  readonly endpointId: string;
  limit: number;
  inFlight: number;
  /** First attempts that wait. */
  readonly first: Line;
  /** What came from the queue and waits. */
  readonly queued: Line;
  /** First attempts that were started since the last one from the queue. */
  firstRun: number;
  hasAnswered: boolean;
  /** Average milliseconds of a request; null before the first. */
  averageMs: number | null;
  /** When each request under way was started. */
  readonly startedMs: Map<Delivery, number>;
  /** As what its requests under way are counted. */
  standing: Standing;
  isReady: boolean;
  /** Whether it is counted among those with something in hand. */
  isActive: boolean;
  idleSinceMs: number;
}

export class Lanes {
  readonly #limits: LaneLimits;
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Readonly<Record<Standing, Lane[]>> = { good: [], new: [], doubtful: [] };
  readonly #inFlightOf: Record<Standing, number> = { good: 0, new: 0, doubtful: 0 };
  #inFlight = 0;
  #waiting = 0;
  #active = 0;
  /** Whose turn it is, of STANDINGS. */
  #turn = 0;
  #recountedMs = 0;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Takes a delivery in; false where its lane has its share, and the delivery belongs into the queue. */
  offer(delivery: Delivery, nowMs: number): boolean {
    const lane = this.#lane(delivery.endpointId, nowMs);
    if (waitingIn(lane) >= this.#share(lane, nowMs)) {
      return false;
    }
    (delivery.tenure.kind === "claimed" ? lane.first : lane.queued).push(delivery);
    this.#waiting += 1;
    this.#update(lane, nowMs);
    return true;
  }

  /** The next delivery to start, which now counts as under way; null where nothing can start. */
  start(nowMs: number): Delivery | null {
    this.#recountAll(nowMs);
    while (this.#inFlight < this.#limits.inFlightMax) {
      const lane = this.#nextReady();
      if (lane === null) {
        return null;
      }
      lane.isReady = false;
      const markedAs = lane.standing;
      this.#recount(lane, nowMs);
      if (lane.standing !== markedAs && !this.#mayStart(lane.standing)) {
        this.#update(lane, nowMs);
        continue;
      }
      const delivery = hasRoom(lane) ? takeNext(lane) : undefined;
      if (delivery === undefined) {
        continue;
      }
      this.#waiting -= 1;
      lane.inFlight += 1;
      lane.startedMs.set(delivery, nowMs);
      this.#inFlight += 1;
      this.#inFlightOf[lane.standing] += 1;
      this.#update(lane, nowMs);
      return delivery;
    }
    return null;
  }

  /** A delivery that was started has its result. `answered`: the receiver sent a status, whichever. */
  finish(delivery: Delivery, answered: boolean, nowMs: number): void {
    const lane = this.#lane(delivery.endpointId, nowMs);
    const startedMs = lane.startedMs.get(delivery);
    if (startedMs === undefined) {
      throw new Error("a delivery was finished that was not under way");
    }
    lane.startedMs.delete(delivery);
    const wasFull = lane.inFlight >= lane.limit;
    lane.inFlight -= 1;
    this.#inFlight -= 1;
    this.#inFlightOf[lane.standing] -= 1;
    const tookMs = nowMs - startedMs;
    lane.averageMs = lane.averageMs === null ? tookMs : lane.averageMs + DURATION_WEIGHT * (tookMs - lane.averageMs);
    if (!answered) {
      lane.limit = Math.max(1, Math.floor(lane.limit / 2));
    } else {
      lane.hasAnswered = true;
      if (wasFull) {
        lane.limit = Math.min(this.#limits.laneMax, lane.limit + 1);
      }
    }
    this.#update(lane, nowMs);
  }

  /** Puts out what by now is beyond the share of its lane, the last in first. */
  putOutExcess(nowMs: number): Delivery[] {
    const out: Delivery[] = [];
    for (const lane of this.#lanes.values()) {
      const excess = waitingIn(lane) - this.#share(lane, nowMs);
      if (excess > 0) {
        out.push(...this.#putOutLast(lane, excess, nowMs));
      }
    }
    return out;
  }

  /** Puts out everything that has not been started. */
  putOutAll(nowMs: number): Delivery[] {
    const out: Delivery[] = [];
    for (const lane of this.#lanes.values()) {
      out.push(...this.#putOutLast(lane, waitingIn(lane), nowMs));
    }
    return out;
  }

  /** The endpoints with deliveries that wait. */
  waitingEndpoints(): string[] {
    const ids: string[] = [];
    for (const lane of this.#lanes.values()) {
      if (waitingIn(lane) > 0) {
        ids.push(lane.endpointId);
      }
    }
    return ids;
  }

  /** Puts out what waits for one endpoint. */
  putOut(endpointId: string, nowMs: number): Delivery[] {
    const lane = this.#lanes.get(endpointId);
    return lane === undefined ? [] : this.#putOutLast(lane, waitingIn(lane), nowMs);
  }

  /** Puts out one event of an endpoint; null where it does not wait here. */
  putOutOne(endpointId: string, eventId: string, nowMs: number): Delivery | null {
    const lane = this.#lanes.get(endpointId);
    const out = lane?.first.takeEvent(eventId) ?? lane?.queued.takeEvent(eventId);
    if (lane === undefined || out === undefined) {
      return null;
    }
    this.#waiting -= 1;
    this.#update(lane, nowMs);
    return out;
  }

  /**
   * How many deliveries from the queue each endpoint with a lane can take now, and how many one without a lane.
   * Forgets lanes that have long had nothing to do.
   */
  rooms(nowMs: number): Rooms {
    const known = new Map<string, number>();
    for (const lane of this.#lanes.values()) {
      if (!lane.isActive && nowMs - lane.idleSinceMs > FORGET_MS) {
        this.#lanes.delete(lane.endpointId);
        continue;
      }
      this.#recount(lane, nowMs);
      const isFast = lane.standing === "good" && lane.averageMs !== null && lane.averageMs < ROUND_MS;
      const width = this.#mayStart(lane.standing) ? lane.limit * (isFast ? ROUNDS_MAX : 1) : 0;
      known.set(lane.endpointId, Math.max(0, width - lane.inFlight - waitingIn(lane)));
    }
    return { known, unknown: this.#mayStart("new") ? Math.min(LANE_START, this.#limits.laneMax) : 0 };
  }

  #putOutLast(lane: Lane, count: number, nowMs: number): Delivery[] {
    if (count === 0) {
      return [];
    }
    const queued = lane.queued.takeLast(count);
    const out = [...queued, ...lane.first.takeLast(count - queued.length)];
    this.#waiting -= out.length;
    this.#update(lane, nowMs);
    return out;
  }

  /** How many deliveries may wait in the lane. */
  #share(lane: Lane, nowMs: number): number {
    this.#recount(lane, nowMs);
    if (lane.standing === "doubtful") {
      return this.#mayStart("doubtful") ? Math.max(0, lane.limit - lane.inFlight) : 0;
    }
    const lanes = this.#active + (lane.isActive ? 0 : 1);
    return Math.max(LANE_START, Math.floor(this.#limits.inHandMax / lanes));
  }

  /** The slots that are kept for lanes in better standing are not given away. */
  #mayStart(standing: Standing): boolean {
    const { inFlightMax } = this.#limits;
    const { new: ofNew, doubtful } = this.#inFlightOf;
    switch (standing) {
      case "good":
        return true;
      case "new":
        return ofNew + doubtful < Math.ceil(inFlightMax * (1 - KEPT_FOR_GOOD));
      case "doubtful":
        return doubtful < Math.ceil(inFlightMax * (1 - KEPT_FOR_GOOD - KEPT_FOR_NEW));
    }
  }

  /** The lane whose turn it is: the standings take turns, and within each its lanes. */
  #nextReady(): Lane | null {
    for (let step = 0; step < STANDINGS.length; step++) {
      this.#turn = (this.#turn + 1) % STANDINGS.length;
      const standing = STANDINGS[this.#turn];
      if (standing !== undefined && this.#ready[standing].length > 0 && this.#mayStart(standing)) {
        return this.#ready[standing].shift() ?? null;
      }
    }
    return null;
  }

  #recountAll(nowMs: number): void {
    if (nowMs - this.#recountedMs >= RECOUNT_MS && this.#inFlight * 2 >= this.#limits.inFlightMax) {
      this.#recountedMs = nowMs;
      for (const lane of this.#lanes.values()) {
        this.#recount(lane, nowMs);
      }
    }
  }

  #recount(lane: Lane, nowMs: number): void {
    const standing = this.#standingOf(lane, nowMs);
    if (standing !== lane.standing) {
      this.#inFlightOf[lane.standing] -= lane.inFlight;
      this.#inFlightOf[standing] += lane.inFlight;
      if (lane.isReady) {
        const ready = this.#ready[lane.standing];
        ready.splice(ready.indexOf(lane), 1);
        this.#ready[standing].push(lane);
      }
      lane.standing = standing;
    }
  }

  #standingOf(lane: Lane, nowMs: number): Standing {
    const oldest = lane.startedMs.values().next();
    const hangs = oldest.done !== true && nowMs - oldest.value > HANGING_MS;
    if (hangs || lane.limit < Math.min(LANE_START, this.#limits.laneMax)) {
      return "doubtful";
    }
    return lane.hasAnswered ? "good" : "new";
  }

  /** Those that were met first go first, until so many are left beside those with something in hand. */
  #forgetIdle(keptMax: number): void {
    for (const lane of this.#lanes.values()) {
      if (this.#lanes.size <= keptMax + this.#active) {
        return;
      }
      if (!lane.isActive) {
        this.#lanes.delete(lane.endpointId);
      }
    }
  }

  #lane(endpointId: string, nowMs: number): Lane {
    let lane = this.#lanes.get(endpointId);
    if (lane === undefined) {
      if (this.#lanes.size >= LANES_MAX + this.#active) {
        this.#forgetIdle(LANES_MAX / 2);
      }
      lane = {
        endpointId,
        limit: Math.min(LANE_START, this.#limits.laneMax),
        inFlight: 0,
        first: new Line(),
        queued: new Line(),
        firstRun: 0,
        hasAnswered: false,
        averageMs: null,
        startedMs: new Map(),
        standing: "new",
        isReady: false,
        isActive: false,
        idleSinceMs: nowMs,
      };
      this.#lanes.set(endpointId, lane);
    }
    return lane;
  }

  /** To be called after every change of a lane. */
  #update(lane: Lane, nowMs: number): void {
    this.#recount(lane, nowMs);
    const isActive = lane.inFlight > 0 || waitingIn(lane) > 0;
    if (isActive !== lane.isActive) {
      lane.isActive = isActive;
      lane.idleSinceMs = nowMs;
      this.#active += isActive ? 1 : -1;
    }
    if (!lane.isReady && waitingIn(lane) > 0 && hasRoom(lane)) {
      lane.isReady = true;
      this.#ready[lane.standing].push(lane);
    }
  }
}

function waitingIn(lane: Lane): number {
  return lane.first.length + lane.queued.length;
}

function takeNext(lane: Lane): Delivery | undefined {
  const isQueuesTurn = lane.queued.length > 0 && (lane.first.length === 0 || lane.firstRun >= FIRST_RUN_MAX);
  lane.firstRun = isQueuesTurn ? 0 : lane.firstRun + 1;
  return (isQueuesTurn ? lane.queued : lane.first).shift();
}

function hasRoom(lane: Lane): boolean {
  return lane.inFlight < lane.limit;
}
