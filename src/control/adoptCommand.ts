import type { AdoptOptions } from "../commandLine.ts";
import type { Config } from "../config.ts";
import { type Client, connectionConfig, copyFault, openClient } from "../db/connection.ts";
import { assertSchemaUsable } from "../db/migrate.ts";
import { explainRefusal } from "../db/roles.ts";
import { defineStatement } from "../db/statements.ts";

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

type AdoptRow = {
  readonly [Name in keyof Adoption]: Adoption[Name] extends number | null ? string | null : Adoption[Name];
};

const adoptStatement = defineStatement<AdoptRow, [dryRun: boolean]>("adopt");

/** `postrider adopt`. Resolves with 0 also where there is nothing to adopt. */
export async function adoptCommand({ dryRun, format }: AdoptOptions, { databaseUrl }: Config): Promise<0> {
  const client = await openClient({
    config: connectionConfig({ databaseUrl, applicationName: "postrider" }),
    // It reads the whole outbox, and may write most of it.
    purpose: "migrate",
  });
  try {
    await assertSchemaUsable(client);
    const adoption = await adopt(client, dryRun);
    process.stdout.write(format === "json" ? `${JSON.stringify(adoption, null, 2)}\n` : adoptionText(adoption));
    return 0;
  } catch (thrown) {
    throw copyFault(thrown) ?? explainRefusal(thrown, "postrider_operator");
  } finally {
    await client.end();
  }
}

async function adopt(client: Client, dryRun: boolean): Promise<Adoption> {
  const { rows } = await adoptStatement.run(client, [dryRun]);
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
    `  it is a copy: ${problem}`,
    `  of ${events} events, ${unclaimed} had been claimed by nobody: they are routed by the next claims`,
    `  ${in_hand} first attempts were under way when the copy was made: they are made again`,
    `  ${pending} deliveries were pending: they go on`,
    "  what was recorded as delivered is not sent again",
    "",
  ].join("\n");
}
