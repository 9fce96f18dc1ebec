import { type CryptoKey, errors, flattenedDecrypt, importJWK } from "jose";
import { type GivenKey, type KeyAlgorithm, parseDecryptionKey } from "./decryptionKeys.ts";
import { ReceiveError } from "./receiveError.ts";
import { type Rejection, rejected } from "./rejection.ts";

/** A receiver's private key, ready for use. */
export interface DecryptionKey {
  readonly algorithm: KeyAlgorithm;
  readonly privateKey: CryptoKey;
}

export type ParsedDecryptionKey =
  | { readonly kind: "key"; readonly key: DecryptionKey }
  /** `problem` is one clause that continues "the key …". It never contains the key. */
  | { readonly kind: "problem"; readonly problem: string };

const CONTENT_ENCRYPTION = "A256GCM";

/** Reads a private JWK: an object, or its text. */
export async function loadDecryptionKey(given: unknown): Promise<ParsedDecryptionKey> {
  const parsed = parseDecryptionKey(given);
  return parsed.kind === "key" ? importKey(parsed.key) : parsed;
}

async function importKey({ algorithm, jwk }: GivenKey): Promise<ParsedDecryptionKey> {
  try {
    const privateKey = await importJWK(jwk, algorithm);
    return privateKey instanceof Uint8Array
      ? { kind: "problem", problem: "is symmetric" }
      : { kind: "key", key: { algorithm, privateKey } };
  } catch {
    return { kind: "problem", problem: "is not a private JWK of X25519, P-256 or RSA" };
  }
}

/** Keys as they were given, and what becomes of them. */
const imported = new WeakMap<GivenKey, Promise<ParsedDecryptionKey>>();

/** Like `decryptBody`, with keys that are imported when they are needed first. Rejects with a ReceiveError if one is wrong. */
export async function decryptGiven(
  given: readonly GivenKey[],
  body: Uint8Array,
  webhookId: string,
): Promise<Decrypted | Rejection> {
  const keys = await Promise.all(given.map(importOnce));
  return decryptBody(keys, body, webhookId);
}

async function importOnce(given: GivenKey, index: number): Promise<DecryptionKey> {
  const importing = imported.get(given) ?? importKey(given);
  imported.set(given, importing);
  const parsed = await importing;
  if (parsed.kind === "problem") {
    throw new ReceiveError("bad_options", `cannot decrypt with decryptionKeys[${index}]: it ${parsed.problem}`);
  }
  return parsed.key;
}

export interface Decrypted {
  readonly kind: "decrypted";
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
}

/** Decrypts a body that came with this `webhook-id`, with the first of the keys that can. Nothing that a sender can do makes it throw. */
export async function decryptBody(
  keys: readonly DecryptionKey[],
  body: Uint8Array,
  webhookId: string | null,
): Promise<Decrypted | Rejection> {
  let rejection = rejected("not_decrypted");
  for (const key of keys) {
    const decrypted = await decryptWith(key, body, webhookId);
    if (decrypted.kind === "decrypted" || decrypted.code !== "not_decrypted") {
      return decrypted;
    }
    rejection = decrypted;
  }
  return rejection;
}

async function decryptWith(
  { algorithm, privateKey }: DecryptionKey,
  body: Uint8Array,
  webhookId: string | null,
): Promise<Decrypted | Rejection> {
  try {
    const { plaintext, protectedHeader } = await flattenedDecrypt(jweOf(body), privateKey, {
      keyManagementAlgorithms: [algorithm],
      contentEncryptionAlgorithms: [CONTENT_ENCRYPTION],
      // Nothing is compressed: a little that becomes a lot is refused.
      maxDecompressedLength: 0,
    });
    const header: Readonly<Record<string, unknown>> = protectedHeader ?? {};
    if (header.webhook_id !== webhookId) {
      return rejected("encrypted_for_another");
    }
    return { kind: "decrypted", body: plaintext, contentType: typeof header.cty === "string" ? header.cty : undefined };
  } catch (thrown) {
    const isPlain = thrown instanceof errors.JOSEError && !(thrown instanceof errors.JWEDecryptionFailed);
    return rejected("not_decrypted", isPlain ? thrown.code : undefined);
  }
}

/** All of it is ASCII; what is not would be no base64url. */
function jweOf(body: Uint8Array): Parameters<typeof flattenedDecrypt>[0] {
  return JSON.parse(new TextDecoder().decode(body));
}
