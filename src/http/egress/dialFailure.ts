import type { FailureKind } from "../../domain/failureKind.ts";
import { messageOf } from "../../ground/errors.ts";

export interface Origin {
  readonly secure: boolean;
  /** As in a URL: lower case, IPv6 in brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** Why there is no socket. Dialling is a chain of promises, which reject with errors and not values. */
export class DialFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.name = "DialFailure";
    this.kind = kind;
  }
}

export function hostAndPort(origin: Origin): string {
  return `${origin.hostname}:${origin.port}`;
}

/** The `code` of a system or TLS error; the empty string if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** @param where the address, or how it is reached */
export function connectFailure(where: string, error: Error | undefined): DialFailure {
  const code = codeOf(error);
  if (code === "ETIMEDOUT") {
    return new DialFailure("timeout", `no connection to ${where}: the system gave up waiting (${code})`);
  }
  const found = error === undefined ? "it was closed at once" : code === "" ? messageOf(error) : code;
  return new DialFailure("connect", `no connection to ${where}: ${found}`);
}

export function handshakeFailure(where: string, error: Error | undefined): DialFailure {
  const found = error === undefined ? "the peer closed the connection" : tlsSentence(codeOf(error) || error.name);
  return new DialFailure("tls", `the TLS handshake with ${where} failed: ${found}`);
}

/** The text of a TLS error is not passed on, because it quotes the certificate, which the peer wrote. */
export function tlsSentence(code: string): string {
  const alert = /_ALERT_([A-Z_]+)$/.exec(code)?.[1] ?? "";
  const sentence = TLS_SENTENCES[code] ?? TLS_ALERT_SENTENCES[alert];
  return sentence === undefined ? code : `${sentence} (${code})`;
}

const TLS_SENTENCES: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another host name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "a certificate of the chain is self-signed",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "an intermediate certificate is missing",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the issuer is not trusted",
  CERT_HAS_EXPIRED: "the certificate has expired",
  ECONNRESET: "the peer closed the connection",
};

/** What the peer says of our certificate. The names of the codes begin with a version of TLS, which differs. */
const TLS_ALERT_SENTENCES: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: "the peer asks for a client certificate",
  UNKNOWN_CA: "the peer does not trust the issuer of the client certificate",
  BAD_CERTIFICATE: "the peer refuses the client certificate",
  CERTIFICATE_EXPIRED: "the peer says that the client certificate has expired",
  CERTIFICATE_REVOKED: "the peer says that the client certificate is revoked",
  CERTIFICATE_UNKNOWN: "the peer refuses the client certificate",
  UNSUPPORTED_CERTIFICATE: "the peer does not support the client certificate",
  ACCESS_DENIED: "the peer denies access to the client certificate",
};

export function dnsSentence(hostname: string, found: string): string {
  return `the host name ${hostname} did not resolve: ${found}`;
}
