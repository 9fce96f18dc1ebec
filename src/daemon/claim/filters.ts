import type { Database } from "../../db/database.ts";
import { classifyPostgresError, isTimeout } from "../../db/pgErrors.ts";
import { defineStatement } from "../../db/statements.ts";
import { monotonicMs } from "../../ground/clock.ts";
import type { Events } from "../../telemetry/bus.ts";

/**
 * Filters are judged within the claim, so one that never ends (a regular expression that backtracks, a path that visits
 * every pair of a large list) would stop every claim. Three stages keep claims short:
 *
 * - A page ends before an event with a filter that takes too long. That filter is tried once more, outside the claim. If
 *   it takes too long again, the event is claimed without it, and that one delivery is discarded.
 * - If an endpoint is at fault with several events within some minutes, its filters are not applied for some minutes. They
 *   are then tried with the newest events, outside the claim, before claims apply them again.
 * - If a claim still outlasts its deadline, one event is claimed alone, with a longer deadline. If that is not enough
 *   three times either, for a server may stand still, the event is claimed without any filter.
 */

/** Events of one page. */
export const PAGE_EVENTS_MAX = 500;
/** A page that takes longer is followed by a smaller one; one that took less than a tenth by a larger one. */
const LONG_MS = 2_000;
const SHRINK_BY = 4;
const GROW_BY = 2;
/** A claim that ended sooner was cancelled from outside, and says nothing about filters. */
const TIMED_OUT_MS = 1_500;
const TIMED_OUT_PATIENT_MS = 8_000;
const PATIENT_CLAIMS_MAX = 3;
/** Longer than a filter may take (postrider_internal.judge_filters). */
const TRIAL_TIMEOUT_MS = 1_000;
/** An endpoint's filters are left out once it was at fault with so many events, within so long. */
const FAULTS_MAX = 3;
const FAULTS_WITHIN_MS = 10 * 60_000;
/** Its filters are tried again after so long, with so many events. */
const UNJUDGED_MS = 10 * 60_000;
const READMISSION_EVENTS = 3;
const QUERY_CANCELED = "57014";

const tryFilters = defineStatement("try_filters", {
  params: { eventId: "uuid", endpointId: "uuid" },
  columns: { is_slow: "boolean" },
});
const newestFiltered = defineStatement("newest_filtered", {
  params: { endpointId: "uuid", eventsMax: "integer" },
  columns: { event_id: "uuid" },
});

/** An endpoint with a filter that takes too long with an event. */
export interface SlowFilter {
  readonly eventId: string;
  readonly endpointId: string;
}

/** Endpoints whose filters are not applied to an event (null: to any), so that the delivery is discarded. */
export type Unjudged = readonly { readonly endpointId: string; readonly eventId: string | null }[] | "all";

export interface FiltersOptions {
  readonly database: Database;
  readonly events: Events;
  /** Milliseconds that only grow; a test moves them. */
  readonly nowMs?: () => number;
}

export class Filters {
  readonly #database: Database;
  readonly #events: Events;
  readonly #nowMs: () => number;
  /** When each endpoint was at fault recently. */
  readonly #faults = new Map<string, readonly number[]>();
  /** The endpoints whose filters are left out, and until when. */
  readonly #leftOut = new Map<string, number>();
  readonly #readmissions = new Map<string, Promise<void>>();
  /** The endpoints whose filters are not applied to the event that is next. */
  #spared: { readonly eventId: string; readonly endpointIds: readonly string[] } | null = null;
  /** What a trial found quick enough. A claim that finds it slow again is believed. */
  #doubted: SlowFilter | null = null;
  #eventsMax = PAGE_EVENTS_MAX;
  #patience: "none" | "patient" | "resigned" = "none";
  #patientClaims = 0;

  constructor({ database, events, nowMs = monotonicMs }: FiltersOptions) {
    this.#database = database;
    this.#events = events;
    this.#nowMs = nowMs;
  }

  /** The most events of the next page. */
  get eventsMax(): number {
    return this.#eventsMax;
  }

  /** Whether the next claim gets the longer deadline. */
  get isPatient(): boolean {
    return this.#patience !== "none";
  }

