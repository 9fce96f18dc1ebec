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

/** The text of a TLS error is not passed on, because it quotes the certificate, which the receiver wrote. */
export function connectFailure(origin: Origin, address: string, error: unknown, connected: boolean): DialFailure {
  const where = `${hostAndPort(origin)} (${address})`;
  const code = codeOf(error);
  if (connected && origin.secure) {
    return new DialFailure("tls", `the TLS handshake with ${where} failed: ${TLS_SENTENCES[code] ?? code}`);
  }
  if (code === "ETIMEDOUT") {
    return new DialFailure("timeout", `no connection to ${where}: the system gave up waiting (${code})`);
  }
  return new DialFailure("connect", `no connection to ${where}: ${code === "" ? messageOf(error) : code}`);
}

const TLS_SENTENCES: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another host name (ERR_TLS_CERT_ALTNAME_INVALID)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)",
  SELF_SIGNED_CERT_IN_CHAIN: "a certificate of the chain is self-signed (SELF_SIGNED_CERT_IN_CHAIN)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "an intermediate certificate is missing (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the issuer is not trusted (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)",
  CERT_HAS_EXPIRED: "the certificate has expired (CERT_HAS_EXPIRED)",
  ECONNRESET: "the receiver closed the connection (ECONNRESET)",
};

export function dnsSentence(hostname: string, found: string): string {
  return `the host name ${hostname} did not resolve: ${found}`;
}
