/** One test file in a process of its own, without Node's runner of many files, which starts them by name. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Results } from "./noteResults.ts";

/** A run starts Node several hundred times, and half of such a start is compiling the same files. */
const COMPILE_CACHE = join(import.meta.dirname, "../../node_modules/.cache/node");
/** For one test; fileDeadline.ts has the limit for a file. */
const TEST_TIMEOUT_MS = 120_000;

export interface TestFileOptions {
  /** For Node. */
  readonly flags: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** Its output goes straight to ours, and not into the results. */
  readonly isLive: boolean;
  /** Aborted by the signal that the file's process gets. */
  readonly interruption: AbortSignal;
}

export interface FileResults extends Results {
  readonly file: string;
  readonly tookMs: number;
  readonly output: string;
}

/** Resolves when the file and everything it started have ended. */
export async function runTestFile(file: string, options: TestFileOptions): Promise<FileResults> {
  const startedMs = performance.now();
  const directory = await mkdtemp(join(tmpdir(), "postrider-test-results-"));
  try {
    const resultsFile = join(directory, "results.json");
    const { code, output } = await run([...fixedFlags(resultsFile), ...options.flags, file], options);
    const noted = await readFile(resultsFile, "utf8").catch(() => "");
    return { file, tookMs: performance.now() - startedMs, output, ...judge(file, code, noted) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A file may also fail as a whole: it cannot be read, or dies before it has counted. */
function judge(file: string, code: number | null, noted: string): Results {
  const { counts, failures, cpuMs }: Results = noted === "" ? NOTHING_NOTED : JSON.parse(noted);
  if (noted !== "" && (code === 0 || failures.length > 0)) return { counts, failures, cpuMs };
  const failure = { file, names: [], message: noted === "" ? "the file did not run to its end" : "the file failed" };
  return { counts: { ...counts, failed: counts.failed + 1 }, failures: [...failures, failure], cpuMs };
}

const NOTHING_NOTED: Results = { counts: { passed: 0, failed: 0, skipped: 0 }, failures: [], cpuMs: 0 };

function fixedFlags(resultsFile: string): string[] {
  return [
    `--import=${import.meta.resolve("./fileDeadline.ts")}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${import.meta.resolve("./noteResults.ts")}`,
    `--test-reporter-destination=${resultsFile}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
  ];
}

async function run(
  args: readonly string[],
  { variables, isLive, interruption }: TestFileOptions,
): Promise<{ readonly code: number | null; readonly output: string }> {
  if (interruption.aborted) return { code: 1, output: "" };
  const output = isLive ? "inherit" : "pipe";
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", output, output],
    // Its own process group, so that everything it starts can be killed; signals are therefore passed on by hand.
    detached: true,
    env: {
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}),
      ...process.env,
      ...variables,
    },
  });
  const passOn = () => signalGroup(child, interruption.reason);
  interruption.addEventListener("abort", passOn, { once: true });
  const said = outputOf(child);
  const [code] = await once(child, "exit");
  interruption.removeEventListener("abort", passOn);
  // Ends what a test left running.
  signalGroup(child, "SIGKILL");
  return { code, output: await said };
}

async function outputOf(child: ChildProcess): Promise<string> {
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(child, "close");
  return Buffer.concat(chunks).toString();
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // No process of the group is left, as it should be.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
