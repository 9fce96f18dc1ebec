/**
 * `npm test [-- --test-flag=… | file | directory …]`: one PostgreSQL server for the whole run, and Node's test runner
 * against it. Without a path, everything under test/ but the benchmarks.
 *
 * POSTRIDER_TEST_SERVER_URL names a server to use instead of an embedded one (as a superuser: the tests make and
 * drop databases and roles).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, statSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { EmbeddedPostgres } from "../src/dev/embeddedPostgres.ts";
import { messageOf } from "../src/errors.ts";
import { createTemplate, SERVER_URL_VARIABLE, TEMPLATE_VARIABLE } from "./support/database.ts";

/** Test files mostly wait, for PostgreSQL and for sockets; Node would take one less than the cores. */
const CONCURRENCY = 4;
/** For one test; support/fileDeadline.ts has the limit for a file. */
const TEST_TIMEOUT_MS = 120_000;

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

async function main(args: readonly string[]): Promise<number> {
  let interrupted: NodeJS.Signals | undefined;
  let runner: ChildProcess | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupted = signal;
      if (runner !== undefined) signalGroup(runner, signal);
    });
  }
  const flags = args.filter((arg) => arg.startsWith("-"));
  const files = testFiles(args.filter((arg) => !arg.startsWith("-")));
  // Without a file the runner would go and look for some by its own patterns.
  if (files.length === 0) throw new Error("there is no test file there");
  const server = await startServer();
  try {
    const template = await createTemplate(server.url);
    try {
      if (interrupted !== undefined) return 1;
      runner = startRunner(flags, files, { [SERVER_URL_VARIABLE]: server.url, [TEMPLATE_VARIABLE]: template.name });
      const [code] = await once(runner, "exit");
      // What a test has left running.
      signalGroup(runner, "SIGKILL");
      return code ?? 1;
    } finally {
      await template.drop();
    }
  } finally {
    await server.stop();
  }
}

async function startServer(): Promise<Server> {
  const given = process.env[SERVER_URL_VARIABLE];
  if (given !== undefined && given !== "") return { url: given, stop: async () => {} };
  const directory = await mkdtemp(join(tmpdir(), "postrider-test-"));
  try {
    // As root the server runs as somebody else, who must be able to enter.
    await chmod(directory, 0o755);
    const server = await EmbeddedPostgres.start({
      dataDir: join(directory, "postgres"),
      settings: {
        fsync: "off",
        full_page_writes: "off",
        max_connections: "300",
        max_prepared_transactions: "20",
      },
    });
    const stop = async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    };
    return { url: server.url, stop };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** A group of its own, so that all that it started can be reached; signals are passed on by hand therefore. */
function startRunner(
  flags: readonly string[],
  files: readonly string[],
  variables: Readonly<Record<string, string>>,
): ChildProcess {
  const fixed = [
    "--import=tsx",
    `--import=${import.meta.resolve("./support/fileDeadline.ts")}`,
    "--test",
    "--test-reporter=spec",
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
  ];
  return spawn(process.execPath, [...fixed, ...flags, ...files], {
    stdio: "inherit",
    detached: true,
    env: { ...process.env, ...variables },
  });
}

function signalGroup(runner: ChildProcess, signal: NodeJS.Signals): void {
  if (runner.pid === undefined) return;
  try {
    process.kill(-runner.pid, signal);
  } catch (error) {
    // Nobody is left of the group, as it should be.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function testFiles(paths: readonly string[]): string[] {
  if (paths.length > 0) return paths.flatMap((path) => (isDirectory(path) ? testFilesBelow(path) : [path]));
  return testFilesBelow(resolve(import.meta.dirname));
}

function testFilesBelow(directory: string): string[] {
  return globSync("**/*.test.ts", { cwd: directory, exclude: ["bench/**"] })
    .sort()
    .map((file) => join(directory, file));
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
