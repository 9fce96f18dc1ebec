/** A receiver of webhooks that remembers every request, verifies it, and answers each path as its script says. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { parseSecret, type SigningKey, verifySignature } from "../../src/format/sign.ts";
import { until } from "./until.ts";

export interface Received {
  readonly path: string;
  /** `webhook-id`. */
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of `performance.now()`. */
  readonly atMs: number;
  /** `verified`, or why not; null if the path has no secret. */
  readonly verification: string | null;
  /** 1 for the first request of this id at this path. */
  readonly nth: number;
  /** The status that was sent, once it was. */
  answered: number | null;
}

export type Answer =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Buffer;
      readonly delayMs?: number;
    }
  /** Holds the request until `release`. */
  | { readonly kind: "hang" }
  /** Cuts the connection off. */
  | { readonly kind: "reset" };

export const OK: Answer = { kind: "status", status: 200 };

export function status(code: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { kind: "status", status: code, headers };
}

interface Route {
  answer: (request: Received) => Answer;
  key: SigningKey | null;
  readonly requests: Received[];
  readonly seen: Map<string, number>;
  readonly held: { readonly received: Received; readonly response: ServerResponse }[];
}

export class ScriptedReceiver {
  readonly #routes = new Map<string, Route>();
  readonly #server = createServer((request, response) => void this.#receive(request, response));
  /** Connections that were ever opened. */
  connections = 0;

  static async start(): Promise<ScriptedReceiver> {
    const receiver = new ScriptedReceiver();
    receiver.#server.on("connection", () => {
      receiver.connections += 1;
    });
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  url(path: string): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") {
      throw new Error("the receiver is not listening");
    }
    return `http://127.0.0.1:${address.port}${path}`;
  }

  /** What a path answers from now on: always the same, or by request. Paths without a script answer 200. */
  script(path: string, answer: Answer | ((request: Received) => Answer)): void {
    this.#route(path).answer = typeof answer === "function" ? answer : () => answer;
  }

  /** The secret that requests of the path are verified with. */
  verify(path: string, secret: string): void {
    const parsed = parseSecret(secret);
    if (parsed.kind === "problem") {
      throw new Error(`the secret ${parsed.problem}`);
    }
    this.#route(path).key = parsed.key;
  }

  requests(path: string): readonly Received[] {
    return this.#route(path).requests;
  }

  /** Ids that arrived at the path and were answered with 2xx. */
  accepted(path: string): Set<string> {
    return new Set(
      this.#route(path)
        .requests.filter(({ answered }) => answered !== null && answered >= 200 && answered < 300)
        .map(({ id }) => id),
    );
  }

  heldCount(path: string): number {
    return this.#route(path).held.length;
  }

  /** Answers what the path holds. */
  release(path: string, code: number = 200): void {
    for (const { received, response } of this.#route(path).held.splice(0)) {
      received.answered = code;
      response.writeHead(code).end();
    }
  }

  async got(path: string, count: number, deadlineMs?: number): Promise<void> {
    const { requests } = this.#route(path);
    await until(`${path} has received ${count} requests`, () => requests.length >= count, deadlineMs).catch(
      (thrown) => {
        throw new Error(`${path} has received ${requests.length} of ${count} requests`, { cause: thrown });
      },
    );
  }

  /** Resolves when no client is connected any more. */
  async deserted(deadlineMs?: number): Promise<void> {
    await until("no client is connected to the receiver", async () => (await this.openConnections()) === 0, deadlineMs);
  }

  openConnections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #route(path: string): Route {
    let route = this.#routes.get(path);
    if (route === undefined) {
      route = { answer: () => OK, key: null, requests: [], seen: new Map(), held: [] };
      this.#routes.set(path, route);
    }
    return route;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) {
        chunks.push(chunk);
      }
    } catch {
      // The sender was killed, or gave up, while it wrote: no request.
      return;
    }
    const route = this.#route(request.url ?? "/");
    const body = Buffer.concat(chunks);
    const id = header(request, "webhook-id");
    const nth = (route.seen.get(id) ?? 0) + 1;
    route.seen.set(id, nth);
    const received: Received = {
      path: request.url ?? "/",
      id,
      headers: request.headers,
      body,
      atMs: performance.now(),
      verification: route.key === null ? null : verification(route.key, request, body),
      nth,
      answered: null,
    };
    route.requests.push(received);
    give(route, received, response);
  }
}

function give(route: Route, received: Received, response: ServerResponse): void {
  const answer = route.answer(received);
  switch (answer.kind) {
    case "hang":
      route.held.push({ received, response });
      return;
    case "reset":
      response.socket?.resetAndDestroy();
      return;
    case "status": {
      const send = (): void => {
        received.answered = answer.status;
        response.writeHead(answer.status, { ...answer.headers }).end(answer.body);
      };
      if (answer.delayMs === undefined) {
        send();
      } else {
        setTimeout(send, answer.delayMs).unref();
      }
    }
  }
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === "string" ? value : "";
}

function verification(key: SigningKey, request: IncomingMessage, body: Buffer): string {
  const headers = {
    id: header(request, "webhook-id"),
    timestamp: header(request, "webhook-timestamp"),
    signature: header(request, "webhook-signature"),
  };
  const verified = verifySignature([key], headers, body, Math.floor(Date.now() / 1_000));
  return verified.kind === "verified" ? "verified" : verified.reason;
}
