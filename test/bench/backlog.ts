/** Throughput and cost: a backlog delivered by the daemon, beside a bare loop that sends as many requests. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { Child } from "./child.ts";
import { difference, per, processCpuMicros, serverCpuMicros, threadCpuMicros } from "./cpu.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import type { Database } from "./server.ts";
import { BODY, commitEvents, createEndpoint, PAYLOAD } from "./workload.ts";

/** Measured from this part of the events on, so that starting up and warming up are left out. */
const START_PART = 0.1;
const START_MS_MAX = 30_000;
const DELIVER_MS_MAX = 180_000;
const RECORD_MS_MAX = 30_000;
const RECORD_POLL_MS = 5;

const STATEMENTS_SHOWN = 12;

export async function prepareBacklog(options: BenchOptions): Promise<Part> {
  const receiver = Child.start("receiverProcess.ts", []);
  const { value: port } = await receiver.receive("listening", START_MS_MAX);
  const bench = { options, receiver, port };
  return {
    name: "backlog",
    notes: [
      `${options.events} events of ${PAYLOAD.length} bytes, committed a hundred a transaction, one endpoint; from 10 % received to all recorded.`,
      "bare loop: undici dispatch, 50 connections, the same headers and bytes. CPU in microseconds a delivery. Dead rows: updated or deleted.",
      "WAL and Postgres CPU are those of delivering alone; held snapshot: another session keeps a snapshot from before.",
    ],
    trials: [
      { subject: "bare loop", run: () => sendBare(bench) },
      { subject: "daemon", run: () => deliverBacklog(bench, false) },
      { subject: "daemon, held snapshot", run: () => deliverBacklog(bench, true) },
    ],
    ratios: [
      { of: "daemon", to: "bare loop", measure: "deliveries_per_s" },
      { of: "daemon, held snapshot", to: "bare loop", measure: "deliveries_per_s" },
      { of: "daemon", to: "bare loop", measure: "sender_us" },
      { of: "daemon, held snapshot", to: "daemon", measure: "postgres_us" },
    ],
    stop: () => receiver.stop(),
  };
}

interface Bench {
  readonly options: BenchOptions;
  readonly receiver: Child;
  readonly port: number;
}

async function sendBare({ options, receiver, port }: Bench): Promise<Measures> {
  const { events } = options;
  const first = setMarks(receiver, events);
  const sender = Child.start("bareLoopProcess.ts", [`http://127.0.0.1:${port}`, String(events), BODY]);
  try {
    await sender.receive("ready", START_MS_MAX);
    sender.send("go");
    await receiver.receive("reached", DELIVER_MS_MAX, first);
    const before = readProcesses(sender, receiver);
    await sender.receive("done", DELIVER_MS_MAX);
    const after = readProcesses(sender, receiver);
    return processMeasures(before, after, events - first);
  } finally {
    await sender.stop();
  }
}

async function deliverBacklog(bench: Bench, holdSnapshot: boolean): Promise<Measures> {
  const { options, port } = bench;
  const database = await options.server.createDatabase();
  try {
    const client = await database.connect();
    await createEndpoint(client, port);
    await commitEvents(client, options.events);
    if (options.traceStatements && options.server.countsStatements) {
      await client.query(`alter database ${database.name} set pg_stat_statements.track = 'all'`);
    }
    if (holdSnapshot) {
      const holder = await database.connect();
      await holder.query("begin isolation level repeatable read");
      await holder.query("select count(*) from postrider.claim");
    }
    return await measureDaemon(bench, database, client);
  } finally {
    await database.drop();
  }
}

async function measureDaemon(bench: Bench, database: Database, client: Client): Promise<Measures> {
  const { options, receiver } = bench;
  const { events, server } = options;
  const first = setMarks(receiver, events);
  const observer = await observe(client, database, server.countsStatements);
  const daemon = startDaemon(options, database.url);
  try {
    await daemon.receive("started", START_MS_MAX);
    await receiver.receive("reached", DELIVER_MS_MAX, first);
    const postgresBefore = difference(observer.cpuMicros(), serverCpuMicros(server.postmasterPid));
    const before = readProcesses(daemon, receiver);
    const walBefore = await observer.walBytes();
    await observer.resetStatements();
    if (options.profileDir !== null) {
      daemon.send("profile");
    }
    await receiver.receive("reached", DELIVER_MS_MAX, events);
    await recorded(client, events);
    const after = readProcesses(daemon, receiver);
    const postgresAfter = difference(observer.cpuMicros(), serverCpuMicros(server.postmasterPid));
    const count = events - first;
    const walAfter = await observer.walBytes();
    const statements = await observer.statementCalls();
    if (options.traceStatements) {
      await observer.showStatements(count);
    }
    // A backend tells its statistics when it ends.
    await daemon.stop();
    return {
      ...processMeasures(before, after, count),
      postgres_us: per(difference(postgresBefore, postgresAfter), count),
      wal_bytes: (walAfter - walBefore) / count,
      statements: per(statements, count),
      ...(await observer.deadRows(events)),
    };
  } catch (thrown) {
    receiver.send("count");
    const { value } = await receiver.receive("counted", START_MS_MAX);
    const { rows } = await client.query("select state, count(*) from postrider.delivery group by state");
    throw new Error(`${value} requests of ${events} arrived, and of deliveries there are ${JSON.stringify(rows)}`, {
      cause: thrown,
    });
  } finally {
    await daemon.stop();
  }
}

