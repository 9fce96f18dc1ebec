/** The same requests over real HTTP, through each adapter. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { after, describe, test } from "node:test";
import {
  type BodyReader,
  createReceiver,
  fastifyPlugin,
  fetchHandler,
  type NodeRequest,
  nodeHandler,
  type Outcome,
  type ReceivedRequest,
  ReceiveError,
  type Receiver,
} from "../../src/receive/receive.ts";
import { envelope, NOW_SECONDS, notes, SECRET, setStore, signed } from "./requests.ts";

const BODY_BYTES_MAX = 100_000;
const servers: Server[] = [];

after(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

function receiverWith(log: (outcome: Outcome) => void, handle: () => void = () => {}): Receiver {
  return createReceiver({
    secrets: [SECRET],
    store: setStore(),
    handlers: { "order.paid": handle },
    handshakeOrigins: ["shop.example.com"],
    bodyBytesMax: BODY_BYTES_MAX,
    log,
    now: () => NOW_SECONDS * 1_000,
  });
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`;
}

async function send(url: string, { method = "POST", headers, body }: ReceivedRequest): Promise<Response> {
  const bytes = typeof body === "function" ? "" : body;
  return fetch(url, {
    method,
    headers: headers as Record<string, string>,
    ...(method === "POST" && { body: Buffer.from(bytes) }),
  });
}

/** As a platform with Request and Response calls a handler. */
function overFetch(handle: (request: Request) => Promise<Response>): RequestListener {
  return async (incoming, outgoing) => {
    const isBodiless = incoming.method === "GET" || incoming.method === "OPTIONS";
    const request = new Request(`http://127.0.0.1${incoming.url}`, {
      method: incoming.method ?? "",
      headers: incoming.headers as Record<string, string>,
      ...(!isBodiless && { body: ReadableStream.from(incoming), duplex: "half" }),
    });
    const response = await handle(request);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(await response.text());
  };
}

/** A stand-in for Fastify that does what the plugin relies on; test/libraries has Fastify itself. */
function overFastify(receiver: Receiver): RequestListener {
  type Done = (error: null, body: unknown) => void;
  const parsers = new Map<string, (request: unknown, payload: unknown, done: Done) => void>();
  let handler: ((request: object, reply: object) => Promise<unknown>) | undefined;
  const instance = {
    removeAllContentTypeParsers: () => parsers.clear(),
    addContentTypeParser: (type: string, parser: never) => parsers.set(type, parser),
    route: (options: never) => {
      handler = (options as { handler: typeof handler }).handler;
    },
  };
  void fastifyPlugin(receiver)(instance, { url: "/webhooks" });
  return (incoming, outgoing) => {
    const reply = {
      code: (status: number) => Object.assign(reply, { status }),
      headers: (headers: Record<string, string>) => Object.assign(reply, { given: headers }),
      send: (body: string) => {
        const { status, given } = reply as unknown as { status: number; given: Record<string, string> };
        outgoing.writeHead(status, given).end(body);
        return reply;
      },
    };
    parsers.get("*")?.(incoming, incoming, (_, body) => {
      void handler?.({ method: incoming.method, headers: incoming.headers, body }, reply);
    });
  };
}

const ADAPTERS: Readonly<Record<string, (receiver: Receiver) => RequestListener>> = {
  "node:http": (receiver) => nodeHandler(receiver),
  fetch: (receiver) => overFetch(fetchHandler(receiver)),
  fastify: overFastify,
};

for (const [name, listenerOf] of Object.entries(ADAPTERS)) {
  describe(`through ${name}`, () => {
    test("a signed request is handled and answered 200, a stranger's 401, another method 405", async () => {
      const { events, handle, log } = notes();
      const url = await serve(listenerOf(receiverWith(log, handle as () => void)));
      const good = signed(envelope('"é"'));
      const answer = await send(url, good);
      assert.deepEqual([answer.status, await answer.text()], [200, "received\n"]);
      assert.equal(events[0]?.data, "é");
      assert.equal((await send(url, { ...good, body: envelope('"e"') })).status, 401);
      const got = await send(url, { ...good, method: "GET" });
      assert.deepEqual([got.status, got.headers.get("allow")], [405, "POST"]);
    });

    test("a body that is larger than allowed is answered 413, whether its length is said or not", async () => {
      const { outcomes, log } = notes();
      const url = await serve(listenerOf(receiverWith(log)));
      const large = signed(envelope(`"${"x".repeat(3 * BODY_BYTES_MAX)}"`));
      const answer = await send(url, large);
      assert.equal(answer.status, 413);
      // Who would send on for ever has no connection for it.
      if (name !== "fetch") assert.equal(answer.headers.get("connection"), "close");
      const body = ReadableStream.from([Buffer.alloc(BODY_BYTES_MAX), Buffer.alloc(BODY_BYTES_MAX)]);
      const headers = large.headers as Record<string, string>;
      assert.equal((await fetch(url, { method: "POST", headers, body, duplex: "half" })).status, 413);
      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind === "rejected" && outcome.code),
        ["body_too_large", "body_too_large"],
      );
    });

    test("a body that breaks off reaches no handler", async () => {
      const { promise, resolve } = Promise.withResolvers<Outcome>();
      const url = await serve(listenerOf(receiverWith(resolve)));
      const { headers } = signed(envelope("1"));
      const sending = httpRequest(url, {
        method: "POST",
        headers: { ...(headers as object), "content-length": 1_000 },
      });
      sending.on("error", () => {});
      sending.write("{", () => setImmediate(() => sending.destroy()));
      const outcome = await promise;
      assert.ok(outcome.kind === "rejected");
      assert.equal(outcome.code, "body_broken_off");
    });

    test("a sender that asks for consent gets it if it is expected", async () => {
      const { log } = notes();
      const url = await serve(listenerOf(receiverWith(log)));
      const ask = (origin: string) =>
        send(url, { method: "OPTIONS", headers: { "webhook-request-origin": origin }, body: "" });
      const answer = await ask("shop.example.com");
      assert.deepEqual([answer.status, answer.headers.get("webhook-allowed-origin")], [200, "shop.example.com"]);
      const other = await ask("evil.example.com");
      assert.deepEqual([other.status, other.headers.get("webhook-allowed-origin")], [405, null]);
    });
  });
}

