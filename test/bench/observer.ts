/** What a database did between two moments: CPU, WAL, statements, and rows that it updated or deleted. */
import type { Client } from "pg";
import { difference, per, type ServerCpu, serverCpu, threadCpuMicros } from "./cpu.ts";
import type { Measures } from "./part.ts";
import type { BenchServer, Database } from "./server.ts";

const STATEMENTS_SHOWN = 12;

export class Observer {
  readonly #server: BenchServer;
  readonly #database: Database;
  readonly #client: Client;
  /** The observer's session, whose CPU time is left out of the server's. */
  readonly #pid: number;
  readonly #deadBefore: ReadonlyMap<string, number>;
  #before: Reading | null = null;

  private constructor(
    server: BenchServer,
    database: Database,
    client: Client,
    pid: number,
    deadBefore: ReadonlyMap<string, number>,
  ) {
    this.#server = server;
    this.#database = database;
    this.#client = client;
    this.#pid = pid;
    this.#deadBefore = deadBefore;
  }

  static async start(server: BenchServer, database: Database, client: Client): Promise<Observer> {
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    // Otherwise what this session did to prepare would be told later, and counted.
    await client.query("select pg_stat_force_next_flush()");
    return new Observer(server, database, client, rows[0]?.pid ?? 0, await readDeadRows(client));
  }

  async begin(): Promise<void> {
    if (this.#server.countsStatements) {
      await this.#client.query("select pg_stat_statements_reset()");
    }
    this.#before = await this.#read();
  }

  /** Since `begin`, for each of `count` deliveries. */
  async costs(count: number): Promise<Measures> {
    const before = this.#before;
    const after = await this.#read();
    return {
      postgres_us: per(difference(before?.allMicros ?? null, after.allMicros), count),
      postgres_background_us: per(difference(before?.backgroundMicros ?? null, after.backgroundMicros), count),
      wal_bytes: (after.walBytes - (before?.walBytes ?? 0)) / count,
      statements: per(await this.#statementCalls(), count),
    };
  }

  /**
   * Rows updated or deleted since `start`, for each of `count` deliveries: all, and those of each table of ours. A
   * backend tells its statistics when it ends, so this is asked after that.
   */
  async deadRows(count: number): Promise<Measures> {
    const tables = await readDeadRows(this.#client);
    const dead = new Map([...tables].map(([table, rows]) => [table, rows - (this.#deadBefore.get(table) ?? 0)]));
    const ours = [...dead].filter(([table, rows]) => table.startsWith(OURS) && rows > 0);
    return {
      dead_rows: [...dead.values()].reduce((sum, rows) => sum + rows, 0) / count,
      ...Object.fromEntries(ours.map(([table, rows]) => [`dead_rows_${table.slice(OURS.length)}`, rows / count])),
    };
  }

  /** The dearest statements on stderr, those inside functions too if they are traced. */
  async showStatements(count: number): Promise<void> {
    const { rows } = await this.#client.query<StatementRow>(
      `select toplevel, calls::integer, rows::integer, total_exec_time * 1000 as micros, shared_blks_hit::integer as hits,
              wal_bytes::float8 as wal, wal_fpi::integer as pages, regexp_replace(query, '\\s+', ' ', 'g') as query
       from pg_stat_statements where ${OF_DATABASE}
       order by total_exec_time desc limit ${STATEMENTS_SHOWN}`,
      [this.#database.name],
    );
    for (const row of rows) {
      console.error(statementLine(row, count));
    }
  }

  async #read(): Promise<Reading> {
    const { rows } = await this.#client.query<{ bytes: string }>(
      "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes",
    );
    const cpu: ServerCpu | null = serverCpu(this.#server.postmasterPid);
    return {
      allMicros: difference(threadCpuMicros(this.#pid), cpu?.allMicros ?? null),
      backgroundMicros: cpu?.backgroundMicros ?? null,
      walBytes: Number(rows[0]?.bytes),
    };
  }

  async #statementCalls(): Promise<number | null> {
    if (!this.#server.countsStatements) {
      return null;
    }
    const { rows } = await this.#client.query<{ calls: number }>(
      `select coalesce(sum(calls), 0)::integer as calls from pg_stat_statements where toplevel and ${OF_DATABASE}`,
      [this.#database.name],
    );
    return rows[0]?.calls ?? 0;
  }
}

const OURS = "postrider.";

/** Rows updated or deleted, by table with its schema; the partitions of a table together. */
async function readDeadRows(client: Client): Promise<Map<string, number>> {
  const { rows } = await client.query<{ table: string; dead: number }>(
    `select schemaname || '.' || regexp_replace(relname, '_(default|[0-9]{8})$', '') as table,
            sum(n_tup_upd + n_tup_del)::integer as dead
     from pg_stat_user_tables group by 1`,
  );
  return new Map(rows.map(({ table, dead }) => [table, dead]));
}

const OF_DATABASE = "dbid = (select d.oid from pg_database d where d.datname = $1)";

interface Reading {
  readonly allMicros: number | null;
  readonly backgroundMicros: number | null;
  readonly walBytes: number;
}

interface StatementRow {
  readonly toplevel: boolean;
  readonly calls: number;
  readonly rows: number;
  readonly micros: number;
  readonly hits: number;
  readonly wal: number;
  readonly pages: number;
  readonly query: string;
}

function statementLine(
  { toplevel, calls, rows, micros, hits, wal, pages, query }: StatementRow,
  count: number,
): string {
  const figures = [
    `${(micros / count).toFixed(2)} µs`,
    `${(wal / count).toFixed(0)} B WAL`,
    `${(hits / count).toFixed(2)} pages read`,
    `${pages} whole pages`,
    `${calls} calls`,
    `${rows} rows`,
  ];
  return `  ${toplevel ? "top   " : "inside"} ${figures.join(", ")}: ${query.slice(0, 110)}`;
}
