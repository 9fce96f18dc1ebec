import type { DeliveryResult } from "../../domain/delivery.ts";

/** A claim whose results are all recorded, or are with the next flush. */
interface FinishedClaim {
  readonly id: string;
  /**
   * The epoch of Postgres in which its results were recorded. Null if Postgres may have lost some of them, in a crash
   * between two flushes: then it looks whether all are there before it deletes the claim.
   */
  readonly epoch: string | null;
}

interface OpenClaim {
  readonly daemonId: string;
  /** Deliveries of the claim without a recorded result. */
  remaining: number;
  /** As of a finished claim; undefined while nothing of it is recorded. */
  epoch: string | null | undefined;
}

/** The claims that this daemon has in hand. A claim is finished when all its deliveries are recorded. */
export class OpenClaims {
  readonly #open = new Map<string, OpenClaim>();
  /** Of each identity the finished claims that stay for now, because the newest claim is the cursor. */
  readonly #kept = new Map<string, readonly FinishedClaim[]>();
  /** Of the last flush. */
  #epoch: string | null = null;

  /**
   * Must be called before any result of the claim is added. A claim that is open already was lost in a failover to a
   * standby that had not heard of it, and its number was given anew: results of the lost one will count for this one, so
   * Postgres must look before it is deleted.
   */
  open(claimId: string, daemonId: string, deliveryCount: number): void {
    if (deliveryCount > 0) {
      const epoch = this.#open.has(claimId) ? null : undefined;
      this.#open.set(claimId, { daemonId, remaining: deliveryCount, epoch });
    }
  }

  /** The claims of an identity that are not finished. */
  of(daemonId: string): string[] {
    return [...this.#open].filter(([, claim]) => claim.daemonId === daemonId).map(([id]) => id);
  }

  /** The finished claims of an identity that stay for now. */
  keptOf(daemonId: string): readonly string[] {
    return this.#keptOf(daemonId).map(({ id }) => id);
  }

  /** The claims of a lost identity belong to others; their results are still recorded, as facts. */
  forget(daemonId: string): void {
    for (const id of this.of(daemonId)) {
      this.#open.delete(id);
    }
    this.#kept.delete(daemonId);
  }

  /** The claims of an identity that are finished once so many results of each are recorded, and those that have stayed. */
  finishedBy(daemonId: string, counts: ReadonlyMap<string, number>): FinishedClaim[] {
    const finished = [...this.#keptOf(daemonId)];
    for (const [id, count] of counts) {
      const claim = this.#openOf(daemonId, id);
      if (claim !== undefined && claim.remaining <= count) {
        finished.push({ id, epoch: claim.epoch === undefined ? this.#epoch : claim.epoch });
      }
    }
    return finished;
  }

  /** So many results of each claim were recorded in this epoch, and these finished claims stay. */
  noteRecorded(
    daemonId: string,
    counts: ReadonlyMap<string, number>,
    kept: readonly string[],
    epoch: string | null,
  ): void {
    const epochs = new Map(this.#keptOf(daemonId).map((claim) => [claim.id, claim.epoch]));
    for (const [id, count] of counts) {
      const claim = this.#openOf(daemonId, id);
      if (claim !== undefined) {
        claim.remaining -= count;
        claim.epoch = claim.epoch === undefined || claim.epoch === epoch ? epoch : null;
        if (claim.remaining <= 0) {
          this.#open.delete(id);
          epochs.set(id, claim.epoch);
        }
      }
    }
    if (kept.length > 0) {
      this.#kept.set(
        daemonId,
        kept.map((id) => ({ id, epoch: epochs.get(id) ?? null })),
      );
    } else {
      this.#kept.delete(daemonId);
    }
    this.#epoch = epoch;
  }

  #keptOf(daemonId: string): readonly FinishedClaim[] {
    return this.#kept.get(daemonId) ?? [];
  }

  /** A daemon may take over what it had claimed under an identity that it lost; results of that one do not count. */
  #openOf(daemonId: string, claimId: string): OpenClaim | undefined {
    const claim = this.#open.get(claimId);
    return claim?.daemonId === daemonId ? claim : undefined;
  }
}

/** How many results there are of each claim. */
export function countByClaim(results: readonly DeliveryResult[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { delivery } of results) {
    if (delivery.tenure.kind === "claimed") {
      counts.set(delivery.tenure.claimId, (counts.get(delivery.tenure.claimId) ?? 0) + 1);
    }
  }
  return counts;
}
