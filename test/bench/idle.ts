/**
 * How long an event takes that wakes a sleeping daemon: in peace, right after the daemon that held the gate was killed,
 * and with a listener whose link has died without a word.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { FaultProxy, PASS } from "../chaos/proxy.ts";
import { Arrivals, commitEvent } from "./arrivals.ts";
import type { Child } from "./child.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import type { Database } from "./server.ts";
import { createEndpoint } from "./workload.ts";

const START_MS_MAX = 30_000;
const ASLEEP_MS_MAX = 10_000;
const LOOK_INTERVAL_MS = 10;
/** Beyond the moment in which the daemon is seen asleep, so that events do not follow its rhythm. */
const GAP_MS_MAX = 200;
const ASLEEP_EVENTS = 60;
const KILLS = 8;
/** A listener dies only once, so each of these is a separate daemon. */
const SILENCES = 4;

interface Setting {
  readonly options: BenchOptions;
  readonly database: Database;
  readonly client: Client;
  /** Commits one event, and waits until it has arrived. */
  readonly deliver: () => Promise<void>;
}

export async function prepareIdle(options: BenchOptions): Promise<Part> {
  const arrivals = await Arrivals.start();
  const trial = (measure: (setting: Setting) => Promise<void>) => async (): Promise<Measures> => {
    const database = await options.server.createDatabase();
    try {
      const client = await database.connect();
      await createEndpoint(client, arrivals.port);
      const committedMs = new Map<string, number>();
      const deliver = async () => arrivals.all([await commitEvent(client, committedMs)]);
      await measure({ options, database, client, deliver });
      return await arrivals.latencies(committedMs);
    } finally {
      await database.drop();
    }
  };
  return {
    name: "idle",
    notes: [
      "From commit acknowledged to request received, of single events while every daemon sleeps; safety poll of 1 s.",
      "killed: two daemons, and the one that held the gate was killed just before the insert.",
      "silent: LISTEN and gate through a link that has just stopped carrying anything.",
    ],
    trials: [
      { subject: "asleep", run: trial(measureAsleep) },
      { subject: "killed", run: trial(measureKilled) },
      { subject: "silent", run: trial(measureSilent) },
    ],
    ratios: [],
    stop: async () => arrivals.close(),
  };
}

async function measureAsleep({ options, database, client, deliver }: Setting): Promise<void> {
  const daemon = startDaemon(options, database.url);
  try {
    await daemon.receive("started", START_MS_MAX);
    for (let made = 0; made < ASLEEP_EVENTS; made += 1) {
      await asleep(client);
      await deliver();
    }
  } finally {
    await daemon.stop();
  }
}

async function measureKilled({ options, database, client, deliver }: Setting): Promise<void> {
  const daemons = new Map<string, Child>();
  try {
    for (let kill = 0; kill < KILLS; kill += 1) {
      for (let number = daemons.size; number < 2; number += 1) {
        // A name in the URL is what the server shows, so that the holder of the gate can be told.
        const name = `bench-${kill}-${number}`;
        const url = new URL(database.url);
        url.searchParams.set("application_name", name);
        const daemon = startDaemon(options, url.href);
        daemons.set(name, daemon);
        await daemon.receive("started", START_MS_MAX);
      }
      const sleeper = await asleep(client);
      await daemons.get(sleeper)?.kill();
      daemons.delete(sleeper);
      await deliver();
    }
  } finally {
    for (const daemon of daemons.values()) {
      await daemon.stop();
    }
  }
}

async function measureSilent({ options, database, client, deliver }: Setting): Promise<void> {
  const serverPort = Number(new URL(database.url).port);
  for (let silence = 0; silence < SILENCES; silence += 1) {
    const proxy = await FaultProxy.start(() => serverPort);
    const listenUrl = new URL(database.url);
    listenUrl.port = String(proxy.port);
    const daemon = startDaemon(options, database.url, listenUrl.href);
    try {
      await daemon.receive("started", START_MS_MAX);
      await asleep(client);
      proxy.set({ kind: "half_open", direction: "both", afterwards: "reset" });
      await deliver();
    } finally {
      proxy.set(PASS);
      await daemon.stop();
      await proxy.close();
    }
  }
}

/** Resolves to the application_name of the session that holds the gate, some time after it was seen to hold it. */
async function asleep(client: Client): Promise<string> {
  const deadlineMs = performance.now() + ASLEEP_MS_MAX;
  for (;;) {
    const { rows } = await client.query<{ name: string }>({
      name: "who_sleeps",
      text: `select a.application_name as name
             from pg_locks l
             join pg_stat_activity a on a.pid = l.pid
             where l.locktype = 'advisory' and l.classid = 1886352244 and l.objid = 2 and l.granted
               and l.mode = 'ExclusiveLock' and a.datname = current_database()`,
    });
    const [row] = rows;
    if (row !== undefined) {
      await pause(Math.random() * GAP_MS_MAX);
      return row.name;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`no daemon went to sleep within ${ASLEEP_MS_MAX} ms`);
    }
    await pause(LOOK_INTERVAL_MS);
  }
}
