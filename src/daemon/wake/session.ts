import type { ConnectionConfig } from "../../db/connect.ts";
import { type Backoff, makeBackoff } from "../../ground/backoff.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import { Signal } from "../../ground/signal.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";
import { Gate, IDLE_SESSION_TIMEOUT_MS } from "./gate.ts";
import { Listener } from "./listener.ts";

/**
 * When inserts notify, and when this daemon may sleep. The other half is the trigger `outbox_inserting` of postrider.outbox.
 *
 * Two advisory locks, held by a connection that is kept for them. The gate, exclusive: while it is held, inserts notify.
 * Awake, shared: held by the daemons that look for what is inserted.
 *
 *   awake     holds awake. Inserts do not notify; this daemon finds what they insert.
 *   sleeping  holds the gate. Inserts notify, and this daemon claims what they announce. It sleeps through events that
 *             come one by one (pace.ts).
 *   napping   holds nothing: another daemon is awake or sleeps. It looks by itself once in each poll interval, and soon
 *             after an insert has notified, because the sleeper may be frozen.
 *   blind     the gate or the listener is in doubt, and both are being rebuilt. It polls.
 *
 * Nothing is lost in between: a transaction that tested the gate while it was open keeps it open until it has ended (its
 * shared lock). So once the gate is granted, everything inserted without a notification is visible; the daemon looks after
 * that, and then sleeps.
 *
 * Operators notify whether the gate is held or not. The payload says where to look:
 *
 *   ""      an insert: for new events
 *   peers   a daemon that has more than it can carry: for new events, by the daemons that nap
 *   other   an operator's action: for everything
 *
 * The listener and the gate have one life. A gate that makes inserts notify is of no use to a daemon that does not hear
 * them, and a server that one of the two has left may not be the one the other leads to. A life begins when the listener
 * has heard the session of the gate, because the name of the server may have moved between their connections.
 */
export type WakeState = "awake" | "sleeping" | "napping" | "blind";

export interface WakeOptions {
  readonly config: ConnectionConfig;
  readonly events: Events;
  readonly conditions: Conditions;
  /** The daemon should look by then at the latest: for new events, or for anything that may have come unnoticed. */
  readonly onWake: (look: "events" | "everything", withinMs: number) => void;
  /** Hears why listener or gate could not be connected. */
  readonly onRefused?: (thrown: unknown) => void;
  /** What differs from WAKE_TIMING. */
  readonly timing?: Partial<WakeTiming>;
}

export interface WakeTiming {
  readonly checkIntervalMs: number;
  readonly checkTimeoutMs: number;
  /** The first and the longest pause before the next life (ground/backoff.ts). */
  readonly pauseFirstMs: number;
  readonly pauseLastMs: number;
}

/** A sleeper that is deaf makes every insert notify, so it must know within a few seconds: 6 at most. */
const WAKE_TIMING: WakeTiming = {
  checkIntervalMs: 3_000,
  checkTimeoutMs: 3_000,
  pauseFirstMs: 100,
  pauseLastMs: 10_000,
};

const CHANNEL = "postrider";
const INSERTED = "";
const PEERS = "peers";
const WAKE_PEERS_GAP_MS = 250;
/** A sleeper has claimed by then what was inserted, unless it is frozen. */
const NAPPING_LOOK_MS = 100;
/** By then the server has ended a session that was lost, and its process id may belong to another one. */
const FORMER_SESSION_MS = 2 * IDLE_SESSION_TIMEOUT_MS;

interface Loss {
  readonly event: "listener.lost" | "gate.lost";
  readonly error: string;
}

export class WakeSession {
  readonly #options: WakeOptions;
  readonly #timing: WakeTiming;
  readonly #backoff: Backoff;
  readonly #signal = new Signal();
  readonly #stopped = Promise.withResolvers<null>();
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();
  #gate: Gate | null = null;
  #state: WakeState = "blind";
  /** Sessions that were lost may keep their locks for a while, and must not be taken for another daemon's. */
  #formerSessions: readonly { readonly pid: number; readonly lostAtMs: number }[] = [];
  #peersWokenMs = Number.NEGATIVE_INFINITY;

  constructor(options: WakeOptions) {
    this.#options = options;
    this.#timing = { ...WAKE_TIMING, ...options.timing };
    this.#backoff = makeBackoff({ firstMs: this.#timing.pauseFirstMs, lastMs: this.#timing.pauseLastMs });
  }

  get state(): WakeState {
    return this.#state;
  }

  /** Resolves after the first attempt to connect, whether it succeeded or not: until one does, the daemon polls. */
  async start(): Promise<void> {
    const tried = Promise.withResolvers<void>();
    this.#running = this.#run(tried.resolve);
    await tried.promise;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopped.resolve(null);
    this.#signal.give();
    await this.#running;
  }

