import type { PostgresPool } from "kysely";
import { type EventTypeRow, queriesOf } from "./schema.ts";

/** The catalogue of event types. */
export function readEventTypes(database: { readonly pool: PostgresPool }): Promise<readonly EventTypeRow[]> {
  return queriesOf(database)
    .selectFrom("postrider.event_type")
    .select(["name", "description", "json_schema", "deprecated"])
    .execute();
}
