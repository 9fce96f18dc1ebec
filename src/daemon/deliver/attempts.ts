import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../db/database.ts";
import { classifyPostgresError } from "../../db/pgErrors.ts";
import type { Delivery, DeliveryResult } from "../../domain/delivery.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import type { Events } from "../../telemetry/bus.ts";
import { type LoadedPayload, loadPayload, SENT_BYTES_MAX } from "../claim/claim.ts";
import type { Recorder } from "../record/recorder.ts";
import { conclude, refused, type Send, signedRequest } from "./deliver.ts";
import type { Endpoint, EndpointDirectory } from "./endpoints.ts";
import type { Lanes, Rooms } from "./lanes.ts";

/**
 * What the daemon has in hand. Claimed deliveries come in, are started as their lanes have room, and leave as results
 * for the recorder. Attempts run beside the loop and end by themselves.
 *
 * A delivery in hand is waiting (in its lane), under way, or handed over to the recorder; only the recorder lets go of it.
 */

export interface AttemptsParts {
  readonly pool: Database;
  readonly lease: Lease;
  readonly endpoints: EndpointDirectory;
  readonly lanes: Lanes;
  readonly recorder: Recorder;
  readonly send: Send;
  readonly events: Events;
  /** Deliveries in hand at a time. */
  readonly inHandMax: number;
  /** An attempt has ended, and there may be room for more. */
  readonly onRoom: () => void;
}

/** The daemon's right to work on what it has claimed. */
export interface Lease {
  readonly daemonId: string;
  /** Whether an attempt may be started now. */
  isHeld(): boolean;
}

/** Deliveries that were claimed together. */
export interface Taken {
  /** Null for leased deliveries, which are held one by one. */
  readonly claimId: string | null;
  readonly deliveries: readonly Delivery[];
  /** The endpoints of these deliveries, with the revision that each has. */
  readonly revisions: ReadonlyMap<string, string>;
}

export class Attempts {
  readonly #parts: AttemptsParts;
  readonly #underWay = new Set<Delivery>();
  #isStopping = false;
  #onIdle: (() => void) | null = null;

  constructor(parts: AttemptsParts) {
    this.#parts = parts;
  }

  /** How many more deliveries can be taken in. */
  get room(): number {
    const { lanes, recorder, inHandMax } = this.#parts;
    return inHandMax - lanes.inFlight - lanes.waiting - recorder.pendingCount;
  }

  /** Whether nothing is under way, so that no end of an attempt will make room. */
  get isIdle(): boolean {
    return this.#underWay.size === 0;
  }

  get hasWaiting(): boolean {
    return this.#parts.lanes.waiting > 0;
  }

  /** How many deliveries from the queue each endpoint can take. */
  rooms(): Rooms {
    return this.#parts.lanes.rooms(monotonicMs());
  }

  /**
   * Takes in what was claimed under this identity. The recorder hears of a claim only once its endpoints are known: if
   * loading them fails, the claim is one that this daemon does not know of, and is adopted like one whose answer was lost.
   */
  async takeIn({ claimId, deliveries, revisions }: Taken, daemonId: string): Promise<void> {
    const { lanes, lease, endpoints, recorder } = this.#parts;
    await endpoints.ensure(revisions);
    if (lease.daemonId !== daemonId) {
      // The lease ran out meanwhile: these deliveries belong to whoever takes them over.
      return;
    }
    if (claimId !== null) {
      recorder.openClaim(claimId, daemonId, deliveries.length);
    }
    const nowMs = monotonicMs();
    for (const delivery of deliveries) {
      if (delivery.event.eventType === "") {
        recorder.add(eventGone(delivery));
      } else if (!lanes.offer(delivery, nowMs)) {
        recorder.add(handedBack(delivery));
      }
    }
    this.start();
  }

  /** Starts what can start. Loads first: there are few at a time, and small payloads would leave them no slot. */
  start(): void {
    const { lanes, lease } = this.#parts;
    while (!this.#isStopping && lease.isHeld()) {
      const nowMs = monotonicMs();
      const load = lanes.startLoad(nowMs);
      const delivery = load?.delivery ?? lanes.start(nowMs);
      if (delivery === null) {
        return;
      }
      this.#underWay.add(delivery);
      this.#begin(delivery, load?.bytesMax ?? 0, nowMs);
    }
  }

  /**
   * Looks over what waits, and hands back what is too much for its lane, or is for an endpoint that takes no more. What
   * was cancelled is put out for good.
   */
  async review(): Promise<void> {
    const { lanes, endpoints, recorder } = this.#parts;
    this.#handBack(lanes.putOutExcess(monotonicMs()));
    const waiting = lanes.waitingEndpoints();
    if (waiting.length > 0) {
      for (const endpointId of await endpoints.findInactive(waiting)) {
        this.#handBack(lanes.putOut(endpointId, monotonicMs()));
      }
      for (const { event_id, endpoint_id, reason } of await endpoints.findCancelled(waiting)) {
        const delivery = lanes.putOutOne(endpoint_id, event_id, monotonicMs());
        if (delivery !== null) {
          recorder.add(discarded(delivery, reason));
        }
      }
    }
  }

  /** The lease was lost: what has not been started belongs to others, and so do the claims. */
  forget(daemonId: string): void {
    this.#parts.lanes.putOutAll(monotonicMs());
    this.#parts.recorder.forgetClaims(daemonId);
  }

  /** Starts nothing from now on; what is under way goes on. */
  halt(): void {
    this.#isStopping = true;
  }

