import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";

/**
 * Secrets as they are stored if there are encryption keys: AES-256-GCM, written as
 *
 *     sealed:v1:KEY_ID:BASE64
 *
 * BASE64 holds the nonce (12 random bytes), the ciphertext and the tag (16 bytes). KEY_ID, 16 hexadecimal digits, says which
 * key opens it: the start of SHA-256 over `postrider:key_id:v1:` and the key. The additional data,
 * `postrider:endpoint_secret:v1:ENDPOINT_ID:KIND`, bind it to its endpoint and its purpose, so what was sealed for one of
 * them opens for no other.
 */

const PREFIX = "sealed:v1:";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** An encryption key. Its bytes are private, so that no log and no inspection shows them. */
export interface SealingKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** What a secret belongs to. */
export interface Owner {
  readonly endpointId: string;
  /** The `kind` of its row. */
  readonly kind: string;
}

/** Reads a key of 32 bytes, in base64 or base64url, padded or not, or in hexadecimal digits; null if it is none. */
export function parseSealingKey(text: string): SealingKey | null {
  const bytes = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, "hex") : Buffer.from(text, "base64");
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text);
  if (bytes.length !== KEY_BYTES || !(isBase64 || text.length === 2 * KEY_BYTES)) {
    return null;
  }
  const id = createHash("sha256").update("postrider:key_id:v1:").update(bytes).digest("hex").slice(0, 16);
  return { id, key: createSecretKey(bytes) };
}

export function isSealed(stored: string): boolean {
  return stored.startsWith("sealed:");
}

/** The id of the key that sealed it; null if it is not sealed. */
export function sealedBy(stored: string): string | null {
  return stored.startsWith(PREFIX) ? (stored.slice(PREFIX.length).split(":")[0] ?? null) : null;
}

export function seal({ id, key }: SealingKey, owner: Owner, secret: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(additionalData(owner));
  const ciphertext = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  return `${PREFIX}${id}:${Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]).toString("base64")}`;
}

export type Opened =
  | { readonly kind: "opened"; readonly secret: string }
  /** `problem` is one clause that continues "the secret …". */
  | { readonly kind: "problem"; readonly problem: string };

/** The secret itself; one that is not sealed is returned as it is. */
export function open(keys: readonly SealingKey[], owner: Owner, stored: string): Opened {
  if (!isSealed(stored)) {
    return { kind: "opened", secret: stored };
  }
  const id = sealedBy(stored);
  const key = keys.find((known) => known.id === id);
  if (key === undefined) {
    return { kind: "problem", problem: `is sealed with the key ${id}, which is not in POSTRIDER_ENCRYPTION_KEYS` };
  }
  const secret = decrypt(key, owner, stored);
  return secret === null
    ? { kind: "problem", problem: `does not open with the key ${id}: it was changed, or sealed for another endpoint` }
    : { kind: "opened", secret };
}

function decrypt({ id, key }: SealingKey, owner: Owner, stored: string): string | null {
  const bytes = Buffer.from(stored.slice(PREFIX.length + id.length + 1), "base64");
  if (bytes.length < NONCE_BYTES + TAG_BYTES) {
    return null;
  }
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(additionalData(owner))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
  } catch {
    // The tag does not fit. Node says no more than that.
    return null;
  }
}

function additionalData({ endpointId, kind }: Owner): Buffer {
  return Buffer.from(`postrider:endpoint_secret:v1:${endpointId}:${kind}`);
}
