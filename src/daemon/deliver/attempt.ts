import type { Database } from "../../db/database.ts";
import { classifyPostgresError } from "../../db/pgErrors.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import type { Attempt } from "../../domain/attempt.ts";
import { decide, SUCCEEDED } from "../../domain/decide.ts";
import type { Delivery, DeliveryResult } from "../../domain/delivery.ts";
import { makeBody } from "../../format/body.ts";
import { signV1 } from "../../format/sign.ts";
import { random } from "../../ground/backoff.ts";
import { monotonicMs, unixMs, unixSeconds } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import { VERSION } from "../../ground/version.ts";
import { unsent } from "../../http/failures.ts";
import { FRAMING_HEADERS, type OutgoingRequest } from "../../http/request.ts";
import type { Events } from "../../telemetry/bus.ts";
import { type Budget, type Refusal, SENT_BYTES_MAX } from "./budget.ts";
import type { Endpoint } from "./endpoints.ts";

/** Sends one request; implemented by the sender, and by tests. */
export type Send = (request: OutgoingRequest) => Promise<Attempt>;

export interface AttemptParts {
  readonly budget: Budget;
  readonly loadPayload: LoadPayload;
  readonly send: Send;
  readonly events: Events;
  /** Whether the daemon may still work on the delivery: loading its payload may have taken a while. */
  readonly isOurs: (delivery: Delivery) => boolean;
  /** The payload was loaded, and the request begins now. */
  readonly onBegin: (delivery: Delivery) => void;
}

/** How an attempt ends: with a result, or set aside until its payload can be loaded. */
export type Ending = DeliveryResult | SetAside;

export interface SetAside {
  readonly delivery: Delivery;
  /** too large: it has been loaded, and needs more memory than there was. */
  readonly setAside: Refusal | "too large";
}

/** Hears once how the attempt ended. */
export type End = (ending: Ending, endpoint: Endpoint | undefined) => void;

/**
 * One attempt: load, sign, send, decide. It ends before it returns if nothing is to be loaded or sent. A delivery that
 * came with its payload takes one promise: each further layer costs a microsecond of the fifty that an attempt takes.
 */
export function makeAttempt(parts: AttemptParts, delivery: Delivery, endpoint: Endpoint | undefined, end: End): void {
  if (endpoint === undefined || !lasts(delivery, endpoint)) {
    // Recording looks whether the endpoint is still there. A lease that would not last is taken anew.
    end(handedBack(delivery), endpoint);
  } else if (endpoint.problem !== null) {
    // Fails closed: a request that cannot be signed is not sent.
    end(decided(delivery, endpoint, unsent("blocked", `nothing was sent: ${endpoint.problem}`)), endpoint);
  } else if (delivery.event.payload === null) {
    loadAndSend(parts, delivery, endpoint, end);
  } else {
    signAndSend(parts, delivery, delivery.event.payload, endpoint, end);
  }
}

function loadAndSend(parts: AttemptParts, delivery: Delivery, endpoint: Endpoint, end: End): void {
  const reserved = parts.budget.reserve(delivery);
  if (typeof reserved === "string") {
    end({ delivery, setAside: reserved }, endpoint);
    return;
  }
  void load(parts, delivery, reserved).then((loaded) => {
    if (typeof loaded !== "string") {
      end(loaded, endpoint);
    } else if (!lasts(delivery, endpoint)) {
      end(handedBack(delivery), endpoint);
    } else {
      parts.onBegin(delivery);
      signAndSend(parts, delivery, loaded, endpoint, end);
    }
  });
}

function signAndSend(parts: AttemptParts, delivery: Delivery, payload: string, endpoint: Endpoint, end: End): void {
  void parts
    .send(signedRequest(delivery, payload, endpoint))
    .then((attempt) => end(decided(delivery, endpoint, attempt), endpoint));
}

const loadPayloadStatement = defineStatement("load_payload", {
  params: { eventId: "uuid", bytesMax: "integer" },
  columns: { payload: "text?", bytes: "integer" },
});

/** A payload, or null if it is larger than was asked for, and the bytes of its text. */
export type LoadedPayload = RowOf<typeof loadPayloadStatement.shape>;

