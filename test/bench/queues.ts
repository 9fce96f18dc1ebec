/** Postrider and its peers, as the parts that compare them see them. */
import { join } from "node:path";
import pg from "pg";
import { installPackages } from "../support/packages.ts";
import { Child } from "./child.ts";
import { backlogOf, startDaemon } from "./daemons.ts";
import type { Drain } from "./drain.ts";
import { loadPeer, type PeerName } from "./loadPeer.ts";
import type { BenchOptions } from "./part.ts";
import { withClient } from "./peers/connection.ts";
import type { Producer } from "./peers/peer.ts";
import { createEndpoint, EVENT_TYPE, PAYLOAD, TRANSACTION_EVENTS } from "./workload.ts";

export type QueueName = "postrider" | PeerName;

export interface Queue {
  /** What is installed in its database before `install`. */
  readonly schema: "postrider" | "empty";
  install(url: string, port: number): Promise<unknown>;
  openProducer(url: string): Promise<Producer>;
  /** A process that says "started". */
  start(url: string, port: number): Child;
  /** What it does with a backlog of so many events. */
  backlog(port: number, events: number): Drain;
}

export function installPeers(): Promise<void> {
  return installPackages(join(import.meta.dirname, "peers"));
}

export function queueOf(options: BenchOptions, name: QueueName): Promise<Queue> {
  return name === "postrider" ? Promise.resolve(postrider(options)) : peerQueue(name);
}

function postrider(options: BenchOptions): Queue {
  return {
    schema: "postrider",
    install: (url, port) => withClient(url, (client) => createEndpoint(client, port)),
    openProducer: async (url) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      return {
        commit: async (count) => {
          const { rows } = await client.query<{ id: string }>({
            name: count === 1 ? "insert_event" : "insert_events",
            text: count === 1 ? INSERT_EVENT : INSERT_EVENTS,
            values: [EVENT_TYPE, PAYLOAD, ...(count === 1 ? [] : [count])],
          });
          return rows.map(({ id }) => id);
        },
        end: () => client.end(),
      };
    },
    start: (url) => startDaemon(options, url),
    backlog: (port, events) => backlogOf(options, port, events),
  };
}

const INSERT_EVENT = "insert into postrider.outbox (event_type, payload) values ($1, $2) returning id";
const INSERT_EVENTS = `insert into postrider.outbox (event_type, payload)
  select $1, $2::json from generate_series(1, $3::integer) returning id`;

async function peerQueue(name: PeerName): Promise<Queue> {
  const { install, openProducer, recordedSql } = await loadPeer(name);
  const start = (url: string, port: number) => Child.start("peerProcess.ts", [name, url, String(port)]);
  return {
    schema: "empty",
    install,
    openProducer,
    start,
    backlog: (port, events) => ({
      schema: "empty",
      deliveries: events,
      recordedSql,
      fill: async ({ url }, client) => {
        await install(url);
        const producer = await openProducer(url);
        for (let filled = 0; filled < events; filled += TRANSACTION_EVENTS) {
          await producer.commit(Math.min(TRANSACTION_EVENTS, events - filled));
        }
        await producer.end();
        // Their plans depend on it, and autovacuum is off.
        await client.query("analyze");
      },
      start: ({ url }) => [start(url, port)],
    }),
  };
}
