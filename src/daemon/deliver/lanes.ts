import type { Delivery } from "../../domain/delivery.ts";
import { PayloadMemory, type Standing } from "./payloads.ts";
import { Waiting } from "./waiting.ts";

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
 * Deliveries whose payload was too large to come along wait apart. One is started by loading its payload, and only when
 * there is memory for it, of which parts are kept as of the slots; so none has a slot, or holds up another, while it waits
 * for that. Each standing has one payload loaded at a time: those of lanes that hang delay no other. How large a payload
 * is turns out when it is to be loaded: one that finds too little memory goes back to the front, with its size known.
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
  /** Bytes of large payloads, over all lanes. */
  readonly heldBytesMax: number;
}

/** A delivery whose payload is to be loaded, where it has no more bytes than this. */
export interface PayloadLoad {
  readonly delivery: Delivery;
  readonly bytesMax: number;
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

const STANDINGS: readonly Standing[] = ["good", "new", "doubtful"];

/** Of a delivery: its payload is here, or is to be loaded. */
const KINDS = ["small", "large"] as const;
type Kind = (typeof KINDS)[number];

/** The deliveries of one kind in a lane. */
interface Track {
  readonly waiting: Waiting;
  /** ready: in line for its turn; parked: the next payload waits for memory. */
  place: "none" | "ready" | "parked";
}

interface Lane {
  readonly endpointId: string;
  limit: number;
  inFlight: number;
  readonly small: Track;
  readonly large: Track;
  hasAnswered: boolean;
  /** Average milliseconds of a request; null before the first. */
  averageMs: number | null;
  /** When each request under way was started; a payload that is being loaded is no request yet. */
  readonly startedMs: Map<Delivery, number>;
  /** Of large payloads, those that are being loaded included. */
  heldBytes: number;
  /** As what its requests under way are counted. */
  standing: Standing;
  /** Whether it is counted among those with something in hand. */
  isActive: boolean;
  idleSinceMs: number;
}

/** A payload that is being loaded. */
interface Loading {
  readonly standing: Standing;
  /** Kept for it until its size is known. */
  readonly bytesMax: number;
}

/** Lanes in line for their turn: the standings take turns, and within each its lanes. */
class TurnLine {
  readonly #lanes: Readonly<Record<Standing, Lane[]>> = { good: [], new: [], doubtful: [] };
  #turn = 0;

  add(lane: Lane): void {
    this.#lanes[lane.standing].push(lane);
  }

  remove(lane: Lane): void {
    const lanes = this.#lanes[lane.standing];
    lanes.splice(lanes.indexOf(lane), 1);
  }

  /** Takes out the lane whose turn it is, of those whose standing may start something. */
  next(mayStart: (standing: Standing) => boolean): Lane | null {
    for (let step = 0; step < STANDINGS.length; step++) {
      this.#turn = (this.#turn + 1) % STANDINGS.length;
      const standing = STANDINGS[this.#turn];
      if (standing !== undefined && this.#lanes[standing].length > 0 && mayStart(standing)) {
        return this.#lanes[standing].shift() ?? null;
      }
    }
    return null;
  }
}

export class Lanes {
  readonly #limits: LaneLimits;
  readonly #lanes = new Map<string, Lane>();
  readonly #turns: Readonly<Record<Kind, TurnLine>> = { small: new TurnLine(), large: new TurnLine() };
  readonly #memory: PayloadMemory;
  readonly #loading = new Map<Delivery, Loading>();
  /** The bytes of each large payload under way. */
  readonly #held = new Map<Delivery, number>();
  /** Of those that were to be loaded and found too little memory. */
  readonly #sizes = new WeakMap<Delivery, number>();
  /** Lanes whose next payload waits for memory, and for which delivery. */
  readonly #parked = new Map<Lane, Delivery>();
  readonly #inFlightOf: Record<Standing, number> = { good: 0, new: 0, doubtful: 0 };
  #inFlight = 0;
  #waiting = 0;
  #active = 0;
  #recountedMs = 0;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
    this.#memory = new PayloadMemory(limits.heldBytesMax);
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
    lane[kindOf(delivery)].waiting.push(delivery);
    this.#waiting += 1;
    this.#update(lane, nowMs);
    return true;
  }

