import type { Database } from "../db/database.ts";
import { classifyPostgresError, copyFault, reasonOf } from "../db/pgErrors.ts";
import { type Delivery, runOf } from "../domain/delivery.ts";
import { type Backoff, makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, type PostriderError } from "../ground/errors.ts";
import type { Events } from "../telemetry/bus.ts";
import type { Conditions } from "../telemetry/conditions.ts";
import { type Agenda, type Look, REVIEW_INTERVAL_MS, WALK_GAP_MS } from "./agenda.ts";
import type { Claimed } from "./claim/claimed.ts";
import type { ClaimLock } from "./claim/claimLock.ts";
import { claimDeliveries } from "./claim/dueDeliveries.ts";
import type { NewEvents, Page } from "./claim/newEvents.ts";
import { withFollowers } from "./claim/runs.ts";
import { noteSending } from "./claim/sending.ts";
import { takeOverClaim } from "./claim/takeOver.ts";
import { transformDeliveries } from "./claim/transformed.ts";
import { WalkPause } from "./claim/walkPause.ts";
import { discarded, handedBack, putOff } from "./deliver/attempt.ts";
import type { EndpointDirectory } from "./deliver/endpoints.ts";
import type { InHand, Lease } from "./deliver/inHand.ts";
import type { Payloads } from "./deliver/payloads.ts";
import type { Recorder } from "./record/recorder.ts";
import { Room } from "./room.ts";
import type { Found, Pace } from "./wake/pace.ts";
import type { WakeSession } from "./wake/session.ts";

/**
 * The order of things, on two tracks that do not wait for each other:
 *
 *   events  take over claims of daemons that are gone, and claim new events
 *   queue   review what waits in memory, and claim due deliveries
 *
 * Each takes one turn at a time, and then rests until the agenda says that something is due. Attempts run beside both.
 */
type Track = "events" | "queue";

