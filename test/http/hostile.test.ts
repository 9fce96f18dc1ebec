/** What a receiver may do wrong ends the attempt with the right kind, within its deadline, and after few bytes. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Attempt } from "../../src/domain/attempt.ts";
import { monotonicMs } from "../../src/ground/clock.ts";
import { until } from "../support/until.ts";
import { issueCertificate } from "./certificates.ts";
import { connectProxyFor, proxyAt } from "./connectProxy.ts";
import { CUT_OFF, type Misbehaviour, SLOW } from "./hostile.ts";
import { answerOf } from "./receiver.ts";
import { assertFailed, assertSucceeded, attempt, receiverFor, requestTo, senderFor } from "./sending.ts";

/** What the buffers of two sockets and of a pipe may hold, beyond what is read. */
const UNREAD_BYTES_MAX = 16_000_000;
const DEADLINE_MS = 300;
/** openssl's server is slow. */
const SMALL_ANSWERS = { responseBytesRead: 1_024, responseHeaderBytesMax: 1_024 };

function assertEnded({ kind, error, status }: Misbehaviour, result: Attempt): void {
  assert.equal(result.failureKind, kind, result.error ?? "");
  assert.equal(result.httpStatus, status ?? null);
  if (error === null) {
    assert.equal(result.error, null);
  } else {
    assert.match(result.error ?? "", error);
  }
  assert.doesNotMatch(JSON.stringify(result), /\\u0000|\\ud[89a-f]/);
  assert.ok((result.responseBody ?? "").length <= 16_384);
}

for (const scheme of ["http", "https"] as const) {
  for (const misbehaviour of [...SLOW, ...CUT_OFF].filter(({ isPlain }) => scheme === "http" || isPlain !== true)) {
    test(`${scheme}: a receiver that ${misbehaviour.what}`, async (t) => {
      const tls = scheme === "https" ? issueCertificate(t, { subjectAltName: "IP:127.0.0.1" }) : undefined;
      let written = 0;
      const answer = (socket: Socket): void => {
        socket.on("close", () => {
          written += socket.bytesWritten;
        });
        void misbehaviour.answer(socket);
      };
      const receiver = await receiverFor(t, answer, tls === undefined ? {} : { tls });
      const sender = senderFor(t, { trustedCertificates: tls === undefined ? [] : [tls.cert] });
      const isSlow = SLOW.includes(misbehaviour);
      const timeoutMs = isSlow ? DEADLINE_MS : 60_000;
      const startedMs = monotonicMs();
      const request = requestTo(`${scheme}://127.0.0.1:${receiver.port}/`, { timeoutMs });
      assertEnded(misbehaviour, await attempt(sender, request));
      assert.ok(!isSlow || monotonicMs() - startedMs >= DEADLINE_MS);
      assert.equal(receiver.requests.length, 1);
      await sender.close();
      await receiver.quiet();
      assert.ok(written < UNREAD_BYTES_MAX, `${written} bytes`);
      assert.deepEqual([sender.stats.socketsOpen, sender.stats.requestsInFlight], [0, 0]);
    });
  }
}

test("an answer that comes while the request is still written counts, and the rest is not sent", async (t) => {
  const receiver = await receiverFor(t, () => {}, {
    onConnection: (socket) => {
      socket.once("data", () => socket.pause().write(answerOf("413 Too Large")));
    },
  });
  const sender = senderFor(t);
  const body = Buffer.alloc(50_000_000, " ");
  assertFailed(await attempt(sender, requestTo(receiver.url, { body })), "status", /answered 413/);
  await until("the connection is closed", () => sender.stats.socketsOpen === 0);
});

/** The first bytes of records that a TLS client must pass over or refuse. */
const HELLO_REQUESTS = Buffer.concat([Buffer.from([0x16, 3, 3, 0x40, 0]), Buffer.alloc(16_384)]);

for (const [what, piece] of [
  ["requests to begin anew", HELLO_REQUESTS],
  ["requests to begin anew, each in a record", Buffer.from([0x16, 3, 3, 0, 4, 0, 0, 0, 0])],
  ["warnings", Buffer.from([0x15, 3, 3, 0, 2, 1, 0x5a])],
  ["changes of the cipher", Buffer.from([0x14, 3, 3, 0, 1, 1])],
  ["zeros", Buffer.alloc(1_024)],
] as const) {
  test(`a TLS handshake that floods ${what} is cut off`, async (t) => {
    const pieces = Buffer.concat(Array<Buffer>(Math.ceil(16_384 / piece.length)).fill(piece));
    let written = 0;
    const receiver = await receiverFor(t, () => {}, {
      onConnection: (socket) => {
        socket.on("close", () => {
          written += socket.bytesWritten;
        });
        socket.once("data", () => {
          const onDrain = (): void => {
            while (!socket.destroyed && socket.write(pieces)) {
              // Until the kernel takes no more.
            }
          };
          socket.on("drain", onDrain);
          onDrain();
        });
      },
    });
    const proxy = await connectProxyFor(t);
    const tunnelling = senderFor(t, { proxy: proxyAt(`http://127.0.0.1:${proxy.port}`), connectTimeoutMs: 60_000 });
    for (const sender of [senderFor(t, { connectTimeoutMs: 60_000 }), tunnelling]) {
      const request = requestTo(`https://127.0.0.1:${receiver.port}/`, { timeoutMs: 60_000 });
      assertFailed(await attempt(sender, request), "tls", /^the TLS handshake with /);
      await sender.close();
    }
    await receiver.quiet();
    assert.ok(written < 2 * UNREAD_BYTES_MAX, `${written} bytes`);
  });
}

