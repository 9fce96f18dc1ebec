/** Healthy endpoints, what stands beside them, and the daemon that serves both. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import type { Arrivals } from "./arrivals.ts";
import type { Child } from "./child.ts";
import { difference, per, processCpuMicros } from "./cpu.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures } from "./part.ts";
import type { Database } from "./server.ts";
import { createEndpoints, PAYLOAD, TYPE_PREFIX } from "./workload.ts";

export const HEALTHY = 500;
/** Events a second, for all healthy endpoints together. */
export const HEALTHY_RATE = 200;
const COMMITS_PER_SECOND = 100;
const PRODUCERS = 4;
const START_MS_MAX = 60_000;

export interface Neighbour {
  /** Makes it, and what waits for it. */
  arrange(client: Client): Promise<void>;
  /** Types of further events, as many as the healthy endpoints get; null for none. */
  readonly types: ((n: number) => string) | null;
}

export class World {
  readonly #options: BenchOptions;
  readonly #arrivals: Arrivals;
  readonly #database: Database;
  readonly #producers: readonly Client[];
  readonly #types: Neighbour["types"];
  #daemon: Child | null = null;
  /** Events for each half so far. */
  #events = 0;
  /** When each event for a healthy endpoint was acknowledged, and for how long the daemon had been measured. */
  #committedMs = new Map<string, number>();
  #producedMs = 0;
  #daemonMicros: number | null = 0;

  private constructor(
    options: BenchOptions,
    arrivals: Arrivals,
    database: Database,
    producers: readonly Client[],
    types: Neighbour["types"],
  ) {
    this.#options = options;
    this.#arrivals = arrivals;
    this.#database = database;
    this.#producers = producers;
    this.#types = types;
  }

  static async make(options: BenchOptions, arrivals: Arrivals, neighbour: Neighbour): Promise<World> {
    const database = await options.server.createDatabase();
    try {
      const client = await database.connect();
      await createEndpoints(client, arrivals.port, HEALTHY);
      await neighbour.arrange(client);
      await client.query("analyze");
      const producers = await Promise.all(Array.from({ length: PRODUCERS }, () => database.connect()));
      return new World(options, arrivals, database, producers, neighbour.types);
    } catch (thrown) {
      await database.drop();
      throw thrown;
    }
  }

  async start(): Promise<void> {
    this.#daemon = startDaemon(this.#options, this.#database.url);
    await this.#daemon.receive("started", START_MS_MAX);
  }

  /** Commits events evenly for so long. */
  async produce(ms: number): Promise<void> {
    const lines = this.#producers.map((producer) => ({ producer, last: Promise.resolve() }));
    const together = HEALTHY_RATE / COMMITS_PER_SECOND;
    const beganMs = performance.now();
    const microsBefore = this.#readDaemon();
    for (let commit = 0; commit < (ms / 1_000) * COMMITS_PER_SECOND; commit += 1) {
      await pause(Math.max(0, beganMs + (commit * 1_000) / COMMITS_PER_SECOND - performance.now()));
      const line = lines[commit % lines.length];
      if (line !== undefined) {
        const types = this.#nextTypes(together);
        line.last = line.last.then(() => this.#insert(line.producer, types));
      }
    }
    await Promise.all(lines.map(({ last }) => last));
    this.#producedMs += performance.now() - beganMs;
    const micros = difference(microsBefore, this.#readDaemon());
    this.#daemonMicros = this.#daemonMicros === null || micros === null ? null : this.#daemonMicros + micros;
  }

  /** Of what was committed since the last call, once all of it has arrived. `prefix`: of the measures' names. */
  async measure(prefix = ""): Promise<Measures> {
    const events = this.#committedMs.size;
    const endedMs = performance.now();
    const latencies = await this.#arrivals.latencies(this.#committedMs);
    const tookMs = this.#producedMs + performance.now() - endedMs;
    const measures = {
      ...latencies,
      deliveries_per_s: (events / tookMs) * 1_000,
      // While events came for it: what waits then is worked on in the turns of the others, too.
      daemon_us: per(this.#daemonMicros, events),
    };
    this.forget();
    return Object.fromEntries(Object.entries(measures).map(([name, value]) => [prefix + name, value]));
  }

  /** What was committed so far is not measured. */
  forget(): void {
    this.#committedMs = new Map();
    this.#producedMs = 0;
    this.#daemonMicros = 0;
  }

  async end(): Promise<void> {
    // It would wait for requests that are never answered.
    await this.#daemon?.kill();
    await this.#database.drop();
  }

  #readDaemon(): number | null {
    return this.#daemon === null ? null : processCpuMicros(this.#daemon.pid);
  }

  #nextTypes(count: number): string[] {
    const numbers = Array.from({ length: count }, (_, n) => this.#events + n);
    this.#events += count;
    const healthy = numbers.map((n) => TYPE_PREFIX + (n % HEALTHY));
    return this.#types === null ? healthy : [...healthy, ...numbers.map(this.#types)];
  }

  async #insert(producer: Client, types: readonly string[]): Promise<void> {
    const { rows } = await producer.query<{ id: string; event_type: string }>({
      name: "insert_events",
      text: "insert into postrider.outbox (event_type, payload) select t, $2 from unnest($1::text[]) t returning id, event_type",
      values: [types, PAYLOAD],
    });
    const atMs = performance.now();
    for (const { id, event_type } of rows) {
      if (event_type.startsWith(TYPE_PREFIX)) {
        this.#committedMs.set(id, atMs);
      }
    }
  }
}
