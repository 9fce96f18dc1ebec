import { type Delivery, NOT_BEGUN, runOf } from "../../domain/delivery.ts";
import { ENDPOINTS_MAX } from "./endpoints.ts";
import {
  begin,
  IDLE,
  isHanging,
  type Lane,
  laneOf,
  load,
  newLane,
  type Standing,
  slotsOf,
  startedIn,
  startedOf,
  takeStarted,
  waitsForAnswer,
} from "./lane.ts";
import { Peak } from "./peak.ts";
import { Turns } from "./turns.ts";
import { isFirstAttempt } from "./waiting.ts";

/**
 * The deliveries that a daemon has in hand, and which of them starts next.
 *
 * Each endpoint has a lane. A lane starts with a few requests at a time, earns more by answering while it is full, and
 * loses half when it does not answer. Lanes that have something to start take turns, one delivery each.
 *
 * The standing of a lane decides what it may take from the others:
 *
 *   good      it has answered, and none of its requests hangs: any slot, and its share of what waits in memory
 *   new       it has not answered yet: slots are kept from it for lanes that have, an eighth at least, and twice as many
 *             as these have held at a time of late; while half of the slots are taken, it has one until it answers
 *   doubtful  one of its requests hangs, it has lost some, or Postgres knows that it failed to answer: another eighth is
 *             kept from it, for new lanes, and it has no more in memory than it can start at once
 *
 * The rest goes to the queue in Postgres (a few more statements, nothing else), so that receivers that hang leave slots
 * and memory to their neighbours.
 *
 * Nothing tells an endpoint that will never answer from one that has not been asked yet. So while slots are scarce, the
 * first request to an endpoint gives its slot back if it gets no answer within a moment, and the next newcomer gets that.
 * It stays open, and its lane starts no other. There are limits to the number and size of such requests (`apartMax`).
 *
 * A delivery whose payload finds no memory is set aside: it holds no slot, and its lane continues without it until it is
 * recalled. Payloads are also loaded ahead, so that many are loaded at a time and a slot that comes free finds one.
 *
 * Pure bookkeeping: no timers and no promises; the time is passed in.
 */

export interface LaneLimits {
  /** Requests at a time, over all lanes, except for first ones that wait for an answer. */
  readonly inFlightMax: number;
  /** Requests at a time of one lane. */
  readonly laneMax: number;
  /** Deliveries in flight and waiting, over all lanes; each lane has a share of it. */
  readonly inHandMax: number;
}

/** Why a delivery is set aside, and where. */
export interface Aside {
  readonly isShort: boolean;
  readonly isFirst: boolean;
}

/** How many deliveries each endpoint can take now: those with a lane, and any other one. */
export interface Rooms {
  readonly known: ReadonlyMap<string, number>;
  readonly unknown: number;
}

/** Requests at a time of a lane that has not answered yet; a lane that has lost more than that is doubtful. */
const LANE_START = 8;
/** A fast lane may be given so many times its width from the queue, so that it does not run dry before the next walk. */
const ROUNDS_MAX = 4;
/** While new events come, no more than this part of its width waits from the queue. Their turn is one in four as well. */
const WAITING_QUEUED = 1 / 4;
/** Requests as long as this leave time for one more walk over the queue in between. */
const ROUND_MS = 100;
/** New events come until none has for so long. */
const COMING_MS = 1_000;
/** As many deliveries as one run has, as in postrider_internal.find_heads. */
const RUN_MAX = 64;
/** Weight of the newest duration in a lane's average. */
const DURATION_WEIGHT = 0.2;
/** Parts of the slots. */
const KEPT_FOR_GOOD = 1 / 8;
const KEPT_FOR_GOOD_MAX = 1 / 2;
const KEPT_FOR_NEW = 1 / 8;
/** So many times the slots that good lanes have held at a time: 200 requests a second of 0.3 s need 60, twice an eighth. */
const KEPT_PER_HELD = 2;
/** While so large a part of the slots is taken, they are scarce. */
const SCARCE = 1 / 2;
/** The part of what is in hand that may wait for new lanes while they cannot start. */
const WAITING_NEW_MAX = 1 / 2;
/** A lane with nothing in hand is forgotten after so long. */
const FORGET_MS = 60_000;
/** Lanes that are remembered beside those with something in hand: of more endpoints, each delivery would make one anew. */
const LANES_MAX = ENDPOINTS_MAX;
/** A walk over the queue gets the rooms of at most so many lanes with nothing in hand. */
const IDLE_ROOMS_MAX = 4_000;
/** How often to look which lanes have begun to hang, while slots are scarce. */
const RECOUNT_MS = 100;
/** First requests that wait for an answer and hold no slot: so many for each slot, and so many in any case. */
const APART_PER_SLOT = 2;
const APART_MAX = 512;

