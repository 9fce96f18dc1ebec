/** Both sides of the shop, each in a database of its own, and the HTTP between them. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";
import { inboxSql } from "../../src/receive/inboxSql.ts";
import { nodeHandler } from "../../src/receive/nodeHandler.ts";
import { officeReceiver } from "./office.ts";

export interface Shop {
  /** The database of the side that sends; Postrider is in it. */
  readonly front: pg.Pool;
  readonly office: pg.Pool;
  stop(): Promise<void>;
}

/** `frontUrl` has the schema of Postrider already. */
export async function openShop(frontUrl: string, officeUrl: string): Promise<Shop> {
  const [front, office] = [poolOf(frontUrl), poolOf(officeUrl)];
  await front.query(sqlOf("front.sql"));
  await office.query(sqlOf("office.sql"));
  await office.query(inboxSql());
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { rows } = await front.query<{ secret: string }>(
    "select secret from postrider.create_endpoint($1, '{user.registered,order.paid}', options => $2)",
    [`http://127.0.0.1:${port}/events`, JSON.stringify({ name: "office", retry_schedule: ["1 s", "2 s", "5 s"] })],
  );
  server.on("request", nodeHandler(officeReceiver(office, rows[0]?.secret ?? "")));
  return { front, office, stop: () => stop(server, front, office) };
}

function poolOf(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString });
  // A server may end an idle connection at any time, and does when a database is dropped: end() resolves before the
  // connections are closed. Without a listener, that would end the process; with it, the next query opens another.
  pool.on("error", () => {});
  return pool;
}

async function stop(server: Server, ...pools: readonly pg.Pool[]): Promise<void> {
  server.close();
  server.closeAllConnections();
  await Promise.all(pools.map((pool) => pool.end()));
}

function sqlOf(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}
