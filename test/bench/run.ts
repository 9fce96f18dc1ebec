/**
 * `npm run bench [-- FLAGS]`: measures the daemon and the SQL on this machine, and prints medians with the range of the
 * rounds. Each round runs the trials of all parts, each in its own database, and every second round runs them in reverse.
 * Ratios and CPU microseconds can be compared between runs; rates hardly can, because they depend on the machine.
 *
 * POSTRIDER_BENCH_URL names a server to use instead of an embedded one, as a superuser.
 */
import { mkdir, readFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { VERSION } from "../../src/ground/version.ts";
import { prepareBacklog } from "./backlog.ts";
import { prepareBulk, prepareSnapshot } from "./beside.ts";
import { prepareCapture } from "./capture.ts";
import {
  prepareBacklogSize,
  prepareBatches,
  prepareDaemons,
  prepareEndpoints,
  prepareFanOut,
  preparePayload,
} from "./curves.ts";
import { prepareDepth } from "./depth.ts";
import { prepareEventTypes } from "./eventTypes.ts";
import { FLOOR_PARTS, judge } from "./floors.ts";
import { prepareFormats } from "./formats.ts";
import { prepareFrozen } from "./frozen.ts";
import { prepareIdle } from "./idle.ts";
import { prepareInsert } from "./insert.ts";
import { prepareHalfLoad, prepareLatency, prepareLowRate } from "./latency.ts";
import { prepareLimits } from "./limits.ts";
import { causes, measure, type PartPlan } from "./measure.ts";
import { prepareMemory } from "./memory.ts";
import { prepareBesideBacklog, prepareDeadHalf } from "./neighbours.ts";
import { prepareOrdered } from "./ordered.ts";
import type { BenchOptions, Part } from "./part.ts";
import { preparePeers } from "./peers.ts";
import { summariseProfiles } from "./profile.ts";
import { preparePublish } from "./publish.ts";
import { prepareReceive } from "./receive.ts";
import { aligned, FLOOR_HEAD, floorRows, machineOf, type Report, summarisePart, textOf } from "./report.ts";
import { BenchServer } from "./server.ts";
import { writeReport } from "./write.ts";

const PARTS: Readonly<Record<string, (options: BenchOptions) => Promise<Part>>> = {
  peers: preparePeers,
  backlog: prepareBacklog,
  latency: prepareLatency,
  low_rate: prepareLowRate,
  half_load: prepareHalfLoad,
  insert: prepareInsert,
  backlog_size: prepareBacklogSize,
  endpoints: prepareEndpoints,
  fan_out: prepareFanOut,
  payload: preparePayload,
  formats: prepareFormats,
  daemons: prepareDaemons,
  batches: prepareBatches,
  snapshot: prepareSnapshot,
  bulk: prepareBulk,
  idle: prepareIdle,
  capture: prepareCapture,
  publish: preparePublish,
  receive: prepareReceive,
  event_types: prepareEventTypes,
  depth: prepareDepth,
  frozen: prepareFrozen,
  memory: prepareMemory,
  limits: prepareLimits,
  ordered: prepareOrdered,
  dead_half: prepareDeadHalf,
  beside_backlog: prepareBesideBacklog,
};
/** What a look at the whole takes ten minutes for. */
const DEFAULT_PARTS = ["peers", "low_rate", "insert"];
/** What is published. */
const PUBLIC_PARTS = [
  ...[
    "peers",
    "low_rate",
    "half_load",
    "insert",
    "backlog_size",
    "endpoints",
    "fan_out",
    "payload",
    "formats",
    "daemons",
  ],
  ...["snapshot", "bulk"],
];
/** Long ones, on which no floor stands: their spread is known after fewer rounds. */
const LONG_PARTS = ["half_load", "backlog_size", "daemons"];
const LONG_PARTS_ROUNDS_MAX = 2;

const HELP = `npm run bench -- [flags]
  --parts LIST        of ${Object.keys(PARTS).join(",")};
                      default ${DEFAULT_PARTS.join(",")}
  --quick             one round of few events, for a look
  --floors            the parts that have floors; exits with 1 if one is missed
  --write DIR         the public parts: tables into DIR/README.md, charts and JSON into DIR/results
  --from FILE         take the JSON of an earlier run instead of measuring
  --rounds N          of each trial; default 3, with --floors or --write 5, with --quick 1
  --events N          deliveries of a trial; default 100000, with --quick 20000
  --seconds N         latency, memory, dead_half, beside_backlog: how long; default 15, with --quick 5
  --rate N            latency, low_rate: events a second; default 50
  --clients N         insert: default 16
  --depths LIST       depth: default 1000,100000,400000
  --bulk-rows N       depth, bulk: rows of the open transaction; default 200000
  --waiting N         memory, beside_backlog: events that wait; default 1000000
  --profile DIR       write CPU profiles of the daemons there, and show the top of those of the backlog
  --statements        show the dearest statements, those inside functions too (costs some of what is measured)
  --log-level LEVEL   of the daemons, on stderr; default silent
  --json              print one JSON object instead of tables`;

const FLAGS = {
  parts: { type: "string" },
  quick: { type: "boolean", default: false },
  floors: { type: "boolean", default: false },
  write: { type: "string" },
  from: { type: "string" },
  rounds: { type: "string" },
  events: { type: "string" },
  seconds: { type: "string" },
  rate: { type: "string", default: "50" },
  clients: { type: "string", default: "16" },
  depths: { type: "string", default: "1000,100000,400000" },
  "bulk-rows": { type: "string", default: "200000" },
  waiting: { type: "string", default: "1000000" },
  profile: { type: "string" },
  statements: { type: "boolean", default: false },
  "log-level": { type: "string", default: "silent" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

type Flags = ReturnType<typeof parseArgs<{ readonly options: typeof FLAGS }>>["values"];

/** Aborted by a signal: the running trial finishes or fails first, so that server and directory are cleaned up. */
const interruption = new AbortController();

async function main(): Promise<void> {
  const { values: flags } = parseArgs({ options: FLAGS });
  if (flags.help) {
    console.log(HELP);
    return;
  }
  const report = flags.from === undefined ? await run(flags) : await readReport(flags.from);
  if (flags.write !== undefined) {
    await writeReport(report, flags.write);
  }
  console.log(flags.json ? JSON.stringify(report, null, 2) : textOfReport(report));
  if (flags.profile !== undefined) {
    console.log(await summariseProfiles(flags.profile, "daemon"));
  }
  if (flags.floors && report.floors.some(({ result }) => result === "missed" || result === "not measured")) {
    process.exitCode = 1;
  }
}

async function run(flags: Flags): Promise<Report> {
  const plans = plansOf(flags);
  if (flags.profile !== undefined) {
    await mkdir(flags.profile, { recursive: true });
  }
  const server = await BenchServer.start();
  try {
    const options = optionsOf(flags, server);
    const parts = (await measure(plans, options, interruption.signal)).map(summarisePart);
    return { about: about(flags, options), parts, floors: judge(parts) };
  } finally {
    await server.stop();
  }
}

function plansOf(flags: Flags): PartPlan[] {
  const named = flags.parts?.split(",");
  const names = named ?? (flags.write !== undefined ? PUBLIC_PARTS : flags.floors ? FLOOR_PARTS : DEFAULT_PARTS);
  const rounds = roundsOf(flags);
  return names.map((name) => {
    const prepare = PARTS[name];
    if (prepare === undefined) {
      throw new Error(`there is no part "${name}"; there are ${Object.keys(PARTS).join(", ")}`);
    }
    const isShort = named !== undefined || !LONG_PARTS.includes(name);
    return { name, prepare, rounds: isShort ? rounds : Math.min(rounds, LONG_PARTS_ROUNDS_MAX) };
  });
}

function roundsOf({ rounds, quick, floors, write }: Flags): number {
  const chosen = floors || write !== undefined ? "5" : "3";
  return positive("rounds", rounds ?? (quick ? "1" : chosen));
}

function optionsOf(flags: Flags, server: BenchServer): BenchOptions {
  return {
    server,
    events: positive("events", flags.events ?? (flags.quick ? "20000" : "100000")),
    seconds: positive("seconds", flags.seconds ?? (flags.quick ? "5" : "15")),
    ratePerSecond: positive("rate", flags.rate),
    clients: positive("clients", flags.clients),
    depths: flags.depths.split(",").map((text) => positive("depths", text)),
    bulkRows: positive("bulk-rows", flags["bulk-rows"]),
    waiting: positive("waiting", flags.waiting),
    comparedOnly: flags.floors && flags.write === undefined,
    daemonLogLevel: flags["log-level"],
    profileDir: flags.profile ?? null,
    traceStatements: flags.statements,
  };
}

function about(flags: Flags, { server, events }: BenchOptions): Report["about"] {
  return {
    date: new Date().toISOString().slice(0, 10),
    rounds: roundsOf(flags),
    events,
    node: process.version,
    postgres: server.version,
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? "",
    memoryMib: Math.round(totalmem() / 1_048_576),
    kernel: release(),
    version: VERSION,
  };
}

async function readReport(path: string): Promise<Report> {
  const report = JSON.parse(await readFile(path, "utf8")) as Report;
  // By the floors of today.
  return { ...report, floors: judge(report.parts) };
}

function textOfReport(report: Report): string {
  const floors = report.floors.length === 0 ? [] : [...aligned([FLOOR_HEAD, ...floorRows(report.floors)]), ""];
  return [
    `\nmedian [min..max] of ${report.about.rounds} rounds; ${machineOf(report)}\n`,
    ...report.parts.map(textOf),
    ...floors,
  ].join("\n");
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`--${flag} takes whole numbers from 1 on, not "${text}"`);
  }
  return value;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interruption.abort();
    process.exitCode = 1;
  });
}

try {
  await main();
} catch (thrown) {
  console.error(causes(thrown));
  process.exitCode = 1;
}
