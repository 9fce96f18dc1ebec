import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { test } from "node:test";
import { TLSSocket } from "node:tls";
import fc from "fast-check";
import { Dialer } from "../../src/http/egress/dial.ts";
import { OwnServers } from "../../src/http/egress/own.ts";
import type { EgressSettings } from "../../src/http/egress/policy.ts";
import { policyOf } from "../support/egress.ts";
import { until } from "../support/until.ts";
import { connectProxyFor, proxyAt } from "./connectProxy.ts";
import { answerOf, type Receiver } from "./receiver.ts";
import {
  assertFailed,
  assertSucceeded,
  attempt,
  certificateFor,
  receiverFor,
  requestTo,
  resolverOf,
  senderFor,
} from "./sending.ts";
import { assertResults, type Spoiled, spoiled, writeSpoiled } from "./spoiled.ts";

const PUBLIC_ONLY: EgressSettings = { profile: "public-only", allow: [], deny: [] };
const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";

test("a look at a proxy that takes too long names the proxy alone", async () => {
  const dialer = new Dialer({
    policy: policyOf(),
    own: new OwnServers([]),
    proxy: proxyAt("http://proxy.internal:3128"),
    connectTimeoutMs: 20,
    responseHeaderBytesMax: 0,
    resolve: () => new Promise(() => {}),
    trustedCertificates: [],
  });
  await assert.rejects(dialer.tryProxy(), {
    message: "the egress proxy is out of reach: no connection to proxy.internal:3128 within 20 ms",
  });
});

test("http and https go through a tunnel, and the proxy resolves the name", async (t) => {
  const tls = certificateFor(t, "DNS:hooks.example.com");
  const proxy = await connectProxyFor(t);
  const names = resolverOf([]);
  const sender = senderFor(
    t,
    { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`), trustedCertificates: [tls.cert], resolve: names.resolve },
    PUBLIC_ONLY,
  );
  const plain = await receiverFor(t, (socket) => socket.write(answerOf("201 Created", "plain")));
  const indicated: unknown[] = [];
  const secure = await receiverFor(
    t,
    (socket) => {
      indicated.push("servername" in socket && socket.servername);
      socket.write(answerOf("201 Created", "secure"));
    },
    { tls },
  );
  for (const [url, body] of [
    [`http://hooks.example.com:${plain.port}/a?b=c`, "plain"],
    [`https://hooks.example.com:${secure.port}/a?b=c`, "secure"],
  ] as const) {
    const result = await attempt(sender, requestTo(url));
    assertSucceeded(result);
    assert.deepEqual([result.httpStatus, result.responseBody, result.requests], [201, body, 1]);
  }
  assert.deepEqual(proxy.asked, [`hooks.example.com:${plain.port}`, `hooks.example.com:${secure.port}`]);
  assert.deepEqual(
    proxy.requests.map(({ rawHeaders }) => rawHeaders),
    proxy.asked.map((host) => ["host", host]),
  );
  for (const receiver of [plain, secure]) {
    assert.equal(receiver.requests[0]?.head.split("\r\n")[0], "POST /a?b=c HTTP/1.1");
    assert.equal(receiver.requests[0]?.head.split("\r\n")[1], `host: hooks.example.com:${receiver.port}`);
    assert.equal(receiver.requests[0]?.body.toString(), '{"a":1}');
  }
  assert.deepEqual(indicated, ["hooks.example.com"]);
  assert.deepEqual([names.asked, sender.stats.connects], [[], 2]);
});

test("a proxy behind TLS is verified by its own name, and http and https go through its tunnels", async (t) => {
  const tls = certificateFor(t, "DNS:hooks.example.com");
  const proxyTls = certificateFor(t, "DNS:proxy.example.com");
  const proxy = await connectProxyFor(t, { tls: proxyTls, credentials: "user:secret" });
  const names = resolverOf(["127.0.0.1"]);
  const options = { resolve: names.resolve, trustedCertificates: [tls.cert, proxyTls.cert] };
  const sender = senderFor(t, { ...options, proxy: proxyAt(`https://user:secret@proxy.example.com:${proxy.port}`) });
  const plain = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "plain")));
  const secure = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "secure")), { tls });
  const urls = [`http://hooks.example.com:${plain.port}/`, `https://hooks.example.com:${secure.port}/`];
  for (const url of [...urls, ...urls]) {
    const result = await attempt(sender, requestTo(url));
    assertSucceeded(result);
    assert.equal(result.responseBody, url.startsWith("https") ? "secure" : "plain");
  }
  assert.equal(proxy.asked.length, 2);
  assert.deepEqual(new Set(names.asked), new Set(["proxy.example.com"]));
  const misnamed = senderFor(t, { ...options, proxy: proxyAt(`https://other.example.com:${proxy.port}`) });
  const result = await attempt(misnamed, requestTo(urls[1] ?? ""));
  assertFailed(
    result,
    "proxy",
    /^the egress proxy is out of reach: the TLS handshake with other\.example\.com:\d+ \(127\.0\.0\.1\) failed: the certificate is not for other\.example\.com, but for proxy\.example\.com /,
  );
  assert.equal(proxy.asked.length, 2);
});

