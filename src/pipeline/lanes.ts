import type { Delivery } from "../domain/delivery.ts";

/**
 * The deliveries that a daemon has in hand, and which of them starts next.
 *
 * Each endpoint has a lane. A lane starts with a few requests at a time, earns more by answering while it is full, and
 * loses half by not answering. Lanes with something to start take turns, one delivery each.
 *
 * What waits in memory is bounded by lane: one in good standing may fill its share of what the daemon can have in hand,
 * one that hangs or has lost requests no more than it can start at once. What is beyond goes to the queue in Postgres
 * (a few more statements, nothing else), so that a receiver that hangs leaves the memory to its neighbours.
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

/** Requests at a time of a lane that has not answered yet; one that has lost more is not in good standing. */
const LANE_START = 8;
/** A lane with a request that has been under way for longer hangs, as far as its share is concerned. */
const HANGING_MS = 1_000;
/** A fast lane may be given so many times its width from the queue, so that it does not run dry before the next walk. */
const ROUNDS_MAX = 4;
/** Requests as long as this leave time for one more walk over the queue in between. */
const ROUND_MS = 100;
/** Weight of the newest duration in a lane's average. */
const DURATION_WEIGHT = 0.2;

/** Started deliveries are cut off the front of a lane's array so many at a time, since each cut moves the rest. */
const CUT_AT = 256;

interface Lane {
  readonly endpointId: string;
  limit: number;
  inFlight: number;
  readonly waiting: Delivery[];
  /** Index of the first of `waiting` that has not been started. */
  head: number;
  /** Average milliseconds of a request; null before the first. */
  averageMs: number | null;
  /** When each request under way was started. */
  readonly startedMs: Map<Delivery, number>;
  isReady: boolean;
}

export class Lanes {
  readonly #limits: LaneLimits;
  readonly #lanes = new Map<string, Lane>();
  #ready: Lane[] = [];
  #inFlight = 0;
  #waiting = 0;

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
    const lane = this.#lane(delivery.endpointId);
    if (waitingIn(lane) >= this.#share(lane, nowMs)) {
      return false;
    }
    lane.waiting.push(delivery);
    this.#waiting += 1;
    this.#markReady(lane);
    return true;
  }

  /** The next delivery to start, which now counts as under way; null where nothing can start. */
  start(nowMs: number): Delivery | null {
    while (this.#inFlight < this.#limits.inFlightMax) {
      const lane = this.#ready.shift();
      if (lane === undefined) {
        return null;
      }
      lane.isReady = false;
      const delivery = hasRoom(lane) ? lane.waiting[lane.head] : undefined;
      if (delivery === undefined) {
        continue;
      }
      lane.head += 1;
      if (lane.head === lane.waiting.length || lane.head >= CUT_AT) {
        lane.waiting.splice(0, lane.head);
        lane.head = 0;
      }
      this.#waiting -= 1;
      lane.inFlight += 1;
      lane.startedMs.set(delivery, nowMs);
      this.#inFlight += 1;
      this.#markReady(lane);
      return delivery;
    }
    return null;
  }

  /** A delivery that was started has its result. `answered`: the receiver sent a status, whichever. */
  finish(delivery: Delivery, answered: boolean, nowMs: number): void {
    const lane = this.#lane(delivery.endpointId);
    const startedMs = lane.startedMs.get(delivery);
    if (startedMs === undefined) {
      throw new Error("a delivery was finished that was not under way");
    }
    lane.startedMs.delete(delivery);
    const wasFull = lane.inFlight >= lane.limit;
    lane.inFlight -= 1;
    this.#inFlight -= 1;
    const tookMs = nowMs - startedMs;
    lane.averageMs = lane.averageMs === null ? tookMs : lane.averageMs + DURATION_WEIGHT * (tookMs - lane.averageMs);
    if (!answered) {
      lane.limit = Math.max(1, Math.floor(lane.limit / 2));
    } else if (wasFull) {
      lane.limit = Math.min(this.#limits.laneMax, lane.limit + 1);
    }
    if (lane.inFlight === 0 && waitingIn(lane) === 0 && lane.limit >= LANE_START) {
      // Nothing to remember but what a new lane has as well.
      this.#lanes.delete(lane.endpointId);
      return;
    }
    this.#markReady(lane);
  }

  /** Puts out what by now is beyond the share of its lane, the last in first. */
  putOutExcess(nowMs: number): Delivery[] {
    const out: Delivery[] = [];
    for (const lane of this.#lanes.values()) {
      const excess = waitingIn(lane) - this.#share(lane, nowMs);
      if (excess > 0) {
        out.push(...lane.waiting.splice(-excess));
        this.#waiting -= excess;
      }
    }
    return out;
  }

  /** Puts out everything that has not been started. */
  putOutAll(): Delivery[] {
    const out: Delivery[] = [];
    for (const lane of this.#lanes.values()) {
      out.push(...lane.waiting.slice(lane.head));
      lane.waiting.length = 0;
      lane.head = 0;
      lane.isReady = false;
    }
    this.#ready = [];
    this.#waiting = 0;
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
  putOut(endpointId: string): Delivery[] {
    const lane = this.#lanes.get(endpointId);
    const out = lane === undefined ? [] : lane.waiting.splice(lane.head);
    this.#waiting -= out.length;
    return out;
  }

  /** How many deliveries from the queue each endpoint with a lane can take now; one without a lane can take the usual few. */
  rooms(): Map<string, number> {
    const rooms = new Map<string, number>();
    for (const lane of this.#lanes.values()) {
      const rounds = lane.averageMs !== null && lane.averageMs < ROUND_MS ? ROUNDS_MAX : 1;
      rooms.set(lane.endpointId, Math.max(0, lane.limit * rounds - lane.inFlight - waitingIn(lane)));
    }
    return rooms;
  }

  /** How many deliveries may wait in the lane. */
  #share(lane: Lane, nowMs: number): number {
    const oldest = lane.startedMs.values().next();
    const hangs = oldest.done !== true && nowMs - oldest.value > HANGING_MS;
    if (hangs || lane.limit < Math.min(LANE_START, this.#limits.laneMax)) {
      return Math.max(0, lane.limit - lane.inFlight);
    }
    return Math.floor(this.#limits.inHandMax / Math.max(1, this.#lanes.size));
  }

  #lane(endpointId: string): Lane {
    let lane = this.#lanes.get(endpointId);
    if (lane === undefined) {
      lane = {
        endpointId,
        limit: Math.min(LANE_START, this.#limits.laneMax),
        inFlight: 0,
        waiting: [],
        head: 0,
        averageMs: null,
        startedMs: new Map(),
        isReady: false,
      };
      this.#lanes.set(endpointId, lane);
    }
    return lane;
  }

  #markReady(lane: Lane): void {
    if (!lane.isReady && waitingIn(lane) > 0 && hasRoom(lane)) {
      lane.isReady = true;
      this.#ready.push(lane);
    }
  }
}

function waitingIn(lane: Lane): number {
  return lane.waiting.length - lane.head;
}

function hasRoom(lane: Lane): boolean {
  return lane.inFlight < lane.limit;
}
