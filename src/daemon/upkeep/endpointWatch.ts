import type { Database } from "../../db/database.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { Repeat } from "../../ground/repeat.ts";
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
  readonly database: Database;
  readonly events: Events;
  /** Default: INTERVAL_MS. */
  readonly intervalMs?: number;
}

/**
 * Reports which endpoints were paused, resumed, disabled or enabled, and why: by an operator's edit or function call, or by
 * a daemon after a 410 or after nothing but failures. It reads the audit, where each change leaves one row whoever makes it,
 * so that every daemon reports every change once.
 */
export function makeEndpointWatch({ database, events, intervalMs = INTERVAL_MS }: EndpointWatchOptions): Repeat {
  /** Changes that it does not show are new. */
  let snapshot: string | null = null;
  return new Repeat(async () => {
    const rows = await changesSince(snapshot, database);
    snapshot = rows[0]?.snapshot ?? snapshot;
    for (const row of rows) {
      report(row, events);
    }
    return intervalMs;
  });
}

async function changesSince(since: string | null, database: Database): Promise<readonly Row[]> {
  try {
    return (await database.run(findStateChanges, { since })).rows;
  } catch {
    // The loop reports an outage. The next look finds what this one would have found.
    return [];
  }
}

function report({ change, audit_id, endpoint_id, reason, changed_by }: Row, events: Events): void {
  if (change !== null && audit_id !== null && endpoint_id !== null && changed_by !== null) {
    events.emit(`endpoint.${change}`, { audit_id, endpoint_id, reason, changed_by });
  }
}
