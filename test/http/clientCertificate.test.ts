import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { TLSSocket, type TlsOptions } from "node:tls";
import { type ClientCertificate, readClientCertificate } from "../../src/http/egress/clientCertificate.ts";
import type { Sender } from "../../src/http/send.ts";
import { connectProxyFor, proxyAt } from "./connectProxy.ts";
import { answerOf, type Receiver } from "./receiver.ts";
import {
  assertFailed,
  assertSucceeded,
  attempt,
  certificateFor,
  receiverFor,
  requestTo,
  senderFor,
} from "./sending.ts";

interface Seen {
  /** The common name of the certificate that the sender showed. */
  readonly who: string | undefined;
  readonly isResumed: boolean;
  readonly numberOnConnection: number;
}

interface Asking {
  readonly receiver: Receiver;
  readonly url: string;
  readonly seen: Seen[];
  readonly trustedCertificates: readonly string[];
}

interface Pem {
  readonly cert: string;
  readonly key: string;
}

/** A receiver that asks who connects, and answers with the name that it found. */
async function askingReceiver(t: TestContext, known: readonly Pem[], more: TlsOptions = {}): Promise<Asking> {
  const tls = certificateFor(t, "IP:127.0.0.1");
  const seen: Seen[] = [];
  const ca = known.map(({ cert }) => cert);
  const receiver = await receiverFor(
    t,
    (socket, { numberOnConnection }) => {
      assert.ok(socket instanceof TLSSocket);
      const who = socket.getPeerCertificate().subject?.CN;
      seen.push({ who: who?.toString(), isResumed: socket.isSessionReused(), numberOnConnection });
      socket.write(answerOf("200 OK", who?.toString() ?? "nobody"));
    },
    { tls: { ...tls, ca, requestCert: true, rejectUnauthorized: false, ...more } },
  );
  return { receiver, url: `https://127.0.0.1:${receiver.port}/`, seen, trustedCertificates: [tls.cert] };
}

function certificateOf({ cert, key }: Pem): ClientCertificate {
  const certificate = readClientCertificate(cert, key);
  assert.equal(certificate.fault, undefined);
  return certificate;
}

/** The name that the receiver found. */
async function whoIs(sender: Sender, url: string, clientCertificate?: ClientCertificate): Promise<string | null> {
  const result = await attempt(sender, requestTo(url, clientCertificate === undefined ? {} : { clientCertificate }));
  assertSucceeded(result);
  return result.responseBody;
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`${version}: requests with different certificates share neither connections nor sessions`, async (t) => {
    const [alice, bob] = [certificateFor(t, "DNS:a", "alice"), certificateFor(t, "DNS:b", "bob")];
    const { url, seen, receiver, trustedCertificates } = await askingReceiver(t, [alice, bob], { maxVersion: version });
    const sender = senderFor(t, { trustedCertificates, connectionsPerOrigin: 2 });
    const certificates = { alice: certificateOf(alice), bob: certificateOf(bob), nobody: undefined };
    for (const name of ["alice", "bob", "nobody", "bob", "alice", "nobody"] as const) {
      assert.equal(await whoIs(sender, url, certificates[name]), name);
    }
    assert.deepEqual(
      seen.map(({ isResumed, numberOnConnection }) => [isResumed, numberOnConnection]),
      [1, 1, 1, 2, 2, 2].map((number) => [false, number]),
    );
    assert.equal(receiver.connections, 3);
    for (const socket of receiver.sockets) {
      socket.destroy();
    }
    await receiver.quiet();
    for (const name of ["bob", "nobody", "alice"] as const) {
      assert.equal(await whoIs(sender, url, certificates[name]), name);
    }
    assert.deepEqual(
      seen.slice(6).map(({ who = "nobody", isResumed }) => [who, isResumed]),
      [
        ["bob", true],
        ["nobody", true],
        ["alice", true],
      ],
    );
  });
}

