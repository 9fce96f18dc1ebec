import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { apartMax } from "../../src/daemon/deliver/lanes.ts";
import { endsWithin } from "../../src/ground/endsWithin.ts";
import { BLOCK_VARIABLE } from "../support/blockVariable.ts";
import { FaultProxy } from "./proxy.ts";
import { BLOCK_MS } from "./schedule.ts";

const MAX_IN_FLIGHT = 64;
/** The requests that a daemon may have open: first ones without an answer come on top. */
export const REQUESTS_MAX = MAX_IN_FLIGHT + apartMax(MAX_IN_FLIGHT);
/** How many deliveries a daemon with that many concurrent requests may have in hand. */
export const IN_HAND_MAX = 1_000;
export const SHUTDOWN_GRACE_MS = 3_000;
/** The grace, five seconds to record, and what two busy cores may add. */
const STOP_MS_MAX = SHUTDOWN_GRACE_MS + 5_000 + 7_000;

const BLOCK_ON_SIGNAL = join(import.meta.dirname, "../support/blockOnSignal.ts");
const END_WITH_PARENT = join(import.meta.dirname, "endWithParent.ts");
const PRELOADED = [`--import=${END_WITH_PARENT}`, `--import=${BLOCK_ON_SIGNAL}`];
const RESTART_AFTER_MS = 200;

export interface SlotOptions {
  /** The built command. */
  readonly program: string;
  readonly index: number;
  readonly postgresPort: () => number;
  readonly databaseUrl: () => string;
  readonly directory: string;
  readonly logLevel: string;
  readonly onViolation: (violation: string) => void;
}

/**
 * A place for one daemon: its process, which is replaced when it is killed or stopped, its own proxy to Postgres, and the
 * file with what all its processes have said.
 */
export class DaemonSlot {
  readonly index: number;
  readonly link: FaultProxy;
  readonly logFile: string;
  readonly #options: SlotOptions;
  readonly #endWithUs = (): void => {
    this.#child?.kill("SIGKILL");
  };
  #child: ChildProcess | null = null;
  /** Its end was asked for, and says nothing about the daemon. */
  #isEnding = false;
  #isClosed = false;
  processes = 0;
  /** Of the log, when its process was started. */
  #bytesBefore = 0;

  private constructor(options: SlotOptions, link: FaultProxy) {
    this.#options = options;
    this.index = options.index;
    this.link = link;
    this.logFile = join(options.directory, `daemon-${options.index}.log`);
    process.on("exit", this.#endWithUs);
  }

  static async open(options: SlotOptions): Promise<DaemonSlot> {
    return new DaemonSlot(options, await FaultProxy.start(options.postgresPort));
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): void {
    if (this.#isClosed || this.#child !== null) {
      return;
    }
    const url = new URL(this.#options.databaseUrl());
    url.port = String(this.link.port);
    const output = openSync(this.logFile, "a");
    this.#bytesBefore = fstatSync(output).size;
    const child = spawn(process.execPath, PRELOADED.concat(this.#options.program, "run"), {
      env: {
        PATH: process.env.PATH,
        [BLOCK_VARIABLE]: String(BLOCK_MS),
        DATABASE_URL: url.href,
        POSTRIDER_EGRESS: "custom",
        POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8",
        POSTRIDER_MAX_IN_FLIGHT: String(MAX_IN_FLIGHT),
        POSTRIDER_SHUTDOWN_GRACE: `${SHUTDOWN_GRACE_MS}ms`,
        POSTRIDER_LOG_LEVEL: this.#options.logLevel,
      },
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    this.#child = child;
    this.#isEnding = false;
    this.processes += 1;
    child.once("exit", (code, signal) => void this.#ended(child, code, signal));
  }

  /** Ends it with no chance to do anything about it. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL", STOP_MS_MAX);
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** For BLOCK_MS. A process that is only just coming up would be ended by the signal instead. */
  block(): void {
    if (this.#heedsSignals) {
      this.#child?.kill("SIGUSR2");
    }
  }

  /** It does before it says its first word. */
  get #heedsSignals(): boolean {
    return statSync(this.logFile).size > this.#bytesBefore;
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** A clean stop; resolves with the exit status, or null if there was no process. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child === null) {
      return null;
    }
    const heedsSignals = this.#heedsSignals;
    if (!(await this.#end("SIGTERM", STOP_MS_MAX))) {
      this.#options.onViolation(
        `daemon ${this.index} (pid ${child.pid}) did not end within ${STOP_MS_MAX} ms of SIGTERM`,
      );
      await this.kill();
      return null;
    }
    const status = child.exitCode;
    if (child.signalCode === "SIGTERM" && !heedsSignals) {
      // Asked before it had come so far as to listen for it.
      return null;
    }
    // 1: it could not record everything or could not start. Its last line shows whether that is allowed.
    if (status !== 0 && !(status === 1 && /PR0012|PR0003/.test(this.lastLines(3)))) {
      this.#options.onViolation(
        `daemon ${this.index} (pid ${child.pid}) ended with ${child.signalCode ?? status} after SIGTERM: ${this.lastLines(3)}`,
      );
    }
    return status;
  }

  /** When, in Unix time, any of its processes has logged this, of an endpoint if one is given. */
  timesOf(event: string, endpointId = ""): number[] {
    return readFileSync(this.logFile, "utf8")
      .split("\n")
      .filter((line) => line.includes(`"event":"${event}"`) && line.includes(endpointId))
      .map((line) => Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? ""));
  }

  lastLines(count: number): string {
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-count).join(" | ");
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.kill();
    process.off("exit", this.#endWithUs);
    await this.link.close();
  }

  async #end(signal: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
    const child = this.#child;
    if (child === null) {
      return true;
    }
    this.#isEnding = true;
    const exited = once(child, "exit");
    child.kill(signal);
    return endsWithin(exited, timeoutMs);
  }

  async #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    if (this.#child !== child) {
      return;
    }
    this.#child = null;
    if (this.#isEnding || this.#isClosed) {
      return;
    }
    // A start that Postgres does not answer for a minute gives up, as documented; anything else is a fault of ours.
    const said = this.lastLines(3);
    if (!/PR0003/.test(said)) {
      this.#options.onViolation(
        `daemon ${this.index} (pid ${child.pid}) ended by itself with ${signal ?? code}: ${said}`,
      );
    }
    await pause(RESTART_AFTER_MS);
    this.start();
  }
}
