/** Daemons for tests: in this process, with their events kept, or as a process of their own that can be killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Config } from "../../src/config/read.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { type Events, makeEvents } from "../../src/telemetry/bus.ts";
import type { Emitted, EventFields, EventName } from "../../src/telemetry/events.ts";
import { BLOCK_VARIABLE } from "./blockVariable.ts";
import { LOOPBACK_ALLOWED } from "./egress.ts";

/** The settings of `postrider run`, except that the loopback is allowed. */
export function daemonConfig(databaseUrl: string, changes: Partial<Config> = {}): Config {
  return {
    databaseUrl,
    databaseUrlFile: null,
    listenUrl: null,
    listenUrlFile: null,
    preparedStatements: true,
    processes: 1,
    maxInFlight: 256,
    pollIntervalMs: 1_000,
    shutdownGraceMs: 20_000,
    retentionMs: null,
    egress: LOOPBACK_ALLOWED,
    egressProxy: null,
    caCertificates: [],
    source: "postrider",
    encryptionKeys: [],
    httpListen: null,
    publicUrl: null,
    apiDatabaseUrl: null,
    apiDatabaseUrlFile: null,
    apiListen: null,
    apiHosts: [],
    trustedUsers: null,
    portalListen: null,
    portalHosts: [],
    portalOrigins: [],
    metricsEndpoints: 0,
    logLevel: "info",
    traces: null,
    warnings: [],
    ...changes,
  };
}

/** A stream of events that keeps what was emitted. */
export class KeptEvents implements Events {
  readonly kept: Emitted[] = [];
  readonly #bus = makeEvents();
  readonly emit = this.#bus.emit;
  readonly subscribe = this.#bus.subscribe;
  readonly wantsSuccesses = true;

  constructor() {
    this.subscribe((event) => this.kept.push(event));
  }

  /** The fields of each event of this name, in the order in which they were emitted. */
  named<Name extends EventName>(name: Name): readonly EventFields<Name>[] {
    return this.kept.flatMap((event) => (event.name === name ? [event.fields as EventFields<Name>] : []));
  }
}

export interface RunningDaemon {
  readonly daemon: Daemon;
  readonly emitted: KeptEvents;
}

/** Starts one in this process; the caller stops it. */
export async function startDaemon(databaseUrl: string, changes: Partial<Config> = {}): Promise<RunningDaemon> {
  const emitted = new KeptEvents();
  const daemon = new Daemon(daemonConfig(databaseUrl, changes), emitted);
  await daemon.start();
  return { daemon, emitted };
}

/** What daemonProcess.ts reads from its one argument. */
export interface DaemonProcessOptions {
  readonly databaseUrl: string;
  /** How long SIGUSR2 blocks its event loop; 0, the default: not at all. */
  readonly blockMs?: number;
  readonly changes?: Partial<Config>;
}

export class DaemonProcess {
  readonly #child: ChildProcess;
  /** The daemon's id in `postrider.daemon`. */
  readonly daemonId: string;

  private constructor(child: ChildProcess, daemonId: string) {
    this.#child = child;
    this.daemonId = daemonId;
  }

  /** Resolves when the daemon runs. */
  static async start(options: DaemonProcessOptions): Promise<DaemonProcess> {
    const script = fileURLToPath(new URL("./daemonProcess.ts", import.meta.url));
    const { blockMs = 0 } = options;
    const blocking = blockMs === 0 ? [] : [`--import=${fileURLToPath(new URL("./blockOnSignal.ts", import.meta.url))}`];
    const child = spawn(process.execPath, [...blocking, script, JSON.stringify(options)], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, [BLOCK_VARIABLE]: String(blockMs) },
    });
    if (child.stdout === null) {
      throw new Error("the process has no stdout");
    }
    for await (const line of createInterface({ input: child.stdout })) {
      const started = /^started (\S+)$/.exec(line)?.[1];
      if (started !== undefined) {
        child.stdout.resume();
        return new DaemonProcess(child, started);
      }
    }
    throw new Error("the daemon's process ended before it had started");
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Kills it without warning; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** A clean stop; resolves with the exit code, or null if a signal ended the process. */
  async stop(): Promise<number | null> {
    return await this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.kill(signal);
      await exited;
    }
    return this.#child.exitCode;
  }
}
