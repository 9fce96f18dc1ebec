import type { Database } from "../db/database.ts";
import { classifyPostgresError, copyFault, reasonOf } from "../db/pgErrors.ts";
import { makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, type PostriderError } from "../ground/errors.ts";
import type { Events } from "../telemetry/bus.ts";
import type { Conditions } from "../telemetry/conditions.ts";
import { type Agenda, type Look, REVIEW_INTERVAL_MS, WALK_GAP_MS } from "./agenda.ts";
import type { Claimed } from "./claim/claimed.ts";
import type { ClaimLock } from "./claim/claimLock.ts";
import { claimDeliveries } from "./claim/dueDeliveries.ts";
import { PAGE_EVENTS_MAX } from "./claim/filters.ts";
import type { NewEvents, Page } from "./claim/newEvents.ts";
import { noteSending } from "./claim/sending.ts";
import { takeOverClaim } from "./claim/takeOver.ts";
import type { EndpointDirectory } from "./deliver/endpoints.ts";
import type { InHand, Lease } from "./deliver/inHand.ts";
import type { Payloads } from "./deliver/payloads.ts";
import type { Recorder } from "./record/recorder.ts";
import type { WakeSession } from "./wake/session.ts";

/**
 * The order of things: review what waits in memory, take over, claim due deliveries, claim new events, and rest until the
 * agenda says that something is due. One turn at a time; attempts run beside the loop.
 */

export interface LoopParts {
  readonly database: Database;
  readonly agenda: Agenda;
  readonly lease: Lease;
  readonly wake: WakeSession;
  readonly newEvents: NewEvents;
  readonly claimLock: ClaimLock;
  readonly endpoints: EndpointDirectory;
  readonly payloads: Pick<Payloads, "measure">;
  readonly inHand: InHand;
  readonly inHandMax: number;
  readonly recorder: Recorder;
  readonly events: Events;
  readonly conditions: Conditions;
  readonly pollIntervalMs: number;
  /** Hears that the database is a copy; the loop has ended then. */
  readonly onCopied: (fault: PostriderError) => void;
}

/** A claim is worth its statements if there is room for so large a part of a page, or nothing else to do. */
const CLAIM_ROOM_MIN = PAGE_EVENTS_MAX / 2;
const TAKE_OVER_INTERVAL_MS = 2_000;
/** Another daemon has the claim lock for the few milliseconds of a claim. */
const LOCK_BUSY_MS = 5;
/** The first pause of a daemon that is awake and found nothing; each further one is twice as long. */
const PAUSE_FIRST_MS = 1;
/** The longest while a transaction is open that will not notify. */
const DROWSY_LAST_MS = 50;
/** A daemon that has claimed so many pages since it slept is in a stream of events, and lingers before it sleeps. */
const STREAM_PAGES = 3;
/** The longest pause of a daemon that lingers: some 15 ms in all. */
const LINGER_LAST_MS = 8;

