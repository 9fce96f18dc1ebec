import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { messageOf } from "../ground/errors.ts";
import type { GivenKey } from "../receive/decryptionKeys.ts";
import type { ReceivedEvent } from "../receive/event.ts";
import { headerMap } from "../receive/headers.ts";
import { type ParsedVerifyingKey, parsePublicKey, parseSecret, type VerifyingKey } from "../receive/keys.ts";
import { memoryInbox } from "../receive/memoryInbox.ts";
import type { Opener } from "../receive/open.ts";
import type { Store } from "../receive/store.ts";
import { type JudgedRequest, type Judgement, judgeRequest } from "./judgedRequest.ts";

/** More than any sender of events should send in one request. */
export const BODY_BYTES_MAX = 10 * 1024 * 1024;
/** Paths with ids that are remembered to recognize duplicates: enough for a receiver that a person watches. */
const REMEMBERED_IDS_MAX = 10_000;
/** Every library of Standard Webhooks tolerates as much. */
const TOLERANCE_SECONDS = 300;
const REQUEST_MS_MAX = 60_000;
const HOST = "127.0.0.1";

/** One request as it arrived, and the judgement of it. Its sender, a stranger, wrote what it contains. */
export interface ReceivedRequest extends JudgedRequest {
  /** Milliseconds since 1970. */
  readonly receivedAtMs: number;
  /** Path and query. */
  readonly path: string;
  /** The header `webhook-id`; null if there is none. */
  readonly id: string | null;
  /** Whether all its events were accepted before, on this path: an event has one id for all its endpoints. */
  readonly isDuplicate: boolean;
}

export interface LocalReceiverOptions {
  /** 0: any free one. */
  readonly port: number;
  /** Each as `create_endpoint` returned it, or a public key (`whpk_…`). Without any, everything is accepted unverified. */
  readonly secrets: readonly string[];
  /** Decrypt what arrives encrypted. Without any it is taken as it is. */
  readonly decryptionKeys?: readonly GivenKey[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Why a request that is not rejected is answered 503, by its path and id; null if it is accepted. */
  readonly refuse?: (path: string, id: string | null) => string | null;
  /** Keeps an event that is accepted, and no duplicate. A request of which an event cannot be kept is answered 503. */
  readonly keep?: (event: ReceivedEvent) => Promise<void>;
  /** Called once for each POST whose body is no larger than BODY_BYTES_MAX, before it is answered. */
  readonly onRequest: (request: ReceivedRequest) => void;
}

/**
 * A receiver on 127.0.0.1, on the receiver kit. It answers 204 to what it accepts, including duplicates; with the status of
 * the kit, and the reason, to what that rejects; 413 to a body that is too large; 503 to what `refuse` names or `keep`
 * fails with; and 405 to anything but POST.
 */
export class LocalReceiver {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Rejects with the system's error if the port cannot be listened on, and with an Error if a secret is malformed. */
  static async start(options: LocalReceiverOptions): Promise<LocalReceiver> {
    const reception = receptionOf(options);
    const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
      receive(request, response, reception);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port, HOST, resolve);
    });
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new Error("a listening server has no port");
    }
    return new LocalReceiver(server, address.port);
  }

  /** `http://127.0.0.1:PORT`; it receives on every path. */
  get url(): string {
    return `http://${HOST}:${this.port}`;
  }

  /** Cuts off requests in progress. May be called again. */
  async stop(): Promise<void> {
    if (!this.#server.listening) {
      return;
    }
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

interface Reception extends LocalReceiverOptions {
  readonly opener: Opener;
  /** Remembers what was accepted, by path and id. */
  readonly store: Store<unknown>;
}

function receptionOf(options: LocalReceiverOptions): Reception {
  const opener = {
    keys: options.secrets.map(keyOf),
    remoteKeys: null,
    decryptionKeys: options.decryptionKeys ?? [],
    toleranceSeconds: TOLERANCE_SECONDS,
    now: options.now,
  };
  return { ...options, opener, store: memoryInbox({ idsMax: REMEMBERED_IDS_MAX, warn: () => {} }) };
}

/** What is wrong with a secret, as a clause that continues "the secret …" and does not repeat it; null if nothing is. */
export function secretProblem(secret: string): string | null {
  const parsed = parseKey(secret);
  return parsed.kind === "problem" ? parsed.problem : null;
}

function keyOf(secret: string): VerifyingKey {
  const parsed = parseKey(secret);
  if (parsed.kind === "problem") {
    throw new Error(`the secret ${parsed.problem}`);
  }
  return parsed.key;
}

function parseKey(text: string): ParsedVerifyingKey {
  return text.startsWith("whpk_") ? parsePublicKey(text) : parseSecret(text);
}

function receive(request: IncomingMessage, response: ServerResponse, reception: Reception): void {
  if (request.method !== "POST") {
    answer(response, 405, "webhooks are sent by POST", { allow: "POST" });
    request.resume();
    return;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      chunks.length = 0;
      if (!response.headersSent) {
        // The rest of the body is read and dropped, because a connection that is cut would lose the answer.
        answer(response, 413, `the body is larger than ${BODY_BYTES_MAX} bytes`, { connection: "close" });
      }
      return;
    }
    chunks.push(chunk);
  });
  request.on("end", () => {
    if (bytes <= BODY_BYTES_MAX) {
      void accept(request, response, Buffer.concat(chunks), reception);
    }
  });
  // A sender that breaks off leaves nothing to answer.
  request.on("error", () => {});
}