  /** The next delivery to start, of those with their payload, which now counts as under way; null where nothing can start. */
  start(nowMs: number): Delivery | null {
    const lane = this.#nextLane("small", this.#maySend, nowMs);
    const delivery = lane?.small.waiting.takeNext();
    if (lane === null || delivery === undefined) {
      return null;
    }
    lane.startedMs.set(delivery, nowMs);
    this.#setOut(lane, nowMs);
    return delivery;
  }

  /**
   * The next delivery whose payload is to be loaded, which from now on has a slot and memory; null where there is none.
   * `loaded`, `putBack` or `finish` has to follow.
   */
  startLoad(nowMs: number): PayloadLoad | null {
    for (;;) {
      const lane = this.#nextLane("large", this.#mayLoad, nowMs);
      const delivery = lane?.large.waiting.next;
      if (lane === null || delivery === undefined) {
        return null;
      }
      const bytesMax = this.#memory.room(lane);
      const size = this.#sizes.get(delivery) ?? 1;
      if (bytesMax < size) {
        this.#memory.wait(lane, delivery, size);
        lane.large.place = "parked";
        this.#parked.set(lane, delivery);
        continue;
      }
      lane.large.waiting.takeNext();
      this.#memory.take(lane, bytesMax);
      this.#loading.set(delivery, { standing: lane.standing, bytesMax });
      this.#setOut(lane, nowMs);
      return { delivery, bytesMax };
    }
  }

  /** The payload is here, and has so many bytes: the request begins. */
  loaded(delivery: Delivery, bytes: number, nowMs: number): void {
    const lane = this.#lane(delivery.endpointId, nowMs);
    this.#endLoad(lane, delivery);
    this.#memory.take(lane, bytes);
    this.#held.set(delivery, bytes);
    lane.startedMs.set(delivery, nowMs);
  }

  /** The payload has so many bytes, more than there was memory for: it waits again, as the first of its lane. */
  putBack(delivery: Delivery, bytes: number, nowMs: number): void {
    const lane = this.#lane(delivery.endpointId, nowMs);
    this.#endLoad(lane, delivery);
    this.#sizes.set(delivery, bytes);
    this.#comeBack(lane);
    lane.large.waiting.putBack(delivery);
    this.#waiting += 1;
    this.#update(lane, nowMs);
  }

  /**
   * What was started is over. `answered`: the receiver sent a status, whichever; null where it was not asked, which says
   * nothing about it.
   */
  finish(delivery: Delivery, answered: boolean | null, nowMs: number): void {
    const lane = this.#lane(delivery.endpointId, nowMs);
    const startedMs = lane.startedMs.get(delivery);
    if (startedMs === undefined && !this.#loading.has(delivery)) {
      throw new Error("a delivery was finished that was not under way");
    }
    lane.startedMs.delete(delivery);
    if (delivery.event.payload === null) {
      this.#letGo(lane, delivery);
    }
    const wasFull = lane.inFlight >= lane.limit;
    this.#comeBack(lane);
    if (answered !== null) {
      this.#learn(lane, answered, wasFull, startedMs === undefined ? null : nowMs - startedMs);
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
    const out = lane?.small.waiting.takeEvent(eventId) ?? lane?.large.waiting.takeEvent(eventId);
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
    // What has to be loaded first: the others start sooner.
    const large = lane.large.waiting.takeLast(count);
    const out = [...large, ...lane.small.waiting.takeLast(count - large.length)];
    this.#waiting -= out.length;
    this.#update(lane, nowMs);
    return out;
  }

  /** How many deliveries may wait in the lane. */
  #share(lane: Lane, nowMs: number): number {
    this.#recount(lane, nowMs);
    if (lane.standing === "doubtful" || lane.large.place === "parked") {
      return this.#mayStart(lane.standing) ? Math.max(0, lane.limit - lane.inFlight) : 0;
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

  readonly #maySend = (standing: Standing): boolean => this.#mayStart(standing);

  readonly #mayLoad = (standing: Standing): boolean => {
    for (const loading of this.#loading.values()) {
      if (loading.standing === standing) {
        return false;
      }
    }
    return this.#mayStart(standing);
  };

  /** Takes the lane out of line that is to start one of this kind. */
  #nextLane(kind: Kind, mayStart: (standing: Standing) => boolean, nowMs: number): Lane | null {
    this.#recountAll(nowMs);
    while (this.#inFlight < this.#limits.inFlightMax) {
      const lane = this.#turns[kind].next(mayStart);
      if (lane === null) {
        return null;
      }
      lane[kind].place = "none";
      const markedAs = lane.standing;
      this.#recount(lane, nowMs);
      if (lane.standing !== markedAs && !mayStart(lane.standing)) {
        this.#update(lane, nowMs);
      } else if (hasRoom(lane) && lane[kind].waiting.length > 0) {
        return lane;
      }
    }
    return null;
  }

