import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseSecret, type SigningKey, verifySignature } from "../../src/format/sign.ts";
import { type EndpointPlan, type Manners, REFUSAL, TIMEOUT_MS } from "./endpoints.ts";
import { resetSocket } from "./proxy.ts";
import type { Random } from "./random.ts";

export interface ReceivedRequest {
  /** Unix time, as the daemons' started_at. */
  readonly atMs: number;
  /** Null until it is answered, and if it never is. */
  status: number | null;
  answeredAtMs: number | null;
}

export function isAccepted({ status }: ReceivedRequest): boolean {
  return status !== null && status >= 200 && status <= 299;
}

export type Disturbance = "hang" | "slow" | "reset" | "dead" | null;

/** A disturbed receiver is this slow: some of its answers come too late. */
const SLOW_MS: readonly [number, number] = [500, 2_600];

interface Route {
  readonly plan: EndpointPlan;
  readonly random: Random;
  readonly requests: Map<string, ReceivedRequest[]>;
  key: SigningKey | null;
  disturbance: Disturbance;
  /** Events that it takes although it would refuse them. */
  readonly taken: Set<string>;
  /** When the requests arrived that are in progress. */
  readonly inProgress: Set<number>;
  mostInProgress: number;
}

/** All endpoints' receiver, a path each. It remembers every request, and answers by the endpoint's manners. */
export class ChaosReceiver {
  readonly #server = createServer((request, response) => void this.#receive(request, response));
  readonly #routes = new Map<string, Route>();
  /** Requests that must not arrive: not signed by us, or with a body other than the signed one. */
  readonly rejected: string[] = [];
  requestCount = 0;
  acceptedCount = 0;
  lastAcceptedAtMs = 0;

  static async start(plans: readonly EndpointPlan[], random: Random): Promise<ChaosReceiver> {
    const receiver = new ChaosReceiver();
    for (const plan of plans) {
      receiver.#routes.set(plan.path, {
        plan,
        random: random.fork(plan.path),
        requests: new Map(),
        key: null,
        disturbance: null,
        taken: new Set(),
        inProgress: new Set(),
        mostInProgress: 0,
      });
    }
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") {
      throw new Error("the receiver is not listening");
    }
    return address.port;
  }

  verify(path: string, secret: string): void {
    const parsed = parseSecret(secret);
    if (parsed.kind === "problem") {
      throw new Error(`the secret ${parsed.problem}`);
    }
    this.#route(path).key = parsed.key;
  }

  disturb(path: string, disturbance: Disturbance): void {
    this.#route(path).disturbance = disturbance;
  }

  /** Whether it refuses an event follows from the event's id. */
  refuses(path: string, eventId: string): boolean {
    const { plan, taken } = this.#route(path);
    return Number.parseInt(eventId.slice(-6), 16) < plan.manners.refusing * 0x1000000 && !taken.has(eventId);
  }

  /** From now on it does not refuse this one. */
  take(path: string, eventId: string): void {
    this.#route(path).taken.add(eventId);
  }

  /** By event. */
  requests(path: string): ReadonlyMap<string, readonly ReceivedRequest[]> {
    return this.#route(path).requests;
  }

  /** The most requests that were in progress at a time. */
  mostInProgress(path: string): number {
    return this.#route(path).mostInProgress;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #route(path: string): Route {
    const route = this.#routes.get(path);
    if (route === undefined) {
      throw new Error(`there is no path ${path}`);
    }
    return route;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) {
        chunks.push(chunk);
      }
    } catch {
      // The sender was killed, or gave up, while it wrote: no request.
      return;
    }
    // An edited endpoint has another query.
    const path = (request.url ?? "/").replace(/\?.*$/, "");
    const route = this.#routes.get(path);
    if (route === undefined) {
      this.rejected.push(`a request for ${path}`);
      response.writeHead(404).end();
      return;
    }
    const body = Buffer.concat(chunks);
    const id = this.#check(route, request, body);
    const received: ReceivedRequest = { atMs: Date.now(), status: null, answeredAtMs: null };
    const earlier = route.requests.get(id);
    if (earlier === undefined) {
      route.requests.set(id, [received]);
    } else {
      earlier.push(received);
    }
    this.requestCount += 1;
    this.#noteProgress(route, response);
    this.#answer(route, id, received, response);
  }

  /** A request whose sender hangs, or was frozen, counts for as long as an attempt may take. */
  #noteProgress(route: Route, response: ServerResponse): void {
    const atMs = performance.now();
    let key = atMs;
    while (route.inProgress.has(key)) {
      key += 0.0001;
    }
    route.inProgress.add(key);
    response.once("close", () => route.inProgress.delete(key));
    // Once the ends of others are read that arrived together with this one.
    setImmediate(() =>
      setImmediate(() => {
        const lasting = [...route.inProgress].filter((beganMs) => beganMs > atMs - TIMEOUT_MS).length;
        route.mostInProgress = Math.max(route.mostInProgress, lasting);
      }),
    );
  }

  /** Returns the event's id. */
  #check(route: Route, request: IncomingMessage, body: Buffer): string {
    const text = (name: string): string => String(request.headers[name] ?? "");
    const headers = {
      id: text("webhook-id"),
      timestamp: text("webhook-timestamp"),
      signature: text("webhook-signature"),
    };
    const verified = verifySignature(
      route.key === null ? [] : [route.key],
      headers,
      body,
      Math.floor(Date.now() / 1_000),
    );
    if (verified.kind !== "verified") {
      this.rejected.push(`${route.plan.path} ${headers.id}: ${verified.reason}`);
    }
    return headers.id;
  }

  #answer(route: Route, eventId: string, received: ReceivedRequest, response: ServerResponse): void {
    const { random } = route;
    const manners: Manners = route.plan.manners;
    const drawn = random.next();
    if (route.disturbance === "hang" || drawn < manners.hanging) {
      // Held until the sender gives up.
      return;
    }
    if (route.disturbance === "reset" || drawn < manners.hanging + manners.resetting) {
      if (response.socket !== null) resetSocket(response.socket);
      return;
    }
    const isFailing = route.disturbance === "dead" || drawn < manners.hanging + manners.resetting + manners.failing;
    const status = isFailing ? manners.failingStatus : this.refuses(route.plan.path, eventId) ? REFUSAL : 200;
    const delayMs = random.between(...(route.disturbance === "slow" ? SLOW_MS : manners.delayMs));
    const answer = (): void => {
      if (response.socket === null || response.socket.destroyed) {
        // The sender has gone and gets no answer, so the request does not count as accepted.
        return;
      }
      received.status = status;
      received.answeredAtMs = Date.now();
      if (isAccepted(received)) {
        this.acceptedCount += 1;
        this.lastAcceptedAtMs = received.answeredAtMs;
      }
      response.writeHead(status).end();
    };
    if (delayMs < 1) {
      answer();
    } else {
      setTimeout(answer, delayMs).unref();
    }
  }
}