  /**
   * Hands back what has not been started, waits for what is under way, so long at most, and hands back the rest: its
   * results, if they still come, are not looked at, and another daemon makes those attempts again.
   */
  async stop(graceMs: number): Promise<void> {
    this.halt();
    this.#handBack(this.#parts.lanes.putOutAll(monotonicMs()));
    if (this.#underWay.size > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      const grace = new AbortController();
      const over = pause(graceMs, undefined, { signal: grace.signal }).catch(() => {
        // Idle before the grace period was over.
      });
      await Promise.race([idle, over]);
      grace.abort();
    }
    this.#handBack([...this.#underWay]);
    this.#underWay.clear();
  }

  #handBack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#parts.recorder.add(handedBack(delivery));
    }
  }

  /** `bytesMax`: for how large a payload there is memory, where it is to be loaded. */
  #begin(delivery: Delivery, bytesMax: number, nowMs: number): void {
    const endpoint = this.#parts.endpoints.get(delivery.endpointId);
    if (endpoint === undefined || !lasts(delivery, nowMs + endpoint.timeoutMs)) {
      // Recording looks whether the endpoint is still there; a lease that would not last is taken anew.
      this.#end(delivery, handedBack(delivery));
    } else if (endpoint.problem !== null) {
      const result = conclude(delivery, endpoint, refused(endpoint.problem));
      this.#tell(result, endpoint);
      this.#end(delivery, result);
    } else if (delivery.event.payload === null) {
      void this.#loadAndSend(delivery, endpoint, bytesMax);
    } else {
      this.#send(delivery, endpoint, delivery.event.payload);
    }
  }

  async #loadAndSend(delivery: Delivery, endpoint: Endpoint, bytesMax: number): Promise<void> {
    const { pool, events } = this.#parts;
    const { id } = delivery.event;
    try {
      this.#useLoaded(delivery, endpoint, await loadPayload(pool, id, Math.min(bytesMax, SENT_BYTES_MAX)));
    } catch (thrown) {
      const { sqlstate } = classifyPostgresError(thrown);
      const fields = { event_id: id, endpoint_id: endpoint.id, error: messageOf(thrown), sqlstate };
      events.emit("payload.failed", fields);
      this.#end(delivery, handedBack(delivery));
    }
    this.start();
  }

  #useLoaded(delivery: Delivery, endpoint: Endpoint, loaded: LoadedPayload | null): void {
    const { lanes, lease } = this.#parts;
    const nowMs = monotonicMs();
    // It may have taken its time.
    const isOurs = this.#underWay.has(delivery) && lease.isHeld() && lease.daemonId === delivery.daemonId;
    if (loaded === null) {
      this.#end(delivery, eventGone(delivery));
    } else if (loaded.bytes > SENT_BYTES_MAX) {
      this.#end(delivery, tooLarge(delivery, loaded.bytes));
    } else if (
      !isOurs ||
      !lasts(delivery, nowMs + endpoint.timeoutMs) ||
      (loaded.payload === null && this.#isStopping)
    ) {
      this.#end(delivery, handedBack(delivery));
    } else if (loaded.payload === null) {
      this.#underWay.delete(delivery);
      lanes.putBack(delivery, loaded.bytes, nowMs);
    } else {
      lanes.loaded(delivery, loaded.bytes, nowMs);
      this.#send(delivery, endpoint, loaded.payload);
    }
  }

  /** One promise an attempt: each further layer of async costs a microsecond of the fifty. */
  #send(delivery: Delivery, endpoint: Endpoint, payload: string): void {
    void this.#parts.send(signedRequest(delivery, payload, endpoint)).then((attempt) => {
      const result = conclude(delivery, endpoint, attempt);
      this.#tell(result, endpoint);
      this.#end(delivery, result);
      this.start();
      if (!this.#isStopping) {
        this.#parts.onRoom();
      }
    });
  }

  #end(delivery: Delivery, result: DeliveryResult): void {
    const { lanes, recorder } = this.#parts;
    lanes.finish(delivery, result.attempt === null ? null : result.attempt.httpStatus !== null, monotonicMs());
    if (!this.#underWay.delete(delivery)) {
      // Handed back already, at the end of the grace period.
      return;
    }
    recorder.add(result);
    if (this.#isStopping && this.#underWay.size === 0) {
      this.#onIdle?.();
    }
  }

  #tell({ delivery, attempt, decision }: DeliveryResult, { origin }: Endpoint): void {
    if (attempt === null) {
      return;
    }
    this.#parts.events.emit("delivery.attempted", {
      event_id: delivery.event.id,
      endpoint_id: delivery.endpointId,
      event_type: delivery.event.eventType,
      attempt_number: delivery.attempts + 1,
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

/** To the queue, due at once: another daemon, or this one with a free lane, goes on with it. */
function handedBack(delivery: Delivery): DeliveryResult {
  return { delivery, attempt: null, decision: { state: "pending", waitMs: 0 }, endpointGone: false };
}

function eventGone(delivery: Delivery): DeliveryResult {
  return discarded(delivery, "the event is no longer in the outbox");
}

function tooLarge(delivery: Delivery, bytes: number): DeliveryResult {
  return discarded(delivery, `the payload has ${bytes} bytes, and ${SENT_BYTES_MAX} are sent at most`);
}

function discarded(delivery: Delivery, reason: string): DeliveryResult {
  return { delivery, attempt: null, decision: { state: "discarded", reason }, endpointGone: false };
}

/** Beyond the attempt itself: the result must be recorded before another daemon may take the delivery. */
const RECORD_MARGIN_MS = 2_000;

/** Whether the right to work on the delivery lasts until then; a claim's is looked at before each start. */
function lasts({ tenure }: Delivery, untilMs: number): boolean {
  return tenure.kind === "claimed" || tenure.untilMs >= untilMs + RECORD_MARGIN_MS;
}
