import type { Database } from "../db/database.ts";
import { defineStatement } from "../db/statements.ts";

const findFetchable = defineStatement("find_fetchable", {
  params: { endpointIds: "uuid[]" },
  columns: { endpoint_id: "uuid" },
});

/** Beyond these a request is answered at once. */
const WAITING_MAX = 500;
/** How often one statement looks for all who wait. */
const LOOK_MS = 250;

/** Requests that wait for events. They hold no connection, and while there are none nothing happens. */
export class PullWaiting {
  readonly #database: Pick<Database, "run">;
  /** By endpoint, those to wake. */
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;
  #isLooking = false;

  constructor(database: Pick<Database, "run">) {
    this.#database = database;
  }

  /** Resolves with true once something may be there or the time is over; with false if the client has left or too many wait. */
  wait(endpointId: string, waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#count >= WAITING_MAX || signal.aborted) {
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const end = (mayLook: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        this.#remove(endpointId, wake);
        resolve(mayLook);
      };
      const wake = () => end(true);
      const abort = () => end(false);
      const timer = setTimeout(wake, waitMs);
      signal.addEventListener("abort", abort);
      this.#add(endpointId, wake);
    });
  }

  #add(endpointId: string, wake: () => void): void {
    const others = this.#waiting.get(endpointId) ?? new Set();
    this.#waiting.set(endpointId, others.add(wake));
    this.#count++;
    if (!this.#isLooking) {
      this.#isLooking = true;
      this.#lookSoon();
    }
  }

  #remove(endpointId: string, wake: () => void): void {
    const others = this.#waiting.get(endpointId);
    if (others?.delete(wake)) {
      this.#count--;
      if (others.size === 0) {
        this.#waiting.delete(endpointId);
      }
    }
  }

  #lookSoon(): void {
    setTimeout(() => void this.#look(), LOOK_MS).unref();
  }

  async #look(): Promise<void> {
    if (this.#waiting.size === 0) {
      this.#isLooking = false;
      return;
    }
    try {
      const { rows } = await this.#database.run(findFetchable, { endpointIds: [...this.#waiting.keys()] });
      for (const { endpoint_id } of rows) {
        for (const wake of [...(this.#waiting.get(endpoint_id) ?? [])]) {
          wake();
        }
      }
    } catch {
      // Postgres is away. A request finds that out itself once its time is over.
    }
    this.#lookSoon();
  }
}
