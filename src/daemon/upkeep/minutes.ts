import { randomUUID } from "node:crypto";
import type { Database } from "../../db/database.ts";
import { defineStatement } from "../../db/statements.ts";
import type { DeliveryResult } from "../../domain/delivery.ts";
import {
  addCounts,
  countAttempt,
  countEnd,
  delayMsOf,
  type FlushCount,
  type MinuteCounts,
  makeCounts,
  trimmed,
} from "../../domain/minuteCounts.ts";
import { random } from "../../ground/backoff.ts";
import { unixMs } from "../../ground/clock.ts";
import { endsWithin } from "../../ground/endsWithin.ts";
import { messageOf } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";
import { RecordedTotals } from "../../telemetry/recordedTotals.ts";
import type { Busiest } from "./busiest.ts";

const MINUTE_MS = 60_000;
/** A minute is appended up to so long after its end, at a random moment, so that daemons do not all write at once. */
const SPREAD_MS = 5_000;
/** Rows of one statement: it takes 10 ms. */
const ROWS_MAX = 1_000;
/** Endpoints that are counted in memory; with more of them, a minute is appended in several parts. */
const ENDPOINTS_MAX = 20_000;
/** Statements that wait while appending fails; older ones are given up. */
const WAITING_MAX = 50;
const RETRY_MS = 10_000;
/** How long a stopping daemon tries to append its last minute. */
const CLOSE_MS = 2_000;

const appendMinutes = defineStatement("append_minutes", {
  params: { daemonId: "uuid", partId: "uuid", minuteMs: "double precision", endpoints: "json", total: "json?" },
  columns: { append_minutes: "void" },
});

/** One minute of this daemon, under one of its ids. */
interface Minute {
  readonly startMs: number;
  /** The one under which the attempts are recorded. */
  readonly daemonId: string;
  readonly byEndpoint: Map<string, MinuteCounts>;
  claimed: number;
  flushes: number;
  inFlightMax: number;
  waitingMax: number;
}

/** What one statement appends. It keeps its id when it is repeated. */
interface Part {
  readonly daemonId: string;
  readonly partId: string;
  readonly minuteMs: number;
  readonly endpoints: string;
  readonly total: string | null;
}

export interface MinutesOptions {
  readonly database: Database;
  readonly events: Events;
  readonly conditions: Conditions;
  readonly daemonId: () => string;
  /** How far the clock of Postgres is ahead of this machine's. */
  readonly clockAheadMs: () => number;
  readonly load: () => { readonly inFlight: number; readonly waiting: number };
  /** Of some endpoints more is wanted than their minutes. */
  readonly busiest?: Busiest;
}

/**
 * Counts what this daemon has recorded, and appends it to postrider.endpoint_minute and daemon_minute when a minute is over,
 * by the clock of Postgres. Nothing is updated. A daemon that is killed loses the counts of a minute: every attempt is in
 * postrider.attempt all the same, from which postrider.rebuild_minutes() counts them.
 *
 * A minute in which nothing happened is appended, too, because one without a row means that no daemon lived. While
 * appending fails it is left out, so that it takes no room from what was counted.
 */
export class Minutes {
  /** What was counted since the start, whether it is appended or not. */
  readonly totals = new RecordedTotals();
  readonly #options: MinutesOptions;
  readonly #repeat = new Repeat(() => this.#appendEnded());
  readonly #unsubscribe: () => void;
  /** The present minute; more than one of it if the daemon has changed its id. */
  #present: Minute[] = [];
  /** The parts of each past minute, the oldest first. */
  #waiting: (readonly Part[])[] = [];

