import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { codeOf } from "./dialFailure.ts";

/** Who the sender is to a receiver that asks, or why it cannot be shown. */
export interface ClientCertificate {
  /** PEM; the certificates of its chain follow it. */
  readonly cert: string;
  /** PEM, not encrypted. A secret. */
  readonly key: string;
  /** Equal for the same certificate and key. Connections and TLS sessions are shared only under one id. */
  readonly id: string;
  readonly fault: string | undefined;
}

/** Reads a certificate and its key, once for many requests. */
export function readClientCertificate(cert: string, key: string): ClientCertificate {
  // Lengths first, so that no two pairs give the same text.
  const id = createHash("sha256").update(`${cert.length} ${cert}${key}`).digest("base64url");
  const found = faultOf(cert, key);
  return { cert, key, id, fault: found === undefined ? undefined : `the request was not sent: ${found}` };
}

/** Until when the first certificate in the text is valid, in Unix time; NaN if it cannot be read. */
export function expiryOf(cert: string): number {
  return attempted(() => new X509Certificate(cert).validToDate.getTime()) ?? Number.NaN;
}

/** The texts of errors are not passed on, because some quote what was read. */
function faultOf(cert: string, key: string): string | undefined {
  const certificate = attempted(() => new X509Certificate(cert));
  if (certificate === undefined) {
    return "the client certificate is not a certificate in PEM";
  }
  if (/^-----BEGIN ENCRYPTED|^Proc-Type: *4, *ENCRYPTED/m.test(key)) {
    return "the key of the client certificate is encrypted; it must be without a passphrase";
  }
  const privateKey = attempted(() => createPrivateKey(key));
  if (privateKey === undefined) {
    return "the key of the client certificate is not a private key in PEM";
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    return "the client certificate and its key do not belong together";
  }
  try {
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    return `TLS cannot use the client certificate (${codeOf(error)})`;
  }
}

function attempted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
