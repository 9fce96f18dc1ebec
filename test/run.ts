/**
 * `npm test [-- --postgres MAJOR|older|all] [--dates] [--complete] [--cost] [--test-flag=… | file | directory …]`: a
 * PostgreSQL server of the newest major, or of each one asked for, and each test file in its own process. Without paths,
 * plan.ts says which files. With --dates, the runs begin at other dates. All runs share one queue, so the cores never wait
 * for the last file of one server before the next one starts. With --cost, the files run one after another, and the end
 * says how much CPU time each took, that of the server included.
 *
 * POSTRIDER_TEST_SERVER_URL names a server to use instead of an embedded one. The role must be a superuser, because the
 * tests create and drop databases and roles. POSTRIDER_TEST_TEMPLATE names a migrated database there that this program
 * has made before.
 */
import { relative } from "node:path";
import { messageOf } from "../src/ground/errors.ts";
import { MAJORS, planRuns, type Run, SERVERS, startRank, type Wish } from "./plan.ts";
import { serverCpuMs } from "./support/cpu.ts";
import { Crew, type CrewSize, idleMeter } from "./support/crew.ts";
import {
  createTemplate,
  PREPARED_TEMPLATE,
  SERVER_URL_VARIABLE,
  startMigratedServer,
  TEMPLATE_VARIABLE,
} from "./support/database.ts";
import type { Failure, ResultCounts } from "./support/noteResults.ts";
import { installPackages } from "./support/packages.ts";
import { removeAbandonedDirectories } from "./support/serverDirectory.ts";
import { canShiftClock, startShiftedServer } from "./support/shiftedClock.ts";
import { type FileResults, runTestFile } from "./support/testFile.ts";
import { givenServer, MAJOR_VARIABLE, type TestServer } from "./support/testServer.ts";

/** How many files run at once: they mostly wait, and with four, two cores idle for a third of a run. */
const SIZE: CrewSize = { min: 6, max: 16 };
const ONE_BY_ONE: CrewSize = { min: 1, max: 1 };
const LOOK_INTERVAL_MS = 1_000;
/** How many failures are named again at the end: many have one cause, and the first ones show it. */
const FAILURES_NAMED_MAX = 30;
/** How much of each message is shown: enough to recognise the difference between two values. */
const MESSAGE_LINES_MAX = 12;

/** The files to run on one server. */
interface Round {
  readonly name: string;
  readonly files: readonly string[];
  /** Directories whose packages it needs. */
  readonly packages: readonly string[];
  /** All files start with the server, because they are about what its clock shows then. */
  readonly startsTogether: boolean;
  /** The template that its server has from the start; null if one is to be made. */
  readonly template: string | null;
  start(): Promise<RoundServer>;
}

type RoundServer = TestServer & { readonly variables?: Readonly<Record<string, string>> };

interface RoundOptions {
  /** By directory. */
  readonly installed: ReadonlyMap<string, Promise<void>>;
  readonly flags: readonly string[];
  readonly isLive: boolean;
  readonly showsCost: boolean;
}

interface PreparedRound {
  readonly variables: Readonly<Record<string, string>>;
  /** The server's; null for one that was given. */
  readonly pid: number | null;
  stop(): Promise<void>;
}

/** What is started at once. */
interface Job {
  readonly round: RunningRound;
  readonly files: readonly string[];
}

/** Aborted by a signal: no further file starts, and the running ones are told. */
const interruption = new AbortController();

async function main(args: readonly string[]): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interruption.abort(signal));
  }
  const { flags, wish, showsCost } = parseArguments(args);
  const rounds = roundsOf(wish);
  await removeAbandonedDirectories();
  const installed = installAll(rounds);
  const isLive = rounds.length === 1 && rounds[0]?.files.length === 1;
  const running = rounds.map((round) => new RunningRound(round, { flags, isLive, showsCost, installed }));
  try {
    const jobs = running.flatMap(jobsOf).sort((one, other) => rankOf(one) - rankOf(other));
    await runJobs(jobs, showsCost ? ONE_BY_ONE : SIZE);
  } catch (error) {
    interruption.abort("SIGTERM");
    throw error;
  } finally {
    await Promise.all(running.map((round) => round.stop()));
  }
  if (interruption.signal.aborted) return 1;
  if (showsCost) listCosts(running);
  return conclude(running);
}

