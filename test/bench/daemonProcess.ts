/** One daemon in a separate process: `daemonProcess.ts DATABASE_URL LOG_LEVEL [PROFILE_DIR [LISTEN_URL]]`. */
import { writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { join } from "node:path";
import { readConfig } from "../../src/config/read.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { VERSION } from "../../src/ground/version.ts";
import { makeEvents } from "../../src/telemetry/bus.ts";
import { makeLog, showsSuccesses } from "../../src/telemetry/log.ts";
import { onMessage, tell } from "./child.ts";

const [databaseUrl, logLevel, profileDir = "", listenUrl] = process.argv.slice(2);
const config = readConfig(
  {
    DATABASE_URL: databaseUrl,
    POSTRIDER_LISTEN_URL: listenUrl,
    POSTRIDER_EGRESS: "custom",
    POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8",
    POSTRIDER_LOG_LEVEL: logLevel,
  },
  { name: "run", database: "required" },
);
const events = makeEvents();
const log = makeLog({ level: config.logLevel, daemonId: "bench", version: VERSION, to: "stderr" });
events.subscribe(log, { successes: showsSuccesses(config.logLevel) });
const daemon = new Daemon(config, events);

let profiling: Session | null = null;

onMessage(({ kind }) => {
  switch (kind) {
    case "profile":
      void startProfile();
      return;
    case "heap":
      tell("heap", process.memoryUsage().heapUsed);
      return;
    case "stop":
      void stop().finally(() => process.exit());
  }
});

await daemon.start();
tell("started");

/** By the inspector and not by --cpu-prof: from here on, so that loading and warming up are left out. */
async function startProfile(): Promise<void> {
  profiling = new Session();
  profiling.connect();
  await profiling.post("Profiler.enable");
  await profiling.post("Profiler.start");
}

async function stop(): Promise<void> {
  if (profiling !== null) {
    const { profile } = await profiling.post("Profiler.stop");
    await writeFile(join(profileDir, `daemon-${process.pid}.cpuprofile`), JSON.stringify(profile));
  }
  await daemon.stop();
}
