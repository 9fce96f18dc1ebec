import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import type { Readiness } from "../../src/listen/vitals.ts";
import { networkOf } from "../../src/serve/connections.ts";
import { RateLimit } from "../../src/serve/rateLimit.ts";
import { eventually } from "../support/command.ts";
import { rawConnection, readToEnd, startListener } from "../support/listener.ts";

test("no window has more than the burst and what the rate adds, and a refusal says when the next may come", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 100 }),
      (perSecond, burst, pauses) => {
        let nowMs = 0;
        const limit = new RateLimit({ perSecond, burst }, () => nowMs);
        const taken: number[] = [];
        for (const pauseMs of pauses) {
          nowMs += pauseMs;
          const waitMs = limit.take("a");
          if (waitMs === 0) {
            taken.push(nowMs);
          } else {
            nowMs += waitMs + 0.001;
            assert.equal(limit.take("a"), 0);
            taken.push(nowMs);
          }
        }
        for (const [index, startMs] of taken.entries()) {
          for (const [count, endMs] of taken.slice(index).entries()) {
            assert.ok(count + 1 <= burst + ((endMs - startMs) / 1_000) * perSecond + 1e-6);
          }
        }
      },
    ),
  );
});

test("one key's requests do not count for another's", () => {
  const limit = new RateLimit({ perSecond: 1, burst: 1 }, () => 0);
  assert.equal(limit.take("a"), 0);
  assert.equal(limit.take("a"), 1_000);
  assert.equal(limit.take("b"), 0);
});

test("an address is counted by the network that its owner has", () => {
  assert.equal(networkOf("203.0.113.7"), "203.0.113.7");
  assert.equal(networkOf("::ffff:203.0.113.7"), "203.0.113.7");
  assert.equal(networkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assert.equal(networkOf("2001:db8::1"), "2001:db8:0:0");
  assert.equal(networkOf("::1"), "0:0:0:0");
  assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0:0");
});

test("a client that asks too often is told when to come back, and health checks are counted apart", async (t) => {
  const { url } = await startListener(t, { limits: { requestRate: { perSecond: 0.01, burst: 2 } } });
  const statuses = [];
  for (let asked = 0; asked < 3; asked += 1) {
    statuses.push((await fetch(`${url}/unknown`)).status);
  }
  assert.deepEqual(statuses, [404, 404, 429]);
  const refused = await fetch(`${url}/unknown`);
  const retrySeconds = Number(refused.headers.get("retry-after"));
  assert.ok(retrySeconds > 50 && retrySeconds <= 100, `${retrySeconds} s`);
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
});

test("connections beyond those of one address are closed, and make room when they end", async (t) => {
  const { port, url } = await startListener(t, { limits: { connectionsPerAddressMax: 2 } });
  const [first, second] = [rawConnection(t, port), rawConnection(t, port)];
  await Promise.all([once(first, "connect"), once(second, "connect")]);
  const third = rawConnection(t, port);
  await once(third, "close");
  first.destroy();
  second.destroy();
  const status = await eventually("an answer", () =>
    fetch(`${url}/healthz`).then(
      (answer) => answer.status,
      () => undefined,
    ),
  );
  assert.equal(status, 200);
});

test("a client that sends its request byte by byte, or nothing, is cut off", async (t) => {
  const { port } = await startListener(t, {
    limits: { headersMs: 100, requestMs: 200, keepAliveMs: 100, checkMs: 20 },
  });
  const silent = rawConnection(t, port);
  const dripping = rawConnection(t, port);
  const answered = rawConnection(t, port);
  const drip = setInterval(() => dripping.write("a"), 10);
  t.after(() => clearInterval(drip));
  dripping.write("GET /healthz HTTP/1.1\r\nx: ");
  answered.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  const [nothing, timeout, answer] = await Promise.all([silent, dripping, answered].map((each) => readToEnd(each)));
  assert.match(nothing ?? "", /^(HTTP\/1\.1 408 |$)/);
  assert.match(timeout ?? "", /^HTTP\/1\.1 408 /);
  assert.match(answer ?? "", /^HTTP\/1\.1 200 /);
});

test("pipelined requests are answered in order, up to those that a connection may have", async (t) => {
  const { port } = await startListener(t, { limits: { requestsPerConnectionMax: 3, keepAliveMs: 10 } });
  const socket = rawConnection(t, port);
  const answer = readToEnd(socket);
  socket.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /unknown HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3));
  const statuses = [...(await answer).matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
  assert.deepEqual(statuses.slice(0, 3), ["200", "404", "200"]);
  assert.ok(statuses.slice(3).every((status) => status === "503"));
});

test("a client that takes all connections loses one to a client that has none, unless a request is in progress", async (t) => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Readiness>();
  const { port } = await startListener(t, {
    limits: { connectionsMax: 3 },
    readiness: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const busy = rawConnection(t, port);
  const busyAnswer = readToEnd(busy);
  busy.write("GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  await asked.promise;
  const idle = [rawConnection(t, port), rawConnection(t, port)];
  await Promise.all(idle.map((socket) => once(socket, "connect")));
  const refused = rawConnection(t, port);
  await once(refused, "close");
  const evicted = once(idle[0] ?? refused, "close");
  const other = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.2" });
  t.after(() => other.destroy());
  const otherAnswer = readToEnd(other);
  other.write("GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  await evicted;
  assert.match(await otherAnswer, /^HTTP\/1\.1 200 /);
  answer.resolve({ reasons: [], notes: [] });
  assert.match(await busyAnswer, /^HTTP\/1\.1 200 /);
});

test("what follows a request waits until it has been answered, and never gets between the bytes of its answer", async (t) => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Readiness>();
  const { port } = await startListener(t, {
    readiness: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const socket = rawConnection(t, port);
  const answers = readToEnd(socket);
  socket.write("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n\0\x01garbage\r\n\r\n");
  await asked.promise;
  answer.resolve({ reasons: [], notes: [] });
  const statuses = [...(await answers).matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
  assert.deepEqual(statuses, ["200", "200", "400"]);
});

test("a client that sends thousands of requests without an answer is cut off", async (t) => {
  const { port } = await startListener(t, { readiness: () => new Promise(() => {}) });
  const socket = rawConnection(t, port);
  const answers = readToEnd(socket);
  socket.write("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1_000));
  assert.equal(await answers, "");
});

test("however its bytes are cut, each request of a connection is answered, in their order", async (t) => {
  const { port } = await startListener(t);
  const paths = ["/healthz", "/a", "/readyz", "/b"];
  const last = "GET /c HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
  const bytes = Buffer.from(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join("") + last);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 8 }), async (cuts) => {
      const socket = rawConnection(t, port).setNoDelay(true);
      const answers = readToEnd(socket);
      const places = [0, ...cuts.toSorted((one, other) => one - other), bytes.length];
      for (const [index, place] of places.slice(0, -1).entries()) {
        socket.write(bytes.subarray(place, places[index + 1]));
        await turn();
      }
      const statuses = [...(await answers).matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
      assert.deepEqual(statuses, ["200", "404", "200", "404", "404"]);
    }),
    { numRuns: 20 },
  );
});
