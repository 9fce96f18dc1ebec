/** A receiver's private JWK: an object, or its JSON text. */
export type PrivateJwk = Readonly<Record<string, unknown>> | string;

export type KeyAlgorithm = "ECDH-ES+A256KW" | "RSA-OAEP-256";

/** A private key that looks like one. Only importing it shows that it is. */
export interface GivenKey {
  readonly algorithm: KeyAlgorithm;
  readonly jwk: Readonly<Record<string, unknown>>;
}

export type ParsedGivenKey =
  | { readonly kind: "key"; readonly key: GivenKey }
  /** `problem` is one clause that continues "the key …". It never contains the key. */
  | { readonly kind: "problem"; readonly problem: string };

const NOT_ONE = "is not a private JWK of X25519, P-256 or RSA";

/** Reads a private JWK as far as that can be done at once. */
export function parseDecryptionKey(given: unknown): ParsedGivenKey {
  const jwk = typeof given === "string" ? parsed(given) : given;
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) {
    return { kind: "problem", problem: NOT_ONE };
  }
  // What a key may be used for was said to others: importing would judge it in a way that differs by type.
  const { use: _use, key_ops: _operations, alg: _algorithm, ...members } = jwk as Readonly<Record<string, unknown>>;
  if (members.kty === "oct") {
    return { kind: "problem", problem: "is symmetric" };
  }
  if (typeof members.d !== "string") {
    return { kind: "problem", problem: "is not a private JWK: it has no member d" };
  }
  const algorithm = algorithmOf(members);
  return algorithm === null ? { kind: "problem", problem: NOT_ONE } : { kind: "key", key: { algorithm, jwk: members } };
}

function algorithmOf({ kty, crv }: Readonly<Record<string, unknown>>): KeyAlgorithm | null {
  switch (kty) {
    case "RSA":
      return "RSA-OAEP-256";
    case "EC":
    case "OKP":
      return crv === "P-256" || crv === "X25519" ? "ECDH-ES+A256KW" : null;
    default:
      return null;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
