import type { Config } from "../config/read.ts";
import { connectionConfig, openConnection, type Purpose } from "../db/connect.ts";
import { Database } from "../db/database.ts";
import { copyFault } from "../db/pgErrors.ts";
import { explainRefusal, type NeededRole } from "../db/roles.ts";
import { assertSchemaUsable } from "../db/schemaState.ts";

/**
 * Gives `use` a database whose schema this program can use. Rejects with PostriderError if the database cannot be
 * reached, has no such schema, or does not let this role do it; the error names the role that may.
 */
export async function withDatabase<Result>(
  { databaseUrl }: Pick<Config, "databaseUrl">,
  { role, purpose = "control" }: { readonly role: NeededRole; readonly purpose?: Purpose },
  use: (database: Database) => Promise<Result>,
): Promise<Result> {
  try {
    const connection = connectionConfig({ databaseUrl, applicationName: "postrider" });
    // On a separate connection, whose error says what is wrong if the server cannot be reached.
    const checking = await openConnection({ config: connection, purpose: "control" });
    await assertSchemaUsable(checking).finally(() => checking.end());
    const database = new Database({ config: connection, purpose, max: 1 });
    return await use(database).finally(() => database.end());
  } catch (thrown) {
    throw copyFault(thrown) ?? explainRefusal(thrown, role);
  }
}
