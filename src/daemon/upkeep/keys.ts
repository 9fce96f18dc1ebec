import type { Database } from "../../db/database.ts";
import { isRefusal } from "../../db/pgErrors.ts";
import { replaceSecret } from "../../db/secrets.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import { makePrivateKey, publicKeyOf } from "../../format/ed25519.ts";
import { messageOf } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";
import { type SealingKey, seal } from "../../secrets/sealing.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/** Keys made, or secrets sealed, in one look. */
const SECRETS_MAX = 100;
/** A notification announces most of what there is to do. */
const INTERVAL_MS = 5_000;
/** An operator, or another daemon, has the endpoint: so long for each such secret. */
const BUSY_MS = 250;

const findWantedKeys = defineStatement("find_wanted_keys", {
  params: { after: "uuid?", keysMax: "integer", keyId: "text?" },
  columns: { id: "uuid", endpoint_id: "uuid", may_seal: "boolean" },
});
const makeKey = defineStatement("make_key", {
  params: { secretId: "uuid", secret: "text", publicKey: "text" },
  columns: { is_made: "boolean" },
});
const findUnsealedSecrets = defineStatement("find_unsealed_secrets", {
  params: { after: "uuid?", secretsMax: "integer", keyId: "text" },
  columns: { id: "uuid", endpoint_id: "uuid", kind: "text", secret: "text", version: "text" },
});

export interface KeyOptions {
  readonly database: Database;
  readonly conditions: Conditions;
  /** The first one seals, once every daemon has it. Without any, secrets stay as they are. */
  readonly sealingKeys: readonly SealingKey[];
}

/**
 * Does with the secrets of endpoints what Postgres cannot: makes the ed25519 keys that are wanted, for which deliveries wait,
 * and seals the secrets that SQL has made.
 */
export function makeKeyKeeper({ database, conditions, sealingKeys }: KeyOptions): Repeat {
  const [sealing] = sealingKeys;
  const walks = [makeWalk(wantedKeys(database, sealing)), ...(sealing ? [makeWalk(unsealed(database, sealing))] : [])];
  const repeat = new Repeat(async () => {
    try {
      const steps: Step[] = [];
      for (const walk of walks) {
        steps.push(await walk(() => repeat.isStopped));
      }
      const refusal = steps.find((step) => step.refusal !== null)?.refusal ?? null;
      if (refusal === null) {
        conditions.end("keys_failing", { task: "keys" });
      } else {
        conditions.begin("keys_failing", "maintenance.failed", { task: "keys", error: refusal });
      }
      return Math.min(...steps.map(({ delayMs }) => delayMs));
    } catch (thrown) {
      conditions.begin("keys_failing", "maintenance.failed", { task: "keys", error: messageOf(thrown) });
      return INTERVAL_MS;
    }
  });
  return repeat;
}

/** Secrets with which something is to be done. */
interface Work<Row extends { readonly id: string }> {
  find(after: string | null): Promise<readonly Row[]>;
  /** False if someone else has the secret or its endpoint, or nothing is left to do. */
  act(row: Row): Promise<boolean>;
}

interface Step {
  readonly delayMs: number;
  /** What Postgres said when it first refused a secret, in this walk or the one before; null if it refused none. */
  readonly refusal: string | null;
}

/**
 * Walks over the secrets in the order of their ids, a page at each look, so that those that are locked or refused keep none
 * behind them. Postgres may refuse one because of a foreign trigger, for example.
 */
function makeWalk<Row extends { readonly id: string }>({ find, act }: Work<Row>) {
  let after: string | null = null;
  let tally = { done: 0, busy: 0, refusal: null as string | null };
  let lastRefusal: string | null = null;
  return async (isStopped: () => boolean): Promise<Step> => {
    const rows = await find(after);
    for (const row of rows) {
      if (isStopped()) break;
      const outcome = await tried(() => act(row));
      tally.done += outcome === "done" ? 1 : 0;
      tally.busy += outcome === "busy" ? 1 : 0;
      tally.refusal ??= typeof outcome === "string" ? null : outcome.refusal;
    }
    if (rows.length === SECRETS_MAX) {
      after = rows.at(-1)?.id ?? null;
      return { delayMs: 0, refusal: tally.refusal ?? lastRefusal };
    }
    const { done, busy, refusal } = tally;
    after = null;
    tally = { done: 0, busy: 0, refusal: null };
    lastRefusal = refusal;
    return { delayMs: done > 0 ? 0 : busy > 0 ? Math.min(INTERVAL_MS, busy * BUSY_MS) : INTERVAL_MS, refusal };
  };
}

async function tried(act: () => Promise<boolean>): Promise<"done" | "busy" | { readonly refusal: string }> {
  try {
    return (await act()) ? "done" : "busy";
  } catch (thrown) {
    if (!isRefusal(thrown)) {
      throw thrown;
    }
    return { refusal: messageOf(thrown) };
  }
}

function wantedKeys(database: Database, sealing: SealingKey | undefined): Work<RowOf<typeof findWantedKeys.shape>> {
  return {
    find: async (after) =>
      (await database.run(findWantedKeys, { after, keysMax: SECRETS_MAX, keyId: sealing?.id ?? null })).rows,
    act: async ({ id, endpoint_id, may_seal }) => {
      const privateKey = makePrivateKey();
      const owner = { endpointId: endpoint_id, kind: "ed25519" };
      const secret = sealing === undefined || !may_seal ? privateKey : seal(sealing, owner, privateKey);
      const { rows } = await database.run(makeKey, { secretId: id, secret, publicKey: publicKeyOf(privateKey) });
      return rows[0]?.is_made === true;
    },
  };
}

function unsealed(database: Database, sealing: SealingKey): Work<RowOf<typeof findUnsealedSecrets.shape>> {
  return {
    find: async (after) =>
      (await database.run(findUnsealedSecrets, { after, secretsMax: SECRETS_MAX, keyId: sealing.id })).rows,
    act: ({ id, endpoint_id, kind, secret, version }) =>
      replaceSecret(database, id, version, seal(sealing, { endpointId: endpoint_id, kind }, secret)),
  };
}
