import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Database } from "../../db/database.ts";
import { copyFault } from "../../db/pgErrors.ts";
import { defineStatement } from "../../db/statements.ts";
import { monotonicMs, unixMs } from "../../ground/clock.ts";
import { messageOf, type PostriderError } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";
import { VERSION } from "../../ground/version.ts";
import type { Conditions, Shown } from "../../telemetry/conditions.ts";

/** Other daemons take over what a daemon has claimed if it has not beaten for this long. */
export const LEASE_MS = 15_000;
/** Three beats fit into a lease, so one or two may be lost. */
const BEAT_INTERVAL_MS = 4_000;
/** A condition that has changed is shown soon, but no two beats are closer than this. */
const BEAT_GAP_MS = 1_000;
/** A beat that took longer says too little about the clock of Postgres. */
const CLOCK_MS_MAX = 1_000;
/** No attempt starts within the last part of a lease, because its result must be recorded before the lease runs out. */
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
    encryptionKeyIds: "text[]",
    publicUrl: "text?",
  },
  columns: {
    is_held: "boolean",
    server_ms: "double precision",
    server_address: "text?",
    server_port: "integer",
  },
});

const leave = defineStatement("leave", { params: { daemonId: "uuid" }, columns: { leave: "void" } });

export interface Load {
  readonly inFlight: number;
  readonly waiting: number;
}

export interface HeartbeatOptions {
  /** The first identity. Default: a new one. */
  readonly daemonId?: string;
  readonly database: Database;
  readonly conditions: Conditions;
  readonly load: () => Load;
  /** What other daemons may seal with. */
  readonly encryptionKeyIds: readonly string[];
  /** Where Postgres says that it listens, with each beat; without an address if the beat reached it over a Unix socket. */
  readonly onServer?: (address: string | null, port: number) => void;
  /** Where receivers reach the listener; null if they do not. */
  readonly publicUrl: string | null;
  /** The connection leads to a database that was restored or copied. */
  readonly onCopied: (fault: PostriderError) => void;
}

/**
 * The daemon's identity and its lease on what it has claimed. The lease is measured by the daemon's own monotonic clock
 * from before the beat was sent, so it never lasts longer here than in Postgres. When it runs out the identity is given
 * up, and the next beat begins a new one: what the old one still sends and records decides nothing.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #beats = new Repeat(() => this.#beatOrNote());
  #daemonId: string;
  #heldUntilMs = 0;
  /** Notices that the lease has run out, also while a beat hangs and nothing is claimed. */
  #expiry: NodeJS.Timeout | undefined;
  #unwatch = (): void => {};
  #sentMs = 0;
  #clockAheadMs = 0;
  /** Of the last beat, if it failed. */
  #error: string | null = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#daemonId = options.daemonId ?? randomUUID();
  }

  get daemonId(): string {
    return this.#daemonId;
  }

  /** How far the clock of Postgres was ahead of this machine's at the last beat. For charts; it decides nothing. */
  get clockAheadMs(): number {
    return this.#clockAheadMs;
  }

  /** Whether an attempt may start now. Gives the identity up if the lease has run out. */
  isHeld(nowMs = monotonicMs()): boolean {
    if (nowMs < this.#heldUntilMs) {
      return true;
    }
    this.#lose();
    return false;
  }

  /** Rejects if the first beat fails. */
  async start(): Promise<void> {
    await this.#beat();
    this.#beats.start(BEAT_INTERVAL_MS);
    this.#unwatch = this.#options.conditions.watch(() => this.#beatSoon());
  }

  /** Removes the daemon's row. */
  async stop(): Promise<void> {
    this.#unwatch();
    clearTimeout(this.#expiry);
    await this.#beats.stop();
    clearTimeout(this.#expiry);
    await this.#options.database.run(leave, { daemonId: this.#daemonId });
  }

  /** Beats out of turn, to show what has changed. */
  #beatSoon(): void {
    this.#beats.soon(Math.max(0, this.#sentMs + BEAT_GAP_MS - monotonicMs()));
  }

  async #beatOrNote(): Promise<number> {
    try {
      await this.#beat();
    } catch (thrown) {
      const fault = copyFault(thrown);
      if (fault !== null) {
        this.#options.onCopied(fault);
      }
      this.#error = messageOf(thrown);
      this.#options.conditions.begin("not_beating", "daemon.beat_failed", { error: this.#error });
      this.isHeld();
    }
    return Math.max(BEAT_GAP_MS, this.#sentMs + BEAT_INTERVAL_MS - monotonicMs());
  }

  async #beat(): Promise<void> {
    const { database, load, encryptionKeyIds, publicUrl, conditions } = this.#options;
    if (this.#heldUntilMs > 0) {
      this.isHeld();
    }
    const daemonId = this.#daemonId;
    const sentMs = monotonicMs();
    this.#sentMs = sentMs;
    const { rows } = await database.run(beat, {
      daemonId,
      host: hostname(),
      pid: process.pid,
      version: VERSION,
      leaseMs: LEASE_MS,
      ...load(),
      ...asShown(conditions.worst, sentMs),
      isRenewal: this.#heldUntilMs > 0,
      encryptionKeyIds,
      publicUrl,
    });
    const [answer] = rows;
    if (answer !== undefined) {
      this.#noteClock(answer.server_ms, monotonicMs() - sentMs);
      this.#options.onServer?.(answer.server_address, answer.server_port);
    }
    this.#error = null;
    conditions.end("not_beating", {});
    if (this.#daemonId !== daemonId) {
      // The answer came after the lease had run out: the row exists, and counts as lost when its lease ends.
      return;
    }
    if (answer?.is_held !== true) {
      this.#error = "by the clock of Postgres the lease had run out";
      this.#lose();
      this.#beatSoon();
      return;
    }
    this.#hold(sentMs + LEASE_MS - LEASE_MARGIN_MS);
  }

  /** Postgres read its clock about in the middle, unless the answer took long. */
  #noteClock(serverMs: number, tookMs: number): void {
    if (tookMs < CLOCK_MS_MAX) {
      this.#clockAheadMs = serverMs - (unixMs() - tookMs / 2);
    }
  }

  #hold(untilMs: number): void {
    this.#heldUntilMs = untilMs;
    clearTimeout(this.#expiry);
    // A timer may fire a millisecond early.
    this.#expiry = setTimeout(() => this.isHeld(), untilMs - monotonicMs() + 2);
    this.#options.conditions.end("lease_lost", { new_daemon_id: this.#daemonId });
  }

  #lose(): void {
    if (this.#beats.isStopped || this.#options.conditions.has("lease_lost")) {
      return;
    }
    const lostId = this.#daemonId;
    this.#daemonId = randomUUID();
    this.#heldUntilMs = 0;
    // Without an error no beat failed: the process was frozen.
    const fields = { lost_daemon_id: lostId, error: this.#error };
    this.#options.conditions.begin("lease_lost", "daemon.lease_lost", fields);
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
