/** Throughput and cost beside other queues and loops that do the same work, in one interleaved run. */
import { DrainBench } from "./drain.ts";
import type { BenchOptions, Part, Trial } from "./part.ts";
import { installPeers, type QueueName, queueOf } from "./queues.ts";
import { PAYLOAD } from "./workload.ts";

const NAMES: readonly QueueName[] = ["postrider", "graphile-worker", "pg-boss", "batched loop", "naive loop"];
/** A row at a time takes ten times as long, and is as slow from the first row on. */
const NAIVE_PART = 0.1;

export async function preparePeers(options: BenchOptions): Promise<Part> {
  await installPeers();
  const bench = await DrainBench.start(options);
  const { events } = options;
  const trials: Trial[] = [{ subject: "bare loop", run: () => bench.sendBare(events) }];
  for (const name of NAMES) {
    const queue = await queueOf(options, name);
    const count = name === "naive loop" ? Math.ceil(events * NAIVE_PART) : events;
    trials.push({ subject: name, run: () => bench.drain(queue.backlog(bench.port, count)) });
  }
  return {
    name: "peers",
    notes: [
      `${events} events of ${PAYLOAD.length} bytes, committed a hundred a transaction; measured from 10 % received to all recorded.`,
      "All send the same signed request to the same receiver over 50 connections (Postrider: its own limit), from one process of Node, and record an attempt with its answer.",
      "bare loop: undici's dispatch and nothing else. graphile-worker: 200 jobs, local queue of 500, batched completion. pg-boss: 4 workers, batches of 500, NOTIFY.",
      "batched loop: by hand; lease 500 by SKIP LOCKED, complete and record by one statement, two in turn. naive loop: by hand; a row at a time, 16 connections, a tenth of the events.",
      "sender_us: CPU of the process that sends. postgres_us: of all backends; postgres_background_us: of these, WAL writer and checkpointer. dead_rows: updated or deleted.",
    ],
    trials,
    ratios: [
      { of: "postrider", to: "bare loop", measure: "sender_us" },
      ...["bare loop", ...NAMES.slice(1)].map((to) => ({ of: "postrider", to, measure: "deliveries_per_s" })),
    ],
    stop: () => bench.stop(),
  };
}
