import type { Config } from "../config/read.ts";
import { type ConnectionConfig, connectionConfig, openConnection } from "../db/connect.ts";
import { Database } from "../db/database.ts";
import { copyFault } from "../db/pgErrors.ts";
import { assertSchemaUsable } from "../db/schemaState.ts";
import { Sockets } from "../db/sockets.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, type PostriderError } from "../ground/errors.ts";
import type { Repeat } from "../ground/repeat.ts";
import { VERSION } from "../ground/version.ts";
import { Sender } from "../http/send.ts";
import type { Events } from "../telemetry/bus.ts";
import { Conditions } from "../telemetry/conditions.ts";
import { Agenda } from "./agenda.ts";
import { ClaimLock } from "./claim/claimLock.ts";
import { Filters } from "./claim/filters.ts";
import { NewEvents } from "./claim/newEvents.ts";
import { payloadsFrom } from "./deliver/attempt.ts";
import { BUDGET_BYTES, Budget } from "./deliver/budget.ts";
import { EndpointDirectory } from "./deliver/endpoints.ts";
import { InHand } from "./deliver/inHand.ts";
import { Lanes } from "./deliver/lanes.ts";
import { Loop } from "./loop.ts";
import { deliveriesInHandMax, memoryBoundBytes } from "./memory.ts";
import { Recorder } from "./record/recorder.ts";
import { makeEndpointWatch } from "./upkeep/endpointWatch.ts";
import { Heartbeat } from "./upkeep/heartbeat.ts";
import { makePartitionKeeper } from "./upkeep/partitions.ts";
import { makeReplayKeeper } from "./upkeep/replays.ts";
import { makeSchemaWatch, SCHEMA_LOOK_INTERVAL_MS } from "./upkeep/schemaWatch.ts";
import { WakeSession } from "./wake/session.ts";

/** New events are claimed one page after the other, with a deadline of their own. */
const CLAIM_CONNECTIONS = 1;
/** A walk over the queue, a flush, and payloads that are loaded one by one. */
const PIPELINE_CONNECTIONS = 4;
/** Apart, so that a heartbeat never waits behind the pipeline; the other is for replays. */
const BESIDE_CONNECTIONS = 2;
/** Partitions are seen to one step after the other, each of which may take its time. */
const MAINTAIN_CONNECTIONS = 1;
/** Requests of one endpoint at a time; beyond some fifty a process gains nothing by more connections. */
const LANE_MAX = 64;

/** How long a daemon that is asked to stop before it has started goes on waiting for Postgres. */
const START_GRACE_MS = 1_000;
const MIB = 1_048_576;
/** How long a stopping daemon tries to record, beyond its grace period. */
const RECORD_GRACE_MS = 5_000;

