/** Who is trusted, and how a failure of TLS is told. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import tls, { type TlsOptions } from "node:tls";
import type { Attempt } from "../../src/domain/attempt.ts";
import { issueCertificate, type Pem } from "./certificates.ts";
import { connectProxyFor, proxyAt } from "./connectProxy.ts";
import { answerOf } from "./receiver.ts";
import { assertFailed, assertSucceeded, attempt, receiverFor, requestTo, resolverOf, senderFor } from "./sending.ts";

interface Tried {
  readonly result: Attempt;
  /** The same through an egress proxy. */
  readonly tunnelled: Attempt;
  readonly requests: number;
}

/** Sends to https://hooks.example, whose certificate this is. */
async function tried(t: TestContext, options: TlsOptions, trusted: readonly Pem[] = []): Promise<Tried> {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), { tls: options });
  const proxy = await connectProxyFor(t);
  const trustedCertificates = trusted.map(({ cert }) => cert);
  const directly = senderFor(t, { ...resolverOf(["127.0.0.1"]), trustedCertificates });
  const tunnelling = senderFor(t, { trustedCertificates, proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) });
  const request = requestTo(`https://hooks.example:${receiver.port}/`);
  const result = await attempt(directly, request);
  return { result, tunnelled: await attempt(tunnelling, request), requests: receiver.requests.length };
}

function assertRefused({ result, tunnelled, requests }: Tried, sentence: RegExp): void {
  assertFailed(result, "tls", sentence);
  assertFailed(tunnelled, "tls", sentence);
  assert.match(tunnelled.error ?? "", /^the TLS handshake with \S+ through the egress proxy \S+ failed: /);
  assert.equal(requests, 0);
}

test("a certificate of a private CA is trusted if the CA is, with or without a proxy", async (t) => {
  const ca = issueCertificate(t, { isCa: true, commonName: "Private CA" });
  const leaf = issueCertificate(t, { issuer: ca });
  const { result, tunnelled, requests } = await tried(t, leaf, [ca]);
  assertSucceeded(result);
  assertSucceeded(tunnelled);
  assert.equal(requests, 2);
});

test("a certificate that has expired is told with its names and since when", async (t) => {
  const leaf = issueCertificate(t, { notAfter: "20260101120000Z", subjectAltName: "DNS:a.example,DNS:hooks.example" });
  assertRefused(
    await tried(t, leaf, [leaf]),
    /the certificate, for a\.example, hooks\.example, has expired: it was valid until 2026-01-01T12:00:00Z \(CERT_HAS_EXPIRED\)$/,
  );
});

test("a certificate whose issuer has expired is told from one that has", async (t) => {
  const ca = issueCertificate(t, { isCa: true, commonName: "Private CA", notAfter: "20260101120000Z" });
  const leaf = issueCertificate(t, { issuer: ca });
  assertRefused(await tried(t, leaf, [ca]), /a certificate of the chain has expired \(CERT_HAS_EXPIRED\)$/);
});

test("a certificate that is not valid yet is told with the date", async (t) => {
  const leaf = issueCertificate(t, { notBefore: "20980101000000Z" });
  const sentence = /for hooks\.example, is not valid before 2098-01-01T00:00:00Z \(CERT_NOT_YET_VALID\)$/;
  assertRefused(await tried(t, leaf, [leaf]), sentence);
});

for (const [subjectAltName, found] of [
  ["DNS:a.example", "a\\.example"],
  ["DNS:*.b.example,IP:10.0.0.1,DNS:c.example", "\\*\\.b\\.example, 10\\.0\\.0\\.1, c\\.example"],
  [Array.from({ length: 9 }, (_, index) => `DNS:${index}.example`).join(), "0.example, 1.example, .* and 4 more"],
  ["email:a@b.example", "no host name"],
] as const) {
  test(`a certificate for ${subjectAltName} is told by its names`, async (t) => {
    const leaf = issueCertificate(t, { subjectAltName });
    assertRefused(
      await tried(t, leaf, [leaf]),
      new RegExp(`the certificate is not for hooks\\.example, but for ${found} \\(ERR_TLS_CERT_ALTNAME_INVALID\\)$`),
    );
  });
}

test("a self-signed certificate, a private CA and an unknown issuer are told apart, with the setting", async (t) => {
  const ca = issueCertificate(t, { isCa: true, commonName: "Private CA" });
  const leaf = issueCertificate(t, { issuer: ca });
  const remedy = "; POSTRIDER_CA_FILE lists private CAs";
  assertRefused(
    await tried(t, ca),
    new RegExp(`the certificate, for hooks\\.example, is self-signed${remedy} \\(DEPTH_ZERO_SELF_SIGNED_CERT\\)$`),
  );
  assertRefused(
    await tried(t, { key: leaf.key, cert: leaf.cert + ca.cert }),
    new RegExp(`the issuer "Private CA" belongs to a private CA .*${remedy} \\(SELF_SIGNED_CERT_IN_CHAIN\\)$`),
  );
  assertRefused(
    await tried(t, leaf),
    new RegExp(`the issuer "Private CA" is not known: .*${remedy} \\(UNABLE_TO_VERIFY_LEAF_SIGNATURE\\)$`),
  );
});

test("what a stranger wrote into a certificate is shown in few harmless characters", async (t) => {
  const ca = issueCertificate(t, { commonName: "<script>\u001b[31m Zoë" });
  const { result } = await tried(t, issueCertificate(t, { issuer: ca }));
  assert.match(result.error ?? "", /the issuer "\?\?script[ -~]{1,64}" is not known/);
  const long = issueCertificate(t, {
    subjectAltName: Array(400)
      .fill(`DNS:${"a".repeat(60)}.example`)
      .join(),
  });
  assert.ok(((await tried(t, long, [long])).result.error ?? "").length < 800);
});

test("TLS 1.1 is refused, whatever Node's defaults are", async (t) => {
  const before = { min: tls.DEFAULT_MIN_VERSION, ciphers: tls.DEFAULT_CIPHERS };
  t.after(() => {
    tls.DEFAULT_MIN_VERSION = before.min;
    tls.DEFAULT_CIPHERS = before.ciphers;
  });
  tls.DEFAULT_MIN_VERSION = "TLSv1";
  tls.DEFAULT_CIPHERS = "DEFAULT@SECLEVEL=0";
  const leaf = issueCertificate(t, {});
  const old = { ...leaf, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  assertRefused(await tried(t, old, [leaf]), /the peer offers no version from TLS 1\.2 on \(ERR_SSL_/);
  assertSucceeded((await tried(t, { ...leaf, maxVersion: "TLSv1.2" }, [leaf])).result);
});

test("a receiver that answers in the clear does not speak TLS", async (t) => {
  const receiver = await receiverFor(t, () => {}, { onConnection: (socket) => socket.end("HTTP/1.1 400 Bad\r\n\r\n") });
  const result = await attempt(senderFor(t), requestTo(`https://127.0.0.1:${receiver.port}/`));
  assertFailed(result, "tls", /failed: the peer does not speak TLS \(ERR_SSL_/);
});
