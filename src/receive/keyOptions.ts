import { parseDecryptionKey } from "./decryptionKeys.ts";
import { functionOf, goodOf, listOf, type NamesOf, numberOf, textsOf, wrong } from "./judgedOption.ts";
import { parsePublicKey, parseSecret, type VerifyingKey } from "./keys.ts";
import type { Opener } from "./open.ts";
import type { KeyOptions } from "./options.ts";
import { isTrustworthy, remoteSource } from "./remoteSource.ts";

export const KEY_OPTIONS: NamesOf<KeyOptions> = {
  secrets: true,
  publicKeys: true,
  jwksUrl: true,
  decryptionKeys: true,
  tolerance: true,
  now: true,
};

/** Every official library of Standard Webhooks tolerates as much. */
const TOLERANCE_SECONDS = 300;
/** A later one would let a request be sent again that the store has forgotten. */
const TOLERANCE_SECONDS_MAX = 86_400;

/** Judges options as they came. Throws ReceiveError. */
export function readKeyOptions(options: KeyOptions): Opener {
  const { now = Date.now } = options;
  return {
    keys: keysOf(options),
    remoteKeys: options.jwksUrl === undefined ? null : remoteSource(jwksUrlOf(options.jwksUrl), now),
    decryptionKeys: listOf("decryptionKeys", options.decryptionKeys).map((given, at) =>
      goodOf(`decryptionKeys[${at}]`, parseDecryptionKey(given)),
    ),
    toleranceSeconds: numberOf("tolerance", options.tolerance ?? TOLERANCE_SECONDS, 1, TOLERANCE_SECONDS_MAX),
    now: functionOf("now", now),
  };
}

function keysOf(options: KeyOptions): readonly VerifyingKey[] {
  const keys = [
    ...textsOf("secrets", options.secrets).map((text, at) => goodOf(`secrets[${at}]`, parseSecret(text))),
    ...textsOf("publicKeys", options.publicKeys).map((text, at) => goodOf(`publicKeys[${at}]`, parsePublicKey(text))),
  ];
  if (keys.length === 0 && options.jwksUrl === undefined) {
    throw wrong(
      "secrets",
      "there is no key to verify with; give the endpoint's secret (whsec_…), its publicKeys or its jwksUrl",
    );
  }
  return keys;
}

function jwksUrlOf(url: unknown): string {
  if (typeof url !== "string" || !isTrustworthy(url)) {
    throw wrong("jwksUrl", "it is no URL of https; without TLS, anyone on the way could give you a key");
  }
  return url;
}