test("many requests at once each arrive as who they were sent as", async (t) => {
  const pems = ["a", "b", "c", "d"].map((name) => certificateFor(t, `DNS:${name}`, name));
  const { url, receiver, trustedCertificates } = await askingReceiver(t, pems);
  const sender = senderFor(t, { trustedCertificates, connectionsPerOrigin: 2, originsMax: 3 });
  const certificates = pems.map(certificateOf);
  const sent = Array.from({ length: 200 }, async (_, index) => {
    assert.equal(await whoIs(sender, url, certificates[index % 4]), "abcd"[index % 4]);
  });
  await Promise.all(sent);
  await sender.close();
  await receiver.quiet();
});

test("the same certificate read twice is the same identity, a renewed one is another", async (t) => {
  const [first, second] = [certificateFor(t, "DNS:a", "first"), certificateFor(t, "DNS:a", "second")];
  const { url, receiver, trustedCertificates } = await askingReceiver(t, [first, second]);
  const sender = senderFor(t, { trustedCertificates });
  for (const [pem, name] of [
    [first, "first"],
    [first, "first"],
    [second, "second"],
  ] as const) {
    assert.equal(await whoIs(sender, url, certificateOf(pem)), name);
  }
  assert.equal(receiver.connections, 2);
});

test("a stale connection with a certificate is retried once, with the certificate", async (t) => {
  const alice = certificateFor(t, "DNS:a", "alice");
  const { url, receiver, trustedCertificates } = await askingReceiver(t, [alice]);
  const sender = senderFor(t, { trustedCertificates });
  assert.equal(await whoIs(sender, url, certificateOf(alice)), "alice");
  const [socket] = receiver.sockets;
  socket?.removeAllListeners("data").once("data", () => socket.destroy());
  const result = await attempt(sender, requestTo(url, { clientCertificate: certificateOf(alice) }));
  assertSucceeded(result);
  assert.deepEqual([result.responseBody, result.requests], ["alice", 2]);
});

test("a certificate is shown inside the tunnel, and not to the proxy", async (t) => {
  const alice = certificateFor(t, "DNS:a", "alice");
  const { url, trustedCertificates } = await askingReceiver(t, [alice], { rejectUnauthorized: true });
  const proxyTls = certificateFor(t, "IP:127.0.0.1");
  const shown: unknown[] = [];
  const proxy = await connectProxyFor(t, { tls: { ...proxyTls, requestCert: true, rejectUnauthorized: false } });
  proxy.server.on("secureConnection", (socket: TLSSocket) => shown.push(socket.getPeerCertificate().subject?.CN));
  const sender = senderFor(t, {
    proxy: proxyAt(`https://127.0.0.1:${proxy.port}`),
    trustedCertificates: [...trustedCertificates, proxyTls.cert],
  });
  assert.equal(await whoIs(sender, url, certificateOf(alice)), "alice");
  assert.deepEqual(shown, [undefined]);
});

test("a certificate may be followed by those of its chain", async (t) => {
  const alice = certificateFor(t, "DNS:a", "alice");
  const other = certificateFor(t, "DNS:b", "other");
  const { url, trustedCertificates } = await askingReceiver(t, [alice]);
  const sender = senderFor(t, { trustedCertificates });
  const chained = certificateOf({ cert: alice.cert + other.cert, key: alice.key });
  assert.equal(await whoIs(sender, url, chained), "alice");
});