  /** The endpoints whose filters are not applied by the next claim, and to which event; "all": no filter is. */
  unjudged(): Unjudged {
    if (this.#patience === "resigned") {
      return "all";
    }
    this.#beginReadmissions();
    const everywhere = [...this.#leftOut.keys()].map((endpointId) => ({ endpointId, eventId: null }));
    const { eventId = null, endpointIds = [] } = this.#spared ?? {};
    return [...everywhere, ...endpointIds.map((endpointId) => ({ endpointId, eventId }))];
  }

  /** A claim that brought events took so long. */
  claimed(tookMs: number): void {
    this.#patience = "none";
    this.#patientClaims = 0;
    if (tookMs > LONG_MS) {
      this.#eventsMax = Math.max(1, Math.floor(this.#eventsMax / SHRINK_BY));
    } else if (tookMs < LONG_MS / 10) {
      this.#eventsMax = Math.min(PAGE_EVENTS_MAX, this.#eventsMax * GROW_BY);
    }
  }

  /** A claim failed after so long. */
  failed(thrown: unknown, tookMs: number): void {
    if (!isTimeout(thrown) || tookMs < (this.isPatient ? TIMED_OUT_PATIENT_MS : TIMED_OUT_MS)) {
      return;
    }
    if (!this.isPatient) {
      this.#patience = "patient";
      this.#eventsMax = 1;
      return;
    }
    this.#patientClaims += 1;
    if (this.#patientClaims >= PATIENT_CLAIMS_MAX) {
      this.#patience = "resigned";
      this.#events.emit("filters.skipped", { took_ms: Math.round(tookMs) });
    }
  }

  /** A claim stopped at an event because a filter took too long. Rejects if the filter cannot be tried. */
  async met(slow: SlowFilter): Promise<void> {
    const { eventId, endpointId } = slow;
    const isDoubted = this.#doubted?.eventId === eventId && this.#doubted.endpointId === endpointId;
    // Tried alone, so that a server that froze for a moment does not cost an endpoint its delivery.
    if (!isDoubted && !(await this.#isSlow(eventId, endpointId))) {
      this.#doubted = slow;
      return;
    }
    this.#doubted = null;
    const spared = this.#spared?.eventId === eventId ? this.#spared.endpointIds : [];
    this.#spared = { eventId, endpointIds: [...spared, endpointId] };
    this.#noteFault(slow);
  }

  /** Resolves when no filter is being tried. */
  async settled(): Promise<void> {
    await Promise.all(this.#readmissions.values());
  }

  #noteFault({ eventId, endpointId }: SlowFilter): void {
    const nowMs = this.#nowMs();
    const faults = (this.#faults.get(endpointId) ?? []).filter((atMs) => nowMs - atMs < FAULTS_WITHIN_MS);
    faults.push(nowMs);
    this.#faults.set(endpointId, faults);
    const isLeftOut = faults.length >= FAULTS_MAX;
    if (isLeftOut) {
      this.#leftOut.set(endpointId, nowMs + UNJUDGED_MS);
    }
    this.#events.emit("filter.too_slow", {
      endpoint_id: endpointId,
      event_id: eventId,
      unjudged_for_ms: isLeftOut ? UNJUDGED_MS : 0,
    });
  }

  #beginReadmissions(): void {
    for (const [endpointId, untilMs] of this.#leftOut) {
      if (untilMs <= this.#nowMs() && !this.#readmissions.has(endpointId)) {
        const trial = this.#readmit(endpointId).finally(() => this.#readmissions.delete(endpointId));
        this.#readmissions.set(endpointId, trial);
      }
    }
  }

  async #readmit(endpointId: string): Promise<void> {
    // If it cannot be tried, it is not known to be quick.
    const isSlow = await this.#isSlowOfLate(endpointId).catch(() => true);
    if (isSlow) {
      this.#leftOut.set(endpointId, this.#nowMs() + UNJUDGED_MS);
      return;
    }
    this.#leftOut.delete(endpointId);
    this.#faults.delete(endpointId);
    this.#events.emit("filter.readmitted", { endpoint_id: endpointId });
  }

  async #isSlowOfLate(endpointId: string): Promise<boolean> {
    const { rows } = await this.#database.run(newestFiltered, {
      endpointId,
      eventsMax: READMISSION_EVENTS,
    });
    for (const { event_id: eventId } of rows) {
      if (await this.#isSlow(eventId, endpointId)) {
        return true;
      }
    }
    return false;
  }

  /** Whether one of the filters of the endpoint takes too long with the event. */
  async #isSlow(eventId: string, endpointId: string): Promise<boolean> {
    try {
      return await this.#database.transaction(async (client) => {
        await client.query(`set local statement_timeout = ${TRIAL_TIMEOUT_MS}`);
        const { rows } = await client.run(tryFilters, { eventId, endpointId });
        return rows.some((row) => row.is_slow);
      }, "rollback");
    } catch (thrown) {
      if (classifyPostgresError(thrown).sqlstate === QUERY_CANCELED) {
        return true;
      }
      throw thrown;
    }
  }
}
