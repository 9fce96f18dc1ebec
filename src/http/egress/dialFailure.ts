import type { X509Certificate } from "node:crypto";
import type { FailureKind } from "../../domain/failureKind.ts";
import { messageOf } from "../../ground/errors.ts";
import { tlsSentence } from "./tlsFailure.ts";

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

/** @param certificate what the peer has shown, if it came to that */
export function handshakeFailure(
  where: string,
  error: Error | undefined,
  certificate?: X509Certificate,
  host?: string,
): DialFailure {
  const found =
    error === undefined
      ? "the peer closed the connection"
      : tlsSentence(codeOf(error) || error.name, certificate, host);
  return new DialFailure("tls", `the TLS handshake with ${where} failed: ${found}`);
}

export function dnsSentence(hostname: string, found: string): string {
  return `the host name ${hostname} did not resolve: ${found}`;
}
