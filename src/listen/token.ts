import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Tokens by which a request says whose it is: 256 random bits, which Postgres makes and shows once. What is stored is their
 * SHA-256, which a fast hash may be, because nobody can try 2^256 tokens. A token that is unknown costs the same work as one
 * that is wrong, and gets the same answer.
 */
const TOKEN = /^prt_[A-Za-z0-9_-]{43}$/;
const NO_DIGEST = Buffer.alloc(32);

/** The token of `Authorization: Bearer …`; null if there is none that could be one of ours. */
export function bearerToken(authorization: string | undefined): string | null {
  const [, token = ""] = /^Bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
  return TOKEN.test(token) ? token : null;
}

/**
 * Whether the token is one of those whose digests are stored. Every digest is compared, and one of zeros if there is none,
 * so the time tells neither which one it was nor that there was none.
 */
export function isTokenOf(token: string, digests: readonly Buffer[]): boolean {
  const given = createHash("sha256").update(token).digest();
  const matches = (digests.length === 0 ? [NO_DIGEST] : digests).map((digest) => isSame(given, digest));
  return matches.includes(true) && digests.length > 0;
}

function isSame(given: Buffer, stored: Buffer): boolean {
  return stored.length === given.length && timingSafeEqual(given, stored);
}