export interface LoopParts {
  readonly database: Database;
  readonly agenda: Agenda;
  readonly lease: Lease;
  readonly wake: WakeSession;
  readonly pace: Pace;
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

const TAKE_OVER_INTERVAL_MS = 2_000;
/** Another daemon has the claim lock for the few milliseconds of a claim. */
const LOCK_BUSY_MS = 5;

export class Loop {
  readonly #parts: LoopParts;
  readonly #backoffs: Readonly<Record<Track, Backoff>> = { events: makeTrackBackoff(), queue: makeTrackBackoff() };
  /** The tracks whose last turn failed. */
  readonly #failing = new Set<Track>();
  #isStopping = false;
  #running: Promise<unknown> | null = null;
  readonly #room: Room;
  /** The endpoint after which the walk over the queue continues; null if no walk has begun. */
  #walkPlace: string | null = null;
  #walkPause = new WalkPause();
  /** How often transformations have outlasted the deadline of their statement. */
  readonly #overrunsOf = new Map<string, number>();
  /** The identity whose claims the recorder knows. */
  #daemonId: string;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    const { inHand, inHandMax, recorder, agenda } = parts;
    this.#room = new Room({
      deliveriesMax: inHandMax,
      taken: () => inHand.count + recorder.pendingCount,
      onChange: () => agenda.room(),
    });
    this.#daemonId = parts.lease.daemonId;
  }

  start(): void {
    this.#running = Promise.all([this.#run("events"), this.#run("queue")]);
  }

  /** Claims no more; resolves when the turns in progress have ended. */
  async stop(): Promise<void> {
    this.#end();
    await this.#running;
  }

  #end(): void {
    this.#isStopping = true;
    this.#parts.agenda.close();
  }

  async #run(track: Track): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#takeTurn(track);
      } catch (thrown) {
        const fault = copyFault(thrown);
        if (fault !== null) {
          this.#end();
          this.#parts.onCopied(fault);
          return;
        }
        await this.#waitOut(track, thrown);
      }
    }
  }

  /** Looks at what is due, and rests. Nothing may be claimed without the lease, or while results cannot be recorded. */
  async #takeTurn(track: Track): Promise<void> {
    const { agenda, lease, recorder, newEvents } = this.#parts;
    if (track === "queue") {
      await this.#reviewWaiting();
    }
    if (!lease.isHeld() || !recorder.isWell) {
      this.#parts.wake.stepAside();
      agenda.by("events", monotonicMs());
      // A lease that is regained gives no sign.
      await agenda.rest(["room"], REVIEW_INTERVAL_MS);
      return;
    }
    const daemonId = this.#noteLease();
    if (track === "events") {
      await this.#lookForEvents(daemonId);
    } else if (this.#room.mayWalk && agenda.take(this.#walkLook)) {
      await this.#walk(daemonId);
      this.#noteSuccess("queue");
    }
    await agenda.rest(this.#looksOf(track), track === "events" ? newEvents.worthwhileInMs : undefined);
  }

  async #reviewWaiting(): Promise<void> {
    const { agenda, inHand } = this.#parts;
    inHand.start();
    if (agenda.take("review")) {
      await inHand.review();
    }
  }

  async #lookForEvents(daemonId: string): Promise<void> {
    const { agenda } = this.#parts;
    if (this.#room.left > 0 && agenda.take("claims")) {
      await this.#takeOver(daemonId);
    }
    if (!this.#isHeldBy(daemonId)) {
      return;
    }
    if (!this.#isClaimWorthwhile) {
      if (agenda.isDue("events")) {
        this.#room.eventsWait();
        this.#stayAwake();
      }
    } else if (agenda.take("events")) {
      await this.#claim(daemonId);
      this.#noteSuccess("events");
    }
  }

  #looksOf(track: Track): (Look | "room")[] {
    if (track === "queue") {
      return ["review", this.#room.mayWalk ? this.#walkLook : "room"];
    }
    return [this.#isClaimWorthwhile ? "events" : "room", this.#room.left > 0 ? "claims" : "room"];
  }

  get #isClaimWorthwhile(): boolean {
    const { newEvents, inHand, recorder } = this.#parts;
    const room = this.#room.left;
    // One event is claimed whatever the room. Only deliveries that an operator has locked may leave no other way.
    return newEvents.isWorthwhile(room, inHand.isIdle && (room > 0 || recorder.isIdle));
  }

  /**
   * Whether the lease is held under the identity that the turn began with. A lost one admits nothing: it would be given the
   * same claim to take over again and again, and its leased deliveries would wait for their leases to run out.
   */
  #isHeldBy(daemonId: string): boolean {
    const { lease } = this.#parts;
    return lease.isHeld() && lease.daemonId === daemonId;
  }

  get #walkLook(): Look {
    return this.#walkPlace === null ? "queue" : "walk";
  }

  /** Whether a claim was made that failed is not known: what this daemon holds without knowing is looked for first. */
  async #waitOut(track: Track, thrown: unknown): Promise<void> {
    const { agenda, wake, conditions } = this.#parts;
    this.#failing.add(track);
    const { kind, sqlstate } = classifyPostgresError(thrown);
    const event = kind === "connection" ? "postgres.lost" : "claim.failed";
    conditions.begin("not_claiming", event, { error: messageOf(thrown), sqlstate }, reasonOf(thrown));
    if (track === "events") {
      wake.stepAside();
      agenda.by("claims", monotonicMs());
      agenda.room();
    } else {
      this.#walkPlace = null;
      this.#walkPause = new WalkPause();
    }
    agenda.by(track, monotonicMs());
    await agenda.rest(["again"], this.#backoffs[track].nextMs());
  }

  /** Only a look shows that a failure has passed: a turn without room asks Postgres for nothing. */
  #noteSuccess(track: Track): void {
    const { agenda, conditions } = this.#parts;
    this.#backoffs[track].reset();
    if (this.#failing.delete(track)) {
      agenda.lookAgain();
      if (this.#failing.size === 0) {
        conditions.end("not_claiming", {});
      }
    }
  }

  /** The claims of a lost identity belong to others. */
  #noteLease(): string {
    const { lease, recorder } = this.#parts;
    if (lease.daemonId !== this.#daemonId) {
      recorder.claims.forget(this.#daemonId);
      this.#daemonId = lease.daemonId;
    }
    return this.#daemonId;
  }

  async #takeOver(daemonId: string): Promise<void> {
    const { database, agenda, recorder, events } = this.#parts;
    this.#room.eventsTurn();
    while (this.#room.left > 0 && !this.#isStopping && this.#isHeldBy(daemonId)) {
      const taken = await takeOverClaim(database, daemonId, recorder.claims.of(daemonId));
      if (taken === null) {
        break;
      }
      events.emit("claims.taken_over", {
        claim_id: taken.claimId,
        former_daemon_id: taken.formerDaemonId,
        deliveries: taken.deliveries.length,
      });
      // Nothing announces when the leases and retries of that daemon come due.
      agenda.queued();
      await this.#admit(taken, daemonId);
    }
    agenda.by("claims", monotonicMs() + TAKE_OVER_INTERVAL_MS);
  }

  /** Asks for half of the room, so that a claim need not wait for the walk. */
  async #walk(daemonId: string): Promise<void> {
    const { database, agenda, inHand } = this.#parts;
    this.#room.walksOn();
    await this.#room.ask(1 / 2, async (deliveriesMax) => {
      const startedMs = monotonicMs();
      const walk = await claimDeliveries(database, daemonId, this.#walkPlace, deliveriesMax, inHand.rooms());
      const nowMs = monotonicMs();
      this.#walkPlace = walk.place;
      this.#walkPause.add(nowMs - startedMs, walk.deliveries.length);
      if (walk.nextDueMs !== null) {
        agenda.by("queue", nowMs + Math.max(WALK_GAP_MS, walk.nextDueMs));
      }
      if (walk.place === null) {
        this.#endWalk(nowMs);
      } else {
        agenda.by("walk", nowMs + WALK_GAP_MS);
      }
      await this.#admit(walk, daemonId);
    });
  }

  /** A daemon that hears no operator has to look itself for what they made due. */
  #endWalk(nowMs: number): void {
    const { agenda, wake, pollIntervalMs } = this.#parts;
    const { restMs, pollMs } = this.#walkPause.take(pollIntervalMs);
    agenda.putOff("queue", nowMs + restMs);
    agenda.by("queue", nowMs + (wake.state === "blind" ? pollIntervalMs : pollMs));
  }

  /** Leaves half of the room to a walk that is due. */
  async #claim(daemonId: string): Promise<void> {
    const { agenda, wake, newEvents } = this.#parts;
    this.#room.eventsTurn();
    // Not while claims fail, because others would rely on this daemon.
    if (this.#parts.pace.asksForSleep(wake.state) && !this.#failing.has("events")) {
      await wake.fallAsleep();
    }
    const part = agenda.isDue(this.#walkLook) ? 1 / 2 : 1;
    await this.#room.ask(part, async (room) => {
      const page = await newEvents.claim(daemonId, room);
      await this.#take(page, daemonId);
    });
  }

  async #take(page: Page, daemonId: string): Promise<void> {
    const { database, agenda, newEvents, claimLock, conditions } = this.#parts;
    if (page.outcome === "busy") {
      agenda.by("events", monotonicMs() + LOCK_BUSY_MS);
      await claimLock.noteBusy();
      return;
    }
    claimLock.noteFree();
    this.#report(page);
    await this.#admit(page, daemonId);
    this.#planNext(page.outcome, page.eventCount);
    if (await noteSending(database, conditions, page.outcome === "off")) {
      agenda.queued();
    } else if (page.queuedCount > 0) {
      // Together with what the next claims put there: one event more does not fill a batch.
      agenda.by("queue", monotonicMs() + WALK_GAP_MS);
    }
    await newEvents.tryFilter(page);
  }

  #report({ outcome, claimId, eventCount, deliveries, queuedCount, unmatched }: Page): void {
    if (eventCount > 0) {
      this.#parts.events.emit("claim.taken", {
        claim_id: claimId,
        events: eventCount,
        deliveries: deliveries.length,
        complete: outcome === "complete",
      });
    }
    if (queuedCount > 0) {
      this.#parts.events.emit("deliveries.queued", { deliveries: queuedCount });
    }
    for (const kind of unmatched) {
      this.#parts.events.emit("events.unmatched", kind);
    }
  }

  /** When to look for events again, after a claim that had the claim lock. */
  #planNext(outcome: Found | "aside", eventCount: number): void {
    const { agenda, wake, pace, pollIntervalMs } = this.#parts;
    const found = outcome === "aside" ? "page" : outcome;
    const next = pace.next(found, wake.state, agenda.isDue("events"));
    if (next.stayAwake) {
      wake.stayAwake();
    }
    if (found === "page" && eventCount > 0) {
      // Not awaited: over a link that has fallen silent it would keep this page from being sent.
      void wake.wakePeers();
    }
    agenda.by("events", monotonicMs() + (next.inMs ?? pollIntervalMs));
  }

  /** Inserts need not notify this daemon. */
  #stayAwake(): void {
    this.#parts.pace.linger();
    this.#parts.wake.stayAwake();
  }

  /**
   * Admits what was claimed under this identity. The recorder hears of a claim only once its endpoints are known: if
   * loading them fails, the daemon does not know of the claim, and adopts it like one whose answer was lost.
   */
  async #admit({ claimId, deliveries, revisions }: Claimed, daemonId: string): Promise<void> {
    const { database, events, endpoints, payloads, lease, recorder, inHand } = this.#parts;
    inHand.suspect(await endpoints.ensure(revisions));
    const mayTransform = (endpointId: string) => endpoints.get(endpointId)?.mayTransform ?? false;
    const overrunsOf = this.#overrunsOf;
    this.#shortenRuns(deliveries, mayTransform);
    const transformed = await transformDeliveries({ database, events, daemonId, mayTransform, overrunsOf }, deliveries);
    await payloads.measure(withFollowers(transformed.ready));
    if (lease.daemonId !== daemonId) {
      // The lease ran out meanwhile: these deliveries belong to the daemon that takes them over.
      return;
    }
    if (claimId !== null) {
      recorder.claims.open(claimId, daemonId, deliveries.length);
    }
    for (const { delivery, reason } of transformed.discarded) {
      recorder.add(discarded(delivery, reason));
    }
    for (const delivery of transformed.putOff) {
      recorder.add(putOff(delivery));
    }
    inHand.admit(transformed.ready);
  }

  /** An endpoint that has come to transform since the walk gets its events one by one, and so do the keys of its events. */
  #shortenRuns(deliveries: readonly Delivery[], mayTransform: (endpointId: string) => boolean): void {
    for (const delivery of deliveries) {
      if (delivery.next !== null && mayTransform(delivery.endpointId)) {
        for (const follower of runOf(delivery.next)) {
          this.#parts.recorder.add(handedBack(follower));
        }
        delivery.next = null;
      }
    }
  }
}

function makeTrackBackoff(): Backoff {
  return makeBackoff({ firstMs: 100, lastMs: 5_000 });
}
