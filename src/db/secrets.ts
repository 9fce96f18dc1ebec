import { defineStatement, type Queryable, type RowOf } from "./statements.ts";

/** The stored secrets of endpoints, for those who may read them: daemons, and commands that act as one. */

const listSecrets = defineStatement("list_secrets", {
  params: { after: "uuid?", secretsMax: "integer" },
  columns: {
    ...{ id: "uuid", endpoint_id: "uuid", kind: "text", secret: "text", version: "text" },
    ...{ is_in_force: "boolean", endpoint_state: "text" },
  },
});
const sealSecretStatement = defineStatement("seal_secret", {
  params: { secretId: "uuid", version: "text", sealed: "text" },
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

/**
 * False if the secret has changed since it was read, or an operator is changing its endpoint. It is known by the version of
 * its row, because the server's log may show the parameters of a statement, and a password can be guessed from its hash.
 */
export async function replaceSecret(
  database: Queryable,
  secretId: string,
  version: string,
  sealed: string,
): Promise<boolean> {
  return (await database.run(sealSecretStatement, { secretId, version, sealed })).rows[0]?.is_sealed ?? false;
}