/** The most first requests that wait for an answer beside those that hold a slot. */
export function apartMax(inFlightMax: number): number {
  return Math.min(APART_MAX, inFlightMax * APART_PER_SLOT);
}

export class Lanes {
  readonly #limits: LaneLimits;
  /** Requests at a time of a new lane. */
  readonly #startLimit: number;
  readonly #apartMax: number;
  readonly #lanes = new Map<string, Lane>();
  /** Those with something in hand, in no order. */
  readonly #active: Lane[] = [];
  readonly #turns = new Turns();
  readonly #withAside = new Set<Lane>();
  /** Those that could start more if slots were not scarce. */
  readonly #narrowed = new Set<Lane>();
  readonly #inFlightOf: Record<Standing, number> = { good: 0, new: 0, doubtful: 0 };
  /** The slots that are taken. */
  #slotsTaken = 0;
  #apart = 0;
  readonly #waitingOf: Record<Standing, number> = { good: 0, new: 0, doubtful: 0 };
  #moreRoom = 0;
  #followers = 0;
  /** When a first attempt was admitted last. */
  #newestMs = Number.NEGATIVE_INFINITY;
  #recountedMs = 0;
  /** The slots that good lanes have held at a time. */
  readonly #goodPeak = new Peak();

  constructor(limits: LaneLimits) {
    this.#limits = limits;
    this.#startLimit = Math.min(LANE_START, limits.laneMax);
    this.#apartMax = apartMax(limits.inFlightMax);
  }

  get inFlight(): number {
    return this.#slotsTaken + this.#apart;
  }

  /** First requests in flight that hold no slot. */
  get apart(): number {
    return this.#apart;
  }

  get waiting(): number {
    return this.#waitingOf.good + this.#waitingOf.new + this.#waitingOf.doubtful;
  }

  /** All but first requests that wait for an answer without a slot; a batch for as many as it takes up the room of. */
  get count(): number {
    return this.#slotsTaken + this.waiting + this.#moreRoom;
  }

  /** Of an endpoint without a lane it is known that it failed to answer: it begins as one that has lost all of its width. */
  suspect(endpointId: string, nowMs: number): void {
    if (!this.#lanes.has(endpointId)) {
      const lane = this.#lane(endpointId, nowMs);
      lane.limit = 1;
      this.#recount(lane, nowMs);
    }
  }

  /** Admits a delivery; false if its lane has its share, and the delivery belongs in the queue. */
  admit(delivery: Delivery, nowMs: number): boolean {
    const lane = this.#lane(delivery.endpointId, nowMs);
    if (lane.waiting.length >= this.#share(lane, nowMs)) {
      return false;
    }
    if (isFirstAttempt(delivery)) {
      this.#newestMs = nowMs;
    }
    delivery.lane = lane;
    lane.waiting.push(delivery);
    this.#addWaiting(lane, 1);
    this.#takeRoom(lane, delivery, 1);
    this.#update(lane, nowMs);
    return true;
  }

