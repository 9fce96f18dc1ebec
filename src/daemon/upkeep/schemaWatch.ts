import type { Database } from "../../db/database.ts";
import { assertTablesUsable } from "../../db/schemaState.ts";
import { PostriderError } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";

/** Long compared with what a look costs, and short compared with how long a DBA waits after a migration. */
export const SCHEMA_LOOK_INTERVAL_MS = 10_000;

export interface SchemaWatchOptions {
  readonly database: Database;
  /** Called once, with the reason why the schema can no longer be used. */
  readonly onUnusable: (fault: PostriderError) => void;
}

/** Looks whether the schema was migrated to something that this program does not know and must not use. */
export function makeSchemaWatch({ database, onUnusable }: SchemaWatchOptions): Repeat {
  return new Repeat(async () => {
    try {
      await assertTablesUsable(database);
    } catch (thrown) {
      // Any other error is an outage, which the parts that need the server handle themselves.
      if (thrown instanceof PostriderError && /^PR000[456]$/.test(thrown.faults[0]?.code ?? "")) {
        onUnusable(thrown);
        return Number.POSITIVE_INFINITY;
      }
    }
    return SCHEMA_LOOK_INTERVAL_MS;
  });
}
