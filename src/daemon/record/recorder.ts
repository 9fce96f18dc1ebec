import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../db/database.ts";
import { classifyPostgresError, reasonOf } from "../../db/pgErrors.ts";
import { defineStatement } from "../../db/statements.ts";
import type { DeliveryResult } from "../../domain/delivery.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import { Signal } from "../../ground/signal.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/**
 * Records results, many at a time: whatever has gathered while the last flush was under way goes with the next, so the
 * batch grows with the load and a single result does not wait.
 *
 * A flush that fails for a passing reason is tried again, as it was, until it succeeds, and `isWell` is false meanwhile
 * (the loop stops claiming, so what gathers is bounded by what is in hand). One that Postgres refuses for good is cut in
 * halves until the result at fault is alone; that one is recorded without what the receiver sent. (Class 42, names and
 * privileges, is no fault of a result: it is waited out like an outage.)
 *
 * The recorder also knows the claims: a claim is finished when all its deliveries have been recorded.
 */

/** Results of one flush. */
export const FLUSH_MAX = 500;
/** A flush of so many results is part of a stream; fewer are recorded as they come. */
const STREAM_RESULTS = 8;
/** How many results the next flush of a stream waits for, and how long. */
const GATHER_RESULTS = 250;
const GATHER_MS = 8;
const RETRY_FIRST_MS = 50;
const RETRY_LAST_MS = 5_000;
/** A delivery that an operator has locked is looked at again so often. */
const LOCKED_RETRY_MS = 500;
/** A result of this batch is recorded already. Two daemons that record the same deliveries can meet more than once. */
const UNIQUE_VIOLATION = "23505";
/** Transient where the partition of a past day was made while the row waited. */
const CHECK_VIOLATION = "23514";
const COLLISIONS_MAX = 5;

const recordResults = defineStatement("record_results", {
  params: {
    daemonId: "uuid",
    isFromMemory: "boolean",
    isRepeat: "boolean",
    eventIds: "uuid?[]?",
    endpointIds: "uuid?[]?",
    claimIds: "bigint?[]?",
    attemptsBefore: "integer?[]?",
    attemptIds: "uuid?[]?",
    startedMs: "double precision?[]?",
    durationsMs: "integer?[]?",
    statuses: "smallint?[]?",
    failureKinds: "text?[]?",
    errors: "text?[]?",
    responseHeaders: "json?[]?",
    responseBodies: "text?[]?",
    states: "text?[]?",
    waitsMs: "bigint?[]?",
    reasons: "text?[]?",
    finishedClaims: "bigint[]",
    goneEndpoints: "uuid[]",
  },
  columns: {
    kept_claims: "bigint[]",
    /** Which results were not decided, from 1. */
    locked: "integer[]?",
  },
});

const emptyClaims = defineStatement("empty_claims", {
  params: { daemonId: "uuid", claims: "bigint[]" },
  columns: { empty_claims: "void" },
});

interface OpenClaim {
  readonly daemonId: string;
  /** Deliveries of the claim without a recorded result. */
  remaining: number;
}

export interface RecorderOptions {
  readonly pool: Database;
  readonly events: Events;
  readonly conditions: Conditions;
  /** Hears of each batch once it is recorded. */
  readonly onRecorded: (results: readonly DeliveryResult[]) => void;
}

export class Recorder {
  readonly #options: RecorderOptions;
  #pending: DeliveryResult[] = [];
  readonly #openClaims = new Map<string, OpenClaim>();
  /** Finished claims that could not be taken away, being the newest, by daemon. */
  readonly #keptClaims = new Map<string, readonly string[]>();
  /** Results of deliveries that somebody else has locked: their attempts are recorded, what follows is not decided. */
  #locked: DeliveryResult[] = [];
  /** Results that may be recorded already. */
  readonly #repeats = new WeakSet<DeliveryResult>();
  readonly #signal = new Signal();
  #flushing: Promise<void> | null = null;
  #flushingCount = 0;
  readonly #closing = new AbortController();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** False while flushes fail. */
  get isWell(): boolean {
    return !this.#options.conditions.has("not_recording");
  }