/** The composition root: makes the parts, starts them in order and stops them in the reverse order. Runs once. */
export class Daemon {
  readonly #config: Config;
  readonly #events: Events;
  readonly #sockets = new Sockets();
  readonly #connection: ConnectionConfig;
  readonly #pool: Database;
  readonly #claimPool: Database;
  readonly #besidePool: Database;
  readonly #maintainPool: Database;
  readonly #sender: Sender;
  readonly #heartbeat: Heartbeat;
  readonly #partitions: Repeat;
  readonly #replays: Repeat;
  readonly #schemaWatch: Repeat;
  readonly #endpointWatch: Repeat;
  readonly #unusable = Promise.withResolvers<{
    readonly event: "schema.unusable" | "database.copied";
    readonly fault: PostriderError;
  }>();
  /**
   * Resolves when the schema was migrated to one that this program must not use, or the connection leads to a database
   * that was restored or copied: nothing is sent any more, and the daemon must be stopped.
   */
  readonly unusable: Promise<PostriderError>;
  readonly #recorder: Recorder;
  readonly #wake: WakeSession;
  readonly #inHand: InHand;
  readonly #loop: Loop;
  #stopping: Promise<boolean> | null = null;

  constructor(config: Config, events: Events) {
    this.#config = config;
    this.#events = events;
    const conditions = new Conditions(events);
    const connection = this.#sockets.through(
      connectionConfig({ databaseUrl: config.databaseUrl, applicationName: "postrider" }),
    );
    this.#connection = connection;
    const session = {
      config: connection,
      purpose: "pipeline",
      preparedStatements: config.preparedStatements,
      // A listener with a URL of its own means that a transaction pooler stands before the rest.
      ownSession: config.listenUrl === null,
    } as const;
    this.#pool = new Database({ ...session, max: PIPELINE_CONNECTIONS });
    this.#claimPool = new Database({ ...session, purpose: "claim", max: CLAIM_CONNECTIONS });
    this.#besidePool = new Database({ ...session, max: BESIDE_CONNECTIONS });
    this.#maintainPool = new Database({ ...session, purpose: "maintain", max: MAINTAIN_CONNECTIONS });
    this.#sender = new Sender({ policy: config.egress, connectionsPerOrigin: config.maxInFlight });
    const agenda = new Agenda();
    const inHandMax = deliveriesInHandMax(config.maxInFlight);
    const lanes = new Lanes({ inFlightMax: config.maxInFlight, laneMax: LANE_MAX, inHandMax });
    const onCopied = (fault: PostriderError) => this.#unusable.resolve({ event: "database.copied", fault });
    this.#heartbeat = new Heartbeat({
      database: this.#besidePool,
      load: () => ({ inFlight: lanes.inFlight, waiting: lanes.waiting }),
      conditions,
      onCopied,
    });
    this.#recorder = new Recorder({
      pool: this.#pool,
      events,
      conditions,
      onRecorded: (results) => agenda.recorded(results),
    });
    this.#replays = makeReplayKeeper({
      database: this.#besidePool,
      events,
      conditions,
      pollIntervalMs: config.pollIntervalMs,
      onQueued: () => agenda.queued(),
    });
    this.#wake = new WakeSession({
      config:
        config.listenUrl === null
          ? connection
          : this.#sockets.through(connectionConfig({ databaseUrl: config.listenUrl, applicationName: "postrider" })),
      events,
      conditions,
      onWake: () => {
        agenda.notified();
        this.#replays.soon();
      },
    });
    this.#partitions = makePartitionKeeper({
      database: this.#maintainPool,
      events,
      conditions,
      retentionMs: config.retentionMs,
    });
    this.#schemaWatch = makeSchemaWatch({
      database: this.#maintainPool,
      onUnusable: (fault) => this.#unusable.resolve({ event: "schema.unusable", fault }),
    });
    this.#endpointWatch = makeEndpointWatch({ database: this.#besidePool, events });
    const endpoints = new EndpointDirectory(this.#pool);
    this.#inHand = new InHand({
      lease: this.#heartbeat,
      endpoints,
      lanes,
      budget: new Budget(BUDGET_BYTES, (endpointId) => lanes.standingOf(endpointId)),
      loadPayload: payloadsFrom(this.#pool),
      send: (request) => this.#sender.send(request),
      events,
      agenda,
      record: (result) => this.#recorder.add(result),
    });
    const claiming = { pool: this.#pool, events, conditions };
    this.#loop = new Loop({
      ...claiming,
      agenda,
      lease: this.#heartbeat,
      wake: this.#wake,
      newEvents: new NewEvents({ pool: this.#pool, claimPool: this.#claimPool, filters: new Filters(claiming) }),
      claimLock: new ClaimLock(claiming),
      endpoints,
      inHand: this.#inHand,
      inHandMax,
      recorder: this.#recorder,
      pollIntervalMs: config.pollIntervalMs,
      onCopied,
    });
    this.unusable = this.#unusable.promise.then(({ event, fault }) => {
      events.emit(event, { error: messageOf(fault) });
      this.#inHand.halt();
      return fault;
    });
  }

  get id(): string {
    return this.#heartbeat.daemonId;
  }

  /**
   * Rejects where the database cannot be reached or its schema cannot be used; nothing is left open then. `stopping`: a
   * start that waits for a server that does not answer is given up soon after it.
   */
  async start(stopping: AbortSignal = new AbortController().signal): Promise<void> {
    let cutting: NodeJS.Timeout | undefined;
    const giveUpSoon = () => {
      cutting = setTimeout(() => this.#sockets.cut(), START_GRACE_MS);
    };
    stopping.addEventListener("abort", giveUpSoon);
    try {
      await this.#start();
    } finally {
      stopping.removeEventListener("abort", giveUpSoon);
      clearTimeout(cutting);
    }
    this.#loop.start();
    this.#replays.start();
    this.#schemaWatch.start(SCHEMA_LOOK_INTERVAL_MS);
    this.#endpointWatch.start();
    const { maxInFlight } = this.#config;
    const memoryMib = Math.ceil(memoryBoundBytes(maxInFlight) / MIB);
    this.#events.emit("daemon.started", { id: this.id, max_in_flight: maxInFlight, memory_mib_max: memoryMib });
  }

  async #start(): Promise<void> {
    try {
      const client = await openConnection({ config: this.#connection, purpose: "control" });
      try {
        await assertSchemaUsable(client);
      } finally {
        await client.end();
      }
      await this.#heartbeat.start();
      this.#partitions.start();
      await this.#wake.start();
    } catch (thrown) {
      // What would be waited for from here on is a server that has not answered before.
      const cutting = setTimeout(() => this.#sockets.cut(), START_GRACE_MS);
      await this.#wake.stop();
      await this.#partitions.stop();
      await this.#heartbeat.stop().catch(() => {
        // The first error is the one to tell.
      });
      await this.#sender.close();
      await this.#endPools();
      clearTimeout(cutting);
      this.#sockets.cut();
      this.#stopping = Promise.resolve(true);
      const fault = copyFault(thrown);
      if (fault !== null) {
        this.#unusable.resolve({ event: "database.copied", fault });
      }
      throw fault ?? thrown;
    }
  }

  async #endPools(): Promise<void> {
    const pools = [this.#claimPool, this.#pool, this.#besidePool, this.#maintainPool];
    await Promise.all(pools.map((pool) => pool.end()));
  }

  /**
   * Claims no more, finishes or hands back what is in flight within the grace period, records, and lets go of everything.
   * False where something could not be recorded: another daemon does it again after this one's lease.
   */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<boolean> {
    const startedMs = monotonicMs();
    this.#events.emit("daemon.stopping", { id: this.id, grace_ms: this.#config.shutdownGraceMs });
    let isRecorded = false;
    // What is still waited for by then waits for a server that does not answer.
    const endMs = startedMs + this.#config.shutdownGraceMs + RECORD_GRACE_MS;
    const cutting = setTimeout(() => this.#sockets.cut(), endMs - startedMs);
    try {
      // At once: the turn of the loop that is under way may take its time.
      this.#inHand.halt();
      const partitionsStopped = this.#partitions.stop();
      await Promise.all([
        this.#loop.stop(),
        this.#replays.stop(),
        this.#schemaWatch.stop(),
        this.#endpointWatch.stop(),
      ]);
      await this.#inHand.stop(this.#config.shutdownGraceMs);
      await this.#wake.stop();
      // Handed back already, if anything is left: another daemon makes those attempts.
      await this.#sender.abort();
      isRecorded = await this.#recorder.close(this.id, Math.max(0, endMs - monotonicMs())).catch((thrown: unknown) => {
        this.#events.emit("claims.kept", { error: messageOf(thrown) });
        return false;
      });
      await this.#heartbeat.stop().catch((thrown: unknown) => {
        this.#events.emit("daemon.leave_failed", { error: messageOf(thrown) });
      });
      // Last: its step may be reading a table, and nothing else waits for that.
      await partitionsStopped;
      await this.#endPools();
    } finally {
      clearTimeout(cutting);
      this.#sockets.cut();
    }
    const tookMs = Math.round(monotonicMs() - startedMs);
    this.#events.emit("daemon.stopped", { version: VERSION, took_ms: tookMs, everything_recorded: isRecorded });
    return isRecorded;
  }
}
