import type { Config } from "../config/config.ts";
import { type Connection, type ConnectionConfig, connectionConfig, openConnection } from "../db/connect.ts";
import { assertSchemaUsable } from "../db/migrate.ts";
import { copyFault } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { defineStatement } from "../db/statements.ts";
import { PostriderError } from "../ground/errors.ts";
import { untilStopped } from "../ground/untilStopped.ts";
import type { AdoptOptions } from "./commandLine.ts";

/** What `postrider adopt --json` prints. Counts are null where there was nothing to adopt. */
export interface Adoption {
  readonly outcome: "adopted" | "would be adopted" | "nothing to adopt";
  /** What shows that the database is a copy. */
  readonly problem: string | null;
  /** Events that are retained. */
  readonly events: number | null;
  /** Those of them that no daemon had claimed: the next claims find them. */
  readonly unclaimed: number | null;
  /** Those whose transaction id was changed. */
  readonly moved: number | null;
  /** First attempts that daemons had in hand, and that are made again. */
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

/** A session that is told to end does so at its next look, within milliseconds. */
const SESSION_END_MS = 5_000;

/**
 * `postrider adopt`. Resolves with 0 also where there is nothing to adopt. A SIGINT or SIGTERM that comes before the commit
 * leaves the database as it was, and this rejects with PR0021.
 */
export async function adoptCommand({ dryRun, format }: AdoptOptions, { databaseUrl }: Config): Promise<0 | 1> {
  const connection = connectionConfig({ databaseUrl, applicationName: "postrider" });
  return untilStopped({ signals: ["SIGINT", "SIGTERM"] }, async (stopping) => {
    const adoption = await adoptUnlessStopped(connection, dryRun, stopping);
    process.stdout.write(format === "json" ? `${JSON.stringify(adoption, null, 2)}\n` : adoptionText(adoption));
  });
}

async function adoptUnlessStopped(
  connection: ConnectionConfig,
  dryRun: boolean,
  stopping: AbortSignal,
): Promise<Adoption> {
  // It reads the whole outbox, and may write most of it.
  const client = await openConnection({ config: connection, purpose: "migrate" });
  try {
    await assertSchemaUsable(client);
    // Not by one statement alone: the server goes on with that when the command is gone, and commits it.
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
  /** Makes the work end where it is. */
  readonly end: () => Promise<void>;
}

/** What the work resolves with. Rejects with PR0021 where a stop is asked for before that. */
async function unlessStopped<Result>({ stopping, work, end }: Stoppable<Result>): Promise<Result> {
  if (stopping.aborted) {
    throw interrupted(stopping);
  }
  const ending = Promise.withResolvers<void>();
  const onStop = (): void => ending.resolve(end());
  stopping.addEventListener("abort", onStop);
  const [settled] = await Promise.allSettled([work()]);
  // A commit that has begun is not to be met by it.
  stopping.removeEventListener("abort", onStop);
  if (stopping.aborted) {
    // The session that is ended is still this one: a pooler has lent it until its transaction ends.
    await ending.promise;
    throw interrupted(stopping);
  }
  if (settled.status === "rejected") {
    throw settled.reason;
  }
  return settled.value;
}

/** Within the transaction that is to be ended. */
async function sessionEnder(client: Connection, connection: ConnectionConfig): Promise<() => Promise<void>> {
  const { rows } = await client.run(sessionPid, {});
  const [row] = rows;
  if (row === undefined) {
    throw new Error("the server answered a select without a row");
  }
  return async () => {
    if (!(await endSession(connection, row.pid))) {
      // Left to itself: when its statement is through, it finds no client, gets no commit, and rolls back.
      await client.end();
    }
  };
}

/** Whether it has ended. False also where the server takes no other connection. */
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
      problem: "cannot go on adopting the database",
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

/** The adoption as a person reads it. */
function adoptionText({ outcome, problem, events, unclaimed, in_hand, pending }: Adoption): string {
  if (outcome === "nothing to adopt") {
    return "nothing to adopt: this database is no copy, and daemons may work in it\n";
  }
  return [
    outcome === "adopted" ? "adopted: daemons may work in this database now" : "this database would be adopted",
    `  what was found: ${problem}`,
    `  of ${events} events, ${unclaimed} had been claimed by nobody: they are routed by the next claims`,
    `  ${in_hand} first attempts were under way when the copy was made: they are made again`,
    `  ${pending} deliveries were pending: they go on`,
    "  what was recorded as delivered is not sent again",
    "",
  ].join("\n");
}
