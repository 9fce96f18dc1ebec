/**
 * What `postrider run` is under a supervisor, for tests that cannot wait for a minute: `node supervisedDaemon.ts
 * DATABASE_URL WAIT_MS`. A start waits for Postgres for so long.
 */
import { runDaemon } from "../../src/cli/runDaemon.ts";
import { underSupervisor } from "../../src/processes/supervised.ts";
import { daemonConfig } from "./daemon.ts";

const [databaseUrl = "", waitMs] = process.argv.slice(2);
process.exit(
  await underSupervisor((stopping, onStarted) =>
    runDaemon(daemonConfig(databaseUrl), { stopping, onStarted, postgresWaitMs: Number(waitMs) }),
  ),
);
