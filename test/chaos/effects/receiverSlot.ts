import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { FaultProxy } from "../proxy.ts";
import type { ReceiverProcessOptions } from "./receivers.ts";

const PROGRAM = join(import.meta.dirname, "receiverProcess.ts");
const END_WITH_PARENT = join(import.meta.dirname, "../endWithParent.ts");

export interface ReceiverSlotOptions extends ReceiverProcessOptions {
  readonly index: number;
  readonly postgresPort: () => number;
  readonly directory: string;
  readonly onViolation: (violation: string) => void;
}

/** A place for one receiver: its process, which is replaced when it is killed, and its own proxy to its Postgres. */
export class ReceiverSlot {
  readonly link: FaultProxy;
  readonly logFile: string;
  readonly #options: ReceiverSlotOptions;
  #child: ChildProcess | null = null;
  /** Null until it listens. */
  port: number | null = null;
  processes = 0;

  private constructor(options: ReceiverSlotOptions, link: FaultProxy) {
    this.#options = options;
    this.link = link;
    this.logFile = join(options.directory, `receiver-${options.index}.log`);
  }

  static async open(options: ReceiverSlotOptions): Promise<ReceiverSlot> {
    return new ReceiverSlot(options, await FaultProxy.start(options.postgresPort));
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    if (this.#child !== null) {
      return;
    }
    const { databaseUrl, secrets } = this.#options;
    const url = new URL(databaseUrl);
    url.port = String(this.link.port);
    const options: ReceiverProcessOptions = { databaseUrl: url.href, secrets };
    const log = openSync(this.logFile, "a");
    const child = spawn(process.execPath, [`--import=${END_WITH_PARENT}`, PROGRAM, JSON.stringify(options)], {
      stdio: ["ignore", "pipe", log],
    });
    closeSync(log);
    this.#child = child;
    this.processes += 1;
    child.once("exit", (code, signal) => this.#ended(code, signal));
    this.port = await portOf(child);
  }

  /** With no chance to do anything about it. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child !== null) {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async close(): Promise<void> {
    await this.kill();
    await this.link.close();
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = null;
    this.port = null;
    if (signal !== "SIGKILL") {
      this.#options.onViolation(`receiver ${this.#options.index} ended by itself with ${signal ?? code}`);
    }
  }
}

/** Null if it ends before it listens. */
async function portOf(child: ChildProcess): Promise<number | null> {
  if (child.stdout === null) {
    return null;
  }
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([once(lines, "line"), once(child, "exit")]);
  const [, port] = /^listening (\d+)$/.exec(String(line)) ?? [];
  return port === undefined ? null : Number(port);
}
