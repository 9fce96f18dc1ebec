import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What the processes of a benchmark say to each other. */
export interface Message {
  readonly kind: string;
  readonly value: number;
  /** When it was sent, by `nowMs`. */
  readonly atMs: number;
}

/** One clock for all processes of the machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const STOP_MS_MAX = 30_000;

/** A process of the benchmark's own, running one of the scripts beside this file. It ends when this process does. */
export class Child {
  readonly pid: number;
  readonly #script: string;
  readonly #process: ChildProcess;
  #received: Message[] = [];
  readonly #exited: Promise<unknown>;
  #ended: string | null = null;
  #onChange = Promise.withResolvers<void>();

  private constructor(script: string, child: ChildProcess, pid: number) {
    this.#script = script;
    this.#process = child;
    this.pid = pid;
    child.on("message", (message) => {
      this.#received.push(decodeMessage(message));
      this.#changed();
    });
    this.#exited = once(child, "exit").then(([code, signal]) => {
      this.#ended = `${script} ended with ${signal ?? `status ${code}`}`;
      this.#changed();
    });
  }

  /**
   * Node strips the types itself here, without a loader: what is measured is the code as it stands, and a profile shows
   * its lines.
   */
  static start(script: string, args: readonly string[], nodeOptions: readonly string[] = []): Child {
    const child = fork(join(import.meta.dirname, script), args, {
      execArgv: ["--disable-warning=ExperimentalWarning", ...nodeOptions],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    if (child.pid === undefined) {
      throw new Error(`cannot start ${script}`);
    }
    return new Child(script, child, child.pid);
  }

  send(kind: string, value = 0): void {
    this.#process.send({ kind, value, atMs: nowMs() } satisfies Message, () => {
      // A process that is gone is noticed where something is expected of it.
    });
  }

  /** Takes the first message of that kind, and value if one is given; rejects when the process ends or time runs out. */
  async receive(kind: string, timeoutMs: number, value?: number): Promise<Message> {
    const late = AbortSignal.timeout(timeoutMs);
    const passed = once(late, "abort").then(() => {});
    for (;;) {
      const index = this.#received.findIndex((each) => each.kind === kind && (value ?? each.value) === each.value);
      const [message] = index === -1 ? [] : this.#received.splice(index, 1);
      if (message !== undefined) {
        return message;
      }
      if (this.#ended !== null) {
        throw new Error(`${this.#ended} before it said "${kind}"`);
      }
      if (late.aborted) {
        throw new Error(`${this.#script} did not say "${kind}" within ${timeoutMs} ms`);
      }
      await Promise.race([this.#onChange.promise, passed]);
    }
  }

  discard(kind: string): void {
    this.#received = this.#received.filter((each) => each.kind !== kind);
  }

  /** Asks it to end, and kills it if it does not. Idempotent. */
  async stop(): Promise<void> {
    if (this.#ended === null) {
      this.send("stop");
      const killer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MS_MAX);
      await this.#exited;
      clearTimeout(killer);
    }
  }

  /** Ends it with no chance to do anything about it. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  #changed(): void {
    const { resolve } = this.#onChange;
    this.#onChange = Promise.withResolvers<void>();
    resolve();
  }
}

/** For the script: calls back for each message from the benchmark; "stop" and the benchmark's end are the same. */
export function onMessage(handle: (message: Message) => void): void {
  process.on("message", (message) => handle(decodeMessage(message)));
  process.on("disconnect", () => handle({ kind: "stop", value: 0, atMs: nowMs() }));
}

export function tell(kind: string, value = 0): void {
  if (process.connected) {
    process.send?.({ kind, value, atMs: nowMs() } satisfies Message);
  }
}

function decodeMessage(message: unknown): Message {
  if (
    typeof message === "object" &&
    message !== null &&
    "kind" in message &&
    typeof message.kind === "string" &&
    "value" in message &&
    typeof message.value === "number" &&
    "atMs" in message &&
    typeof message.atMs === "number"
  ) {
    return { kind: message.kind, value: message.value, atMs: message.atMs };
  }
  throw new Error(`a process of the benchmark said ${JSON.stringify(message)}`);
}
