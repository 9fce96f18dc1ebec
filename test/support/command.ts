/** The command as a person or an init system runs it: a process with arguments, an environment, signals and output. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../../src/ground/clock.ts";
import { lookIntervalMs } from "./until.ts";

const CHECKOUT = resolve(import.meta.dirname, "../..");
/** Far more than anything takes, even on a machine that is busy with other tests. */
export const DEADLINE_MS = 60_000;

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: this checkout. */
  readonly cwd?: string;
  /** Default: `node src/main.ts`. */
  readonly program?: readonly [string, ...string[]];
  /** A file to write to. Default: the output is kept here. */
  readonly stdout?: number;
  /** Its standard input, or a pipe for the test to write to (`child.stdin`). Default: empty. */
  readonly stdin?: string | Buffer | "pipe";
}

/** One process, whose whole output is kept. */
export class CommandProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const [file, ...before] = options.program ?? [process.execPath, resolve(CHECKOUT, "src/main.ts")];
    this.child = spawn(file, [...before, ...args], {
      cwd: options.cwd ?? CHECKOUT,
      env: { ...inherited(), ...options.env },
      stdio: [options.stdin === undefined ? "ignore" : "pipe", options.stdout ?? "pipe", "pipe"],
    });
    // Some processes end before they have read everything.
    this.child.stdin?.on("error", () => {});
    if (options.stdin !== "pipe") this.child.stdin?.end(options.stdin);
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.child, "close").then(([code, signal]) => ({ code, signal }));
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error("the command could not be started");
    return this.child.pid;
  }

  /** The first match in the present and future output. Rejects if the process ends without one. */
  async match(pattern: RegExp, from: "stdout" | "stderr" = "stdout"): Promise<RegExpExecArray> {
    let hasEnded = false;
    void this.ended.then(() => {
      hasEnded = true;
    });
    return eventually(`${pattern} on ${from}`, () => {
      const found = pattern.exec(this[from]);
      if (found === null && hasEnded) throw new Error(`the command ended without ${pattern}: ${this.said()}`);
      return found ?? undefined;
    }).catch((error: unknown) => {
      throw new Error(this.said(), { cause: error });
    });
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<Ending> {
    this.child.kill(signal);
    return this.ended;
  }

  /** For the message of an assertion. */
  said(): string {
    return `stdout: ${this.stdout}\nstderr: ${this.stderr}`;
  }
}

/** Runs a command to its end. */
export async function runCommand(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Ending & { readonly stdout: string; readonly stderr: string }> {
  const command = new CommandProcess(args, options);
  const ending = await command.ended;
  return { ...ending, stdout: command.stdout, stderr: command.stderr };
}

/** Looks until there is something to see, for what does not announce itself: rows, processes, output. */
export async function eventually<Seen>(
  what: string,
  look: () => Seen | undefined | Promise<Seen | undefined>,
): Promise<Seen> {
  const beganMs = monotonicMs();
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    const waitedMs = monotonicMs() - beganMs;
    if (waitedMs > DEADLINE_MS) throw new Error(`${what} was not seen in ${DEADLINE_MS} ms`);
    await delay(lookIntervalMs(waitedMs));
  }
}

function inherited(): NodeJS.ProcessEnv {
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  // Daemons of several tests run at once, and a person may have one on this machine.
  return { PATH, HOME, NODE_COMPILE_CACHE, POSTRIDER_HTTP_LISTEN: "off", POSTRIDER_API_LISTEN: "off" };
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
