import { defineStatement, type Queryable, type RowOf } from "./statements.ts";

/** What a check asks the server for, one statement each. The first three need no schema. */

const findServerSettings = defineStatement("find_server_settings", {
  params: {},
  columns: { name: "text", value: "text" },
});
const findConnectionLimits = defineStatement("find_connection_limits", {
  params: {},
  columns: { whose: "text", allowed: "integer?", open: "integer" },
});
const findHeldWal = defineStatement("find_held_wal", {
  params: {},
  columns: { slot: "text", is_active: "boolean", held_bytes: "double precision" },
});
const findSequenceCache = defineStatement("find_sequence_cache", {
  params: {},
  columns: { numbers: "double precision" },
});
const findUnvacuumed = defineStatement("find_unvacuumed", { params: {}, columns: { name: "text" } });
const findPartitionSizes = defineStatement("find_partition_sizes", {
  params: {},
  columns: {
    bytes: "double precision",
    day_bytes: "double precision",
    oldest_day: "text?",
    removed_before: "text",
    days: "double precision",
    stray: "text[]",
  },
});

/** A setting as a new session of this role has it; the empty string if the server does not know it. */
export async function serverSettings(client: Queryable): Promise<(name: string) => string> {
  const { rows } = await client.run(findServerSettings, {});
  const values = new Map(rows.map(({ name, value }) => [name, value]));
  return (name) => values.get(name) ?? "";
}

export type ConnectionLimit = RowOf<typeof findConnectionLimits.shape>;

/** Of the server, the database and the role. */
export async function connectionLimits(client: Queryable): Promise<readonly ConnectionLimit[]> {
  return (await client.run(findConnectionLimits, {})).rows;
}

export type HeldWal = RowOf<typeof findHeldWal.shape>;

/** Replication slots, the one that holds the most first. */
export async function heldWal(client: Queryable): Promise<readonly HeldWal[]> {
  return (await client.run(findHeldWal, {})).rows;
}

/** How many numbers of the outbox's sequence a session takes in advance. */
export async function sequenceCache(client: Queryable): Promise<number> {
  return (await client.run(findSequenceCache, {})).rows[0]?.numbers ?? 1;
}

/** Tables for which autovacuum is switched off. */
export async function unvacuumedTables(client: Queryable): Promise<readonly string[]> {
  return (await client.run(findUnvacuumed, {})).rows.map(({ name }) => name);
}

export type PartitionSizes = RowOf<typeof findPartitionSizes.shape>;

export async function partitionSizes(client: Queryable): Promise<PartitionSizes> {
  const [row] = (await client.run(findPartitionSizes, {})).rows;
  if (row === undefined) throw new Error("an aggregate returned no row");
  return row;
}