test("through node:http, a request that something else has answered is left alone", async () => {
  const { outcomes, log } = notes();
  const handled = Promise.withResolvers<void>();
  const url = await serve((incoming, outgoing) => {
    outgoing.writeHead(503).end();
    nodeHandler(receiverWith(log))(incoming, outgoing).then(handled.resolve, handled.reject);
  });
  assert.equal((await send(url, signed(envelope("1")))).status, 503);
  await handled.promise;
  assert.equal(outcomes[0]?.kind, "received");
});

test("through node:http, a request that was closed before it came here is not waited for", async () => {
  const { outcomes, log } = notes();
  const { headers } = signed(envelope("1"));
  const closed = Object.assign(new Readable({ read: () => {} }), { method: "POST", headers: headers as object });
  closed.destroy();
  await once(closed, "close");
  const response = { writeHead: () => {}, end: () => {} };
  await nodeHandler(receiverWith(log))(closed as unknown as NodeRequest, response);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.kind === "rejected" && outcome.code),
    ["body_broken_off"],
  );
});

describe("a body that something has read before", () => {
  async function errorOf(listenerOf: (receiver: Receiver) => RequestListener, request = signed(envelope("1"))) {
    const { outcomes, log } = notes();
    const answer = await send(await serve(listenerOf(receiverWith(log))), request);
    const [outcome] = outcomes;
    return outcome?.kind === "failed" && outcome.error instanceof ReceiveError
      ? `${answer.status} ${outcome.error.code} ${/its body is (\w+ ?\w*)/.exec(outcome.error.message)?.[1]}`
      : `${answer.status} ${outcome?.kind}`;
  }

  /** Does with a body what a parser of Express does with it, and then calls the handler. */
  function after(parse: (text: string) => unknown) {
    return (receiver: Receiver): RequestListener =>
      async (incoming, outgoing) => {
        const text = Buffer.concat(await incoming.toArray()).toString();
        await nodeHandler(receiver)(Object.assign(incoming, { body: parse(text) }), outgoing);
      };
  }

  test("is recognised after a parser of JSON, and after one that kept nothing", async () => {
    assert.equal(await errorOf(after((text) => JSON.parse(text))), "500 body_consumed an object");
    assert.equal(await errorOf(after(() => undefined)), "500 body_consumed undefined and");
  });

  test("is good if its bytes or its text were kept", async () => {
    assert.equal(await errorOf(after((text) => Buffer.from(text))), "200 received");
    assert.equal(await errorOf(after((text) => text)), "200 received");
    const keeping =
      (receiver: Receiver): RequestListener =>
      async (incoming, outgoing) => {
        const rawBody = Buffer.concat(await incoming.toArray());
        await nodeHandler(receiver)(Object.assign(incoming, { rawBody, body: JSON.parse(String(rawBody)) }), outgoing);
      };
    assert.equal(await errorOf(keeping), "200 received");
  });

  test("is read all the same if the parser set an empty object and left the stream alone", async () => {
    const skipped =
      (receiver: Receiver): RequestListener =>
      async (incoming, outgoing) =>
        nodeHandler(receiver)(Object.assign(incoming, { body: {} }), outgoing);
    assert.equal(await errorOf(skipped), "200 received");
  });

  test("is recognised in a Request", async () => {
    const used = (receiver: Receiver) =>
      overFetch(async (request) => {
        await request.json();
        return fetchHandler(receiver)(request);
      });
    assert.equal(await errorOf(used), "500 body_consumed undefined and");
  });
});

test("a body is not read if the headers are not those of a signed request", async () => {
  const { log } = notes();
  const receiver = receiverWith(log);
  let reads = 0;
  const body: BodyReader = async () => {
    reads += 1;
    return Buffer.from(envelope("1"));
  };
  const good = signed(envelope("1"));
  assert.equal((await receiver.receive({ ...good, headers: {}, body })).status, 400);
  assert.equal(reads, 0);
  assert.equal((await receiver.receive({ ...good, body })).status, 200);
  assert.equal(reads, 1);
});
