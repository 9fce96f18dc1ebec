/**
 * Both sides of a delivery, and whether each event has its effect once:
 *
 *   writers ─► Postgres ◄─ daemons ─► hostile network ─► receivers of the kit ─► a proxy for each ─► another Postgres
 *
 * Daemons and receivers are killed, both servers crash, requests come late, twice and long after the first, and answers
 * are lost. Handlers fail after half of their work. Then the faults end, but for those of the network, and when nothing is
 * pending any more, the oracle compares the outbox with what the handlers wrote.
 *
 * The receivers' Postgres has synchronous_commit off and flushes seldom, so that most crashes show what was answered before it
 * was on the disk. Not all of them do: whatever else is flushed takes it along.
 */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { bundle } from "../../../build.ts";
import { messageOf } from "../../../src/ground/errors.ts";
import { inboxSql } from "../../../src/receive/inboxSql.ts";
import { Turns } from "../../../src/receive/turns.ts";
import type { OwnServer } from "../../support/ownServer.ts";
import { until } from "../../support/until.ts";
import { DaemonSlot } from "../daemonSlot.ts";
import { KEYED_TYPE, RETRY_SCHEDULE, TIMEOUT_MS } from "../endpoints.ts";
import { Random } from "../random.ts";
import { createKeys, whatIsLeft } from "../scenario.ts";
import { startServer } from "../server.ts";
import { Writer } from "../writers.ts";
import { type ExecutedFault, type FaultKind, inflict, makeFaults, type World } from "./faults.ts";
import { HostileNetwork } from "./hostileNetwork.ts";
import { type Findings, judge } from "./oracle.ts";
import { ReceiverSlot } from "./receiverSlot.ts";
import { EFFECT_TABLES, type ReceiverName } from "./receivers.ts";

export interface EffectsOptions {
  readonly seed: string;
  /** How long the faults come. */
  readonly durationMs: number;
  /** How long nothing may come of what waits after the last fault. A busy machine takes longer for all of it. */
  readonly quietDeadlineMs: number;
  /** Events a second, about. */
  readonly rate: number;
  readonly keeps?: boolean;
  readonly onProgress?: (sentence: string) => void;
}

export interface EffectsReport extends Findings {
  readonly seed: string;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Those that met an error themselves. */
  readonly faultProblems: readonly string[];
  readonly network: HostileNetwork["counts"];
  readonly receiverProcesses: number;
  readonly daemonProcesses: number;
  readonly recoveryMs: number;
  readonly tookMs: number;
  /** Kept if something is wrong: the logs. */
  readonly directory: string | null;
}

const DAEMONS = 2;
const RECEIVER_PROCESSES = 2;
const WRITERS = 3;
const KEYED_WRITERS = 3;
const KEYED_SHARE = 0.4;
/** The receiver handles its items one after the other, on a busy machine for seconds. */
const BATCH = { batch_size: 10, batch_delay_ms: 100, timeout_ms: 10_000 };
/** Faults that come before there is anything to lose prove nothing. */
const REQUESTS_BEFORE = 50;
/** What is not flushed at its commit is on the disk ten seconds later. */
const LAZY_SETTINGS = ["synchronous_commit = off", "wal_writer_delay = '10s'"];
/** A fault waits for another of its target, which may be a server that takes long to start. */
const TURN_WAIT_MS = 60_000;
const LOOK_INTERVAL_MS = 200;

type Close = () => Promise<unknown>;