/** `listenUrl`: a separate connection for LISTEN. */
export function startDaemon(options: BenchOptions, url: string, listenUrl?: string): Child {
  const further = listenUrl === undefined ? [] : [listenUrl];
  return Child.start("daemonProcess.ts", [url, options.daemonLogLevel, options.profileDir ?? "", ...further]);
}

/** Returns the first of two marks; the second is the number of events. */
function setMarks(receiver: Child, events: number): number {
  const first = Math.max(1, Math.floor(events * START_PART));
  receiver.send("reset");
  receiver.send("mark", first);
  receiver.send("mark", events);
  return first;
}

interface Reading {
  readonly atMs: number;
  readonly senderMicros: number | null;
  readonly receiverMicros: number | null;
}

function readProcesses(sender: Child, receiver: Child): Reading {
  return {
    atMs: performance.now(),
    senderMicros: processCpuMicros(sender.pid),
    receiverMicros: processCpuMicros(receiver.pid),
  };
}

function processMeasures(before: Reading, after: Reading, count: number): Measures {
  return {
    deliveries_per_s: (count / (after.atMs - before.atMs)) * 1000,
    sender_us: per(difference(before.senderMicros, after.senderMicros), count),
    receiver_us: per(difference(before.receiverMicros, after.receiverMicros), count),
  };
}

/** Resolves when every delivery has its row. Counting takes milliseconds, so it begins when the last request is there. */
async function recorded(client: Client, events: number): Promise<void> {
  const deadlineMs = performance.now() + RECORD_MS_MAX;
  for (;;) {
    const { rows } = await client.query<{ done: number }>(
      "select count(*)::integer as done from postrider.delivery where state = 'succeeded'",
    );
    if ((rows[0]?.done ?? 0) >= events) {
      return;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`only ${rows[0]?.done} deliveries were recorded within ${RECORD_MS_MAX} ms`);
    }
    await pause(RECORD_POLL_MS);
  }
}

interface Observer {
  /** Of the observer's own session, to be left out of the server's. */
  cpuMicros(): number | null;
  walBytes(): Promise<number>;
  resetStatements(): Promise<void>;
  statementCalls(): Promise<number | null>;
  showStatements(count: number): Promise<void>;
  /** Rows of each table that were updated or deleted. */
  deadRows(count: number): Promise<Measures>;
}

async function observe(client: Client, database: Database, countsStatements: boolean): Promise<Observer> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const pid = rows[0]?.pid ?? 0;
  const ofDatabase = "dbid = (select d.oid from pg_database d where d.datname = $1)";
  return {
    cpuMicros: () => threadCpuMicros(pid),
    walBytes: async () => {
      const { rows } = await client.query<{ bytes: string }>(
        "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes",
      );
      return Number(rows[0]?.bytes);
    },
    resetStatements: async () => {
      if (countsStatements) {
        await client.query("select pg_stat_statements_reset()");
      }
    },
    statementCalls: async () => {
      if (!countsStatements) {
        return null;
      }
      const { rows } = await client.query<{ calls: number }>(
        `select coalesce(sum(calls), 0)::integer as calls from pg_stat_statements where toplevel and ${ofDatabase}`,
        [database.name],
      );
      return rows[0]?.calls ?? 0;
    },
    showStatements: async (count) => {
      const { rows } = await client.query<StatementRow>(
        `select toplevel, calls::integer, rows::integer, total_exec_time * 1000 as micros, shared_blks_hit::integer as hits,
                wal_bytes::float8 as wal, wal_fpi::integer as pages, regexp_replace(query, '\\s+', ' ', 'g') as query
         from pg_stat_statements where ${ofDatabase}
         order by total_exec_time desc limit ${STATEMENTS_SHOWN}`,
        [database.name],
      );
      for (const row of rows) {
        console.error(statementLine(row, count));
      }
    },
    deadRows: async (count) => {
      const { rows } = await client.query<{ table: string; dead: number }>(
        `select regexp_replace(relname, '_(default|[0-9]{8})$', '') as table, sum(n_tup_upd + n_tup_del)::integer as dead
         from pg_stat_user_tables where schemaname = 'postrider'
         group by 1 having sum(n_tup_upd + n_tup_del) > 0 or regexp_replace(relname, '_(default|[0-9]{8})$', '') in ('delivery', 'attempt', 'outbox', 'claim', 'daemon')`,
      );
      return Object.fromEntries(rows.map(({ table, dead }) => [`dead_rows_${table}`, dead / count]));
    },
  };
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
