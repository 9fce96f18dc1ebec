/** Latency: from the commit's acknowledgement at the producer to the request's arrival at the receiver, on one clock. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { startDaemon } from "./backlog.ts";
import { difference, processCpuMicros, serverCpuMicros } from "./cpu.ts";
import { createReceiver, listen } from "./httpReceiver.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { percentile } from "./statistics.ts";
import { createEndpoint, EVENT_TYPE, PAYLOAD } from "./workload.ts";

const ID_NAME = Buffer.from("webhook-id: ");
const ID_LENGTH = 36;
/** Producers, so that one slow commit does not hold up the arrivals behind it. */
const PRODUCERS = 4;
const START_MS_MAX = 30_000;
const WARM_UP_MS = 1_500;
const ARRIVE_MS_MAX = 20_000;
const ARRIVE_POLL_MS = 20;

export async function prepareLatency(options: BenchOptions): Promise<Part> {
  const arrivedMs = new Map<string, number>();
  const server = createReceiver((request) => {
    const at = request.indexOf(ID_NAME) + ID_NAME.length;
    arrivedMs.set(request.toString("latin1", at, at + ID_LENGTH), performance.now());
  });
  const port = await listen(server);
  server.unref();
  return {
    name: "latency",
    notes: [
      `${options.ratePerSecond} events a second at random for ${options.seconds} s, one insert a transaction; from commit acknowledged to request received.`,
      "Postgres CPU holds the inserts.",
    ],
    trials: [{ subject: "daemon", run: () => measureLatency(options, port, arrivedMs) }],
    ratios: [],
    stop: async () => {
      server.close();
    },
  };
}

async function measureLatency(options: BenchOptions, port: number, arrivedMs: Map<string, number>): Promise<Measures> {
  const database = await options.server.createDatabase();
  arrivedMs.clear();
  try {
    const producers: Client[] = [];
    for (let made = 0; made < PRODUCERS; made += 1) {
      producers.push(await database.connect());
    }
    const [client] = producers;
    if (client === undefined) {
      throw new Error("there is no producer");
    }
    await createEndpoint(client, port);
    const daemon = startDaemon(options, database.url);
    try {
      await daemon.receive("started", START_MS_MAX);
      await produce(producers, options.ratePerSecond, WARM_UP_MS);
      const before = { atMs: performance.now(), ...readCpu(options, daemon.pid) };
      const committedMs = await produce(producers, options.ratePerSecond, options.seconds * 1000);
      const after = { atMs: performance.now(), ...readCpu(options, daemon.pid) };
      await arrival(committedMs, arrivedMs);
      const micros = (after.atMs - before.atMs) * 1000;
      const share = (used: number | null) => (used === null ? null : (100 * used) / micros);
      return {
        ...latencies(committedMs, arrivedMs),
        daemon_cpu_percent: share(difference(before.daemon, after.daemon)),
        postgres_cpu_percent: share(difference(before.postgres, after.postgres)),
      };
    } finally {
      await daemon.stop();
    }
  } finally {
    await database.drop();
  }
}

function readCpu(options: BenchOptions, daemonPid: number): { daemon: number | null; postgres: number | null } {
  return { daemon: processCpuMicros(daemonPid), postgres: serverCpuMicros(options.server.postmasterPid) };
}

/** Commits events one by one with exponentially distributed gaps; resolves to when each was acknowledged. */
async function produce(
  producers: readonly Client[],
  ratePerSecond: number,
  durationMs: number,
): Promise<Map<string, number>> {
  const committedMs = new Map<string, number>();
  const commits: Promise<void>[] = [];
  const endMs = performance.now() + durationMs;
  let dueMs = performance.now();
  for (;;) {
    dueMs += (-Math.log(1 - Math.random()) / ratePerSecond) * 1000;
    if (dueMs >= endMs) {
      break;
    }
    await pause(Math.max(0, dueMs - performance.now()));
    const producer = producers[commits.length % producers.length];
    if (producer !== undefined) {
      commits.push(commitOne(producer, committedMs));
    }
  }
  await Promise.all(commits);
  return committedMs;
}

async function commitOne(producer: Client, committedMs: Map<string, number>): Promise<void> {
  const { rows } = await producer.query<{ id: string }>({
    name: "insert_event",
    text: "insert into postrider.outbox (event_type, payload) values ($1, $2) returning id",
    values: [EVENT_TYPE, PAYLOAD],
  });
  committedMs.set(rows[0]?.id ?? "", performance.now());
}

async function arrival(committedMs: Map<string, number>, arrivedMs: Map<string, number>): Promise<void> {
  const deadlineMs = performance.now() + ARRIVE_MS_MAX;
  for (;;) {
    const missing = [...committedMs.keys()].filter((id) => !arrivedMs.has(id)).length;
    if (missing === 0) {
      return;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`${missing} of ${committedMs.size} events did not arrive within ${ARRIVE_MS_MAX} ms`);
    }
    await pause(ARRIVE_POLL_MS);
  }
}

function latencies(committedMs: Map<string, number>, arrivedMs: Map<string, number>): Measures {
  const sorted = [...committedMs]
    // A request can be read before the acknowledgement that the same poll of the sockets brought: that is no time.
    .map(([id, atMs]) => Math.max(0, (arrivedMs.get(id) ?? Number.NaN) - atMs))
    .sort((a, b) => a - b);
  return {
    events: sorted.length,
    p50_ms: percentile(sorted, 50),
    p90_ms: percentile(sorted, 90),
    p99_ms: percentile(sorted, 99),
    max_ms: percentile(sorted, 100),
  };
}