  /**
   * The next delivery to start, which has a slot from now on; null if none can start. Its request begins at once, or with
   * `begin` if its payload is yet to be loaded. `finish` or `setAside` must follow.
   */
  start(nowMs: number): Delivery | null {
    const lane = this.#nextLane(nowMs);
    const delivery = lane?.waiting.takeNext() ?? null;
    if (lane === null || delivery === null) {
      return null;
    }
    if (delivery.event.payload === null && delivery.loadedPayload === null) {
      load(lane, delivery);
    } else {
      begin(lane, delivery, nowMs);
    }
    this.#addWaiting(lane, -1);
    this.#slotsTaken += 1;
    this.#inFlightOf[lane.standing] += 1;
    this.#update(lane, nowMs);
    return delivery;
  }

  /** The payload is here, and the request begins. */
  begin(delivery: Delivery, nowMs: number): void {
    const lane = laneOf(delivery);
    takeStarted(lane, delivery);
    begin(lane, delivery, nowMs);
  }

  /**
   * The payload cannot be loaded now: the delivery gives its slot back and waits until it is recalled. If it `isShort` of
   * memory, its lane gets no more in hand than it can start. If it `isFirst`, no other one of the lane is recalled before.
   */
  setAside(delivery: Delivery, { isShort, isFirst }: Aside, nowMs: number): void {
    const lane = laneOf(delivery);
    takeStarted(lane, delivery);
    this.#giveBackSlot(lane);
    lane.waiting.setAside(delivery, isFirst);
    lane.isShort ||= isShort;
    this.#withAside.add(lane);
    this.#addWaiting(lane, 1);
    this.#update(lane, nowMs);
  }

