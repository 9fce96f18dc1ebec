import { type CryptoKey, errors, flattenedDecrypt, importJWK, type JWK } from "jose";
import { CONTENT_ENCRYPTION, type KeyAlgorithm, keyAlgorithmOf } from "../format/encrypt.ts";

/** A receiver's private key, ready for use. */
export interface DecryptionKey {
  readonly algorithm: KeyAlgorithm;
  readonly privateKey: CryptoKey;
}

export type ParsedDecryptionKey =
  | { readonly kind: "key"; readonly key: DecryptionKey }
  /** `problem` is one clause that continues "the key …". It never contains the key. */
  | { readonly kind: "problem"; readonly problem: string };

/** Reads a private JWK. */
export async function loadDecryptionKey(text: string): Promise<ParsedDecryptionKey> {
  try {
    const { use: _use, key_ops: _operations, alg: _algorithm, ...jwk } = JSON.parse(text) as JWK;
    if (typeof jwk.d !== "string") {
      return { kind: "problem", problem: "is not a private JWK: it has no member d" };
    }
    const algorithm = keyAlgorithmOf(jwk);
    const privateKey = await importJWK(jwk, algorithm);
    return privateKey instanceof Uint8Array
      ? { kind: "problem", problem: "is symmetric" }
      : { kind: "key", key: { algorithm, privateKey } };
  } catch {
    return { kind: "problem", problem: "is not a private JWK of X25519, P-256 or RSA" };
  }
}

export type Decryption =
  | { readonly kind: "decrypted"; readonly body: Buffer; readonly contentType: string | null }
  | { readonly kind: "rejected"; readonly reason: string };

/** Decrypts a body that came with this `webhook-id`. Nothing that a sender can do makes it throw. */
export async function decryptBody(
  { algorithm, privateKey }: DecryptionKey,
  body: Buffer,
  webhookId: string | null,
): Promise<Decryption> {
  try {
    const { plaintext, protectedHeader } = await flattenedDecrypt(JSON.parse(body.toString("latin1")), privateKey, {
      keyManagementAlgorithms: [algorithm],
      contentEncryptionAlgorithms: [CONTENT_ENCRYPTION],
    });
    const header: Readonly<Record<string, unknown>> = protectedHeader ?? {};
    if (header.webhook_id !== webhookId) {
      return { kind: "rejected", reason: "the body was encrypted for another webhook-id" };
    }
    const contentType = typeof header.cty === "string" ? header.cty : null;
    return {
      kind: "decrypted",
      body: Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.length),
      contentType,
    };
  } catch (thrown) {
    const detail = thrown instanceof errors.JOSEError && !(thrown instanceof errors.JWEDecryptionFailed);
    return {
      kind: "rejected",
      reason: `the body cannot be decrypted with this key${detail ? `: ${thrown.message}` : ""}`,
    };
  }
}
