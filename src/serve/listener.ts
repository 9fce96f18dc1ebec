import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import type { ListenAddress } from "../ground/listenAddress.ts";
import { Connections, networkOf } from "./connections.ts";
import { guarded } from "./guardedBody.ts";
import { LIMITS, type Limits } from "./limits.ts";
import { problem, problemText } from "./problem.ts";
import { RateLimit } from "./rateLimit.ts";

/** What answers the requests that the server lets pass: an application of hono. */
export interface App {
  fetch(request: Request, bindings: HttpBindings): Response | Promise<Response>;
}

export interface ListenerOptions {
  readonly address: ListenAddress;
  readonly app: App;
  readonly limits?: Partial<Limits>;
  /** Hears why an answer broke off. */
  readonly onBroken: (thrown: unknown) => void;
}

/** How long requests in progress have to end when the listener stops. */
const STOP_MS = 1_000;

/** An HTTP server with limits on what its clients may cost. */
export class Listener {
  readonly address: ListenAddress;
  readonly #server: Server;
  readonly #connections: Connections;

  private constructor(server: Server, connections: Connections, address: ListenAddress) {
    this.#server = server;
    this.#connections = connections;
    this.address = address;
  }

  /** Rejects with the system's error if the address cannot be listened on. */
  static async start({ address, app, limits, onBroken }: ListenerOptions): Promise<Listener> {
    const connections = new Connections({ ...LIMITS, ...limits });
    const server = makeServer(answererOf(app, onBroken), { ...LIMITS, ...limits }, connections);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(address.port, address.host, resolve);
    });
    const bound = server.address();
    if (bound === null || typeof bound === "string") {
      throw new Error("a listening server has no port");
    }
    return new Listener(server, connections, { host: address.host, port: bound.port });
  }

  /** Takes no further connection, and cuts off requests that do not end soon. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#connections.stop();
    const cutting = setTimeout(() => this.#server.closeAllConnections(), STOP_MS);
    await closed;
    clearTimeout(cutting);
  }
}

function makeServer(answer: RequestListener, limits: Limits, connections: Connections): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.checkMs,
      insecureHTTPParser: false,
      requireHostHeader: false,
    },
    makeHandler(answer, limits, connections),
  );
  // One more than is allowed: Node leaves out those beyond it without a word.
  server.maxHeadersCount = limits.headersMax + 1;
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax;
  server.timeout = limits.idleMs;
  admitInto(server, connections);
  // A client that wants to switch protocols gets an answer of this one.
  server.on("connect", (_request, socket) => socket.destroy());
  // It waits with its body until it is told that it may be sent.
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    if (refusalOf(request, limits) === null) {
      response.writeContinue();
      server.emit("request", request, response);
    } else {
      refuse(response, 413);
    }
  });
  server.on("checkExpectation", (_request, response: ServerResponse) => refuse(response, 417));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (connections.isBusy(socket)) {
      // An answer is on its way, and nothing may come between its bytes.
      socket.destroy();
    } else {
      endBroken(error, socket);
    }
  });
  return server;
}

/** Puts `connections` between the sockets and the server's own handler of them. */
function admitInto(server: Server, connections: Connections): void {
  const handlers = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const admitted = connections.admit(socket);
    if (admitted !== null) {
      for (const handle of handlers) {
        Reflect.apply(handle, server, [admitted]);
      }
    }
  });
}

/** Gives requests to the routes. */
function answererOf(app: App, onBroken: (thrown: unknown) => void): RequestListener {
  const fetch = async (request: Request, bindings: HttpBindings): Promise<Response> =>
    guarded(await app.fetch(request, bindings), (thrown) => {
      bindings.outgoing.destroy();
      onBroken(thrown);
    });
  return getRequestListener((request, bindings) => fetch(request, bindings as HttpBindings), {
    overrideGlobalObjects: false,
    // A request without Host, as HTTP/1.0 allows, has no other use for a name.
    hostname: "localhost",
    // A request that is no request: a path that is no path, a Host that is no name.
    errorHandler: () => problem(400),
  });
}

/** Answers a request, unless its form or the number of them refuses it. */
function makeHandler(answer: RequestListener, limits: Limits, connections: Connections): RequestListener {
  // Each has a rate of its own, so that a client cannot use up the health checks of what shares its address.
  const rates = { health: new RateLimit(limits.requestRate), other: new RateLimit(limits.requestRate) };
  return (request, response) => {
    const { socket } = request;
    connections.requestStarted(socket);
    response.once("close", () => connections.requestEnded(socket));
    const status = refusalOf(request, limits);
    if (status !== null) {
      refuse(response, status);
      return;
    }
    connections.admitBody(socket, bodyBytesOf(request));
    const rate = HEALTH.has(request.url ?? "") ? rates.health : rates.other;
    const waitMs = rate.take(networkOf(socket.remoteAddress ?? ""));
    if (waitMs > 0) {
      refuse(response, 429, { "retry-after": Math.ceil(waitMs / 1_000) });
      return;
    }
    void answer(request, response);
  };
}

const HEALTH: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/**
 * A path with `.` or `..` in it, however it is written. The library would resolve it: a proxy that passes on what begins with
 * /payloads/, as it stands, would let strangers reach /metrics by /payloads/../metrics.
 */
const DOT_SEGMENT = /^[^?#]*\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;

/** The status with which a request is refused before anything looks at it; null: it is not. */
function refusalOf(request: IncomingMessage, { headersMax, bodyBytesMax }: Limits): number | null {
  const { url = "", headers, rawHeaders } = request;
  if (rawHeaders.length > 2 * headersMax) {
    return 431;
  }
  if (DOT_SEGMENT.test(url)) {
    return 400;
  }
  if (headers["transfer-encoding"] !== undefined) {
    // How long it is must be known before it is read.
    return bodyBytesMax > 0 ? 411 : 413;
  }
  return bodyBytesOf(request) > bodyBytesMax ? 413 : null;
}

function bodyBytesOf({ headers }: IncomingMessage): number {
  return Number(headers["content-length"] ?? 0);
}

/** Ends the connection: what follows on it may be the body that nobody wants. */
function refuse(response: ServerResponse, status: number, more: Record<string, number> = {}): void {
  const body = problemText(status);
  const headers = { ...more, "content-type": "application/problem+json", "content-length": Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, connection: "close" }).end(body);
}

const PARSER_ERRORS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** What is no HTTP, or takes too long to become it, gets one short answer. */
function endBroken({ code = "" }: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status = PARSER_ERRORS[code] ?? 400;
  socket.end(`HTTP/1.1 ${status} \r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
}
