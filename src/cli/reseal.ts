import { readConfig } from "../config/read.ts";
import { replaceSecret, storedSecrets } from "../db/secrets.ts";
import type { Queryable } from "../db/statements.ts";
import { counted } from "../ground/counted.ts";
import { PostriderError } from "../ground/errors.ts";
import { isSealed, open, type SealingKey, seal, sealedBy } from "../secrets/sealing.ts";
import { defineCommand, flag } from "./command.ts";
import { withDatabase } from "./withDatabase.ts";

/** What `postrider reseal --json` prints. Members are added, never renamed. */
export interface Resealing {
  readonly dry_run: boolean;
  /** The id of the key that seals. */
  readonly key_id: string;
  /** Stored as they were until now. */
  sealed: number;
  /** Sealed with another key until now. */
  resealed: number;
  /** Sealed with the key before. */
  unchanged: number;
  /** Changed by someone else at that moment, or locked. */
  busy: number;
  /** No key at hand opens them; they were left as they are. */
  readonly unreadable: { readonly endpoint_id: string; readonly secret_id: string; readonly problem: string }[];
}

export const command = defineCommand({
  summary: "seals the stored secrets with the first of POSTRIDER_ENCRYPTION_KEYS; daemons may run meanwhile",
  options: {
    "dry-run": flag("print what would be done; changes nothing"),
    json: flag("print JSON instead of text"),
  },
  examples: ["postrider reseal --dry-run", "postrider reseal"],
  run: async ({ "dry-run": dryRun, json }, env) => {
    const config = readConfig(env, { name: "reseal", database: "required" });
    const [sealing] = config.encryptionKeys;
    if (sealing === undefined) {
      throw noKey();
    }
    const result = await withDatabase(config, { role: "postrider_daemon" }, (database) =>
      reseal(database, sealing, config.encryptionKeys, dryRun),
    );
    process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : textOf(result));
    return result.unreadable.length + result.busy > 0 ? 1 : 0;
  },
});

function noKey(): PostriderError {
  const found = "POSTRIDER_ENCRYPTION_KEYS is not set";
  const remedy = "set it to the key that is to seal, with those that have sealed so far behind it";
  return new PostriderError([{ code: "PR0002", problem: "cannot seal the secrets", found, remedy }], 2);
}

/** Each secret is replaced by itself and only if it has not changed, so an interruption leaves nothing half-done. */
async function reseal(
  database: Queryable,
  sealing: SealingKey,
  keys: readonly SealingKey[],
  dryRun: boolean,
): Promise<Resealing> {
  const result: Resealing = {
    ...{ dry_run: dryRun, key_id: sealing.id },
    ...{ sealed: 0, resealed: 0, unchanged: 0, busy: 0, unreadable: [] },
  };
  for await (const stored of storedSecrets(database)) {
    const owner = { endpointId: stored.endpoint_id, kind: stored.kind };
    const opened = open(keys, owner, stored.secret);
    if (opened.kind === "problem") {
      result.unreadable.push({ endpoint_id: stored.endpoint_id, secret_id: stored.id, problem: opened.problem });
    } else if (sealedBy(stored.secret) === sealing.id) {
      result.unchanged += 1;
    } else if (
      dryRun ||
      (await replaceSecret(database, stored.id, stored.secret, seal(sealing, owner, opened.secret)))
    ) {
      result[isSealed(stored.secret) ? "resealed" : "sealed"] += 1;
    } else {
      result.busy += 1;
    }
  }
  return result;
}

function textOf({ dry_run, key_id, sealed, resealed, unchanged, busy, unreadable }: Resealing): string {
  const verb = dry_run ? "would be sealed" : "sealed";
  return [
    `${counted(sealed + resealed, "secret")} ${verb} with the key ${key_id}: ${sealed} for the first time, ${resealed} anew`,
    `${unchanged} sealed with it before`,
    ...(busy === 0 ? [] : [`${busy} left, because someone is changing them: run "postrider reseal" again`]),
    ...unreadable.map(
      ({ endpoint_id, secret_id, problem }) => `secret ${secret_id} of endpoint ${endpoint_id} left: it ${problem}`,
    ),
    "",
  ].join("\n");
}
