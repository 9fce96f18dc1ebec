/**
 * `npm test [-- --postgres MAJOR|older|all] [--test-flag=… | file | directory …]`: a PostgreSQL server of the newest
 * major, or of each one asked for in turn, and Node's test runner against it. Without paths, plan.ts says which files.
 *
 * POSTRIDER_TEST_SERVER_URL names a server to use instead of an embedded one. The role must be a superuser, because the
 * tests create and drop databases and roles.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { messageOf } from "../src/ground/errors.ts";
import { MAJORS, planRuns, type Wish } from "./plan.ts";
import { createTemplate, SERVER_URL_VARIABLE, TEMPLATE_VARIABLE } from "./support/database.ts";
import type { Failure, ResultCounts, Results } from "./support/noteResults.ts";
import { installPackages } from "./support/packages.ts";
import { removeAbandonedDirectories } from "./support/serverDirectory.ts";
import { givenServer, MAJOR_VARIABLE, startServer, type TestServer } from "./support/testServer.ts";

/**
 * Test files mostly wait: of the 20 minutes that all of them take one by one, two cores work five. With four at a time
 * the cores idle for a third of the run. Node would run one fewer than there are cores.
 */
const CONCURRENCY = 6;
/** A run starts Node several hundred times, and half of such a start is compiling the same files. */
const COMPILE_CACHE = join(import.meta.dirname, "../node_modules/.cache/node");
/** For one test; support/fileDeadline.ts has the limit for a file. */
const TEST_TIMEOUT_MS = 120_000;
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
  start(): Promise<TestServer>;
}

interface RoundResults extends Results {
  readonly name: string;
}

/** Aborted by a signal: no further round begins, and the running one is told. */
const interruption = new AbortController();

async function main(args: readonly string[]): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interruption.abort(signal));
  }
  const { flags, wish } = parseArguments(args);
  const results: RoundResults[] = [];
  const rounds = roundsOf(wish);
  await removeAbandonedDirectories();
  for (const directory of new Set(rounds.flatMap(({ packages }) => packages))) await installPackages(directory);
  for (const round of rounds) {
    results.push({ name: round.name, ...(await runRound(round, flags)) });
    if (interruption.signal.aborted) return 1;
  }
  return conclude(results);
}

function parseArguments(args: readonly string[]): { readonly flags: readonly string[]; readonly wish: Wish } {
  const words = args.flatMap((arg) => (arg.startsWith("--postgres=") ? arg.split("=") : [arg]));
  const at = words.indexOf("--postgres");
  const [, postgres = ""] = at < 0 ? [] : words.splice(at, 2);
  const flags = words.filter((word) => word.startsWith("-"));
  const paths = words.filter((word) => !word.startsWith("-"));
  return { flags, wish: at < 0 ? { paths } : { paths, postgres: postgresOf(postgres) } };
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
  if (given !== "" && wish.postgres !== undefined)
    throw new Error(`--postgres and ${SERVER_URL_VARIABLE} exclude each other`);
  const rounds: readonly Round[] =
    given === ""
      ? planRuns(wish).map(({ major, ...run }) => ({
          ...run,
          name: `PostgreSQL ${major}`,
          start: () => startServer(major),
        }))
      : planRuns(wish).map((run) => ({ ...run, name: SERVER_URL_VARIABLE, start: () => givenServer(given) }));
  // Given no file, the runner would search for some by its own patterns.
  if (rounds.some(({ files }) => files.length === 0)) throw new Error("there is no test file there");
  return rounds;
}

async function runRound({ name, files, start }: Round, flags: readonly string[]): Promise<Results> {
  console.log(`${name}: ${files.length} ${files.length === 1 ? "file" : "files"}`);
  const server = await start();
  try {
    const template = await createTemplate(server.url);
    try {
      return await runFiles(files, flags, {
        [SERVER_URL_VARIABLE]: server.url,
        [TEMPLATE_VARIABLE]: template.name,
        [MAJOR_VARIABLE]: String(server.major ?? ""),
      });
    } finally {
      await template.drop();
    }
  } finally {
    await server.stop();
  }
}

async function runFiles(
  files: readonly string[],
  flags: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<Results> {
  const directory = await mkdtemp(join(tmpdir(), "postrider-test-results-"));
  try {
    const resultsFile = join(directory, "results.json");
    const code = await run([...fixedFlags(resultsFile), ...flags, ...files], variables);
    const { counts, failures }: Results = JSON.parse((await readFile(resultsFile, "utf8")) || NOTHING_NOTED);
    // The runner may fail for another reason than a test, or die before it has counted.
    return { counts: code === 0 ? counts : { ...counts, failed: Math.max(1, counts.failed) }, failures };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const NOTHING_NOTED = '{"counts":{"passed":0,"failed":0,"skipped":0},"failures":[]}';

function fixedFlags(resultsFile: string): string[] {
  return [
    `--import=${import.meta.resolve("./support/fileDeadline.ts")}`,
    "--test",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${import.meta.resolve("./support/noteResults.ts")}`,
    `--test-reporter-destination=${resultsFile}`,
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
  ];
}

/** Resolves when Node's runner and everything it started have ended. */
async function run(args: readonly string[], variables: Readonly<Record<string, string>>): Promise<number> {
  if (interruption.signal.aborted) return 1;
  const runner = spawn(process.execPath, args, {
    stdio: "inherit",
    // Its own process group, so that everything it starts can be killed; signals are therefore passed on by hand.
    detached: true,
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env, ...variables },
  });
  interruption.signal.addEventListener("abort", () => signalGroup(runner, interruption.signal.reason), { once: true });
  const [code] = await once(runner, "exit");
  // Ends what a test left running.
  signalGroup(runner, "SIGKILL");
  return code ?? 1;
}

function signalGroup(runner: ChildProcess, signal: NodeJS.Signals): void {
  if (runner.pid === undefined) return;
  try {
    process.kill(-runner.pid, signal);
  } catch (error) {
    // No process of the group is left, as it should be.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Names every failure again for readers of the end alone. The last line is the sum over all rounds. */
function conclude(results: readonly RoundResults[]): number {
  const failed = results.flatMap(({ name, failures }) => failures.map((failure) => describeFailure(name, failure)));
  for (const description of failed.slice(0, FAILURES_NAMED_MAX)) console.log(description);
  if (failed.length > FAILURES_NAMED_MAX) console.log(`and ${failed.length - FAILURES_NAMED_MAX} more failed`);
  for (const { name, counts } of results) {
    console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
  const sum = (count: keyof ResultCounts) => results.reduce((total, { counts }) => total + counts[count], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  return sum("failed") === 0 ? 0 : 1;
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
