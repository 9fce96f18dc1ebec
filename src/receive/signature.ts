import { bytesOfBase64 } from "./base64.ts";
import type { VerifyingKey } from "./keys.ts";
import { type Rejection, rejected } from "./rejection.ts";

/**
 * Verifies signatures by the Standard Webhooks specification 1.0.0: over `id.timestamp.body`, sent as a space-separated
 * list of `v1,BASE64` (HMAC-SHA256) and `v1a,BASE64` (ed25519).
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

/** The three headers as they arrived; undefined if one did not. */
export interface SignedHeaders {
  readonly id: string | undefined;
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
}

/** Headers that are well formed, and of a time that is tolerated. Nothing is verified yet. */
export interface Claim {
  readonly kind: "claim";
  readonly id: string;
  /** The header's own text: "0017" is signed as it was sent. */
  readonly timestamp: string;
  readonly timestampSeconds: number;
  readonly candidates: Candidates;
}

/** The signatures of each version, decoded. */
export type Candidates = Readonly<Record<VerifyingKey["version"], readonly Uint8Array<ArrayBuffer>[]>>;

// Without a dot, `id.timestamp.body` is unambiguous. Without comma and space, a header that was sent twice is not an id.
const ID_PATTERN = /^[!-+\-/-~]{1,256}$/;

// Twelve digits cover the next 30,000 years in seconds, and exclude a timestamp in milliseconds.
const TIMESTAMP_PATTERN = /^\d{1,12}$/;

const SIGNATURE_BYTES = { v1: 32, v1a: 64 } as const;

/**
 * How many signatures are looked at: more than a sender has keys in force. An HMAC is computed once for all of them; for each
 * of ed25519 the whole body is hashed again, which a stranger can ask for.
 */
const CANDIDATES_MAX = { v1: 20, v1a: 10 } as const;

/** Far more than that many signatures need. */
const SIGNATURE_CHARS_MAX = 8_192;

/** Reads the headers, strictly. Nothing that a sender can do makes it throw. */
export function readClaim(headers: SignedHeaders, nowSeconds: number, toleranceSeconds: number): Claim | Rejection {
  const { id, timestamp, signature } = headers;
  if (isMissing(id)) return rejected("id_missing");
  if (isMissing(timestamp)) return rejected("timestamp_missing");
  if (isMissing(signature)) return rejected("signature_missing");
  if (!ID_PATTERN.test(id)) return rejected("id_malformed");
  if (!TIMESTAMP_PATTERN.test(timestamp)) return rejected("timestamp_malformed");

  const timestampSeconds = Number(timestamp);
  if (timestampSeconds < nowSeconds - toleranceSeconds) return rejected("timestamp_too_old");
  if (timestampSeconds > nowSeconds + toleranceSeconds) return rejected("timestamp_too_new");

  const entries = signature.slice(0, SIGNATURE_CHARS_MAX).split(" ");
  const candidates = { v1: signaturesOf("v1", entries), v1a: signaturesOf("v1a", entries) };
  return { kind: "claim", id, timestamp, timestampSeconds, candidates };
}

function isMissing(value: string | undefined): value is undefined | "" {
  return value === undefined || value === "";
}

/** Only the one canonical spelling of a signature is accepted. */
function signaturesOf(version: VerifyingKey["version"], entries: readonly string[]): Uint8Array<ArrayBuffer>[] {
  const signatures: Uint8Array<ArrayBuffer>[] = [];
  for (const entry of entries.filter((each) => each.startsWith(`${version},`)).slice(0, CANDIDATES_MAX[version])) {
    const bytes = bytesOfBase64(entry.slice(version.length + 1));
    if (bytes?.length === SIGNATURE_BYTES[version]) {
      signatures.push(bytes);
    }
  }
  return signatures;
}

/** Whether one of the keys made one of the signatures over these bytes. */
export async function isSigned(
  claim: Claim,
  keys: readonly VerifyingKey[],
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  for (const key of keys) {
    const candidates = claim.candidates[key.version];
    if (candidates.length > 0 && (await key.hasMadeOneOf(candidates, message))) {
      return true;
    }
  }
  return false;
}

/** What is signed: the id, the timestamp and the bytes of the body as they arrived. */
export function signedBytes({ id, timestamp }: Claim, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const prefix = `${id}.${timestamp}.`;
  const bytes = new Uint8Array(prefix.length + body.length);
  // The prefix is ASCII.
  new TextEncoder().encodeInto(prefix, bytes);
  bytes.set(body, prefix.length);
  return bytes;
}
