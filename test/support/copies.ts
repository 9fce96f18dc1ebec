/** Copies of a migrated database into another cluster, as a dump and restore and as logical replication leave them. */
import pg from "pg";
import type { TestDatabase } from "./database.ts";
import { askFor, rowsOf, type Session } from "./engine.ts";
import { until } from "./until.ts";

interface Table {
  readonly name: string;
  readonly columns: string;
}

/** The packages have no pg_dump: what it does with data, one snapshot of all rows and the sequences as they stand. */
export async function restoreDump(source: pg.Pool, target: pg.Pool): Promise<void> {
  const [reader, writer] = [await source.connect(), await target.connect()];
  try {
    await reader.query("begin isolation level repeatable read");
    await writer.query("begin; set local session_replication_role = replica");
    await emptyTables(writer);
    for (const { name, columns } of await tablesOf(reader)) {
      const rows = await askFor(reader, `select json_agg(r)::text from (select ${columns} from ${name}) r`);
      await writer.query(
        `insert into ${name} (${columns}) overriding system value
         select ${columns} from json_populate_recordset(null::${name}, $1::json)`,
        [rows ?? "[]"],
      );
    }
    for (const [table, column] of SEQUENCES) {
      const [sequence] = await rowsOf<{ last_value: string; is_called: boolean }>(
        reader,
        `select last_value, is_called from ${await askFor(reader, "select pg_get_serial_sequence($1, $2)", [table, column])}`,
      );
      await writer.query("select setval(pg_get_serial_sequence($1, $2), $3, $4)", [
        table,
        column,
        sequence?.last_value,
        sequence?.is_called,
      ]);
    }
    await writer.query("commit");
    await reader.query("commit");
  } finally {
    reader.release();
    writer.release();
  }
}

/**
 * What `pg_dump --data-only --load-via-partition-root` and a pg_restore with `session_replication_role = replica` do with
 * the tables; the sequences are left as they are, and so are the records of what is installed.
 */
export async function loadData(source: TestDatabase, target: TestDatabase): Promise<void> {
  const reader = new pg.Client({ connectionString: source.url });
  const writer = new pg.Client({ connectionString: target.url, options: "-c session_replication_role=replica" });
  await Promise.all([reader.connect(), writer.connect()]);
  try {
    for (const { name, columns } of await tablesOf(source.pool)) {
      if (RECORDS.includes(name)) continue;
      const data = await copy(reader, `copy (select ${columns} from ${name}) to stdout`);
      await copy(writer, `copy ${name} (${columns}) from stdin`, data);
    }
  } finally {
    await Promise.all([reader.end(), writer.end()]);
  }
}

/** One `copy`, of the data from stdin; resolves with what goes to stdout. The driver knows the messages and has no name for it. */
function copy(client: pg.Client, text: string, data: Buffer = Buffer.alloc(0)): Promise<Buffer> {
  const copied = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  client.query({
    submit: (connection: pg.Connection) => connection.query(text),
    handleCopyInResponse: (connection: CopyConnection) => {
      connection.sendCopyFromChunk(data);
      connection.endCopyFrom();
    },
    handleCopyData: ({ chunk }: { readonly chunk: Buffer }) => chunks.push(chunk),
    handleCommandComplete: () => {},
    handleReadyForQuery: () => copied.resolve(Buffer.concat(chunks)),
    handleError: copied.reject,
  });
  return copied.promise;
}

interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** What is installed: a new database keeps its own. */
const RECORDS: readonly string[] = ["postrider.schema_migration", "postrider.schema_object"];

const SEQUENCES = [
  ["postrider.outbox", "seq"],
  ["postrider.claim", "id"],
] as const;

/** Starts replicating; sequences are left where they are, as logical replication leaves them. The server is `logical`. */
export async function subscribeTo(sourceUrl: string, source: pg.Pool, target: pg.Pool): Promise<void> {
  await target.query("begin; set local session_replication_role = replica");
  await emptyTables(target);
  await target.query("commit");
  await source.query(
    "create publication copies for tables in schema postrider with (publish_via_partition_root = true)",
  );
  await target.query(`create subscription copies connection '${sourceUrl}' publication copies`);
  await until("all tables are copied", async () =>
    Boolean(await askFor(target, "select count(*) > 0 and bool_and(srsubstate = 'r') from pg_subscription_rel")),
  );
}

/** Waits for all that was committed so far, and ends the replication. */
export async function unsubscribe(source: pg.Pool, target: pg.Pool): Promise<void> {
  const end = await askFor(source, "select pg_current_wal_lsn()");
  await until("the copy has what was committed", async () =>
    Boolean(
      await askFor(source, "select replay_lsn >= $1 from pg_stat_replication where application_name = 'copies'", [end]),
    ),
  );
  await target.query("drop subscription copies");
  await source.query("drop publication copies");
}

/** So that this cluster is ahead of another one. */
export async function useTransactionIds(session: Session, count: number): Promise<void> {
  await session.query(`do $$ begin for i in 1 .. ${count} loop perform pg_current_xact_id(); commit; end loop; end $$`);
}

async function emptyTables(session: Session): Promise<void> {
  const tables = await tablesOf(session);
  await session.query(`truncate ${tables.map(({ name }) => name).join(", ")}`);
}

function tablesOf(session: Session): Promise<Table[]> {
  return rowsOf<Table & pg.QueryResultRow>(
    session,
    `select 'postrider.' || quote_ident(c.relname) as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     group by c.oid
     order by 1`,
  );
}
