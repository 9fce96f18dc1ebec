import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Hono } from "hono";
import type { ListenerApp, ListenerEnv } from "../../src/listen/routes.ts";
import { Listener } from "../../src/serve/listener.ts";
import { rawConnection, readToEnd, startListener } from "../support/listener.ts";

async function bodyOf(response: Response): Promise<unknown> {
  return JSON.parse(await response.text());
}

/** The answer to bytes that are written at once, up to the end of the connection. */
async function answerTo(t: TestContext, port: number, request: string): Promise<string> {
  const socket = rawConnection(t, port);
  const answer = readToEnd(socket);
  socket.write(request);
  return answer;
}

test("health and readiness answer, with headers that no cache and no browser misunderstands", async (t) => {
  const { url } = await startListener(t);
  const health = await fetch(`${url}/healthz`);
  assert.equal(health.status, 200);
  assert.equal(await health.text(), "ok\n");
  const ready = await fetch(`${url}/readyz`);
  assert.equal(ready.status, 200);
  assert.deepEqual(await bodyOf(ready), { ready: true, reasons: [], notes: [] });
  for (const { headers } of [health, ready]) {
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("server"), null);
    assert.equal(headers.get("x-powered-by"), null);
  }
});

test("what is not ready answers 503 with the reasons", async (t) => {
  const reasons = ["results cannot be recorded in Postgres"];
  const { url } = await startListener(t, { readiness: async () => ({ reasons, notes: [] }) });
  const answer = await fetch(`${url}/readyz`);
  assert.equal(answer.status, 503);
  assert.deepEqual(await bodyOf(answer), { ready: false, reasons, notes: [] });
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
});

test("an unknown path, a wrong method and a failure say nothing more than their status", async (t) => {
  const { url, errors } = await startListener(t, { readiness: () => Promise.reject(new Error("secret of a server")) });
  const unknown = await fetch(`${url}/unknown/${"x".repeat(100)}?y`);
  assert.equal(unknown.status, 404);
  assert.equal(unknown.headers.get("content-type"), "application/problem+json");
  assert.deepEqual(await bodyOf(unknown), { title: "Not Found", status: 404 });
  const deleted = await fetch(`${url}/healthz`, { method: "DELETE" });
  assert.equal(deleted.status, 405);
  assert.equal(deleted.headers.get("allow"), "GET, HEAD");
  const failed = await fetch(`${url}/readyz`);
  assert.equal(failed.status, 500);
  assert.deepEqual(await bodyOf(failed), { title: "Internal Server Error", status: 500 });
  assert.deepEqual(errors, ["secret of a server"]);
  const head = await fetch(`${url}/healthz`, { method: "HEAD" });
  assert.equal(head.status, 200);
});

test("what is for operators is not there for a request that a proxy passed on", async (t) => {
  const { url } = await startListener(t);
  for (const path of ["/healthz", "/readyz"]) {
    const answer = await fetch(url + path, { headers: { "x-forwarded-for": "203.0.113.7" } });
    assert.equal(answer.status, 404);
    assert.deepEqual(await bodyOf(answer), { title: "Not Found", status: 404 });
  }
});

