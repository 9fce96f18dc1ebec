import type { Attributes } from "@opentelemetry/api";
import { type Batch, type Delivery, type DeliveryResult, membersOf } from "../../domain/delivery.ts";
import type { TracedEndpoint } from "./traces.ts";

/**
 * Names by OpenTelemetry's semantic conventions for messaging and for HTTP clients, and ours for the rest. As in the log,
 * nothing is a secret, a payload or a part of a URL beyond its origin.
 */

/** The operation and what it is about, if that is one thing: `deliver order.paid`. */
export function spanNameOf(delivery: Delivery): string {
  const eventType = eventTypeOf(delivery);
  return eventType === null ? "deliver" : `deliver ${eventType}`;
}

/** The type of the event, or of all events of the batch; null if they differ. */
function eventTypeOf(delivery: Delivery): string | null {
  const { eventType } = delivery.event;
  return membersOf(delivery).every(({ event }) => event.eventType === eventType) ? eventType : null;
}

/** What is known of the receiver once for each revision of an endpoint. */
export function endpointAttributes({ id, origin }: TracedEndpoint): Attributes {
  const url = URL.parse(origin);
  const server = url === null ? {} : { "server.address": withoutBrackets(url.hostname), "server.port": portOf(url) };
  return {
    "messaging.system": "postrider",
    "messaging.operation.type": "send",
    "messaging.operation.name": "deliver",
    "http.request.method": "POST",
    "postrider.endpoint.id": id,
    ...server,
  };
}

function withoutBrackets(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

function portOf({ port, protocol }: URL): number {
  return port === "" ? (protocol === "http:" ? 80 : 443) : Number(port);
}

export function attemptAttributes({ delivery, attempt, decision, bodyBytes }: DeliveryResult): Attributes {
  const number = Math.max(...membersOf(delivery).map(({ attempts }) => attempts)) + 1;
  return {
    ...(delivery.batch === null ? { "messaging.message.id": delivery.event.id } : batchAttributes(delivery.batch)),
    "messaging.destination.name": eventTypeOf(delivery) ?? undefined,
    "http.request.body.size": bodyBytes,
    "http.request.resend_count": number === 1 ? undefined : number - 1,
    "http.response.status_code": attempt?.httpStatus ?? undefined,
    "error.type": attempt?.failureKind ?? undefined,
    "postrider.attempt.id": attempt?.id,
    "postrider.attempt.number": number,
    "postrider.delivery.state": decision.state,
  };
}

function batchAttributes({ id, members }: Batch): Attributes {
  return { "postrider.delivery.batch_id": id, "messaging.batch.message_count": members.length };
}
