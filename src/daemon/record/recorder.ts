import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../db/database.ts";
import { classifyPostgresError, isUntranslatable, reasonOf } from "../../db/pgErrors.ts";
import { defineStatement } from "../../db/statements.ts";
import type { DeliveryResult } from "../../domain/delivery.ts";
import type { FlushCount } from "../../domain/minuteCounts.ts";
import { makeBackoff } from "../../ground/backoff.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { endsWithin } from "../../ground/endsWithin.ts";
import { messageOf } from "../../ground/errors.ts";
import { Signal } from "../../ground/signal.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";
import { type CircuitChange, reportCircuit } from "./circuits.ts";
import { columnsOf, inAscii, reduced } from "./columns.ts";
import { Gathering } from "./gathering.ts";
import { countByClaim, OpenClaims } from "./openClaims.ts";

/**
 * Records results, many at a time: what gathers during one flush goes with the next, so the batch grows with the load.
 * A few first successes wait a moment for others, because nothing follows from them, and so do successes within a run.
 * Any other result goes at once.
 *
 * A flush that fails for a passing reason is retried until it succeeds. Meanwhile `isWell` is false and the loop claims
 * nothing, so what gathers is bounded by what is in hand. If Postgres refuses a flush for good, it is cut in halves until
 * the result at fault is alone, and that one is recorded without what the receiver sent. Class 42, names and privileges,
 * is not the fault of a result: it is waited out like an outage. If a text has a character that the database's encoding
 * lacks, all texts of the flush are recorded in ASCII: a receiver that writes one such character writes it in each answer,
 * and halves would take two flushes for each result.
 */

/** Results of one flush. */
export const FLUSH_MAX = 500;
/** A flush of so many results is part of a stream. */
const STREAM_RESULTS = 8;
/**
 * How long fewer of these successes wait. A flush costs Postgres the same for one as for five: at 50 a second this is 250 us
 * a result, not 650. A daemon that is killed has so few more to be repeated.
 */
const FEW_WAIT_MS = 50;
/**
 * How long a stream gathers before its next flush, if that is not full. A flush costs Postgres 0.4 ms and then 5 us a
 * result, so half as many flushes save 1 us a delivery. Results that are not recorded when a daemon is killed are
 * repeated: 16 ms are 160 of them at 10,000/s.
 */
const GATHER_MS = 16;
/** How often a delivery that an operator has locked is tried again. */
const LOCKED_RETRY_MS = 500;
/** A result of this batch is recorded already. Two daemons that record the same deliveries can meet more than once. */
const UNIQUE_VIOLATION = "23505";
/** Transient if the partition of a past day was made while the row waited. */
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
    requests: "smallint?[]?",
    endpointRevisions: "bigint?[]?",
    batchIds: "uuid?[]?",
    failureKinds: "text?[]?",
    errors: "text?[]?",
    responseHeaders: "json?[]?",
    responseBodies: "text?[]?",
    states: "text?[]?",
    waitsMs: "bigint?[]?",
    reasons: "text?[]?",
    alone: "integer[]?",
    claims: "bigint[]",
    finishedClaims: "bigint[]",
    finishedEpochs: "uuid?[]",
    goneEndpoints: "uuid[]",
  },
  columns: {
    kept_claims: "bigint[]",
    /** Which results were not decided, from 1. */
    locked: "integer[]?",
    /** Which results that were to be attempted again are discarded instead, from 1, and why. */
    discarded: "integer[]?",
    discard_reasons: "text[]?",
    epoch: "uuid",
    circuits: "jsonb?",
  },
});

const emptyClaims = defineStatement("empty_claims", {
  params: { daemonId: "uuid", claims: "bigint[]" },
  columns: { empty_claims: "void" },
});

export interface RecorderOptions {
  readonly database: Database;
  readonly events: Events;
  readonly conditions: Conditions;
  /** Called with each batch once it is recorded. */
  readonly onRecorded: (results: readonly DeliveryResult[]) => void;
  /** Called after each flush, which is of one daemon id, for what counts its results. Without it they are not counted. */
  readonly countFlush?: (daemonId: string) => FlushCount;
  /** Default: FEW_WAIT_MS. */
  readonly fewWaitMs?: number;
}