test("the receiver's certificate is verified inside the tunnel", async (t) => {
  const tls = certificateFor(t, "DNS:hooks.example.com");
  const proxy = await connectProxyFor(t);
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), { tls });
  const options = { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) };
  const trusting = senderFor(t, { ...options, trustedCertificates: [tls.cert] });
  assertFailed(
    await attempt(trusting, requestTo(`https://other.example.com:${receiver.port}/`)),
    "tls",
    /^the TLS handshake with other\.example\.com:\d+ through the egress proxy 127\.0\.0\.1:\d+ failed: the certificate is not for other\.example\.com, but for hooks\.example\.com \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
  );
  assertFailed(
    await attempt(senderFor(t, options), requestTo(`https://hooks.example.com:${receiver.port}/`)),
    "tls",
    /the certificate, for hooks\.example\.com, is self-signed; .* \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
  );
  assert.equal(receiver.requests.length, 0);
  assertSucceeded(await attempt(trusting, requestTo(`https://hooks.example.com:${receiver.port}/`)));
});

test("a certificate for an address is verified inside the tunnel", async (t) => {
  const tls = certificateFor(t, "IP:127.0.0.1");
  const proxy = await connectProxyFor(t);
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), { tls });
  const sender = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`), trustedCertificates: [tls.cert] });
  assertSucceeded(await attempt(sender, requestTo(`https://127.0.0.1:${receiver.port}/`)));
  const wrong = certificateFor(t, "IP:127.0.0.2");
  const other = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), { tls: wrong });
  const refusing = senderFor(t, {
    proxy: proxyAt(`http://127.0.0.1:${proxy.port}`),
    trustedCertificates: [wrong.cert],
  });
  assertFailed(
    await attempt(refusing, requestTo(`https://127.0.0.1:${other.port}/`)),
    "tls",
    /is not for 127\.0\.0\.1, but for 127\.0\.0\.2 \(/,
  );
});

test("the proxy gets its credentials, and the receiver and the attempt never see them", async (t) => {
  const proxy = await connectProxyFor(t, { credentials: "us@er:pa:ss wörd" });
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const url = `http://hooks.example.com:${receiver.port}/`;
  const right = proxyAt(`http://us%40er:pa%3Ass%20w%C3%B6rd@127.0.0.1:${proxy.port}`);
  assertSucceeded(await attempt(senderFor(t, { proxy: right }), requestTo(url)));
  assert.doesNotMatch(receiver.requests[0]?.head ?? "", /authorization/i);
  const wrong = proxyAt(`http://us%40er:hidden@127.0.0.1:${proxy.port}`);
  const result = await attempt(senderFor(t, { proxy: wrong }), requestTo(url));
  assertFailed(
    result,
    "proxy",
    /^the egress proxy 127\.0\.0\.1:\d+ answered 407 to CONNECT hooks\.example\.com:\d+: it does not accept our credentials$/,
  );
  assert.doesNotMatch(JSON.stringify(result), /hidden|us@er|dXNAZXI/);
  const none = await attempt(senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) }), requestTo(url));
  assertFailed(none, "proxy", /answered 407 to CONNECT hooks\.example\.com:\d+: it asks for credentials$/);
  assert.equal(receiver.requests.length, 1);
});

for (const status of ["403 Forbidden", "502 Bad Gateway", "302 Found", "400"]) {
  test(`a proxy that answers ${status} fails the attempt as the proxy's, not the receiver's`, async (t) => {
    const proxy = await receiverFor(t, (socket) =>
      socket.write(answerOf(status, "of the proxy", "x: of the proxy\r\n")),
    );
    const sender = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) });
    for (const scheme of ["http", "https"]) {
      const result = await attempt(sender, requestTo(`${scheme}://hooks.example.com/`));
      const port = scheme === "http" ? 80 : 443;
      assertFailed(
        result,
        "proxy",
        new RegExp(
          `^the egress proxy 127\\.0\\.0\\.1:${proxy.port} answered ${status.slice(0, 3)} to CONNECT hooks\\.example\\.com:${port}$`,
        ),
      );
      assert.deepEqual(
        [result.httpStatus, result.responseHeaders, result.responseBody, result.requests],
        [null, null, null, 0],
      );
    }
    assert.deepEqual(
      proxy.requests.map(({ head }) => head.split("\r\n")[0]),
      ["CONNECT hooks.example.com:80 HTTP/1.1", "CONNECT hooks.example.com:443 HTTP/1.1"],
    );
    await proxy.quiet();
    assert.equal(sender.stats.socketsOpen, 0);
  });
}

