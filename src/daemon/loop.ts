import type { Database } from "../db/database.ts";
import { classifyPostgresError, copyFault, reasonOf } from "../db/pgErrors.ts";
import type { DeliveryResult } from "../domain/delivery.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, type PostriderError } from "../ground/errors.ts";
import { Signal } from "../ground/signal.ts";
import type { Events } from "../telemetry/bus.ts";
import type { Conditions } from "../telemetry/conditions.ts";
import {
  claimDeliveries,
  claimEvents,
  findSending,
  freeLane,
  PAGE_EVENTS_MAX,
  type Page,
  takeOverClaim,
} from "./claim/claim.ts";
import type { Filters } from "./claim/filters.ts";
import type { Attempts, Lease } from "./deliver/attempts.ts";
import type { Recorder } from "./record/recorder.ts";
import type { Waker } from "./wake/wake.ts";

/**
 * The order of things: look over what is in hand, take over, claim due deliveries, claim new events, and rest when there
 * was nothing. One turn at a time; attempts run beside it.
 */

export interface LoopParts {
  readonly pool: Database;
  /** For claims of new events: they have a short deadline, since everybody waits for them. */
  readonly claimPool: Database;
  readonly lease: Lease;
  readonly waker: Waker;
  readonly attempts: Attempts;
  readonly recorder: Recorder;
  readonly filters: Filters;
  readonly events: Events;
  readonly conditions: Conditions;
  readonly pollIntervalMs: number;
  /** Hears that the database is a copy: the loop has ended then. */
  readonly onCopied: (fault: PostriderError) => void;
}

/** A claim is worth its statements when there is room for so large a part of a page, or nothing else to do. */
const CLAIM_ROOM_MIN = PAGE_EVENTS_MAX / 2;
const TAKE_OVER_INTERVAL_MS = 2_000;
/** So long at most a delivery waits in memory behind an edit, a pause or the end of its endpoint. */
const REVIEW_INTERVAL_MS = 250;
/** Another daemon holds the lane for the few milliseconds of a claim. */
const LANE_BUSY_MS = 5;
/** When it has been busy for so long, somebody holds it who is not claiming. */
const LANE_STUCK_MS = 5_000;
/** The first pause of a daemon that is awake and found nothing; each further one is twice as long. */
const QUIET_FIRST_MS = 1;
/** The longest while a transaction is open that will not notify. */
const DROWSY_LAST_MS = 50;
/** A daemon that has found events in so many turns since it slept is in a stream of them, and lingers before it sleeps. */
const STREAM_TURNS = 3;
/** The longest pause of one who lingers: some 15 ms in all. */
const LINGER_LAST_MS = 8;
const WALK_GAP_MS = 10;
const WAKE_PEERS_GAP_MS = 250;
const FAILURE_FIRST_MS = 100;
const FAILURE_LAST_MS = 5_000;
/** Weight of the newest page in the average number of deliveries an event has. */
const FAN_OUT_WEIGHT = 0.3;

/** barred: without a lease, or while results cannot be recorded, nothing may be claimed. off: sending is switched off. */
type TurnResult = "found" | "full" | "busy" | "nothing" | "barred" | "off";

export class Loop {
  readonly #parts: LoopParts;
  readonly #signal = new Signal();
  #isStopping = false;
  #running: Promise<void> | null = null;

  #fanOut = 1;
  #walkPlace: string | null = null;
  /** When a walk that is under way goes on. */
  #walkOnAtMs = 0;
  /** When the next walk over the queue begins: the earliest due time that is known. */
  #dueAtMs = 0;
  #laneBusySinceMs: number | null = null;
  #takeOverAtMs = 0;
  #reviewAtMs = 0;
  #wakePeersAtMs = 0;
  /**
   * Whether new events are to be looked for. Taken back before the look and not after it, so that a notification that
   * comes meanwhile is not forgotten.
   */
  #mayHaveEvents = true;
  /** Nothing was found and it is safe to wait: for a notification, the poll, or what is due by then. */
  #isAtRest = false;
  #streamTurns = 0;
  #quietMs = QUIET_FIRST_MS;
  #pollAtMs = 0;

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Something may be there, or room has come free. */
  wake(): void {
    this.#mayHaveEvents = true;
    // Redelivering and resuming notify as well.
    this.#dueAtMs = 0;
    this.#signal.give();
  }