  constructor(options: MinutesOptions) {
    this.#options = options;
    this.#unsubscribe = options.events.subscribe(
      (event) => {
        if (event.name === "claim.taken") {
          this.#minute(options.daemonId()).claimed += event.fields.events;
        }
      },
      { successes: false },
    );
  }

  start(): void {
    this.#minute(this.#options.daemonId());
    this.#repeat.start(this.#leftMs());
  }

  /** For what one flush has recorded under this id. */
  flushed(daemonId: string): FlushCount {
    if (this.#present.some(({ byEndpoint }) => byEndpoint.size >= ENDPOINTS_MAX)) {
      this.#close();
      this.#repeat.soon();
    }
    const minute = this.#minute(daemonId);
    minute.flushes += 1;
    this.#noteLoad(minute);
    const clockAheadMs = this.#options.clockAheadMs();
    const { totals } = this;
    totals.flushed();
    return {
      attempt: (result) => {
        const delayMs = delayMsOf(result, clockAheadMs);
        countAttempt(countsOf(minute, result), result, delayMs);
        totals.attempt(result, delayMs);
      },
      end: (result) => {
        countEnd(countsOf(minute, result), result);
        totals.end(result);
      },
    };
  }

  /** What is counted of the present minute, by endpoint. */
  get present(): readonly ReadonlyMap<string, MinuteCounts>[] {
    return this.#present.map(({ byEndpoint }) => byEndpoint);
  }

  /** Appends what there is, if that does not take long. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#repeat.stop();
    this.#close();
    await endsWithin(this.#append(), CLOSE_MS).catch(() => {
      // What could not be appended is missing from charts.
    });
  }

  #minute(daemonId: string): Minute {
    const startMs = Math.floor((unixMs() + this.#options.clockAheadMs()) / MINUTE_MS) * MINUTE_MS;
    if (this.#present[0]?.startMs !== startMs) {
      this.#close();
    }
    let minute = this.#present.find((one) => one.daemonId === daemonId);
    if (minute === undefined) {
      minute = { startMs, daemonId, byEndpoint: new Map(), claimed: 0, flushes: 0, inFlightMax: 0, waitingMax: 0 };
      this.#noteLoad(minute);
      this.#present.push(minute);
    }
    return minute;
  }

  #noteLoad(minute: Minute): void {
    const { inFlight, waiting } = this.#options.load();
    minute.inFlightMax = Math.max(minute.inFlightMax, inFlight);
    minute.waitingMax = Math.max(minute.waitingMax, waiting);
  }

  #close(): void {
    for (const minute of this.#present.splice(0)) {
      this.#options.busiest?.note(minute.byEndpoint);
      const isIdle = minute.flushes === 0 && minute.claimed === 0;
      if (!isIdle || this.#waiting.length === 0) {
        this.#waiting.push(partsOf(minute));
      }
    }
    while (this.#waiting.length > 1 && this.#waiting.flat().length > WAITING_MAX) {
      this.#waiting.shift();
    }
  }

  async #appendEnded(): Promise<number> {
    const { conditions } = this.#options;
    // Closes the minute that is over.
    this.#minute(this.#options.daemonId());
    try {
      await this.#append();
      conditions.end("minutes_failing", { task: "minutes" });
      return this.#leftMs();
    } catch (thrown) {
      conditions.begin("minutes_failing", "maintenance.failed", { task: "minutes", error: messageOf(thrown) });
      return RETRY_MS;
    }
  }

  async #append(): Promise<void> {
    for (let parts = this.#waiting[0]; parts !== undefined; parts = this.#waiting[0]) {
      await this.#appendMinute(parts);
      const appended = parts;
      this.#waiting = this.#waiting.filter((other) => other !== appended);
    }
  }

  /** As a whole, because what is counted afterwards of a daemon that was killed is what comes behind its last minute. */
  async #appendMinute(parts: readonly Part[]): Promise<void> {
    const { database } = this.#options;
    const [only, ...others] = parts;
    if (only !== undefined && others.length === 0) {
      await database.run(appendMinutes, only);
      return;
    }
    await database.transaction(async (transaction) => {
      for (const part of parts) {
        await transaction.run(appendMinutes, part);
      }
    });
  }

  /** Until a while after the end of the present minute. */
  #leftMs(): number {
    const intoMs = (unixMs() + this.#options.clockAheadMs()) % MINUTE_MS;
    return MINUTE_MS - intoMs + random() * SPREAD_MS;
  }
}

function countsOf({ byEndpoint }: Minute, { delivery }: DeliveryResult): MinuteCounts {
  let counts = byEndpoint.get(delivery.endpointId);
  if (counts === undefined) {
    counts = makeCounts();
    byEndpoint.set(delivery.endpointId, counts);
  }
  return counts;
}

function partsOf(minute: Minute): readonly Part[] {
  const total = makeCounts();
  for (const counts of minute.byEndpoint.values()) {
    addCounts(total, counts);
  }
  const { claimed, flushes, inFlightMax: in_flight_max, waitingMax: waiting_max } = minute;
  const rows = [...minute.byEndpoint].map(([endpoint_id, counts]) => ({ endpoint_id, ...rowOf(counts) }));
  const parts: Part[] = [];
  for (let at = 0; at === 0 || at < rows.length; at += ROWS_MAX) {
    parts.push({
      daemonId: minute.daemonId,
      partId: randomUUID(),
      minuteMs: minute.startMs,
      endpoints: JSON.stringify(rows.slice(at, at + ROWS_MAX)),
      total: at === 0 ? JSON.stringify({ ...rowOf(total), claimed, flushes, in_flight_max, waiting_max }) : null,
    });
  }
  return parts;
}

function rowOf(counts: MinuteCounts) {
  return { ...counts, request_ms: trimmed(counts.request_ms), delay_ms: trimmed(counts.delay_ms) };
}
