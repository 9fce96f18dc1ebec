import { type Delivery, type DeliveryResult, membersOf, runOf } from "../../domain/delivery.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { endsWithin } from "../../ground/endsWithin.ts";
import type { Send } from "../../http/request.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Traces } from "../../telemetry/traces/traces.ts";
import { type Agenda, REVIEW_INTERVAL_MS } from "../agenda.ts";
import {
  type AttemptParts,
  discarded,
  eventGone,
  handedBack,
  makeAttempt,
  notLoaded,
  sendLoaded,
  withoutRoom,
} from "./attempt.ts";
import { isWhole, resultsApart, resultsOf, resultsOfBroken, resultsWithout } from "./batch.ts";
import type { Budget } from "./budget.ts";
import { Encryptions } from "./encryptions.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Cancelled, EndpointDirectory } from "./endpoints.ts";
import type { Lanes, Rooms } from "./lanes.ts";
import { makeLeftOutLog } from "./leftOut.ts";
import { type Loaded, Loader, type Wanted } from "./loader.ts";
import type { Payloads } from "./payloads.ts";
import { isThin, lacksUrl, makeUrlWait } from "./thinning.ts";
import { Tokens } from "./tokens.ts";

/**
 * The deliveries that the daemon has in hand. They are admitted as they were claimed, started as their lanes have room,
 * and released as results, which the recorder takes. Attempts run beside the loop and end by themselves.
 */

/** So many endpoints are looked at whenever something waits for them; of more, only those for which it has waited a while. */
const REVIEWED_ENDPOINTS = 100;

export interface InHandParts {
  readonly lease: Lease;
  readonly endpoints: Pick<EndpointDirectory, "get" | "findInactive" | "findCancelled">;
  readonly lanes: Lanes;
  readonly budget: Budget;
  readonly payloads: Pick<Payloads, "load" | "loadTransformed">;
  readonly send: Send;
  readonly events: Events;
  /** Null if nothing is traced. */
  readonly traces: Traces | null;
  readonly agenda: Agenda;
  /** Takes what becomes of each delivery. */
  readonly record: (result: DeliveryResult) => void;
}

/** The daemon's right to work on what it has claimed. */
export interface Lease {
  readonly daemonId: string;
  /** Whether an attempt may be started now. */
  isHeld(nowMs?: number): boolean;
}

export class InHand {
  readonly #parts: InHandParts;
  readonly #attemptParts: AttemptParts;
  readonly #loader: Loader;
  /** The identity under which everything in hand was claimed. */
  #daemonId: string;
  #isStarting = false;
  /** A start is due in this turn of the event loop. */
  #isStartDue = false;
  #isStopping = false;
  /** The grace period is over: what is still in flight was handed back. */
  #isOver = false;
  #onIdle: (() => void) | null = null;

