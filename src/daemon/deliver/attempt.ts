import type { Attempt } from "../../domain/attempt.ts";
import { decide, decideBatch, SUCCEEDED } from "../../domain/decide.ts";
import { type Delivery, type DeliveryResult, membersOf } from "../../domain/delivery.ts";
import { SENT_BYTES_MAX } from "../../domain/event.ts";
import { batchBody } from "../../format/body.ts";
import { BODY_BYTES_MAX } from "../../format/bodyText.ts";
import { ENCRYPTED_CONTENT_TYPE, PLAINTEXT_BYTES_MAX } from "../../format/encrypt.ts";
import type { BatchFormat, DataRef } from "../../format/format.ts";
import { headerText } from "../../format/headerText.ts";
import { tokenIn } from "../../format/payloadUrl.ts";
import { signMixed, signV1 } from "../../format/sign.ts";
import { tracestateIn } from "../../format/tracestate.ts";
import { random } from "../../ground/backoff.ts";
import { monotonicMs, unixMs, unixSeconds } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import { unsent } from "../../http/failures.ts";
import { type FixedHeaders, fixHeaders, type OutgoingRequest, type Send } from "../../http/request.ts";
import type { Traces } from "../../telemetry/traces/traces.ts";
import { sendAuthorized } from "./authorized.ts";
import type { Encryptions } from "./encryptions.ts";
import type { Encryption, Endpoint } from "./endpoint.ts";
import { withoutSecrets } from "./hide.ts";
import type { Loader, Wanted } from "./loader.ts";
import { dataRefOf, isThin, lacksUrl, type Thinning } from "./thinning.ts";
import type { Tokens } from "./tokens.ts";

export interface AttemptParts {
  readonly loader: Pick<Loader, "add">;
  /** Takes memory for the body of a batch; if there is too little, the batch is set aside until there is more. */
  readonly reserve: (delivery: Delivery) => boolean;
  readonly encryptions: Pick<Encryptions, "encrypt">;
  /** Whether the daemon may still begin a request for a delivery whose attempt had to wait. */
  readonly mayBegin: (delivery: Delivery) => boolean;
  readonly send: Send;
  readonly tokens: Pick<Tokens, "get" | "forget">;
  /** Null if nothing is traced. */
  readonly traces: Pick<Traces, "begin"> | null;
  readonly end: End;
  /** Hears of each delivery whose format may be unable to carry all of its event's attributes, before it is sent. */
  readonly noteLeftOut: (delivery: Delivery, endpoint: Endpoint) => void;
  /** What becomes of a delivery whose payload is to be fetched, and cannot be. */
  readonly waitForUrl: (delivery: Delivery) => DeliveryResult;
}

/** Hears once how the attempt ended. */
export type End = (result: DeliveryResult, endpoint: Endpoint | undefined) => void;

/**
 * One attempt: load, encrypt, sign, send, decide. It ends before it returns if nothing is to be loaded or sent. A delivery
 * that came with its payload takes no promise unless its endpoint wants it encrypted: each would cost a microsecond.
 */
