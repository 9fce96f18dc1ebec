import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../db/database.ts";
import { latestOf, readPlan } from "../../db/schemaPlan.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { Kept } from "../../ground/kept.ts";
import type { Sample, Samples } from "../../telemetry/metrics.ts";
import type { EndpointTotals } from "./busiest.ts";

/** How long what was read is kept. */
const KEPT_MS = 3_000;
/** Rows that one statement counts of what waits: it takes some 5 ms. */
const PART_ROWS = 2_000;
/**
 * The pause after such a statement, in its own duration, so that counting takes no more than this part of a core whatever
 * waits. The first count, without which there is none to tell of, may take more.
 */
const PAUSES = 100;
const FIRST_PAUSES = 10;
/** Deliveries of one endpoint that are counted. */
const COUNTED_MAX = 100_000;
const UNCLAIMED_MAX = 10_000;
/** Deliveries that are counted of each of the busiest endpoints. */
const ENDPOINT_COUNTED_MAX = 1_000;

const LOWEST = "00000000-0000-0000-0000-000000000000";
const HIGHEST = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const measureFigures = defineStatement("measure_figures", {
  params: { unclaimedMax: "integer" },
  columns: {
    schema_version: "integer?",
    partition_days_ahead: "integer",
    active: "integer",
    paused: "integer",
    disabled: "integer",
    circuits_open: "integer",
    circuit_seconds: "double precision?",
    unconsented: "integer",
    live: "integer",
    late: "integer",
    lost: "integer",
    replays: "integer",
    notification_queue_ratio: "double precision",
    unclaimed: "integer",
    unclaimed_seconds: "double precision?",
  },
});

const measureWaiting = defineStatement("measure_waiting", {
  params: { afterEndpoint: "uuid", afterEvent: "uuid", rowsMax: "integer" },
  columns: {
    endpoint_id: "uuid?",
    event_id: "uuid?",
    last_rows: "integer",
    endpoints: "integer",
    active: "integer",
    paused: "integer",
    due: "integer",
    overdue: "integer",
    overdue_seconds: "double precision?",
    oldest_seconds: "double precision?",
  },
});

const measureEndpoints = defineStatement("measure_endpoints", {
  params: { ids: "uuid[]", countedMax: "integer" },
  columns: {
    id: "uuid",
    tenant: "text?",
    name: "text?",
    is_open: "boolean",
    pending: "integer",
    oldest_seconds: "double precision?",
  },
});

type Figures = RowOf<(typeof measureFigures)["shape"]>;
type WaitingPart = RowOf<(typeof measureWaiting)["shape"]>;
type EndpointFigures = RowOf<(typeof measureEndpoints)["shape"]>;

/** What waits, over all endpoints. */
interface Waiting {
  readonly endpoints: number;
  readonly uncounted: number;
  readonly active: number;
  readonly paused: number;
  readonly due: number;
  readonly overdue: number;
  readonly overdueSeconds: number;
  readonly oldestSeconds: number;
}

const NOTHING: Waiting = {
  ...{ endpoints: 0, uncounted: 0, active: 0, paused: 0, due: 0, overdue: 0 },
  ...{ overdueSeconds: 0, oldestSeconds: 0 },
};

export interface MeasuresOptions {
  readonly database: Database;
  /** The busiest endpoints, as far as they are to be told of. */
  readonly busiest: () => readonly EndpointTotals[];
}

/**
 * What metrics tell of the database. It is asked for when metrics are, and then at most every few seconds; an answer waits
 * for it only for milliseconds, and has what was read before, or nothing while Postgres is away.
 */
export class Measures {
  readonly #options: MeasuresOptions;
  readonly #figures = new Kept(() => this.#readFigures(), KEPT_MS);
  readonly #waiting = new Kept(() => this.#countWaiting(), KEPT_MS);
  readonly #endpoints = new Kept(() => this.#readEndpoints(), KEPT_MS);
  readonly #stopping = new AbortController();
  #pauses = FIRST_PAUSES;

  constructor(options: MeasuresOptions) {
    this.#options = options;
  }

  async samples(): Promise<Samples> {
    const [figures, waiting, ofEndpoints] = await Promise.all([
      this.#figures.get(),
      this.#waiting.get(),
      this.ofEndpoints(),
    ]);
    const ageMs = Math.max(figures?.ageMs ?? 0, waiting?.ageMs ?? 0);
    return {
      postrider_database_up: one(figures === null ? 0 : 1),
      postrider_known_schema_version: one(latestOf(readPlan())),
      ...((figures !== null || waiting !== null) && { postrider_database_age_seconds: one(ageMs / 1_000) }),
      ...(figures !== null && figureSamples(figures.value, figures.ageMs / 1_000)),
      ...(waiting !== null && waitingSamples(waiting.value, waiting.ageMs / 1_000)),
      ...ofEndpoints,
    };
  }

  /** Only of the endpoints that are busy in this process, which Postgres names. */
  async ofEndpoints(): Promise<Samples> {
    const totals = this.#options.busiest();
    const figures = totals.length === 0 ? null : await this.#endpoints.get();
    return figures === null ? {} : endpointSamples(totals, figures.value, figures.ageMs / 1_000);
  }

  /** Asks for nothing more. */
  stop(): void {
    this.#stopping.abort();
  }

