import type { Content } from "./content.ts";
import type { GivenKey } from "./decryptionKeys.ts";
import { type HeaderMap, mediaType } from "./headers.ts";
import type { VerifyingKey } from "./keys.ts";
import { type Rejection, rejected } from "./rejection.ts";
import { type Claim, isSigned, readClaim, signedBytes } from "./signature.ts";

const ENCRYPTED = "application/jose+json";

/** What a sender's requests and pages are opened with. */
export interface Opener {
  readonly keys: readonly VerifyingKey[];
  /** Where there are further keys of ed25519; null if nowhere. */
  readonly remoteKeys: RemoteSource | null;
  readonly decryptionKeys: readonly GivenKey[];
  readonly toleranceSeconds: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface RemoteSource {
  /** The keys as they are known; fetched if they are not, or if that was long ago. */
  current(): Promise<readonly VerifyingKey[]>;
  /** Fetched anew; null if that was only just done. */
  renewed(): Promise<readonly VerifyingKey[] | null>;
}

/** A body that is verified and decrypted. */
export interface Opened extends Content {
  readonly kind: "opened";
}

/** Reads the body of a request whose headers are well formed. */
export type ReadBody = () => Promise<Uint8Array | Rejection>;

/**
 * Verifies a body as it arrived, and decrypts it. A body is read only if the headers say that it may be signed. Rejects only
 * if something fails on this side.
 */
export async function openBody(opener: Opener, headers: HeaderMap, readBody: ReadBody): Promise<Opened | Rejection> {
  const claim = readClaim(signedHeaders(headers), Math.floor(opener.now() / 1_000), opener.toleranceSeconds);
  if (claim.kind === "rejected") {
    return claim;
  }
  const body = await readBody();
  if ("kind" in body) {
    return body;
  }
  const refusal = await verify(opener, claim, body);
  return refusal ?? decryptOpened(opener, contentOf(opener, claim, headers, body));
}

function signedHeaders(headers: HeaderMap) {
  return {
    id: headers.get("webhook-id"),
    timestamp: headers.get("webhook-timestamp"),
    signature: headers.get("webhook-signature"),
  };
}

function contentOf({ decryptionKeys }: Opener, claim: Claim, headers: HeaderMap, body: Uint8Array): Opened {
  const { id, timestampSeconds } = claim;
  const contentType = headers.get("content-type");
  const isUnexpectedlyPlain = decryptionKeys.length > 0 && mediaType(contentType) !== ENCRYPTED;
  return { kind: "opened", webhookId: id, timestampSeconds, contentType, body, isUnexpectedlyPlain, headers };
}

async function verify({ keys, remoteKeys }: Opener, claim: Claim, body: Uint8Array): Promise<Rejection | null> {
  const { candidates } = claim;
  const remote = candidates.v1a.length > 0 ? remoteKeys : null;
  if (remote === null && keys.every(({ version }) => candidates[version].length === 0)) {
    return rejected("signature_unknown");
  }
  const message = signedBytes(claim, body);
  const isGood =
    (await isSigned(claim, keys, message)) || (remote !== null && (await isSignedRemotely(remote, claim, message)));
  return isGood ? null : rejected("signature_mismatch");
}

/** Keys that have changed since they were fetched are fetched again, but not for every stranger. */
async function isSignedRemotely(
  remote: RemoteSource,
  claim: Claim,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (await isSigned(claim, await remote.current(), message)) {
    return true;
  }
  const renewed = await remote.renewed();
  return renewed !== null && isSigned(claim, renewed, message);
}

/** Decrypts a body whose signature is good, if it is encrypted. */
export async function decryptOpened({ decryptionKeys }: Opener, opened: Opened): Promise<Opened | Rejection> {
  if (mediaType(opened.contentType) !== ENCRYPTED) {
    return opened;
  }
  if (decryptionKeys.length === 0) {
    return rejected("encrypted");
  }
  // The library of JOSE is loaded when the first encrypted body comes.
  const { decryptGiven } = await import("./decrypt.ts");
  const result = await decryptGiven(decryptionKeys, opened.body, opened.webhookId);
  return result.kind === "rejected" ? result : { ...opened, body: result.body, contentType: result.contentType };
}
