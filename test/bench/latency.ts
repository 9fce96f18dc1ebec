/** Latency: from the commit's acknowledgement at the producer to the request's arrival at the receiver, on one clock. */
import { setTimeout as pause } from "node:timers/promises";
import { Arrivals } from "./arrivals.ts";
import { difference, per, processCpuMicros, serverCpuMicros } from "./cpu.ts";
import { DrainBench } from "./drain.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import type { Producer } from "./peers/peer.ts";
import { installPeers, type Queue, type QueueName, queueOf } from "./queues.ts";

/** Producers, so that one slow commit does not hold up the arrivals behind it. */
const PRODUCERS = 4;
const START_MS_MAX = 60_000;
const WARM_UP_MS = 1_500;
/** Above this rate, events are committed several at a time: a client for each would take the machine. */
const COMMITS_PER_SECOND_MAX = 200;
/** At half of the maximum, many events pass within a short time. */
const HALF_LOAD_SECONDS_MAX = 10;
/** Events that tell a queue's maximum. */
const MAXIMUM_EVENTS = 60_000;
const COMPARED: readonly QueueName[] = ["postrider", "graphile-worker", "pg-boss"];

export async function prepareLatency(options: BenchOptions): Promise<Part> {
  const arrivals = await Arrivals.start();
  const queue = await queueOf(options, "postrider");
  return {
    name: "latency",
    notes: lowRateNotes(options),
    trials: [{ subject: "daemon", run: () => measureLatency(options, arrivals, queue, lowRate(options)) }],
    ratios: [],
    stop: async () => arrivals.close(),
  };
}

export async function prepareLowRate(options: BenchOptions): Promise<Part> {
  const queues = await comparedQueues(options);
  const arrivals = await Arrivals.start();
  return {
    name: "low_rate",
    notes: lowRateNotes(options),
    trials: [...queues].map(([subject, queue]) => ({
      subject,
      run: () => measureLatency(options, arrivals, queue, lowRate(options)),
    })),
    ratios: ["p50_ms", "p99_ms", "postgres_us_per_event"].flatMap(toPeers),
    stop: async () => arrivals.close(),
  };
}

export async function prepareHalfLoad(options: BenchOptions): Promise<Part> {
  const queues = await comparedQueues(options);
  const arrivals = await Arrivals.start();
  const rates = await halfRates(options, queues);
  const seconds = Math.min(options.seconds, HALF_LOAD_SECONDS_MAX);
  return {
    name: "half_load",
    notes: [
      `${seconds} s, each at half of the rate at which it had just drained a backlog: ${[...rates].map(([name, rate]) => `${name} ${rate}`).join(", ")} events a second.`,
      `${COMMITS_PER_SECOND_MAX} transactions a second, from commit acknowledged to request received.`,
    ],
    trials: [...queues].map(([subject, queue]) => ({
      subject,
      run: () =>
        measureLatency(options, arrivals, queue, { eventsPerSecond: rates.get(subject) ?? 1, ms: seconds * 1000 }),
    })),
    ratios: ["p50_ms", "p99_ms"].flatMap(toPeers),
    stop: async () => arrivals.close(),
  };
}

interface Stream {
  readonly eventsPerSecond: number;
  readonly ms: number;
}

function lowRate({ ratePerSecond, seconds }: BenchOptions): Stream {
  return { eventsPerSecond: ratePerSecond, ms: seconds * 1000 };
}

function lowRateNotes({ ratePerSecond, seconds }: BenchOptions): string[] {
  return [
    `${ratePerSecond} events a second at random for ${seconds} s, one insert a transaction; from commit acknowledged to request received.`,
    "Postgres CPU holds the inserts.",
  ];
}

function toPeers(measure: string): Part["ratios"] {
  return COMPARED.slice(1).map((to) => ({ of: "postrider", to, measure }));
}

