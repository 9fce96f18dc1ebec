import type { KeyObject } from "node:crypto";
import { parsePrivateKey } from "../../format/ed25519.ts";
import { type MixedKeys, parseSecret, type SigningKey } from "../../format/sign.ts";

/** What an endpoint's row says about its signatures. */
export interface SigningColumns {
  readonly signing: "hmac" | "ed25519" | "both";
  /** Those in force, newest first. */
  readonly secrets: readonly string[];
  readonly secret_kinds: readonly string[];
}

/** What signs the requests of an endpoint. */
export interface Signing {
  readonly keys: readonly SigningKey[];
  readonly mixedKeys: MixedKeys | null;
  readonly problem: string | null;
  readonly waits: boolean;
}

/** No keys if they are not all that the endpoint wants: a request is signed in full or not sent. */
export function decodeSigning({ signing, secrets, secret_kinds }: SigningColumns): Signing {
  const ofKind = (kind: string) => secrets.filter((_, index) => secret_kinds[index] === kind);
  const hmac = decodeKeys(signing === "ed25519" ? [] : ofKind("hmac"));
  const ed25519 = decodePrivateKeys(signing === "hmac" ? [] : ofKind("ed25519"));
  const lack = signing !== "ed25519" && hmac.found.length === 0 ? NO_SECRET : null;
  const fault = hmac.problem ?? ed25519.problem ?? lack;
  const waits = fault === null && signing !== "hmac" && ed25519.found.length === 0;
  if (fault !== null || waits) {
    return { keys: [], mixedKeys: null, problem: fault ?? NO_KEY, waits };
  }
  const mixedKeys = signing === "hmac" ? null : { hmac: hmac.found, ed25519: ed25519.found };
  return { keys: hmac.found, mixedKeys, problem: null, waits: false };
}

interface Decoded<Key> {
  readonly found: readonly Key[];
  /** Null if every one could be read. */
  readonly problem: string | null;
}

const NO_KEY = "the endpoint has no ed25519 key yet";
const NO_SECRET = "the endpoint has no secret in force; postrider.rotate_secret makes one";
const UNREADABLE = "a secret of the endpoint cannot be read";

function decodeKeys(secrets: readonly string[]): Decoded<SigningKey> {
  const parsed = secrets.map(parseSecret);
  const found = parsed.flatMap((one) => (one.kind === "key" ? [one.key] : []));
  return { found, problem: found.length === parsed.length ? null : UNREADABLE };
}

function decodePrivateKeys(secrets: readonly string[]): Decoded<KeyObject> {
  const parsed = secrets.map(parsePrivateKey);
  const found = parsed.flatMap((one) => (one.kind === "key" ? [one.key] : []));
  return { found, problem: found.length === parsed.length ? null : UNREADABLE };
}
