import { randomUUID } from "node:crypto";
import type { Config } from "../config/read.ts";
import { nameServer, openConnection, type ServerName } from "../db/connect.ts";
import { copyFault } from "../db/pgErrors.ts";
import { hasLentSessions } from "../db/pooler.ts";
import { assertSchemaUsable } from "../db/schemaState.ts";
import { Sockets } from "../db/sockets.ts";
import { monotonicMs } from "../ground/clock.ts";
import { endsWithin } from "../ground/endsWithin.ts";
import { messageOf, type PostriderError } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import { hostAndPort } from "../http/egress/dialFailure.ts";
import type { Readiness } from "../listen/vitals.ts";
import type { Events } from "../telemetry/bus.ts";
import type { ConditionName, Conditions } from "../telemetry/conditions.ts";
import type { Samples } from "../telemetry/metrics.ts";
import { originOf } from "../telemetry/redact.ts";
import type { Traces } from "../telemetry/traces/traces.ts";
import { memoryBoundBytes } from "./memory.ts";
import { daemonSamples } from "./metrics.ts";
import { CONNECTIONS_MAX, type Fatal, makeParts, type Parts } from "./parts.ts";
import { readinessIn } from "./readiness.ts";
import type { Measures } from "./upkeep/measures.ts";
import { SCHEMA_LOOK_INTERVAL_MS } from "./upkeep/schemaWatch.ts";

/** How long a daemon that is asked to stop before it has started waits for Postgres. */
const START_GRACE_MS = 1_000;
/** How long a stopping daemon tries to record, beyond its grace period. */
const RECORD_GRACE_MS = 5_000;
const MIB = 1_048_576;

/** What is known of a daemon only when it has connected. */
interface StartFacts extends ServerName {
  readonly prepared_statements: boolean;
}

/** Starts the parts in order, and stops them in the reverse order. Runs once. */
export class Daemon {
  /**
   * Resolves when the schema was migrated to one that this program must not use, or the connection leads to a database
   * that was restored or copied: nothing is sent any more, and the daemon must be stopped.
   */
  readonly unusable: Promise<PostriderError>;
  readonly #config: Config;
  readonly #events: Events;
  readonly #sockets = new Sockets();
  readonly #parts: Parts;
  readonly #onFatal: (event: Fatal, fault: PostriderError) => void;
  readonly #ofProcess: Pick<Conditions, "has"> | null;
  #stopping: Promise<boolean> | null = null;

  /**
   * `daemonId`: its first identity. Tries to start of one process have the same. `traces` is stopped by the caller.
   * `ofProcess`: what may last there beside the daemon's own conditions, such as that traces fail.
   */
  constructor(
    config: Config,
    events: Events,
    daemonId: string = randomUUID(),
    traces: Traces | null = null,
    ofProcess: Pick<Conditions, "has"> | null = null,
  ) {
    this.#config = config;
    this.#events = events;
    this.#ofProcess = ofProcess;
    const fatal = Promise.withResolvers<{ readonly event: Fatal; readonly fault: PostriderError }>();
    this.#onFatal = (event, fault) => fatal.resolve({ event, fault });
    this.#parts = makeParts({ config, events, sockets: this.#sockets, onFatal: this.#onFatal, daemonId, traces });
    this.unusable = fatal.promise.then(({ event, fault }) => {
      events.emit(event, { error: messageOf(fault) });
      this.#parts.inHand.halt();
      return fault;
    });
  }

  get id(): string {
    return this.#parts.heartbeat.daemonId;
  }

