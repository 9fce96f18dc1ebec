import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { fixHeaders } from "../../src/http/request.ts";
import type { Sender } from "../../src/http/send.ts";
import { until } from "../support/until.ts";
import { answerOf, type Receiver } from "./receiver.ts";
import {
  assertFailed,
  assertSucceeded,
  attempt,
  certificateFor,
  LOOPBACK,
  receiverFor,
  requestTo,
  resolverOf,
  senderFor,
} from "./sending.ts";
import { assertResults, type Spoiled, spoiled, writeSpoiled } from "./spoiled.ts";

async function assertStillWorks(sender: Sender, receiver: Receiver): Promise<void> {
  assertSucceeded(await attempt(sender, requestTo(receiver.url.replace("/hooks", "/ok"))));
}

test("a 200 is a success, with headers and body kept and the request as it was given", async (t) => {
  const receiver = await receiverFor(t, (socket) => {
    socket.write(answerOf("200 OK", "thanks", "X-Thing: a\r\nset-cookie: b=1\r\nSet-Cookie: c=2\r\n"));
  });
  const sender = senderFor(t);
  const result = await attempt(sender, requestTo(`${receiver.url}/a%20b?c=d`));
  assertSucceeded(result);
  assert.equal(result.requests, 1);
  assert.equal(result.httpStatus, 200);
  assert.deepEqual({ ...result.responseHeaders }, { "content-length": "6", "x-thing": "a", "set-cookie": "b=1, c=2" });
  assert.equal(result.responseBody, "thanks");
  assert.deepEqual(receiver.requests[0]?.head.split("\r\n"), [
    "POST /hooks/a%20b?c=d HTTP/1.1",
    `host: 127.0.0.1:${receiver.port}`,
    "connection: keep-alive",
    "content-type: application/json",
    "webhook-id: msg_1",
    "content-length: 7",
  ]);
  assert.equal(receiver.requests[0]?.body.toString(), '{"a":1}');
});

test("a 204 without a body is a success", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"));
  const result = await attempt(senderFor(t), requestTo(receiver.url));
  assertSucceeded(result);
  assert.equal(result.responseBody?.length, 0);
});

test("an empty body is sent with content-length 0", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  assertSucceeded(await attempt(senderFor(t), requestTo(receiver.url, { body: Buffer.alloc(0) })));
  assert.match(receiver.requests[0]?.head ?? "", /content-length: 0/);
});

for (const [status, sentence] of [
  ["500 Internal Server Error", /^the receiver answered 500$/],
  ["410 Gone", /^the receiver answered 410$/],
  ["302 Found", /^the receiver answered 302, and redirects are not followed$/],
] as const) {
  test(`a ${status} is a failure of kind status, and is sent once`, async (t) => {
    const receiver = await receiverFor(t, (socket) => {
      socket.write(
        answerOf(status, "no", `location: http://127.0.0.1:${receiver.port}/elsewhere\r\nretry-after: 7\r\n`),
      );
    });
    const result = await attempt(senderFor(t), requestTo(receiver.url));
    assertFailed(result, "status", sentence);
    assert.equal(result.responseHeaders?.["retry-after"], "7");
    assert.equal(receiver.requests.length, 1);
  });
}

test("twenty requests one after the other use one connection", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok")));
  const sender = senderFor(t);
  for (let sent = 0; sent < 20; sent += 1) {
    assertSucceeded(await attempt(sender, requestTo(receiver.url)));
  }
  assert.equal(receiver.connections, 1);
  assert.equal(sender.stats.connects, 1);
});

test("more requests than connections wait for their turn, and all succeed", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok")));
  const sender = senderFor(t, { connectionsPerOrigin: 3 });
  const results = await Promise.all(Array.from({ length: 200 }, () => attempt(sender, requestTo(receiver.url))));
  for (const result of results) {
    assertSucceeded(result);
  }
  assert.equal(receiver.connections, 3);
});

test("a receiver that closes after every answer gets a new connection for every request", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.end(answerOf("200 OK", "ok", "connection: close\r\n")));
  const sender = senderFor(t, { connectionsPerOrigin: 2 });
  const results = await Promise.all(Array.from({ length: 20 }, () => attempt(sender, requestTo(receiver.url))));
  for (const result of results) {
    assertSucceeded(result);
    assert.equal(result.requests, 1);
  }
  assert.equal(receiver.requests.length, 20);
  assert.equal(receiver.connections, 20);
});

test("an answer that ends with the connection is read to its end", async (t) => {
  const receiver = await receiverFor(t, (socket) =>
    socket.end("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end"),
  );
  const result = await attempt(senderFor(t), requestTo(receiver.url));
  assertSucceeded(result);
  assert.equal(result.responseBody, "to the end");
});

test("a body of one megabyte arrives whole", async (t) => {
  const receiver = await receiverFor(t, (socket, request) => {
    socket.write(answerOf("200 OK", createHash("sha256").update(request.body).digest("hex")));
  });
  const body = Buffer.alloc(1_048_577, "0123456789abcdef!");
  const result = await attempt(senderFor(t), requestTo(receiver.url, { body }));
  assertSucceeded(result);
  assert.equal(result.responseBody, createHash("sha256").update(body).digest("hex"));
});

