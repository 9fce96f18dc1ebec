/** A backlog and the processes that deliver it to one receiver: how fast they are, and what each delivery costs. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { Child, nowMs } from "./child.ts";
import { difference, peakRssMib, per, processCpuMicros } from "./cpu.ts";
import { Observer } from "./observer.ts";
import type { BenchOptions, Measures } from "./part.ts";
import type { Database } from "./server.ts";
import { BODY } from "./workload.ts";

/** Measured from this part of the deliveries on, so that starting up and warming up are left out. */
const START_PART = 0.1;
/** The measured deliveries are timed in as many parts, to compare the last with the first. */
const PARTS = 10;
const START_MS_MAX = 60_000;
const DELIVER_MS_MAX = 900_000;
const RECORD_MS_MAX = 60_000;
const RECORD_POLL_MS = 5;

export interface Drain {
  /** What is installed in its database. */
  readonly schema: "postrider" | "empty";
  readonly deliveries: number;
  /** In how many requests the receiver gets them; left out: in as many as there are deliveries. */
  readonly requests?: number;
  /** Makes the backlog, and whatever else the senders find. */
  fill(database: Database, client: Client): Promise<void>;
  /** Starts processes that say "started". */
  start(database: Database): Child[];
  /** How many deliveries are recorded, as `done`. */
  readonly recordedSql: string;
  /** What happens beside it, from the first measured delivery on. */
  readonly beside?: (database: Database) => Promise<void>;
}

/** The receiver that counts, and what is measured against it. */
export class DrainBench {
  readonly options: BenchOptions;
  readonly port: number;
  readonly #receiver: Child;

  private constructor(options: BenchOptions, receiver: Child, port: number) {
    this.options = options;
    this.#receiver = receiver;
    this.port = port;
  }

  static async start(options: BenchOptions): Promise<DrainBench> {
    const receiver = Child.start("receiverProcess.ts", []);
    const { value: port } = await receiver.receive("listening", START_MS_MAX);
    return new DrainBench(options, receiver, port);
  }

  stop(): Promise<void> {
    return this.#receiver.stop();
  }

  /** The least that sends as many requests: no database. */
  async sendBare(requests: number): Promise<Measures> {
    const marks = this.#setMarks(requests);
    const sender = Child.start("bareLoopProcess.ts", [`http://127.0.0.1:${this.port}`, String(requests), BODY]);
    try {
      await sender.receive("ready", START_MS_MAX);
      sender.send("go");
      await this.#reached(marks.first);
      const before = this.#readProcesses([sender]);
      await sender.receive("done", DELIVER_MS_MAX);
      await this.#reachedAll(marks.further);
      const after = this.#readProcesses([sender]);
      return processMeasures(before, after, requests - marks.first);
    } finally {
      await sender.stop();
    }
  }

  async drain(work: Drain): Promise<Measures> {
    const database = await this.options.server.createDatabase(work.schema);
    try {
      const client = await database.connect();
      await work.fill(database, client);
      if (this.options.traceStatements && this.options.server.countsStatements) {
        await client.query(`alter database ${database.name} set pg_stat_statements.track = 'all'`);
      }
      return await this.#measure(work, database, client);
    } finally {
      await database.drop();
    }
  }

