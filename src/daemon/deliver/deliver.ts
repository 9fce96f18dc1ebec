import { randomUUID } from "node:crypto";
import { decideOutcome } from "../../domain/decide.ts";
import type { Attempt, Decision, Delivery, DeliveryResult } from "../../domain/delivery.ts";
import { makeBody } from "../../format/body.ts";
import { signV1 } from "../../format/sign.ts";
import { unixMs, unixSeconds } from "../../ground/clock.ts";
import { VERSION } from "../../ground/version.ts";
import { FRAMING_HEADERS, type OutgoingRequest, type SendResult } from "../../http/result.ts";
import type { Endpoint } from "./endpoints.ts";

/** Sends one request; implemented by the sender, and by tests. */
export type Send = (request: OutgoingRequest) => Promise<SendResult>;

const USER_AGENT = `postrider/${VERSION}`;

/** What frames or signs the request; an endpoint's own headers do not replace these. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "webhook-id",
  "webhook-timestamp",
  "webhook-signature",
  ...FRAMING_HEADERS,
]);

/** Body and signature of one attempt. To be asked only of an endpoint without a problem. */
export function signedRequest(delivery: Delivery, payload: string, endpoint: Endpoint): OutgoingRequest {
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

/** What follows from the result of an attempt that was started at this time (milliseconds since 1970). */
export function conclude(
  delivery: Delivery,
  endpoint: Endpoint,
  result: SendResult,
  startedAtMs: number,
): DeliveryResult {
  const outcome = decideOutcome(result, {
    scheduleMs: endpoint.scheduleMs,
    attemptInSchedule: delivery.attempts - delivery.attemptsBefore + 1,
    random: Math.random,
    nowMs: unixMs(),
  });
  return {
    delivery,
    attempt: attemptOf(result, startedAtMs),
    decision: decisionOf(outcome),
    endpointGone: outcome.kind === "gone",
  };
}

/** Fails closed: a request that cannot be signed is not sent, and this is its result. */
export function refused(problem: string): SendResult {
  return {
    durationMs: 0,
    httpStatus: null,
    failureKind: "blocked",
    error: `nothing was sent: ${problem}`,
    responseHeaders: null,
    responseBody: null,
    retriedStale: false,
  };
}

function decisionOf(outcome: ReturnType<typeof decideOutcome>): Decision {
  switch (outcome.kind) {
    case "succeeded":
      return { state: "succeeded" };
    case "retry":
      return { state: "pending", waitMs: outcome.delayMs };
    case "exhausted":
      return { state: "exhausted" };
    case "gone":
      return { state: "discarded", reason: "the receiver answered 410 Gone" };
  }
}

function attemptOf(result: SendResult, startedAtMs: number): Attempt {
  return {
    id: randomUUID(),
    startedAtMs,
    durationMs: result.durationMs,
    httpStatus: result.httpStatus,
    failureKind: result.failureKind,
    error: result.error === null ? null : storable(result.error),
    responseHeaders: result.responseHeaders,
    responseBody: result.responseBody === null ? null : storable(result.responseBody.toString("utf8")),
  };
}

/** Text as Postgres can store it: no NUL, and no half of a surrogate pair. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
