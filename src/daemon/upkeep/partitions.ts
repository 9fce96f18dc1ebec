import type { Database } from "../../db/database.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { messageOf } from "../../ground/errors.ts";
import { Signal } from "../../ground/signal.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

const maintain = defineStatement("maintain", {
  params: { retentionMs: "double precision" },
  columns: {
    outcome: ["made", "moved", "guarded", "validated", "released", "deleted", "emptied", "dropped", "busy"],
    /** The partition, or what the step was done to; null if another session was in the way. */
    subject: "text?",
  },
});

type Step = RowOf<typeof maintain.shape>;

const INTERVAL_MS = 10 * 60_000;
/** Somebody holds a lock: after so long at first, then twice as long each time, up to the interval. */
const BUSY_MS = 250;

/** Between two steps that delete rows, so that these are no load that anybody feels. */
const DELETED_MS = 100;

export interface PartitionKeeperOptions {
  readonly pool: Database;
  readonly events: Events;
  readonly conditions: Conditions;
  readonly retentionMs: number;
}

/**
 * Makes the partitions of the days ahead and drops those past their retention, one step after the other
 * (sql/functions/partitions and retention say why in steps). A week of partitions is there, so that missing
 * a round harms nothing.
 */
export class PartitionKeeper {
  readonly #options: PartitionKeeperOptions;
  readonly #signal = new Signal();
  #running: Promise<void> = Promise.resolve();
  #busyMs = BUSY_MS;
  #isStopping = false;

  constructor(options: PartitionKeeperOptions) {
    this.#options = options;
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
    const { pool, conditions, retentionMs } = this.#options;
    try {
      const { rows } = await pool.run(maintain, { retentionMs });
      conditions.end("partitions_failing", { task: "partitions" });
      return this.#waitAfter(rows[0]);
    } catch (thrown) {
      conditions.begin("partitions_failing", "maintenance.failed", { task: "partitions", error: messageOf(thrown) });
      return INTERVAL_MS;
    }
  }

  #waitAfter(step: Step | undefined): number {
    if (step?.outcome === "busy" || step?.outcome === "released") {
      this.#busyMs = Math.min(2 * this.#busyMs, INTERVAL_MS);
      return this.#busyMs / 2;
    }
    this.#busyMs = BUSY_MS;
    if (step?.outcome === "made" || step?.outcome === "moved" || step?.outcome === "dropped") {
      this.#options.events.emit(`partition.${step.outcome}`, { partition: step.subject });
    }
    if (step?.outcome === "deleted") {
      return DELETED_MS;
    }
    return step === undefined ? INTERVAL_MS : 0;
  }
}