test("a receiver that answers 413 and closes before it has read the body is reported by its status", async (t) => {
  const receiver = await receiverFor(t, () => {}, {
    onConnection: (socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.end(answerOf("413 Content Too Large", "too large", "connection: close\r\n"));
      });
    },
  });
  const result = await attempt(senderFor(t), requestTo(receiver.url, { body: Buffer.alloc(8_000_000) }));
  assertFailed(result, "status", /^the receiver answered 413$/);
  assert.equal(result.responseBody, "too large");
});

test("a connection whose request is not read to its end carries no other request", async (t) => {
  const receiver = await receiverFor(t, () => {}, {
    onConnection: (socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.write(answerOf("200 OK", "enough"));
      });
    },
  });
  const sender = senderFor(t);
  const body = Buffer.alloc(16_000_000);
  assertSucceeded(await attempt(sender, requestTo(receiver.url, { body })));
  assertSucceeded(await attempt(sender, requestTo(receiver.url, { body })));
  assert.equal(receiver.connections, 2);
});

test("a receiver that accepts and says nothing fails by the total deadline", async (t) => {
  const receiver = await receiverFor(t, () => {});
  const sender = senderFor(t);
  const result = await attempt(sender, requestTo(receiver.url, { timeoutMs: 150 }));
  assertFailed(result, "timeout", /^150 ms passed before an answer$/);
  assert.ok(result.durationMs >= 149 && result.durationMs < 4_000, String(result.durationMs));
  await receiver.quiet();
});

test("a body that pauses fails by the total deadline, with the status and what came of it", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"));
  const result = await attempt(senderFor(t), requestTo(receiver.url, { timeoutMs: 150 }));
  assertFailed(result, "timeout", /^150 ms passed before the answer's end$/);
  assert.equal(result.httpStatus, 200);
  assert.equal(result.responseBody, "abc");
});

test("a body that drips forever fails by the total deadline", async (t) => {
  const receiver = await receiverFor(t, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n");
    const drip = setInterval(() => socket.write("."), 10);
    socket.on("close", () => clearInterval(drip));
  });
  const result = await attempt(senderFor(t), requestTo(receiver.url, { timeoutMs: 1_500 }));
  assertFailed(result, "timeout", /^1500 ms passed before the answer's end$/);
  assert.equal(result.httpStatus, 200);
  await receiver.quiet();
});

test("headers that drip forever fail by the total deadline", async (t) => {
  const receiver = await receiverFor(t, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nx: ");
    const drip = setInterval(() => socket.write("."), 10);
    socket.on("close", () => clearInterval(drip));
  });
  const result = await attempt(senderFor(t), requestTo(receiver.url, { timeoutMs: 200 }));
  assertFailed(result, "timeout", /^200 ms passed before an answer$/);
});

test("waiting for a connection counts towards the total deadline, and nothing is sent after it", async (t) => {
  const receiver = await receiverFor(t, () => {});
  const sender = senderFor(t, { connectionsPerOrigin: 1 });
  const first = attempt(sender, requestTo(receiver.url, { timeoutMs: 400 }));
  const second = await attempt(sender, requestTo(receiver.url, { timeoutMs: 100 }));
  assertFailed(second, "timeout", /^100 ms passed while waiting for a connection$/);
  assertFailed(await first, "timeout", /^400 ms passed/);
  assert.equal(receiver.requests.length, 1);
});

test("a name that does not resolve in time fails by the deadline for connecting", async (t) => {
  const sender = senderFor(t, { connectTimeoutMs: 150, resolve: () => new Promise(() => {}) });
  const result = await attempt(sender, requestTo("http://hooks.example.com/"));
  assertFailed(result, "timeout", /^no connection to hooks\.example\.com:80 within 150 ms$/);
});

test("a total deadline that passes while a name resolves ends the dialling", async (t) => {
  let answer: (addresses: LookupAddress[]) => void = () => {};
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const sender = senderFor(t, {
    resolve: () => new Promise((resolve) => (answer = resolve)),
  });
  const result = await attempt(sender, requestTo(`http://hooks.example.com:${receiver.port}/`, { timeoutMs: 100 }));
  assertFailed(result, "timeout", /^100 ms passed before an answer$/);
  answer([{ address: "127.0.0.1", family: 4 }]);
  await sender.close();
  assert.equal(sender.stats.connects, 0);
  assert.equal(receiver.requests.length, 0);
});

test("an address that swallows packets fails by the deadline for connecting", async (t) => {
  // A listener whose thread accepts nothing: once its queue is full the kernel drops what knocks.
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  t.after(() => worker.terminate());
  const [port] = await once(worker, "message");
  const queued = [1, 2, 3].map(() => connect(port, "127.0.0.1").on("error", () => {}));
  t.after(() => queued.forEach((socket) => void socket.destroy()));
  await Promise.all(queued.slice(0, 2).map((socket) => once(socket, "connect")));
  const result = await attempt(senderFor(t, { connectTimeoutMs: 150 }), requestTo(`http://127.0.0.1:${port}/`));
  assertFailed(result, "timeout", /^no connection to 127\.0\.0\.1:\d+ within 150 ms$/);
});

