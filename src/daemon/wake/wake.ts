import { type Connection, type ConnectionConfig, openConnection } from "../../db/connect.ts";
import { Listener, type ListenerTiming } from "../../db/listen.ts";
import { StandbyError } from "../../db/pgErrors.ts";
import { defineStatement } from "../../db/statements.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/**
 * When inserts notify, and when this daemon may sleep. The other half is the trigger in sql/functions/publish/wake_daemons.sql.
 *
 * Two advisory locks, held by a connection that is kept for them (session-level: they go when the connection does).
 * The gate, exclusive: inserts notify while it is held. Awake, shared: the daemons that take what comes.
 *
 *   awake     holds awake. Inserts do not notify; this daemon finds what they insert.
 *   sleeping  holds the gate. Inserts notify.
 *   napping   holds nothing: another daemon is awake or sleeps. It looks by itself once in a poll interval.
 *   blind     the connection or the listener is in doubt and being rebuilt. It polls.
 *
 * Nothing is lost in between: a transaction that looked while the gate was open keeps it open until it has ended (its
 * shared lock), so the gate is granted only when everything that went without a notification is visible; the daemon
 * looks once more after that, and then sleeps.
 */
export type WakeState = "awake" | "sleeping" | "napping" | "blind";

export interface WakerOptions {
  readonly config: ConnectionConfig;
  readonly events: Events;
  readonly conditions: Conditions;
  /** Something may be there: a notification, or the state changed without being asked to. */
  readonly onWake: () => void;
  /** What differs from the listener's own. */
  readonly listenerTiming?: Partial<ListenerTiming>;
}

const CHANNEL = "postrider";
/** The server ends the session that holds the gate when it has not been heard of for so long: a frozen daemon, a dead link. */
const IDLE_SESSION_TIMEOUT_MS = 5_000;
const PING_INTERVAL_MS = 1_500;
const REBUILD_MS = 500;
const WAKE_PEERS_GAP_MS = 250;

/** By then the server has ended a session that was lost, and its process id may be somebody else's. */
const FORMER_SESSION_MS = 2 * IDLE_SESSION_TIMEOUT_MS;

const fallAsleepStatement = defineStatement("fall_asleep", {
  params: { formerPids: "integer[]" },
  columns: { outcome: ["napping", "sleeping", "drowsy", null] },
});
const wakePeersStatement = defineStatement("wake_peers", { params: {}, columns: { pg_notify: "void" } });
const stepAsideStatement = defineStatement("step_aside", {
  params: { heldGate: "boolean" },
  columns: { given_up: "boolean" },
});
const stayAwakeStatement = defineStatement("stay_awake", {
  params: { heldGate: "boolean" },
  columns: { gate_opened: "boolean?", awake: "boolean", pid: "integer" },
});