  /** One that waited in the lane is under way. */
  #setOut(lane: Lane, nowMs: number): void {
    this.#waiting -= 1;
    lane.inFlight += 1;
    this.#inFlight += 1;
    this.#inFlightOf[lane.standing] += 1;
    this.#update(lane, nowMs);
  }

  #comeBack(lane: Lane): void {
    lane.inFlight -= 1;
    this.#inFlight -= 1;
    this.#inFlightOf[lane.standing] -= 1;
  }

  /** What the lane makes of a request; `tookMs` is null where it was refused before its payload was loaded. */
  #learn(lane: Lane, answered: boolean, wasFull: boolean, tookMs: number | null): void {
    if (tookMs !== null) {
      lane.averageMs = lane.averageMs === null ? tookMs : lane.averageMs + DURATION_WEIGHT * (tookMs - lane.averageMs);
    }
    if (!answered) {
      lane.limit = Math.max(1, Math.floor(lane.limit / 2));
    } else {
      lane.hasAnswered = true;
      if (wasFull) {
        lane.limit = Math.min(this.#limits.laneMax, lane.limit + 1);
      }
    }
  }

  /** The memory that was kept for a payload is free until its size is taken. */
  #endLoad(lane: Lane, delivery: Delivery): void {
    const loading = this.#loading.get(delivery);
    if (loading === undefined) {
      throw new Error("no payload is being loaded for this delivery");
    }
    this.#loading.delete(delivery);
    this.#memory.take(lane, -loading.bytesMax);
    this.#unpark();
  }

  #letGo(lane: Lane, delivery: Delivery): void {
    if (this.#loading.has(delivery)) {
      this.#endLoad(lane, delivery);
      return;
    }
    this.#memory.take(lane, -(this.#held.get(delivery) ?? 0));
    this.#held.delete(delivery);
    this.#unpark();
  }

  /** There is more memory, or it is shared in another way: those that wait for it try again. */
  #unpark(): void {
    for (const lane of this.#parked.keys()) {
      lane.large.place = "ready";
      this.#turns.large.add(lane);
    }
    this.#parked.clear();
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
      this.#memory.move(lane, standing);
      const ready = KINDS.filter((kind) => lane[kind].place === "ready");
      for (const kind of ready) {
        this.#turns[kind].remove(lane);
      }
      lane.standing = standing;
      for (const kind of ready) {
        this.#turns[kind].add(lane);
      }
      if (this.#parked.delete(lane)) {
        lane.large.place = "none";
        this.#lineUp(lane, "large");
      }
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
        small: { waiting: new Waiting(), place: "none" },
        large: { waiting: new Waiting(), place: "none" },
        hasAnswered: false,
        averageMs: null,
        startedMs: new Map(),
        heldBytes: 0,
        standing: "new",
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
    if (this.#memory.waitsNoMore(lane, lane.large.waiting.next)) {
      this.#unpark();
    }
    if (lane.large.place === "parked" && this.#parked.get(lane) !== lane.large.waiting.next) {
      this.#parked.delete(lane);
      lane.large.place = "none";
    }
    this.#lineUp(lane, "small");
    this.#lineUp(lane, "large");
  }

  #lineUp(lane: Lane, kind: Kind): void {
    if (lane[kind].place === "none" && lane[kind].waiting.length > 0 && hasRoom(lane)) {
      lane[kind].place = "ready";
      this.#turns[kind].add(lane);
    }
  }
}

function waitingIn(lane: Lane): number {
  return lane.small.waiting.length + lane.large.waiting.length;
}

function kindOf({ event }: Delivery): Kind {
  return event.payload === null ? "large" : "small";
}

function hasRoom(lane: Lane): boolean {
  return lane.inFlight < lane.limit;
}