test("the deadline for connecting covers the TLS handshake", async (t) => {
  const receiver = await receiverFor(t, () => {}, { onConnection: (socket) => socket.resume() });
  const sender = senderFor(t, { connectTimeoutMs: 150 });
  const result = await attempt(sender, requestTo(`https://127.0.0.1:${receiver.port}/`));
  assertFailed(result, "timeout", /^no connection to 127\.0\.0\.1:\d+ within 150 ms$/);
  await receiver.quiet();
});

test("an endless body is cut off at the limit, and the 200 counts", async (t) => {
  for (const head of ["transfer-encoding: chunked\r\n", "content-length: 900000000\r\n", "connection: close\r\n"]) {
    const receiver = await receiverFor(t, (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n`);
      const piece = head.startsWith("transfer") ? `1000\r\n${"x".repeat(4096)}\r\n` : "x".repeat(4096);
      const pour = (): void => {
        while (!socket.destroyed && socket.write(piece)) {}
      };
      socket.on("drain", pour);
      pour();
    });
    const sender = senderFor(t, { responseBytesRead: 100_000, responseBytesKept: 1_000 });
    const result = await attempt(sender, requestTo(receiver.url));
    assertSucceeded(result);
    assert.equal(result.httpStatus, 200);
    const headers = Object.entries(result.responseHeaders ?? {})
      .flat()
      .join("");
    assert.equal((result.responseBody?.length ?? 0) + headers.length, 1_000);
    await receiver.quiet();
  }
});

test("a body over the limit that comes in one piece with its end is a success too", async (t) => {
  const receiver = await receiverFor(t, (socket) => {
    socket.end(answerOf("200 OK", "x".repeat(5_000), "connection: close\r\n"));
  });
  const result = await attempt(senderFor(t, { responseBytesRead: 100 }), requestTo(receiver.url));
  assertSucceeded(result);
});

test("a body over the limit that goes with a 500 is a failure of kind status", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("500 Oops", "x".repeat(5_000))));
  const result = await attempt(senderFor(t, { responseBytesRead: 100 }), requestTo(receiver.url));
  assertFailed(result, "status", /answered 500/);
});

test("headers larger than the limit fail as a protocol error", async (t) => {
  const receiver = await receiverFor(t, (socket) =>
    socket.write(answerOf("200 OK", "", `x: ${"y".repeat(40_000)}\r\n`)),
  );
  const result = await attempt(senderFor(t), requestTo(receiver.url));
  assertFailed(result, "protocol", /^the answer's headers are larger than 16384 bytes$/);
});

test("thousands of headers are kept up to the limit of their number", async (t) => {
  const many = Array.from({ length: 3_000 }, (_, index) => `h${index}:\r\n`).join("");
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok", many)));
  const result = await attempt(senderFor(t), requestTo(receiver.url));
  assertSucceeded(result);
  assert.equal(Object.keys(result.responseHeaders ?? {}).length, 128);
});

test("hostile response headers are kept as latin1 text, without a prototype to pollute", async (t) => {
  const receiver = await receiverFor(t, (socket) => {
    socket.write(
      Buffer.from(
        answerOf("200 OK", "ok", "x: caf\xe9 \x80\r\n__proto__: a\r\n__proto__: b\r\nconstructor: c\r\n"),
        "latin1",
      ),
    );
  });
  const result = await attempt(senderFor(t), requestTo(receiver.url));
  assertSucceeded(result);
  assert.equal(result.responseHeaders?.x, "caf\xe9 \x80");
  assert.equal(JSON.parse(JSON.stringify(result.responseHeaders)).constructor, "c");
  assert.equal(({} as Record<string, unknown>).a, undefined);
});

for (const [what, bytes] of [
  ["a NUL in a header", "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n"],
  ["two content lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
  [
    "a content length and chunks",
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a bad chunk size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"],
  ["no HTTP at all", "SSH-2.0-OpenSSH_9.9\r\n"],
  ["a TLS record", "\x15\x03\x01\x00\x02\x02\x28"],
  ["HTTP/0.9", "<html>hello</html>"],
  ["a request", "GET / HTTP/1.1\r\n\r\n"],
  ["101 Switching Protocols", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
  ["a closing 100 Continue before it", `HTTP/1.1 100 Continue\r\nconnection: close\r\n\r\n${answerOf("200 OK")}`],
] as const) {
  test(`an answer with ${what} fails as a protocol error, and the request is not repeated`, async (t) => {
    const receiver = await receiverFor(t, (socket, request) => {
      socket.write(request.head.startsWith("POST /ok") ? answerOf("200 OK") : Buffer.from(bytes, "latin1"));
    });
    const sender = senderFor(t);
    assertSucceeded(await attempt(sender, requestTo(receiver.url.replace("/hooks", "/ok"))));
    const result = await attempt(sender, requestTo(receiver.url));
    assertFailed(result, "protocol", /^the (answer is not well-formed HTTP|receiver (sent|switched|ended))/);
    assert.equal(result.requests, 1);
    assert.equal(receiver.requests.length, 2);
    await assertStillWorks(sender, receiver);
  });
}

test("informational answers before the final one are passed over, 100 Continue unasked included", async (t) => {
  for (const heads of [
    ["100 Continue"],
    ["102 Processing"],
    ["103 Early Hints\r\nlink: </x>; rel=preload"],
    ["199 Misc"],
    ["100 Continue", "102 Processing", "103 Early Hints\r\nlink: x"],
    ["100 Continue\r\ndate: x\r\nserver: y\r\nconnection: keep-alive\r\nkeep-alive: timeout=5"],
    ["100 Continue\r\ncontent-length: 7"],
    ["103 Early Hints\r\ntransfer-encoding: chunked"],
    [`103 Early Hints\r\nlink: ${"x".repeat(15_000)}`],
    Array(2_000).fill("102 Processing"),
  ]) {
    const receiver = await receiverFor(t, (socket) => {
      const before = heads.map((head) => `HTTP/1.1 ${head}\r\n\r\n`).join("");
      socket.write(`${before}${answerOf("201 Created", "ok")}`);
    });
    const sender = senderFor(t);
    for (let count = 0; count < 2; count++) {
      const result = await attempt(sender, requestTo(receiver.url));
      assertSucceeded(result);
      assert.equal(result.httpStatus, 201);
      assert.equal(result.responseBody, "ok");
      assert.deepEqual({ ...result.responseHeaders }, { "content-length": "2" });
    }
    assert.equal(receiver.connections, 1, "the connection carries the next request");
  }
});

test("informational answers may come one by one, before the request is read and long before the final answer", async (t) => {
  const receiver = await receiverFor(t, () => {}, {
    onConnection: (socket) => {
      socket.on("error", () => {});
      socket.once("data", async () => {
        const text = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nx: y\r\n\r\n${answerOf("200 OK", "ok")}`;
        for (const character of text) {
          socket.write(character);
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
    },
  });
  const result = await attempt(senderFor(t), requestTo(receiver.url, { body: Buffer.alloc(1_000_000) }));
  assertSucceeded(result);
  assert.equal(result.responseBody, "ok");
});

test("a receiver that sends nothing but informational answers is cut off", async (t) => {
  const receiver = await receiverFor(t, (socket) => {
    socket.on("error", () => {});
    socket.write("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(10_000));
  });
  const result = await attempt(senderFor(t), requestTo(receiver.url));
  assertFailed(result, "protocol", /^the receiver sent more than 65536 bytes of informational answers$/);
});

test("a receiver that has said nothing but informational answers fails by the total deadline", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write("HTTP/1.1 102 Processing\r\n\r\n"));
  const result = await attempt(senderFor(t), requestTo(receiver.url, { timeoutMs: 150 }));
  assertFailed(result, "timeout", /^150 ms passed before an answer$/);
  assert.equal(result.httpStatus, null);
});

