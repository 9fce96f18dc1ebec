import type { Database } from "../../db/database.ts";
import { defineStatement } from "../../db/statements.ts";
import { type Claimed, claimPayloads, firstAttempts } from "./claimed.ts";

/** A claim of a daemon that is gone; or one of this daemon's own whose answer was lost. */
export interface TakenOver extends Claimed {
  readonly claimId: string;
  readonly formerDaemonId: string;
}

/** Events with their endpoints come first, then each endpoint with its revision. */
const takeOverStatement = defineStatement("take_over_claim", {
  params: { daemonId: "uuid", knownClaims: "bigint[]", payloadBytesMax: "integer" },
  columns: {
    claim_id: "bigint",
    former_daemon_id: "uuid",
    event_id: "uuid?",
    event_type: "text?",
    created_at: "json?",
    context: "jsonb?",
    payload: "json?",
    endpoint_ids: "text?",
    endpoint_id: "uuid?",
    revision: "bigint?",
  },
});

/** Takes one claim over that is not among the known ones; null if there is none. */
export async function takeOverClaim(
  database: Database,
  daemonId: string,
  knownClaims: readonly string[],
): Promise<TakenOver | null> {
  const { rows } = await claimPayloads((payloadBytesMax) =>
    database.run(takeOverStatement, { daemonId, knownClaims, payloadBytesMax }),
  );
  const [first] = rows;
  if (first === undefined) {
    return null;
  }
  const revisions = new Map<string, string>();
  for (const { endpoint_id, revision } of rows) {
    if (endpoint_id !== null) {
      revisions.set(endpoint_id, revision ?? "");
    }
  }
  return {
    claimId: first.claim_id,
    formerDaemonId: first.former_daemon_id,
    deliveries: firstAttempts(rows, (row) => row.endpoint_ids?.split(",") ?? [], { daemonId, claimId: first.claim_id }),
    revisions,
  };
}
