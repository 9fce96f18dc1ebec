import type { Pool } from "../db/connection.ts";
import { defineStatement } from "../db/statements.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";

const makePartitions = defineStatement<{ readonly made: string }, []>("make_partitions");

const INTERVAL_MS = 10 * 60_000;

/** Makes the partitions of the days ahead. A week of them is there, so that missing a round harms nothing. */
export class PartitionKeeper {
  readonly #pool: Pool;
  readonly #log: Log;
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> = Promise.resolve();

  constructor({ pool, log }: { readonly pool: Pool; readonly log: Log }) {
    this.#pool = pool;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#keep();
    this.#timer = setInterval(() => {
      this.#round = this.#keep();
    }, INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer ?? undefined);
    await this.#round;
  }

  async #keep(): Promise<void> {
    try {
      const { rows } = await makePartitions.run(this.#pool, []);
      for (const { made } of rows) {
        this.#log.info({ event: "partition.made", partition: made });
      }
    } catch (thrown) {
      this.#log.warn({ event: "maintenance.failed", error: messageOf(thrown) });
    }
  }
}