const WELL_FORMED = [
  answerOf("200 OK", "hello", "keep-alive: timeout=5\r\n"),
  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-trailer: y\r\n\r\n",
  "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 500 Oops\r\nconnection: close\r\n\r\nto the end",
  "HTTP/1.0 204 No Content\r\n\r\n",
  answerOf("200 OK", "z".repeat(30_000)),
  "HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n",
];

test("whatever bytes come back, each request has one result, and no socket is left", async (t) => {
  let answer: Spoiled | undefined;
  const receiver = await receiverFor(t, (socket) => answer && writeSpoiled(socket, answer));
  const sender = senderFor(t, { connectionsPerOrigin: 2, responseBytesRead: 20_000 });
  await fc.assert(
    fc.asyncProperty(spoiled(WELL_FORMED, { change: 120, split: 200 }), async (next) => {
      answer = next;
      await assertResults(sender, requestTo(receiver.url, { timeoutMs: 30 }));
    }),
    { numRuns: 150 },
  );
  await sender.close();
  await receiver.quiet();
  assert.equal(sender.stats.socketsOpen, 0);
});

test("an unsolicited second answer is not taken for that of the next request", async (t) => {
  const receiver = await receiverFor(t, (socket, request) => {
    if (request.numberOnConnection === 1) {
      socket.write(answerOf("200 OK", "mine"));
      setImmediate(() => socket.write(answerOf("200 OK", "poison")));
    } else {
      socket.write(answerOf("200 OK", "mine"));
    }
  });
  const sender = senderFor(t, { connectionsPerOrigin: 1 });
  const results = await Promise.all(Array.from({ length: 30 }, () => attempt(sender, requestTo(receiver.url))));
  for (const result of results) {
    assert.notEqual(result.responseBody, "poison");
  }
});

test("a fresh connection that is reset before an answer fails, and is not retried", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.resetAndDestroy());
  const sender = senderFor(t);
  const result = await attempt(sender, requestTo(receiver.url));
  assertFailed(result, "reset", /^the receiver reset the connection before an answer \(ECONNRESET\)$/);
  assert.equal(result.requests, 1);
  assert.equal(receiver.requests.length, 1);
});

