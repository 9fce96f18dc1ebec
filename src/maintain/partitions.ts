import type { Pool } from "../db/connection.ts";
import { defineStatement } from "../db/statements.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { Signal } from "../pipeline/signal.ts";

interface Step {
  readonly outcome: "made" | "guarded" | "validated" | "released" | "busy";
  readonly partition_name: string;
}

const makePartitions = defineStatement<Step, []>("make_partitions");

const INTERVAL_MS = 10 * 60_000;
/** Somebody holds a lock: after so long at first, then twice as long each time, up to the interval. */
const BUSY_MS = 250;

/**
 * Makes the partitions of the days ahead, one step after the other (sql/migrations/0001_tables.sql says why in steps). A
 * week of them is there, so that missing a round harms nothing.
 */
export class PartitionKeeper {
  readonly #pool: Pool;
  readonly #log: Log;
  readonly #signal = new Signal();
  #running: Promise<void> = Promise.resolve();
  #busyMs = BUSY_MS;
  #isStopping = false;

  constructor({ pool, log }: { readonly pool: Pool; readonly log: Log }) {
    this.#pool = pool;
    this.#log = log;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Takes no further step; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#signal.give();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      await this.#signal.wait(await this.#step());
    }
  }

  /** Returns the milliseconds until the next one. */
  async #step(): Promise<number> {
    try {
      const { rows } = await makePartitions.run(this.#pool, []);
      return this.#waitAfter(rows[0]);
    } catch (thrown) {
      this.#log.warn({ event: "maintenance.failed", error: messageOf(thrown) });
      return INTERVAL_MS;
    }
  }

  #waitAfter(step: Step | undefined): number {
    if (step?.outcome === "busy" || step?.outcome === "released") {
      this.#busyMs = Math.min(2 * this.#busyMs, INTERVAL_MS);
      return this.#busyMs / 2;
    }
    this.#busyMs = BUSY_MS;
    if (step?.outcome === "made") {
      this.#log.info({ event: "partition.made", partition: step.partition_name });
    }
    return step === undefined ? INTERVAL_MS : 0;
  }
}
