import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { resetSocket } from "../proxy.ts";
import type { Random } from "../random.ts";
import { Overtaking } from "./overtaking.ts";

/** How often a request is delayed, doubled, followed by an old one, and robbed of its answer. */
const DELAYED = 0.25;
const DELAY_MS: readonly [number, number] = [0, 400];
const DOUBLED = 0.15;
const REPEATED = 0.1;
const REPEATED_AFTER_MS: readonly [number, number] = [0, 3_000];
const ANSWER_LOST = 0.05;
/** Of them one is sent again. Their signatures are good for five minutes. */
const REMEMBERED_MAX = 300;
const FORWARD_TIMEOUT_MS = 12_000;
/** What has not happened by then, happens: a run without it would prove less. */
const REQUESTS_UNTIL_DUE = 20;

export interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer<ArrayBuffer>;
}

/**
 * Stands between the senders and the receivers: each request goes to any receiver that runs, late, twice, or again seconds
 * later, and its answer may be lost. One event is held back until a later one of its key has been handled.
 */
export class HostileNetwork {
  readonly #random: Random;
  readonly #receivers: () => readonly number[];
  readonly #server = createServer((request, response) => void this.#take(request, response));
  readonly #remembered: Request[] = [];
  readonly #inProgress = new Set<Promise<unknown>>();
  readonly #overtaking = new Overtaking();
  readonly counts = { requests: 0, delayed: 0, doubled: 0, repeated: 0, answersLost: 0, heldBack: 0, failed: 0 };
  isHostile = true;

  private constructor(random: Random, receivers: () => readonly number[]) {
    this.#random = random;
    this.#receivers = receivers;
  }

  /** `receivers`: the ports of those that run. */
  static async start(random: Random, receivers: () => readonly number[]): Promise<HostileNetwork> {
    const network = new HostileNetwork(random, receivers);
    network.#server.listen(0, "127.0.0.1");
    await once(network.#server, "listening");
    return network;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") {
      throw new Error("the network is not listening");
    }
    return address.port;
  }

  /** From now on requests pass; resolves when what was to be sent again has been. */
  async calm(): Promise<void> {
    this.isHostile = false;
    while (this.#inProgress.size > 0) {
      await Promise.all(this.#inProgress);
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    await this.calm();
  }

  async #take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    const request = await readRequest(incoming);
    if (request === null) {
      return;
    }
    this.counts.requests += 1;
    const status = await this.#track(this.#pass(request));
    if (status === null || this.#happens("answersLost", ANSWER_LOST)) {
      if (response.socket !== null) resetSocket(response.socket);
      return;
    }
    response.writeHead(status).end();
  }

  async #pass(request: Request): Promise<number | null> {
    if (this.#overtaking.holds(request)) {
      this.counts.heldBack += 1;
      return null;
    }
    this.#remembered.push(request);
    if (this.#remembered.length > REMEMBERED_MAX) {
      this.#remembered.shift();
    }
    if (this.#happens("repeated", REPEATED)) {
      void this.#track(this.#sendLater(this.#random.pick(this.#remembered)));
    }
    if (this.#happens("delayed", DELAYED)) {
      await pause(this.#random.between(...DELAY_MS));
    }
    if (this.#happens("doubled", DOUBLED)) {
      void this.#track(this.#forward(request));
    }
    return this.#forward(request);
  }

  async #sendLater(request: Request): Promise<void> {
    await pause(this.#random.between(...REPEATED_AFTER_MS));
    await this.#forward(request);
  }

  /** Null if there is no answer. */
  async #forward({ path, headers, body }: Request): Promise<number | null> {
    const ports = this.#receivers();
    if (ports.length === 0) {
      return null;
    }
    const url = `http://127.0.0.1:${this.#random.pick(ports)}${path}`;
    try {
      const signal = AbortSignal.timeout(FORWARD_TIMEOUT_MS);
      const answer = await fetch(url, { method: "POST", headers, body, signal });
      await answer.arrayBuffer();
      this.#overtaking.answered({ path, headers, body }, answer.status);
      return answer.status;
    } catch {
      this.counts.failed += 1;
      return null;
    }
  }

  #happens(what: "delayed" | "doubled" | "repeated" | "answersLost", share: number): boolean {
    const isDue = this.counts[what] === 0 && this.counts.requests >= REQUESTS_UNTIL_DUE;
    const happens = (this.#random.chance(share) || isDue) && this.isHostile;
    this.counts[what] += happens ? 1 : 0;
    return happens;
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    const tracked = work.finally(() => this.#inProgress.delete(tracked));
    this.#inProgress.add(tracked);
    return tracked;
  }
}

/** Null if the sender broke off. */
async function readRequest(incoming: IncomingMessage): Promise<Request | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) {
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  const headers = Object.entries(incoming.headers).filter(([name]) => /^(content-type|webhook-|postrider-)/.test(name));
  return {
    path: incoming.url ?? "/",
    headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks),
  };
}