test("a sender has closed when every socket has, also one that the receiver has just reset", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.resetAndDestroy());
  const sender = senderFor(t);
  await attempt(sender, requestTo(receiver.url));
  await sender.close();
  assert.equal(sender.stats.socketsOpen, 0);
});

test("a fresh connection that is closed before an answer fails, and is not retried", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.end());
  const result = await attempt(senderFor(t), requestTo(receiver.url));
  assertFailed(result, "reset", /^the receiver closed the connection before an answer$/);
  assert.equal(receiver.requests.length, 1);
});

for (const [what, head] of [
  ["of a given length", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"],
  ["of a given length, closing,", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nabc"],
  ["in chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc"],
] as const) {
  test(`a 200 whose body ${what} is cut short fails as a reset, with the status known`, async (t) => {
    const receiver = await receiverFor(t, (socket) => socket.end(head));
    const result = await attempt(senderFor(t), requestTo(receiver.url));
    assert.equal(result.httpStatus, 200);
    assertFailed(result, "reset", /^the receiver closed the connection before the end of its answer$/);
    assert.equal(receiver.requests.length, 1);
  });
}

test("a 500 whose body is cut short is still a 500", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.end("HTTP/1.1 500 Oops\r\ncontent-length: 9\r\n\r\nabc"));
  assertFailed(await attempt(senderFor(t), requestTo(receiver.url)), "status", /^the receiver answered 500$/);
});

for (const how of ["reset", "closed"] as const) {
  test(`a reused connection that is ${how} before an answer is retried once on a fresh one`, async (t) => {
    const receiver = await receiverFor(t, (socket, request) => {
      if (request.numberOnConnection === 1) {
        socket.write(answerOf("200 OK", "ok"));
      } else if (how === "reset") {
        socket.resetAndDestroy();
      } else {
        socket.end();
      }
    });
    const sender = senderFor(t);
    assert.equal((await attempt(sender, requestTo(receiver.url))).requests, 1);
    const second = await attempt(sender, requestTo(receiver.url, { body: Buffer.from("second") }));
    assertSucceeded(second);
    assert.equal(second.requests, 2);
    assert.deepEqual(
      receiver.requests.map((request) => request.body.toString()),
      ['{"a":1}', "second", "second"],
    );
  });
}

test("the retry of a reused connection goes to a fresh one even if others are idle", async (t) => {
  let dying = false;
  const receiver = await receiverFor(t, (socket, request) => {
    if (dying && request.numberOnConnection > 1) {
      socket.resetAndDestroy();
    } else {
      socket.write(answerOf("200 OK", "ok"));
    }
  });
  const sender = senderFor(t);
  await Promise.all(Array.from({ length: 5 }, () => attempt(sender, requestTo(receiver.url))));
  assert.equal(receiver.connections, 5);
  dying = true;
  const result = await attempt(sender, requestTo(receiver.url));
  assertSucceeded(result);
  assert.equal(result.requests, 2);
  assert.equal(receiver.connections, 6);
});

test("the retry of a reused connection is made once", async (t) => {
  let answering = true;
  const receiver = await receiverFor(t, (socket) => {
    if (answering) {
      socket.write(answerOf("200 OK", "ok"));
    } else {
      socket.resetAndDestroy();
    }
  });
  const sender = senderFor(t);
  await attempt(sender, requestTo(receiver.url));
  answering = false;
  const result = await attempt(sender, requestTo(receiver.url));
  assertFailed(result, "reset", /ECONNRESET/);
  assert.equal(result.requests, 2);
  assert.equal(receiver.requests.length, 3);
});

test("a reused connection that dies after the first bytes of an answer is not retried", async (t) => {
  const receiver = await receiverFor(t, (socket, request) => {
    if (request.numberOnConnection === 1) {
      socket.write(answerOf("200 OK", "ok"));
    } else {
      socket.end("HTTP/1.");
    }
  });
  const sender = senderFor(t);
  await attempt(sender, requestTo(receiver.url));
  const result = await attempt(sender, requestTo(receiver.url));
  assertFailed(result, "reset", /closed the connection/);
  assert.equal(result.requests, 1);
  assert.equal(receiver.requests.length, 2);
});

test("a reused connection that times out is not retried", async (t) => {
  const receiver = await receiverFor(t, (socket, request) => {
    if (request.numberOnConnection === 1) {
      socket.write(answerOf("200 OK", "ok"));
    }
  });
  const sender = senderFor(t);
  await attempt(sender, requestTo(receiver.url));
  assertFailed(await attempt(sender, requestTo(receiver.url, { timeoutMs: 150 })), "timeout", /150 ms/);
  assert.equal(receiver.requests.length, 2);
});

test("a connection that the receiver closed while idle is not used, and nothing is retried", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok")));
  const sender = senderFor(t);
  await attempt(sender, requestTo(receiver.url));
  const [socket] = receiver.sockets;
  assert.ok(socket !== undefined);
  socket.end();
  await once(socket, "close");
  const result = await attempt(sender, requestTo(receiver.url));
  assertSucceeded(result);
  assert.equal(result.requests, 1);
  assert.equal(receiver.requests.length, 2);
});