async function comparedQueues(options: BenchOptions): Promise<Map<QueueName, Queue>> {
  await installPeers();
  const queues = new Map<QueueName, Queue>();
  for (const name of COMPARED) {
    queues.set(name, await queueOf(options, name));
  }
  return queues;
}

async function halfRates(
  options: BenchOptions,
  queues: ReadonlyMap<QueueName, Queue>,
): Promise<Map<QueueName, number>> {
  const bench = await DrainBench.start(options);
  const rates = new Map<QueueName, number>();
  try {
    for (const [name, queue] of queues) {
      const measures = await bench.drain(queue.backlog(bench.port, Math.min(options.events, MAXIMUM_EVENTS)));
      rates.set(name, Math.round((measures.deliveries_per_s ?? 0) / 2));
    }
    return rates;
  } finally {
    await bench.stop();
  }
}

async function measureLatency(
  options: BenchOptions,
  arrivals: Arrivals,
  queue: Queue,
  stream: Stream,
): Promise<Measures> {
  const database = await options.server.createDatabase(queue.schema);
  const producers: Producer[] = [];
  try {
    await queue.install(database.url, arrivals.port);
    for (let made = 0; made < PRODUCERS; made += 1) {
      producers.push(await queue.openProducer(database.url));
    }
    const sender = queue.start(database.url, arrivals.port);
    try {
      await sender.receive("started", START_MS_MAX);
      await produce(producers, { ...stream, ms: WARM_UP_MS });
      const before = readCpu(options, sender.pid);
      const committedMs = await produce(producers, stream);
      const latencies = await arrivals.latencies(committedMs);
      return { ...latencies, ...cpuMeasures(before, readCpu(options, sender.pid), committedMs.size) };
    } finally {
      await sender.stop();
    }
  } finally {
    for (const producer of producers) {
      await producer.end();
    }
    await database.drop();
    arrivals.forget();
  }
}

interface CpuReading {
  readonly atMs: number;
  readonly sender: number | null;
  readonly postgres: number | null;
}

function readCpu({ server }: BenchOptions, senderPid: number): CpuReading {
  return {
    atMs: performance.now(),
    sender: processCpuMicros(senderPid),
    postgres: serverCpuMicros(server.postmasterPid),
  };
}

function cpuMeasures(before: CpuReading, after: CpuReading, events: number): Measures {
  const micros = (after.atMs - before.atMs) * 1000;
  const sender = difference(before.sender, after.sender);
  const postgres = difference(before.postgres, after.postgres);
  const percent = (used: number | null) => (used === null ? null : (100 * used) / micros);
  return {
    sender_us_per_event: per(sender, events),
    postgres_us_per_event: per(postgres, events),
    sender_cpu_percent: percent(sender),
    postgres_cpu_percent: percent(postgres),
  };
}

/** Commits with exponentially distributed gaps; resolves to when each event was acknowledged. */
async function produce(producers: readonly Producer[], { eventsPerSecond, ms }: Stream): Promise<Map<string, number>> {
  const committedMs = new Map<string, number>();
  const lines = producers.map((producer) => ({ producer, last: Promise.resolve() }));
  const together = Math.max(1, Math.round(eventsPerSecond / COMMITS_PER_SECOND_MAX));
  const endMs = performance.now() + ms;
  let dueMs = performance.now();
  for (let number = 0; ; number += 1) {
    dueMs += (-Math.log(1 - Math.random()) * together * 1000) / eventsPerSecond;
    if (dueMs >= endMs) {
      break;
    }
    await pause(Math.max(0, dueMs - performance.now()));
    const line = lines[number % lines.length];
    if (line !== undefined) {
      line.last = line.last.then(() => commit(line.producer, together, committedMs));
    }
  }
  await Promise.all(lines.map(({ last }) => last));
  return committedMs;
}

async function commit(producer: Producer, count: number, committedMs: Map<string, number>): Promise<void> {
  const ids = await producer.commit(count);
  const atMs = performance.now();
  for (const id of ids) {
    committedMs.set(id, atMs);
  }
}
