/** What the application pays while the daemon that holds the gate is frozen, or its link is half open, and for how long. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { FaultProxy, PASS } from "../chaos/proxy.ts";
import type { Child } from "./child.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import type { Database } from "./server.ts";
import { PAYLOAD, UNWANTED_EVENT_TYPE } from "./workload.ts";

/** The fixed cost of a NOTIFY is a lock that all commits which notify queue up for, so it shows with many of them. */
const CLIENTS = 64;
const START_MS_MAX = 30_000;
const SLEEP_MS_MAX = 10_000;
const BEFORE_MS = 3_000;
const OBSERVED_MS = 12_000;
const LOOK_INTERVAL_MS = 50;
/** What counts as the rate while it lasts, and once it is over. */
const DURING_MS = 3_000;
const AFTER_MS = 3_000;
/** The rate is back when this part of what it was before is reached, over so long a stretch. */
const BACK_PART = 0.8;
const BACK_MS = 500;

type Fault = "frozen sleeper" | "half-open link";

export async function prepareFrozen(options: BenchOptions): Promise<Part> {
  return {
    name: "frozen",
    notes: [
      `${CLIENTS} clients commit one event at a time. before: a daemon is awake. Then it sleeps, the fault comes, and they commit for ${OBSERVED_MS / 1000} s more.`,
      "frozen sleeper: its process is stopped. half-open link: whatever its connections send, either way, is swallowed.",
      `during: the first ${DURING_MS / 1000} s; after: the last ${AFTER_MS / 1000} s, with no daemon to wake. back_after_ms: until ${BACK_PART * 100} % of before.`,
    ],
    trials: (["frozen sleeper", "half-open link"] as const).map((fault) => ({
      subject: fault,
      run: () => measureFault(options, fault),
    })),
    ratios: [],
    stop: async () => {},
  };
}

async function measureFault(options: BenchOptions, fault: Fault): Promise<Measures> {
  const database = await options.server.createDatabase();
  const url = new URL(database.url);
  const serverPort = Number(url.port);
  const proxy = await FaultProxy.start(() => serverPort);
  url.port = String(proxy.port);
  const daemon = startDaemon(options, url.href);
  try {
    await daemon.receive("started", START_MS_MAX);
    return await observe(database, () => inflict(fault, daemon, proxy));
  } finally {
    process.kill(daemon.pid, "SIGCONT");
    proxy.set(PASS);
    await daemon.stop();
    await proxy.close();
    await database.drop();
  }
}

function inflict(fault: Fault, daemon: Child, proxy: FaultProxy): void {
  switch (fault) {
    case "frozen sleeper":
      process.kill(daemon.pid, "SIGSTOP");
      return;
    case "half-open link":
      proxy.set({ kind: "half_open", direction: "both", afterwards: "reset" });
  }
}

async function observe(database: Database, fail: () => void): Promise<Measures> {
  const observer = await database.connect();
  const clients: Client[] = [];
  while (clients.length < CLIENTS) {
    clients.push(await database.connect());
  }
  const before = await commitFor(clients, BEFORE_MS);
  await gateBecomes(observer, true, SLEEP_MS_MAX);
  fail();
  const startedMs = performance.now();
  const [during, openAtMs] = await Promise.all([
    commitFor(clients, OBSERVED_MS),
    gateBecomes(observer, false, OBSERVED_MS),
  ]);
  const beforePerMs = before.between(0, BEFORE_MS) / BEFORE_MS;
  return {
    before_tx_per_s: beforePerMs * 1_000,
    during_tx_per_s: (during.between(0, DURING_MS) / DURING_MS) * 1_000,
    after_tx_per_s: (during.between(OBSERVED_MS - AFTER_MS, OBSERVED_MS) / AFTER_MS) * 1_000,
    gate_open_after_ms: openAtMs - startedMs,
    back_after_ms: during.reaches(beforePerMs * BACK_PART, BACK_MS),
    slowest_commit_ms: during.slowestMs,
  };
}

/** When it was seen so. */
async function gateBecomes(observer: Client, isHeld: boolean, timeoutMs: number): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const { rows } = await observer.query<{ held: boolean }>(
      `select exists (
         select from pg_locks
         where locktype = 'advisory' and classid = 1886352244 and objid = 2 and mode = 'ExclusiveLock' and granted
           and database = (select d.oid from pg_database d where d.datname = current_database())) as held`,
    );
    if (rows[0]?.held === isHeld) {
      return performance.now();
    }
    if (performance.now() - startedMs > timeoutMs) {
      throw new Error(`the gate was not ${isHeld ? "held" : "open"} within ${timeoutMs} ms`);
    }
    await pause(LOOK_INTERVAL_MS);
  }
}

async function commitFor(clients: readonly Client[], durationMs: number): Promise<Commits> {
  const startedMs = performance.now();
  const commits = new Commits();
  await Promise.all(
    clients.map(async (client) => {
      for (;;) {
        const begunMs = performance.now() - startedMs;
        if (begunMs > durationMs) {
          return;
        }
        await client.query({
          name: "insert_event",
          text: "insert into postrider.outbox (event_type, payload) values ($1, $2)",
          values: [UNWANTED_EVENT_TYPE, PAYLOAD],
        });
        commits.add(begunMs, performance.now() - startedMs);
      }
    }),
  );
  return commits;
}

/** In milliseconds since the first began. */
class Commits {
  readonly #endedMs: number[] = [];
  slowestMs = 0;

  add(begunMs: number, endedMs: number): void {
    this.#endedMs.push(endedMs);
    this.slowestMs = Math.max(this.slowestMs, endedMs - begunMs);
  }

  between(fromMs: number, toMs: number): number {
    return this.#endedMs.filter((ms) => ms >= fromMs && ms < toMs).length;
  }

  /** The beginning of the first stretch that is as fast as that; null if there is none. */
  reaches(perMs: number, stretchMs: number): number | null {
    for (let fromMs = 0; fromMs + stretchMs <= OBSERVED_MS; fromMs += LOOK_INTERVAL_MS) {
      if (this.between(fromMs, fromMs + stretchMs) >= perMs * stretchMs) {
        return fromMs;
      }
    }
    return null;
  }
}