test("a refused connection is a failure of kind connect", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  server.close();
  await once(server, "close");
  const sender = senderFor(t);
  for (const _ of [1, 2]) {
    const result = await attempt(sender, requestTo(`http://127.0.0.1:${port}/`));
    assertFailed(result, "connect", /^no connection to 127\.0\.0\.1:\d+ \(127\.0\.0\.1\): ECONNREFUSED$/);
    assert.equal(result.requests, 0);
  }
});

test("the next address of a name is dialled if the first one refuses", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const names = resolverOf(["::1", "127.0.0.1"]);
  const sender = senderFor(t, { resolve: names.resolve }, { ...LOOPBACK, allow: ["127.0.0.1", "::1"] });
  assertSucceeded(await attempt(sender, requestTo(`http://hooks.example.com:${receiver.port}/`)));
  assert.match(receiver.requests[0]?.head ?? "", new RegExp(`host: hooks.example.com:${receiver.port}`));
  assert.equal(sender.stats.connects, 2);
});

test("a name that does not resolve is a failure of kind dns", async (t) => {
  const sender = senderFor(t, {
    resolve: async () => {
      throw Object.assign(new Error("getaddrinfo ENOTFOUND hooks.example.com"), { code: "ENOTFOUND" });
    },
  });
  const result = await attempt(sender, requestTo("https://hooks.example.com/"));
  assertFailed(result, "dns", /^the host name hooks\.example\.com did not resolve: ENOTFOUND$/);
  assertFailed(
    await attempt(senderFor(t, { resolve: async () => [] }), requestTo("https://hooks.example.com/")),
    "dns",
    /no addresses$/,
  );
});

test("simultaneous connections to one name share one lookup", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const names = resolverOf(["127.0.0.1"]);
  const sender = senderFor(t, { resolve: names.resolve });
  const url = `http://hooks.example.com:${receiver.port}/`;
  await Promise.all(Array.from({ length: 10 }, () => attempt(sender, requestTo(url))));
  assert.equal(receiver.connections, 10);
  assert.equal(names.asked.length, 1);
});

test("a refused URL is blocked, and no connection is begun", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const sender = senderFor(t, {}, { profile: "public-only", allow: [], deny: [] });
  for (const url of [
    receiver.url,
    `http://localhost:${receiver.port}/`,
    `http://[::ffff:127.0.0.1]:${receiver.port}/`,
    `http://user:secret@example.com/`,
    "ftp://example.com/",
    "not a url",
  ]) {
    const result = await attempt(sender, requestTo(url));
    assertFailed(result, "blocked", /^egress refused the URL: /);
    assert.doesNotMatch(result.error ?? "", /secret/);
  }
  assert.deepEqual([sender.stats.connects, receiver.connections], [0, 0]);
});

test("a name that resolves to a refused address is blocked, and no connection is begun", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  for (const answer of [["127.0.0.1"], ["::ffff:7f00:1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]]) {
    const sender = senderFor(t, resolverOf(answer), { profile: "public-only", allow: [], deny: [] });
    for (const scheme of ["http", "https"]) {
      const result = await attempt(sender, requestTo(`${scheme}://hooks.example.com:${receiver.port}/`));
      assertFailed(
        result,
        "blocked",
        /^egress refused hooks\.example\.com:\d+: the name resolves to a loopback address; POSTRIDER_EGRESS is public-only: /,
      );
    }
    assert.deepEqual([sender.stats.connects, receiver.connections], [0, 0]);
  }
});

test("where only one of this machine's addresses is allowed, localhost is reached there", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const url = `http://localhost:${receiver.port}/`;
  const both = resolverOf(["::1", "127.0.0.1"]);
  assertSucceeded(await attempt(senderFor(t, { resolve: both.resolve }), requestTo(url)));
  const other = senderFor(t, { resolve: resolverOf(["::1"]).resolve });
  assertFailed(
    await attempt(other, requestTo(url)),
    "blocked",
    /: the name resolves to a loopback address; POSTRIDER_EGRESS_ALLOW/,
  );
  const elsewhere = senderFor(t, { resolve: resolverOf(["127.0.0.1", "10.0.0.1"]).resolve });
  assertSucceeded(await attempt(elsewhere, requestTo(url)));
});

test("a name that rebinds to a refused address is blocked at its next connection", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.end(answerOf("200 OK", "", "connection: close\r\n")));
  const names = resolverOf(["127.0.0.1"], ["169.254.169.254"]);
  const sender = senderFor(t, { resolve: names.resolve });
  const url = `http://hooks.example.com:${receiver.port}/`;
  assertSucceeded(await attempt(sender, requestTo(url)));
  await receiver.quiet();
  assertFailed(
    await attempt(sender, requestTo(url)),
    "blocked",
    /: the name resolves to a metadata address; POSTRIDER_EGRESS_ALLOW does not list it$/,
  );
  assert.equal(sender.stats.connects, 1);
});

