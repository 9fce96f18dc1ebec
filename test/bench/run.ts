/**
 * `npm run bench [-- FLAGS]`: measures the daemon and the SQL on this machine, and prints medians with the range of the
 * rounds. Each round runs the trials of all parts, each in its own database, and every second round runs them in reverse.
 * Ratios and CPU microseconds can be compared between runs; rates hardly can, because they depend on the machine.
 *
 * POSTRIDER_BENCH_URL names a server to use instead of an embedded one, as a superuser.
 */
import { mkdir } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/ground/errors.ts";
import { prepareBacklog } from "./backlog.ts";
import { prepareBulk, prepareSnapshot } from "./beside.ts";
import { prepareCapture } from "./capture.ts";
import { prepareBacklogSize, prepareDaemons, prepareEndpoints, prepareFanOut, preparePayload } from "./curves.ts";
import { prepareDepth } from "./depth.ts";
import { prepareEventTypes } from "./eventTypes.ts";
import { prepareFrozen } from "./frozen.ts";
import { prepareIdle } from "./idle.ts";
import { prepareInsert } from "./insert.ts";
import { prepareHalfLoad, prepareLatency, prepareLowRate } from "./latency.ts";
import { prepareMemory } from "./memory.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { preparePeers } from "./peers.ts";
import { summariseProfiles } from "./profile.ts";
import { preparePublish } from "./publish.ts";
import { type PartResult, summarisePart, textOf } from "./report.ts";
import { BenchServer } from "./server.ts";
import { inTurn } from "./statistics.ts";

const PARTS: Readonly<Record<string, (options: BenchOptions) => Promise<Part>>> = {
  backlog: prepareBacklog,
  peers: preparePeers,
  latency: prepareLatency,
  low_rate: prepareLowRate,
  half_load: prepareHalfLoad,
  backlog_size: prepareBacklogSize,
  endpoints: prepareEndpoints,
  fan_out: prepareFanOut,
  payload: preparePayload,
  daemons: prepareDaemons,
  snapshot: prepareSnapshot,
  bulk: prepareBulk,
  idle: prepareIdle,
  insert: prepareInsert,
  capture: prepareCapture,
  publish: preparePublish,
  event_types: prepareEventTypes,
  depth: prepareDepth,
  frozen: prepareFrozen,
  memory: prepareMemory,
};
/** The memory part takes a million events and minutes: it is run where it is named. */
const DEFAULT_PARTS = Object.keys(PARTS).filter((name) => name !== "memory");

let interrupted = false;

const HELP = `npm run bench -- [flags]
  --parts LIST        of ${Object.keys(PARTS).join(",")};
                      default all but memory
  --rounds N          of each trial; default 5
  --events N          backlog: events to deliver; default 20000
  --seconds N         latency, memory: how long; default 15
  --rate N            latency: events a second; default 50
  --clients N         insert: default 16
  --depths LIST       depth: default 1000,100000,400000
  --bulk-rows N       depth: rows of the open transaction; default 200000
  --waiting N         memory: events that wait; default 1000000
  --profile DIR       write CPU profiles of the daemons there, and show the top of those of the backlog
  --statements        backlog: show the dearest statements, those inside functions too (costs some of what is measured)
  --log-level LEVEL   of the daemons, on stderr; default silent
  --json              print one JSON object instead of tables`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      parts: { type: "string", default: DEFAULT_PARTS.join(",") },
      rounds: { type: "string", default: "5" },
      events: { type: "string", default: "20000" },
      seconds: { type: "string", default: "15" },
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
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const names = values.parts.split(",");
  const unknown = names.find((name) => PARTS[name] === undefined);
  if (unknown !== undefined) {
    throw new Error(`there is no part "${unknown}"; there are ${Object.keys(PARTS).join(", ")}`);
  }
  const rounds = positive("rounds", values.rounds);
  if (values.profile !== undefined) {
    await mkdir(values.profile, { recursive: true });
  }
  const server = await BenchServer.start();
  const results: PartResult[] = [];
  try {
    const options: BenchOptions = {
      server,
      events: positive("events", values.events),
      seconds: positive("seconds", values.seconds),
      ratePerSecond: positive("rate", values.rate),
      clients: positive("clients", values.clients),
      depths: values.depths.split(",").map((text) => positive("depths", text)),
      bulkRows: positive("bulk-rows", values["bulk-rows"]),
      waiting: positive("waiting", values.waiting),
      daemonLogLevel: values["log-level"],
      profileDir: values.profile ?? null,
      traceStatements: values.statements,
    };
    results.push(...(await measure(names, options, rounds)));
  } finally {
    await server.stop();
  }
  const summaries = results.map(summarisePart);
  const about = {
    rounds,
    node: process.version,
    postgres: server.version,
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? "",
  };
  if (values.json) {
    console.log(JSON.stringify({ about, parts: summaries }, null, 2));
    return;
  }
  console.log(
    `\nmedian [min..max] of ${rounds} rounds, Node ${about.node}, PostgreSQL ${about.postgres}, ${about.cores} cores (${about.cpu})\n`,
  );
  for (const summary of summaries) {
    console.log(textOf(summary));
  }
  if (values.profile !== undefined) {
    console.log(await summariseProfiles(values.profile, "daemon"));
  }
}

async function measure(names: readonly string[], options: BenchOptions, rounds: number): Promise<PartResult[]> {
  const parts: Part[] = [];
  try {
    for (const name of names) {
      console.error(`preparing ${name}`);
      const prepare = PARTS[name];
      if (prepare !== undefined) {
        parts.push(await prepare(options));
      }
    }
    const results = parts.map((part) => ({
      part,
      subjects: new Map(part.trials.map(({ subject }): [string, (Measures | undefined)[]] => [subject, []])),
    }));
    for (let round = 1; round <= rounds; round += 1) {
      // Those that are compared with each other run one after the other: the machine's mood changes within a minute.
      const trials = inTurn(results, round).flatMap(({ part, subjects }) =>
        inTurn(part.trials, round).map((trial) => ({ part, subjects, trial })),
      );
      for (const { part, subjects, trial } of trials) {
        if (interrupted) {
          return results;
        }
        const label = `round ${round} of ${rounds}, ${part.name}: ${trial.subject}`;
        let measures: Measures | undefined;
        try {
          measures = await trial.run();
          console.error(label);
        } catch (thrown) {
          // The other trials have their worth without this one.
          console.error(`${label} failed: ${causes(thrown)}`);
          process.exitCode = 1;
        }
        subjects.get(trial.subject)?.push(measures);
      }
    }
    return results;
  } finally {
    for (const part of parts) {
      await part.stop();
    }
  }
}

function causes(thrown: unknown): string {
  const rest = thrown instanceof Error && thrown.cause !== undefined ? `: ${causes(thrown.cause)}` : "";
  return `${messageOf(thrown)}${rest}`;
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`--${flag} takes whole numbers from 1 on, not "${text}"`);
  }
  return value;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // The running trial finishes or fails first, so that server and directory are cleaned up.
  process.on(signal, () => {
    interrupted = true;
    process.exitCode = 1;
  });
}

try {
  await main();
} catch (thrown) {
  console.error(causes(thrown));
  process.exitCode = 1;
}
