import { formatFault, messageOf, PostriderError } from "./ground/errors.ts";

/**
 * The entry, and the only place that ends the process. It imports nothing that an old Node could stumble over: what
 * does the work is imported once the version is known to do.
 */

const NODE_MIN = { major: 22, minor: 19 } as const;

// A name whose servers are silent holds a thread for many seconds, and of the usual four only two look up names: a few
// such endpoints would keep all others from being connected to. Read when the first thread is needed.
process.env.UV_THREADPOOL_SIZE ??= "64";

// A reader that goes away (`| head`) is no error of ours. What is written afterwards goes nowhere.
process.stdout.on("error", ignoreBrokenPipe);
process.stderr.on("error", ignoreBrokenPipe);
// Without these Node prints source lines and a stack, which tell nothing to a person who only wanted to run it.
process.on("uncaughtException", exitWith);
process.on("unhandledRejection", exitWith);

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
 * Resolves when the reader has taken everything, or is gone. To a pipe Node writes what fits, 64 KiB, and the rest later:
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

/** One line per fault; for what nobody foresaw, the message and its code, and where it arose only if asked for. */
function described(thrown: unknown): string {
  if (thrown instanceof PostriderError) {
    return thrown.faults.map((fault) => oneLine(formatFault(fault))).join("\n");
  }
  const code = thrown instanceof Error && "code" in thrown ? ` (${String(thrown.code)})` : "";
  const head = `postrider: unexpected error: ${oneLine(`${messageOf(thrown)}${code}`)}`;
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  // The settings themselves may be what could not be read.
  return /^(debug|trace)$/.test(process.env.POSTRIDER_LOG_LEVEL ?? "") && stack !== undefined
    ? `${head}\n${stack}`
    : `${head}; POSTRIDER_LOG_LEVEL=debug shows where it arose`;
}

/** What servers and other programs say goes to a terminal: no escape sequence of theirs may reach it. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ").replace(/\p{Cc}/gu, "\uFFFD");
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") {
    throw error;
  }
}
