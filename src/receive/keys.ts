import { bytesOfBase64 } from "./base64.ts";

/** What a signature is verified with. */
export interface VerifyingKey {
  /** Which signatures the key makes: HMAC-SHA256 (`v1`), or ed25519 (`v1a`). */
  readonly version: "v1" | "v1a";
  /** Whether the key made one of these signatures over the message. */
  readonly hasMadeOneOf: (signatures: readonly Bytes[], message: Bytes) => Promise<boolean>;
}

type Bytes = Uint8Array<ArrayBuffer>;

export type ParsedVerifyingKey =
  | { readonly kind: "key"; readonly key: VerifyingKey }
  /** `problem` is one clause that continues "the secret …". It never contains the secret. */
  | { readonly kind: "problem"; readonly problem: string };

const SECRET_PREFIX = "whsec_";
const PUBLIC_PREFIX = "whpk_";
const PRIVATE_PREFIX = "whsk_";

/** The bounds of Standard Webhooks for the random bytes of a secret. */
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;
const PUBLIC_KEY_BYTES = 32;

/** Reads a secret as `postrider.create_endpoint` returns it: `whsec_` and the padded base64 of 24 to 64 bytes. */
export function parseSecret(text: string): ParsedVerifyingKey {
  if (text.startsWith(PUBLIC_PREFIX)) {
    return problem("is a public key; those are given as publicKeys");
  }
  if (!text.startsWith(SECRET_PREFIX)) {
    return problem(text.startsWith(PRIVATE_PREFIX) ? PRIVATE : `does not start with ${SECRET_PREFIX}`);
  }
  const bytes = bytesOfBase64(text.slice(SECRET_PREFIX.length));
  if (bytes === null) {
    return problem(`is not padded standard base64 after ${SECRET_PREFIX}`);
  }
  if (bytes.length < SECRET_BYTES_MIN || bytes.length > SECRET_BYTES_MAX) {
    return problem(`has ${bytes.length} bytes, not ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX}`);
  }
  return { kind: "key", key: secretOf(bytes) };
}

/** Reads a public key of ed25519: `whpk_` and the padded base64 of 32 bytes. */
export function parsePublicKey(text: string): ParsedVerifyingKey {
  if (text.startsWith(SECRET_PREFIX)) {
    return problem("is a secret; those are given as secrets");
  }
  if (!text.startsWith(PUBLIC_PREFIX)) {
    return problem(text.startsWith(PRIVATE_PREFIX) ? PRIVATE : `does not start with ${PUBLIC_PREFIX}`);
  }
  const bytes = bytesOfBase64(text.slice(PUBLIC_PREFIX.length));
  return bytes?.length === PUBLIC_KEY_BYTES
    ? { kind: "key", key: publicKeyOf(bytes) }
    : problem(`is not ${PUBLIC_PREFIX} and the padded base64 of ${PUBLIC_KEY_BYTES} bytes`);
}

/** The key of ed25519 with these 32 bytes. */
export function publicKeyOf(bytes: Bytes): VerifyingKey {
  const load = once(() => crypto.subtle.importKey("raw", bytes, "Ed25519", false, ["verify"]));
  return {
    version: "v1a",
    async hasMadeOneOf(signatures, message) {
      const key = await load();
      for (const signature of signatures) {
        if (await crypto.subtle.verify("Ed25519", key, signature, message)) {
          return true;
        }
      }
      return false;
    },
  };
}

function secretOf(bytes: Bytes): VerifyingKey {
  const load = once(() => crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]));
  return {
    version: "v1",
    async hasMadeOneOf(signatures, message) {
      const expected = new Uint8Array(await crypto.subtle.sign("HMAC", await load(), message));
      return signatures.some((signature) => equalInConstantTime(signature, expected));
    },
  };
}

/** Both have the same length. */
function equalInConstantTime(signature: Bytes, expected: Bytes): boolean {
  let difference = 0;
  for (let at = 0; at < expected.length; at += 1) {
    difference |= (signature[at] ?? 0) ^ (expected[at] ?? 0);
  }
  return difference === 0;
}

const PRIVATE = `is a private key; a receiver verifies with the public one, ${PUBLIC_PREFIX}…`;

function problem(text: string): ParsedVerifyingKey {
  return { kind: "problem", problem: text };
}

/**
 * A key is imported once, when the first signature comes: some runtimes refuse to do so while a module loads. A failure is not
 * kept.
 */
function once<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let made: Promise<Result> | null = null;
  return () => {
    made ??= make().catch((thrown: unknown) => {
      made = null;
      throw thrown;
    });
    return made;
  };
}
