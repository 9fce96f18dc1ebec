/**
 * Why a TLS connection failed, in a sentence. Node's own texts are not passed on, because they quote the certificate, which
 * the peer wrote: of that only dates, host names and the issuer are shown, in few characters of a small set.
 */
import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { unixMs } from "../../ground/clock.ts";

/** Host names that are shown of a certificate, which may have thousands. */
const NAMES_SHOWN_MAX = 5;
const ISSUER_CHARS_MAX = 64;

const certificates = new WeakMap<Socket, X509Certificate>();

/** Keeps what the peer has shown until the handshake has ended: Node forgets it together with the connection. */
export function keepCertificate(socket: Socket, certificate: X509Certificate | undefined): void {
  if (certificate !== undefined) {
    certificates.set(socket, certificate);
  }
}

export function takeCertificate(socket: Socket): X509Certificate | undefined {
  const certificate = certificates.get(socket);
  certificates.delete(socket);
  return certificate;
}

/** @param host whom the certificate should be for */
export function tlsSentence(code: string, certificate?: X509Certificate, host?: string): string {
  const alert = /_ALERT_([A-Z_]+)$/.exec(code)?.[1] ?? "";
  const sentence =
    (certificate && certificateSentence(code, certificate, host)) ?? TLS_SENTENCES[code] ?? TLS_ALERT_SENTENCES[alert];
  return sentence === undefined ? code : `${sentence} (${code})`;
}

function certificateSentence(code: string, certificate: X509Certificate, host: string | undefined): string | undefined {
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the certificate is not for ${host ?? "this host"}, but for ${namesOf(certificate)}`;
    case "CERT_HAS_EXPIRED":
      return certificate.validToDate.getTime() < unixMs()
        ? `the certificate, for ${namesOf(certificate)}, has expired: it was valid until ${dateText(certificate.validToDate)}`
        : "a certificate of the chain has expired";
    case "CERT_NOT_YET_VALID":
      return certificate.validFromDate.getTime() > unixMs()
        ? `the certificate, for ${namesOf(certificate)}, is not valid before ${dateText(certificate.validFromDate)}`
        : "a certificate of the chain is not valid yet";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return `the certificate, for ${namesOf(certificate)}, is self-signed; ${CA_REMEDY}`;
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return `the issuer ${issuerOf(certificate)} belongs to a private CA that is not trusted; ${CA_REMEDY}`;
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return `the issuer ${issuerOf(certificate)} is not known: the receiver leaves out an intermediate certificate, or the CA is not trusted; ${CA_REMEDY}`;
    default:
      return undefined;
  }
}

const CA_REMEDY = "POSTRIDER_CA_FILE lists private CAs";

function dateText(date: Date): string {
  return date.toISOString().replace(".000Z", "Z");
}

function namesOf({ subjectAltName = "" }: X509Certificate): string {
  const names = subjectAltName.split(", ").flatMap((entry) => {
    const name = /^(?:DNS:([a-z0-9*._-]{1,253})|IP Address:([0-9a-f.:]{2,45}))$/i.exec(entry);
    return name === null ? [] : [name[1] ?? name[2] ?? ""];
  });
  const more = names.length - NAMES_SHOWN_MAX;
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(", ");
  return names.length === 0 ? "no host name" : more > 0 ? `${shown} and ${more} more` : shown;
}

function issuerOf({ issuer }: X509Certificate): string {
  const name = /^CN=(.*)$/m.exec(issuer)?.[1] ?? /^O=(.*)$/m.exec(issuer)?.[1] ?? "without a name";
  return `"${name.slice(0, ISSUER_CHARS_MAX).replace(/[^A-Za-z0-9 .,'()&-]/g, "?")}"`;
}

const NO_TLS = "the peer does not speak TLS";
const TOO_OLD = "the peer offers no version from TLS 1.2 on";

const TLS_SENTENCES: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another host name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "a certificate of the chain is self-signed",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "an intermediate certificate is missing",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the issuer is not trusted",
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  INVALID_PURPOSE: "a certificate of the chain must not be used for this",
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: TOO_OLD,
  ERR_TLS_RENEGOTIATION_DISABLED: "the peer wants to negotiate anew",
  ECONNRESET: "the peer closed the connection",
};

/** What the peer says. The names of the codes begin with a version of TLS, which differs. */
const TLS_ALERT_SENTENCES: Readonly<Record<string, string>> = {
  PROTOCOL_VERSION: TOO_OLD,
  HANDSHAKE_FAILURE: "the peer refuses the handshake",
  UNRECOGNIZED_NAME: "the peer has no such host",
  CERTIFICATE_REQUIRED: "the peer asks for a client certificate",
  UNKNOWN_CA: "the peer does not trust the issuer of the client certificate",
  BAD_CERTIFICATE: "the peer refuses the client certificate",
  CERTIFICATE_EXPIRED: "the peer says that the client certificate has expired",
  CERTIFICATE_REVOKED: "the peer says that the client certificate is revoked",
  CERTIFICATE_UNKNOWN: "the peer refuses the client certificate",
  UNSUPPORTED_CERTIFICATE: "the peer does not support the client certificate",
  ACCESS_DENIED: "the peer denies access to the client certificate",
};
