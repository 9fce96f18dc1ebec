/** What healthy endpoints get beside others that never answer, or that have a large backlog. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { Arrivals } from "./arrivals.ts";
import { Child } from "./child.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import type { Database } from "./server.ts";
import { createEndpoints, PAYLOAD, TYPE_PREFIX } from "./workload.ts";

const HEALTHY = 500;
/** Events a second, for all healthy endpoints together. */
const HEALTHY_RATE = 200;
const COMMITS_PER_SECOND = 100;
const PRODUCERS = 4;
/** Until each healthy endpoint has answered, and then until the others hang. */
const WARM_UP_MS = 4_000;
const START_MS_MAX = 60_000;
const DEAD_PREFIX = "dead.n";
const BACKLOG_TYPE = "backlog";
const RATE_LIMIT = 100;

interface Neighbour {
  /** Makes it, and what waits for it. */
  arrange(client: Client): Promise<void>;
  /** Types of further events, as many as the healthy endpoints get; null for none. */
  readonly types: ((n: number) => string) | null;
}

const NONE: Neighbour = { arrange: async () => {}, types: null };

export async function prepareDeadHalf(options: BenchOptions): Promise<Part> {
  const bench = await NeighbourBench.start(options);
  const silent = await listening("silentReceiverProcess.ts");
  const dead: Neighbour = {
    arrange: (client) => createEndpoints(client, silent.port, HEALTHY, DEAD_PREFIX),
    types: (n) => DEAD_PREFIX + (n % HEALTHY),
  };
  return {
    name: "dead_half",
    notes: [
      `${HEALTHY} endpoints get ${HEALTHY_RATE} events a second for ${options.seconds} s. beside: as many others get as many events, and never answer.`,
      "deliveries_per_s: of the healthy endpoints, until the last one arrived.",
    ],
    trials: [
      { subject: "healthy", run: () => bench.measure(NONE) },
      { subject: "beside", run: () => bench.measure(dead) },
    ],
    ratios: ratiosOf(["beside"], "healthy"),
    stop: async () => {
      bench.stop();
      await silent.child.stop();
    },
  };
}

export async function prepareBesideBacklog(options: BenchOptions): Promise<Part> {
  const bench = await NeighbourBench.start(options);
  const receiver = await listening("receiverProcess.ts");
  const backlog = (limits: Readonly<Record<string, unknown>>): Neighbour => ({
    arrange: (client) => arrangeBacklog(client, receiver.port, options.waiting, limits),
    types: null,
  });
  return {
    name: "beside_backlog",
    notes: [
      `${HEALTHY} endpoints get ${HEALTHY_RATE} events a second for ${options.seconds} s, alone and beside one for which ${options.waiting} deliveries are due.`,
      `capped: that one has max_in_flight 4; paced: it has rate_limit ${RATE_LIMIT}; draining: it has no limit, and its receiver answers at once, so daemon and Postgres are busy with it all the time.`,
    ],
    trials: [
      { subject: "healthy", run: () => bench.measure(NONE) },
      { subject: "paced", run: () => bench.measure(backlog({ rate_limit: RATE_LIMIT })) },
      { subject: "capped", run: () => bench.measure(backlog({ max_in_flight: 4 })) },
      { subject: "draining", run: () => bench.measure(backlog({})) },
    ],
    ratios: ratiosOf(["paced", "capped", "draining"], "healthy"),
    stop: async () => {
      bench.stop();
      await receiver.child.stop();
    },
  };
}

function ratiosOf(subjects: readonly string[], to: string): Part["ratios"] {
  return subjects.flatMap((of) => ["deliveries_per_s", "p50_ms", "p99_ms"].map((measure) => ({ of, to, measure })));
}

async function listening(script: string): Promise<{ readonly child: Child; readonly port: number }> {
  const child = Child.start(script, []);
  const { value: port } = await child.receive("listening", START_MS_MAX);
  return { child, port };
}

class NeighbourBench {
  readonly #options: BenchOptions;
  readonly #arrivals: Arrivals;

