import type { Database } from "../../db/database.ts";
import { replaceSecret } from "../../db/secrets.ts";
import { defineStatement } from "../../db/statements.ts";
import { makePrivateKey, publicKeyOf } from "../../format/ed25519.ts";
import { messageOf } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";
import { type SealingKey, seal } from "../../secrets/sealing.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/** Keys made, and secrets sealed, in one look. */
const SECRETS_MAX = 100;
/** A notification announces most of what there is to do. */
const INTERVAL_MS = 5_000;
/** An operator, or another daemon, has the endpoint. */
const BUSY_MS = 250;

const findWantedKeys = defineStatement("find_wanted_keys", {
  params: { keysMax: "integer", keyId: "text?" },
  columns: { id: "uuid", endpoint_id: "uuid", may_seal: "boolean" },
});
const makeKey = defineStatement("make_key", {
  params: { secretId: "uuid", secret: "text", publicKey: "text" },
  columns: { is_made: "boolean" },
});
const findUnsealedSecrets = defineStatement("find_unsealed_secrets", {
  params: { secretsMax: "integer", keyId: "text" },
  columns: { id: "uuid", endpoint_id: "uuid", kind: "text", secret: "text" },
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
export function makeKeyKeeper(options: KeyOptions): Repeat {
  const { conditions } = options;
  const repeat = new Repeat(async () => {
    const isStopped = () => repeat.isStopped;
    try {
      const made = await makeWantedKeys(options, isStopped);
      const sealed = await sealNewSecrets(options, isStopped);
      conditions.end("keys_failing", { task: "keys" });
      return Math.min(delayAfter(made), delayAfter(sealed));
    } catch (thrown) {
      conditions.begin("keys_failing", "maintenance.failed", { task: "keys", error: messageOf(thrown) });
      return INTERVAL_MS;
    }
  });
  return repeat;
}

interface Done {
  readonly found: number;
  readonly done: number;
}

function delayAfter({ found, done }: Done): number {
  if (found === 0) {
    return INTERVAL_MS;
  }
  return done > 0 ? 0 : BUSY_MS;
}

async function makeWantedKeys({ database, sealingKeys }: KeyOptions, isStopped: () => boolean): Promise<Done> {
  const [sealing] = sealingKeys;
  const { rows } = await database.run(findWantedKeys, { keysMax: SECRETS_MAX, keyId: sealing?.id ?? null });
  let done = 0;
  for (const { id, endpoint_id, may_seal } of rows) {
    if (isStopped()) break;
    const privateKey = makePrivateKey();
    const owner = { endpointId: endpoint_id, kind: "ed25519" };
    const secret = sealing === undefined || !may_seal ? privateKey : seal(sealing, owner, privateKey);
    const made = await database.run(makeKey, { secretId: id, secret, publicKey: publicKeyOf(privateKey) });
    done += made.rows[0]?.is_made === true ? 1 : 0;
  }
  return { found: rows.length, done };
}

async function sealNewSecrets({ database, sealingKeys }: KeyOptions, isStopped: () => boolean): Promise<Done> {
  const [sealing] = sealingKeys;
  if (sealing === undefined) {
    return { found: 0, done: 0 };
  }
  const { rows } = await database.run(findUnsealedSecrets, { secretsMax: SECRETS_MAX, keyId: sealing.id });
  let done = 0;
  for (const { id, endpoint_id, kind, secret } of rows) {
    if (isStopped()) break;
    const sealed = seal(sealing, { endpointId: endpoint_id, kind }, secret);
    done += (await replaceSecret(database, id, secret, sealed)) ? 1 : 0;
  }
  return { found: rows.length, done };
}
