import type { DeliveryResult } from "../../domain/delivery.ts";

/** Results of one daemon identity and one kind of tenure, which are recorded together. */
interface Group {
  readonly daemonId: string;
  readonly kind: DeliveryResult["delivery"]["tenure"]["kind"];
  results: DeliveryResult[];
}

/** Results that wait for a flush. There are hardly ever more than two groups. */
export class Gathering {
  #groups: Group[] = [];
  #count = 0;
  #room = 0;

  get count(): number {
    return this.#count;
  }

  /** What these results take up of the room in hand. */
  get room(): number {
    return this.#room;
  }

  add(result: DeliveryResult): void {
    const { daemonId, tenure } = result.delivery;
    this.#count += 1;
    this.#room += roomOf(result);
    for (const group of this.#groups) {
      if (group.kind === tenure.kind && group.daemonId === daemonId) {
        group.results.push(result);
        return;
      }
    }
    this.#groups.push({ daemonId, kind: tenure.kind, results: [result] });
  }

  /** Takes the oldest results of one group, `max` of them at most, in the order in which rows are locked. */
  take(max: number): DeliveryResult[] {
    const group = this.#groups.shift();
    if (group === undefined) {
      return [];
    }
    const { results } = group;
    let batch = results;
    if (results.length > max) {
      batch = results.slice(0, max);
      // Behind the others, so that no kind of result waits until the other has run dry.
      this.#groups.push({ ...group, results: results.slice(max) });
    }
    this.#count -= batch.length;
    for (const result of batch) {
      this.#room -= roomOf(result);
    }
    return batch.sort(byDelivery);
  }
}

/**
 * The results of a batch take up together what the batch did: until a thousand small ones are recorded, other events must be
 * claimed.
 */
function roomOf({ delivery }: DeliveryResult): number {
  const { batch } = delivery;
  if (batch === null) {
    return 1;
  }
  return batch.members[0] === delivery ? batch.room : 0;
}

function byDelivery(one: DeliveryResult, other: DeliveryResult): number {
  const [a, b] = [one.delivery, other.delivery];
  return compare(a.event.id, b.event.id) || compare(a.endpointId, b.endpointId);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