test("a request with a header that would break the message is not sent", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const sender = senderFor(t);
  for (const headers of [
    { "x-a": "b\r\nx-injected: c" },
    { "x-a": "b\nc" },
    { "x-a": "b\0c" },
    { "x-a": "š" },
    { "x a": "b" },
    { "": "b" },
    { "x:a": "b" },
    { "x\r\ny": "b" },
    { host: "internal" },
    { Host: "internal" },
    { "content-length": "1" },
    { "transfer-encoding": "chunked" },
    { connection: "close" },
    { expect: "100-continue" },
  ]) {
    const result = await attempt(sender, requestTo(receiver.url, { fixed: fixHeaders(headers) }));
    assertFailed(result, "protocol", /^the request was not sent: /);
    assert.doesNotMatch(result.error ?? "", /[\r\n\0]/);
  }
  assert.equal(receiver.connections, 0);
});

test("idle connections beyond the limit over all origins are closed, beginning with the origin unused for longest", async (t) => {
  const receivers = [];
  for (let count = 0; count < 3; count++) {
    receivers.push(await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok"))));
  }
  const sender = senderFor(t, { idleMax: 4 });
  for (const receiver of receivers) {
    const burst = await Promise.all(Array.from({ length: 3 }, () => attempt(sender, requestTo(receiver.url))));
    burst.forEach(assertSucceeded);
  }
  await until("the others are closed", () => sender.stats.socketsOpen === 4);
  assert.equal(sender.stats.connects, 9);
  for (const receiver of receivers.slice(1).reverse()) {
    assertSucceeded(await attempt(sender, requestTo(receiver.url)));
  }
  assert.equal(sender.stats.connects, 9, "those that were used last are still open");
});

test("an origin without requests is closed after its idle time", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok")));
  const sender = senderFor(t, { originIdleMs: 60 });
  await attempt(sender, requestTo(receiver.url));
  assert.equal(sender.stats.originsOpen, 1);
  await receiver.quiet();
  assert.equal(sender.stats.originsOpen, 0);
  assertSucceeded(await attempt(sender, requestTo(receiver.url)));
  assert.equal(receiver.connections, 2);
});

test("an idle connection is closed after the keep-alive time, even if the receiver offers a longer one", async (t) => {
  const receiver = await receiverFor(t, (socket) =>
    socket.write(answerOf("200 OK", "ok", "keep-alive: timeout=900\r\n")),
  );
  const sender = senderFor(t, { keepAliveMaxMs: 60 });
  await attempt(sender, requestTo(receiver.url));
  await receiver.quiet();
});

test("beyond the cap of origins the longest idle one is closed", async (t) => {
  const receivers = await Promise.all(
    [1, 2, 3].map(() => receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok")))),
  );
  const [first, second, third] = receivers;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const sender = senderFor(t, { originsMax: 2 });
  for (const receiver of [first, second, first, third, first]) {
    assertSucceeded(await attempt(sender, requestTo(receiver.url)));
  }
  await second.quiet();
  assert.equal(sender.stats.originsOpen, 2);
  assert.deepEqual(
    receivers.map((receiver) => receiver.connections),
    [1, 1, 1],
  );
});

test("while every origin is busy, requests for others wait and then go out", async (t) => {
  const receivers = await Promise.all(
    Array.from({ length: 8 }, () => receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok")))),
  );
  const sender = senderFor(t, { originsMax: 2, connectionsPerOrigin: 2 });
  const sent = receivers.flatMap((receiver) => [1, 2, 3, 4, 5].map(() => attempt(sender, requestTo(receiver.url))));
  for (const result of await Promise.all(sent)) {
    assertSucceeded(result);
  }
  assert.ok(sender.stats.originsOpen <= 2);
});

test("while every origin is busy, a request for another fails by its deadline", async (t) => {
  const silent = await receiverFor(t, () => {});
  const other = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const sender = senderFor(t, { originsMax: 1 });
  const first = attempt(sender, requestTo(silent.url, { timeoutMs: 300 }));
  const second = await attempt(sender, requestTo(other.url, { timeoutMs: 100 }));
  assertFailed(second, "timeout", /while waiting for a connection$/);
  const third = attempt(sender, requestTo(other.url));
  assertFailed(await first, "timeout", /./);
  assertSucceeded(await third);
});

test("close waits for what is in flight, leaves no socket, and may be called again", async (t) => {
  let finish: () => void = () => {};
  const arrived = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const receiver = await receiverFor(t, (socket) => {
    finish();
    setImmediate(() => socket.write(answerOf("200 OK", "ok")));
  });
  const sender = senderFor(t);
  const sent = attempt(sender, requestTo(receiver.url));
  await arrived;
  const closing = sender.close();
  await assert.rejects(attempt(sender, requestTo(receiver.url)), /^Error: the sender is closed$/);
  assertSucceeded(await sent);
  await Promise.all([closing, sender.close()]);
  assert.deepEqual([sender.stats.socketsOpen, sender.stats.originsOpen, sender.stats.requestsInFlight], [0, 0, 0]);
  await receiver.quiet();
});

test("a hundred senders that close while they are sending leave no socket", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "ok")));
  for (let round = 0; round < 100; round += 1) {
    const sender = senderFor(t, { connectionsPerOrigin: 2 });
    const sent = Array.from({ length: round % 5 }, () => attempt(sender, requestTo(receiver.url)));
    await sender.close();
    for (const result of await Promise.all(sent)) {
      assertSucceeded(result);
    }
    assert.equal(sender.stats.socketsOpen, 0);
  }
  await receiver.quiet();
});