export class Loop {
  readonly #parts: LoopParts;
  readonly #backoff = makeBackoff({ firstMs: 100, lastMs: 5_000 });
  #isStopping = false;
  #running: Promise<void> | null = null;
  /** The endpoint after which the walk over the queue continues; null if no walk has begun. */
  #walkPlace: string | null = null;
  #pagesSinceSleep = 0;
  #pauseMs = PAUSE_FIRST_MS;
  /** The identity whose claims the recorder knows. */
  #daemonId: string;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#daemonId = parts.lease.daemonId;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Claims no more; resolves when the turn in progress has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#parts.agenda.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#rest(await this.#turn());
      } catch (thrown) {
        const fault = copyFault(thrown);
        if (fault !== null) {
          this.#parts.onCopied(fault);
          return;
        }
        await this.#waitOut(thrown);
      }
    }
  }

  /** One look at everything there is to do. False if nothing may be claimed: no lease, or results that cannot be recorded. */
  async #turn(): Promise<boolean> {
    const { agenda, inHand, lease, recorder } = this.#parts;
    agenda.take("room");
    inHand.start();
    if (agenda.take("review")) {
      await inHand.review();
    }
    if (!lease.isHeld() || !recorder.isWell) {
      return false;
    }
    this.#noteLease();
    if (this.#room > 0 && agenda.take("claims")) {
      await this.#takeOver();
    }
    if (this.#room > 0 && this.#isHeld && agenda.take(this.#walkLook)) {
      await this.#walk();
    }
    if (this.#isClaimWorthwhile && this.#isHeld && agenda.take("events")) {
      await this.#claim();
      this.#noteClaimed();
    }
    return true;
  }

  async #rest(mayClaim: boolean): Promise<void> {
    const { agenda } = this.#parts;
    if (!mayClaim) {
      // A lease that is regained gives no sign.
      await agenda.rest(["room"], REVIEW_INTERVAL_MS);
      return;
    }
    const looks: Look[] = ["review"];
    looks.push(this.#isClaimWorthwhile ? "events" : "room");
    if (this.#room > 0) {
      looks.push("claims", this.#walkLook);
    } else {
      looks.push("room");
    }
    await agenda.rest(looks);
  }

  get #room(): number {
    const { inHand, recorder, inHandMax } = this.#parts;
    return inHandMax - inHand.count - recorder.pendingCount;
  }

  get #isClaimWorthwhile(): boolean {
    return this.#room >= CLAIM_ROOM_MIN || this.#parts.inHand.isIdle;
  }

  /**
   * Whether the lease is held under the identity that the turn began with. A lost one admits nothing: it would be given the
   * same claim to take over again and again, and its leased deliveries would wait for their leases to run out.
   */
  get #isHeld(): boolean {
    const { lease } = this.#parts;
    return lease.isHeld() && lease.daemonId === this.#daemonId;
  }

  get #walkLook(): Look {
    return this.#walkPlace === null ? "queue" : "walk";
  }

  /** Whether a claim was made that failed is not known: what this daemon holds without knowing is looked for first. */
  async #waitOut(thrown: unknown): Promise<void> {
    const { agenda, wake, conditions } = this.#parts;
    wake.stepAside();
    const { kind, sqlstate } = classifyPostgresError(thrown);
    const event = kind === "connection" ? "postgres.lost" : "claim.failed";
    conditions.begin("not_claiming", event, { error: messageOf(thrown), sqlstate }, reasonOf(thrown));
    this.#walkPlace = null;
    agenda.take("events");
    await agenda.rest(["events"], this.#backoff.nextMs());
    agenda.lookAgain();
  }

  /** Only a claim shows that the failure has passed: a turn without room asks Postgres for nothing. */
  #noteClaimed(): void {
    const { agenda, wake, conditions } = this.#parts;
    this.#backoff.reset();
    if (conditions.has("not_claiming")) {
      conditions.end("not_claiming", {});
      wake.stayAwake();
      agenda.by("events", monotonicMs());
    }
  }

  /** The claims of a lost identity belong to others. */
  #noteLease(): void {
    const { lease, recorder } = this.#parts;
    if (lease.daemonId !== this.#daemonId) {
      recorder.claims.forget(this.#daemonId);
      this.#daemonId = lease.daemonId;
    }
  }

  async #takeOver(): Promise<void> {
    const { database, agenda, recorder, events } = this.#parts;
    const daemonId = this.#daemonId;
    while (this.#room > 0 && !this.#isStopping && this.#isHeld) {
      const taken = await takeOverClaim(database, daemonId, recorder.claims.of(daemonId));
      if (taken === null) {
        break;
      }
      events.emit("claims.taken_over", {
        claim_id: taken.claimId,
        former_daemon_id: taken.formerDaemonId,
        deliveries: taken.deliveries.length,
      });
      await this.#admit(taken, daemonId);
    }
    agenda.by("claims", monotonicMs() + TAKE_OVER_INTERVAL_MS);
  }

  async #walk(): Promise<void> {
    const { database, agenda, inHand, pollIntervalMs } = this.#parts;
    const daemonId = this.#daemonId;
    const walk = await claimDeliveries(database, daemonId, this.#walkPlace, this.#room, inHand.rooms());
    const nowMs = monotonicMs();
    this.#walkPlace = walk.place;
    if (walk.place !== null) {
      agenda.by("walk", nowMs + WALK_GAP_MS);
    }
    agenda.by("queue", nowMs + Math.max(WALK_GAP_MS, Math.min(walk.nextDueMs ?? pollIntervalMs, pollIntervalMs)));
    await this.#admit(walk, daemonId);
  }

  async #claim(): Promise<void> {
    const { database, agenda, wake, newEvents, claimLock, conditions, pollIntervalMs } = this.#parts;
    const daemonId = this.#daemonId;
    if (wake.state === "napping" && !conditions.has("not_claiming")) {
      // It asks anew for sleep: the daemon that it relied on may be gone. Not while claims fail, because others would
      // rely on this one.
      wake.stayAwake();
    }
    const page = await newEvents.claim(daemonId, this.#room);
    if (page.outcome === "busy") {
      agenda.by("events", monotonicMs() + LOCK_BUSY_MS);
      await claimLock.noteBusy();
      return;
    }
    claimLock.noteFree();
    await this.#take(page, daemonId);
    if (await noteSending(database, conditions, page.outcome === "off")) {
      agenda.queued();
    }
    switch (page.outcome) {
      case "off":
        // A sleeper would let every insert notify, and there is nothing to be notified of.
        wake.stayAwake();
        agenda.by("events", monotonicMs() + pollIntervalMs);
        break;
      case "empty":
        await this.#settle();
        break;
      case "slow":
        agenda.by("events", monotonicMs());
        break;
      case "page":
      case "complete":
        this.#pagesSinceSleep += 1;
        this.#pauseMs = PAUSE_FIRST_MS;
        wake.stayAwake();
        agenda.by("events", monotonicMs());
        break;
    }
  }

  async #take(page: Page, daemonId: string): Promise<void> {
    const { agenda, wake, newEvents, events } = this.#parts;
    if (page.eventCount > 0) {
      events.emit("claim.taken", {
        claim_id: page.claimId,
        events: page.eventCount,
        deliveries: page.deliveries.length,
        complete: page.outcome === "complete",
      });
    }
    if (page.queuedCount > 0) {
      agenda.queued();
    }
    if (page.outcome === "page") {
      // Not awaited: over a link that has fallen silent it would keep this page from being sent.
      void wake.wakePeers();
    }
    await this.#admit(page, daemonId);
    await newEvents.tryFilter(page);
  }

  /**
   * Admits what was claimed under this identity. The recorder hears of a claim only once its endpoints are known: if
   * loading them fails, the daemon does not know of the claim, and adopts it like one whose answer was lost.
   */
  async #admit({ claimId, deliveries, revisions }: Claimed, daemonId: string): Promise<void> {
    const { endpoints, payloads, lease, recorder, inHand } = this.#parts;
    await endpoints.ensure(revisions);
    await payloads.measure(deliveries);
    if (lease.daemonId !== daemonId) {
      // The lease ran out meanwhile: these deliveries belong to the daemon that takes them over.
      return;
    }
    if (claimId !== null) {
      recorder.claims.open(claimId, daemonId, deliveries.length);
    }
    inHand.admit(deliveries);
  }

  /**
   * A claim has just found nothing. Each call takes one step: linger after a stream of events; ask for sleep, and look
   * again soon while a transaction is open that will not notify; look once more after the gate was granted; sleep.
   */
  async #settle(): Promise<void> {
    const { agenda, wake, pollIntervalMs } = this.#parts;
    if (agenda.isDue("events")) {
      // A notification came during the look, which may have been too early.
      return;
    }
    if (this.#pagesSinceSleep >= STREAM_PAGES && this.#pauseMs <= LINGER_LAST_MS) {
      this.#pause(LINGER_LAST_MS * 2);
      return;
    }
    this.#pagesSinceSleep = 0;
    if (wake.state === "awake") {
      switch (await wake.fallAsleep()) {
        case "drowsy":
          this.#pause(DROWSY_LAST_MS);
          return;
        case "sleeping":
          agenda.by("events", monotonicMs());
          return;
        case "napping":
        case "blind":
          break;
      }
    }
    this.#pauseMs = PAUSE_FIRST_MS;
    agenda.by("events", monotonicMs() + pollIntervalMs);
  }

  #pause(lastMs: number): void {
    this.#parts.agenda.by("events", monotonicMs() + this.#pauseMs);
    this.#pauseMs = Math.min(lastMs, this.#pauseMs * 2);
  }
}
