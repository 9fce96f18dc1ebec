/** The adapters of the receiver kit in the frameworks that they are for, with these frameworks' parsers of bodies. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import fastify, { type FastifyInstance } from "fastify";
import { Hono } from "hono";
import {
  createReceiver,
  fastifyPlugin,
  fetchHandler,
  nodeHandler,
  type Outcome,
  type ReceivedRequest,
  ReceiveError,
} from "../../src/receive/receive.ts";
import { envelope, NOW_SECONDS, SECRET, setStore, signed } from "../receive/requests.ts";
import { guideBlock } from "../support/guides.ts";

const BODY_BYTES_MAX = 3_000_000;
const servers: Server[] = [];
const apps: FastifyInstance[] = [];

after(async () => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  for (const app of apps) await app.close();
});

function receiverWith() {
  const outcomes: Outcome[] = [];
  const log = (outcome: Outcome) => outcomes.push(outcome);
  const options = { store: setStore(), handlers: {}, bodyBytesMax: BODY_BYTES_MAX, log };
  const receiver = createReceiver({ secrets: [SECRET], ...options, now: () => NOW_SECONDS * 1_000 });
  return { receiver, outcomes };
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function send(origin: string, { headers, body }: ReceivedRequest): Promise<string> {
  const bytes = typeof body === "function" ? "" : Buffer.from(body);
  const answer = await fetch(`${origin}/webhooks`, {
    method: "POST",
    headers: headers as Record<string, string>,
    body: bytes,
  });
  return `${answer.status} ${(await answer.text()).trim()}`;
}

/** Signed requests: some that the frameworks' own parsers take, and some that these refuse or pass over. */
const REQUESTS = [
  signed(envelope('"é"')),
  signed(envelope(`"${"x".repeat(2_000_000)}"`)),
  signed("<event/>", { contentType: "application/xml" }),
  signed("{}", { contentType: "application/jose+json" }),
  signed("", { contentType: "application/json" }),
  signed(envelope(`"${"x".repeat(BODY_BYTES_MAX)}"`)),
];
/** One for each. */
const ANSWERS = [
  ...["200 received", "200 received", "422 not understood", "422 not understood", "422 not understood"],
  "413 too large",
];

test("the guide has a line for each, and for what has no application to register with", async (t) => {
  const directory = mkdtempSync(join(import.meta.dirname, "guide-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "frameworks.ts");
  const imports = 'import { fastifyPlugin, fetchHandler, nodeHandler } from "../../../src/receive/receive.ts";';
  const objects = "const { expressApp, fastifyApp, honoApp, receiver } = globalThis.guide;";
  writeFileSync(file, [imports, objects, guideBlock("src/receive/kit.md", "Frameworks", "ts")].join("\n"));
  const [expressApp, fastifyApp, honoApp] = [express(), fastify(), new Hono()];
  Object.assign(globalThis, { guide: { expressApp, fastifyApp, honoApp, receiver: receiverWith().receiver } });
  const { POST, default: worker } = await import(file);
  apps.push(fastifyApp);
  const listeners = [
    expressApp,
    getRequestListener(honoApp.fetch),
    getRequestListener(POST),
    getRequestListener(worker.fetch),
  ];
  const origins = [
    await fastifyApp.listen({ port: 0, host: "127.0.0.1" }),
    ...(await Promise.all(listeners.map(listen))),
  ];
  for (const origin of origins) assert.equal(await send(origin, signed(envelope("1"))), "200 received");
});

describe("Express", () => {
  test("hands requests over as they came", async () => {
    const { receiver } = receiverWith();
    const app = express();
    app.post("/webhooks", nodeHandler(receiver));
    const origin = await listen(app);
    for (const [at, request] of REQUESTS.entries()) assert.equal(await send(origin, request), ANSWERS[at]);
  });

  test("with its parser of JSON before the receiver is recognised, and with its raw one is good", async () => {
    const mistaken = receiverWith();
    const parsed = express().use(express.json());
    parsed.post("/webhooks", nodeHandler(mistaken.receiver));
    const origin = await listen(parsed);
    assert.equal(await send(origin, signed(envelope("1"))), "500 failed");
    const [outcome] = mistaken.outcomes;
    assert.ok(outcome?.kind === "failed" && outcome.error instanceof ReceiveError);
    assert.equal(outcome.error.code, "body_consumed");
    // What its parser passes over is still there.
    assert.equal(await send(origin, signed("<event/>", { contentType: "application/xml" })), "422 not understood");

    const kept = express().use(express.raw({ type: "*/*" }));
    kept.post("/webhooks", nodeHandler(receiverWith().receiver));
    assert.equal(await send(await listen(kept), signed(envelope("1"))), "200 received");
  });
});

describe("Fastify", () => {
  async function started(app: FastifyInstance): Promise<string> {
    apps.push(app);
    return app.listen({ port: 0, host: "127.0.0.1" });
  }

  test("hands requests over as they came, and still parses the bodies of other routes", async () => {
    const app = fastify();
    await app.register(fastifyPlugin(receiverWith().receiver), { url: "/webhooks" });
    app.post("/other", async ({ body }) => ({ body }));
    const origin = await started(app);
    for (const [at, request] of REQUESTS.entries()) assert.equal(await send(origin, request), ANSWERS[at]);
    const headers = { "content-type": "application/json" };
    const other = await fetch(`${origin}/other`, { method: "POST", headers, body: '{"a":1}' });
    assert.deepEqual(await other.json(), { body: { a: 1 } });
  });
});

describe("Hono", () => {
  test("hands requests over as they came", async () => {
    const app = new Hono();
    const handle = fetchHandler(receiverWith().receiver);
    app.post("/webhooks", (context) => handle(context.req.raw));
    const origin = await listen(getRequestListener(app.fetch));
    for (const [at, request] of REQUESTS.entries()) assert.equal(await send(origin, request), ANSWERS[at]);
  });

  test("with something that has read the body before the receiver is recognised", async () => {
    const { receiver, outcomes } = receiverWith();
    const app = new Hono();
    app.use(async (context, next) => {
      await context.req.json();
      await next();
    });
    app.post("/webhooks", (context) => fetchHandler(receiver)(context.req.raw));
    assert.equal(await send(await listen(getRequestListener(app.fetch)), signed(envelope("1"))), "500 failed");
    const [outcome] = outcomes;
    assert.ok(outcome?.kind === "failed" && outcome.error instanceof ReceiveError);
    assert.equal(outcome.error.code, "body_consumed");
  });
});
