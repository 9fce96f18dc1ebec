import type { Database } from "../../db/database.ts";
import { classifyPostgresError } from "../../db/pgErrors.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/** More than are ever in progress; any further ones get their turn when some of these are deferred or finished. */
const REPLAYS_MAX = 100;
/** Postgres holds the due times; this is the wait while it cannot be asked. */
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

export interface ReplayOptions {
  readonly database: Database;
  readonly events: Events;
  readonly conditions: Conditions;
  /** How often it looks for replays that no notification announced. */
  readonly pollIntervalMs: number;
  /** A step has put deliveries into the queue. */
  readonly onQueued: () => void;
}

/**
 * Advances replays, a step at a time. Which step is due when, and how large it is, is kept in Postgres (sql/functions/replay/prepare_replay.sql), so any daemon can take the next one, also after this one crashed.
 */
export function makeReplayKeeper(options: ReplayOptions): Repeat {
  const { conditions } = options;
  const repeat = new Repeat(async () => {
    try {
      return await takeDueSteps(options, () => repeat.isStopped);
    } catch (thrown) {
      conditions.begin("replays_failing", "maintenance.failed", { task: "replays", error: messageOf(thrown) });
      return FAILURE_MS;
    }
  });
  return repeat;
}

/** Takes the steps that are due; returns the milliseconds until the next look. */
async function takeDueSteps(options: ReplayOptions, isStopped: () => boolean): Promise<number> {
  const { database, conditions, pollIntervalMs } = options;
  const { rows } = await database.run(dueReplays, { replaysMax: REPLAYS_MAX });
  conditions.end("replays_failing", { task: "replays" });
  const due = rows.filter(({ due_in_ms }) => due_in_ms === 0);
  if (due.length === 0) {
    return Math.min(pollIntervalMs, rows[0]?.due_in_ms ?? pollIntervalMs);
  }
  let isAnyTaken = false;
  for (const replay of due) {
    if (!isStopped()) {
      isAnyTaken = (await takeStep(replay, options)) !== "busy" || isAnyTaken;
    }
  }
  return isAnyTaken ? 0 : BUSY_MS;
}

async function takeStep(replay: DueReplay, options: ReplayOptions): Promise<Outcome> {
  const startedMs = monotonicMs();
  try {
    return await prepare(replay, options);
  } catch (thrown) {
    if (classifyPostgresError(thrown).kind === "connection") {
      throw thrown;
    }
    const error = messageOf(thrown);
    options.events.emit("replay.failed", { ...idsOf(replay), error, took_ms: Math.round(monotonicMs() - startedMs) });
    await options.database.run(noteReplayProblem, { replayId: replay.replay_id, problem: error });
    return "busy";
  }
}

async function prepare(replay: DueReplay, { database, events, onQueued }: ReplayOptions): Promise<Outcome> {
  const { rows } = await database.run(prepareReplay, { replayId: replay.replay_id });
  const { outcome, prepared } = rows[0] ?? { outcome: "busy" as const, prepared: 0 };
  if (prepared > 0) {
    onQueued();
  }
  if (outcome === "done" || outcome === "cancelled") {
    events.emit("replay.finished", { ...idsOf(replay), outcome });
  }
  return outcome;
}

function idsOf({ replay_id, endpoint_id }: DueReplay) {
  return { replay_id, endpoint_id };
}
