import { type Answer, answerTo, type Consented, type EventResult, type Received } from "./answer.ts";
import type { ReceivedEvent } from "./event.ts";
import { handleOne } from "./handleOne.ts";
import { consentedOrigin } from "./handshake.ts";
import { type HeadersLike, headerMap } from "./headers.ts";
import { type Opened, openBody } from "./open.ts";
import type { AnyEvents, ReceiverOptions } from "./options.ts";
import { readEvents } from "./readEvents.ts";
import { kindOf, ReceiveError } from "./receiveError.ts";
import { type Rejection, rejected } from "./rejection.ts";
import { readOptions, type Settings } from "./settings.ts";
import { tell } from "./tell.ts";

/** A request as it arrived. */
export interface ReceivedRequest {
  /** Default: POST. */
  readonly method?: string | undefined;
  readonly headers: HeadersLike;
  /** The bytes as they arrived, because the signature is over them; their text, if that is all that a platform gives; or what reads them. */
  readonly body: Uint8Array | string | BodyReader;
}

/**
 * Reads the body if it is wanted: that is, if the headers are those of a signed request. It reads no more than `bytesMax`, and
 * says so if there is more, or if the body broke off.
 */
export type BodyReader = (bytesMax: number) => Promise<Uint8Array | "too_large" | "broken_off">;

/** A request whose signature is good, and what it says. */
export interface Verified {
  readonly kind: "verified";
  readonly webhookId: string;
  /** When it was signed, in seconds since 1970. */
  readonly timestampSeconds: number;
  /** Decrypted, if it was encrypted. */
  readonly body: Uint8Array;
  /** That of `body`. */
  readonly contentType: string | undefined;
  /** Several, if it is a batch. */
  readonly events: readonly ReceivedEvent[];
}

export interface Receiver {
  /** How large a body may be; an adapter reads no more. */
  readonly bodyBytesMax: number;
  /** Verifies a request and handles its events, each once. Never rejects: what went wrong is in the answer's outcome. */
  receive(request: ReceivedRequest): Promise<Answer>;
  /** Verifies a request and reads its events, and handles none. Rejects only if something fails on this side. */
  verify(request: ReceivedRequest): Promise<Verified | Rejection>;
}

/**
 * A receiver of one endpoint's requests. Throws ReceiveError if an option is wrong.
 *
 * ```ts
 * const receiver = createReceiver({
 *   secrets: [secret],
 *   store: postgresInbox(pool),
 *   handlers: {
 *     "order.paid": async (event, { transaction }) => {
 *       await transaction.query("update orders set paid_at = $1 where id = $2", [event.timestamp, event.data.order_id]);
 *     },
 *   },
 * });
 * ```
 */
export function createReceiver<Tx = unknown>(options: ReceiverOptions<AnyEvents, Tx>): Receiver {
  const settings = readOptions(options);
  return {
    bodyBytesMax: settings.bodyBytesMax,
    receive: (request) => receive(settings, request),
    verify: (request) => verify(settings, request),
  };
}

async function receive<Tx>(settings: Settings<Tx>, request: ReceivedRequest): Promise<Answer> {
  const answer = await resultOf(settings, request)
    .catch((error: unknown) => ({ kind: "failed", webhookId: undefined, events: [], error }) as const)
    .then(answerTo);
  void tell(settings, answer.outcome);
  return answer;
}

async function resultOf<Tx>(
  settings: Settings<Tx>,
  request: ReceivedRequest,
): Promise<Received | Consented | Rejection> {
  if (request.method === "OPTIONS") {
    const origin = consentedOrigin(headerMap(request.headers), settings.handshakeOrigins);
    return origin === null ? rejected("method_not_post") : { kind: "consented", origin };
  }
  const verdict = await verify(settings, request);
  return verdict.kind === "verified" ? handleAll(settings, verdict) : verdict;
}

async function verify<Tx>(settings: Settings<Tx>, request: ReceivedRequest): Promise<Verified | Rejection> {
  if (request.method !== undefined && request.method !== "POST") {
    return rejected("method_not_post");
  }
  const readBody = () => bytesOf(request.body, settings.bodyBytesMax);
  const opened = await openBody(settings, headerMap(request.headers), readBody);
  return opened.kind === "rejected" ? opened : read(settings, opened);
}

async function read<Tx>({ formats }: Settings<Tx>, opened: Opened): Promise<Verified | Rejection> {
  const read = await readEvents(opened, formats);
  if (read.kind === "rejected") {
    return read;
  }
  const { webhookId, timestampSeconds, body, contentType } = opened;
  return { kind: "verified", webhookId, timestampSeconds, body, contentType, events: read.events };
}

async function bytesOf(given: unknown, bytesMax: number): Promise<Uint8Array | Rejection> {
  const body: unknown = typeof given === "function" ? await given(bytesMax) : given;
  if (body === "too_large" && typeof given === "function") {
    return rejected("body_too_large");
  }
  if (body === "broken_off" && typeof given === "function") {
    return rejected("body_broken_off");
  }
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (bytes instanceof Uint8Array) {
    return bytes.length > bytesMax ? rejected("body_too_large") : bytes;
  }
  throw new ReceiveError(
    "body_consumed",
    `cannot verify a request: its body is ${kindOf(body)} and not the bytes that arrived; something read or parsed it before, such as express.json(): let the receiver come first, or keep the bytes`,
  );
}

/** The items of a batch each for themselves: one that fails keeps no other, and those that are done stay so. */
async function handleAll<Tx>(settings: Settings<Tx>, { webhookId, events }: Verified): Promise<Received> {
  const results: EventResult[] = [];
  for (const event of events) {
    results.push(await handleOne(settings, event));
  }
  return { kind: "received", webhookId, events: results };
}
