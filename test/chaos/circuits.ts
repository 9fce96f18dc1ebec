import type pg from "pg";
import { Repeat } from "../../src/ground/repeat.ts";
import type { Evidence } from "./oracle.ts";
import { FAULTS } from "./schedule.ts";

const LOOK_INTERVAL_MS = 250;
/** Requests in progress end, and daemons review four times a second what they have in memory. */
const SETTLE_MS = 3_000;
/** How long after its end a daemon may still not have heard of a circuit: the longest pause before it connects again. */
const CUT_SETTLE_MS = 8_000;
/** A silent connection lasts until the daemon gives it up, and what it has in hand until its lease ends. */
const SILENT_SETTLE_MS = 16_000;
const FIRST_GAP_MS = 5_000;
/** A probe may come a fifth earlier than its gap says. */
const EARLIEST = 0.8;

/** A time during which a circuit was open without interruption. */
export interface OpenTime {
  readonly endpointId: string;
  /** Tells one opening from the next. */
  readonly openedAt: string;
  readonly fromMs: number;
  untilMs: number;
}

interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface CircuitFindings {
  /** In how many spans of time the requests through an open circuit were counted. */
  readonly judged: number;
  readonly excesses: readonly string[];
}

/** Looks in Postgres which circuits are open, as long as it runs: a daemon may be killed before it has said so. */
export class CircuitWatch {
  readonly #session: pg.Pool;
  readonly #repeat = new Repeat(() => this.#look());
  readonly #seen = new Map<string, OpenTime>();
  #openNow: readonly string[] = [];

  constructor(session: pg.Pool) {
    this.#session = session;
  }

  get openTimes(): readonly OpenTime[] {
    return [...this.#seen.values()];
  }

  /** As of the last look. */
  isOpen(endpointId: string): boolean {
    return this.#openNow.includes(endpointId);
  }

  start(): void {
    this.#repeat.start();
  }

  async stop(): Promise<void> {
    await this.#repeat.stop();
  }

  async #look(): Promise<number> {
    const askedMs = Date.now();
    try {
      const { rows } = await this.#session.query<{ endpoint_id: string; opened_at: string }>(
        `select e.id as endpoint_id, e.circuit_opened_at::text as opened_at
         from postrider.endpoint e
         join postrider.endpoint_failure f on f.endpoint_id = e.id
         where e.circuit_opened_at is not null and f.next_probe_at is not null`,
      );
      for (const { endpoint_id: endpointId, opened_at: openedAt } of rows) {
        const key = `${endpointId} ${openedAt}`;
        const known = this.#seen.get(key) ?? { endpointId, openedAt, fromMs: Date.now(), untilMs: askedMs };
        known.untilMs = askedMs;
        this.#seen.set(key, known);
      }
      this.#openNow = rows.map(({ endpoint_id }) => endpoint_id);
    } catch {
      // Postgres is away, which is a fault of the run.
    }
    return LOOK_INTERVAL_MS;
  }
}

/**
 * Counts the requests that endpoints got while their circuits were open. Judged is the time in which every daemon can know
 * of the circuit: from a moment after it opened, without faults of daemons, links and Postgres, and what follows from them.
 */
export function judgeCircuits({ world, faults, redeliveries, openTimes }: Evidence): CircuitFindings {
  const excesses: string[] = [];
  let judged = 0;
  for (const open of openTimes) {
    const path = world.routes.find(({ id }) => id === open.endpointId)?.plan.path ?? "";
    const requests = [...world.receiver.requests(path).values()].flat();
    const disturbances = faults
      .filter(({ kind, target }) => disturbs(kind, world.routes[target]?.id === open.endpointId))
      .map((fault) => ({ fromMs: fault.startedAtMs, untilMs: settledAtMs(fault) }));
    for (const { fromMs, untilMs } of calmSpans(open, disturbances)) {
      judged += 1;
      const asked = redeliveries.filter(
        ({ endpointId, atMs }) => endpointId === open.endpointId && atMs > open.fromMs && atMs < untilMs,
      );
      const bound = probesWithin(untilMs - fromMs) + asked.length;
      const count = requests.filter(({ atMs }) => atMs > fromMs && atMs < untilMs).length;
      if (count > bound) {
        excesses.push(`${path}: ${count} in ${Math.round(untilMs - fromMs)} ms, and ${bound} may be`);
      }
    }
  }
  return { judged, excesses };
}

function disturbs(kind: keyof typeof FAULTS, isAtThisEndpoint: boolean): boolean {
  switch (FAULTS[kind].target) {
    case "receiver":
      return false;
    case "endpoint":
      return kind !== "endpoint.redeliver" && isAtThisEndpoint;
    default:
      return true;
  }
}

/** When every daemon knows again which circuits are open. */
export function settledAtMs({ kind, endedAtMs }: Evidence["faults"][number]): number {
  if (kind === "link.half_open") {
    return endedAtMs + SILENT_SETTLE_MS;
  }
  const { target } = FAULTS[kind];
  return endedAtMs + (target === "link" || target === "postgres" ? CUT_SETTLE_MS : SETTLE_MS);
}

/** What is left of the time that a circuit was open, without its beginning and the disturbances. */
export function calmSpans(open: Span, disturbances: readonly Span[]): readonly Span[] {
  const spans: Span[] = [];
  let fromMs = open.fromMs + SETTLE_MS;
  for (const disturbance of disturbances.toSorted((a, b) => a.fromMs - b.fromMs)) {
    spans.push({ fromMs, untilMs: Math.min(disturbance.fromMs, open.untilMs) });
    fromMs = Math.max(fromMs, disturbance.untilMs);
  }
  spans.push({ fromMs, untilMs: open.untilMs });
  return spans.filter(({ fromMs, untilMs }) => fromMs < untilMs);
}

/** How many probes there may be in so long a time: one at its beginning, each later gap being twice the one before. */
export function probesWithin(spanMs: number): number {
  let probes = 1;
  for (let gapMs = 2 * FIRST_GAP_MS, atMs = EARLIEST * gapMs; atMs <= spanMs; gapMs *= 2, atMs += EARLIEST * gapMs) {
    probes += 1;
  }
  return probes;
}
