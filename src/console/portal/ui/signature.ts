/** A request as a server got it: three headers and the body. */
export interface SignedRequest {
  readonly id: string;
  readonly timestamp: string;
  /** One or several, with spaces between them. */
  readonly signature: string;
  readonly body: string;
}

const HMAC = { version: "v1", algorithm: { name: "HMAC", hash: "SHA-256" } };
const ED25519 = { version: "v1a", algorithm: { name: "Ed25519" } };

/** Whether one of its signatures is by this secret or public key. Rejects if that is none. Nothing is sent anywhere. */
export async function isSignedBy(key: string, request: SignedRequest): Promise<boolean> {
  if (crypto.subtle === undefined) {
    throw new Error("A browser computes signatures only on a page with https.");
  }
  const [, kind, encoded = ""] = /^wh(sec|pk)_(.+)$/.exec(key) ?? [];
  if (kind === undefined) {
    throw new Error("A secret begins with whsec_, and a public key with whpk_.");
  }
  const { version, algorithm } = kind === "sec" ? HMAC : ED25519;
  const imported = await crypto.subtle.importKey("raw", bytesOf(encoded), algorithm, false, ["verify"]);
  const signed = new TextEncoder().encode(`${request.id}.${request.timestamp}.${request.body}`);
  const signatures = request.signature
    .split(" ")
    .map((each) => each.split(","))
    .filter(([of]) => of === version);
  const verdicts = signatures.map(([, text = ""]) => crypto.subtle.verify(algorithm, imported, bytesOf(text), signed));
  return (await Promise.all(verdicts)).includes(true);
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    throw new Error("A part of this is not base64: copy the whole secret and the whole signature.");
  }
}