for (const [what, unusable, sentence] of [
  [
    "of somebody else's key",
    (a, b) => ({ cert: a.cert, key: b.key }),
    /the client certificate and its key do not belong together$/,
  ],
  [
    "that is no certificate",
    (a) => ({ cert: "secret", key: a.key }),
    /the client certificate is not a certificate in PEM$/,
  ],
  ["that is empty", (a) => ({ cert: "", key: a.key }), /the client certificate is not a certificate in PEM$/],
  [
    "whose chain is damaged",
    (a) => ({ cert: `${a.cert}-----BEGIN CERTIFICATE-----\nsecret\n-----END CERTIFICATE-----\n`, key: a.key }),
    /TLS cannot use the client certificate \(ERR_OSSL_[A-Z0-9_]+\)$/,
  ],
  [
    "whose key is none",
    (a) => ({ cert: a.cert, key: "secret" }),
    /the key of the client certificate is not a private key in PEM$/,
  ],
  [
    "whose key is a public one",
    (a) => ({ cert: a.cert, key: a.cert }),
    /the key of the client certificate is not a private key in PEM$/,
  ],
  [
    "whose key is encrypted",
    (a) => ({ cert: a.cert, key: encrypted(a.key, "pkcs8") }),
    /the key of the client certificate is encrypted; it must be without a passphrase$/,
  ],
  [
    "whose key is encrypted the old way",
    (a) => ({ cert: a.cert, key: encrypted(a.key, "sec1") }),
    /the key of the client certificate is encrypted; it must be without a passphrase$/,
  ],
] satisfies readonly (readonly [string, (a: Pem, b: Pem) => Pem, RegExp])[]) {
  test(`a certificate ${what} fails the attempt clearly, and nothing is sent`, async (t) => {
    const [alice, bob] = [certificateFor(t, "DNS:a", "alice"), certificateFor(t, "DNS:b", "bob")];
    const { url, receiver, trustedCertificates } = await askingReceiver(t, [alice, bob]);
    const sender = senderFor(t, { trustedCertificates });
    const { cert, key } = unusable(alice, bob);
    const result = await attempt(sender, requestTo(url, { clientCertificate: readClientCertificate(cert, key) }));
    assertFailed(result, "tls", sentence);
    assert.match(result.error ?? "", /^the request was not sent: /);
    assert.doesNotMatch(result.error ?? "", /secret|BEGIN/);
    assert.deepEqual([result.requests, receiver.connections, sender.stats.connects], [0, 0, 0]);
  });
}

function encrypted(key: string, type: "pkcs8" | "sec1"): string {
  const options = { format: "pem", type, cipher: "aes-256-cbc", passphrase: "secret" } as const;
  return createPrivateKey(key).export(options).toString();
}

for (const version of ["-tls1_2", "-tls1_3"]) {
  for (const [what, shows, sentence] of [
    ["it was shown none", undefined, /the peer asks for a client certificate|SSL.*_HANDSHAKE_FAILURE/],
    [
      "it does not trust the issuer",
      "mallory",
      /the peer does not trust the issuer of the client certificate \(ERR_SSL_[A-Z0-9_]+_UNKNOWN_CA\)$/,
    ],
  ] as const) {
    test(`openssl ${version}: a receiver refuses because ${what}, and the attempt says so`, async (t) => {
      const tls = certificateFor(t, "IP:127.0.0.1");
      const mallory = certificateOf(certificateFor(t, "DNS:m", "mallory"));
      const port = await opensslServer(t, tls, version);
      const sender = senderFor(t, { trustedCertificates: [tls.cert] });
      const request = requestTo(
        `https://127.0.0.1:${port}/`,
        shows === undefined ? {} : { clientCertificate: mallory },
      );
      assertFailed(await attempt(sender, request), "tls", sentence);
    });
  }
}

/** openssl's own server sends the alerts that Node's server does not. It wants a certificate that it trusts. */
async function opensslServer(t: TestContext, { cert, key }: Pem, version: string): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "postrider-tls-"));
  const file = join(directory, "server.pem");
  writeFileSync(file, cert + key);
  const wanted = ["-Verify", "1", "-verify_return_error", "-CAfile", file];
  const server = spawn("openssl", ["s_server", "-accept", "127.0.0.1:0", "-cert", file, version, "-www", ...wanted]);
  t.after(() => {
    server.kill();
    rmSync(directory, { recursive: true });
  });
  return portOf(server);
}

function portOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    server.stdout?.on("data", (chunk) => {
      text += chunk;
      const port = /^ACCEPT .*:(\d+)$/m.exec(text)?.[1];
      if (port !== undefined) {
        resolve(Number(port));
      }
    });
    server.on("error", reject).on("exit", () => reject(new Error(`openssl ended: ${text}`)));
  });
}