function parseArguments(args: readonly string[]): {
  readonly flags: readonly string[];
  readonly wish: Wish;
  readonly showsCost: boolean;
} {
  const words = args.flatMap((arg) => (arg.startsWith("--postgres=") ? arg.split("=") : [arg]));
  const at = words.indexOf("--postgres");
  const [, postgres = ""] = at < 0 ? [] : words.splice(at, 2);
  const extent = (["dates", "complete"] as const).find((known) => words.includes(`--${known}`));
  const flags = words.filter((word) => word.startsWith("-") && ![`--${extent}`, "--cost"].includes(word));
  const paths = words.filter((word) => !word.startsWith("-"));
  return {
    flags,
    showsCost: words.includes("--cost"),
    wish: { paths, ...(at < 0 ? {} : { postgres: postgresOf(postgres) }), ...(extent === undefined ? {} : { extent }) },
  };
}

function postgresOf(text: string): NonNullable<Wish["postgres"]> {
  const wish = ([...MAJORS, "older", "all"] as const).find((known) => String(known) === text);
  if (wish === undefined) {
    throw new Error(`--postgres takes one of ${MAJORS.join(", ")}, "older" or "all", and not "${text}"`);
  }
  return wish;
}

function roundsOf(wish: Wish): readonly Round[] {
  const given = process.env[SERVER_URL_VARIABLE] ?? "";
  if (given !== "" && (wish.postgres ?? wish.extent) !== undefined)
    throw new Error(
      `${wish.extent === undefined ? "--postgres" : `--${wish.extent}`} and ${SERVER_URL_VARIABLE} exclude each other`,
    );
  const rounds = planRuns(wish).flatMap((run) => roundOf(run, given));
  if (rounds.some(({ files }) => files.length === 0)) throw new Error("there is no test file there");
  return rounds;
}

function roundOf({ major, moment, files, packages }: Run, given: string): readonly Round[] {
  if (given !== "") {
    const kind = { startsTogether: false, template: process.env[TEMPLATE_VARIABLE] || null };
    return [{ name: SERVER_URL_VARIABLE, files, packages, ...kind, start: () => givenServer(given) }];
  }
  const name = `PostgreSQL ${major}`;
  if (moment === undefined) {
    const kind = { startsTogether: false, template: PREPARED_TEMPLATE };
    return [{ name, files, packages, ...kind, start: () => startMigratedServer(major) }];
  }
  if (!canShiftClock()) {
    console.log(`libfaketime is not installed (apt-get install libfaketime): no test was run from ${moment} on`);
    return [];
  }
  return [
    {
      name: `${name} from ${moment} on`,
      files,
      packages,
      startsTogether: true,
      template: null,
      start: () => startShiftedServer(moment),
    },
  ];
}

/** Starts installing the packages of all rounds. Only the files that need them wait, and fail if they cannot be installed. */
function installAll(rounds: readonly Round[]): ReadonlyMap<string, Promise<void>> {
  const directories = new Set(rounds.flatMap(({ packages }) => packages));
  const installed = new Map([...directories].map((path) => [path, installPackages(path)]));
  for (const each of installed.values()) each.catch(() => {});
  return installed;
}

function jobsOf(round: RunningRound): readonly Job[] {
  const { files, startsTogether } = round.plan;
  return startsTogether ? [{ round, files }] : files.map((file) => ({ round, files: [file] }));
}

function rankOf({ files }: Job): number {
  return Math.min(...files.map(startRank));
}

async function runJobs(jobs: readonly Job[], size: CrewSize): Promise<void> {
  const crew = new Crew(
    jobs,
    async ({ round, files }) => {
      if (!interruption.signal.aborted) await Promise.all(files.map((file) => round.run(file)));
    },
    size,
  );
  const idleShare = idleMeter();
  const looking = setInterval(() => crew.look(idleShare()), LOOK_INTERVAL_MS);
  try {
    await crew.finish();
  } finally {
    clearInterval(looking);
  }
}