  /**
   * Payloads can be loaded again: of each lane as many as it can start of those that were set aside first wait for their
   * turn, or only the first if the lane was short of memory. A lane is passed over while a payload of its standing is
   * being loaded, and one that is short unless there is more memory.
   */
  recall(nowMs: number, isLoading: (standing: Standing) => boolean, isMoreMemory: boolean): void {
    for (const lane of this.#withAside) {
      if (isLoading(lane.standing) || (lane.isShort && !isMoreMemory)) {
        continue;
      }
      lane.waiting.recall(lane.isShort ? 1 : Math.max(1, this.#width(lane) - startedIn(lane)));
      this.#update(lane, nowMs);
      lane.isShort = false;
      if (lane.waiting.asideLength === 0) {
        this.#withAside.delete(lane);
      }
    }
  }

  /**
   * The delivery of an endpoint that starts next and has no payload yet, which is loaded ahead and holds no slot meanwhile;
   * null if there is none, or it does not fit. Only for lanes in good standing, and no more than such a lane starts at a
   * time: what is loaded for endpoints that may hang would hold memory for longer. `addLoaded` or an eviction must follow.
   */
  takeAhead(endpointId: string, fits: (delivery: Delivery) => boolean): Delivery | null {
    const lane = this.#lanes.get(endpointId);
    if (lane === undefined || lane.standing !== "good" || lane.isShort || lane.waiting.aheadLength >= lane.limit) {
      return null;
    }
    return lane.waiting.takeAhead(fits);
  }

  /** The payload of a delivery that was taken ahead is here, and it may start. */
  addLoaded(delivery: Delivery, nowMs: number): void {
    const lane = laneOf(delivery);
    lane.waiting.addLoaded(delivery);
    this.#update(lane, nowMs);
  }

  /** What was started is over. `answered`: the receiver sent a status, whichever; null if it was not asked. */
  finish(delivery: Delivery, answered: boolean | null, nowMs: number): void {
    const lane = laneOf(delivery);
    const wasFull = startedIn(lane) >= lane.limit;
    const { begunMs } = delivery;
    takeStarted(lane, delivery);
    this.#giveBackSlot(lane);
    this.#takeRoom(lane, delivery, -1);
    if (begunMs !== NOT_BEGUN && answered !== null) {
      const tookMs = nowMs - begunMs;
      lane.averageMs = lane.averageMs === null ? tookMs : lane.averageMs + DURATION_WEIGHT * (tookMs - lane.averageMs);
    }
    if (answered === false) {
      lane.limit = Math.max(1, Math.floor(lane.limit / 2));
    } else if (answered === true) {
      lane.hasAnswered = true;
      lane.limit = wasFull ? Math.min(this.#limits.laneMax, lane.limit + 1) : lane.limit;
    }
    this.#update(lane, nowMs);
  }

  /** Evicts what is beyond the share of its lane by now, the newest first. */
  evictExcess(nowMs: number): Delivery[] {
    const evicted: Delivery[] = [];
    for (const lane of [...this.#active]) {
      const excess = lane.waiting.length - this.#share(lane, nowMs);
      if (excess > 0) {
        evicted.push(...this.#evictLast(lane, excess, nowMs));
      }
    }
    return evicted;
  }

  /** Evicts everything that has not been started. */
  evictAll(nowMs: number): Delivery[] {
    return this.waitingEndpoints().flatMap((endpointId) => this.evict(endpointId, nowMs));
  }

  /** Evicts what waits for one endpoint. */
  evict(endpointId: string, nowMs: number): Delivery[] {
    const lane = this.#lanes.get(endpointId);
    return lane === undefined ? [] : this.#evictLast(lane, lane.waiting.length, nowMs);
  }

  /** Evicts one event of an endpoint, with the batch or the run that it is in; null if it does not wait here. */
  evictOne(endpointId: string, eventId: string, nowMs: number): Delivery | null {
    const lane = this.#lanes.get(endpointId);
    const delivery = lane?.waiting.takeEvent(eventId) ?? null;
    if (lane === undefined || delivery === null) {
      return null;
    }
    this.#addWaiting(lane, -1);
    this.#takeRoom(lane, delivery, -1);
    this.#update(lane, nowMs);
    return delivery;
  }

  /** Those that wait for what has been started of their run, of one endpoint: the first one of each such run. */
  cutRuns(endpointId: string): Delivery[] {
    const lane = this.#lanes.get(endpointId);
    return lane === undefined || lane.followers === 0
      ? []
      : startedOf(lane).flatMap((delivery) => this.#cutBehind(lane, delivery, delivery));
  }

  /** The same for one event, with those behind it; an empty list if it does not wait in such a run. */
  cutRun(endpointId: string, eventId: string): Delivery[] {
    const lane = this.#lanes.get(endpointId);
    for (const delivery of lane === undefined || lane.followers === 0 ? [] : startedOf(lane)) {
      const before = runOf(delivery).find(({ next }) => next?.event.id === eventId);
      if (lane !== undefined && before !== undefined) {
        return this.#cutBehind(lane, delivery, before);
      }
    }
    return [];
  }

  #cutBehind(lane: Lane, started: Delivery, last: Delivery): Delivery[] {
    this.#takeRoom(lane, started, -1);
    const { next } = last;
    last.next = null;
    this.#takeRoom(lane, started, 1);
    return next === null ? [] : [next];
  }

  /** Whether something in hand has not been started. */
  get hasWaiting(): boolean {
    return this.waiting > 0 || this.#followers > 0;
  }

  /**
   * The endpoints with deliveries that wait, in their lane or for what goes before them; only those that have had something
   * in hand all the time since `sinceMs`.
   */
  waitingEndpoints(sinceMs = Number.POSITIVE_INFINITY): string[] {
    return this.#active
      .filter((lane) => lane.sinceMs <= sinceMs && (lane.waiting.length > 0 || lane.followers > 0))
      .map(({ endpointId }) => endpointId);
  }

  /** The deliveries that were started and are not over. */
  started(): Delivery[] {
    return this.#active.flatMap(startedOf);
  }

  /** What an endpoint may take from the others. */
  standingOf(endpointId: string): Standing {
    return this.#lanes.get(endpointId)?.standing ?? "new";
  }

  /**
   * How many deliveries from the queue an endpoint can take now: those of `known`, and any other one. Lanes with nothing in
   * hand are left out if they are like a new one. Forgets lanes that have long had nothing to do. An endpoint with limits
   * takes no more than it can start at once, because what is leased for it counts from then on. While new events come, a
   * fast one takes hardly more: four rounds of a backlog at once would keep daemon and Postgres busy when the next event
   * needs them.
   */
  rooms(nowMs: number, isLimited: (endpointId: string) => boolean = () => false): Rooms {
    const unknown = this.#mayStart("new") ? (this.#isScarce ? 1 : this.#startLimit) : 0;
    const known = new Map<string, number>();
    let idleRooms = 0;
    for (const lane of this.#lanes.values()) {
      if (lane.activePlace !== IDLE) {
        known.set(lane.endpointId, this.#room(lane, nowMs, isLimited));
      } else if (nowMs - lane.sinceMs > FORGET_MS) {
        this.#lanes.delete(lane.endpointId);
      } else if (idleRooms < IDLE_ROOMS_MAX && (lane.limit !== this.#startLimit || unknown !== this.#startLimit)) {
        known.set(lane.endpointId, this.#room(lane, nowMs, isLimited));
        idleRooms += 1;
      }
    }
    return { known, unknown };
  }

  #room(lane: Lane, nowMs: number, isLimited: (endpointId: string) => boolean): number {
    this.#recount(lane, nowMs);
    const isFast = lane.standing === "good" && lane.averageMs !== null && lane.averageMs < ROUND_MS;
    const width = this.#mayStart(lane.standing) ? this.#width(lane) : 0;
    const taken = startedIn(lane) + lane.waiting.length + lane.moreRoom - this.#waitingBehind(lane);
    if (!isFast || isLimited(lane.endpointId)) {
      return Math.max(0, width - taken);
    }
    const most = width * ROUNDS_MAX - taken;
    const few = Math.max(width - taken, Math.ceil(width * WAITING_QUEUED) - lane.waiting.queuedLength);
    return Math.max(0, nowMs - this.#newestMs < COMING_MS ? Math.min(few, most) : most);
  }

  /**
   * How many followers leave the lane's room to other keys: they start one after the other, so that a slow key would keep
   * the others out. A run's worth, and the part of the memory of a lane that may have more in hand than it can start.
   */
  #waitingBehind(lane: Lane): number {
    const isBound = lane.standing === "doubtful" || lane.isShort;
    return Math.min(lane.followers, Math.max(RUN_MAX, isBound ? 0 : this.#part(lane)));
  }

  #evictLast(lane: Lane, count: number, nowMs: number): Delivery[] {
    const evicted = lane.waiting.takeLast(count);
    this.#addWaiting(lane, -evicted.length);
    for (const delivery of evicted) {
      this.#takeRoom(lane, delivery, -1);
    }
    this.#update(lane, nowMs);
    return evicted;
  }

  /** How many deliveries may wait in the lane. */
  #share(lane: Lane, nowMs: number): number {
    this.#recount(lane, nowMs);
    if (lane.standing === "doubtful" || lane.isShort) {
      return this.#mayStart(lane.standing) ? Math.max(0, this.#width(lane) - startedIn(lane)) : 0;
    }
    if (!this.#mayWait(lane.standing)) {
      return 0;
    }
    return Math.max(LANE_START, this.#part(lane));
  }

  /** Its part of what may be in hand, if all active lanes have the same. */
  #part(lane: Lane): number {
    const lanes = this.#active.length + (lane.activePlace === IDLE ? 1 : 0);
    return Math.floor(this.#limits.inHandMax / lanes);
  }

  /**
   * New lanes share a part of the memory while none of them can start. Hundreds of endpoints that never answer take the
   * slots of new lanes, and those that found none would fill the memory until the requests of the others time out.
   */
  #mayWait(standing: Standing): boolean {
    return (
      standing !== "new" || this.#mayStart("new") || this.#waitingOf.new < this.#limits.inHandMax * WAITING_NEW_MAX
    );
  }

  #addWaiting(lane: Lane, count: number): void {
    this.#waitingOf[lane.standing] += count;
  }

  get #isScarce(): boolean {
    return this.#unscarce <= 0 && this.#slotsTaken > 0;
  }

  /** How many more may start before slots are scarce. */
  get #unscarce(): number {
    return this.#limits.inFlightMax * SCARCE - this.#slotsTaken;
  }

  /** Slots have become free: lanes that had one each wait for their turn again. */
  #widen(nowMs: number): void {
    if (this.#narrowed.size === 0) {
      return;
    }
    let left = this.#unscarce;
    for (const lane of this.#narrowed) {
      if (left <= 0) {
        return;
      }
      left -= 1;
      this.#narrowed.delete(lane);
      this.#update(lane, nowMs);
    }
  }

  /** Requests at a time of the lane now. */
  #width(lane: Lane): number {
    return lane.hasAnswered || !(lane.isApart || this.#isScarce) ? lane.limit : 1;
  }

  #hasRoom(lane: Lane): boolean {
    return startedIn(lane) < this.#width(lane);
  }

  /** The slots that all lanes but good ones may hold together. */
  get #leftByGood(): number {
    const { inFlightMax } = this.#limits;
    const keptMin = Math.min(KEPT_PER_HELD * this.#goodPeak.value, Math.floor(inFlightMax * KEPT_FOR_GOOD_MAX));
    return Math.min(Math.ceil(inFlightMax * (1 - KEPT_FOR_GOOD)), inFlightMax - keptMin);
  }

  /** The slots that are kept for lanes in better standing are not given away. */
  readonly #mayStart = (standing: Standing): boolean => {
    const { inFlightMax } = this.#limits;
    const { new: ofNew, doubtful } = this.#inFlightOf;
    // Both are kept from what is kept for good lanes: as new lanes begin to hang one after the other, they move from one
    // count to the other, and would otherwise take those slots as well.
    const leavesToGood = ofNew + doubtful < this.#leftByGood;
    const keptForNew = Math.ceil(inFlightMax * KEPT_FOR_NEW);
    switch (standing) {
      case "good":
        return true;
      case "new":
        // Doubtful lanes may hold what good ones have come to need since: that is no reason to shut new ones out.
        return leavesToGood || ofNew < keptForNew;
      case "doubtful":
        return leavesToGood && doubtful < Math.max(1, this.#leftByGood - keptForNew);
    }
  };

  /** Takes the lane out of line whose turn it is to start something. */
  #nextLane(nowMs: number): Lane | null {
    this.#recountAll(nowMs);
    this.#goodPeak.note(this.#inFlightOf.good, nowMs);
    this.#widen(nowMs);
    while (this.#slotsTaken < this.#limits.inFlightMax) {
      const lane = this.#turns.next(this.#mayStart);
      if (lane === null) {
        return null;
      }
      const markedAs = lane.standing;
      this.#recount(lane, nowMs);
      if (lane.standing !== markedAs && !this.#mayStart(lane.standing)) {
        this.#update(lane, nowMs);
      } else if (this.#hasRoom(lane) && lane.waiting.readyLength > 0) {
        return lane;
      } else {
        this.#update(lane, nowMs);
      }
    }
    return null;
  }

  /** Takes the room of a batch or a run, or gives it back (`sign` is -1). */
  #takeRoom(lane: Lane, { batch, next }: Delivery, sign: 1 | -1): void {
    if (batch !== null) {
      lane.moreRoom += sign * (batch.room - 1);
      this.#moreRoom += sign * (batch.room - 1);
    } else if (next !== null) {
      const followers = runOf(next).length;
      lane.moreRoom += sign * followers;
      this.#moreRoom += sign * followers;
      lane.followers += sign * followers;
      this.#followers += sign * followers;
    }
  }