export function makeAttempt(parts: AttemptParts, delivery: Delivery, endpoint: Endpoint | undefined): void {
  if (
    endpoint === undefined ||
    !lasts(delivery, endpoint) ||
    !isDecided(delivery, endpoint) ||
    !isAllowed(delivery, endpoint) ||
    isStray(delivery, endpoint)
  ) {
    // Recording looks whether the endpoint is still there. A lease that would not last is taken anew. What an endpoint
    // that transforms by now is to be sent, when its limits and its order allow it, and what becomes of a batch if it gets
    // none any more, is decided in the queue.
    parts.end(handedBack(delivery), endpoint);
  } else if (endpoint.problem !== null) {
    // Fails closed: a request that cannot be signed is not sent.
    parts.end(withProblem(delivery, endpoint, endpoint.problem), endpoint);
  } else if (endpoint.thinning !== null && lacksUrl(delivery, endpoint.thinning)) {
    parts.end(parts.waitForUrl(delivery), endpoint);
  } else if (endpoint.thinning !== null && delivery.batch === null && isThin(delivery, endpoint.thinning)) {
    delivery.loadedPayload = null;
    sendThin(parts, delivery, endpoint, endpoint.thinning);
  } else {
    const payload = delivery.event.payload ?? delivery.loadedPayload;
    if (payload === null && delivery.event.payloadBytes > SENT_BYTES_MAX) {
      parts.end(discarded(delivery, tooLarge(delivery)), endpoint);
    } else if (payload === null) {
      parts.loader.add({ delivery, endpoint });
    } else if (delivery.batch === null || parts.reserve(delivery)) {
      // From here on the body has the payload. A second reference would keep it in memory twice.
      delivery.loadedPayload = null;
      formatAndSend(parts, delivery, payload, endpoint);
    }
  }
}

/** Whether it is a batch of an endpoint that gets none any more, or from memory although the queue keeps its order. */
function isStray({ batch, tenure }: Delivery, { batchFormat, isOrdered }: Endpoint): boolean {
  return (batch !== null && batchFormat === null) || (isOrdered && tenure.kind === "claimed");
}

/** The rest of an attempt whose payload had to be loaded. */
export function sendLoaded(parts: AttemptParts, { delivery, endpoint }: Wanted, payload: string): void {
  if (lasts(delivery, endpoint)) {
    formatAndSend(parts, delivery, payload, endpoint);
  } else {
    parts.end(handedBack(delivery), endpoint);
  }
}

function withProblem(delivery: Delivery, endpoint: Endpoint, problem: string): DeliveryResult {
  return endpoint.waits
    ? notSigned(delivery)
    : decided(delivery, endpoint, unsent("blocked", `nothing was sent: ${problem}`), 0);
}

function tooLarge({ event }: Delivery): string {
  return `the payload has ${event.payloadBytes} bytes, and ${SENT_BYTES_MAX} are sent at most`;
}

function formatAndSend(parts: AttemptParts, delivery: Delivery, payload: string, endpoint: Endpoint): void {
  const refs = endpoint.thinning === null ? NO_REFS : [];
  const body =
    endpoint.batchFormat === null
      ? endpoint.format.body(delivery.event, payload)
      : itemsBody(endpoint.batchFormat, delivery, payload, endpoint.thinning, refs);
  if (body === null) {
    parts.end(discarded(delivery, bodyTooLong(endpoint)), endpoint);
    return;
  }
  noteLeftOut(parts, delivery, endpoint);
  if (endpoint.encryption === null) {
    sendBody(parts, delivery, body, endpoint, refs);
  } else {
    void encryptAndSend(parts, delivery, body, endpoint, endpoint.encryption);
  }
}

/** An endpoint that gets thin events has no key to encrypt to, because what it fetches is not encrypted. */
function sendThin(parts: AttemptParts, delivery: Delivery, endpoint: Endpoint, thinning: Thinning): void {
  const { event } = delivery;
  const { format, batchFormat } = endpoint;
  const ref = dataRefOf(delivery, thinning);
  noteLeftOut(parts, delivery, endpoint);
  const body = batchFormat === null ? format.thinBody(event, ref) : batchBody([batchFormat.thinItem(event, ref)]);
  sendBody(parts, delivery, body, endpoint, [ref]);
}

function noteLeftOut(parts: AttemptParts, delivery: Delivery, endpoint: Endpoint): void {
  if (endpoint.format.leftOut !== null && delivery.attempts === 0) {
    for (const member of membersOf(delivery)) {
      parts.noteLeftOut(member, endpoint);
    }
  }
}