test("TLS: an untrusted certificate is a failure of kind tls, and nothing is sent", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), {
    tls: certificateFor(t, "DNS:a.example.com"),
  });
  const sender = senderFor(t, resolverOf(["127.0.0.1"]));
  const result = await attempt(sender, requestTo(`https://a.example.com:${receiver.port}/`));
  assertFailed(
    result,
    "tls",
    /the certificate, for a\.example\.com, is self-signed; POSTRIDER_CA_FILE .*\(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
  );
  assert.equal(receiver.requests.length, 0);
});

test("TLS: the environment cannot turn off the check of certificates", async (t) => {
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), {
    tls: certificateFor(t, "DNS:a.example.com"),
  });
  const variable = "NODE_TLS_REJECT_UNAUTHORIZED";
  const before = process.env[variable];
  process.env[variable] = "0";
  t.after(() => {
    if (before === undefined) {
      delete process.env[variable];
    } else {
      process.env[variable] = before;
    }
  });
  const sender = senderFor(t, resolverOf(["127.0.0.1"]));
  const result = await attempt(sender, requestTo(`https://a.example.com:${receiver.port}/`));
  assertFailed(
    result,
    "tls",
    /the certificate, for a\.example\.com, is self-signed; POSTRIDER_CA_FILE .*\(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
  );
  assert.equal(receiver.requests.length, 0);
});

test("TLS: the URL's host name is indicated and checked, although an address is dialled", async (t) => {
  const tls = certificateFor(t, "DNS:a.example.com");
  const names: (string | false | undefined)[] = [];
  const receiver = await receiverFor(
    t,
    (socket) => {
      names.push("servername" in socket && typeof socket.servername === "string" ? socket.servername : undefined);
      socket.write(answerOf("200 OK", "ok"));
    },
    { tls },
  );
  const sender = senderFor(t, { ...resolverOf(["127.0.0.1"]), trustedCertificates: [tls.cert] });
  assertSucceeded(await attempt(sender, requestTo(`https://a.example.com.:${receiver.port}/`)));
  assert.deepEqual(names, ["a.example.com"]);
  const wrong = await attempt(sender, requestTo(`https://b.example.com:${receiver.port}/`));
  assertFailed(
    wrong,
    "tls",
    /the certificate is not for b\.example\.com, but for a\.example\.com \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
  );
  assert.equal(receiver.requests.length, 1);
});

test("TLS: a certificate for an address is checked against the address of the URL", async (t) => {
  const right = certificateFor(t, "IP:127.0.0.1");
  const receiver = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), { tls: right });
  const sender = senderFor(t, { trustedCertificates: [right.cert] });
  assertSucceeded(await attempt(sender, requestTo(`https://127.0.0.1:${receiver.port}/`)));
  const wrong = certificateFor(t, "IP:127.0.0.2");
  const other = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), { tls: wrong });
  const refusing = senderFor(t, { trustedCertificates: [wrong.cert] });
  assertFailed(
    await attempt(refusing, requestTo(`https://127.0.0.1:${other.port}/`)),
    "tls",
    /is not for 127\.0\.0\.1, but for 127\.0\.0\.2 \(/,
  );
});

test("TLS: a receiver that does not speak TLS is a failure of kind tls", async (t) => {
  const receiver = await receiverFor(t, () => {}, {
    onConnection: (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
  });
  const result = await attempt(senderFor(t), requestTo(`https://127.0.0.1:${receiver.port}/`));
  assertFailed(result, "tls", /^the TLS handshake with 127\.0\.0\.1:\d+ \(127\.0\.0\.1\) failed: /);
});

test("TLS: a stale connection is retried too, and the session of the first is resumed", async (t) => {
  const tls = certificateFor(t, "DNS:a.example.com");
  const resumed: boolean[] = [];
  const receiver = await receiverFor(
    t,
    (socket, request) => {
      if (request.numberOnConnection === 1) {
        resumed.push(
          "isSessionReused" in socket && typeof socket.isSessionReused === "function" && socket.isSessionReused(),
        );
        socket.write(answerOf("200 OK", "ok"));
      } else {
        socket.destroy();
      }
    },
    { tls },
  );
  const sender = senderFor(t, { ...resolverOf(["127.0.0.1"]), trustedCertificates: [tls.cert] });
  const url = `https://a.example.com:${receiver.port}/`;
  assertSucceeded(await attempt(sender, requestTo(url)));
  const second = await attempt(sender, requestTo(url));
  assertSucceeded(second);
  assert.equal(second.requests, 2);
  assert.deepEqual(resumed, [false, true]);
});
