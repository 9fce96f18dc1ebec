import { classifyPostgresError, isUnreadable, unreadableReason } from "../../db/pgErrors.ts";
import type { Delivery } from "../../domain/delivery.ts";
import { messageOf } from "../../ground/errors.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Budget } from "./budget.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Standing } from "./lane.ts";
import { isTransformed, isUnmeasured, type Payloads, payloadKey } from "./payloads.ts";

/** Payloads of one load, and their bytes unless it is a single larger one: some milliseconds of Postgres. */
const LOAD_MAX = 64;
const LOAD_BYTES_MAX = 4 * 1_048_576;

/** A delivery whose payload is wanted. */
export interface Wanted {
  readonly delivery: Delivery;
  readonly endpoint: Endpoint;
}

interface Batch {
  readonly wanted: Wanted[];
  /** Deliveries that start next, and hold no slot yet. */
  readonly ahead: Delivery[];
  bytes: number;
}

/** gone: the event is no longer in the outbox; problem: the payload can never be read; failed: it was not given this time. */
export type Loaded = { readonly payload: string } | { readonly problem: string } | "gone" | "failed";

export interface LoaderParts {
  readonly payloads: Pick<Payloads, "load" | "loadTransformed">;
  readonly budget: Budget;
  readonly events: Events;
  readonly standingOf: (endpointId: string) => Standing;
  /** Takes the delivery of an endpoint out of line that starts next and has no payload yet; null if there is none that fits. */
  readonly takeAhead: (endpointId: string, fits: (delivery: Delivery) => boolean) => Delivery | null;
  readonly onLoaded: (wanted: Wanted, loaded: Loaded) => void;
  readonly onLoadedAhead: (delivery: Delivery, loaded: Loaded) => void;
  /** The payload cannot be loaded now. short: there is too little memory for it; loading: another load is in progress. */
  readonly onRefused: (delivery: Delivery, reason: "short" | "loading") => void;
  /** A load has ended, so that others can begin. */
  readonly onEnd: () => void;
}

/**
 * Loads the payloads that did not come with their claims, many at a time: what is wanted in one pass of starting goes in
 * one statement, and what starts next at the same endpoints fills it up. A statement costs as much as sending two
 * payloads, and with a fast receiver few slots come free at a time. Each standing has one load at a time, so those of
 * endpoints that hang (64 MiB take half a second) delay no others.
 */
export class Loader {
  readonly #parts: LoaderParts;
  #wanted: Wanted[] = [];
  readonly #loading = new Set<Standing>();

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  /** Whether a payload of that standing is being loaded, so that no other one can be. */
  readonly isLoading = (standing: Standing): boolean => this.#loading.has(standing);

  /** Wants a payload. Nothing is loaded before `begin`. */
  add(wanted: Wanted): void {
    this.#wanted.push(wanted);
  }

