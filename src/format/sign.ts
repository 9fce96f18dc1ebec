import { type KeyObject, timingSafeEqual } from "node:crypto";
import { isEd25519Signature, PRIVATE_PREFIX, PUBLIC_PREFIX, parsePublicKey, signEd25519 } from "./ed25519.ts";
import { HmacKey } from "./hmacKey.ts";

/**
 * Signatures by the Standard Webhooks specification 1.0.0: over `id.timestamp.body`, sent as a space-separated list of
 * `v1,BASE64` (HMAC-SHA256) and `v1a,BASE64` (ed25519), one entry per key in force.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

/** A valid secret. Made once per secret and kept: see `parseSecret`. */
export interface SigningKey {
  readonly hmacKey: HmacKey;
}

export type ParsedSecret =
  | { readonly kind: "key"; readonly key: SigningKey }
  /** `problem` is one clause that continues "the secret …". It never contains the secret. */
  | { readonly kind: "problem"; readonly problem: string };

/** The specification's bounds for the random bytes of a secret. */
export const SECRET_BYTES_MIN = 24;
export const SECRET_BYTES_MAX = 64;

/** How far the receiver's clock and the signed timestamp may be apart; every official library uses this. */
export const TOLERANCE_SECONDS = 300;

const SECRET_PREFIX = "whsec_";

/** Reads a secret as `postrider.create_endpoint` returns it: `whsec_` and the padded base64 of 24 to 64 bytes. */
export function parseSecret(secret: string): ParsedSecret {
  if (secret.startsWith(PRIVATE_PREFIX) || secret.startsWith(PUBLIC_PREFIX)) {
    return { kind: "problem", problem: "is an ed25519 key; an HMAC secret starts with whsec_" };
  }
  if (!secret.startsWith(SECRET_PREFIX)) {
    return { kind: "problem", problem: "does not start with whsec_" };
  }
  const encoded = secret.slice(SECRET_PREFIX.length);
  const bytes = Buffer.from(encoded, "base64");
  // Decoding skips what is not base64. Other languages refuse it, and sender and receiver must read the same key.
  if (bytes.toString("base64") !== encoded) {
    return { kind: "problem", problem: "is not padded standard base64 after whsec_" };
  }
  if (bytes.length < SECRET_BYTES_MIN || bytes.length > SECRET_BYTES_MAX) {
    return {
      kind: "problem",
      problem: `has ${bytes.length} bytes, not ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX}`,
    };
  }
  return { kind: "key", key: { hmacKey: new HmacKey(bytes) } };
}

/**
 * The value of `webhook-signature`: one `v1,BASE64` per key, in the order of the keys, separated by spaces.
 *
 * `id` and `timestampSeconds` must be those of the headers, and `id` must contain no dot. A string body is signed as UTF-8,
 * and must be sent as such. Throws if there is no key, because an unsigned request must not go out.
 */
export function signV1(
  keys: readonly SigningKey[],
  id: string,
  timestampSeconds: number,
  body: Buffer | string,
): string {
  const prefix = `${id}.${timestampSeconds}.`;
  let header = "";
  for (const key of keys) {
    header += header === "" ? `v1,${key.hmacKey.digest(prefix, body)}` : ` v1,${key.hmacKey.digest(prefix, body)}`;
  }
  if (header === "") {
    throw new Error("nothing can be signed without a key");
  }
  return header;
}

/** What signs the requests of an endpoint that wants ed25519. */
export interface MixedKeys {
  /** None for ed25519 alone. */
  readonly hmac: readonly SigningKey[];
  readonly ed25519: readonly KeyObject[];
}

/** Like `signV1`, with a `v1a,BASE64` for each key of ed25519 behind the others. Throws if there is none. */
export function signMixed(keys: MixedKeys, id: string, timestampSeconds: number, body: Buffer | string): string {
  if (keys.ed25519.length === 0) {
    throw new Error("nothing can be signed without a key");
  }
  const prefix = `${id}.${timestampSeconds}.`;
  const v1 = keys.hmac.length === 0 ? [] : [signV1(keys.hmac, id, timestampSeconds, body)];
  return [...v1, ...keys.ed25519.map((key) => `v1a,${signEd25519(key, prefix, body)}`)].join(" ");
}

/** What a receiver verifies with: a secret that it shares with the sender, or the sender's public key. */
export type VerifyingKey = SigningKey | { readonly publicKey: KeyObject };

export type ParsedVerifyingKey =
  | { readonly kind: "key"; readonly key: VerifyingKey }
  | { readonly kind: "problem"; readonly problem: string };

/** Reads a secret (`whsec_…`) or a public key (`whpk_…`). */
export function parseVerifyingKey(text: string): ParsedVerifyingKey {
  if (text.startsWith(PRIVATE_PREFIX)) {
    return { kind: "problem", problem: `is a private key; a receiver verifies with the public one, ${PUBLIC_PREFIX}…` };
  }
  if (!text.startsWith(PUBLIC_PREFIX)) {
    return parseSecret(text);
  }
  const parsed = parsePublicKey(text);
  return parsed.kind === "key" ? { kind: "key", key: { publicKey: parsed.key } } : parsed;
}