export class Waker {
  readonly #options: WakerOptions;
  readonly #listener: Listener;
  #client: Connection | null = null;
  /** Of the connection, at the server. */
  #pid = 0;
  /** Sessions that were lost may hold their locks for a while, and are not to be taken for another daemon's. */
  #formerSessions: readonly { readonly pid: number; readonly lostAtMs: number }[] = [];
  #state: WakeState = "blind";
  #peersWokenMs = Number.NEGATIVE_INFINITY;
  /** The end of the line of statements on the connection; node-postgres is to be given one at a time. */
  #line: Promise<unknown> = Promise.resolve();
  #pingTimer: NodeJS.Timeout | null = null;
  #rebuildTimer: NodeJS.Timeout | null = null;
  #rebuilding: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: WakerOptions) {
    this.#options = options;
    this.#listener = new Listener({
      config: options.config,
      channel: CHANNEL,
      onNotification: options.onWake,
      onListening: () => {
        options.events.emit("listener.connected", {});
        return this.#connectGate();
      },
      onLost: (error) => {
        options.conditions.begin("blind", "listener.lost", { error }, `the listener was lost: ${error}`);
        this.#lose(this.#client, "the listener was lost");
      },
      ...(options.listenerTiming === undefined ? {} : { timing: options.listenerTiming }),
    });
  }

  get state(): WakeState {
    return this.#state;
  }

  /** Resolves after the first attempt to connect: without a connection the daemon polls, and works. */
  async start(): Promise<void> {
    await this.#listener.start();
    this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#pingTimer ?? undefined);
    clearTimeout(this.#rebuildTimer ?? undefined);
    await Promise.all([this.#listener.stop(), this.#rebuilding, this.#line]);
    const client = this.#client;
    this.#client = null;
    await endQuietly(client);
  }

  /**
   * To be called when a claim has just found nothing. `drowsy`: a transaction is open that will not notify; look again
   * soon. After `sleeping` look once more, and then wait for `onWake`.
   */
  async fallAsleep(): Promise<"sleeping" | "napping" | "drowsy" | "blind"> {
    if (this.#state !== "awake") {
      return this.#state;
    }
    const rows = await this.#run((client) => client.run(fallAsleepStatement, { formerPids: this.#formerPids() }));
    const outcome = rows?.rows[0]?.outcome ?? null;
    if (outcome === null) {
      return "blind";
    }
    if (outcome !== "drowsy") {
      this.#state = outcome;
    }
    return outcome;
  }

  /** To be called before looking for work. Does not wait: the gate opens while the daemon looks already. */
  stayAwake(): void {
    if (this.#state !== "sleeping" && this.#state !== "napping") {
      return;
    }
    const heldGate = this.#state === "sleeping";
    this.#state = "awake";
    void this.#run((client) => client.run(stayAwakeStatement, { heldGate }));
  }

  /** To be called where looking for work fails: no insert is to notify this daemon, and others must not rely on it. */
  stepAside(): void {
    if (this.#state !== "sleeping" && this.#state !== "awake") {
      return;
    }
    const heldGate = this.#state === "sleeping";
    this.#state = "napping";
    void this.#run((client) => client.run(stepAsideStatement, { heldGate }));
  }

  /** For the daemons that nap while this one is awake and has more than it can carry. */
  async wakePeers(): Promise<void> {
    const nowMs = monotonicMs();
    if (nowMs < this.#peersWokenMs + WAKE_PEERS_GAP_MS) {
      return;
    }
    this.#peersWokenMs = nowMs;
    await this.#run((client) => client.run(wakePeersStatement, {}));
  }

  /** Only with a listener: a gate that makes inserts notify is of no use to one who does not hear it. */
  async #connectGate(): Promise<void> {
    if (this.#client !== null || this.#isStopped || !this.#listener.isListening) {
      return;
    }
    let client: Connection | null = null;
    let pid = 0;
    try {
      client = await openConnection({ config: this.#options.config, purpose: "wake" });
      await client.query(`set idle_session_timeout = ${IDLE_SESSION_TIMEOUT_MS}`);
      const { rows } = await client.run(stayAwakeStatement, { heldGate: false });
      pid = rows[0]?.pid ?? 0;
    } catch (thrown) {
      this.#noteLoss(messageOf(thrown));
      await endQuietly(client);
      if (thrown instanceof StandbyError) {
        // The name may lead elsewhere soon, and the listener would stay; it comes back here when it has connected.
        this.#listener.renew(messageOf(thrown));
      } else {
        this.#rebuildLater();
      }
      return;
    }
    if (this.#isStopped || this.#client !== null || !this.#listener.isListening) {
      await endQuietly(client);
      return;
    }
    const connected = client;
    connected.onEnd(() => this.#lose(connected, "the connection ended"));
    this.#client = connected;
    this.#pid = pid;
    this.#state = "awake";
    this.#options.conditions.end("blind", {});
    this.#options.onWake();
  }

  #noteLoss(error: string): void {
    this.#options.conditions.begin("blind", "gate.lost", { error }, error);
  }

  #rebuildLater(): void {
    if (!this.#isStopped) {
      clearTimeout(this.#rebuildTimer ?? undefined);
      this.#rebuildTimer = setTimeout(
        () => {
          this.#rebuilding = this.#connectGate();
        },
        REBUILD_MS * (0.5 + Math.random()),
      );
    }
  }

  /** Also looks whether the server still takes writes: one that was demoted keeps its connections, and notifies of nothing. */
  #ping(): void {
    void this.#run(async (client) => {
      const { rows } = await client.query<{ read_only: string }>(
        "select pg_catalog.current_setting('transaction_read_only') as read_only",
      );
      if (rows[0]?.read_only === "on") {
        const error = "the server takes no writes any more";
        this.#lose(client, error);
        this.#listener.renew(error);
      }
    });
  }

  /** Runs one statement when those before it are done; null where there is no connection, or it was lost. */
  async #run<Result>(work: (client: Connection) => Promise<Result>): Promise<Result | null> {
    const turn = this.#line.then(async () => {
      const client = this.#client;
      if (client === null) {
        return null;
      }
      try {
        return await work(client);
      } catch (thrown) {
        this.#lose(client, messageOf(thrown));
        return null;
      }
    });
    this.#line = turn;
    return turn;
  }

  #formerPids(): readonly number[] {
    const sinceMs = monotonicMs() - FORMER_SESSION_MS;
    this.#formerSessions = this.#formerSessions.filter(({ lostAtMs }) => lostAtMs > sinceMs);
    return this.#formerSessions.map(({ pid }) => pid);
  }

  #lose(client: Connection | null, error: string): void {
    if (client === null || this.#client !== client || this.#isStopped) {
      return;
    }
    this.#client = null;
    this.#formerSessions = [...this.#formerSessions, { pid: this.#pid, lostAtMs: monotonicMs() }];
    this.#state = "blind";
    this.#noteLoss(error);
    void endQuietly(client);
    this.#rebuildLater();
    this.#options.onWake();
  }
}

async function endQuietly(client: Connection | null): Promise<void> {
  try {
    await client?.end();
  } catch {
    // It is lost already; its locks go with the session, at the latest when that times out.
  }
}