export class Recorder {
  /** The claims whose results it records. */
  readonly claims = new OpenClaims();
  readonly #options: RecorderOptions;
  readonly #backoff = makeBackoff({ firstMs: 50, lastMs: 5_000 });
  readonly #pending = new Gathering();
  /** When what is pending is flushed, however little it is. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** What is pending is waited for. */
  #isHurried = false;
  /** Results of deliveries that another session has locked: their attempts are recorded, the deliveries not decided. */
  #locked: DeliveryResult[] = [];
  /** Results that may be recorded already. */
  readonly #repeats = new WeakSet<DeliveryResult>();
  readonly #signal = new Signal();
  #flushing: Promise<void> | null = null;
  #flushingCount = 0;
  #flushingRoom = 0;
  readonly #closing = new AbortController();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** False while flushes fail. */
  get isWell(): boolean {
    return !this.#options.conditions.has("not_recording");
  }

  /**
   * Results that are not recorded yet, those of the flush in progress included; those of a batch for as many as it took up
   * the room of.
   */
  get pendingCount(): number {
    return this.#pending.room + this.#flushingRoom + this.#locked.length;
  }

  /** Whether nothing is being recorded. What is pending nevertheless waits for locks of other sessions. */
  get isIdle(): boolean {
    return this.#pending.count + this.#flushingCount === 0;
  }

  add(result: DeliveryResult): void {
    this.#pend(result);
    this.#flushing ??= this.#flushAll();
    this.#signal.give();
  }

  /** Records everything now; resolves when that is done, what is added meanwhile included. */
  async drained(): Promise<void> {
    this.#isHurried = true;
    this.#signal.give();
    while (this.#flushing !== null) {
      await this.#flushing;
    }
    this.#isHurried = false;
  }

  /**
   * At the end of a daemon: records what is left, for so long at most, and empties the finished claim that is the cursor,
   * so that no daemon looks into it again. False if something is left: those attempts will be made again.
   */
  async close(daemonId: string, timeoutMs: number): Promise<boolean> {
    const isDrained = await endsWithin(this.drained(), timeoutMs);
    this.#closing.abort();
    this.#signal.give();
    const kept = this.claims.keptOf(daemonId);
    if (isDrained && kept.length > 0) {
      await this.#options.database.run(emptyClaims, { daemonId, claims: kept });
    }
    return isDrained;
  }

