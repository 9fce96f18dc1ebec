import type { Database } from "../../src/db/database.ts";

/** What a query gives in one of the database's sessions, outside a transaction. */
export async function outside(database: Database, text: string): Promise<unknown[]> {
  const client = await database.pool.connect();
  try {
    return (await client.query<unknown>(text, [])).rows;
  } finally {
    client.release();
  }
}
