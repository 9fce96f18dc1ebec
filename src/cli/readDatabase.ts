import type { Config } from "../config/read.ts";
import { connectionConfig, openConnection } from "../db/connect.ts";
import { Database } from "../db/database.ts";
import { copyFault } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { assertSchemaUsable } from "../db/schemaState.ts";

/**
 * Runs `read` over a database whose schema this program can use. Rejects with PostriderError if the database cannot be
 * reached, has no such schema, or does not let this role read it.
 */
export async function readDatabase<Result>(
  { databaseUrl }: Pick<Config, "databaseUrl">,
  read: (database: Database) => Promise<Result>,
): Promise<Result> {
  try {
    const connection = connectionConfig({ databaseUrl, applicationName: "postrider" });
    // On a separate connection, whose error says what is wrong if the server cannot be reached.
    const checking = await openConnection({ config: connection, purpose: "control" });
    await assertSchemaUsable(checking).finally(() => checking.end());
    const database = new Database({ config: connection, purpose: "control", max: 1 });
    return await read(database).finally(() => database.end());
  } catch (thrown) {
    throw copyFault(thrown) ?? explainRefusal(thrown, "postrider_reader");
  }
}
