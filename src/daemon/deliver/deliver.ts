import type { Attempt } from "../../domain/attempt.ts";
import { decideOutcome } from "../../domain/decide.ts";
import type { Decision, Delivery, DeliveryResult } from "../../domain/delivery.ts";
import { makeBody } from "../../format/body.ts";
import { signV1 } from "../../format/sign.ts";
import { unixMs, unixSeconds } from "../../ground/clock.ts";
import { VERSION } from "../../ground/version.ts";
import { unsent } from "../../http/failures.ts";
import { FRAMING_HEADERS, type OutgoingRequest } from "../../http/request.ts";
import type { Endpoint } from "./endpoints.ts";

/** Sends one request; implemented by the sender, and by tests. */
export type Send = (request: OutgoingRequest) => Promise<Attempt>;

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

/** What follows from an attempt. */
export function conclude(delivery: Delivery, endpoint: Endpoint, attempt: Attempt): DeliveryResult {
  const outcome = decideOutcome(attempt, {
    scheduleMs: endpoint.scheduleMs,
    attemptInSchedule: delivery.attempts - delivery.attemptsBefore + 1,
    random: Math.random,
    nowMs: unixMs(),
  });
  return { delivery, attempt, decision: decisionOf(outcome), endpointGone: outcome.kind === "gone" };
}

/** Fails closed: a request that cannot be signed is not sent, and this is its attempt. */
export function refused(problem: string): Attempt {
  return unsent("blocked", `nothing was sent: ${problem}`);
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
