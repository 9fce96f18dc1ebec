/**
 * A daemon in a separate process, for tests that kill it: `node daemonProcess.ts OPTIONS`, with
 * DaemonProcessOptions as JSON. Prints `started DAEMON_ID`; stops cleanly on SIGTERM, and is killed when its parent is
 * gone. It ends by itself after the stop, for want of anything to do: a timer or socket left behind would keep it.
 */

import { Daemon } from "../../src/daemon/daemon.ts";
import { VERSION } from "../../src/ground/version.ts";
import { makeEvents } from "../../src/telemetry/bus.ts";
import { makeLog } from "../../src/telemetry/log.ts";
import { type DaemonProcessOptions, daemonConfig } from "./daemon.ts";

const PARENT_CHECK_MS = 1_000;

const options: DaemonProcessOptions = JSON.parse(process.argv[2] ?? "");
const config = daemonConfig(options.databaseUrl, { logLevel: "error", ...options.changes });
const events = makeEvents();
events.subscribe(makeLog({ level: config.logLevel, daemonId: "", version: VERSION, to: "stderr" }));
const daemon = new Daemon(config, events);

process.once("SIGTERM", () => void daemon.stop());
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) {
    process.kill(process.pid, "SIGKILL");
  }
}, PARENT_CHECK_MS).unref();

await daemon.start();
console.log(`started ${daemon.id}`);
