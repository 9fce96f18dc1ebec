import type { Database } from "../../db/database.ts";
import { classifyPostgresError } from "../../db/pgErrors.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import { Signal } from "../../ground/signal.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/** More than anybody has under way; the rest has its turn when some of these are put off or finished. */
const REPLAYS_MAX = 100;
/** Postgres has the due times; this is for the case that it cannot be asked. */
const FAILURE_MS = 5_000;
/** Another daemon takes the step, for a few milliseconds, or an operator holds the replay in an open transaction. */
const BUSY_MS = 100;

const dueReplays = defineStatement("due_replays", {
  params: { replaysMax: "integer" },
  columns: { replay_id: "uuid", endpoint_id: "uuid", due_in_ms: "integer" },
});
const prepareReplay = defineStatement("prepare_replay", {
  params: { replayId: "uuid" },
  columns: {
    outcome: ["busy", "preparing", "delivering", "done", "cancelling", "cancelled"],
    prepared: "integer",
  },
});
const noteReplayProblem = defineStatement("note_replay_problem", {
  params: { replayId: "uuid", problem: "text" },
  columns: { note_replay_problem: "void" },
});

type DueReplay = RowOf<typeof dueReplays.shape>;
type Outcome = RowOf<typeof prepareReplay.shape>["outcome"];

export interface ReplayKeeperOptions {
  readonly pool: Database;
  readonly events: Events;
  readonly conditions: Conditions;
  /** How often it looks for replays that no notification announced. */
  readonly pollIntervalMs: number;
  /** A step has put deliveries into the queue. */
  readonly onQueued: () => void;
}

/**
 * Moves replays on, a step at a time. Which step is due when, and how large it is, is kept in Postgres
 * (sql/functions/replay/prepare_replay.sql), so that any daemon can take the next one, also after a crash of this one.
 */
export class ReplayKeeper {
  readonly #options: ReplayKeeperOptions;
  readonly #signal = new Signal();
  #running: Promise<void> | null = null;
  #isStopping = false;

  constructor(options: ReplayKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** There may be a new replay. */
  wake(): void {
    this.#signal.give();
  }

  /** Takes no further step; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#signal.give();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      await this.#signal.wait(await this.#round());
    }
  }

  /** Takes the steps that are due; returns the milliseconds until the next look. */
  async #round(): Promise<number> {
    const { pool, conditions, pollIntervalMs } = this.#options;
    try {
      const { rows } = await pool.run(dueReplays, { replaysMax: REPLAYS_MAX });
      conditions.end("replays_failing", { task: "replays" });
      const due = rows.filter(({ due_in_ms }) => due_in_ms === 0);
      let isAnyTaken = false;
      for (const replay of due) {
        if (!this.#isStopping) {
          isAnyTaken = (await this.#step(replay)) !== "busy" || isAnyTaken;
        }
      }
      if (due.length > 0) {
        return isAnyTaken ? 0 : BUSY_MS;
      }
      return Math.min(pollIntervalMs, rows[0]?.due_in_ms ?? pollIntervalMs);
    } catch (thrown) {
      conditions.begin("replays_failing", "maintenance.failed", { task: "replays", error: messageOf(thrown) });
      return FAILURE_MS;
    }
  }

  async #step({ replay_id, endpoint_id }: DueReplay): Promise<Outcome> {
    const { pool, events, onQueued } = this.#options;
    const startedMs = monotonicMs();
    try {
      const { rows } = await pool.run(prepareReplay, { replayId: replay_id });
      const { outcome, prepared } = rows[0] ?? { outcome: "busy" as const, prepared: 0 };
      if (prepared > 0) {
        onQueued();
      }
      if (outcome === "done" || outcome === "cancelled") {
        events.emit("replay.finished", { replay_id, endpoint_id, outcome });
      }
      return outcome;
    } catch (thrown) {
      if (classifyPostgresError(thrown).kind === "connection") {
        throw thrown;
      }
      const error = messageOf(thrown);
      events.emit("replay.failed", {
        replay_id,
        endpoint_id,
        error,
        took_ms: Math.round(monotonicMs() - startedMs),
      });
      await pool.run(noteReplayProblem, { replayId: replay_id, problem: error });
      return "busy";
    }
  }
}