  async #measure(work: Drain, database: Database, client: Client): Promise<Measures> {
    const { deliveries, requests = deliveries } = work;
    const marks = this.#setMarks(requests);
    const count = deliveries - Math.round((marks.first * deliveries) / requests);
    const observer = await Observer.start(this.options.server, database, client);
    const senders = work.start(database);
    try {
      for (const sender of senders) {
        await sender.receive("started", START_MS_MAX);
      }
      const startedMs = await this.#reached(marks.first);
      await observer.begin();
      const before = this.#readProcesses(senders);
      this.#profile(senders);
      const beside = work.beside?.(database);
      const reachedMs = await this.#reachedAll(marks.further);
      await recorded(client, work);
      const after = this.#readProcesses(senders);
      const costs = await observer.costs(count);
      const peaks = senders.map(({ pid }) => peakRssMib(pid));
      await this.#showStatements(observer, count);
      await stopAll(senders);
      await beside;
      return {
        ...processMeasures(before, after, count),
        ...costs,
        peak_rss_mib: peaks.reduce((most, peak) => Math.max(most ?? 0, peak ?? 0)),
        last_tenth_to_first: lastToFirst([startedMs, ...reachedMs]),
        ...(await observer.deadRows(work.deliveries)),
      };
    } catch (thrown) {
      throw await this.#explain(thrown, work, client);
    } finally {
      await stopAll(senders);
    }
  }

  #setMarks(requests: number): Marks {
    const first = Math.max(1, Math.floor(requests * START_PART));
    const further = Array.from({ length: PARTS }, (_, part) =>
      Math.round(first + ((requests - first) * (part + 1)) / PARTS),
    );
    // What an earlier trial did not take.
    this.#receiver.discard("reached");
    this.#receiver.send("reset");
    for (const mark of new Set([first, ...further])) {
      this.#receiver.send("mark", mark);
    }
    return { first, further };
  }

  /** When the receiver had so many requests. */
  async #reached(mark: number): Promise<number> {
    const { atMs } = await this.#receiver.receive("reached", DELIVER_MS_MAX, mark);
    return atMs;
  }

  async #reachedAll(marks: readonly number[]): Promise<number[]> {
    const reachedMs = new Map<number, number>();
    for (const mark of new Set(marks)) {
      reachedMs.set(mark, await this.#reached(mark));
    }
    return [...reachedMs.values()];
  }

  #readProcesses(senders: readonly Child[]): Reading {
    return {
      atMs: nowMs(),
      senderMicros: senders
        .map(({ pid }) => processCpuMicros(pid))
        .reduce((sum, micros) => (sum === null || micros === null ? null : sum + micros)),
      receiverMicros: processCpuMicros(this.#receiver.pid),
    };
  }

  #profile(senders: readonly Child[]): void {
    if (this.options.profileDir !== null) {
      for (const sender of senders) {
        sender.send("profile");
      }
    }
  }

  async #showStatements(observer: Observer, count: number): Promise<void> {
    if (this.options.traceStatements) {
      await observer.showStatements(count);
    }
  }

  async #explain(thrown: unknown, work: Drain, client: Client): Promise<Error> {
    this.#receiver.send("count");
    const { value } = await this.#receiver.receive("counted", START_MS_MAX);
    const done = await countRecorded(client, work);
    return new Error(`${value} of ${work.deliveries} requests arrived, and ${done} deliveries are recorded`, {
      cause: thrown,
    });
  }
}

/** Requests at which the receiver reports. The last of `further` is all of them. */
interface Marks {
  readonly first: number;
  readonly further: readonly number[];
}

interface Reading {
  readonly atMs: number;
  readonly senderMicros: number | null;
  readonly receiverMicros: number | null;
}

function processMeasures(before: Reading, after: Reading, count: number): Measures {
  return {
    deliveries_per_s: (count / (after.atMs - before.atMs)) * 1000,
    sender_us: per(difference(before.senderMicros, after.senderMicros), count),
    receiver_us: per(difference(before.receiverMicros, after.receiverMicros), count),
  };
}

/** The rate of the last part against that of the first. The parts are equally large, so their times tell it. */
function lastToFirst(atMs: readonly number[]): number | null {
  const [start, first] = atMs;
  const [previous, last] = atMs.slice(-2);
  if (start === undefined || first === undefined || previous === undefined || last === undefined) {
    return null;
  }
  return (first - start) / (last - previous);
}

/** Resolves when every delivery has its row. Counting takes time of its own, so it begins when the last request is there. */
async function recorded(client: Client, work: Drain): Promise<void> {
  const deadlineMs = performance.now() + RECORD_MS_MAX;
  for (;;) {
    const startedMs = performance.now();
    const done = await countRecorded(client, work);
    if (done >= work.deliveries) {
      return;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`only ${done} deliveries were recorded within ${RECORD_MS_MAX} ms`);
    }
    await pause(Math.max(RECORD_POLL_MS, performance.now() - startedMs));
  }
}

async function countRecorded(client: Client, { recordedSql }: Drain): Promise<number> {
  const { rows } = await client.query<{ done: number }>(recordedSql);
  return rows[0]?.done ?? 0;
}

async function stopAll(senders: readonly Child[]): Promise<void> {
  await Promise.all(senders.map((sender) => sender.stop()));
}