  #giveBackSlot(lane: Lane): void {
    if (lane.isApart) {
      lane.isApart = false;
      this.#apart -= 1;
    } else {
      this.#slotsTaken -= 1;
      this.#inFlightOf[lane.standing] -= 1;
    }
  }

  /** Its first request, which waits for an answer, gives its slot back. */
  #setApart(lane: Lane): void {
    this.#giveBackSlot(lane);
    lane.isApart = true;
    this.#apart += 1;
  }

  #mayStandApart(lane: Lane, nowMs: number): boolean {
    return this.#apart < this.#apartMax && !lane.isApart && lane.averageMs === null && waitsForAnswer(lane, nowMs);
  }

  #recountAll(nowMs: number): void {
    if (nowMs - this.#recountedMs >= RECOUNT_MS && this.#isScarce) {
      this.#recountedMs = nowMs;
      for (const lane of this.#active) {
        this.#recount(lane, nowMs);
        if (this.#isScarce && this.#mayStandApart(lane, nowMs)) {
          this.#setApart(lane);
        }
      }
    }
  }

  /** Counts the lane as what it is by now. To be called while its requests in flight are counted. */
  #recount(lane: Lane, nowMs: number): void {
    const standing = this.#standing(lane, nowMs);
    if (standing === lane.standing) {
      return;
    }
    this.#inFlightOf[lane.standing] -= slotsOf(lane);
    this.#inFlightOf[standing] += slotsOf(lane);
    if (lane.standing === "good") {
      // What it held is not what lanes in good standing need.
      this.#goodPeak.lower(startedIn(lane));
    }
    this.#waitingOf[lane.standing] -= lane.waiting.length;
    this.#waitingOf[standing] += lane.waiting.length;
    const { isInLine } = lane;
    if (isInLine) {
      this.#turns.remove(lane);
    }
    lane.standing = standing;
    if (isInLine) {
      this.#turns.add(lane);
    }
  }

  #standing(lane: Lane, nowMs: number): Standing {
    if (isHanging(lane, nowMs) || lane.limit < this.#startLimit) {
      return "doubtful";
    }
    return lane.hasAnswered ? "good" : "new";
  }

  #lane(endpointId: string, nowMs: number): Lane {
    let lane = this.#lanes.get(endpointId);
    if (lane === undefined) {
      if (this.#lanes.size >= LANES_MAX + this.#active.length) {
        this.#forgetIdle(LANES_MAX / 2);
      }
      lane = newLane(endpointId, this.#startLimit, nowMs);
      this.#lanes.set(endpointId, lane);
    }
    return lane;
  }

  /** Forgets lanes with nothing in hand, the oldest first, until so many are left. */
  #forgetIdle(keptMax: number): void {
    for (const lane of this.#lanes.values()) {
      if (this.#lanes.size <= keptMax + this.#active.length) {
        return;
      }
      if (lane.activePlace === IDLE) {
        this.#lanes.delete(lane.endpointId);
      }
    }
  }

  /** To be called after every change of a lane. */
  #update(lane: Lane, nowMs: number): void {
    this.#recount(lane, nowMs);
    const isActive = startedIn(lane) > 0 || lane.waiting.length > 0;
    if (isActive && lane.activePlace === IDLE) {
      lane.activePlace = this.#active.push(lane) - 1;
      lane.sinceMs = nowMs;
    } else if (!isActive && lane.activePlace !== IDLE) {
      this.#rest(lane, nowMs);
    }
    if (lane.isInLine || lane.waiting.readyLength === 0) {
      return;
    }
    if (this.#hasRoom(lane)) {
      this.#turns.add(lane);
    } else if (startedIn(lane) < lane.limit && !lane.isApart) {
      this.#narrowed.add(lane);
    }
  }

  /** The last of the active lanes takes its place. */
  #rest(lane: Lane, nowMs: number): void {
    const last = this.#active.pop();
    if (last !== undefined && last !== lane) {
      this.#active[lane.activePlace] = last;
      last.activePlace = lane.activePlace;
    }
    lane.activePlace = IDLE;
    lane.sinceMs = nowMs;
    if (this.#narrowed.size > 0) {
      this.#narrowed.delete(lane);
    }
  }
}
