import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { ENCRYPTED_CONTENT_TYPE } from "../format/encrypt.ts";
import { parseVerifyingKey, REJECTIONS, type VerifyingKey, verifySignature } from "../format/sign.ts";
import { contentsOf } from "./contents.ts";
import { type DecryptionKey, decryptBody } from "./decrypt.ts";

/** More than any sender of events should send in one request. */
export const BODY_BYTES_MAX = 10 * 1024 * 1024;
/** Paths with ids that are remembered to recognize duplicates: enough for a receiver that a person watches. */
const REMEMBERED_IDS_MAX = 10_000;
const REQUEST_MS_MAX = 60_000;
const HOST = "127.0.0.1";

/** One request as it arrived, and the judgement of it. Its sender, a stranger, wrote what it contains. */
export interface ReceivedRequest {
  /** Milliseconds since 1970. */
  readonly receivedAtMs: number;
  /** Path and query. */
  readonly path: string;
  /** The header `webhook-id`; null if there is none. */
  readonly id: string | null;
  /** What the event is, as the body or a header says it; null if neither does. */
  readonly eventType: string | null;
  /** The event's id, from wherever the format has it; null if it has none. `id`, if there is one. */
  readonly eventId: string | null;
  readonly contentType: string | null;
  /** Decrypted, if `isDecrypted`; then `contentType` is that of the decrypted body. */
  readonly body: Buffer;
  readonly isDecrypted: boolean;
  readonly judgement: Judgement;
  /** Whether a request with this id was accepted before, on this path: an event has one id for all its endpoints. */
  readonly isDuplicate: boolean;
}

export type Judgement =
  | { readonly kind: "verified" }
  /** No secret was given. */
  | { readonly kind: "unverified" }
  | { readonly kind: "rejected"; readonly reason: string }
  /** Answered 503, as `refuse` asked for. */
  | { readonly kind: "refused"; readonly reason: string };

export interface LocalReceiverOptions {
  /** 0: any free one. */
  readonly port: number;
  /** Each as `create_endpoint` returned it, or a public key (`whpk_…`). Without any, everything is accepted unverified. */
  readonly secrets: readonly string[];
  /** Decrypts what arrives encrypted. Without one it is taken as it is. */
  readonly decryptionKey?: DecryptionKey | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Why a request that is not rejected is answered 503, by its path and id; null if it is accepted. */
  readonly refuse?: (path: string, id: string | null) => string | null;
  /** Called once for each POST whose body is no larger than BODY_BYTES_MAX, before it is answered. */
  readonly onRequest: (request: ReceivedRequest) => void;
}

/**
 * A receiver on 127.0.0.1. It answers 204 to what it accepts, including duplicates; 401 to a signature that none of the
 * secrets made, and to a body that the key does not decrypt; 413 to a body that is too large; 503 to what `refuse` names; and 405 to anything but POST.
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
    const keys = options.secrets.map(keyOf);
    const seenIds = new Set<string>();
    const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
      receive(request, response, { ...options, keys, seenIds });
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
  readonly keys: readonly VerifyingKey[];
  /** The oldest first. */
  readonly seenIds: Set<string>;
}

/** What is wrong with a secret, as a clause that continues "the secret …" and does not repeat it; null if nothing is. */
export function secretProblem(secret: string): string | null {
  const parsed = parseVerifyingKey(secret);
  return parsed.kind === "problem" ? parsed.problem : null;
}

function keyOf(secret: string): VerifyingKey {
  const parsed = parseVerifyingKey(secret);
  if (parsed.kind === "problem") {
    throw new Error(`the secret ${parsed.problem}`);
  }
  return parsed.key;
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
  const id = headerOf(request, "webhook-id");
  const path = request.url ?? "";
  const contentType = headerOf(request, "content-type");
  const verified = judge(request, id, sent, receivedAtMs, reception.keys);
  const key = reception.decryptionKey ?? null;
  const opened =
    key === null || verified.kind === "rejected" || !isEncrypted(contentType)
      ? null
      : await decryptBody([key], sent, id);
  const judged: Judgement = opened?.kind === "rejected" ? { kind: "rejected", reason: opened.reason } : verified;
  const isDecrypted = opened?.kind === "decrypted";
  const body = isDecrypted ? Buffer.from(opened.body) : sent;
  const bodyType = isDecrypted ? (opened.contentType ?? null) : contentType;
  const refusal = judged.kind === "rejected" ? null : (reception.refuse?.(path, id) ?? null);
  const judgement: Judgement = refusal === null ? judged : { kind: "refused", reason: refusal };
  const isAccepted = judgement.kind === "verified" || judgement.kind === "unverified";
  const contents = contentsOf({ ...request.headers, "content-type": bodyType ?? "" }, body);
  const isDuplicate = isAccepted && id !== null && isSeen(`${path} ${id}`, reception.seenIds);
  reception.onRequest({
    receivedAtMs,
    path,
    id,
    eventType: contents.type,
    eventId: contents.id,
    contentType: bodyType,
    body,
    isDecrypted,
    judgement,
    isDuplicate,
  });
  if (isAccepted) {
    response.writeHead(204).end();
  } else {
    answer(response, judgement.kind === "rejected" ? 401 : 503, judgement.reason);
  }
}

function isEncrypted(contentType: string | null): boolean {
  return contentType?.split(";")[0]?.trim().toLowerCase() === ENCRYPTED_CONTENT_TYPE;
}

function judge(
  request: IncomingMessage,
  id: string | null,
  body: Buffer,
  nowMs: number,
  keys: readonly VerifyingKey[],
): Judgement {
  if (keys.length === 0) {
    return { kind: "unverified" };
  }
  const headers = {
    id,
    timestamp: headerOf(request, "webhook-timestamp"),
    signature: headerOf(request, "webhook-signature"),
  };
  const verification = verifySignature(keys, headers, body, Math.floor(nowMs / 1000));
  return verification.kind === "verified"
    ? { kind: "verified" }
    : { kind: "rejected", reason: REJECTIONS[verification.reason] };
}

/** Whether the id was seen before; it is remembered from now on. */
function isSeen(id: string, seenIds: Set<string>): boolean {
  const isKnown = seenIds.delete(id);
  seenIds.add(id);
  if (seenIds.size > REMEMBERED_IDS_MAX) {
    for (const oldest of seenIds) {
      seenIds.delete(oldest);
      break;
    }
  }
  return isKnown;
}

/** Node joins a header that came more than once, and then it is not valid. */
function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
}

function answer(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...headers }).end(`${text}\n`);
}
