/** An HTTP proxy that knows CONNECT alone, on Node's own server, so that what we send is read by another implementation. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { TlsOptions } from "node:tls";
import { type EgressProxy, parseProxy } from "../../src/http/egress/proxy.ts";

export interface ConnectProxyOptions {
  /** For a proxy that is reached over TLS. */
  readonly tls?: TlsOptions;
  /** `user:password`; without it every tunnel opens. */
  readonly credentials?: string;
}

export class ConnectProxy {
  /** What was asked for: `hooks.example.com:443`. */
  readonly asked: string[] = [];
  readonly requests: IncomingMessage[] = [];
  readonly sockets = new Set<Socket>();
  readonly server: Server;
  readonly #options: ConnectProxyOptions;

  constructor(options: ConnectProxyOptions = {}) {
    this.#options = options;
    this.server = options.tls === undefined ? createServer() : createSecureServer(options.tls);
    this.server.on("connection", (socket) => this.#keep(socket));
    this.server.on("connect", (request, socket, head) => this.#onConnect(request, socket as Socket, head));
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  #onConnect(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const target = request.url ?? "";
    this.asked.push(target);
    this.requests.push(request);
    socket.on("error", () => socket.destroy());
    const { credentials } = this.#options;
    const expected = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;
    if (request.headers["proxy-authorization"] !== expected) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="x"\r\n\r\n');
      return;
    }
    const beyond = connect(Number(target.slice(target.lastIndexOf(":") + 1)), "127.0.0.1");
    this.#keep(beyond);
    beyond.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno!"));
    beyond.on("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      beyond.write(head);
      beyond.pipe(socket).pipe(beyond);
      socket.on("close", () => beyond.destroy());
      beyond.on("close", () => socket.destroy());
    });
  }

  #keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) {
      socket.destroy();
    }
    this.server.close();
    await once(this.server, "close");
  }
}

export async function connectProxyFor(t: TestContext, options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const proxy = new ConnectProxy(options);
  proxy.server.listen(0, "127.0.0.1");
  await once(proxy.server, "listening");
  t.after(() => proxy[Symbol.asyncDispose]());
  return proxy;
}

export function proxyAt(url: string): EgressProxy {
  const parsed = parseProxy(url);
  if (parsed.kind === "problem") {
    throw new Error(parsed.remedy);
  }
  return parsed.proxy;
}
