import { readConfig } from "../config/read.ts";
import { type DaemonWithoutKey, daemonsWithoutKey, replaceSecret, storedSecrets } from "../db/secrets.ts";
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
  /** Running daemons that could not open what the key seals. While there is one, nothing is sealed. */
  readonly daemons_without_key: readonly DaemonWithoutKey[];
}

/** Of daemons that lack the key. */
const DAEMONS_SHOWN = 5;

export const command = defineCommand({
  summary: "seals the stored secrets with the first of POSTRIDER_ENCRYPTION_KEYS, which all daemons need",
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
    return result.unreadable.length + result.busy + result.daemons_without_key.length > 0 ? 1 : 0;
  },
});

function noKey(): PostriderError {
  const found = "POSTRIDER_ENCRYPTION_KEYS is not set";
  const remedy = "set it to the key that is to seal, with those that have sealed so far behind it";
  return new PostriderError([{ code: "PR0002", problem: "cannot seal the secrets", found, remedy }], 2);
}

function notEverywhere(keyId: string, lacking: readonly DaemonWithoutKey[]): PostriderError {
  const problem = `cannot seal with the key ${keyId} yet`;
  const found = `running daemons do not have it and would pause endpoints: ${placesOf(lacking)}`;
  const remedy = "add it to POSTRIDER_ENCRYPTION_KEYS of every daemon, restart them, and run this again";
  return new PostriderError([{ code: "PR0002", problem, found, remedy }], 2);
}

function placesOf(daemons: readonly DaemonWithoutKey[]): string {
  const shown = daemons.slice(0, DAEMONS_SHOWN).map(({ host, pid }) => `${host} (pid ${pid})`);
  const more = daemons.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

/** Each secret is replaced by itself and only if it has not changed, so an interruption leaves nothing half-done. */
async function reseal(
  database: Queryable,
  sealing: SealingKey,
  keys: readonly SealingKey[],
  dryRun: boolean,
): Promise<Resealing> {
  const lacking = await daemonsWithoutKey(database, sealing.id);
  if (lacking.length > 0 && !dryRun) {
    throw notEverywhere(sealing.id, lacking);
  }
  const result: Resealing = {
    ...{ dry_run: dryRun, key_id: sealing.id },
    ...{ sealed: 0, resealed: 0, unchanged: 0, busy: 0, unreadable: [], daemons_without_key: lacking },
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
      (await replaceSecret(database, stored.id, stored.version, seal(sealing, owner, opened.secret)))
    ) {
      result[isSealed(stored.secret) ? "resealed" : "sealed"] += 1;
    } else {
      result.busy += 1;
    }
  }
  return result;
}

function textOf({
  dry_run,
  key_id,
  sealed,
  resealed,
  unchanged,
  busy,
  unreadable,
  daemons_without_key,
}: Resealing): string {
  const verb = dry_run ? "would be sealed" : "sealed";
  return [
    `${counted(sealed + resealed, "secret")} ${verb} with the key ${key_id}: ${sealed} for the first time, ${resealed} anew`,
    `${unchanged} sealed with it before`,
    ...(busy === 0 ? [] : [`${busy} left, because someone is changing them: run "postrider reseal" again`]),
    ...unreadable.map(
      ({ endpoint_id, secret_id, problem }) => `secret ${secret_id} of endpoint ${endpoint_id} left: it ${problem}`,
    ),
    ...(daemons_without_key.length === 0
      ? []
      : [`not yet: running daemons do not have the key ${key_id}: ${placesOf(daemons_without_key)}`]),
    "",
  ].join("\n");
}