/** A proxy that answers CONNECT with these bytes and is then the receiver itself. */
function speaking(
  bytes: string,
  pieceBytes = bytes.length,
): (socket: Socket, request: { readonly head: string }) => void {
  return (socket, { head }) => {
    if (!head.startsWith("CONNECT ")) {
      socket.write(answerOf("200 OK", "through"));
      return;
    }
    const whole = Buffer.from(bytes, "latin1");
    for (let at = 0; at < whole.length; at += pieceBytes) {
      socket.write(whole.subarray(at, at + pieceBytes));
    }
  };
}

for (const [what, bytes, pieceBytes] of [
  [
    "informational answers before it",
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n${ESTABLISHED}`,
  ],
  ["lengths, which mean nothing in it", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n"],
  ["another 2xx", "HTTP/1.0 204\r\nconnection: close\r\n\r\n"],
  ["many headers, byte by byte", `HTTP/1.1 200 OK\r\nvia: ${"x".repeat(300)}\r\ndate: today\r\n\r\n`, 1],
] as const) {
  test(`a proxy's answer with ${what} opens the tunnel`, async (t) => {
    const proxy = await receiverFor(t, speaking(bytes, pieceBytes));
    const sender = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) });
    for (const _ of [1, 2]) {
      const result = await attempt(sender, requestTo("http://hooks.example.com/"));
      assertSucceeded(result);
      assert.equal(result.responseBody, "through");
    }
    assert.equal(proxy.connections, 1);
  });
}

for (const [what, bytes, sentence] of [
  [
    "bytes behind it",
    `${ESTABLISHED}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`,
    /sent bytes behind its answer to CONNECT h.*, before we had sent any$/,
  ],
  ["one byte behind it", `${ESTABLISHED}\x16`, /sent bytes behind its answer/],
  [
    "informational answers without end",
    "HTTP/1.1 103 Early\r\nlink: x\r\n\r\n".repeat(200),
    /did not answer CONNECT .* as it must: more than 32 informational answers$/,
  ],
  ["101", "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", /answered 101 to CONNECT/],
  [
    "headers without end",
    `HTTP/1.1 200 OK\r\nx: ${"y".repeat(40_000)}\r\n`,
    /as it must: the answer's headers are larger than 16384 bytes$/,
  ],
  [
    "a bare line feed",
    "HTTP/1.1 200 OK\nx: y\n\n",
    /as it must: the answer is not well-formed HTTP \(a character of the status line\)$/,
  ],
  ["no HTTP", "SSH-2.0-OpenSSH_9.9\r\n", /the answer is not well-formed HTTP \(no status line\)$/],
  ["HTTP/2", "HTTP/2 200\r\n\r\n", /the answer is not well-formed HTTP \(no status line\)$/],
  ["a folded line", "HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n", /the answer is not well-formed HTTP \(a header's name\)$/],
  ["a TLS record", "\x15\x03\x01\x00\x02\x02\x28", /the answer is not well-formed HTTP/],
] as const) {
  test(`a proxy's answer with ${what} is refused`, async (t) => {
    const proxy = await receiverFor(t, speaking(bytes));
    const sender = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) });
    for (const scheme of ["http", "https"]) {
      const result = await attempt(sender, requestTo(`${scheme}://hooks.example.com/`));
      assertFailed(result, "proxy", sentence);
      assert.match(result.error ?? "", /^the egress proxy 127\.0\.0\.1:\d+ /);
    }
    await proxy.quiet();
    assert.equal(proxy.requests.length, 2, "nothing but CONNECT was sent");
  });
}