  /** Results that are not recorded yet, those of the flush under way included. */
  get pendingCount(): number {
    return this.#pending.length + this.#flushingCount + this.#locked.length;
  }

  /** The claims of this daemon identity that are not finished. */
  openClaims(daemonId: string): string[] {
    const ids: string[] = [];
    for (const [id, claim] of this.#openClaims) {
      if (claim.daemonId === daemonId) {
        ids.push(id);
      }
    }
    return ids;
  }

  /** To be told before any result of the claim comes in. */
  openClaim(claimId: string, daemonId: string, deliveryCount: number): void {
    if (deliveryCount > 0) {
      this.#openClaims.set(claimId, { daemonId, remaining: deliveryCount });
    }
  }

  /** The claims of a lost identity are no longer this daemon's; their results are still recorded, as facts. */
  forgetClaims(daemonId: string): void {
    for (const [id, claim] of this.#openClaims) {
      if (claim.daemonId === daemonId) {
        this.#openClaims.delete(id);
      }
    }
    this.#keptClaims.delete(daemonId);
  }

  add(result: DeliveryResult): void {
    this.#pending.push(result);
    this.#flushing ??= this.#flushAll();
    this.#signal.give();
  }

  /** Resolves when everything added so far, and whatever comes in meanwhile, is recorded. */
  async drained(): Promise<void> {
    while (this.#flushing !== null) {
      await this.#flushing;
    }
  }

  /**
   * At the end of a daemon: records what is left, for so long at most, and takes the pairs out of the finished claim
   * that is the cursor, so that nobody looks into it again. False where something is left: it will be done again.
   */
  async close(daemonId: string, timeoutMs: number): Promise<boolean> {
    const deadline = new AbortController();
    const late = pause(timeoutMs, false, { signal: deadline.signal }).catch(() => false);
    const isDrained = await Promise.race([this.drained().then(() => true), late]);
    deadline.abort();
    this.#closing.abort();
    this.#signal.give();
    const kept = this.#keptClaims.get(daemonId) ?? [];
    if (isDrained && kept.length > 0) {
      await this.#options.pool.run(emptyClaims, { daemonId, claims: kept });
    }
    return isDrained;
  }

