import type { MinuteCounts } from "../../domain/minuteCounts.ts";

/** What an earlier minute counts for, minute by minute: about ten of them matter. */
const FADING = 0.9;

/** What metrics tell of an endpoint. */
export interface EndpointTotals {
  readonly endpointId: string;
  readonly succeeded: number;
  readonly failed: number;
  readonly requestMs: number;
  readonly exhausted: number;
  readonly discarded: number;
}

interface Known {
  /** Attempts, the later ones for more. */
  score: number;
  totals: EndpointTotals;
}

/**
 * The endpoints with the most attempts of late, and what was counted of each while it was one of them. Which they are is
 * decided once a minute; until as many as are wanted have been seen, each one counts. One that leaves and returns begins
 * at zero, as after a restart.
 */
export class Busiest {
  readonly #max: number;
  #known = new Map<string, Known>();

  constructor(max: number) {
    this.#max = max;
  }

  /** A minute is over, or a part of one. */
  note(minute: ReadonlyMap<string, MinuteCounts>): void {
    if (this.#max === 0) {
      return;
    }
    for (const [endpointId, known] of this.#known) {
      known.score = known.score * FADING + attemptsOf(minute.get(endpointId));
      known.totals = withCounts(known.totals, minute.get(endpointId));
    }
    const scoreMin =
      this.#known.size < this.#max ? 0 : Math.min(...[...this.#known.values()].map(({ score }) => score));
    for (const [endpointId, counts] of minute) {
      const score = attemptsOf(counts);
      if (score > scoreMin && !this.#known.has(endpointId)) {
        this.#known.set(endpointId, { score, totals: withCounts(noTotals(endpointId), counts) });
      }
    }
    const best = [...this.#known].sort(([, one], [, other]) => other.score - one.score);
    this.#known = new Map(best.slice(0, this.#max));
  }

  /** With what is counted of the present minute. */
  totals(present: readonly ReadonlyMap<string, MinuteCounts>[]): readonly EndpointTotals[] {
    for (const minute of present) {
      this.#fill(minute);
    }
    return [...this.#known].map(([, { totals }]) =>
      present.reduce((sum, minute) => withCounts(sum, minute.get(totals.endpointId)), totals),
    );
  }

  #fill(minute: ReadonlyMap<string, MinuteCounts>): void {
    for (const endpointId of minute.keys()) {
      if (this.#known.size >= this.#max) {
        return;
      }
      if (!this.#known.has(endpointId)) {
        this.#known.set(endpointId, { score: 0, totals: noTotals(endpointId) });
      }
    }
  }
}

function noTotals(endpointId: string): EndpointTotals {
  return { endpointId, succeeded: 0, failed: 0, requestMs: 0, exhausted: 0, discarded: 0 };
}

function withCounts(totals: EndpointTotals, counts: MinuteCounts | undefined): EndpointTotals {
  if (counts === undefined) {
    return totals;
  }
  return {
    endpointId: totals.endpointId,
    succeeded: totals.succeeded + counts.succeeded_first + counts.succeeded_later,
    failed: totals.failed + counts.failed,
    requestMs: totals.requestMs + counts.request_ms_total,
    exhausted: totals.exhausted + counts.exhausted,
    discarded: totals.discarded + counts.discarded,
  };
}

function attemptsOf(counts: MinuteCounts | undefined): number {
  return counts === undefined ? 0 : counts.succeeded_first + counts.succeeded_later + counts.failed;
}
