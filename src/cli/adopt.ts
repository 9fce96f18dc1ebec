import { readConfig } from "../config/read.ts";
import { type Connection, type ConnectionConfig, connectionConfig, openConnection } from "../db/connect.ts";
import { copyFault } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { assertSchemaUsable } from "../db/schemaState.ts";
import { defineStatement } from "../db/statements.ts";
import { counted } from "../ground/counted.ts";
import { PostriderError } from "../ground/errors.ts";
import { untilStopped } from "../ground/untilStopped.ts";
import { defineCommand, flag } from "./command.ts";

/** What `postrider adopt --json` prints. Counts are null if there was nothing to adopt. */
export interface Adoption {
  readonly outcome: "adopted" | "would be adopted" | "nothing to adopt";
  /** What shows that the database is a copy. */
  readonly problem: string | null;
  /** All events that are retained. */
  readonly events: number | null;
  /** Events that no daemon had claimed: the next claims find them. */
  readonly unclaimed: number | null;
  /** Events whose transaction id was changed. */
  readonly moved: number | null;
  /** First attempts that daemons had in hand; they are made again. */
  readonly in_hand: number | null;
  readonly pending: number | null;
}

const adoptStatement = defineStatement("adopt", {
  params: { dryRun: "boolean" },
  columns: {
    outcome: ["adopted", "would be adopted", "nothing to adopt"],
    problem: "text?",
    events: "bigint?",
    unclaimed: "bigint?",
    moved: "bigint?",
    in_hand: "bigint?",
    pending: "bigint?",
  },
});

const sessionPid = defineStatement("session_pid", { params: {}, columns: { pid: "integer" } });
const endSessionStatement = defineStatement("end_session", {
  params: { pid: "integer", waitMs: "bigint" },
  columns: { ended: "boolean" },
});

/** A session that is told to end does so within milliseconds, when it next checks. */
const SESSION_END_MS = 5_000;

/** A SIGINT or SIGTERM before the commit leaves the database as it was, and the command rejects with PR0021. */
export const command = defineCommand({
  summary: "lets daemons work in a database that was restored or copied from another one",
  options: {
    "dry-run": flag("print what would be done; changes nothing"),
    json: flag("print JSON instead of text"),
  },
  examples: ["postrider adopt --dry-run", "postrider adopt"],
  run: async ({ "dry-run": dryRun, json }, env) => {
    const { databaseUrl } = readConfig(env, { name: "adopt", database: "required" });
    const connection = connectionConfig({ databaseUrl, applicationName: "postrider" });
    return untilStopped({ signals: ["SIGINT", "SIGTERM"] }, async (stopping) => {
      const adoption = await adoptUnlessStopped(connection, dryRun, stopping);
      process.stdout.write(json ? `${JSON.stringify(adoption, null, 2)}\n` : adoptionText(adoption));
    });
  },
});

async function adoptUnlessStopped(
  connection: ConnectionConfig,
  dryRun: boolean,
  stopping: AbortSignal,
): Promise<Adoption> {
  // With the purpose that has no statement deadline, because it reads the whole outbox and may write most of it.
  const client = await openConnection({ config: connection, purpose: "migrate" });
  try {
    await assertSchemaUsable(client);
    // Not as a single statement: if the command died, the server would finish that statement and commit it.
    await client.query("begin isolation level read committed read write");
    const adoption = await unlessStopped({
      stopping,
      work: () => adopt(client, dryRun),
      end: await sessionEnder(client, connection),
    });
    await client.query("commit");
    return adoption;
  } catch (thrown) {
    throw copyFault(thrown) ?? explainRefusal(thrown, "postrider_operator");
  } finally {
    await client.end();
  }
}

interface Stoppable<Result> {
  readonly stopping: AbortSignal;
  readonly work: () => Promise<Result>;
  /** Ends the work where it is. */
  readonly end: () => Promise<void>;
}

/** Resolves with what the work resolves with. Rejects with PR0021 if a stop is asked for before that. */
async function unlessStopped<Result>({ stopping, work, end }: Stoppable<Result>): Promise<Result> {
  if (stopping.aborted) {
    throw interrupted(stopping);
  }
  const ending = Promise.withResolvers<void>();
  const onStop = (): void => ending.resolve(end());
  stopping.addEventListener("abort", onStop);
  const [settled] = await Promise.allSettled([work()]);
  // It must not end a commit that has begun.
  stopping.removeEventListener("abort", onStop);
  if (stopping.aborted) {
    // The session to end is still this one: a pooler lends it until its transaction ends.
    await ending.promise;
    throw interrupted(stopping);
  }
  if (settled.status === "rejected") {
    throw settled.reason;
  }
  return settled.value;
}

/** Called within the transaction that it may have to end. */
async function sessionEnder(client: Connection, connection: ConnectionConfig): Promise<() => Promise<void>> {
  const { rows } = await client.run(sessionPid, {});
  const [row] = rows;
  if (row === undefined) {
    throw new Error("the server answered a select without a row");
  }
  return async () => {
    if (!(await endSession(connection, row.pid))) {
      // Left to itself, the session finishes its statement, finds no client and no commit, and rolls back.
      await client.end();
    }
  };
}

/** Whether the session has ended. Also false if the server accepts no further connection. */
async function endSession(connection: ConnectionConfig, pid: number): Promise<boolean> {
  try {
    const client = await openConnection({ config: connection, purpose: "control" });
    const { rows } = await client.run(endSessionStatement, { pid, waitMs: SESSION_END_MS }).finally(() => client.end());
    return rows[0]?.ended ?? false;
  } catch {
    return false;
  }
}

function interrupted(stopping: AbortSignal): PostriderError {
  return new PostriderError([
    {
      code: "PR0021",
      problem: "cannot finish adopting the database",
      found: `${stopping.reason} came before it was done, and nothing was adopted`,
      remedy: 'run "postrider adopt" again',
    },
  ]);
}

async function adopt(client: Connection, dryRun: boolean): Promise<Adoption> {
  const { rows } = await client.run(adoptStatement, { dryRun });
  const [row] = rows;
  if (row === undefined) {
    throw new Error("postrider.adopt() answered without a row");
  }
  const { events, unclaimed, moved, in_hand, pending } = row;
  return {
    ...row,
    events: countOf(events),
    unclaimed: countOf(unclaimed),
    moved: countOf(moved),
    in_hand: countOf(in_hand),
    pending: countOf(pending),
  };
}

function countOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}

/** The adoption for a person to read. */
function adoptionText({ outcome, problem, events, unclaimed, in_hand, pending }: Adoption): string {
  if (outcome === "nothing to adopt") {
    return "nothing to adopt: this database is not a copy, and daemons may work in it\n";
  }
  return [
    outcome === "adopted" ? "adopted: daemons may work in this database now" : "this database would be adopted",
    `  what was found: ${problem}`,
    `  ${counted(events ?? 0, "event")}, ${unclaimed} unclaimed, which the next claims route`,
    `  ${counted(in_hand ?? 0, "first attempt")} in progress when the copy was made, to be made again`,
    `  ${counted(pending ?? 0, "delivery", "deliveries")} pending, to be continued`,
    "  what was recorded as delivered is not sent again",
    "",
  ].join("\n");
}