  async #flushAll(): Promise<void> {
    // Results of the same turn of the event loop go together.
    await new Promise(setImmediate);
    let lockedUntilMs = 0;
    while (this.#pending.length > 0 || (this.#locked.length > 0 && !this.#closing.signal.aborted)) {
      if (this.#locked.length > 0 && monotonicMs() >= lockedUntilMs) {
        this.#pending.push(...this.#locked.splice(0));
      }
      if (this.#pending.length === 0) {
        await this.#signal.wait(lockedUntilMs - monotonicMs());
        continue;
      }
      const batch = this.#takeBatch();
      this.#flushingCount = batch.length;
      await this.#flush(batch);
      this.#flushingCount = 0;
      if (this.#locked.length > 0) {
        lockedUntilMs = monotonicMs() + LOCKED_RETRY_MS;
      }
      this.#options.onRecorded(batch);
      // In a stream, a short wait makes fewer and larger flushes: a quarter less of Postgres for a result.
      if (batch.length >= STREAM_RESULTS && this.#pending.length < GATHER_RESULTS) {
        await pause(GATHER_MS);
      }
    }
    this.#flushing = null;
  }

  /** The oldest results of one daemon identity and one kind of tenure, in the order in which rows are locked. */
  #takeBatch(): DeliveryResult[] {
    const head = this.#pending[0]?.delivery;
    const batch: DeliveryResult[] = [];
    const rest: DeliveryResult[] = [];
    for (const result of this.#pending) {
      const { daemonId, tenure } = result.delivery;
      const belongs = batch.length < FLUSH_MAX && daemonId === head?.daemonId && tenure.kind === head.tenure.kind;
      (belongs ? batch : rest).push(result);
    }
    this.#pending = rest;
    return batch.sort(byDelivery);
  }

  async #flush(batch: readonly DeliveryResult[]): Promise<void> {
    let waitMs = RETRY_FIRST_MS;
    let collisions = 0;
    let isRepeat = batch.some((result) => this.#repeats.has(result));
    while (!this.#closing.signal.aborted) {
      try {
        await this.#write(batch, isRepeat);
        this.#options.conditions.end("not_recording", {});
        return;
      } catch (thrown) {
        const { kind, sqlstate } = classifyPostgresError(thrown);
        // Whatever failed may have been done: an answer was lost, or another daemon was first.
        isRepeat = true;
        const isOvertaken = sqlstate === UNIQUE_VIOLATION || (sqlstate === CHECK_VIOLATION && kind === "transient");
        if (isOvertaken && collisions < COLLISIONS_MAX) {
          collisions += 1;
          continue;
        }
        if (kind === "lasting" && sqlstate?.startsWith("42") !== true) {
          await this.#divide(batch, thrown);
          return;
        }
        const fields = { error: messageOf(thrown), sqlstate, results: batch.length };
        this.#options.conditions.begin("not_recording", "record.failed", fields, reasonOf(thrown));
        await pause(waitMs * (0.5 + Math.random()), undefined, { signal: this.#closing.signal }).catch(() => {
          // The daemon ends.
        });
        waitMs = Math.min(RETRY_LAST_MS, waitMs * 2);
      }
    }
  }

  async #divide(batch: readonly DeliveryResult[], thrown: unknown): Promise<void> {
    if (batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      await this.#flush(batch.slice(0, middle));
      await this.#flush(batch.slice(middle));
      return;
    }
    const [result] = batch;
    if (result === undefined) {
      return;
    }
    const fields = {
      event_id: result.delivery.event.id,
      endpoint_id: result.delivery.endpointId,
      error: messageOf(thrown),
      sqlstate: classifyPostgresError(thrown).sqlstate,
    };
    const reduced = reduce(result);
    if (reduced !== null) {
      this.#options.events.emit("record.reduced", fields);
      await this.#flush([reduced]);
      return;
    }
    // Nothing is left to leave out: the delivery stays in hand, and is made again after a take-over.
    this.#options.events.emit("record.abandoned", fields);
  }

  async #write(batch: readonly DeliveryResult[], isRepeat: boolean): Promise<void> {
    const [head] = batch;
    if (head === undefined) {
      return;
    }
    const { daemonId } = head.delivery;
    const counts = countByClaim(batch);
    const finished = [...(this.#keptClaims.get(daemonId) ?? [])];
    for (const [claimId, count] of counts) {
      const open = this.#openClaims.get(claimId);
      if (open !== undefined && open.remaining <= count) {
        finished.push(claimId);
      }
    }
    const gone = new Set(batch.filter((result) => result.endpointGone).map((result) => result.delivery.endpointId));
    const { rows } = await this.#options.pool.run(recordResults, {
      daemonId,
      isFromMemory: head.delivery.tenure.kind === "claimed",
      isRepeat,
      ...columnsOf(batch),
      finishedClaims: finished,
      goneEndpoints: [...gone],
    });
    for (const [claimId, count] of counts) {
      const open = this.#openClaims.get(claimId);
      if (open !== undefined) {
        open.remaining -= count;
        if (open.remaining <= 0) {
          this.#openClaims.delete(claimId);
        }
      }
    }
    const kept = rows[0]?.kept_claims ?? [];
    if (kept.length > 0) {
      this.#keptClaims.set(daemonId, kept);
    } else {
      this.#keptClaims.delete(daemonId);
    }
    const undecided = new Set((rows[0]?.locked ?? []).map((number) => batch[number - 1]));
    for (const result of batch) {
      if (undecided.has(result)) {
        this.#repeats.add(result);
        this.#locked.push(result);
      } else {
        this.#reportEnd(result);
      }
    }
  }

  /** Without success: those are the deliveries that a person must know of. */
  #reportEnd({ delivery, attempt, decision }: DeliveryResult): void {
    const { events } = this.#options;
    const fields = {
      event_id: delivery.event.id,
      endpoint_id: delivery.endpointId,
      event_type: delivery.event.eventType,
    };
    if (decision.state === "discarded") {
      events.emit("delivery.discarded", { ...fields, reason: decision.reason });
    } else if (decision.state === "exhausted") {
      const { httpStatus: http_status = null, failureKind: failure_kind = null, error = null } = attempt ?? {};
      events.emit("delivery.exhausted", {
        ...fields,
        attempt_number: delivery.attempts + 1,
        http_status,
        failure_kind,
        error,
      });
    }
  }
}