/** Loads the payload of one event. Undefined if the event is gone. */
export type LoadPayload = (eventId: string, bytesMax: number) => Promise<LoadedPayload | undefined>;

export function payloadsFrom(database: Database): LoadPayload {
  return async (eventId, bytesMax) => (await database.run(loadPayloadStatement, { eventId, bytesMax })).rows[0];
}

/** Loads a payload that was too large to come with its claim. Resolves with the ending if it cannot be sent. */
async function load(
  { loadPayload, budget, events, isOurs }: AttemptParts,
  delivery: Delivery,
  bytesMax: number,
): Promise<string | Ending> {
  const { event, endpointId } = delivery;
  try {
    const loaded = await loadPayload(event.id, Math.min(bytesMax, SENT_BYTES_MAX));
    if (!isOurs(delivery)) {
      // At the end of the grace period, its memory was released as well.
      return handedBack(delivery);
    }
    if (loaded === undefined) {
      return eventGone(delivery);
    }
    if (loaded.bytes > SENT_BYTES_MAX) {
      return discarded(delivery, `the payload has ${loaded.bytes} bytes, and ${SENT_BYTES_MAX} are sent at most`);
    }
    budget.loaded(delivery, loaded.bytes);
    return loaded.payload ?? { delivery, setAside: "too large" };
  } catch (thrown) {
    const { sqlstate } = classifyPostgresError(thrown);
    events.emit("payload.failed", { event_id: event.id, endpoint_id: endpointId, error: messageOf(thrown), sqlstate });
    return handedBack(delivery);
  }
}

const USER_AGENT = `postrider/${VERSION}`;

/** What frames or signs the request; an endpoint's own headers do not replace these. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "webhook-id",
  "webhook-timestamp",
  "webhook-signature",
  ...FRAMING_HEADERS,
]);

/** Body and signature of one attempt. The endpoint must have no problem. */
function signedRequest(delivery: Delivery, payload: string, endpoint: Endpoint): OutgoingRequest {
  const { event } = delivery;
  const { body, contentType } = makeBody(endpoint.format, {
    eventType: event.eventType,
    timestamp: event.createdAt,
    payload,
  });
  const timestamp = unixSeconds();
  const headers: Record<string, string> = {
    "content-type": contentType,
    "user-agent": USER_AGENT,
    "webhook-id": event.id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signV1(endpoint.keys, event.id, timestamp, body),
  };
  for (const name in endpoint.headers) {
    if (!OWN_HEADERS.has(name)) {
      headers[name] = endpoint.headers[name] ?? "";
    }
  }
  return { url: endpoint.url, headers, body, timeoutMs: endpoint.timeoutMs };
}

/** The attempt and what follows from it. */
function decided(delivery: Delivery, endpoint: Endpoint, attempt: Attempt): DeliveryResult {
  if (attempt.failureKind === null) {
    return { delivery, attempt, decision: SUCCEEDED };
  }
  const decision = decide(attempt, {
    scheduleMs: endpoint.scheduleMs,
    attemptInSchedule: delivery.attempts - delivery.attemptsBefore + 1,
    random,
    nowMs: unixMs(),
  });
  return { delivery, attempt, decision };
}

/** Goes to the queue, due at once, for another daemon or for this one when the lane has room. */
export function handedBack(delivery: Delivery): DeliveryResult {
  return { delivery, attempt: null, decision: { state: "pending", waitMs: 0 } };
}

export function eventGone(delivery: Delivery): DeliveryResult {
  return discarded(delivery, "the event is no longer in the outbox");
}

export function discarded(delivery: Delivery, reason: string): DeliveryResult {
  return { delivery, attempt: null, decision: { state: "discarded", reason, endpointGone: false } };
}

/** Beyond the attempt itself: the result must be recorded before another daemon may take the delivery. */
const RECORD_MARGIN_MS = 2_000;

/** Whether the lease on the delivery lasts for an attempt. That of a claim is checked before each start. */
function lasts({ tenure }: Delivery, { timeoutMs }: Endpoint): boolean {
  return tenure.kind === "claimed" || tenure.untilMs >= monotonicMs() + timeoutMs + RECORD_MARGIN_MS;
}