for (const [what, end, sentence] of [
  [
    "closes",
    (socket: Socket) => void socket.end(),
    /closed the connection before it answered CONNECT hooks\.example\.com:443$/,
  ],
  ["closes half way", (socket: Socket) => void socket.end("HTTP/1.1 200"), /closed the connection before it answered/],
  [
    "resets",
    (socket: Socket) => void socket.resetAndDestroy(),
    /failed \(ECONNRESET\) before it answered CONNECT hooks\.example\.com:443$/,
  ],
] as const) {
  test(`a proxy that ${what} before its answer fails the attempt as the proxy's`, async (t) => {
    const proxy = await receiverFor(t, end);
    const sender = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) });
    assertFailed(await attempt(sender, requestTo("https://hooks.example.com/")), "proxy", sentence);
    assert.equal(proxy.connections, 1);
  });
}

test("a proxy that is out of reach is told by kind and sentence", async (t) => {
  const gone = await receiverFor(t, () => {});
  const proxy = proxyAt(`http://user:secret@proxy.example.com:${gone.port}`);
  await gone[Symbol.asyncDispose]();
  for (const [names, sentence] of [
    [
      resolverOf(["127.0.0.1"]),
      /^the egress proxy is out of reach: no connection to proxy\.example\.com:\d+ \(127\.0\.0\.1\): ECONNREFUSED$/,
    ],
    [
      resolverOf([]),
      /^the egress proxy is out of reach: the host name proxy\.example\.com did not resolve: no addresses$/,
    ],
  ] as const) {
    const result = await attempt(
      senderFor(t, { proxy, resolve: names.resolve }),
      requestTo("https://hooks.example.com/"),
    );
    assertFailed(result, "proxy", sentence);
    assert.doesNotMatch(result.error ?? "", /secret/);
  }
});

test("a proxy whose name does not resolve in time is out of reach, and so are all receivers", async (t) => {
  const sender = senderFor(t, {
    proxy: proxyAt("http://proxy.example.com:3128"),
    connectTimeoutMs: 150,
    resolve: () => new Promise(() => {}),
  });
  const result = await attempt(sender, requestTo("https://hooks.example.com/"));
  assertFailed(
    result,
    "proxy",
    /^the egress proxy is out of reach: no connection to hooks\.example\.com:443 through the egress proxy proxy\.example\.com:3128 within 150 ms$/,
  );
  assert.equal(sender.stats.connects, 0);
});

test("a silent proxy is bounded by the deadline for connecting, and by that of the attempt", async (t) => {
  const proxy = await receiverFor(t, () => {});
  const options = { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) };
  const connecting = senderFor(t, { ...options, connectTimeoutMs: 150 });
  for (const scheme of ["http", "https"]) {
    const result = await attempt(connecting, requestTo(`${scheme}://hooks.example.com/`));
    assertFailed(
      result,
      "timeout",
      /^no connection to hooks\.example\.com:\d+ through the egress proxy 127\.0\.0\.1:\d+ within 150 ms$/,
    );
  }
  const result = await attempt(senderFor(t, options), requestTo("https://hooks.example.com/", { timeoutMs: 150 }));
  assertFailed(result, "timeout", /^150 ms passed before an answer$/);
  assert.ok(result.durationMs < 4_000, String(result.durationMs));
  await proxy.quiet();
});

test("the deadline for connecting covers the handshake inside the tunnel", async (t) => {
  const silent = await receiverFor(t, () => {}, { onConnection: (socket) => socket.resume() });
  const proxy = await connectProxyFor(t);
  const sender = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`), connectTimeoutMs: 300 });
  const result = await attempt(sender, requestTo(`https://hooks.example.com:${silent.port}/`));
  assertFailed(result, "timeout", /through the egress proxy 127\.0\.0\.1:\d+ within 300 ms$/);
  await silent.quiet();
  await until("the tunnel is closed", () => proxy.sockets.size === 0);
});