/** Fails closed: a body that cannot be encrypted is not sent. */
async function encryptAndSend(
  parts: AttemptParts,
  delivery: Delivery,
  body: Buffer,
  endpoint: Endpoint,
  encryption: Encryption,
): Promise<void> {
  if (body.byteLength > PLAINTEXT_BYTES_MAX) {
    parts.end(discarded(delivery, tooLongToEncrypt(body)), endpoint);
    return;
  }
  let encrypted: Buffer;
  try {
    const about = {
      contentType: contentTypeOf(delivery, encryption),
      webhookId: webhookIdOf(delivery),
      endpointId: endpoint.id,
    };
    encrypted = await parts.encryptions.encrypt(encryption.key, body, about);
  } catch (thrown) {
    const problem = `the body could not be encrypted: ${messageOf(thrown)}`;
    parts.end(withProblem(delivery, endpoint, problem), endpoint);
    return;
  }
  if (parts.mayBegin(delivery) && lasts(delivery, endpoint)) {
    sendBody(parts, delivery, encrypted, endpoint);
  } else {
    parts.end(handedBack(delivery), endpoint);
  }
}

function tooLongToEncrypt(body: Buffer): string {
  return `the body has ${body.byteLength} bytes, and ${PLAINTEXT_BYTES_MAX} are encrypted at most`;
}

/** Of endpoints that get no thin events: nothing is added to it. */
const NO_REFS: DataRef[] = [];

/** Signs the body and sends it. `refs`: where the payloads are that are not in it. */
function sendBody(
  parts: AttemptParts,
  delivery: Delivery,
  body: Buffer,
  endpoint: Endpoint,
  refs: readonly DataRef[] = NO_REFS,
): void {
  // The size alone, so that the answer's callback does not keep the body.
  const bodyBytes = body.byteLength;
  const { auth } = endpoint;
  const traceparent = parts.traces === null ? traceparentOf(delivery) : parts.traces.begin(delivery, endpoint);
  if (auth === null) {
    parts.send(signedRequest(delivery, body, endpoint, refs, traceparent), (attempt) =>
      parts.end(decided(delivery, endpoint, withoutTokens(attempt, refs), bodyBytes), endpoint),
    );
  } else {
    sendAuthorized(
      parts,
      auth,
      {
        timeoutMs: endpoint.timeoutMs,
        mayBegin: () => parts.mayBegin(delivery),
        request: () => signedRequest(delivery, body, endpoint, refs, traceparent),
      },
      (attempt) =>
        parts.end(
          attempt === null
            ? handedBack(delivery)
            : decided(delivery, endpoint, withoutTokens(attempt, refs), bodyBytes),
          endpoint,
        ),
    );
  }
}

/** A receiver may answer with the URL that it was sent. */
function withoutTokens(attempt: Attempt, refs: readonly DataRef[]): Attempt {
  return refs.length === 0 ? attempt : withoutSecrets(attempt, refs.map(tokenIn));
}

function bodyTooLong({ format }: Endpoint): string {
  return `in the format ${format.name} the body has more than ${BODY_BYTES_MAX} bytes, which is the most that is sent`;
}

/** What describes one event of a batch is in its item. */
function traceparentOf({ event, batch }: Delivery): string | null {
  return batch === null ? event.traceparent : null;
}

/** One attempt with its signature. The endpoint must have no problem. */
function signedRequest(
  delivery: Delivery,
  body: Buffer,
  endpoint: Endpoint,
  refs: readonly DataRef[],
  traceparent: string | null,
): OutgoingRequest {
  const { event } = delivery;
  const timestamp = unixSeconds();
  const id = webhookIdOf(delivery);
  const signature =
    endpoint.mixedKeys === null
      ? signV1(endpoint.keys, id, timestamp, body)
      : signMixed(endpoint.mixedKeys, id, timestamp, body);
  const request: OutgoingRequest = {
    url: endpoint.url,
    fixed: fixedOf(delivery, endpoint),
    lines:
      headerLines(delivery, timestamp, signature, traceparent) +
      (endpoint.batchFormat === null && refs.length > 0 ? THIN_LINE : "") +
      (endpoint.format.headerLines?.(event, refs[0] ?? null) ?? "") +
      endpoint.originLine,
    body,
    timeoutMs: endpoint.timeoutMs,
  };
  const { clientCertificate } = endpoint;
  return clientCertificate === null ? request : { ...request, clientCertificate };
}