test("a path is what it says: what a proxy takes for a path for receivers leads to nothing for operators", async (t) => {
  const { port } = await startListener(t);
  const statusOf = async (path: string) => {
    const answer = await answerTo(t, port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
    return answer.slice(0, "HTTP/1.1 200".length);
  };
  for (const path of [
    ...["/payloads/../healthz", "/payloads/x/%2e%2E/../healthz", "/payloads/.%2e/healthz", "/./healthz", "/healthz/."],
    ...["http://a/payloads/../healthz", "/payloads/..\\healthz", "/payloads\\..\\healthz", "/payloads/..?/healthz"],
  ]) {
    assert.equal(await statusOf(path), "HTTP/1.1 400", path);
  }
  for (const path of [
    "/payloads/..%2fhealthz",
    "/payloads/%252e%252e/healthz",
    "/payloads/...",
    "/payloads/;/healthz",
  ]) {
    assert.equal(await statusOf(path), "HTTP/1.1 404", path);
  }
  assert.equal(await statusOf("/healthz?a=/../b"), "HTTP/1.1 200");
});

test("a body that no route wants is refused, and the connection ends", async (t) => {
  const { port } = await startListener(t);
  const withLength = await answerTo(t, port, "POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n");
  assert.match(withLength, /^HTTP\/1\.1 413 /);
  const chunked = await answerTo(
    t,
    port,
    "GET /healthz HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n9\r\n",
  );
  assert.match(chunked, /^HTTP\/1\.1 413 /);
  const expecting = await answerTo(
    t,
    port,
    "POST /healthz HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
  );
  assert.match(expecting, /^HTTP\/1\.1 413 /);
});

test("headers that are too long or too many, and what is no HTTP, are refused with a status alone", async (t) => {
  const { port } = await startListener(t);
  const long = await answerTo(t, port, `GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(9_000)}\r\n\r\n`);
  assert.match(long, /^HTTP\/1\.1 431 /);
  const many = Array.from({ length: 64 }, (_, at) => `x${at}: y\r\n`).join("");
  assert.match(await answerTo(t, port, `GET /healthz HTTP/1.1\r\nhost: a\r\n${many}\r\n`), /^HTTP\/1\.1 431 /);
  for (const garbage of ["\0\x01\x02\x03\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"]) {
    assert.match(await answerTo(t, port, garbage), /^HTTP\/1\.1 400 /);
  }
  const bad = ["GET http:// HTTP/1.1\r\nhost: a", "GET /healthz HTTP/1.1\r\nhost: a b", "GET * HTTP/1.1\r\nhost: a"];
  for (const request of bad) {
    assert.match(await answerTo(t, port, `${request}\r\nconnection: close\r\n\r\n`), /^HTTP\/1\.1 40[04] /);
  }
  assert.equal(await answerTo(t, port, "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"), "");
});

test("an answer that fails midway breaks off, and nothing is written but to the log", async (t) => {
  const written = [t.mock.method(console, "error", () => {}), t.mock.method(console, "info", () => {})];
  const app: ListenerApp = new Hono<ListenerEnv>();
  app.get("/broken", () => {
    let reads = 0;
    const body = new ReadableStream({
      pull(controller) {
        reads += 1;
        if (reads > 3) {
          controller.error(new Error("the payload is gone"));
        } else {
          controller.enqueue(Buffer.alloc(10));
        }
      },
    });
    return new Response(body, { headers: { "content-length": "100" } });
  });
  const broken: unknown[] = [];
  const address = { host: "127.0.0.1", port: 0 };
  const listener = await Listener.start({ address, app, onBroken: (thrown) => broken.push(thrown) });
  t.after(() => listener.stop());
  const answer = await answerTo(t, listener.address.port, "GET /broken HTTP/1.1\r\nhost: a\r\n\r\n");
  assert.ok(answer.split("\r\n\r\n")[1]?.length !== 100, answer);
  assert.deepEqual(broken.map(String), ["Error: the payload is gone"]);
  assert.deepEqual(
    written.map(({ mock }) => mock.callCount()),
    [0, 0],
  );
});

test("a request ends when its client has gone", async (t) => {
  const app: ListenerApp = new Hono<ListenerEnv>();
  const asked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  app.get("/waiting", ({ env }) => {
    env.outgoing.once("close", () => gone.resolve());
    asked.resolve();
    return new Promise(() => {});
  });
  const listener = await Listener.start({
    address: { host: "127.0.0.1", port: 0 },
    app,
    onBroken: () => assert.fail(),
  });
  t.after(() => listener.stop());
  const socket = rawConnection(t, listener.address.port);
  socket.write("GET /waiting HTTP/1.1\r\nhost: a\r\n\r\n");
  await asked.promise;
  socket.end();
  await gone.promise;
});