function countByClaim(batch: readonly DeliveryResult[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { delivery } of batch) {
    if (delivery.tenure.kind === "claimed") {
      counts.set(delivery.tenure.claimId, (counts.get(delivery.tenure.claimId) ?? 0) + 1);
    }
  }
  return counts;
}

function byDelivery(one: DeliveryResult, other: DeliveryResult): number {
  const [a, b] = [one.delivery, other.delivery];
  return compare(a.event.id, b.event.id) || compare(a.endpointId, b.endpointId);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** What `postrider_internal.record_results` takes of each result, as columns. */
function columnsOf(results: readonly DeliveryResult[]) {
  return {
    eventIds: plainColumn(results, ({ delivery }) => delivery.event.id),
    endpointIds: plainColumn(results, ({ delivery }) => delivery.endpointId),
    claimIds: plainColumn(results, ({ delivery: { tenure } }) => (tenure.kind === "claimed" ? tenure.claimId : null)),
    attemptsBefore: plainColumn(results, ({ delivery }) => delivery.attempts),
    attemptIds: plainColumn(results, ({ attempt }) => attempt?.id ?? null),
    startedMs: plainColumn(results, ({ attempt }) => attempt?.startedAtMs ?? null),
    durationsMs: plainColumn(results, ({ attempt }) => attempt?.durationMs ?? null),
    statuses: plainColumn(results, ({ attempt }) => attempt?.httpStatus ?? null),
    failureKinds: plainColumn(results, ({ attempt }) => attempt?.failureKind ?? null),
    errors: textColumn(results, ({ attempt }) => attempt?.error ?? null),
    responseHeaders: textColumn(results, ({ attempt }) =>
      attempt?.responseHeaders ? JSON.stringify(attempt.responseHeaders) : null,
    ),
    responseBodies: textColumn(results, ({ attempt }) => attempt?.responseBody ?? null),
    states: plainColumn(results, ({ decision }) => decision.state),
    waitsMs: plainColumn(results, ({ decision }) =>
      decision.state === "pending" ? Math.round(decision.waitMs) : null,
    ),
    reasons: textColumn(results, ({ decision }) => (decision.state === "discarded" ? decision.reason : null)),
  };
}

/** A column of ids, numbers and words, which need no quoting in an array; null where all of it is null. */
function plainColumn(
  results: readonly DeliveryResult[],
  pick: (result: DeliveryResult) => string | number | null,
): string | null {
  let text = "{";
  let isNull = true;
  for (const result of results) {
    const value = pick(result);
    isNull &&= value === null;
    text += text === "{" ? (value ?? "null") : `,${value ?? "null"}`;
  }
  return isNull ? null : `${text}}`;
}

/** A column of text, quoted by the driver; null where all of it is null. */
function textColumn(
  results: readonly DeliveryResult[],
  pick: (result: DeliveryResult) => string | null,
): readonly (string | null)[] | null {
  const values = results.map(pick);
  return values.every((value) => value === null) ? null : values;
}

/** First without anything that came from outside, then without the attempt; null where there is no attempt either. */
function reduce(result: DeliveryResult): DeliveryResult | null {
  const { attempt } = result;
  if (attempt === null) {
    return null;
  }
  const error = attempt.failureKind === null ? null : "the attempt failed; Postgres refused the details";
  if (attempt.responseHeaders === null && attempt.responseBody === null && attempt.error === error) {
    return { ...result, attempt: null };
  }
  return { ...result, attempt: { ...attempt, error, responseHeaders: null, responseBody: null } };
}
