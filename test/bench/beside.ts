/** What a daemon delivers beside a session that makes life hard for it: a snapshot held open, and a bulk load. */
import { Arrivals, commitEvent } from "./arrivals.ts";
import { backlogOf, holdSnapshot, startDaemon } from "./daemons.ts";
import { type Drain, DrainBench } from "./drain.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import type { Database } from "./server.ts";
import { createEndpoint, createEndpoints, insertEvents, PAYLOAD, TYPE_PREFIX } from "./workload.ts";

/** The last tenth is compared with the first, so a tenth must last seconds. */
const SNAPSHOT_FACTOR = 3;
/** Of the transaction that another endpoint's event is committed right behind. */
const BEHIND_EVENTS = 150_000;
const START_MS_MAX = 30_000;

export async function prepareSnapshot(options: BenchOptions): Promise<Part> {
  const bench = await DrainBench.start(options);
  const events = options.events * SNAPSHOT_FACTOR;
  const alone = backlogOf(options, bench.port, events);
  return {
    name: "snapshot",
    notes: [
      `${events} events of ${PAYLOAD.length} bytes for one endpoint. held: another session keeps a snapshot from before, so no dead row can be removed.`,
      "last_tenth_to_first: rate of the last tenth of the measured deliveries against that of the first.",
    ],
    trials: [
      { subject: "alone", run: () => bench.drain(alone) },
      { subject: "held", run: () => bench.drain(after(alone, holdSnapshot)) },
    ],
    ratios: [{ of: "held", to: "alone", measure: "deliveries_per_s" }],
    stop: () => bench.stop(),
  };
}

export async function prepareBulk(options: BenchOptions): Promise<Part> {
  const bench = await DrainBench.start(options);
  const arrivals = await Arrivals.start();
  const { bulkRows } = options;
  const alone = backlogOf(options, bench.port, options.events);
  const open = async (database: Database) => {
    const bulk = await database.connect();
    await bulk.query("begin");
    await insertEvents(bulk, bulkRows);
  };
  const loading = async (database: Database) => {
    const bulk = await database.connect();
    await bulk.query("begin");
    await insertEvents(bulk, bulkRows);
    await bulk.query("rollback");
  };
  return {
    name: "bulk",
    notes: [
      `${options.events} events beside another transaction of ${bulkRows}: open, with all its events inserted before; or inserting them meanwhile, on the same cores, in which case its CPU and WAL count as Postgres's.`,
      `behind: a transaction commits ${BEHIND_EVENTS} events for one endpoint, and another one right behind it a single event for another endpoint; until that one arrives.`,
    ],
    trials: [
      { subject: "alone", run: () => bench.drain(alone) },
      { subject: "open", run: () => bench.drain(before(alone, open)) },
      { subject: "loading", run: () => bench.drain({ ...alone, beside: loading }) },
      { subject: "behind", run: () => measureBehind(options, arrivals) },
    ],
    ratios: ["open", "loading"].map((of) => ({ of, to: "alone", measure: "deliveries_per_s" })),
    stop: async () => {
      arrivals.close();
      await bench.stop();
    },
  };
}

function before(drain: Drain, arrange: (database: Database) => Promise<unknown>): Drain {
  return {
    ...drain,
    fill: async (database, client) => {
      await arrange(database);
      await drain.fill(database, client);
    },
  };
}

function after(drain: Drain, arrange: (database: Database) => Promise<unknown>): Drain {
  return {
    ...drain,
    fill: async (database, client) => {
      await drain.fill(database, client);
      await arrange(database);
    },
  };
}

async function measureBehind(options: BenchOptions, arrivals: Arrivals): Promise<Measures> {
  const database = await options.server.createDatabase();
  try {
    const client = await database.connect();
    await createEndpoint(client, arrivals.port);
    await createEndpoints(client, arrivals.port, 1);
    const daemon = startDaemon(options, database.url);
    try {
      await daemon.receive("started", START_MS_MAX);
      const committedMs = new Map<string, number>();
      await arrivals.all([await commitEvent(client, committedMs, `${TYPE_PREFIX}0`)]);
      committedMs.clear();
      await insertEvents(client, BEHIND_EVENTS);
      await commitEvent(client, committedMs, `${TYPE_PREFIX}0`);
      const { max_ms } = await arrivals.latencies(committedMs);
      return { behind_bulk_ms: max_ms ?? null };
    } finally {
      await daemon.stop();
    }
  } finally {
    await database.drop();
    arrivals.forget();
  }
}
