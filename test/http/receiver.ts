/** A receiver that speaks raw bytes, so that it can misbehave in every way there is. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

export interface ReceivedRequest {
  readonly head: string;
  readonly body: Buffer;
  /** 1 for the first request on its connection. */
  readonly numberOnConnection: number;
}

/** Called with each complete request. */
export type Answer = (socket: Socket, request: ReceivedRequest) => void;

export interface ReceiverOptions {
  readonly tls?: TlsOptions;
  readonly host?: string;
  /** Called with each connection in place of reading requests. */
  readonly onConnection?: (socket: Socket) => void;
}

export class Receiver {
  readonly requests: ReceivedRequest[] = [];
  connections = 0;
  readonly sockets = new Set<Socket>();
  readonly server: Server;

  constructor(answer: Answer, options: ReceiverOptions = {}) {
    const onSocket = (socket: Socket): void => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => this.sockets.delete(socket));
      if (options.onConnection === undefined) {
        readRequests(socket, (request) => {
          this.requests.push(request);
          answer(socket, request);
        });
      } else {
        options.onConnection(socket);
      }
    };
    this.server = options.tls === undefined ? createServer(onSocket) : createTlsServer(options.tls, onSocket);
  }

  async listen(host = "127.0.0.1"): Promise<this> {
    this.server.listen(0, host);
    await once(this.server, "listening");
    return this;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks`;
  }

  /** Resolves when every connection so far is closed. */
  async quiet(): Promise<void> {
    // Not events.once: it rejects on "error", and a connection that is cut off may well end with one.
    await Promise.all([...this.sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) {
      socket.destroy();
    }
    if (this.server.listening) {
      this.server.close();
      await once(this.server, "close");
    }
  }
}

export function answerOf(status: string, body = "", headers = ""): string {
  return `HTTP/1.1 ${status}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}

function readRequests(socket: Socket, onRequest: (request: ReceivedRequest) => void): void {
  let buffered = Buffer.alloc(0);
  let count = 0;
  socket.on("data", (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      const end = buffered.indexOf("\r\n\r\n");
      if (end === -1) {
        return;
      }
      const head = buffered.toString("latin1", 0, end);
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      if (buffered.length < end + 4 + length) {
        return;
      }
      count += 1;
      const body = Buffer.from(buffered.subarray(end + 4, end + 4 + length));
      buffered = buffered.subarray(end + 4 + length);
      onRequest({ head, body, numberOnConnection: count });
    }
  });
}