  async #readFigures(): Promise<Figures> {
    const { rows } = await this.#options.database.run(measureFigures, { unclaimedMax: UNCLAIMED_MAX });
    const [row] = rows;
    if (row === undefined) {
      throw new Error("there are no figures");
    }
    return row;
  }

  async #readEndpoints(): Promise<ReadonlyMap<string, EndpointFigures>> {
    const ids = this.#options.busiest().map(({ endpointId }) => endpointId);
    const { rows } = await this.#options.database.run(measureEndpoints, { ids, countedMax: ENDPOINT_COUNTED_MAX });
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** A part at a time, so that no statement takes long whatever waits. */
  async #countWaiting(): Promise<Waiting> {
    const { database } = this.#options;
    let sum = NOTHING;
    let place = { afterEndpoint: LOWEST, afterEvent: LOWEST };
    let ofEndpoint = 0;
    for (;;) {
      const startedMs = monotonicMs();
      const { rows } = await database.run(measureWaiting, { ...place, rowsMax: PART_ROWS });
      const [part] = rows;
      sum = part === undefined ? sum : withPart(sum, part);
      if (part === undefined || part.endpoint_id === null || part.event_id === null) {
        this.#pauses = PAUSES;
        return sum;
      }
      ofEndpoint = part.last_rows + (part.endpoint_id === place.afterEndpoint ? ofEndpoint : 0);
      const isEnough = ofEndpoint >= COUNTED_MAX;
      place = { afterEndpoint: part.endpoint_id, afterEvent: isEnough ? HIGHEST : part.event_id };
      sum = isEnough ? { ...sum, uncounted: sum.uncounted + 1 } : sum;
      await pause(this.#pauses * (monotonicMs() - startedMs), null, { signal: this.#stopping.signal });
    }
  }
}

function withPart(sum: Waiting, part: WaitingPart): Waiting {
  return {
    endpoints: sum.endpoints + part.endpoints,
    uncounted: sum.uncounted,
    active: sum.active + part.active,
    paused: sum.paused + part.paused,
    due: sum.due + part.due,
    overdue: sum.overdue + part.overdue,
    overdueSeconds: Math.max(sum.overdueSeconds, part.overdue_seconds ?? 0),
    oldestSeconds: Math.max(sum.oldestSeconds, part.oldest_seconds ?? 0),
  };
}

/** An age grows while it is kept. Another server's clock, or an event's id that was chosen, may make it negative. */
function grown(seconds: number | null, bySeconds: number): number {
  return seconds === null || seconds <= 0 ? 0 : seconds + bySeconds;
}

function waitingSamples(waiting: Waiting, ageSeconds: number): Samples {
  return {
    postrider_pending_deliveries: [labelled("active", waiting.active), labelled("paused", waiting.paused)],
    postrider_pending_endpoints: one(waiting.endpoints),
    postrider_uncounted_endpoints: one(waiting.uncounted),
    postrider_due_deliveries: one(waiting.due),
    postrider_overdue_deliveries: one(waiting.overdue),
    postrider_longest_overdue_seconds: one(grown(waiting.overdueSeconds, ageSeconds)),
    postrider_oldest_pending_seconds: one(grown(waiting.oldestSeconds, ageSeconds)),
  };
}

function figureSamples(figures: Figures, ageSeconds: number): Samples {
  const { active, paused, disabled, live, late, lost, schema_version } = figures;
  return {
    postrider_unclaimed_events: one(figures.unclaimed),
    postrider_oldest_unclaimed_seconds: one(grown(figures.unclaimed_seconds, ageSeconds)),
    postrider_endpoints: [labelled("active", active), labelled("paused", paused), labelled("disabled", disabled)],
    postrider_open_circuits: one(figures.circuits_open),
    postrider_longest_open_circuit_seconds: one(grown(figures.circuit_seconds, ageSeconds)),
    postrider_unconsented_endpoints: one(figures.unconsented),
    postrider_known_daemons: [labelled("live", live), labelled("late", late), labelled("lost", lost)],
    postrider_running_replays: one(figures.replays),
    postrider_partitions_ahead: one(figures.partition_days_ahead),
    ...(schema_version !== null && { postrider_schema_version: one(schema_version) }),
    postrider_notification_queue_ratio: one(figures.notification_queue_ratio),
  };
}

/** One that was deleted is told of no more. */
function endpointSamples(
  totals: readonly EndpointTotals[],
  figures: ReadonlyMap<string, EndpointFigures>,
  ageSeconds: number,
): Samples {
  const known = totals.flatMap((each) => {
    const row = figures.get(each.endpointId);
    return row === undefined ? [] : { ...each, row, labels: [each.endpointId, row.tenant ?? "", row.name ?? ""] };
  });
  return {
    postrider_endpoint_attempts_total: known.flatMap(({ labels, succeeded, failed }) => [
      { labels: [...labels, "succeeded"], values: [succeeded] },
      { labels: [...labels, "failed"], values: [failed] },
    ]),
    postrider_endpoint_request_seconds_total: known.map(({ labels, requestMs }) => ({
      labels,
      values: [requestMs / 1_000],
    })),
    postrider_endpoint_undelivered_total: known.flatMap(({ labels, exhausted, discarded }) => [
      { labels: [...labels, "exhausted"], values: [exhausted] },
      { labels: [...labels, "discarded"], values: [discarded] },
    ]),
    postrider_endpoint_pending_deliveries: known.map(({ labels, row }) => ({ labels, values: [row.pending] })),
    postrider_endpoint_oldest_pending_seconds: known.map(({ labels, row }) => ({
      labels,
      values: [grown(row.oldest_seconds, ageSeconds)],
    })),
    postrider_endpoint_circuit_open: known.map(({ labels, row }) => ({ labels, values: [row.is_open ? 1 : 0] })),
  };
}

function one(value: number): readonly Sample[] {
  return [labelled(null, value)];
}

function labelled(label: string | null, value: number): Sample {
  return { labels: label === null ? [] : [label], values: [value] };
}
