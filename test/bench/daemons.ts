/** Daemons as a benchmark starts them, and the backlogs that they drain. */
import type { Client } from "pg";
import { NODE_OPTIONS } from "../../src/processes/nodeOptions.ts";
import { Child } from "./child.ts";
import type { Drain } from "./drain.ts";
import type { BenchOptions } from "./part.ts";
import type { Database } from "./server.ts";
import { commitEvents, createEndpoint } from "./workload.ts";

/** `listenUrl`: a separate connection for LISTEN. */
export function startDaemon(options: BenchOptions, url: string, listenUrl?: string): Child {
  const further = listenUrl === undefined ? [] : [listenUrl];
  const args = [url, options.daemonLogLevel, options.profileDir ?? "", ...further];
  return Child.start("daemonProcess.ts", args, NODE_OPTIONS);
}

/** What one daemon does with a backlog of so many events for one endpoint; change parts of it to measure another. */
export function backlogOf(options: BenchOptions, port: number, events: number): Drain {
  return {
    schema: "postrider",
    deliveries: events,
    recordedSql: "select count(*)::integer as done from postrider.delivery where state = 'succeeded'",
    fill: async (_, client) => {
      await createEndpoint(client, port);
      await commitEvents(client, events);
    },
    start: (database) => [startDaemon(options, database.url)],
  };
}

/** A session that keeps a snapshot from now on, so that no dead row can be removed. */
export async function holdSnapshot(database: Database): Promise<Client> {
  const holder = await database.connect();
  await holder.query("begin isolation level repeatable read");
  await holder.query("select count(*) from postrider.claim");
  return holder;
}
