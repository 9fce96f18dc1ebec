import type { Database } from "./database.ts";
import { type EventTypeRow, queriesOf } from "./schema.ts";

/** The catalogue of event types. */
export function readEventTypes(database: Pick<Database, "pool">): Promise<readonly EventTypeRow[]> {
  return queriesOf(database)
    .selectFrom("postrider.event_type")
    .select(["name", "description", "json_schema", "deprecated"])
    .execute();
}
