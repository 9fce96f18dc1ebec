import { createRemoteJWKSet } from "jose";
import { bytesOfBase64 } from "./base64.ts";
import { publicKeyOf, type VerifyingKey } from "./keys.ts";
import { ReceiveError } from "./receiveError.ts";

/** As long as the sender's listener lets its answer be kept: a key that is gone there is soon gone here. */
const KEPT_MS = 300_000;
/** A signature that no key made may be by a new key, or a stranger's: keys are not fetched more often for it. */
const RENEWED_MS_MIN = 30_000;
const FAILED_MS_MIN = 5_000;
const ANSWER_MS_MAX = 5_000;
const KEY_BYTES = 32;

/** The public keys at a URL, as a JWK Set (RFC 7517): those of ed25519 in it. */
export class RemoteKeys {
  readonly #set: ReturnType<typeof createRemoteJWKSet>;
  readonly #now: () => number;
  #keys: readonly VerifyingKey[] = [];
  #failedAtMs = Number.NEGATIVE_INFINITY;

  constructor(url: string, now: () => number) {
    this.#set = createRemoteJWKSet(new URL(url), {
      cacheMaxAge: KEPT_MS,
      cooldownDuration: RENEWED_MS_MIN,
      timeoutDuration: ANSWER_MS_MAX,
    });
    this.#now = now;
  }

  /** Rejects with a ReceiveError if they cannot be fetched. */
  async current(): Promise<readonly VerifyingKey[]> {
    return this.#set.fresh ? this.#keys : this.#fetched();
  }

  /** Fetched anew; null if that was only just done. Rejects with a ReceiveError if they cannot be fetched. */
  async renewed(): Promise<readonly VerifyingKey[] | null> {
    return this.#set.coolingDown ? null : this.#fetched();
  }

  async #fetched(): Promise<readonly VerifyingKey[]> {
    if (this.#now() - this.#failedAtMs < FAILED_MS_MIN) {
      throw new ReceiveError("no_keys", "cannot verify: the public keys could not be fetched a moment ago");
    }
    try {
      await this.#set.reload();
    } catch (cause) {
      this.#failedAtMs = this.#now();
      throw new ReceiveError(
        "no_keys",
        "cannot verify: the public keys at jwksUrl cannot be fetched; look whether it answers 200 with a JWK Set",
        { cause },
      );
    }
    const keys = this.#set.jwks()?.keys ?? [];
    this.#keys = keys.flatMap((jwk) => keyOf(jwk));
    return this.#keys;
  }
}

/** None for a key of another kind: a set may have those for other purposes. */
function keyOf({
  kty,
  crv,
  x,
}: {
  readonly kty?: unknown;
  readonly crv?: unknown;
  readonly x?: unknown;
}): readonly VerifyingKey[] {
  if (kty !== "OKP" || crv !== "Ed25519" || typeof x !== "string") {
    return [];
  }
  const bytes = bytesOfBase64(`${x.replaceAll("-", "+").replaceAll("_", "/")}=`);
  return bytes?.length === KEY_BYTES ? [publicKeyOf(bytes)] : [];
}