/** In the raw format it is what tells the body from a payload. */
const THIN_LINE = "postrider-thin: true\r\n";

function webhookIdOf({ event, batch }: Delivery): string {
  return batch === null ? event.id : batch.id;
}

function fixedOf(delivery: Delivery, endpoint: Endpoint): FixedHeaders {
  const headers = headersOf(delivery);
  if (headers === null) {
    return endpoint.fixed;
  }
  const own = { ...endpoint.headers, ...withoutAuth(inSmallLetters(headers), endpoint) };
  return fixHeaders(endpoint.encryption === null ? own : { ...own, "content-type": ENCRYPTED_CONTENT_TYPE });
}

/** What was stored for a delivery before its endpoint had a credential must not take the place of that. */
function withoutAuth(headers: Record<string, string>, { auth }: Endpoint): Record<string, string> {
  if (auth !== null) {
    delete headers[auth.headerName];
  }
  return headers;
}

/** What the delivery replaces of the endpoint's headers; null if nothing. */
function headersOf({ tenure }: Delivery): Readonly<Record<string, string>> | null {
  return tenure.kind === "leased" && tenure.content !== null ? tenure.content.headers : null;
}

/** Of the body that is encrypted. */
function contentTypeOf(delivery: Delivery, { contentType }: Encryption): string {
  return inSmallLetters(headersOf(delivery) ?? {})["content-type"] ?? contentType;
}