  /**
   * To be called before a look. After `sleeping` and that look, wait for `onWake`. `drowsy`: a transaction is open that
   * will not notify, so the daemon stays awake and must ask again soon.
   */
  async fallAsleep(): Promise<"sleeping" | "napping" | "drowsy" | "blind"> {
    const gate = this.#gate;
    if (gate === null || this.#state === "sleeping") {
      return gate === null ? "blind" : "sleeping";
    }
    const outcome = await gate.fallAsleep(this.#state === "awake", this.#formerPids());
    if (outcome === null || this.#gate !== gate) {
      return "blind";
    }
    this.#state = outcome === "drowsy" ? "awake" : outcome;
    return outcome;
  }

  /** The daemon looks for events by itself from now on. Does not wait for the gate to open. */
  stayAwake(): void {
    if (this.#state === "sleeping" || this.#state === "napping") {
      const heldGate = this.#state === "sleeping";
      this.#state = "awake";
      void this.#gate?.stayAwake(heldGate);
    }
  }

  /** Looking for events fails: inserts must not notify this daemon, and others must not rely on it. */
  stepAside(): void {
    if (this.#state === "sleeping" || this.#state === "awake") {
      const heldGate = this.#state === "sleeping";
      this.#state = "napping";
      void this.#gate?.stepAside(heldGate);
    }
  }

  /** Wakes the daemons that nap, because this one is awake and has more than it can carry. */
  async wakePeers(): Promise<void> {
    const nowMs = monotonicMs();
    if (nowMs >= this.#peersWokenMs + WAKE_PEERS_GAP_MS) {
      this.#peersWokenMs = nowMs;
      await this.#gate?.wakePeers();
    }
  }

  async #run(onTried: () => void): Promise<void> {
    while (!this.#isStopped) {
      const loss = await this.#live(onTried);
      if (loss !== null) {
        const { event, error } = loss;
        this.#options.conditions.begin(
          "blind",
          event,
          { error },
          `the ${event === "gate.lost" ? "gate" : "listener"} was lost: ${error}`,
        );
        this.#options.onWake("everything", 0);
        onTried();
        await this.#signal.wait(this.#backoff.nextMs());
      }
    }
    onTried();
  }

  /** One life of listener and gate; resolves with how it was lost, or null after a stop. */
  async #live(onConnected: () => void): Promise<Loss | null> {
    let listener: Listener | null = null;
    let gate: Gate | null = null;
    try {
      listener = await this.#listen();
      const opened = await Gate.open(this.#options.config);
      gate = opened;
      const loss = Promise.race([
        listener.lost.then((error): Loss => ({ event: "listener.lost", error })),
        opened.lost.then((error): Loss => ({ event: "gate.lost", error })),
        this.#stopped.promise,
      ]);
      const hears = listener
        .hears((channel, payload) => opened.testListener(channel, payload))
        .then(() => "hears" as const);
      const beginning = await Promise.race([loss, hears]);
      if (beginning !== "hears") {
        return beginning;
      }
      this.#connected(opened);
      onConnected();
      return await loss;
    } catch (thrown) {
      this.#options.onRefused?.(thrown);
      return { event: listener === null ? "listener.lost" : "gate.lost", error: messageOf(thrown) };
    } finally {
      this.#disconnected(gate);
      if (this.#isStopped) {
        await gate?.idle();
        await Promise.all([listener?.close(), gate?.close()]);
      } else {
        // Not awaited: on a link that has died silently, saying goodbye takes long.
        void listener?.close();
        void gate?.close();
      }
    }
  }

  async #listen(): Promise<Listener> {
    const { config, events } = this.#options;
    const listener = await Listener.open({
      config,
      channel: CHANNEL,
      ...this.#timing,
      onNotification: (payload) => this.#hear(payload),
      // Only now it is known to hear. One that is lost right after each LISTEN is rebuilt more and more slowly.
      onEcho: () => this.#backoff.reset(),
    });
    events.emit("listener.connected", {});
    return listener;
  }

  #hear(payload: string): void {
    const { onWake } = this.#options;
    const isNapping = this.#state === "napping";
    if (payload === INSERTED) {
      onWake("events", isNapping ? NAPPING_LOOK_MS : 0);
    } else if (payload !== PEERS) {
      onWake("everything", 0);
    } else if (isNapping) {
      onWake("events", 0);
    }
  }

  #connected(gate: Gate): void {
    this.#gate = gate;
    this.#state = "awake";
    this.#options.conditions.end("blind", {});
    // What was inserted before went without a notification.
    this.#options.onWake("everything", 0);
  }

  #disconnected(gate: Gate | null): void {
    this.#gate = null;
    this.#state = "blind";
    if (gate !== null) {
      this.#formerSessions = [...this.#formerSessions, { pid: gate.pid, lostAtMs: monotonicMs() }];
    }
  }

  #formerPids(): readonly number[] {
    const sinceMs = monotonicMs() - FORMER_SESSION_MS;
    this.#formerSessions = this.#formerSessions.filter(({ lostAtMs }) => lostAtMs > sinceMs);
    return this.#formerSessions.map(({ pid }) => pid);
  }
}
