import {
  constants,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  privateDecrypt,
} from "node:crypto";
import type { JWK } from "jose";

/** JWE by hand, from RFC 7516 and RFC 7518, with node:crypto alone: what a receiver of another language would do. */

export interface KeyPair {
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
}

export const KEY_KINDS = ["X25519", "P-256", "RSA"] as const;

export function makeKeyPair(kind: (typeof KEY_KINDS)[number]): KeyPair {
  const { publicKey, privateKey } =
    kind === "X25519"
      ? generateKeyPairSync("x25519")
      : kind === "P-256"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : generateKeyPairSync("rsa", { modulusLength: 3072 });
  return { publicJwk: publicKey.export({ format: "jwk" }), privateJwk: privateKey.export({ format: "jwk" }) };
}

export interface Opened {
  readonly header: Readonly<Record<string, unknown>>;
  readonly content: Buffer;
}

/** Throws if the body is not one of the flattened serialization, or was changed, or is for another key. */
export function openJwe(body: Buffer, privateJwk: JWK): Opened {
  const jwe = JSON.parse(body.toString("utf8")) as Readonly<Record<string, string>>;
  const part = (name: string) => Buffer.from(jwe[name] ?? "", "base64url");
  const header = JSON.parse(part("protected").toString("utf8")) as Record<string, unknown>;
  const contentKey =
    header.alg === "RSA-OAEP-256"
      ? openByRsa(part("encrypted_key"), privateJwk)
      : unwrap(part("encrypted_key"), agreedKey(header, privateJwk));
  const decipher = createDecipheriv("aes-256-gcm", contentKey, part("iv"), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(jwe.protected ?? "", "ascii"));
  decipher.setAuthTag(part("tag"));
  return { header, content: Buffer.concat([decipher.update(part("ciphertext")), decipher.final()]) };
}

function openByRsa(encrypted: Buffer, privateJwk: JWK): Buffer {
  const key = createPrivateKey({ key: { ...privateJwk }, format: "jwk" });
  return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" }, encrypted);
}

/** ECDH-ES, RFC 7518 §4.6: one round of Concat KDF gives the 256 bits of a key for AES Key Wrap. */
function agreedKey(header: Readonly<Record<string, unknown>>, privateJwk: JWK): Buffer {
  const secret = diffieHellman({
    privateKey: createPrivateKey({ key: { ...privateJwk }, format: "jwk" }),
    publicKey: createPublicKey({ key: { ...(header.epk as JWK) }, format: "jwk" }),
  });
  const withLength = (bytes: Buffer) => Buffer.concat([uint32(bytes.length), bytes]);
  return createHash("sha256")
    .update(uint32(1))
    .update(secret)
    .update(withLength(Buffer.from(String(header.alg))))
    .update(withLength(Buffer.alloc(0)))
    .update(withLength(Buffer.alloc(0)))
    .update(uint32(256))
    .digest();
}

/** AES Key Wrap, RFC 3394. */
function unwrap(wrapped: Buffer, key: Buffer): Buffer {
  const decipher = createDecipheriv("id-aes256-wrap", key, Buffer.alloc(8, 0xa6));
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