function inSmallLetters(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** An event that is sent alone is an array of one, so that the receiver of batches reads one kind of body. */
function itemsBody(
  format: BatchFormat,
  delivery: Delivery,
  payload: string,
  thinning: Thinning | null,
  refs: DataRef[],
): Buffer {
  return batchBody(
    membersOf(delivery).map((member) => {
      const { event } = member;
      if (thinning === null || !isThin(member, thinning)) {
        return format.item(event, event.payload ?? payload);
      }
      const ref = dataRefOf(member, thinning);
      refs.push(ref);
      return format.thinItem(event, ref);
    }),
  );
}

/** The headers that belong to one attempt. Its number is the one under which it is recorded. */
function headerLines(delivery: Delivery, timestamp: number, signature: string, traceparent: string | null): string {
  const { event, attempts, batch } = delivery;
  let lines = `webhook-id: ${webhookIdOf(delivery)}\r\nwebhook-timestamp: ${timestamp}\r\nwebhook-signature: ${signature}\r\n`;
  if (batch === null) {
    lines += `postrider-event-type: ${headerText(event.eventType)}\r\npostrider-attempt: ${attempts + 1}\r\n`;
    if (event.orderingKey !== null) {
      lines += `postrider-ordering-key: ${headerText(event.orderingKey)}\r\n`;
    }
  } else {
    // What describes one event is in its item.
    lines += `postrider-attempt: ${Math.max(...batch.members.map((member) => member.attempts)) + 1}\r\n`;
  }
  if (traceparent !== null) {
    lines += `traceparent: ${traceparent}\r\n${tracestateLine(delivery)}`;
  }
  return lines;
}

/** What the systems on the event's way here say of its trace, which that of the attempt continues. */
function tracestateLine({ event, batch }: Delivery): string {
  const tracestate = batch === null && event.traceparent !== null ? tracestateIn(event.attributes) : null;
  return tracestate === null ? "" : `tracestate: ${tracestate}\r\n`;
}

/** The attempt and what follows from it. */
function decided(delivery: Delivery, endpoint: Endpoint, attempt: Attempt, bodyBytes: number): DeliveryResult {
  if (attempt.failureKind === null) {
    return { delivery, attempt, endpointRevision: endpoint.revision, bodyBytes, decision: SUCCEEDED };
  }
  const position = {
    scheduleMs: endpoint.scheduleMs,
    retryPolicy: endpoint.retryPolicy,
    attemptInSchedule: attemptInSchedule(delivery),
    random,
    nowMs: unixMs(),
  };
  const decision = delivery.batch === null ? decide(attempt, position) : decideBatch(attempt, position);
  return { delivery, attempt, endpointRevision: endpoint.revision, bodyBytes, decision };
}

/** A crash between two records may have left the deliveries of a batch one attempt apart. The furthest counts. */
function attemptInSchedule(delivery: Delivery): number {
  return Math.max(...membersOf(delivery).map(({ attempts, attemptsBefore }) => attempts - attemptsBefore)) + 1;
}

/** When a payload that Postgres did not give is asked for again. */
const LOAD_RETRY_MS = 5_000;

/** Goes to the queue, due at once, for another daemon or for this one when the lane has room. */
export function handedBack(delivery: Delivery): DeliveryResult {
  return { delivery, attempt: null, endpointRevision: null, bodyBytes: 0, decision: { state: "pending", waitMs: 0 } };
}

/** How often a lane without room is looked at, as in postrider_internal.claim_deliveries. */
const NO_ROOM_MS = 250;

/**
 * Goes to the queue, because its endpoint does not answer. Due at once, each of them would begin a walk over the queue that
 * can only pass it by.
 */
export function withoutRoom(delivery: Delivery): DeliveryResult {
  return { ...handedBack(delivery), decision: { state: "pending", waitMs: NO_ROOM_MS } };
}

/** Goes to the queue. Due at once, it would be asked for as fast as Postgres can refuse it. */
export function notLoaded(delivery: Delivery): DeliveryResult {
  return { ...handedBack(delivery), decision: { state: "pending", waitMs: LOAD_RETRY_MS } };
}

/** When a delivery is looked at again that a key for its endpoint may be waited for. */
const KEY_WAIT_MS = 1_000;

/** Goes to the queue, where it waits for the endpoint to have a key that signs. */
function notSigned(delivery: Delivery): DeliveryResult {
  return { ...handedBack(delivery), decision: { state: "pending", waitMs: KEY_WAIT_MS } };
}

/** When a transformation is asked for again for which there was no time. */
const TRANSFORM_RETRY_MS = 1_000;

/** Goes to the queue: the transformations of others have used up the time that there is for them. */
export function putOff(delivery: Delivery): DeliveryResult {
  return { ...handedBack(delivery), decision: { state: "pending", waitMs: TRANSFORM_RETRY_MS } };
}

export function eventGone(delivery: Delivery): DeliveryResult {
  return discarded(delivery, "the event is no longer in the outbox");
}

export function discarded(delivery: Delivery, reason: string): DeliveryResult {
  return {
    delivery,
    attempt: null,
    endpointRevision: null,
    bodyBytes: 0,
    decision: { state: "discarded", reason, endpointGone: false },
  };
}

/** Whether the lease on the delivery lasts for an attempt. That of a claim is checked before each start. */
function lasts({ tenure }: Delivery, { lastingMs }: Endpoint): boolean {
  return tenure.kind === "claimed" || tenure.untilMs >= monotonicMs() + lastingMs;
}

/** Whether the limits of the endpoint allow the request, if it has any. */
function isAllowed({ tenure }: Delivery, { isLimited }: Endpoint): boolean {
  return !isLimited || (tenure.kind === "leased" && tenure.isCounted);
}

/** Whether it is known what the delivery sends. */
function isDecided({ tenure }: Delivery, { transforms }: Endpoint): boolean {
  return !transforms || (tenure.kind === "leased" && tenure.content !== null);
}