test("a tunnel is kept and used again, and a stale one is retried once through a new one", async (t) => {
  const tls = certificateFor(t, "DNS:hooks.example.com");
  const proxy = await connectProxyFor(t);
  for (const secure of [false, true]) {
    const resumed: boolean[] = [];
    const receiver: Receiver = await receiverFor(
      t,
      (socket, { numberOnConnection }) => {
        if (numberOnConnection === 1 && socket instanceof TLSSocket) {
          resumed.push(socket.isSessionReused());
        }
        if (receiver.connections === 1 && numberOnConnection === 20) {
          socket.destroy();
        } else {
          socket.write(answerOf("200 OK", "ok"));
        }
      },
      secure ? { tls } : {},
    );
    const options = { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`), trustedCertificates: [tls.cert] };
    const sender = senderFor(t, options);
    const url = `http${secure ? "s" : ""}://hooks.example.com:${receiver.port}/`;
    const requests: number[] = [];
    for (let sent = 0; sent < 30; sent += 1) {
      const result = await attempt(sender, requestTo(url));
      assertSucceeded(result);
      requests.push(result.requests);
    }
    assert.deepEqual(requests, [...Array(19).fill(1), 2, ...Array(10).fill(1)]);
    assert.deepEqual([receiver.connections, sender.stats.connects], [2, 2]);
    assert.deepEqual(resumed, secure ? [false, true] : []);
  }
  assert.equal(proxy.asked.length, 4);
});

test("large bodies go through a tunnel in both directions", async (t) => {
  const tls = certificateFor(t, "DNS:hooks.example.com");
  const proxyTls = certificateFor(t, "IP:127.0.0.1");
  const trustedCertificates = [tls.cert, proxyTls.cert];
  const body = Buffer.alloc(3_000_001, "0123456789abcdef!");
  const digest = createHash("sha256").update(body).digest("hex");
  for (const overTls of [false, true]) {
    const proxy = await connectProxyFor(t, overTls ? { tls: proxyTls } : {});
    const options = { responseBytesRead: 4_000_000, responseBytesKept: 4_000_000, trustedCertificates };
    const sender = senderFor(t, { ...options, proxy: proxyAt(`http${overTls ? "s" : ""}://127.0.0.1:${proxy.port}`) });
    for (const secure of [false, true]) {
      const receiver = await receiverFor(
        t,
        (socket, request) => {
          assert.equal(createHash("sha256").update(request.body).digest("hex"), digest);
          socket.write(answerOf("200 OK", request.body.toString()));
        },
        secure ? { tls } : {},
      );
      const result = await attempt(
        sender,
        requestTo(`http${secure ? "s" : ""}://hooks.example.com:${receiver.port}/`, { body, timeoutMs: 20_000 }),
      );
      assertSucceeded(result);
      assert.equal(result.responseBody, body.toString());
    }
  }
});

test("what egress refuses by its URL never reaches the proxy", async (t) => {
  const proxy = await receiverFor(t, speaking(ESTABLISHED));
  const sender = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`) }, PUBLIC_ONLY);
  const file = new URL("egress/hostileUrls.json", import.meta.url);
  const rows = JSON.parse(readFileSync(file, "utf8")) as readonly { readonly url: string; readonly verdict: string }[];
  const refused = rows.filter(({ verdict }) => verdict === "refused");
  assert.ok(refused.length > 50);
  for (const { url } of refused) {
    for (const each of [url, url.replace(/^http:/, "https:")]) {
      assertFailed(await attempt(sender, requestTo(each)), "blocked", /^egress refused the URL: /);
    }
  }
  assert.deepEqual([sender.stats.connects, proxy.connections], [0, 0]);
  assertSucceeded(await attempt(sender, requestTo("http://hooks.example.com/")));
});

test("whatever a proxy answers, each request has one result, and no socket is left", async (t) => {
  let answer: Spoiled | undefined;
  const proxy = await receiverFor(t, (socket, { head }) => {
    if (!head.startsWith("CONNECT ")) {
      socket.write(answerOf("200 OK"));
    } else if (answer !== undefined) {
      writeSpoiled(socket, answer);
    }
  });
  const sender = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`), connectionsPerOrigin: 2 });
  const answers = [ESTABLISHED, `HTTP/1.1 103 Early\r\nlink: x\r\n\r\n${ESTABLISHED}`, answerOf("502 Bad", "no")];
  await fc.assert(
    fc.asyncProperty(
      spoiled(answers, { change: 80, split: 100 }),
      fc.constantFrom("http", "https"),
      async (next, scheme) => {
        answer = next;
        await assertResults(sender, requestTo(`${scheme}://hooks.example.com/`, { timeoutMs: 30 }));
      },
    ),
    { numRuns: 100 },
  );
  await sender.close();
  await proxy.quiet();
  assert.equal(sender.stats.socketsOpen, 0);
});

test("senders that are aborted at any moment of dialling through a proxy leave no socket", async (t) => {
  const tls = certificateFor(t, "DNS:hooks.example.com");
  const proxy = await connectProxyFor(t);
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), { tls });
  for (let round = 0; round < 40; round += 1) {
    const sender = senderFor(t, {
      proxy: proxyAt(`http://127.0.0.1:${proxy.port}`),
      trustedCertificates: [tls.cert],
    });
    const sent = attempt(sender, requestTo(`https://hooks.example.com:${receiver.port}/`));
    for (let turn = 0; turn < round; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sender.abort();
    await sent;
    assert.equal(sender.stats.socketsOpen, 0);
  }
  await until("every tunnel is closed", () => proxy.sockets.size === 0);
  await receiver.quiet();
});
