/** Throughput and cost: a backlog delivered by the daemon, beside a bare loop that sends as many requests. */
import { backlogOf, holdSnapshot } from "./daemons.ts";
import { DrainBench } from "./drain.ts";
import type { BenchOptions, Part } from "./part.ts";
import { PAYLOAD } from "./workload.ts";

export async function prepareBacklog(options: BenchOptions): Promise<Part> {
  const bench = await DrainBench.start(options);
  const { events } = options;
  const backlog = backlogOf(options, bench.port, events);
  const beside = {
    ...backlog,
    fill: async (...[database, client]: Parameters<typeof backlog.fill>) => {
      await backlog.fill(database, client);
      await holdSnapshot(database);
    },
  };
  return {
    name: "backlog",
    notes: [
      `${events} events of ${PAYLOAD.length} bytes, committed a hundred a transaction, one endpoint; from 10 % received to all recorded.`,
      "bare loop: undici dispatch, 50 connections, the same headers and bytes. CPU in microseconds a delivery. Dead rows: updated or deleted.",
      "WAL and Postgres CPU are those of delivering alone; held snapshot: another session keeps a snapshot from before.",
    ],
    trials: [
      { subject: "bare loop", run: () => bench.sendBare(events) },
      { subject: "daemon", run: () => bench.drain(backlog) },
      { subject: "daemon, held snapshot", run: () => bench.drain(beside) },
    ],
    ratios: [
      { of: "daemon", to: "bare loop", measure: "deliveries_per_s" },
      { of: "daemon, held snapshot", to: "bare loop", measure: "deliveries_per_s" },
      { of: "daemon", to: "bare loop", measure: "sender_us" },
      { of: "daemon, held snapshot", to: "daemon", measure: "postgres_us" },
    ],
    stop: () => bench.stop(),
  };
}