  /** Something was put into the queue that is due now. */
  onQueued(): void {
    this.#walkBy(monotonicMs());
    this.#signal.give();
  }

  /** Deliveries were handed back or came due: look into the queue soon. */
  onRecorded(results: readonly DeliveryResult[]): void {
    for (const { decision, delivery } of results) {
      if (decision.state === "pending") {
        this.#walkBy(monotonicMs() + Math.max(WALK_GAP_MS, decision.waitMs));
      } else if (delivery.tenure.kind === "leased") {
        this.#walkBy(monotonicMs() + WALK_GAP_MS);
      }
    }
    this.#signal.give();
  }

  /** An attempt has ended. Looks again once there is room for a claim that is worth its statements. */
  onRoom(): void {
    const { attempts } = this.#parts;
    if (attempts.room >= CLAIM_ROOM_MIN || attempts.isIdle) {
      this.#signal.give();
    }
  }

  /** Claims no more; resolves when the turn that is under way has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#signal.give();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failureMs = FAILURE_FIRST_MS;
    while (!this.#isStopping) {
      try {
        const result = await this.#turn();
        failureMs = FAILURE_FIRST_MS;
        if (result !== "barred" && this.#parts.conditions.has("not_claiming")) {
          this.#parts.waker.stayAwake();
          this.#parts.conditions.end("not_claiming", {});
        }
        await this.#rest(result);
      } catch (thrown) {
        const fault = copyFault(thrown);
        if (fault !== null) {
          this.#parts.onCopied(fault);
          return;
        }
        // Whether the claim was committed is not known: what this daemon holds without knowing is looked for first.
        this.#takeOverAtMs = 0;
        this.#dueAtMs = 0;
        this.#mayHaveEvents = true;
        this.#parts.waker.stepAside();
        this.#noteFailure(thrown);
        await this.#signal.wait(failureMs * (0.5 + Math.random()));
        failureMs = Math.min(FAILURE_LAST_MS, failureMs * 2);
      }
    }
  }

  #noteFailure(thrown: unknown): void {
    const { kind, sqlstate } = classifyPostgresError(thrown);
    const event = kind === "connection" ? "postgres.lost" : "claim.failed";
    const fields = { error: messageOf(thrown), sqlstate };
    this.#parts.conditions.begin("not_claiming", event, fields, reasonOf(thrown));
  }

  /** One look at everything there is to do. */
  async #turn(): Promise<TurnResult> {
    const { attempts, lease, recorder, waker } = this.#parts;
    attempts.start();
    if (attempts.hasWaiting && monotonicMs() >= this.#reviewAtMs) {
      this.#reviewAtMs = monotonicMs() + REVIEW_INTERVAL_MS;
      await attempts.review();
    }
    if (!lease.isHeld() || !recorder.isWell) {
      return "barred";
    }
    if (monotonicMs() >= this.#takeOverAtMs && attempts.room > 0) {
      await this.#takeOver();
    }
    let result: TurnResult = "nothing";
    if (monotonicMs() >= this.#walkAtMs() && attempts.room > 0) {
      result = (await this.#walk()) > 0 ? "found" : "nothing";
    }
    if (!this.#mayHaveEvents) {
      return result;
    }
    if (attempts.room < CLAIM_ROOM_MIN && !attempts.isIdle) {
      return "full";
    }
    this.#mayHaveEvents = false;
    const page = await this.#claim();
    if (page.outcome !== "busy") {
      await this.#noteSwitch(page.outcome === "off");
    }
    switch (page.outcome) {
      case "off":
        this.#mayHaveEvents = true;
        // Whoever sleeps lets every insert notify, and there is nothing to be notified of.
        waker.stayAwake();
        return "off";
      case "busy":
        this.#mayHaveEvents = true;
        await this.#watchLane();
        return "busy";
      case "empty":
        return result;
      case "slow":
        this.#mayHaveEvents = true;
        return "found";
      case "page":
      case "complete":
        this.#mayHaveEvents = true;
        this.#isAtRest = false;
        this.#streamTurns += 1;
        waker.stayAwake();
        return "found";
    }
  }