/** Its server starts with its first file and stops after its last one. */
class RunningRound {
  readonly plan: Round;
  /** In the order of the plan, whatever their order in time. */
  get results(): readonly FileResults[] {
    return this.plan.files.flatMap((file) => this.#results.get(file) ?? []);
  }
  /** The CPU time of the files and of the server meanwhile, if it was asked for. */
  readonly costs = new Map<string, number>();
  readonly #options: RoundOptions;
  readonly #results = new Map<string, FileResults>();
  #prepared: Promise<PreparedRound> | undefined;

  constructor(plan: Round, options: RoundOptions) {
    this.plan = plan;
    this.#options = options;
  }

  async run(file: string): Promise<void> {
    const { showsCost, installed, ...options } = this.#options;
    const needed = this.plan.packages.filter((path) => path === SERVERS || file.startsWith(`${path}/`));
    await Promise.all(needed.map((path) => installed.get(path)));
    this.#prepared ??= prepare(this.plan);
    const { variables, pid } = await this.#prepared;
    const serverMs = showsCost ? meterOf(pid) : undefined;
    const results = await runTestFile(file, { ...options, variables, interruption: interruption.signal });
    if (serverMs !== undefined) this.costs.set(file, results.cpuMs + serverMs());
    // Beside others on a machine the time says little, and the CPU time as much as ever.
    const took = `${seconds(results.tookMs)} (CPU ${seconds(results.cpuMs)})`;
    process.stdout.write(`${this.plan.name}: ${relative(process.cwd(), file)}, ${took}\n${results.output}`);
    this.#results.set(file, results);
    if (this.#results.size === this.plan.files.length) await this.stop();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    await (await prepared?.catch(() => undefined))?.stop();
  }
}

async function prepare(round: Round): Promise<PreparedRound> {
  const server = await round.start();
  try {
    const { template: given } = round;
    const template = given === null ? await createTemplate(server.url) : { name: given, drop: async () => {} };
    return {
      variables: {
        ...server.variables,
        [SERVER_URL_VARIABLE]: server.url,
        [TEMPLATE_VARIABLE]: template.name,
        [MAJOR_VARIABLE]: String(server.major ?? ""),
      },
      pid: server.pid,
      stop: () => template.drop().finally(() => server.stop()),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** How much CPU time a server takes from now on; nothing of one that was given. */
function meterOf(pid: number | null): () => number {
  if (pid === null) return () => 0;
  const beforeMs = serverCpuMs(pid);
  return () => serverCpuMs(pid) - beforeMs;
}

/** The dearest first, and their sum. */
function listCosts(rounds: readonly RunningRound[]): void {
  const costs = rounds.flatMap(({ plan, costs }) => [...costs].map(([file, ms]) => ({ round: plan.name, file, ms })));
  for (const { round, file, ms } of costs.toSorted((one, other) => other.ms - one.ms)) {
    console.log(`CPU ${seconds(ms)}: ${relative(process.cwd(), file)} on ${round}`);
  }
  console.log(`CPU ${seconds(costs.reduce((sum, { ms }) => sum + ms, 0))} in all`);
}

/** Names every failure again for readers of the end alone. The last line is the sum over all rounds. */
function conclude(rounds: readonly RunningRound[]): number {
  const failed = rounds.flatMap(({ plan, results }) =>
    results.flatMap(({ failures }) => failures.map((failure) => describeFailure(plan.name, failure))),
  );
  for (const description of failed.slice(0, FAILURES_NAMED_MAX)) console.log(description);
  if (failed.length > FAILURES_NAMED_MAX) console.log(`and ${failed.length - FAILURES_NAMED_MAX} more failed`);
  for (const { plan, results } of rounds) {
    const { passed, failed, skipped } = sumOf(results);
    console.log(`${plan.name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
  const sum = sumOf(rounds.flatMap(({ results }) => results));
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  return sum.failed === 0 ? 0 : 1;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function sumOf(results: readonly FileResults[]): ResultCounts {
  const sum = (count: keyof ResultCounts) => results.reduce((total, { counts }) => total + counts[count], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

function describeFailure(round: string, { file, names, message }: Failure): string {
  // A file that failed as a whole is named once.
  const place = [file === null ? "no file" : relative(process.cwd(), file), ...names.filter((name) => name !== file)];
  const lines = message.trim().split("\n").slice(0, MESSAGE_LINES_MAX);
  return [`failed on ${round}: ${place.join(" › ")}`, ...lines.map((line) => `    ${line}`)].join("\n");
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
