/**
 * A server of one host: `node postgres.ts OPTIONS`, with PostgresOptions as JSON. Prints `listening PORT PID`, and stops at
 * once on SIGTERM. Programs of other hosts reach it by its address, and the test by its Unix socket.
 */
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { EmbeddedPostgres } from "../../src/dev/postgres/server.ts";
import { PRIMARY_SETTINGS, startStandby } from "../support/standby.ts";
import type { PostgresOptions } from "./postgresOptions.ts";

const { directory, subnet, primary, standbyName }: PostgresOptions = JSON.parse(process.argv[2] ?? "");
const dataDir = join(directory, "postgres");
const settings = {
  ...PRIMARY_SETTINGS,
  // Only a server crashes here, not the machine, so what it has written survives.
  fsync: "off",
  listen_addresses: "*",
  unix_socket_directories: directory,
};

const server = await (primary === undefined
  ? EmbeddedPostgres.start({ dataDir, settings, initdbArguments: ["--wal-segsize=1"] })
  : startStandby(primary, { dataDir, settings, name: standbyName }));
if (primary === undefined) {
  const rules = ["all", "replication"].map((database) => `host ${database} all ${subnet} scram-sha-256\n`);
  await appendFile(join(dataDir, "data/pg_hba.conf"), rules.join(""));
  process.kill(server.pid, "SIGHUP");
}
process.once("SIGTERM", () => void server.stop("immediate").then(() => process.exit()));
console.log(`listening ${server.port} ${server.pid}`);
