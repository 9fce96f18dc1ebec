/**
 * One run: its own Postgres, daemons as processes, receivers that behave as receivers do, and applications that write.
 * The seed gives the schedule of faults. At the end the oracle judges.
 *
 *   writers ───────────────► Postgres ◄─── a proxy for each daemon ◄─── daemons ───► two proxies for each endpoint ───► receiver
 *
 * The phases: arrange, disturb (the writers write, the faults come), calm (no faults, and one endpoint still dead, so that
 * what comes through its circuit can be counted), mend (faults off, prepared transactions resolved), settle (until nothing
 * is pending), judge, stop (every daemon, cleanly), judge what is left. An operator looks after halted keys throughout.
 *
 * The seed fixes the schedule: kinds, targets, times and spans. Which statement a fault hits is left to chance.
 */
import { execFile } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { chmod, copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type pg from "pg";
import { bundle } from "../../build.ts";
import { endsWithin } from "../../src/ground/endsWithin.ts";
import { messageOf } from "../../src/ground/errors.ts";
import { CircuitWatch, settledAtMs } from "./circuits.ts";
import { DaemonSlot } from "./daemonSlot.ts";
import { ENDPOINTS, KEYS, REFUSAL, RETRY_SCHEDULE, TIMEOUT_MS } from "./endpoints.ts";
import { type EndpointRoute, FaultRunner, type World } from "./faults.ts";
import { Operator } from "./operator.ts";
import { type Findings, judge, judgeRest } from "./oracle.ts";
import { FaultProxy } from "./proxy.ts";
import { Random } from "./random.ts";
import { ChaosReceiver } from "./receiver.ts";
import { FAULT_KINDS, type FaultKind, makeSchedule } from "./schedule.ts";
import { startServer } from "./server.ts";
import { Writer } from "./writers.ts";

export interface ChaosOptions {
  readonly seed: string;
  /** How long writers write and faults happen. The rest of the run lasts until all is quiet. */
  readonly durationMs: number;
  readonly daemons: number;
  readonly writers: number;
  /** Events a second, about, of all writers together. */
  readonly rate: number;
  readonly eventsMax: number;
  readonly kinds: readonly FaultKind[];
  readonly quietDeadlineMs: number;
  readonly logLevel: string;
  /** Keeps logs and faults even if every promise held. */
  readonly keeps: boolean;
  /** Aborts the run: everything is closed, and nothing is judged. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (sentence: string) => void;
}

export const DEFAULTS = {
  daemons: 3,
  writers: 4,
  rate: 150,
  eventsMax: 1_000_000,
  kinds: FAULT_KINDS,
  quietDeadlineMs: 90_000,
  encryptionKeys: [],
  logLevel: "info",
  keeps: false,
} as const;

export interface ChaosReport extends Omit<Findings, "violations"> {
  readonly seed: string;
  readonly violations: readonly string[];
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly faultProblems: number;
  readonly transactions: number;
  readonly daemonProcesses: number;
  readonly leasesLost: number;
  /** From the end of the last fault until nothing was pending. */
  readonly recoveryMs: number;
  readonly tookMs: number;
  /** Kept for a run with violations: the faults, and the logs of daemons and Postgres. */
  readonly directory: string | null;
}

/** Beside the others, and of their events. These take turns at a few keys. */
const KEYED_WRITERS = 4;
const KEYED_SHARE = 0.2;
const LOOK_INTERVAL_MS = 200;
const PROGRESS_INTERVAL_MS = 10_000;
/** If the last fault has just ended and a daemon cannot start yet, it may wait this long between two tries. */
const DAEMON_LIVE_MS_MAX = 30_000;
/** A circuit opens after half a minute of failures, and later if results could not be recorded. */
const OPENS_MS_MIN = 45_000;
const OPENS_LATE_MS_MAX = 40_000;
/** How long the circuit of the dead endpoint is judged once every daemon must know of it. */
const CALM_MS = 8_000;
/** What arranging, the calm, the judgement and the clean stop may take together on a machine that is busy. */
const OTHER_PHASES_MS_MAX = 240_000;
const CLOSE_MS_MAX = 60_000;

/** Resolves with null if the run was aborted. Rejects if it could not be arranged, or did not end in its time. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport | null> {
  const directory = await mkdtemp(join(tmpdir(), `postrider-chaos-${options.seed}-`));
  // Under root the server runs as another user, who must be able to enter.
  await chmod(directory, 0o755);
  const run = new ChaosRun(options, directory);
  const lastsMsMax = options.durationMs + options.quietDeadlineMs + OTHER_PHASES_MS_MAX;
  let isKept = false;
  try {
    const running = run.run();
    if (!(await endsWithin(running, lastsMsMax))) {
      throw new Error(`the run did not end within ${lastsMsMax / 1_000} s; its last words were "${run.said}"`);
    }
    const report = await running;
    isKept = report !== null && report.directory !== null;
    return report;
  } catch (thrown) {
    isKept = true;
    throw new Error(`${messageOf(thrown)}; the logs are in ${directory}`, { cause: thrown });
  } finally {
    if (!(await endsWithin(run.close(), CLOSE_MS_MAX))) {
      options.onProgress?.(`closing took more than ${CLOSE_MS_MAX / 1_000} s, and was given up`);
    }
    if (!isKept) {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #directory: string;
  readonly #startedMs = performance.now();
  readonly #violations: string[] = [];
  readonly #writers: Writer[] = [];
  /** What was opened, to be closed in the reverse order. */
  readonly #opened: (() => Promise<void>)[] = [];
  /** Its last words. */
  said = "nothing";

  constructor(options: ChaosOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  async run(): Promise<ChaosReport | null> {
    const { seed, durationMs, daemons, kinds } = this.#options;
    const signal = this.#options.signal ?? new AbortController().signal;
    const random = new Random(seed);
    const world = await this.#arrange(random);
    const schedule = makeSchedule(random.fork("schedule"), {
      durationMs,
      daemons,
      endpoints: ENDPOINTS.filter(({ isDead }) => isDead !== true).length,
      kinds,
    });
    const runner = new FaultRunner(world);
    this.#progress(`${schedule.length} faults in ${durationMs / 1_000} s`);
    for (const slot of world.slots) {
      slot.start();
    }
    this.#startWriters(random, world);
    const watch = new CircuitWatch(world.server.control);
    const operator = new Operator({ ...world, session: world.server.control });
    for (const each of [watch, operator]) {
      this.#opened.push(() => each.stop());
      each.start();
    }
    const telling = setInterval(() => this.#tell(world), PROGRESS_INTERVAL_MS);
    try {
      await Promise.all([runner.run(schedule, signal), rest(durationMs, signal)]);
      await this.#keepCalm({ world, runner, watch }, signal);
      await watch.stop();
      await Promise.all(this.#writers.map((writer) => writer.stop()));
      if (signal.aborted) {
        return null;
      }
      await runner.mend();
      const mendedMs = performance.now();
      this.#progress("the faults are over");
      await this.#settle(world, signal);
      const recoveryMs = Math.round(performance.now() - mendedMs);
      if (signal.aborted) {
        return null;
      }
      const written = this.#writers.flatMap(({ events }) => events);
      await operator.stop();
      const { executed } = runner;
      const findings = await judge(
        {
          world,
          written,
          faults: executed,
          redeliveries: [...runner.redeliveries, ...operator.redeliveries],
          passedOverAt: operator.passedOverAt,
          openTimes: watch.openTimes,
        },
        world.server.control,
      );
      await this.#stopDaemons(world);
      this.#violations.push(...findings.violations, ...(await judgeRest(world.server.control)));
      const isKept = this.#options.keeps || this.#violations.length > 0;
      if (isKept) {
        await this.#keep(world);
      }
      return {
        ...findings,
        seed,
        violations: this.#violations,
        faults: Object.fromEntries(
          [...Map.groupBy(executed, ({ kind }) => kind)].map(([kind, faults]) => [kind, faults.length]),
        ),
        faultProblems: executed.filter(({ problem }) => problem !== null).length,
        transactions: this.#writers.reduce((sum, { transactions }) => sum + transactions, 0),
        daemonProcesses: world.slots.reduce((sum, { processes }) => sum + processes, 0),
        leasesLost: world.slots.reduce((sum, slot) => sum + slot.timesOf("daemon.lease_lost").length, 0),
        recoveryMs,
        tookMs: Math.round(performance.now() - this.#startedMs),
        directory: isKept ? this.#directory : null,
      };
    } finally {
      clearInterval(telling);
      this.#keepFaults(runner);
    }
  }

  /** Until what comes through the circuit of the dead endpoint could be counted; at once if the run was too short for it to open. */
  async #keepCalm(
    { world, runner, watch }: { readonly world: World; readonly runner: FaultRunner; readonly watch: CircuitWatch },
    signal: AbortSignal,
  ): Promise<void> {
    const isOpen = () => world.routes.some(({ id, plan }) => plan.isDead && watch.isOpen(id));
    const deadlineMs = performance.now() + (this.#options.durationMs < OPENS_MS_MIN ? 0 : OPENS_LATE_MS_MAX);
    while (!isOpen() && performance.now() < deadlineMs && !signal.aborted) {
      await rest(LOOK_INTERVAL_MS, signal);
    }
    if (isOpen()) {
      this.#progress("a circuit is judged without faults");
      const settledMs = Math.max(Date.now(), ...runner.executed.map(settledAtMs));
      await rest(settledMs + CALM_MS - Date.now(), signal);
    }
  }

  /** Idempotent; whatever state the run is in. */
  async close(): Promise<void> {
    for (const close of this.#opened.splice(0).reverse()) {
      await close();
    }
  }

  async #arrange(random: Random): Promise<World> {
    const server = await startServer(this.#directory);
    this.#opened.push(() => server.close());
    // Built once, so that every daemon of the run is the same program, whatever is edited meanwhile.
    const { outfile: program } = await bundle({ outfile: join(this.#directory, "program", "postrider.mjs") });
    await promisify(execFile)(process.execPath, [program, "migrate"], {
      env: { PATH: process.env.PATH, DATABASE_URL: server.url },
    });
    await createKeys(server.control);
    const receiver = await ChaosReceiver.start(ENDPOINTS, random.fork("receiver"));
    this.#opened.push(() => receiver.stop());
    const routes: EndpointRoute[] = [];
    for (const plan of ENDPOINTS) {
      const [main, other] = await Promise.all([this.#openProxy(receiver), this.#openProxy(receiver)]);
      const { id, secret } = await createEndpoint(server.control, `http://127.0.0.1:${main.port}${plan.path}`, plan);
      receiver.verify(plan.path, secret);
      receiver.disturb(plan.path, plan.isDead ? "dead" : null);
      routes.push({ plan, id, main, other });
    }
    const slots: DaemonSlot[] = [];
    for (let index = 0; index < this.#options.daemons; index++) {
      const slot = await DaemonSlot.open({
        program,
        index,
        postgresPort: () => server.port,
        databaseUrl: () => server.url,
        directory: this.#directory,
        logLevel: this.#options.logLevel,
        onViolation: (violation) => this.#violations.push(violation),
      });
      this.#opened.push(() => slot.close());
      slots.push(slot);
    }
    return { server, slots, routes, receiver };
  }

  async #openProxy(receiver: ChaosReceiver): Promise<FaultProxy> {
    const proxy = await FaultProxy.start(() => receiver.port);
    this.#opened.push(() => proxy.close());
    return proxy;
  }

  #startWriters(random: Random, { server }: World): void {
    const { writers, rate, eventsMax } = this.#options;
    const open = (name: string, count: number, isKeyed: boolean, share: number): void => {
      for (let index = 0; index < count; index++) {
        const writer = new Writer({
          url: server.url,
          random: random.fork(`${name} ${index}`),
          index: this.#writers.length,
          rate: (rate * share) / count,
          eventsMax: Math.ceil((eventsMax * share) / count),
          isKeyed,
        });
        this.#writers.push(writer);
        this.#opened.push(() => writer.stop());
        writer.start();
      }
    };
    open("writer", writers, false, 1 - KEYED_SHARE);
    open("keyed writer", KEYED_WRITERS, true, KEYED_SHARE);
  }

  /** Until every daemon is live and nothing waits, or the deadline has passed, which is a violation. */
  async #settle(world: World, signal: AbortSignal): Promise<void> {
    const deadlineMs = performance.now() + this.#options.quietDeadlineMs;
    let left = "nothing was seen";
    while (performance.now() < deadlineMs && !signal.aborted) {
      left = await whatIsLeft(world);
      if (left === "") {
        return;
      }
      await pause(LOOK_INTERVAL_MS);
    }
    if (!signal.aborted) {
      this.#violations.push(`not quiet ${this.#options.quietDeadlineMs} ms after the last fault: ${left}`);
    }
  }

  async #stopDaemons(world: World): Promise<void> {
    await this.#awaitLive(world);
    await this.#awaitTakenOver(world);
    for (const [index, status] of (await Promise.all(world.slots.map((slot) => slot.stop()))).entries()) {
      if (status !== 0) {
        this.#violations.push(`daemon ${index} ended with ${status} at the end, with nothing to hinder it`);
      }
    }
  }

  /** Each slot's present process has a row with a lease: those of the dead have none, or one that has run out. */
  async #awaitLive(world: World): Promise<void> {
    const deadlineMs = performance.now() + DAEMON_LIVE_MS_MAX;
    for (;;) {
      const { rows } = await world.server.control.query<{ pid: number }>(
        "select pid from postrider.daemon where lease_expires_at > now() order by pid",
      );
      const live = rows.map(({ pid }) => pid).join(", ");
      const own = world.slots
        .map(({ pid }) => pid ?? 0)
        .sort((a, b) => a - b)
        .join(", ");
      if (live === own) {
        return;
      }
      if (performance.now() > deadlineMs) {
        this.#violations.push(`the daemons with a lease are the pids ${live}, and those that run ${own}`);
        return;
      }
      await pause(LOOK_INTERVAL_MS);
    }
  }

  /**
   * Claims that a dead daemon recorded but did not delete are checked every two seconds once its lease has expired, and
   * those without pairs are deleted then. A daemon that stops just then leaves them. Whether they are left for good is
   * for the oracle to say.
   */
  async #awaitTakenOver({ server }: World): Promise<void> {
    const deadlineMs = performance.now() + DAEMON_LIVE_MS_MAX;
    while (performance.now() < deadlineMs) {
      const { rows } = await server.control.query(
        `select from postrider.claim c
         where case when cardinality(c.event_ids) > 0
             then not exists (select from postrider.daemon d where d.id = c.daemon_id and d.lease_expires_at > now())
             else c.id < (select max(n.id) from postrider.claim n) end`,
      );
      if (rows.length === 0) {
        return;
      }
      await pause(LOOK_INTERVAL_MS);
    }
  }

  /** Also if the run failed. */
  #keepFaults(runner: FaultRunner): void {
    const file = join(this.#directory, "faults.jsonl");
    writeFileSync(file, "");
    for (const fault of runner.executed) {
      const startedAt = new Date(fault.startedAtMs).toISOString();
      const endedAt = new Date(fault.endedAtMs).toISOString();
      appendFileSync(file, `${JSON.stringify({ startedAt, endedAt, ...fault })}\n`);
    }
  }

  async #keep(world: World): Promise<void> {
    writeFileSync(join(this.#directory, "violations.txt"), `${this.#violations.join("\n")}\n`);
    const tables = ["claim", "daemon", "endpoint", "delivery", "attempt", "audit"];
    for (const table of tables) {
      const { rows } = await world.server.control.query(`select to_json(t)::text as line from postrider.${table} t`);
      writeFileSync(
        join(this.#directory, `${table}.jsonl`),
        rows.map(({ line }: { readonly line?: unknown }) => `${String(line)}\n`).join(""),
      );
    }
    await copyFile(join(world.server.dataDir, "postgres.log"), join(this.#directory, "postgres.log"));
  }

  #tell(world: World): void {
    const events = this.#writers.reduce((sum, writer) => sum + writer.events.length, 0);
    const { requestCount, acceptedCount } = world.receiver;
    this.#progress(`${events} events written, ${requestCount} requests, ${acceptedCount} of them accepted`);
  }

  #progress(sentence: string): void {
    const seconds = Math.round((performance.now() - this.#startedMs) / 1_000);
    this.said = sentence;
    this.#options.onProgress?.(`${seconds} s: ${sentence}`);
  }
}

/** The rows that writers lock for a key. `place` counts the committed events of the key, in the order of their commits. */
export async function createKeys(session: pg.Pool): Promise<void> {
  await session.query("create table public.account (key text primary key, place integer not null default 0)");
  await session.query("insert into public.account (key) select unnest($1::text[])", [KEYS]);
}

async function createEndpoint(
  session: pg.Pool,
  url: string,
  plan: (typeof ENDPOINTS)[number],
): Promise<{ readonly id: string; readonly secret: string }> {
  const { rows } = await session.query<{ endpoint_id: string; secret: string }>(
    "select endpoint_id, secret from postrider.create_endpoint($1, $2, $3, $4)",
    [
      url,
      plan.eventTypes,
      plan.tenant,
      JSON.stringify({
        timeout_ms: TIMEOUT_MS,
        retry_schedule: RETRY_SCHEDULE,
        ordered: plan.isOrdered ?? false,
        ...(plan.isHalting ? { when_exhausted: "halt", give_up_on: [String(REFUSAL)] } : {}),
        ...plan.limits,
      }),
    ],
  );
  const [row] = rows;
  if (row === undefined) {
    throw new Error("no endpoint was made");
  }
  if (plan.filter !== undefined) {
    await session.query("select postrider.subscribe($1, $2, $3)", [
      row.endpoint_id,
      plan.filter.eventType,
      plan.filter.predicate,
    ]);
  }
  return { id: row.endpoint_id, secret: row.secret };
}

/** The empty string if there is nothing. */
export async function whatIsLeft({ server }: Pick<World, "server">): Promise<string> {
  try {
    const { rows } = await server.control.query<{
      pending: number;
      halted: number;
      in_flight: number;
      unclaimed: number;
    }>(
      `select
         (select count(*) from postrider.delivery where state = 'pending')::integer as pending,
         (select count(*) from postrider.halted_key)::integer as halted,
         (select count(*) from postrider.in_flight)::integer as in_flight,
         coalesce((select sum(pending) from postrider.backlog where endpoint_id is null), 0)::integer as unclaimed`,
    );
    const [row] = rows;
    return row !== undefined && row.pending + row.halted + row.in_flight + row.unclaimed === 0
      ? ""
      : JSON.stringify(row);
  } catch (thrown) {
    return messageOf(thrown);
  }
}

async function rest(restMs: number, signal: AbortSignal): Promise<void> {
  await pause(restMs, undefined, { signal }).catch(() => {
    // Broken off.
  });
}
