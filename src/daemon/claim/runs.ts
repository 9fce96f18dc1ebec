import { type Delivery, runOf } from "../../domain/delivery.ts";

/** A delivery as it was leased, with its place among those of its ordering key. */
export interface Placed {
  readonly delivery: Delivery;
  readonly seq: string;
}

/**
 * Links deliveries of one ordering key, which are sent one after the other. Returns the first one of each such run, and
 * those whose key cannot be read, which are not sent.
 */
export function linkRuns(leased: readonly Placed[]): Delivery[] {
  const heads: Delivery[] = [];
  const byKey = new Map<string, { delivery: Delivery; seq: bigint }[]>();
  for (const { delivery, seq } of leased) {
    const { orderingKey } = delivery.event;
    if (orderingKey === null) {
      heads.push(delivery);
    } else {
      const key = `${delivery.endpointId} ${orderingKey}`;
      const run = byKey.get(key) ?? [];
      run.push({ delivery, seq: BigInt(seq) });
      byKey.set(key, run);
    }
  }
  for (const run of byKey.values()) {
    run.sort((one, other) => (one.seq < other.seq ? -1 : 1));
    for (const [at, { delivery }] of run.entries()) {
      delivery.next = run[at + 1]?.delivery ?? null;
      if (at === 0) {
        heads.push(delivery);
      }
    }
  }
  return heads;
}

/** With those that follow each of them. Most of the time none has any, and nothing is allocated. */
export function withFollowers(deliveries: readonly Delivery[]): readonly Delivery[] {
  return deliveries.every(({ next }) => next === null) ? deliveries : deliveries.flatMap(runOf);
}