test("a TLS handshake that trickles ends by the deadline for connecting", async (t) => {
  const receiver = await receiverFor(t, () => {}, {
    onConnection: (socket) => {
      const timer = setInterval(() => socket.write(HELLO_REQUESTS.subarray(5, 6)), 20);
      socket.write(Buffer.from([0x16, 3, 3, 0x40, 0]));
      socket.on("close", () => clearInterval(timer));
    },
  });
  const sender = senderFor(t, { connectTimeoutMs: DEADLINE_MS });
  const result = await attempt(sender, requestTo(`https://127.0.0.1:${receiver.port}/`));
  assertFailed(result, "timeout", /^no connection to 127\.0\.0\.1:\d+ within 300 ms$/);
});

for (const [what, version, command, kind, sentence] of [
  ["negotiates TLS 1.2 anew", "-tls1_2", "r", "tls", /^the receiver negotiates TLS again and again$/],
  ["changes the keys of TLS 1.3", "-tls1_3", "k", "protocol", /^the receiver sent more bytes over TLS than any answer/],
] as const) {
  test(`a receiver that ${what} without end is cut off`, async (t) => {
    const { server, port, cert } = await opensslServer(t, version);
    const sender = senderFor(t, { trustedCertificates: [cert], ...SMALL_ANSWERS });
    const sent = attempt(sender, requestTo(`https://127.0.0.1:${port}/`, { timeoutMs: 100_000 }));
    await until("the request has come", () => server.text.includes("webhook-id"));
    floodCommands(server.process, command);
    assertFailed(await sent, kind, sentence);
  });
}

test("a receiver that floods an idle connection is cut off, and its answer counted", async (t) => {
  const { server, port, cert } = await opensslServer(t, "-tls1_3");
  const keepAlive = { keepAliveMs: 1_000_000, keepAliveMaxMs: 1_000_000 };
  const sender = senderFor(t, { trustedCertificates: [cert], ...keepAlive, ...SMALL_ANSWERS });
  const sent = attempt(sender, requestTo(`https://127.0.0.1:${port}/`, { timeoutMs: 100_000 }));
  await until("the request has come", () => server.text.includes("webhook-id"));
  server.process.stdin?.write("HTTP/1.1 200 OK\nContent-Length: 0\n\n");
  assertSucceeded(await sent);
  assert.equal(sender.stats.socketsOpen, 1);
  floodCommands(server.process, "k");
  await until("the connection is closed", () => sender.stats.socketsOpen === 0);
});

interface OpensslServer {
  readonly server: { readonly process: ChildProcess; text: string };
  readonly port: number;
  readonly cert: string;
}

/** openssl's own server does on command what Node's server cannot do. */
async function opensslServer(t: TestContext, version: string): Promise<OpensslServer> {
  const { cert, key } = issueCertificate(t, { subjectAltName: "IP:127.0.0.1" });
  const directory = mkdtempSync(join(tmpdir(), "postrider-tls-"));
  const file = join(directory, "server.pem");
  writeFileSync(file, cert + key);
  const process = spawn("openssl", ["s_server", "-accept", "127.0.0.1:0", "-cert", file, version, "-crlf"]);
  t.after(() => {
    process.kill();
    rmSync(directory, { recursive: true });
  });
  process.stdin.on("error", () => {});
  const server = { process, text: "" };
  const note = (chunk: Buffer): void => {
    server.text = (server.text + chunk.toString("latin1")).slice(-10_000);
  };
  process.stdout.on("data", note);
  process.stderr.on("data", note);
  let port: string | undefined;
  await until("openssl listens", () => {
    port = /^ACCEPT .*:(\d+)$/m.exec(server.text)?.[1];
    return port !== undefined;
  });
  return { server, port: Number(port), cert };
}

function floodCommands({ stdin }: ChildProcess, command: string): void {
  const lines = `${command}\n`.repeat(500);
  const more = (): void => {
    if (stdin?.writable === true) {
      stdin.write(lines, () => setTimeout(more, 5));
    }
  };
  more();
}
