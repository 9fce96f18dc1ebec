import type { Database } from "../db/database.ts";
import { defineStatement } from "../db/statements.ts";

const findFetchable = defineStatement("find_fetchable", {
  params: { endpointIds: "uuid[]", afterCursors: "text[]" },
  columns: { place: "integer" },
});

/** Beyond these a request is answered at once. */
const WAITING_MAX = 500;
/** How often one statement looks for all who wait. News from a daemon of this program comes sooner. */
const LOOK_MS = 250;
/** News that follows other news is looked for together. */
const NEWS_GAP_MS = 10;

/** Where a receiver waits. */
export interface Place {
  readonly endpointId: string;
  /** It has seen everything up to there. */
  readonly afterCursor: string;
}

interface Waiter extends Place {
  readonly wake: () => void;
}

/** Requests that wait for events. They hold no connection, and while there are none nothing happens. */
export class PullWaiting {
  readonly #database: Pick<Database, "run">;
  readonly #waiting = new Set<Waiter>();
  #next: NodeJS.Timeout | null = null;
  #isLooking = false;
  /** News came during a look, which may have missed it. */
  #hasNews = false;

  constructor(database: Pick<Database, "run">) {
    this.#database = database;
  }

  /** Resolves with true once something may be there or the time is over; with false if the client has left or too many wait. */
  wait(place: Place, waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#waiting.size >= WAITING_MAX || signal.aborted) {
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const end = (mayLook: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        this.#waiting.delete(waiter);
        resolve(mayLook);
      };
      const waiter: Waiter = { ...place, wake: () => end(true) };
      const abort = () => end(false);
      const timer = setTimeout(waiter.wake, waitMs);
      signal.addEventListener("abort", abort);
      this.#waiting.add(waiter);
      this.#lookIn(LOOK_MS);
    });
  }

  /** A daemon has put something into the queue. */
  news(): void {
    if (this.#isLooking) {
      this.#hasNews = true;
    } else if (this.#waiting.size > 0) {
      clearTimeout(this.#next ?? undefined);
      this.#next = null;
      this.#lookIn(NEWS_GAP_MS);
    }
  }

  #lookIn(ms: number): void {
    if (this.#next === null && !this.#isLooking) {
      this.#next = setTimeout(() => void this.#look(), ms).unref();
    }
  }

  async #look(): Promise<void> {
    this.#next = null;
    const waiting = [...this.#waiting];
    if (waiting.length === 0) {
      return;
    }
    this.#isLooking = true;
    this.#hasNews = false;
    try {
      const { rows } = await this.#database.run(findFetchable, {
        endpointIds: waiting.map(({ endpointId }) => endpointId),
        afterCursors: waiting.map(({ afterCursor }) => afterCursor),
      });
      for (const { place } of rows) {
        waiting[place - 1]?.wake();
      }
    } catch {
      // Postgres is away. A request finds that out itself once its time is over.
    }
    this.#isLooking = false;
    this.#lookIn(this.#hasNews ? NEWS_GAP_MS : LOOK_MS);
  }
}