  async #noteSwitch(isOff: boolean): Promise<void> {
    const { pool, conditions } = this.#parts;
    if (!isOff && !conditions.has("not_sending")) {
      return;
    }
    const { reason, changed_by } = await findSending(pool);
    if (isOff) {
      // At each look, because the reason may be edited while it is off.
      const shown = `sending is switched off by ${changed_by}: ${reason ?? "no reason was given"}`;
      conditions.begin("not_sending", "sending.stopped", { reason, changed_by }, shown);
    } else {
      conditions.end("not_sending", { changed_by });
      this.#walkBy(monotonicMs());
    }
  }

  async #claim(): Promise<Page> {
    const { attempts, conditions, events, filters } = this.#parts;
    const { daemonId } = this.#parts.lease;
    const page = await this.#claimPage(daemonId);
    if (page.outcome !== "busy") {
      this.#laneBusySinceMs = null;
      conditions.end("claim_lock_held", {});
    }
    if (page.eventCount > 0) {
      const pairCount = page.deliveries.length + page.queuedCount;
      this.#fanOut += FAN_OUT_WEIGHT * (Math.max(1, pairCount / page.eventCount) - this.#fanOut);
      events.emit("claim.taken", {
        claim_id: page.claimId,
        events: page.eventCount,
        deliveries: page.deliveries.length,
        complete: page.outcome === "complete",
      });
    }
    if (page.queuedCount > 0) {
      this.#walkBy(monotonicMs());
    }
    if (page.outcome === "page") {
      // Not waited for: over a link that has fallen silent it would keep this page from being sent.
      void this.#wakePeers();
    }
    await attempts.takeIn(page, daemonId);
    if (page.slowFilter !== null) {
      await filters.met(page.slowFilter);
    }
    return page;
  }

  async #claimPage(daemonId: string): Promise<Page> {
    const { pool, claimPool, attempts, filters } = this.#parts;
    const pairsMax = Math.max(1, attempts.room);
    const eventsMax = Math.max(1, Math.min(filters.eventsMax, Math.floor(pairsMax / this.#fanOut)));
    const unjudged = filters.unjudged();
    const startedMs = monotonicMs();
    try {
      const page = await claimEvents(filters.isPatient ? pool : claimPool, { daemonId, eventsMax, pairsMax, unjudged });
      if (page.eventCount > 0) {
        filters.claimed(monotonicMs() - startedMs);
      }
      return page;
    } catch (thrown) {
      filters.failed(thrown, monotonicMs() - startedMs);
      throw thrown;
    }
  }

  async #walk(): Promise<number> {
    const { pool, lease, attempts, pollIntervalMs } = this.#parts;
    const { daemonId } = lease;
    if (this.#walkPlace === null) {
      // Before the look: what becomes due while the walk is under way, and may not be seen by it, sets the time anew.
      this.#dueAtMs = Number.POSITIVE_INFINITY;
    }
    const walk = await claimDeliveries(pool, daemonId, this.#walkPlace, attempts.room, attempts.rooms());
    const nowMs = monotonicMs();
    this.#walkPlace = walk.place;
    this.#walkOnAtMs = nowMs + WALK_GAP_MS;
    const dueMs = Math.min(walk.nextDueMs ?? Number.POSITIVE_INFINITY, pollIntervalMs);
    this.#walkBy(nowMs + Math.max(WALK_GAP_MS, dueMs));
    await attempts.takeIn({ ...walk, claimId: null }, daemonId);
    return walk.deliveries.length;
  }

  #walkAtMs(): number {
    return this.#walkPlace === null ? this.#dueAtMs : this.#walkOnAtMs;
  }

  #walkBy(atMs: number): void {
    this.#dueAtMs = Math.min(this.#dueAtMs, atMs);
  }

  /** Another daemon holds the lane; when it does so for seconds, looks who it is. */
  async #watchLane(): Promise<void> {
    const nowMs = monotonicMs();
    this.#laneBusySinceMs ??= nowMs;
    if (nowMs - this.#laneBusySinceMs < LANE_STUCK_MS) {
      return;
    }
    this.#laneBusySinceMs = nowMs;
    for (const { ended, ...holder } of await freeLane(this.#parts.pool, LANE_STUCK_MS)) {
      if (ended) {
        this.#parts.events.emit("claim_lock.freed", holder);
      } else {
        const shown = `the lock under which daemons claim is held by pid ${holder.pid}`;
        this.#parts.conditions.begin("claim_lock_held", "claim_lock.held", holder, shown);
      }
    }
  }

  async #takeOver(): Promise<void> {
    const { pool, lease, attempts, recorder, events } = this.#parts;
    const { daemonId } = lease;
    while (attempts.room > 0 && !this.#isStopping) {
      const taken = await takeOverClaim(pool, daemonId, recorder.openClaims(daemonId));
      if (taken === null) {
        break;
      }
      events.emit("claims.taken_over", {
        claim_id: taken.claimId,
        former_daemon_id: taken.formerDaemonId,
        deliveries: taken.deliveries.length,
      });
      await attempts.takeIn(taken, daemonId);
    }
    this.#takeOverAtMs = monotonicMs() + TAKE_OVER_INTERVAL_MS;
  }

  async #wakePeers(): Promise<void> {
    const nowMs = monotonicMs();
    if (nowMs >= this.#wakePeersAtMs) {
      this.#wakePeersAtMs = nowMs + WAKE_PEERS_GAP_MS;
      await this.#parts.waker.wakePeers();
    }
  }

  /** Waits for as long as there is nothing to do, by what the turn found. */
  async #rest(result: TurnResult): Promise<void> {
    switch (result) {
      case "found":
        this.#quietMs = QUIET_FIRST_MS;
        return;
      case "full":
      case "barred":
        // A slot that comes free, or a flush that succeeds, gives the signal.
        await this.#signal.wait(REVIEW_INTERVAL_MS);
        return;
      case "busy":
        await this.#signal.wait(LANE_BUSY_MS);
        return;
      case "off":
        // What waits in memory is handed back by the next review.
        await this.#signal.wait(this.#parts.attempts.hasWaiting ? REVIEW_INTERVAL_MS : this.#parts.pollIntervalMs);
        return;
      case "nothing":
        await this.#settle();
        return;
    }
  }

  /**
   * Nothing was found. Each call takes one step: linger after a stream of events; ask for sleep, and look again soon
   * where a transaction is open that will not notify; look once more after the gate was granted; sleep.
   */
  async #settle(): Promise<void> {
    const { waker, attempts, pollIntervalMs } = this.#parts;
    if (this.#mayHaveEvents) {
      // Notified while it looked: the look may have been too early.
      return;
    }
    // Whoever is awake is not notified: after an outage, or with a gate made anew, it has to ask for sleep once more.
    if (!this.#isAtRest || waker.state === "awake") {
      if (this.#streamTurns >= STREAM_TURNS && this.#quietMs <= LINGER_LAST_MS) {
        await this.#pauseQuietly(LINGER_LAST_MS * 2);
        return;
      }
      this.#streamTurns = 0;
      if (waker.state === "awake") {
        switch (await waker.fallAsleep()) {
          case "drowsy":
            await this.#pauseQuietly(DROWSY_LAST_MS);
            return;
          case "sleeping":
            this.#mayHaveEvents = true;
            return;
          case "napping":
          case "blind":
            break;
        }
      }
      this.#isAtRest = true;
      this.#pollAtMs = monotonicMs() + pollIntervalMs;
    }
    const reviewAtMs = attempts.hasWaiting ? this.#reviewAtMs : Number.POSITIVE_INFINITY;
    const untilMs = Math.min(this.#pollAtMs, this.#walkAtMs(), this.#takeOverAtMs, reviewAtMs);
    await this.#signal.wait(Math.max(0, untilMs - monotonicMs()));
    if (this.#mayHaveEvents) {
      this.#isAtRest = false;
      this.#quietMs = QUIET_FIRST_MS;
      waker.stayAwake();
    } else if (monotonicMs() >= this.#pollAtMs) {
      this.#isAtRest = false;
      this.#mayHaveEvents = true;
      // The sleeper keeps the gate while it looks. One that naps asks anew: the daemon it relied on may be gone.
      if (waker.state === "napping") {
        waker.stayAwake();
      }
    }
  }

  async #pauseQuietly(lastMs: number): Promise<void> {
    await this.#signal.wait(this.#quietMs);
    this.#quietMs = Math.min(lastMs, this.#quietMs * 2);
    this.#mayHaveEvents = true;
  }
}
