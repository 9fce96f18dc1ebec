import type { PostgresPool } from "kysely";
import { sql } from "kysely";
import { type EventTypeRow, queriesOf } from "./schema.ts";

/** The catalogue of event types. */
export function readEventTypes(database: { readonly pool: PostgresPool }): Promise<readonly EventTypeRow[]> {
  return (
    queriesOf(database)
      .selectFrom("postrider.event_type")
      // A text that has no form in UTF-8 must not keep the other types.
      .select(["name", sql<string | null>`postrider_internal.readable(description)`.as("description"), "deprecated"])
      .select(sql<unknown>`postrider_internal.readable(json_schema::text)::jsonb`.as("json_schema"))
      .execute()
  );
}
