import type { Database } from "../../db/database.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { type Backoff, makeBackoff } from "../../ground/backoff.ts";
import { messageOf } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

const maintain = defineStatement("maintain", {
  params: {},
  columns: {
    outcome: [
      "made",
      "moved",
      "guarded",
      "validated",
      "released",
      "deleted",
      "emptied",
      "dropped",
      "erased",
      "summed",
      "busy",
    ],
    /** The partition, or what the step was done to; null if another session was in the way. */
    subject: "text?",
  },
});

const fillRetention = defineStatement("fill_retention", {
  params: { retentionMs: "double precision" },
  columns: {
    /** How long events are kept: what was passed, or what postrider.retention said before. */
    days: "double precision",
    is_passed: "boolean",
  },
});

type Step = RowOf<typeof maintain.shape>;

const INTERVAL_MS = 10 * 60_000;
/** The first wait while another session holds a lock; each further one is twice as long, up to the interval. */
const BUSY_MS = 250;
/** The first wait after a step that failed, in the same manner: most failures, such as a lost connection, pass soon. */
const FAILED_MS = 1_000;
/** Between two steps that delete or erase rows, or sum minutes, so that this is not felt as load. */
const DELETED_MS = 100;

export interface PartitionOptions {
  readonly database: Database;
  readonly events: Events;
  readonly conditions: Conditions;
  /** What to set if postrider.retention is not set; null for nothing. */
  readonly retentionMs: number | null;
}

/**
 * Makes the partitions of the days ahead and drops those past their retention, one step at a time (sql/functions/partitions
 * and retention say why in steps). A week of partitions exists ahead, so missing a round does no harm.
 */
export function makePartitionKeeper({ database, events, conditions, retentionMs }: PartitionOptions): Repeat {
  const busy = makeBackoff({ firstMs: BUSY_MS, lastMs: INTERVAL_MS });
  const failed = makeBackoff({ firstMs: FAILED_MS, lastMs: INTERVAL_MS });
  let unfilledMs = retentionMs;
  return new Repeat(async () => {
    try {
      if (unfilledMs !== null) {
        await fill(database, events, unfilledMs);
        unfilledMs = null;
      }
      const { rows } = await database.run(maintain, {});
      conditions.end("partitions_failing", { task: "partitions" });
      failed.reset();
      emitStep(events, rows[0]);
      return delayAfter(rows[0], busy);
    } catch (thrown) {
      conditions.begin("partitions_failing", "maintenance.failed", { task: "partitions", error: messageOf(thrown) });
      return failed.nextMs();
    }
  });
}

async function fill(database: Database, events: Events, retentionMs: number): Promise<void> {
  const { rows } = await database.run(fillRetention, { retentionMs });
  if (rows[0]?.is_passed === false) {
    events.emit("settings.warned", {
      warning: `POSTRIDER_RETENTION is not used: postrider.retention says ${rows[0].days} days, and counts. To change it: update postrider.retention set period = '90 days'`,
    });
  }
}

function emitStep(events: Events, step: Step | undefined): void {
  if (step?.outcome === "made" || step?.outcome === "moved" || step?.outcome === "dropped") {
    events.emit(`partition.${step.outcome}`, { partition: step.subject });
  }
}

function delayAfter(step: Step | undefined, busy: Backoff): number {
  if (step?.outcome === "busy" || step?.outcome === "released") {
    return busy.nextMs();
  }
  busy.reset();
  if (step?.outcome === "deleted" || step?.outcome === "erased" || step?.outcome === "summed") {
    return DELETED_MS;
  }
  return step === undefined ? INTERVAL_MS : 0;
}
