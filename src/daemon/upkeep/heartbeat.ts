import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Database } from "../../db/database.ts";
import { copyFault } from "../../db/pgErrors.ts";
import { defineStatement } from "../../db/statements.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { messageOf, type PostriderError } from "../../ground/errors.ts";
import { VERSION } from "../../ground/version.ts";
import type { Conditions, Shown } from "../../telemetry/conditions.ts";

/** Others take over what a daemon has claimed when it has not beaten for so long. */
export const LEASE_MS = 15_000;
/** Three beats fit into a lease, so that one or two may be lost. */
const BEAT_INTERVAL_MS = 4_000;
/** A condition that has changed is told so soon, but no more often than this. */
const BEAT_GAP_MS = 1_000;
/** No attempt is started within the last part of a lease: the result must be recorded before it runs out. */
const LEASE_MARGIN_MS = 2_000;

const beat = defineStatement("beat", {
  params: {
    daemonId: "uuid",
    host: "text",
    pid: "integer",
    version: "text",
    leaseMs: "integer",
    inFlight: "integer",
    waiting: "integer",
    condition: "text",
    conditionMs: "integer?",
    conditionReason: "text?",
    isRenewal: "boolean",
  },
  columns: { is_held: "boolean" },
});

const leave = defineStatement("leave", { params: { daemonId: "uuid" }, columns: { leave: "void" } });

export interface Load {
  readonly inFlight: number;
  readonly waiting: number;
}

export interface HeartbeatOptions {
  readonly pool: Database;
  readonly conditions: Conditions;
  readonly load: () => Load;
  /** The lease ran out: what was claimed under `lostId` belongs to whoever takes it over. */
  readonly onLeaseLost: (lostId: string) => void;
  /** The connection leads to a database that was restored or copied. */
  readonly onCopied: (fault: PostriderError) => void;
}

/**
 * The daemon's identity and its lease on what it has claimed. By its own monotonic clock, counted from before the beat
 * was sent, a lease never lasts longer here than in Postgres. Once it has run out the identity is given up, and the
 * next beat begins a new one: what the old one still sends and records decides nothing.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #daemonId: string = randomUUID();
  #heldUntilMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #soonTimer: NodeJS.Timeout | null = null;
  #unwatch = (): void => {};
  #sentMs = 0;
  /** Of the last beat that failed. */
  #error: string | null = null;
  #beating: Promise<void> | null = null;
  #isStopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  get daemonId(): string {
    return this.#daemonId;
  }

  /** Whether an attempt may be started now. Gives the identity up where the lease has run out. */
  isHeld(): boolean {
    if (monotonicMs() < this.#heldUntilMs) {
      return true;
    }
    this.#lose();
    return false;
  }

  /** Rejects where the first beat fails. */
  async start(): Promise<void> {
    await this.#beat();
    this.#timer = setInterval(() => this.#beatOnTime(), BEAT_INTERVAL_MS);
    this.#unwatch = this.#options.conditions.watch(() => this.beatSoon());
  }

  /** Beats out of turn, so that what has changed is seen. */
  beatSoon(): void {
    if (this.#timer === null || this.#isStopped || this.#soonTimer !== null) {
      return;
    }
    this.#soonTimer = setTimeout(
      () => {
        this.#soonTimer = null;
        this.#beatOnTime();
      },
      Math.max(0, this.#sentMs + BEAT_GAP_MS - monotonicMs()),
    );
  }

  /** Takes the daemon's row away. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unwatch();
    clearInterval(this.#timer ?? undefined);
    clearTimeout(this.#soonTimer ?? undefined);
    await this.#beating;
    await this.#options.pool.run(leave, { daemonId: this.#daemonId });
  }

  #beatOnTime(): void {
    if (this.#beating !== null) {
      this.isHeld();
      return;
    }
    this.#beating = this.#beat()
      .catch((thrown: unknown) => {
        const fault = copyFault(thrown);
        if (fault !== null) {
          this.#options.onCopied(fault);
        }
        this.#error = messageOf(thrown);
        this.#options.conditions.begin("not_beating", "daemon.beat_failed", { error: this.#error });
        this.isHeld();
      })
      .finally(() => {
        this.#beating = null;
      });
  }

  async #beat(): Promise<void> {
    const { pool, load, conditions } = this.#options;
    if (this.#heldUntilMs > 0) {
      this.isHeld();
    }
    const daemonId = this.#daemonId;
    const sentMs = monotonicMs();
    this.#sentMs = sentMs;
    const { rows } = await pool.run(beat, {
      daemonId,
      host: hostname(),
      pid: process.pid,
      version: VERSION,
      leaseMs: LEASE_MS,
      ...load(),
      ...asShown(conditions.worst, sentMs),
      isRenewal: this.#heldUntilMs > 0,
    });
    this.#error = null;
    conditions.end("not_beating", {});
    if (this.#daemonId !== daemonId) {
      // The answer came after the lease had run out: the row is there, and counts as lost when its lease ends.
      return;
    }
    if (rows[0]?.is_held !== true) {
      this.#error = "by the clock of Postgres the lease had run out";
      this.#lose();
      this.beatSoon();
      return;
    }
    this.#heldUntilMs = sentMs + LEASE_MS - LEASE_MARGIN_MS;
    conditions.end("lease_lost", { new_daemon_id: daemonId });
  }

  #lose(): void {
    if (this.#isStopped || this.#options.conditions.has("lease_lost")) {
      return;
    }
    const lostId = this.#daemonId;
    this.#daemonId = randomUUID();
    this.#heldUntilMs = 0;
    // Without an error no beat failed: the process stood still.
    const fields = { lost_daemon_id: lostId, error: this.#error };
    this.#options.conditions.begin("lease_lost", "daemon.lease_lost", fields);
    this.#options.onLeaseLost(lostId);
  }
}

/** The start of the condition goes as an age, because the time that is stored is by the database's clock. */
function asShown(condition: Shown, nowMs: number) {
  return condition.name === "well"
    ? { condition: condition.name, conditionMs: null, conditionReason: null }
    : {
        condition: condition.name,
        conditionMs: Math.round(nowMs - condition.sinceMs),
        conditionReason: condition.reason,
      };
}
