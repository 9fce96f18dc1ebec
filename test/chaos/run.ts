/**
 * `npm run chaos [-- FLAGS]`: faults by a schedule that follows from the seed, and at the end whether every promise held.
 * scenario.ts says how a run goes, schedule.ts which faults there are.
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/ground/errors.ts";
import { type EffectsReport, runEffects } from "./effects/scenario.ts";
import { type ChaosReport, DEFAULTS, runChaos } from "./scenario.ts";
import { FAULT_KINDS, parseFaultKinds } from "./schedule.ts";

const HELP = `npm run chaos -- [flags]
  --seed TEXT        what the schedule follows from; default drawn, and printed
  --minutes M        how long the faults come; until all is quiet it takes up to two minutes more; default 1
  --daemons N        default ${DEFAULTS.daemons}
  --rate N           events a second, about; default ${DEFAULTS.rate}
  --events N         events at most
  --faults LIST      kinds and first words of kinds, a minus leaves out, or none; default all of
                     ${wrapped(FAULT_KINDS, 90).join("\n                     ")}
  --log-level LEVEL  of the daemons; default ${DEFAULTS.logLevel}
  --effects          receivers of the kit instead, with faults on both sides: does each event have its effect once?
                     Of the other flags only the seed, minutes, rate, keep and json count
  --keep             keep what was said and done, also where every promise held
  --json             print the report as one JSON object`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      minutes: { type: "string", default: "1" },
      daemons: { type: "string", default: String(DEFAULTS.daemons) },
      rate: { type: "string", default: String(DEFAULTS.rate) },
      events: { type: "string", default: String(DEFAULTS.eventsMax) },
      faults: { type: "string", default: "all" },
      effects: { type: "boolean", default: false },
      "log-level": { type: "string", default: DEFAULTS.logLevel },
      keep: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const seed = values.seed ?? randomBytes(4).toString("hex");
  if (!/^[\w.-]{1,64}$/.test(seed)) {
    throw new Error("a seed is 1 to 64 letters, digits, dots and hyphens");
  }
  const breakingOff = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => breakingOff.abort());
  }
  console.error(`seed ${seed}`);
  if (values.effects) {
    return await judgeEffects(seed, values);
  }
  const report = await runChaos({
    ...DEFAULTS,
    seed,
    durationMs: positive("minutes", values.minutes) * 60_000,
    daemons: whole("daemons", values.daemons),
    rate: positive("rate", values.rate),
    eventsMax: whole("events", values.events),
    kinds: parseFaultKinds(values.faults),
    logLevel: values["log-level"],
    keeps: values.keep,
    signal: breakingOff.signal,
    onProgress: (sentence) => console.error(sentence),
  });
  if (report === null) {
    console.error("broken off: nothing was judged");
    return 1;
  }
  console.log(values.json ? JSON.stringify(report, null, 2) : textOf(report));
  if (report.directory !== null) {
    console.error(`what was said and done is in ${report.directory}`);
  }
  if (report.violations.length === 0) {
    return 0;
  }
  const same = ["minutes", "daemons", "rate", "events", "faults"] as const;
  const flags = same.map((name) => `--${name} ${values[name]}`).join(" ");
  console.error(`the same schedule again: npm run chaos -- --seed ${seed} ${flags}`);
  return 1;
}

async function judgeEffects(
  seed: string,
  flags: { readonly minutes: string; readonly rate: string; readonly keep: boolean; readonly json: boolean },
): Promise<number> {
  const report = await runEffects({
    seed,
    durationMs: positive("minutes", flags.minutes) * 60_000,
    rate: positive("rate", flags.rate),
    quietDeadlineMs: DEFAULTS.quietDeadlineMs,
    keeps: flags.keep,
    onProgress: (sentence) => console.error(sentence),
  });
  console.log(flags.json ? JSON.stringify(report, null, 2) : textOfEffects(report));
  if (report.directory !== null) {
    console.error(`what was said is in ${report.directory}`);
  }
  return report.violations.length === 0 ? 0 : 1;
}

function textOfEffects({ network, violations, ...report }: EffectsReport): string {
  const faults = Object.entries(report.faults).map(([kind, count]) => `${kind} ${count}`);
  return [
    `seed           ${report.seed}`,
    `events         ${report.events}, of which ${report.keyed} with a key`,
    `late           ${report.dropped} events came after a later one of their key was handled, and were dropped`,
    `requests       ${network.requests}: ${network.doubled} doubled, ${network.repeated} repeated later, ${network.delayed} delayed, ` +
      `${network.answersLost} without their answer, ${network.heldBack} held back, ${network.failed} failed on the way`,
    `processes      ${report.daemonProcesses} daemons, ${report.receiverProcesses} receivers`,
    `recovery       ${report.recoveryMs} ms after the last fault until all was quiet`,
    `took           ${Math.round(report.tookMs / 1_000)} s`,
    ...wrapped(faults, 90).map((line, index) => `${(index === 0 ? "faults" : "").padEnd(15)}${line}`),
    ...report.faultProblems.map((problem) => `               ${problem}`),
    ...(violations.length === 0 ? ["each event had its effect once"] : ["VIOLATIONS", ...violations]),
  ].join("\n");
}

function textOf(report: ChaosReport): string {
  const { counts, duplicates, latencyMs } = report;
  const faults = Object.entries(report.faults).map(([kind, count]) => `${kind} ${count}`);
  return [
    `seed           ${report.seed}`,
    `events         ${counts.events} committed in ${report.transactions} transactions, ${counts.rolledBack} rolled back`,
    `               ${counts.unknown} of unknown outcome, of which ${counts.unknownCommitted} were committed`,
    `               ${counts.volatile} committed asynchronously, of which ${counts.volatileLost} were lost in a crash`,
    `deliveries     ${counts.deliveries}, with ${counts.requests} requests and ${counts.attemptRows} recorded attempts`,
    `redelivered    ${counts.redeliveries}`,
    `open circuits  judged in ${counts.circuits} spans of time without other faults`,
    `in order       ${counts.ordered} deliveries of events with a key to ordered endpoints`,
    `halted keys    ${counts.passedOver} events passed over, ${counts.takenAfterAll} sent again`,
    `duplicates     ${duplicates.total}: ${duplicates.answerLost} whose answer was lost, ${duplicates.unrecorded} not recorded, ` +
      `${duplicates.sentTwice} sent by two daemons (at most ${duplicates.bound} of those two)`,
    `latency        median ${latencyMs.median} ms, p99 ${latencyMs.p99} ms, longest ${latencyMs.max} ms`,
    `recovery       ${report.recoveryMs} ms after the last fault until all was quiet`,
    `daemons        ${report.daemonProcesses} processes, ${report.leasesLost} leases lost`,
    `took           ${Math.round(report.tookMs / 1_000)} s`,
    ...wrapped(faults, 90).map((line, index) => `${(index === 0 ? "faults" : "").padEnd(15)}${line}`),
    ...(report.faultProblems === 0 ? [] : [`               ${report.faultProblems} of them met an error themselves`]),
    ...(report.violations.length === 0 ? ["every promise held"] : ["VIOLATIONS", ...report.violations]),
  ].join("\n");
}

/** Joined by commas, in lines of at most so many characters. */
function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 2 > width) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = `${last}, ${word}`;
    }
  }
  return lines;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new Error(`--${name} is "${text}" and must be a number above 0`);
  }
  return value;
}

function whole(name: string, text: string): number {
  const value = positive(name, text);
  if (!Number.isInteger(value)) {
    throw new Error(`--${name} is "${text}" and must be a whole number`);
  }
  return value;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  console.error(messageOf(thrown));
  process.exitCode = 1;
}
// Also if something is still open. The servers and daemons end with this process.
process.exit();