  /** What metrics tell of it, and what they tell of its database. */
  get samples(): Samples {
    const { maxInFlight } = this.#config;
    const limits = { maxInFlight, memoryBytesMax: memoryBytesMaxOf(this.#config) };
    return daemonSamples(this.#parts, limits, (name) => this.#lasts(name));
  }

  get measures(): Measures {
    return this.#parts.measures;
  }

  /** Whether it claims and records, once it has started. */
  get readiness(): Readiness {
    return readinessIn((name) => this.#lasts(name));
  }

  #lasts(name: ConditionName): boolean {
    return this.#parts.conditions.has(name) || this.#ofProcess?.has(name) === true;
  }

  /**
   * Rejects if the database cannot be reached or its schema cannot be used; nothing is left open then. After `stopping`,
   * a start that waits for a server that does not answer soon gives up.
   */
  async start(stopping: AbortSignal = new AbortController().signal): Promise<void> {
    let cutting: NodeJS.Timeout | undefined;
    const giveUpSoon = () => {
      cutting = setTimeout(() => this.#sockets.cut(), START_GRACE_MS);
    };
    stopping.addEventListener("abort", giveUpSoon);
    let facts: StartFacts;
    try {
      facts = await this.#connect();
    } catch (thrown) {
      throw await this.#giveUp(thrown);
    } finally {
      stopping.removeEventListener("abort", giveUpSoon);
      clearTimeout(cutting);
    }
    const { loop, replays, keys, handshakes, schemaWatch, endpointWatch, certificateWatch, minutes } = this.#parts;
    loop.start();
    replays.start();
    keys.start();
    handshakes.start();
    schemaWatch.start(SCHEMA_LOOK_INTERVAL_MS);
    endpointWatch.start();
    certificateWatch.start();
    minutes.start();
    this.#events.emit("daemon.started", { id: this.id, ...facts, ...factsOf(this.#config) });
  }

  /**
   * Claims nothing more, finishes or hands back what is in flight within the grace period, records, and closes everything.
   * False if something could not be recorded: another daemon does it again after this one's lease.
   */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #connect(): Promise<StartFacts> {
    const { connection, sessions, heartbeat, partitions, wake } = this.#parts;
    const isLent = this.#config.listenUrl !== null || (await hasLentSessions(connection));
    sessions.ownSession = !isLent;
    const client = await openConnection({ config: connection, purpose: "control", ownSession: !isLent });
    const server = await assertSchemaUsable(client)
      .then(() => nameServer(client))
      .finally(() => client.end());
    await heartbeat.start();
    const pooled = await this.#pooledSetting(isLent);
    if (pooled === null) {
      await wake.start();
    } else {
      this.#tellPooler(pooled);
    }
    // Only now, because with three connections there are no more than listener, gate and one for all the work.
    partitions.start();
    return { ...server, prepared_statements: this.#config.preparedStatements ?? !isLent };
  }

  /** The setting that leads through a transaction pooler although it should not; null if all is well. */
  async #pooledSetting(isLent: boolean): Promise<"DATABASE_URL" | "POSTRIDER_LISTEN_URL" | null> {
    if (this.#config.listenUrl === null) {
      return isLent ? "DATABASE_URL" : null;
    }
    // A server that cannot be reached there is no reason not to start: the daemon polls until it can.
    const isListenLent = await hasLentSessions(this.#parts.listenConnection).catch(() => false);
    return isListenLent ? "POSTRIDER_LISTEN_URL" : null;
  }

  #tellPooler(setting: string): void {
    const remedy =
      "set POSTRIDER_LISTEN_URL to a direct connection, and POSTRIDER_PREPARED_STATEMENTS=on if the pooler keeps prepared statements";
    const reason = `${setting} leads through a transaction pooler; ${remedy}`;
    this.#parts.conditions.begin("blind", "pooler.found", { setting, remedy }, reason);
  }

  /** Closes what a start that failed has opened; resolves with the error to tell. */
  async #giveUp(thrown: unknown): Promise<unknown> {
    const { heartbeat, partitions, wake, sender } = this.#parts;
    // From here on, only a server that has not answered before is waited for.
    const cutting = setTimeout(() => this.#sockets.cut(), START_GRACE_MS);
    await wake.stop();
    await partitions.stop();
    await heartbeat.stop().catch(() => {
      // The first error is the one to tell.
    });
    await sender.close();
    await this.#endDatabases();
    clearTimeout(cutting);
    this.#sockets.cut();
    this.#stopping = Promise.resolve(true);
    const fault = copyFault(thrown);
    if (fault !== null) {
      this.#onFatal("database.copied", fault);
    }
    return fault ?? thrown;
  }

  async #endDatabases(): Promise<void> {
    await this.#parts.sessions.end();
  }

  async #stop(): Promise<boolean> {
    const startedMs = monotonicMs();
    const { shutdownGraceMs } = this.#config;
    this.#events.emit("daemon.stopping", { id: this.id, grace_ms: shutdownGraceMs });
    // What is still waited for by then waits for a server that does not answer.
    const endMs = startedMs + shutdownGraceMs + RECORD_GRACE_MS;
    const cutting = setTimeout(() => this.#sockets.cut(), endMs - startedMs);
    let isRecorded = false;
    try {
      isRecorded = await this.#stopParts(endMs);
    } finally {
      clearTimeout(cutting);
      this.#sockets.cut();
    }
    const tookMs = Math.round(monotonicMs() - startedMs);
    this.#events.emit("daemon.stopped", { version: VERSION, took_ms: tookMs, everything_recorded: isRecorded });
    return isRecorded;
  }

  async #stopParts(endMs: number): Promise<boolean> {
    const {
      loop,
      inHand,
      partitions,
      replays,
      keys,
      handshakes,
      schemaWatch,
      endpointWatch,
      certificateWatch,
      wake,
      sender,
      heartbeat,
    } = this.#parts;
    const graceLeftMs = () => Math.max(0, endMs - RECORD_GRACE_MS - monotonicMs());
    // At once, because the loop's turn in progress may take its time.
    inHand.halt();
    this.#parts.measures.stop();
    const upkeepStopped = Promise.all([
      partitions.stop(),
      schemaWatch.stop(),
      endpointWatch.stop(),
      certificateWatch.stop(),
      keys.stop(),
      handshakes.stop(),
    ]);
    const claimingStopped = Promise.all([loop.stop(), replays.stop()]);
    await endsWithin(claimingStopped, graceLeftMs());
    await inHand.stop(graceLeftMs());
    const wakeStopped = wake.stop();
    // What is left was handed back: another daemon makes those attempts.
    await sender.abort();
    const isRecorded = await this.#closeRecorder(endMs);
    await this.#parts.minutes.stop();
    await heartbeat.stop().catch((thrown: unknown) => {
      this.#events.emit("daemon.leave_failed", { error: messageOf(thrown) });
    });
    // Only now: what waits for a server that does not answer must not keep this daemon's work from the others.
    await Promise.all([claimingStopped, wakeStopped]);
    // Last: a step of maintenance may be reading a table, the watches share its connection, and nothing else waits for it.
    await upkeepStopped;
    await this.#endDatabases();
    return isRecorded;
  }

  async #closeRecorder(endMs: number): Promise<boolean> {
    try {
      return await this.#parts.recorder.close(this.id, Math.max(0, endMs - monotonicMs()));
    } catch (thrown) {
      this.#events.emit("claims.kept", { error: messageOf(thrown) });
      return false;
    }
  }
}

function memoryBytesMaxOf({ maxInFlight, traces }: Config): number {
  return memoryBoundBytes(maxInFlight, traces?.queue.spansMax ?? null);
}

function factsOf(config: Config) {
  return {
    connections_max: CONNECTIONS_MAX,
    memory_mib_max: Math.ceil(memoryBytesMaxOf(config) / MIB),
    max_in_flight: config.maxInFlight,
    poll_interval_ms: config.pollIntervalMs,
    shutdown_grace_ms: config.shutdownGraceMs,
    retention_ms: config.retentionMs,
    egress: config.egress.profile,
    egress_proxy: config.egressProxy === null ? null : hostAndPort(config.egressProxy.origin),
    traces: config.traces === null ? null : originOf(config.traces.url),
    source: config.source,
    log_level: config.logLevel,
    listen_url: config.listenUrl !== null,
  };
}
