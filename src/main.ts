import { constants } from "node:os";
import { formatFault, messageOf, PostriderError } from "./ground/errors.ts";

/**
 * The entry, and the only place that ends the process. It imports nothing an old Node cannot parse; the rest is loaded
 * after the version check.
 */

const NODE_MIN = { major: 22, minor: 19 } as const;

// A name whose servers are silent holds a thread for many seconds, and only two of the usual four threads look up names:
// a few such endpoints would keep the daemon from connecting to all others. Read when the first thread is needed.
process.env.UV_THREADPOOL_SIZE ??= "64";

// A reader that goes away (`| head`) is not our error. What is written afterwards goes nowhere.
process.stdout.on("error", ignoreBrokenPipe);
process.stderr.on("error", ignoreBrokenPipe);
// Without these, Node prints source lines and a stack, which mean nothing to a person who only wanted to run it.
process.on("uncaughtException", exitWith);
process.on("unhandledRejection", exitWith);
// The kernel does not end process 1 of a container by a signal that it does not listen for. Commands that stop cleanly do.
if (process.pid === 1) {
  process.on("SIGINT", endUnlessHandled);
  process.on("SIGTERM", endUnlessHandled);
}

try {
  refuseOldNode(process.versions.node);
  const { runCli } = await import("./cli/cli.ts");
  const status = await runCli(process.argv.slice(2), process.env);
  await written(process.stdout);
  process.exit(status);
} catch (thrown) {
  exitWith(thrown);
}

/**
 * Resolves when the reader has taken everything, or is gone. Node writes to a pipe what fits, 64 KiB, and the rest later:
 * an exit would cut it off.
 */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0) {
      resolve();
    } else {
      stream.write("", () => resolve());
    }
  });
}

function refuseOldNode(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > NODE_MIN.major || (major === NODE_MIN.major && minor >= NODE_MIN.minor)) {
    return;
  }
  throw new PostriderError([
    {
      code: "PR0011",
      problem: "cannot run on this Node.js",
      found: `it is ${version}`,
      remedy: `use Node.js ${NODE_MIN.major}.${NODE_MIN.minor} or later`,
    },
  ]);
}

function exitWith(thrown: unknown): never {
  process.stderr.write(`${described(thrown)}\n`);
  process.exit(thrown instanceof PostriderError ? thrown.exitStatus : 1);
}

/** One line per fault; for an unexpected error, its message and code, and its stack only if asked for. */
function described(thrown: unknown): string {
  if (thrown instanceof PostriderError) {
    return thrown.faults.map((fault) => oneLine(formatFault(fault))).join("\n");
  }
  const code = thrown instanceof Error && "code" in thrown ? ` (${String(thrown.code)})` : "";
  const head = `postrider: unexpected error: ${oneLine(`${messageOf(thrown)}${code}`)}`;
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  // Read from the environment, because the settings themselves may be what could not be read.
  return /^(debug|trace)$/.test(process.env.POSTRIDER_LOG_LEVEL ?? "") && stack !== undefined
    ? `${head}\n${stack}`
    : `${head}; POSTRIDER_LOG_LEVEL=debug shows where`;
}

/** Texts of servers and other programs go to a terminal, which must not see their escape sequences. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ").replace(/\p{Cc}/gu, "\uFFFD");
}

function endUnlessHandled(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) === 1) {
    // What a shell says of a process that a signal ended.
    process.exit(128 + constants.signals[signal]);
  }
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") {
    throw error;
  }
}