async function accept(
  request: IncomingMessage,
  response: ServerResponse,
  sent: Buffer,
  reception: Reception,
): Promise<void> {
  const receivedAtMs = reception.now();
  const path = request.url ?? "";
  const id = headerOf(request, "webhook-id");
  const judged = await judgeRequest(reception.opener, headerMap(request.headers), sent);
  const kept = await keepAll(judged, path, id, reception);
  reception.onRequest({ ...judged, ...kept, receivedAtMs, path, id });
  switch (kept.judgement.kind) {
    case "verified":
    case "unverified":
      response.writeHead(204).end();
      return;
    case "rejected":
      answer(response, kept.judgement.status, kept.judgement.reason);
      return;
    case "refused":
      answer(response, 503, kept.judgement.reason);
  }
}

interface Kept {
  readonly judgement: Judgement;
  readonly isDuplicate: boolean;
}

/** Keeps the events of a request that is accepted, unless they were kept before. */
async function keepAll(
  { judgement, events }: JudgedRequest,
  path: string,
  id: string | null,
  { refuse, keep, store }: Reception,
): Promise<Kept> {
  if (judgement.kind === "rejected") {
    return { judgement, isDuplicate: false };
  }
  const refusal = refuse?.(path, id) ?? null;
  if (refusal !== null) {
    return { judgement: { kind: "refused", reason: refusal }, isDuplicate: false };
  }
  try {
    let duplicates = 0;
    const kept = events.length > 0 ? events : id === null ? [] : [{ ...NO_EVENT, id }];
    for (const event of kept) {
      const handle = async () => (event.type === "" ? undefined : keep?.(event));
      const outcome = await store.once({ ...event, id: `${path} ${event.id}` }, handle);
      duplicates += outcome === "duplicate" ? 1 : 0;
    }
    return { judgement, isDuplicate: kept.length > 0 && duplicates === kept.length };
  } catch (thrown) {
    return { judgement: { kind: "refused", reason: `it cannot be kept: ${messageOf(thrown)}` }, isDuplicate: false };
  }
}

/** Stands for a request that is no event, so that a second one with its id is known. */
const NO_EVENT: ReceivedEvent = {
  ...{ id: "", type: "", timestamp: "", data: undefined, dataText: undefined, large: undefined, source: undefined },
  ...{ subject: undefined, attributes: {}, isTypeSigned: false, orderingKey: undefined },
  ...{ traceparent: undefined, attempt: undefined },
};

/** Node joins a header that came more than once, and then it is not valid. */
function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
}

function answer(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...headers }).end(`${text}\n`);
}
