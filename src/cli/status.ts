import type { Config } from "../config/config.ts";
import { connectionConfig, openConnection } from "../db/connect.ts";
import { Database } from "../db/database.ts";
import { assertSchemaUsable } from "../db/migrate.ts";
import { copyFault } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { queriesOf } from "../db/schema.ts";
import type { StatusOptions } from "./commandLine.ts";
import { readStatus } from "./statusReport.ts";
import { statusJson, statusText } from "./statusText.ts";

/** `postrider status`. Rejects where the database cannot be reached or has no schema this program knows. */
export async function statusCommand(options: StatusOptions, config: Config): Promise<0> {
  try {
    return await printStatus(options, config);
  } catch (thrown) {
    throw copyFault(thrown) ?? explainRefusal(thrown, "postrider_reader");
  }
}

async function printStatus({ format }: StatusOptions, { databaseUrl }: Config): Promise<0> {
  const connection = connectionConfig({ databaseUrl, applicationName: "postrider" });
  // Looked at through a connection of its own: that one says what is wrong where the server cannot be reached.
  const client = await openConnection({ config: connection, purpose: "control" });
  try {
    await assertSchemaUsable(client);
  } finally {
    await client.end();
  }
  const pool = new Database({ config: connection, purpose: "control", max: 1 });
  try {
    const status = await readStatus(queriesOf(pool));
    process.stdout.write(format === "json" ? statusJson(status) : statusText(status));
    return 0;
  } finally {
    await pool.end();
  }
}
