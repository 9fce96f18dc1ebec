import type { Database } from "../../db/database.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import type { Events } from "../../telemetry/bus.ts";

const INTERVAL_MS = 5_000;

const findStateChanges = defineStatement("find_state_changes", {
  params: { since: "text?" },
  columns: {
    snapshot: "text",
    change: ["paused", "resumed", "disabled", "enabled", null],
    ...{ audit_id: "uuid?", endpoint_id: "uuid?", reason: "text?", changed_by: "text?" },
  },
});

type Row = RowOf<typeof findStateChanges.shape>;

export interface EndpointWatchOptions {
  readonly pool: Database;
  readonly events: Events;
  /** Default: INTERVAL_MS. */
  readonly intervalMs?: number;
}

/**
 * Reports which endpoints were paused, resumed, disabled or enabled, and why: by an operator's edit or function call, or by
 * a daemon after a 410 or after nothing but failures. It reads the audit, where each change leaves one row whoever makes it,
 * so that every daemon reports every change once.
 */
export class EndpointWatch {
  readonly #options: EndpointWatchOptions;
  /** Changes that it does not show are new. */
  #snapshot: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: EndpointWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#looking = this.#look();
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, this.#options.intervalMs ?? INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer ?? undefined);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const rows = await this.#changes();
    this.#snapshot = rows[0]?.snapshot ?? this.#snapshot;
    for (const row of rows) {
      this.#report(row);
    }
  }

  async #changes(): Promise<readonly Row[]> {
    try {
      return (await this.#options.pool.run(findStateChanges, { since: this.#snapshot })).rows;
    } catch {
      // The loop reports an outage. The next look finds what this one would have found.
      return [];
    }
  }

  #report({ change, audit_id, endpoint_id, reason, changed_by }: Row): void {
    if (change !== null && audit_id !== null && endpoint_id !== null && changed_by !== null) {
      this.#options.events.emit(`endpoint.${change}`, { audit_id, endpoint_id, reason, changed_by });
    }
  }
}