  constructor(parts: InHandParts) {
    this.#parts = parts;
    const { lease, lanes } = parts;
    this.#daemonId = lease.daemonId;
    this.#loader = new Loader({
      ...parts,
      standingOf: (endpointId) => lanes.standingOf(endpointId),
      takeAhead: (endpointId, fits) =>
        lanes.takeAhead(endpointId, (delivery) => !this.#isThin(delivery) && fits(delivery)),
      onLoaded: this.#onLoaded,
      onLoadedAhead: this.#onLoadedAhead,
      onRefused: this.#setAside,
      onEnd: () => this.#recall(),
    });
    this.#attemptParts = {
      loader: this.#loader,
      reserve: this.#reserve,
      encryptions: new Encryptions(),
      mayBegin: this.#mayBegin,
      tokens: new Tokens(parts.send),
      send: parts.send,
      traces: parts.traces,
      end: this.#end,
      noteLeftOut: makeLeftOutLog(parts.events),
      waitForUrl: makeUrlWait(parts.events),
    };
  }

  /** Deliveries in flight and waiting, a batch for as many as it takes up the room of. */
  get count(): number {
    return this.#parts.lanes.count;
  }

  /** Whether nothing is in flight, so that no end of an attempt will make room. */
  get isIdle(): boolean {
    return this.#parts.lanes.inFlight === 0;
  }

  /** How many deliveries from the queue each endpoint can take. */
  rooms(): Rooms {
    const { lanes, endpoints } = this.#parts;
    return lanes.rooms(monotonicMs(), (endpointId) => endpoints.get(endpointId)?.isLimited ?? false);
  }

  /** Endpoints that have not answered of late get little until they do, unless this daemon has seen better. */
  suspect(endpointIds: readonly string[]): void {
    const nowMs = monotonicMs();
    for (const endpointId of endpointIds) {
      this.#parts.lanes.suspect(endpointId, nowMs);
    }
  }

  /** Admits deliveries of endpoints that are known, and starts what can start. */
  admit(deliveries: readonly Delivery[]): void {
    const { lanes, agenda } = this.#parts;
    this.#noteLease();
    const nowMs = monotonicMs();
    for (const delivery of deliveries) {
      this.#admitOne(delivery, nowMs);
    }
    this.start();
    if (lanes.hasWaiting) {
      agenda.review();
    }
  }

  #admitOne(delivery: Delivery, nowMs: number): void {
    const { batch } = delivery;
    const refusal = batch === null ? refusalOf(delivery) : null;
    if (refusal !== null) {
      this.#release(refusal);
    } else if (batch !== null && !isWhole(batch)) {
      resultsOfBroken(batch).forEach(this.#parts.record);
    } else if (batch !== null && this.#lacksUrl(delivery)) {
      const { waitForUrl } = this.#attemptParts;
      resultsApart(batch, (member) => this.#isThin(member), waitForUrl).forEach(this.#parts.record);
    } else if (!this.#parts.lanes.admit(delivery, nowMs)) {
      this.#release(this.#withoutRoom(delivery));
    }
  }

  /** An endpoint that answers has room again in a moment. */
  #withoutRoom(delivery: Delivery): DeliveryResult {
    return this.#parts.lanes.standingOf(delivery.endpointId) === "good" ? handedBack(delivery) : withoutRoom(delivery);
  }

  /** Starts what can start. */
  start(): void {
    if (this.#isStarting) {
      // An attempt ended before it had begun, and the loop below continues.
      return;
    }
    this.#isStarting = true;
    try {
      do {
        for (let delivery = this.#next(); delivery !== null; delivery = this.#next()) {
          makeAttempt(this.#attemptParts, delivery, this.#parts.endpoints.get(delivery.endpointId));
        }
        // What cannot be loaded gives its slot to others.
      } while (this.#loader.begin());
    } finally {
      this.#isStarting = false;
    }
  }

  #next(): Delivery | null {
    const { lanes, lease } = this.#parts;
    const nowMs = monotonicMs();
    if (this.#isStopping || !lease.isHeld(nowMs)) {
      return null;
    }
    this.#noteLease();
    return lanes.start(nowMs);
  }

  /** Starts what can start once all answers that have arrived are read: their slots are filled in one pass. */
  #startSoon(): void {
    if (!this.#isStartDue) {
      this.#isStartDue = true;
      setImmediate(this.#startNow);
    }
  }

  readonly #startNow = (): void => {
    this.#isStartDue = false;
    this.#parts.lanes.recall(monotonicMs(), this.#loader.isLoading, false);
    this.start();
    this.#noteIdle();
  };

  #noteIdle(): void {
    if (this.isIdle) {
      this.#parts.agenda.room();
      this.#onIdle?.();
    }
  }

  /**
   * Looks over what waits. Hands back what is too much for its lane by now, or is for an endpoint that takes no more,
   * and discards what was cancelled.
   */
  async review(): Promise<void> {
    const { lanes, endpoints, agenda } = this.#parts;
    for (const delivery of lanes.evictExcess(monotonicMs())) {
      this.#release(this.#withoutRoom(delivery));
    }
    let waiting = lanes.waitingEndpoints();
    if (waiting.length === 0) {
      return;
    }
    // Before looking, so that a look that fails is made again.
    agenda.review();
    if (waiting.length > REVIEWED_ENDPOINTS) {
      // Beside a stream for thousands of endpoints, almost everything is claimed and sent between two looks.
      waiting = lanes.waitingEndpoints(monotonicMs() - REVIEW_INTERVAL_MS);
    }
    if (waiting.length === 0) {
      return;
    }
    for (const endpointId of await endpoints.findInactive(waiting)) {
      this.#handBack(lanes.evict(endpointId, monotonicMs()));
      this.#handBack(lanes.cutRuns(endpointId));
    }
    for (const cancelled of await endpoints.findCancelled(waiting)) {
      this.#cancel(cancelled);
    }
  }

  #cancel({ event_id, endpoint_id, reason }: Cancelled): void {
    const { lanes, record } = this.#parts;
    const delivery = lanes.evictOne(endpoint_id, event_id, monotonicMs()) ?? lanes.cutRun(endpoint_id, event_id)[0];
    if (delivery === undefined) {
      return;
    }
    if (delivery.batch !== null) {
      this.#freeMemory(delivery);
      resultsWithout(delivery.batch, event_id, reason).forEach(record);
      return;
    }
    for (const member of runOf(delivery)) {
      member.next = null;
      this.#release(member.event.id === event_id ? discarded(member, reason) : handedBack(member));
    }
  }

  /** Starts nothing from now on; attempts in flight finish. */
  halt(): void {
    this.#isStopping = true;
  }

  /**
   * Hands back what has not been started, waits for what is in flight for as long as the grace period, and hands back the
   * rest: results that still come are ignored, and another daemon makes those attempts again.
   */
  async stop(graceMs: number): Promise<void> {
    const { lanes } = this.#parts;
    this.halt();
    this.#handBack(lanes.evictAll(monotonicMs()));
    if (!this.isIdle) {
      const idle = Promise.withResolvers<void>();
      this.#onIdle = idle.resolve;
      await endsWithin(idle.promise, graceMs);
    }
    this.#isOver = true;
    this.#handBack(lanes.started());
  }

  readonly #end = (result: DeliveryResult, endpoint: Endpoint | undefined): void => {
    const { delivery, attempt } = result;
    const { lanes } = this.#parts;
    lanes.finish(delivery, attempt === null ? null : attempt.httpStatus !== null, monotonicMs());
    if (this.#isOver) {
      return;
    }
    if (endpoint !== undefined) {
      this.#parts.traces?.end(result, endpoint);
      this.#report(result, endpoint);
    }
    this.#release(result);
    if (lanes.waiting > 0) {
      this.#startSoon();
    } else {
      this.#noteIdle();
    }
  };

  #isThin(delivery: Delivery): boolean {
    const thinning = this.#parts.endpoints.get(delivery.endpointId)?.thinning ?? null;
    return thinning !== null && isThin(delivery, thinning);
  }

  #lacksUrl(delivery: Delivery): boolean {
    const thinning = this.#parts.endpoints.get(delivery.endpointId)?.thinning ?? null;
    return thinning !== null && lacksUrl(delivery, thinning);
  }

  /** For an attempt that had to wait: the grace period may be over meanwhile, or the lease lost. */
  readonly #mayBegin = (delivery: Delivery): boolean => {
    const { lease } = this.#parts;
    return !this.#isOver && lease.isHeld() && lease.daemonId === delivery.daemonId;
  };

  readonly #onLoaded = (wanted: Wanted, loaded: Loaded): void => {
    const { lanes } = this.#parts;
    const { delivery, endpoint } = wanted;
    if (!this.#mayBegin(delivery)) {
      this.#end(handedBack(delivery), endpoint);
    } else if (isPayload(loaded)) {
      lanes.begin(delivery, monotonicMs());
      sendLoaded(this.#attemptParts, wanted, loaded.payload);
    } else {
      this.#end(withoutPayload(delivery, loaded), endpoint);
    }
  };

  readonly #onLoadedAhead = (delivery: Delivery, loaded: Loaded): void => {
    const { lanes, budget } = this.#parts;
    if (!budget.has(delivery)) {
      // It was evicted meanwhile.
      return;
    }
    if (isPayload(loaded)) {
      delivery.loadedPayload = loaded.payload;
      lanes.addLoaded(delivery, monotonicMs());
    } else {
      lanes.evictOne(delivery.endpointId, delivery.event.id, monotonicMs());
      this.#release(withoutPayload(delivery, loaded));
    }
  };

  readonly #reserve = (delivery: Delivery): boolean => {
    const hasRoom = this.#parts.budget.reserve(delivery);
    if (!hasRoom) {
      this.#setAside(delivery, "short");
    }
    return hasRoom;
  };

  readonly #setAside = (delivery: Delivery, reason: "short" | "loading"): void => {
    const { lanes, budget, agenda } = this.#parts;
    if (this.#isStopping) {
      this.#end(handedBack(delivery), undefined);
      return;
    }
    lanes.setAside(delivery, { isShort: reason === "short", isFirst: budget.isFirst(delivery) }, monotonicMs());
    agenda.review();
  };

  #handBack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#release(handedBack(delivery));
    }
  }

  #release(result: DeliveryResult): void {
    const { batch } = result.delivery;
    this.#freeMemory(result.delivery);
    if (batch === null) {
      this.#parts.record(result);
    } else {
      resultsOf(result, batch).forEach(this.#parts.record);
    }
    const { next } = result.delivery;
    if (next !== null) {
      this.#continueRun(next, result);
    }
  }

  /** The next one of a key is sent once the one before it has succeeded. Otherwise the queue decides what follows. */
  #continueRun(next: Delivery, { decision, delivery }: DeliveryResult): void {
    if (decision.state === "succeeded" && !this.#isStopping && this.#mayBegin(next)) {
      this.#admitOne(next, monotonicMs());
    } else {
      delivery.next = null;
      for (const follower of runOf(next)) {
        this.#parts.record(handedBack(follower));
      }
    }
  }

  #freeMemory(delivery: Delivery): void {
    if (delivery.event.payload === null || delivery.batch !== null) {
      // Until its result is recorded, the delivery stays in memory without the payload.
      delivery.loadedPayload = null;
      if (this.#parts.budget.release(delivery)) {
        this.#recall();
      }
    }
  }

  #recall(): void {
    this.#parts.lanes.recall(monotonicMs(), this.#loader.isLoading, true);
    this.start();
  }

  /** If the lease was lost, what has not been started belongs to others. */
  #noteLease(): void {
    const { lease, lanes, agenda } = this.#parts;
    if (lease.daemonId !== this.#daemonId) {
      this.#daemonId = lease.daemonId;
      for (const delivery of lanes.evictAll(monotonicMs())) {
        this.#freeMemory(delivery);
      }
      agenda.room();
    }
  }

  #report({ delivery, attempt, decision }: DeliveryResult, { origin }: Endpoint): void {
    const { events } = this.#parts;
    if (attempt === null || (attempt.failureKind === null && !events.wantsSuccesses)) {
      return;
    }
    for (const { event, attempts } of membersOf(delivery)) {
      events.emit("delivery.attempted", {
        event_id: event.id,
        endpoint_id: delivery.endpointId,
        event_type: event.eventType,
        batch_id: delivery.batch?.id ?? null,
        attempt_number: attempts + 1,
        url: origin,
        duration_ms: attempt.durationMs,
        http_status: attempt.httpStatus,
        failure_kind: attempt.failureKind,
        error: attempt.error,
        state: decision.state,
        next_attempt_ms: decision.state === "pending" ? Math.round(decision.waitMs) : null,
      });
    }
  }
}

/** What becomes of a delivery that cannot be sent; null if it can. */
function refusalOf(delivery: Delivery): DeliveryResult | null {
  const { eventType, problem } = delivery.event;
  if (eventType === "") {
    return eventGone(delivery);
  }
  return problem === null ? null : unreachable(delivery, problem);
}

function unreachable(delivery: Delivery, problem: string): DeliveryResult {
  return discarded(delivery, `the event cannot reach a daemon unchanged: ${problem}`);
}

type Payload = Extract<Loaded, { readonly payload: string }>;

function isPayload(loaded: Loaded): loaded is Payload {
  return typeof loaded === "object" && "payload" in loaded;
}

function withoutPayload(delivery: Delivery, loaded: Exclude<Loaded, Payload>): DeliveryResult {
  switch (loaded) {
    case "gone":
      return eventGone(delivery);
    case "failed":
      return notLoaded(delivery);
    default:
      return unreachable(delivery, `the payload: ${loaded.problem}`);
  }
}
