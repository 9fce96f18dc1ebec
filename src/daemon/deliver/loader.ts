import { classifyPostgresError } from "../../db/pgErrors.ts";
import type { Delivery } from "../../domain/delivery.ts";
import { messageOf } from "../../ground/errors.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Budget } from "./budget.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Standing } from "./lanes.ts";
import { isUnreadable, type Payloads } from "./payloads.ts";

/** Payloads of one load, and their bytes unless it is a single larger one: some milliseconds of Postgres. */
const LOAD_MAX = 64;
const LOAD_BYTES_MAX = 4 * 1_048_576;

/** A delivery whose payload is wanted. */
export interface Wanted {
  readonly delivery: Delivery;
  readonly endpoint: Endpoint;
}

/** gone: the event is no longer in the outbox; failed: Postgres did not give the payload. */
export type Loaded = { readonly payload: string } | "gone" | "failed";

export interface LoaderParts {
  readonly payloads: Pick<Payloads, "load">;
  readonly budget: Budget;
  readonly events: Events;
  readonly standingOf: (endpointId: string) => Standing;
  readonly onLoaded: (wanted: Wanted, loaded: Loaded) => void;
  /** The payload cannot be loaded now. short: there is too little memory for it; loading: another load is in progress. */
  readonly onRefused: (delivery: Delivery, reason: "short" | "loading") => void;
  /** A load has ended, so that others can begin. */
  readonly onEnd: () => void;
}

/**
 * Loads the payloads that did not come with their claims, many at a time: what is wanted in one pass of starting goes in
 * one statement. Each standing has one load at a time, so those of endpoints that hang (64 MiB take half a second) delay
 * no others.
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
    const batches: Record<Standing, Wanted[]> = { good: [], new: [], doubtful: [] };
    for (const one of wanted) {
      this.#sort(one, batches[this.#parts.standingOf(one.delivery.endpointId)]);
    }
    for (const standing of ["good", "new", "doubtful"] as const) {
      if (batches[standing].length > 0) {
        this.#loading.add(standing);
        void this.#load(batches[standing]).then(() => {
          this.#loading.delete(standing);
          this.#parts.onEnd();
        });
      }
    }
    return wanted.length > 0;
  }

  #sort(wanted: Wanted, batch: Wanted[]): void {
    const { budget, standingOf, onRefused } = this.#parts;
    const { delivery } = wanted;
    if (this.#loading.has(standingOf(delivery.endpointId)) || !hasRoom(batch, delivery)) {
      onRefused(delivery, "loading");
    } else if (!budget.reserve(delivery)) {
      onRefused(delivery, "short");
    } else {
      batch.push(wanted);
    }
  }

  async #load(batch: readonly Wanted[]): Promise<void> {
    const { payloads, events, onLoaded } = this.#parts;
    const eventIds = [...new Set(batch.map(({ delivery }) => delivery.event.id))];
    let loaded: ReadonlyMap<string, string>;
    try {
      loaded = await payloads.load(eventIds);
    } catch (thrown) {
      if (isUnreadable(thrown) && eventIds.length > 1) {
        // One payload that Postgres cannot give must not keep the others.
        for (const wanted of batch) {
          await this.#load([wanted]);
        }
        return;
      }
      const { sqlstate } = classifyPostgresError(thrown);
      for (const wanted of batch) {
        const { event, endpointId } = wanted.delivery;
        events.emit("payload.failed", {
          event_id: event.id,
          endpoint_id: endpointId,
          error: messageOf(thrown),
          sqlstate,
        });
        onLoaded(wanted, "failed");
      }
      return;
    }
    for (const wanted of batch) {
      const payload = loaded.get(wanted.delivery.event.id);
      onLoaded(wanted, payload === undefined ? "gone" : { payload });
    }
  }
}

function hasRoom(batch: readonly Wanted[], { event }: Delivery): boolean {
  const bytes = batch.reduce((sum, { delivery }) => sum + delivery.event.payloadBytes, event.payloadBytes);
  return batch.length === 0 || (batch.length < LOAD_MAX && bytes <= LOAD_BYTES_MAX);
}