  private constructor(options: BenchOptions, arrivals: Arrivals) {
    this.#options = options;
    this.#arrivals = arrivals;
  }

  static async start(options: BenchOptions): Promise<NeighbourBench> {
    return new NeighbourBench(options, await Arrivals.start());
  }

  stop(): void {
    this.#arrivals.close();
  }

  async measure(neighbour: Neighbour): Promise<Measures> {
    const database = await this.#options.server.createDatabase();
    try {
      const client = await database.connect();
      await createEndpoints(client, this.#arrivals.port, HEALTHY);
      await neighbour.arrange(client);
      await client.query("analyze");
      const daemon = startDaemon(this.#options, database.url);
      try {
        await daemon.receive("started", START_MS_MAX);
        return await this.#stream(database, neighbour);
      } finally {
        await daemon.stop();
      }
    } finally {
      await database.drop();
      this.#arrivals.forget();
    }
  }

  async #stream(database: Database, { types }: Neighbour): Promise<Measures> {
    const producers = await Promise.all(Array.from({ length: PRODUCERS }, () => database.connect()));
    await produce(producers, WARM_UP_MS, null);
    await produce(producers, WARM_UP_MS, types);
    const startedMs = performance.now();
    const committedMs = await produce(producers, this.#options.seconds * 1_000, types);
    const latencies = await this.#arrivals.latencies(committedMs);
    return { deliveries_per_s: (committedMs.size / (performance.now() - startedMs)) * 1_000, ...latencies };
  }
}

/** Commits events evenly; resolves to when each event for a healthy endpoint was acknowledged. */
async function produce(producers: readonly Client[], ms: number, types: Neighbour["types"]) {
  const committedMs = new Map<string, number>();
  const lines = producers.map((producer) => ({ producer, last: Promise.resolve() }));
  const together = HEALTHY_RATE / COMMITS_PER_SECOND;
  const beganMs = performance.now();
  for (let commit = 0; commit < (ms / 1_000) * COMMITS_PER_SECOND; commit += 1) {
    await pause(Math.max(0, beganMs + (commit * 1_000) / COMMITS_PER_SECOND - performance.now()));
    const numbers = Array.from({ length: together }, (_, n) => commit * together + n);
    const healthy = numbers.map((n) => TYPE_PREFIX + (n % HEALTHY));
    const line = lines[commit % lines.length];
    if (line !== undefined) {
      const further = types === null ? [] : numbers.map(types);
      line.last = line.last.then(() => insert(line.producer, [...healthy, ...further], committedMs));
    }
  }
  await Promise.all(lines.map(({ last }) => last));
  return committedMs;
}

async function insert(producer: Client, types: readonly string[], committedMs: Map<string, number>): Promise<void> {
  const { rows } = await producer.query<{ id: string; event_type: string }>({
    name: "insert_events",
    text: "insert into postrider.outbox (event_type, payload) select t, $2 from unnest($1::text[]) t returning id, event_type",
    values: [types, PAYLOAD],
  });
  const atMs = performance.now();
  for (const { id, event_type } of rows) {
    if (event_type.startsWith(TYPE_PREFIX)) {
      committedMs.set(id, atMs);
    }
  }
}

/** Claimed long ago: only their deliveries wait. */
async function arrangeBacklog(
  client: Client,
  port: number,
  count: number,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    "select endpoint_id as id from postrider.create_endpoint($1, '{}', options => $2)",
    [`http://127.0.0.1:${port}/backlog`, JSON.stringify(options)],
  );
  await client.query("set synchronous_commit = off");
  await client.query(
    `with event as (
       insert into postrider.outbox (event_type, payload)
       select '${BACKLOG_TYPE}', $2::json from generate_series(1, $3::integer)
       returning id)
     insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select e.id, $1, 'pending', now() - interval '1 hour' from event e`,
    [rows[0]?.id, PAYLOAD, count],
  );
  await client.query("reset synchronous_commit");
}