  /** Begins to load what is wanted, and refuses what cannot be loaded now. False if nothing was wanted. */
  begin(): boolean {
    const wanted = this.#wanted;
    this.#wanted = [];
    const batches: Record<Standing, Batch> = { good: newBatch(), new: newBatch(), doubtful: newBatch() };
    for (const one of wanted) {
      if (isUnmeasured(one.delivery)) {
        this.#refuseUnmeasured(one);
        continue;
      }
      this.#sort(one, batches[this.#parts.standingOf(one.delivery.endpointId)]);
    }
    for (const standing of ["good", "new", "doubtful"] as const) {
      if (batches[standing].wanted.length > 0) {
        this.#fill(batches[standing]);
        this.#loading.add(standing);
        void this.#load(batches[standing]).then(() => {
          this.#loading.delete(standing);
          this.#parts.onEnd();
        });
      }
    }
    return wanted.length > 0;
  }

  #refuseUnmeasured(wanted: Wanted): void {
    this.#parts.events.emit("payload.failed", {
      event_id: wanted.delivery.event.id,
      endpoint_id: wanted.delivery.endpointId,
      error: "Postgres could not read it for its size in time",
      sqlstate: null,
    });
    this.#parts.onLoaded(wanted, "failed");
  }

  #sort(wanted: Wanted, batch: Batch): void {
    const { budget, standingOf, onRefused } = this.#parts;
    const { delivery } = wanted;
    if (this.#loading.has(standingOf(delivery.endpointId)) || !hasRoom(batch, delivery)) {
      onRefused(delivery, "loading");
    } else if (!budget.reserve(delivery)) {
      onRefused(delivery, "short");
    } else {
      batch.wanted.push(wanted);
      batch.bytes += delivery.event.payloadBytes;
    }
  }

  /** The endpoints take turns. */
  #fill(batch: Batch): void {
    const { budget, takeAhead } = this.#parts;
    const fits = (delivery: Delivery) => hasRoom(batch, delivery) && budget.reserveAhead(delivery);
    const endpointIds = new Set(batch.wanted.map(({ delivery }) => delivery.endpointId));
    while (endpointIds.size > 0) {
      for (const endpointId of endpointIds) {
        const delivery = takeAhead(endpointId, fits);
        if (delivery === null) {
          endpointIds.delete(endpointId);
        } else {
          batch.ahead.push(delivery);
          batch.bytes += delivery.event.payloadBytes;
        }
      }
    }
  }

  async #load({ wanted, ahead }: Pick<Batch, "wanted" | "ahead">): Promise<void> {
    const { onLoaded, onLoadedAhead } = this.#parts;
    const deliveries = [...wanted.map(({ delivery }) => delivery), ...ahead];
    const keys = [...new Set(deliveries.map(payloadKey))];
    let loadedOf: (delivery: Delivery) => Loaded;
    try {
      const loaded = await this.#loadAll(deliveries);
      loadedOf = (delivery) => {
        const payload = loaded.get(payloadKey(delivery));
        return payload === undefined ? "gone" : { payload };
      };
    } catch (thrown) {
      if (isUnreadable(thrown) && keys.length > 1) {
        // One payload that Postgres cannot give must not keep the others.
        for (const half of halvesOf(keys)) {
          const isOfHalf = (delivery: Delivery) => half.has(payloadKey(delivery));
          await this.#load({
            wanted: wanted.filter(({ delivery }) => isOfHalf(delivery)),
            ahead: ahead.filter(isOfHalf),
          });
        }
        return;
      }
      this.#reportFailed(deliveries, thrown);
      const problem = unreadableReason(thrown);
      loadedOf = () => (problem === null ? "failed" : { problem });
    }
    for (const one of wanted) {
      onLoaded(one, loadedOf(one.delivery));
    }
    for (const one of ahead) {
      onLoadedAhead(one, loadedOf(one));
    }
  }

  async #loadAll(deliveries: readonly Delivery[]): Promise<ReadonlyMap<string, string>> {
    const { payloads } = this.#parts;
    const transformed = deliveries.filter(isTransformed);
    if (transformed.length === 0) {
      return payloads.load([...new Set(deliveries.map(({ event }) => event.id))]);
    }
    const others = deliveries.filter((delivery) => !isTransformed(delivery));
    return new Map([
      ...(await payloads.loadTransformed(transformed)),
      ...(others.length === 0 ? [] : await this.#loadAll(others)),
    ]);
  }

  #reportFailed(deliveries: readonly Delivery[], thrown: unknown): void {
    const { sqlstate } = classifyPostgresError(thrown);
    for (const { event, endpointId } of deliveries) {
      this.#parts.events.emit("payload.failed", {
        event_id: event.id,
        endpoint_id: endpointId,
        error: messageOf(thrown),
        sqlstate,
      });
    }
  }
}

function halvesOf(keys: readonly string[]): readonly ReadonlySet<string>[] {
  const middle = Math.ceil(keys.length / 2);
  return [new Set(keys.slice(0, middle)), new Set(keys.slice(middle))];
}

function newBatch(): Batch {
  return { wanted: [], ahead: [], bytes: 0 };
}

function hasRoom({ wanted, ahead, bytes }: Batch, { event }: Delivery): boolean {
  const count = wanted.length + ahead.length;
  return count === 0 || (count < LOAD_MAX && bytes + event.payloadBytes <= LOAD_BYTES_MAX);
}
