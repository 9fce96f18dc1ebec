/** Throughput and cost beside other queues and loops that do the same work, in one interleaved run. */
import { join } from "node:path";
import { installPackages } from "../support/packages.ts";
import { Child } from "./child.ts";
import { backlogOf } from "./daemons.ts";
import { type Drain, DrainBench } from "./drain.ts";
import { loadPeer, PEERS, type PeerName } from "./loadPeer.ts";
import type { BenchOptions, Part, Trial } from "./part.ts";
import { PAYLOAD } from "./workload.ts";

const PEER_NAMES = Object.keys(PEERS) as PeerName[];
/** A row at a time takes ten times as long, and is as slow from the first row on. */
const NAIVE_PART = 0.1;

export function installPeers(): Promise<void> {
  return installPackages(join(import.meta.dirname, "peers"));
}

export async function preparePeers(options: BenchOptions): Promise<Part> {
  await installPeers();
  const bench = await DrainBench.start(options);
  const { events } = options;
  const trials: Trial[] = [
    { subject: "bare loop", run: () => bench.sendBare(events) },
    { subject: "postrider", run: () => bench.drain(backlogOf(options, bench.port, events)) },
  ];
  for (const name of PEER_NAMES) {
    const count = name === "naive loop" ? Math.ceil(events * NAIVE_PART) : events;
    trials.push({ subject: name, run: async () => bench.drain(await peerBacklog(name, bench.port, count)) });
  }
  return {
    name: "peers",
    notes: [
      `${events} events of ${PAYLOAD.length} bytes, committed a hundred a transaction; measured from 10 % received to all recorded.`,
      "All send the same signed request to the same receiver over 50 connections (Postrider: its own limit), from one process of Node, and record an attempt with its answer.",
      "bare loop: undici's dispatch and nothing else. graphile-worker: 200 jobs, local queue of 500, batched completion. pg-boss: 4 workers, batches of 500, NOTIFY.",
      "batched loop: by hand; lease 500 by SKIP LOCKED, complete and record by one statement, two in turn. naive loop: by hand; a row at a time, 16 connections.",
      "sender_us: CPU of the process that sends. postgres_us: of all backends; postgres_background_us: of these, WAL writer and checkpointer. dead_rows: updated or deleted.",
    ],
    trials,
    ratios: [
      { of: "postrider", to: "bare loop", measure: "sender_us" },
      ...["bare loop", ...PEER_NAMES].map((to) => ({ of: "postrider", to, measure: "deliveries_per_s" })),
    ],
    stop: () => bench.stop(),
  };
}

/** What a peer does with a backlog of so many events. */
export async function peerBacklog(name: PeerName, port: number, events: number): Promise<Drain> {
  const peer = await loadPeer(name);
  return {
    schema: "empty",
    deliveries: events,
    recordedSql: peer.recordedSql,
    fill: async ({ url }, client) => {
      await peer.install(url);
      await peer.fill(url, events);
      // Their plans depend on it, and autovacuum is off.
      await client.query("analyze");
    },
    start: ({ url }) => [Child.start("peerProcess.ts", [name, url, String(port)])],
  };
}
