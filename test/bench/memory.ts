/** Memory: what a daemon takes of it while very much waits, receivers never answer, and payloads are large. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { PAYLOAD_BYTES_MAX } from "../../src/daemon/claim/claimed.ts";
import { memoryBoundBytes } from "../../src/daemon/memory.ts";
import { Child } from "./child.ts";
import { peakRssMib } from "./cpu.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { PATH, PAYLOAD } from "./workload.ts";

const START_MS_MAX = 30_000;
/** While it is busy the daemon may take its time to tell. */
const TELL_MS_MAX = 30_000;
const SAMPLE_MS = 250;
const MIB = 1_048_576;
/** The default of POSTRIDER_MAX_IN_FLIGHT, with which the daemon runs here. */
const MAX_IN_FLIGHT = 256;
const MEGABYTE = 1_000_000;
const MEGABYTE_EVENTS = 3_000;
const MEDIUM_EVENTS = 10_000;
/** Of each size: one that hangs holds a few requests only. */
const ENDPOINTS = 32;

interface Load {
  readonly eventType: string;
  readonly count: number;
  readonly payload: string;
}

export async function prepareMemory(options: BenchOptions): Promise<Part> {
  const receiver = Child.start("silentReceiverProcess.ts", []);
  const { value: port } = await receiver.receive("listening", START_MS_MAX);
  const small = { eventType: "small", count: options.waiting, payload: PAYLOAD };
  // One character beyond Latin-1 makes two bytes of each in memory.
  const medium = { eventType: "medium", count: MEDIUM_EVENTS, payload: textOf(PAYLOAD_BYTES_MAX, "€") };
  const large = { eventType: "large", count: MEGABYTE_EVENTS, payload: textOf(MEGABYTE, "") };
  const trial = (subject: string, loads: readonly Load[]) => ({
    subject,
    run: () => measure(options, port, loads),
  });
  return {
    name: "memory",
    notes: [
      `Receivers take the connection and nothing else, ${ENDPOINTS} endpoints for each size. ${small.count} events of ${PAYLOAD.length} bytes, ${medium.count} of ${PAYLOAD_BYTES_MAX}, ${large.count} of ${MEGABYTE}; ${options.seconds} s.`,
      "bound_mib: src/daemon/memory.ts. queued: deliveries that went through the daemon's hands into the queue.",
    ],
    trials: [
      trial("at rest", []),
      trial("small", [small]),
      trial("32 KiB", [medium]),
      trial("1 MB", [large]),
      trial("all", [large, medium, small]),
    ],
    ratios: [],
    stop: () => receiver.stop(),
  };
}

async function measure(options: BenchOptions, port: number, loads: readonly Load[]): Promise<Measures> {
  const database = await options.server.createDatabase();
  try {
    const client = await database.connect();
    for (const load of loads) {
      await fill(client, port, load);
    }
    const daemon = startDaemon(options, database.url);
    try {
      await daemon.receive("started", START_MS_MAX);
      const peakHeapBytes = await watchHeap(daemon, options.seconds);
      return {
        peak_rss_mib: peakRssMib(daemon.pid),
        peak_heap_mib: peakHeapBytes / MIB,
        bound_mib: memoryBoundBytes(MAX_IN_FLIGHT) / MIB,
        queued: await countQueued(client),
      };
    } finally {
      await daemon.stop();
    }
  } finally {
    await database.drop();
  }
}

async function fill(client: Client, port: number, { eventType, count, payload }: Load): Promise<void> {
  await client.query(
    `select from generate_series(0, $3 - 1) n
     cross join lateral postrider.create_endpoint($1, array[$2 || '.to' || n]) made`,
    [`http://127.0.0.1:${port}${PATH}`, eventType, ENDPOINTS],
  );
  await client.query(
    `insert into postrider.outbox (event_type, payload)
     select $1 || '.to' || n % $4, $2::json from generate_series(1, $3::integer) n`,
    [eventType, payload, count, ENDPOINTS],
  );
}

async function watchHeap(daemon: Child, seconds: number): Promise<number> {
  const untilMs = performance.now() + seconds * 1_000;
  let peakBytes = 0;
  while (performance.now() < untilMs) {
    daemon.send("heap");
    const { value } = await daemon.receive("heap", TELL_MS_MAX);
    peakBytes = Math.max(peakBytes, value);
    await pause(SAMPLE_MS);
  }
  return peakBytes;
}

async function countQueued(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>("select count(*)::integer as count from postrider.delivery");
  return rows[0]?.count ?? 0;
}

/** A JSON string of so many bytes, with that character in it. */
function textOf(bytes: number, character: string): string {
  const room = bytes - 2 - Buffer.byteLength(character);
  return JSON.stringify(`${"x".repeat(room)}${character}`);
}