export async function runEffects(options: EffectsOptions): Promise<EffectsReport> {
  const directory = await mkdtemp(join(tmpdir(), `postrider-effects-${options.seed}-`));
  // Under root the servers run as another user, who must be able to enter.
  await chmod(directory, 0o755);
  const opened: Close[] = [];
  let isKept = true;
  try {
    const report = await run(options, directory, opened);
    isKept = options.keeps === true || report.violations.length > 0;
    return { ...report, directory: isKept ? directory : null };
  } catch (thrown) {
    throw new Error(`${messageOf(thrown)}; the logs are in ${directory}`, { cause: thrown });
  } finally {
    for (const close of opened.reverse()) {
      await close();
    }
    if (!isKept) {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

async function run(options: EffectsOptions, directory: string, opened: Close[]): Promise<EffectsReport> {
  const startedMs = performance.now();
  const random = new Random(options.seed);
  const violations: string[] = [];
  const tell = options.onProgress ?? (() => {});
  const world = await arrange(random, directory, opened, (violation) => violations.push(violation));
  const writers = startWriters(random, world, options.rate, opened);
  await until("requests come", () => world.network.counts.requests >= REQUESTS_BEFORE);
  tell("the faults begin");
  const executed = await disturb(world, random, options.durationMs);
  await Promise.all(writers.map((writer) => writer.stop()));
  tell("the faults are over");
  const mendedMs = performance.now();
  await mend(world);
  const left = await settle(world, options.quietDeadlineMs);
  if (left !== "") {
    violations.push(`for ${options.quietDeadlineMs} ms nothing came of what waits: ${left}`);
  }
  await world.network.calm();
  const findings = await judge(world.sender.control, world.inbox.control);
  return {
    ...findings,
    violations: [...violations, ...findings.violations],
    seed: options.seed,
    faults: Object.fromEntries([...Map.groupBy(executed, ({ kind }) => kind)].map(([kind, all]) => [kind, all.length])),
    faultProblems: executed.flatMap(({ kind, problem }) => (problem === null ? [] : [`${kind}: ${problem}`])),
    network: world.network.counts,
    receiverProcesses: world.receivers.reduce((sum, { processes }) => sum + processes, 0),
    daemonProcesses: world.daemons.reduce((sum, { processes }) => sum + processes, 0),
    recoveryMs: Math.round(performance.now() - mendedMs),
    tookMs: Math.round(performance.now() - startedMs),
    directory: null,
  };
}

async function arrange(
  random: Random,
  directory: string,
  opened: Close[],
  onViolation: (violation: string) => void,
): Promise<World> {
  const [sender, inbox] = await Promise.all([startServer(directory), startServer(directory)]);
  opened.push(
    () => sender.close(),
    () => inbox.close(),
  );
  const { outfile: program } = await bundle({ outfile: join(directory, "program", "postrider.mjs") });
  await promisify(execFile)(process.execPath, [program, "migrate"], {
    env: { PATH: process.env.PATH, DATABASE_URL: sender.url },
  });
  await createKeys(sender.control);
  await inbox.control.query(inboxSql());
  await inbox.control.query(EFFECT_TABLES);
  for (const setting of LAZY_SETTINGS) {
    await inbox.control.query(`alter system set ${setting}`);
  }
  await inbox.control.query("select pg_reload_conf()");
  const receivers: ReceiverSlot[] = [];
  const network = await HostileNetwork.start(random.fork("network"), () => receivers.flatMap(({ port }) => port ?? []));
  opened.push(() => network.stop());
  const secrets = {
    each: await createEndpoint(sender, network, "each", ["*"], {}),
    batch: await createEndpoint(sender, network, "batch", ["*"], BATCH),
    latest: await createEndpoint(sender, network, "latest", [KEYED_TYPE], {}),
  };
  for (let index = 0; index < RECEIVER_PROCESSES; index++) {
    const postgresPort = () => inbox.port;
    const slot = await ReceiverSlot.open({
      index,
      directory,
      onViolation,
      postgresPort,
      secrets,
      databaseUrl: inbox.url,
    });
    opened.push(() => slot.close());
    receivers.push(slot);
  }
  await Promise.all(receivers.map((receiver) => receiver.start()));
  const daemons: DaemonSlot[] = [];
  for (let index = 0; index < DAEMONS; index++) {
    const slot = await DaemonSlot.open({
      ...{ program, index, directory, onViolation },
      postgresPort: () => sender.port,
      databaseUrl: () => sender.url,
      logLevel: "warn",
    });
    opened.push(() => slot.close());
    slot.start();
    daemons.push(slot);
  }
  return { sender, inbox, daemons, receivers, network };
}

/** Returns its secret. */
async function createEndpoint(
  { control }: OwnServer,
  network: HostileNetwork,
  name: ReceiverName,
  eventTypes: readonly string[],
  options: object,
): Promise<string> {
  const { rows } = await control.query<{ secret: string }>(
    "select secret from postrider.create_endpoint($1, $2, options => $3)",
    [
      `http://127.0.0.1:${network.port}/${name}`,
      eventTypes,
      JSON.stringify({ name, timeout_ms: TIMEOUT_MS, retry_schedule: RETRY_SCHEDULE, ...options }),
    ],
  );
  return rows[0]?.secret ?? "";
}

function startWriters(random: Random, { sender }: World, rate: number, opened: Close[]): readonly Writer[] {
  return Array.from({ length: WRITERS + KEYED_WRITERS }, (_, index) => {
    const isKeyed = index >= WRITERS;
    const writer = new Writer({
      url: sender.url,
      random: random.fork(`writer ${index}`),
      index,
      rate: isKeyed ? (rate * KEYED_SHARE) / KEYED_WRITERS : (rate * (1 - KEYED_SHARE)) / WRITERS,
      eventsMax: Number.POSITIVE_INFINITY,
      isKeyed,
    });
    opened.push(() => writer.stop());
    writer.start();
    return writer;
  });
}

/** Faults of different targets overlap. */
async function disturb(world: World, random: Random, durationMs: number): Promise<readonly ExecutedFault[]> {
  const byTarget = new Turns(TURN_WAIT_MS);
  const startedMs = performance.now();
  const executing: Promise<ExecutedFault>[] = [];
  for (const fault of makeFaults(random.fork("faults"), durationMs)) {
    await pause(Math.max(0, startedMs + fault.atMs - performance.now()));
    const [target = ""] = fault.kind.split(".");
    executing.push(byTarget.take(target, () => inflict(world, fault)));
  }
  await pause(Math.max(0, startedMs + durationMs - performance.now()));
  return Promise.all(executing);
}

/** What a fault may have left behind, circuits among it, and transactions that their writers left prepared. */
async function mend({ sender, daemons, receivers }: World): Promise<void> {
  for (const daemon of daemons) {
    daemon.start();
  }
  for (const receiver of receivers) {
    receiver.thaw();
    await receiver.start();
  }
  const { rows } = await sender.control.query<{ gid: string }>("select gid from pg_prepared_xacts");
  for (const { gid } of rows) {
    await sender.control.query(`commit prepared '${gid}'`);
  }
  await sender.control.query("select postrider.resume_endpoint(id) from postrider.endpoint");
}

/** The empty string once nothing waits; what does, if it has stayed so for that long. */
async function settle(world: World, stillMsMax: number): Promise<string> {
  let pending = "";
  let progressMs = performance.now();
  for (;;) {
    const left = await whatIsLeft({ server: world.sender });
    if (left === "" || performance.now() - progressMs > stillMsMax) {
      return left;
    }
    const [now = pending] = /"pending":\d+/.exec(left) ?? [];
    if (now !== pending) {
      pending = now;
      progressMs = performance.now();
    }
    await pause(LOOK_INTERVAL_MS);
  }
}
