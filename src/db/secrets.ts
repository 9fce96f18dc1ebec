import { createHash } from "node:crypto";
import { defineStatement, type Queryable, type RowOf } from "./statements.ts";

/** The stored secrets of endpoints, for those who may read them: daemons, and commands that act as one. */

const listSecrets = defineStatement("list_secrets", {
  params: { after: "uuid?", secretsMax: "integer" },
  columns: {
    ...{ id: "uuid", endpoint_id: "uuid", kind: "text", secret: "text" },
    ...{ is_in_force: "boolean", endpoint_state: "text" },
  },
});
const sealSecretStatement = defineStatement("seal_secret", {
  params: { secretId: "uuid", formerHash: "text", sealed: "text" },
  columns: { is_sealed: "boolean" },
});

const findDaemonsWithoutKey = defineStatement("find_daemons_without_key", {
  params: { keyId: "text" },
  columns: { daemon_id: "uuid", host: "text", pid: "integer" },
});

const PAGE_MAX = 500;

export type DaemonWithoutKey = RowOf<typeof findDaemonsWithoutKey.shape>;

/** The daemons that are alive and lack an encryption key: they would pause the endpoints whose secrets it seals. */
export async function daemonsWithoutKey(database: Queryable, keyId: string): Promise<readonly DaemonWithoutKey[]> {
  return (await database.run(findDaemonsWithoutKey, { keyId })).rows;
}

export type StoredSecret = RowOf<typeof listSecrets.shape>;

/** Every secret, those that have expired included; keys that a daemon is still to make are left out. */
export async function* storedSecrets(database: Queryable): AsyncGenerator<StoredSecret> {
  let after: string | null = null;
  do {
    const rows: readonly StoredSecret[] = (await database.run(listSecrets, { after, secretsMax: PAGE_MAX })).rows;
    yield* rows;
    after = rows.length < PAGE_MAX ? null : (rows.at(-1)?.id ?? null);
  } while (after !== null);
}

/** False if the secret is not the former one any more, or an operator is changing its endpoint. */
export async function replaceSecret(
  database: Queryable,
  secretId: string,
  former: string,
  sealed: string,
): Promise<boolean> {
  // A hash, because the server's log may show the parameters of a statement.
  const formerHash = createHash("sha256").update(former).digest("hex");
  return (await database.run(sealSecretStatement, { secretId, formerHash, sealed })).rows[0]?.is_sealed ?? false;
}
