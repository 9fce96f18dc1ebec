import { X509Certificate } from "node:crypto";

export type CertificatesParse =
  | { readonly kind: "certificates"; readonly certificates: readonly string[] }
  /** What is wrong with the text, as the rest of a sentence about its file. Quotes nothing of it. */
  | { readonly kind: "problem"; readonly found: string };

/** Certificates in PEM, one behind the other, with any text between them. */
export function parseCertificates(text: string): CertificatesParse {
  const certificates =
    text.match(/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END \1?CERTIFICATE-----/g) ?? [];
  if (certificates.length !== (text.match(/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/g) ?? []).length) {
    return { kind: "problem", found: "has a certificate that does not end" };
  }
  if (certificates.length === 0) {
    return { kind: "problem", found: "has no certificate" };
  }
  const unreadable = certificates.findIndex((certificate) => !isReadable(certificate));
  return unreadable === -1
    ? { kind: "certificates", certificates }
    : { kind: "problem", found: `has a certificate, number ${unreadable + 1}, that cannot be read` };
}

function isReadable(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).subject !== null;
  } catch {
    return false;
  }
}