  #pend(result: DeliveryResult): void {
    this.#pending.add(result);
    if (!bringsNothing(result)) {
      this.#dueMs = Number.NEGATIVE_INFINITY;
    } else if (this.#dueMs === Number.POSITIVE_INFINITY) {
      this.#dueMs = monotonicMs() + (this.#options.fewWaitMs ?? FEW_WAIT_MS);
    }
  }

  /** Resolves when what is pending should be flushed. */
  async #gatherFew(): Promise<void> {
    while (this.#pending.count < STREAM_RESULTS && !this.#isHurried) {
      const leftMs = this.#dueMs - monotonicMs();
      if (leftMs <= 0) {
        return;
      }
      await this.#signal.wait(leftMs);
    }
  }

  async #flushAll(): Promise<void> {
    // Results of the same turn of the event loop go together.
    await new Promise(setImmediate);
    let lockedUntilMs = 0;
    while (this.#pending.count > 0 || (this.#locked.length > 0 && !this.#closing.signal.aborted)) {
      if (this.#locked.length > 0 && monotonicMs() >= lockedUntilMs) {
        for (const result of this.#locked.splice(0)) {
          this.#pend(result);
        }
      }
      if (this.#pending.count === 0) {
        await this.#signal.wait(lockedUntilMs - monotonicMs());
        continue;
      }
      await this.#gatherFew();
      const { room } = this.#pending;
      const batch = this.#pending.take(FLUSH_MAX);
      // What is left has waited already.
      this.#dueMs = this.#pending.count > 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
      this.#flushingCount = batch.length;
      this.#flushingRoom = room - this.#pending.room;
      await this.#flush(batch);
      this.#flushingCount = 0;
      this.#flushingRoom = 0;
      if (this.#locked.length > 0) {
        lockedUntilMs = monotonicMs() + LOCKED_RETRY_MS;
      }
      this.#options.onRecorded(batch);
      if (batch.length >= STREAM_RESULTS && this.#pending.count < FLUSH_MAX) {
        await pause(GATHER_MS);
      }
    }
    this.#flushing = null;
  }

  async #flush(batch: readonly DeliveryResult[]): Promise<void> {
    let results = batch;
    let isAscii = false;
    let collisions = 0;
    let isRepeat = batch.some((result) => this.#repeats.has(result));
    while (!this.#closing.signal.aborted) {
      try {
        await this.#write(results, isRepeat);
        this.#backoff.reset();
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
        if (!isAscii && isUntranslatable(thrown)) {
          isAscii = true;
          results = results.map(inAscii);
          continue;
        }
        if (kind === "lasting" && sqlstate?.startsWith("42") !== true) {
          await this.#divide(results, thrown);
          return;
        }
        const fields = { error: messageOf(thrown), sqlstate, results: batch.length };
        this.#options.conditions.begin("not_recording", "record.failed", fields, reasonOf(thrown));
        await pause(this.#backoff.nextMs(), undefined, { signal: this.#closing.signal }).catch(() => {
          // The daemon ends.
        });
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
    const rest = reduced(result);
    if (rest !== null) {
      this.#options.events.emit("record.reduced", fields);
      await this.#flush([rest]);
      return;
    }
    // Nothing is left to leave out. The delivery stays in hand, and is attempted again after a take-over.
    this.#options.events.emit("record.abandoned", fields);
    // Postgres answers, and no other result may come that would show it while nothing is claimed.
    this.#options.conditions.end("not_recording", {});
  }

  async #write(batch: readonly DeliveryResult[], isRepeat: boolean): Promise<void> {
    const [head] = batch;
    if (head === undefined) {
      return;
    }
    const { daemonId } = head.delivery;
    const counts = countByClaim(batch);
    const finished = this.claims.finishedBy(daemonId, counts);
    const gone = new Set(batch.filter(endpointIsGone).map((result) => result.delivery.endpointId));
    const { rows } = await this.#options.database.run(recordResults, {
      daemonId,
      isFromMemory: head.delivery.tenure.kind === "claimed",
      isRepeat,
      ...columnsOf(batch),
      claims: [...counts.keys()],
      finishedClaims: finished.map(({ id }) => id),
      finishedEpochs: finished.map(({ epoch }) => epoch),
      goneEndpoints: [...gone],
    });
    const [recorded] = rows;
    this.claims.noteRecorded(daemonId, counts, recorded?.kept_claims ?? [], recorded?.epoch ?? null);
    const locked = new Set(recorded?.locked);
    const discards = new Map(recorded?.discarded?.map((number, at) => [number, recorded.discard_reasons?.[at]]));
    for (const change of (recorded?.circuits ?? []) as readonly CircuitChange[]) {
      reportCircuit(change, this.#options.events);
    }
    const count = this.#options.countFlush?.(daemonId);
    for (const [at, result] of batch.entries()) {
      // The attempt of a result that is tried again because of a lock was recorded the first time.
      if (!this.#repeats.has(result)) {
        count?.attempt(result);
      }
      if (locked.size > 0 && locked.has(at + 1)) {
        this.#repeats.add(result);
        this.#locked.push(result);
      } else if (result.decision.state !== "succeeded") {
        const reason = discards.get(at + 1);
        const decided = reason === undefined ? result : discardedInstead(result, reason);
        count?.end(decided);
        this.#reportEnd(decided);
      }
    }
  }

  /** Reports a delivery that ended without success, because a person must know of it. */
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
        reason: decision.reason ?? null,
      });
    }
  }
}

/** Of a first attempt from memory. */
/** The queue has nothing to do after it: what follows it in its run is in hand. */
function bringsNothing({ decision, delivery }: DeliveryResult): boolean {
  return decision.state === "succeeded" && (delivery.tenure.kind === "claimed" || delivery.next !== null);
}

/** Postgres has the last word: the delivery was cancelled, or its endpoint disabled or deleted, during the attempt. */
function discardedInstead(result: DeliveryResult, reason: string): DeliveryResult {
  return { ...result, decision: { state: "discarded", reason, endpointGone: false } };
}

function endpointIsGone({ decision }: DeliveryResult): boolean {
  return decision.state === "discarded" && decision.endpointGone;
}