/** The three headers as they arrived; null or undefined if one did not. */
export interface SignedHeaders {
  readonly id: string | null | undefined;
  readonly timestamp: string | null | undefined;
  readonly signature: string | null | undefined;
}

/** Why a signature was not accepted, and the sentence for a person. */
export const REJECTIONS = {
  id_missing: "the header webhook-id is missing",
  id_malformed: "the header webhook-id is not an id of 1 to 256 visible ASCII characters without dot and comma",
  timestamp_missing: "the header webhook-timestamp is missing",
  timestamp_malformed: "the header webhook-timestamp is not a whole number of seconds",
  timestamp_too_old: "the header webhook-timestamp is further in the past than the tolerance allows",
  timestamp_too_new: "the header webhook-timestamp is further in the future than the tolerance allows",
  signature_missing: "the header webhook-signature is missing",
  signature_unknown: "the header webhook-signature holds no signature of a version that these secrets verify",
  signature_mismatch: "no signature in webhook-signature was made with these secrets over this id, timestamp and body",
} as const;

export type Rejection = keyof typeof REJECTIONS;

export type Verification =
  | { readonly kind: "verified"; readonly id: string; readonly timestampSeconds: number }
  | { readonly kind: "rejected"; readonly reason: Rejection };

// Without a dot, `id.timestamp.body` is unambiguous. Without comma and space, a header that was sent twice is not an id.
const ID_PATTERN = /^[!-+\-/-~]{1,256}$/;

// Twelve digits cover the next 30,000 years in seconds, and exclude a timestamp in milliseconds.
const TIMESTAMP_PATTERN = /^\d{1,12}$/;

/** More than a sender has keys in force: each signature of ed25519 takes 100 µs to verify. */
const CANDIDATES_MAX = 20;

/**
 * The receiver's side: whether one of `keys` made one of the signatures over the bytes of `body` as they arrived.
 * Signatures of other versions are skipped. Nothing that a sender can do makes it throw.
 */
export function verifySignature(
  keys: readonly VerifyingKey[],
  headers: SignedHeaders,
  body: Buffer | string,
  nowSeconds: number,
  toleranceSeconds: number = TOLERANCE_SECONDS,
): Verification {
  const { id, timestamp, signature } = headers;
  if (isMissing(id)) return rejected("id_missing");
  if (isMissing(timestamp)) return rejected("timestamp_missing");
  if (isMissing(signature)) return rejected("signature_missing");
  if (!ID_PATTERN.test(id)) return rejected("id_malformed");
  if (!TIMESTAMP_PATTERN.test(timestamp)) return rejected("timestamp_malformed");

  const timestampSeconds = Number(timestamp);
  if (timestampSeconds < nowSeconds - toleranceSeconds) return rejected("timestamp_too_old");
  if (timestampSeconds > nowSeconds + toleranceSeconds) return rejected("timestamp_too_new");

  const entries = signature.split(" ");
  const candidates = keys.map((key) => signaturesFor(key, entries));
  if (candidates.every(({ length }) => length === 0)) return rejected("signature_unknown");

  // The header's own text, not the number that it means: "0017" is signed as it was sent.
  const prefix = `${id}.${timestamp}.`;
  return keys.some((key, index) => hasSigned(key, candidates[index] ?? [], prefix, body))
    ? { kind: "verified", id, timestampSeconds }
    : rejected("signature_mismatch");
}

/** What stands behind the version that the key signs or verifies. */
function signaturesFor(key: VerifyingKey, entries: readonly string[]): readonly string[] {
  const version = "hmacKey" in key ? "v1," : "v1a,";
  return entries
    .filter((entry) => entry.startsWith(version) && entry.length > version.length)
    .slice(0, CANDIDATES_MAX)
    .map((entry) => entry.slice(version.length));
}

function hasSigned(key: VerifyingKey, candidates: readonly string[], prefix: string, body: Buffer | string): boolean {
  if (candidates.length === 0) {
    return false;
  }
  if ("publicKey" in key) {
    return candidates.some((candidate) => isEd25519Signature(key.publicKey, prefix, body, candidate));
  }
  const expected = Buffer.from(key.hmacKey.digest(prefix, body));
  return candidates.some((candidate) => equalInConstantTime(Buffer.from(candidate), expected));
}

/** Compares the base64 text itself, so that only its one canonical spelling is accepted. */
function equalInConstantTime(candidate: Buffer, expected: Buffer): boolean {
  return candidate.length === expected.length && timingSafeEqual(candidate, expected);
}

function isMissing(value: string | null | undefined): value is null | undefined | "" {
  return value === null || value === undefined || value === "";
}

function rejected(reason: Rejection): Verification {
  return { kind: "rejected", reason };
}
