/** Latency: from the commit's acknowledgement at the producer to the request's arrival at the receiver, on one clock. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { Arrivals, commitEvent } from "./arrivals.ts";
import { difference, processCpuMicros, serverCpuMicros } from "./cpu.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { createEndpoint } from "./workload.ts";

/** Producers, so that one slow commit does not hold up the arrivals behind it. */
const PRODUCERS = 4;
const START_MS_MAX = 30_000;
const WARM_UP_MS = 1_500;

export async function prepareLatency(options: BenchOptions): Promise<Part> {
  const arrivals = await Arrivals.start();
  return {
    name: "latency",
    notes: [
      `${options.ratePerSecond} events a second at random for ${options.seconds} s, one insert a transaction; from commit acknowledged to request received.`,
      "Postgres CPU holds the inserts.",
    ],
    trials: [{ subject: "daemon", run: () => measureLatency(options, arrivals) }],
    ratios: [],
    stop: async () => {
      arrivals.close();
    },
  };
}

async function measureLatency(options: BenchOptions, arrivals: Arrivals): Promise<Measures> {
  const database = await options.server.createDatabase();
  try {
    const producers: Client[] = [];
    for (let made = 0; made < PRODUCERS; made += 1) {
      producers.push(await database.connect());
    }
    const [client] = producers;
    if (client === undefined) {
      throw new Error("there is no producer");
    }
    await createEndpoint(client, arrivals.port);
    const daemon = startDaemon(options, database.url);
    try {
      await daemon.receive("started", START_MS_MAX);
      await produce(producers, options.ratePerSecond, WARM_UP_MS);
      const before = { atMs: performance.now(), ...readCpu(options, daemon.pid) };
      const committedMs = await produce(producers, options.ratePerSecond, options.seconds * 1000);
      const after = { atMs: performance.now(), ...readCpu(options, daemon.pid) };
      const micros = (after.atMs - before.atMs) * 1000;
      const share = (used: number | null) => (used === null ? null : (100 * used) / micros);
      return {
        ...(await arrivals.latencies(committedMs)),
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
  const commits: Promise<string>[] = [];
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
      commits.push(commitEvent(producer, committedMs));
    }
  }
  await Promise.all(commits);
  return committedMs;
}
