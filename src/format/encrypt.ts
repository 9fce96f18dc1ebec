import { type CryptoKey, calculateJwkThumbprint, FlattenedEncrypt, importJWK, type JWK } from "jose";
import { BODY_BYTES_MAX } from "./bodyText.ts";

/**
 * Bodies as JWE (RFC 7516) in the flattened JSON serialization, which a library that parses the bodies it verifies as JSON
 * can take. Nothing is compressed first: the length would tell about the contents.
 */
export const ENCRYPTED_CONTENT_TYPE = "application/jose+json";

/** How the content is encrypted; the content's key is encrypted with the algorithm of the receiver's key. */
export const CONTENT_ENCRYPTION = "A256GCM";

export type KeyAlgorithm = "ECDH-ES+A256KW" | "RSA-OAEP-256";

/** A receiver's public key, ready for use. */
export interface EncryptionKey {
  readonly algorithm: KeyAlgorithm;
  readonly publicKey: CryptoKey;
  /** The key's own `kid`, or its thumbprint (RFC 7638). */
  readonly kid: string;
}

export type ParsedEncryptionKey =
  | { readonly kind: "key"; readonly key: EncryptionKey }
  | { readonly kind: "problem"; readonly problem: string };

/** What the protected header says of a body. */
export interface Encrypted {
  readonly contentType: string;
  readonly webhookId: string;
  readonly endpointId: string;
}

/** Beside the content: the protected header with a long `kid`, and the content's key encrypted by RSA of 8192 bits. */
const REST_BYTES_MAX = 8_192;

/** The longest body that is encrypted, because base64 makes four bytes of three, and no body may pass BODY_BYTES_MAX. */
export const PLAINTEXT_BYTES_MAX = Math.floor(((BODY_BYTES_MAX - REST_BYTES_MAX) * 3) / 4);

/** The encrypted body has at most so many bytes for each of the body. */
export const ENCRYPTION_GROWTH_MAX = 4 / 3;

/** While it is encrypted, a body is there, its ciphertext, and that in base64 (4/3), as text or as bytes of the result. */
export const ENCRYPTION_COPIES = 4;

/** The members that make the key, without `use` and `key_ops`, which importing would judge in a way that differs by type. */
function keyMembers(jwk: JWK): JWK {
  switch (jwk.kty) {
    case "RSA":
      return { kty: "RSA", n: jwk.n ?? "", e: jwk.e ?? "" };
    case "EC":
      return { kty: "EC", crv: jwk.crv ?? "", x: jwk.x ?? "", y: jwk.y ?? "" };
    default:
      return { kty: jwk.kty ?? "", crv: jwk.crv ?? "", x: jwk.x ?? "" };
  }
}

export function keyAlgorithmOf({ kty }: JWK): KeyAlgorithm {
  return kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
}

/**
 * Reads a public JWK that Postgres has judged, and encrypts with it once: only that shows a point that is not on its curve,
 * or that makes every secret the same.
 */
export async function loadEncryptionKey(given: unknown): Promise<ParsedEncryptionKey> {
  try {
    const jwk = given as JWK;
    const members = keyMembers(jwk);
    const algorithm = keyAlgorithmOf(jwk);
    const publicKey = await importJWK(members, algorithm);
    if (publicKey instanceof Uint8Array) {
      return { kind: "problem", problem: "is symmetric" };
    }
    const kid = typeof jwk.kid === "string" ? jwk.kid : await calculateJwkThumbprint(members, "sha256");
    const key = { algorithm, publicKey, kid };
    await encryptBody(key, Buffer.alloc(0), { contentType: "", webhookId: "", endpointId: "" });
    return { kind: "key", key };
  } catch {
    // What is thrown says less: "Invalid keyData", "The operation failed for an operation-specific reason".
    return { kind: "problem", problem: "is not a key that can encrypt, such as a point that is not on its curve" };
  }
}

/**
 * The bytes to sign and send instead of `body`, which has PLAINTEXT_BYTES_MAX at most. The protected header binds them to
 * one message for one endpoint, so that a third party cannot pass them off as another.
 */
export async function encryptBody(
  { algorithm, publicKey, kid }: EncryptionKey,
  body: Buffer,
  { contentType, webhookId, endpointId }: Encrypted,
): Promise<Buffer> {
  const jwe = await new FlattenedEncrypt(body)
    .setProtectedHeader({
      alg: algorithm,
      enc: CONTENT_ENCRYPTION,
      kid,
      cty: contentType,
      webhook_id: webhookId,
      endpoint_id: endpointId,
    })
    .encrypt(publicKey);
  const head = `{"protected":"${jwe.protected}","encrypted_key":"${jwe.encrypted_key}","iv":"${jwe.iv}","ciphertext":"`;
  const tail = `","tag":"${jwe.tag}"}`;
  // All of it is base64url. One text of the whole would be there a second time.
  const bytes = Buffer.allocUnsafe(head.length + jwe.ciphertext.length + tail.length);
  bytes.write(head, 0, "latin1");
  bytes.write(jwe.ciphertext, head.length, "latin1");
  bytes.write(tail, head.length + jwe.ciphertext.length, "latin1");
  return bytes;
}
