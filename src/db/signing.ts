import type { KeyObject } from "node:crypto";
import { parsePrivateKey } from "../format/ed25519.ts";
import { type MixedKeys, parseSecret, type SigningKey } from "../format/sign.ts";
import { open, type SealingKey } from "../secrets/sealing.ts";

/** What an endpoint's row says about its signatures. */
export interface SigningColumns {
  readonly id: string;
  readonly signing: "hmac" | "ed25519" | "both";
  /** Those in force, newest first; perhaps sealed. */
  readonly secrets: readonly string[];
  readonly secret_kinds: readonly string[];
}

/** What signs the requests of an endpoint. */
export interface Signing {
  readonly keys: readonly SigningKey[];
  readonly mixedKeys: MixedKeys | null;
  readonly problem: string | null;
  /**
   * `fails`: attempts fail until an operator mends it; `waits`: deliveries wait for a key that a daemon makes; `unreadable`:
   * they wait, and the endpoint must be paused.
   */
  readonly standing: "well" | "fails" | "waits" | "unreadable";
}

const NO_KEY = "the endpoint has no ed25519 key yet";
const NO_SECRET = "the endpoint has no secret in force; postrider.rotate_secret makes one";

/** No keys if they are not all that the endpoint wants: a request is signed in full or not sent. */
export function decodeSigning(row: SigningColumns, sealingKeys: readonly SealingKey[]): Signing {
  const { signing } = row;
  const hmac = signing === "ed25519" ? NONE : decode(row, "hmac", sealingKeys, parseSecret);
  const ed25519 = signing === "hmac" ? NONE : decode(row, "ed25519", sealingKeys, parsePrivateKey);
  const unreadable = hmac.problem ?? ed25519.problem;
  if (unreadable !== null) {
    return without("unreadable", unreadable);
  }
  if (signing !== "ed25519" && hmac.found.length === 0) {
    return without("fails", NO_SECRET);
  }
  if (signing !== "hmac" && ed25519.found.length === 0) {
    return without("waits", NO_KEY);
  }
  const mixedKeys = signing === "hmac" ? null : { hmac: hmac.found, ed25519: ed25519.found };
  return { keys: hmac.found, mixedKeys, problem: null, standing: "well" };
}

function without(standing: Signing["standing"], problem: string): Signing {
  return { keys: [], mixedKeys: null, problem, standing };
}

interface Decoded<Key> {
  readonly found: readonly Key[];
  /** Null if every one could be read. */
  readonly problem: string | null;
}

const NONE = { found: [], problem: null } as const satisfies Decoded<never>;

type Parse<Key> = (
  text: string,
) => { readonly kind: "key"; readonly key: Key } | { readonly kind: "problem"; readonly problem: string };

function decode<Key extends SigningKey | KeyObject>(
  { id, secrets, secret_kinds }: SigningColumns,
  kind: string,
  sealingKeys: readonly SealingKey[],
  parse: Parse<Key>,
): Decoded<Key> {
  const found: Key[] = [];
  for (const [index, stored] of secrets.entries()) {
    if (secret_kinds[index] === kind) {
      const opened = open(sealingKeys, { endpointId: id, kind }, stored);
      const parsed = opened.kind === "opened" ? parse(opened.secret) : opened;
      if (parsed.kind === "problem") {
        return { found: [], problem: `a secret (${kind}) ${parsed.problem}` };
      }
      found.push(parsed.key);
    }
  }
  return { found, problem: null };
}
