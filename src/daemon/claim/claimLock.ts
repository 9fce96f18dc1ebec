import type { Database } from "../../db/database.ts";
import { defineStatement } from "../../db/statements.ts";
import { monotonicMs } from "../../ground/clock.ts";
import type { Events } from "../../telemetry/bus.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/** A claim takes milliseconds. A lock that has been busy for so long is held by a session that is not claiming. */
const STUCK_MS = 5_000;

const freeClaimLock = defineStatement("free_claim_lock", {
  params: { sinceMs: "integer" },
  columns: {
    pid: "integer",
    role: "text?",
    application_name: "text?",
    state: "text?",
    wait_event: "text?",
    ended: "boolean",
  },
});

export interface ClaimLockParts {
  readonly database: Database;
  readonly events: Events;
  readonly conditions: Conditions;
}

/**
 * Watches the lock under which daemons claim. While it stays busy, looks who holds it: a session that is stuck in writing
 * its answer (its daemon frozen, its link dead) is ended, any other one is named.
 */
export class ClaimLock {
  readonly #parts: ClaimLockParts;
  #busySinceMs: number | null = null;

  constructor(parts: ClaimLockParts) {
    this.#parts = parts;
  }

  /** A claim had the lock. */
  noteFree(): void {
    this.#busySinceMs = null;
    this.#parts.conditions.end("claim_lock_held", {});
  }

  /** A claim found the lock busy. */
  async noteBusy(): Promise<void> {
    const nowMs = monotonicMs();
    this.#busySinceMs ??= nowMs;
    if (nowMs - this.#busySinceMs < STUCK_MS) {
      return;
    }
    this.#busySinceMs = nowMs;
    const { database, events, conditions } = this.#parts;
    const { rows } = await database.run(freeClaimLock, { sinceMs: STUCK_MS });
    for (const { ended, ...holder } of rows) {
      if (ended) {
        events.emit("claim_lock.freed", holder);
      } else {
        const shown = `the lock under which daemons claim is held by pid ${holder.pid}`;
        conditions.begin("claim_lock_held", "claim_lock.held", holder, shown);
      }
    }
  }
}
