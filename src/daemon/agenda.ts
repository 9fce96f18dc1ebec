import type { DeliveryResult } from "../domain/delivery.ts";
import { monotonicMs } from "../ground/clock.ts";

/**
 * When the loop looks next, and for what. Everything that learns of work writes it down here; the loop alone reads it,
 * and its two tracks rest until something is due.
 *
 *   events   new events: a notification, the poll, the pause of a daemon that is awake
 *   queue    due deliveries: the earliest due time that is known
 *   walk     the next part of a walk over the queue that has begun
 *   claims   claims of daemons that are gone
 *   review   what waits in memory
 *
 * A look is taken off the agenda before it begins, so what arrives during the look is kept. Signs are not kept: a track
 * looks for itself before it rests, and a sign tells the one that rests to look once more.
 *
 *   room     there may be room for another claim
 *   again    a failure may have passed
 */
export type Look = "events" | "queue" | "walk" | "claims" | "review";
type Sign = "room" | "again";

/**
 * For so long at most, a delivery waits in memory behind an edit, a pause or the end of its endpoint; for twice as long if
 * many endpoints have something waiting.
 */
export const REVIEW_INTERVAL_MS = 250;
/** Deliveries that come due one after the other are looked for together. */
export const WALK_GAP_MS = 10;

const NOW = Number.NEGATIVE_INFINITY;
const NEVER = Number.POSITIVE_INFINITY;
/** What a timer of Node.js can wait for. */
const REST_MS_MAX = 2_147_483_647;

export class Agenda {
  readonly #atMs: Record<Look, number> = {
    events: NOW,
    queue: NOW,
    walk: NEVER,
    claims: NOW,
    review: NEVER,
  };
  #isClosed = false;
  /** Until when a look is put off. */
  readonly #notBeforeMs = new Map<Look, number>();
  readonly #rests = new Set<Rest>();

  /** Deliveries were put into the queue that are due now. */
  queued(): void {
    this.by("queue", NOW);
  }

  /** Results were recorded: some deliveries come due again, and there is more room. */
  recorded(results: readonly DeliveryResult[]): void {
    const nowMs = monotonicMs();
    for (const { decision, delivery } of results) {
      if (decision.state === "pending") {
        this.by("queue", nowMs + Math.max(WALK_GAP_MS, decision.waitMs));
      } else if (delivery.tenure.kind === "leased" && delivery.next === null) {
        // What follows it in its run has its room, and nothing else of its key can be leased before that.
        this.by("queue", nowMs + WALK_GAP_MS);
      }
    }
    this.room();
  }

  /** There may be room for another claim. */
  room(): void {
    this.#give("room");
  }

  /** Something waits in memory. */
  review(): void {
    this.by("review", monotonicMs() + REVIEW_INTERVAL_MS);
  }

  /** Look for everything at once: anything may have come unnoticed. */
  lookAgain(): void {
    this.by("events", NOW);
    this.by("queue", NOW);
    this.by("claims", NOW);
    this.#give("again");
  }

  /** Look by then at the latest, unless the look is put off. */
  by(look: Look, atMs: number): void {
    const lookMs = Math.max(atMs, this.#notBeforeMs.get(look) ?? NOW);
    if (lookMs < this.#atMs[look]) {
      this.#atMs[look] = lookMs;
      this.#endRests((rest) => rest.looks.includes(look) && lookMs < rest.untilMs);
    }
  }

  /** Do not look before then, whatever is written down: looks that cost much and bring little must not be frequent. */
  putOff(look: Look, untilMs: number): void {
    this.#notBeforeMs.set(look, untilMs);
    this.#atMs[look] = Math.max(this.#atMs[look], untilMs);
  }

  isDue(look: Look): boolean {
    return this.#atMs[look] <= monotonicMs();
  }

  /** Takes a look off the agenda if it is due. */
  take(look: Look): boolean {
    if (!this.isDue(look)) {
      return false;
    }
    this.#atMs[look] = NEVER;
    return true;
  }

  /** Resolves when one of these looks is due, at one of these signs, after so long at most, or when the agenda is closed. */
  async rest(looks: readonly (Look | Sign)[], longestMs = NEVER): Promise<void> {
    const nowMs = monotonicMs();
    const atMs = looks.map((look) => (look === "room" || look === "again" ? NEVER : this.#atMs[look]));
    const untilMs = Math.min(nowMs + longestMs, ...atMs);
    if (untilMs <= nowMs || this.#isClosed) {
      return;
    }
    const ended = Promise.withResolvers<void>();
    const rest = { looks, untilMs, end: ended.resolve };
    const timer = setTimeout(rest.end, Math.min(REST_MS_MAX, untilMs - nowMs));
    this.#rests.add(rest);
    await ended.promise;
    clearTimeout(timer);
    this.#rests.delete(rest);
  }

  /** From now on nothing rests. */
  close(): void {
    this.#isClosed = true;
    this.#endRests(() => true);
  }

  #give(sign: Sign): void {
    this.#endRests(({ looks }) => looks.includes(sign));
  }

  #endRests(isOver: (rest: Rest) => boolean): void {
    for (const rest of this.#rests) {
      if (isOver(rest)) {
        rest.end();
      }
    }
  }
}

interface Rest {
  readonly looks: readonly (Look | Sign)[];
  readonly untilMs: number;
  readonly end: () => void;
}
