import { randomUUID } from "node:crypto";
import { type ParsedSecret, parseSecret, signV1 } from "../../src/format/sign.ts";
import type { ReceivedEvent } from "../../src/receive/event.ts";
import type { Outcome, ReceivedRequest } from "../../src/receive/receive.ts";
import type { Store } from "../../src/receive/store.ts";

export const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
export const OTHER_SECRET = "whsec_T3RoZXJPdGhlck90aGVyT3RoZXJPdGhlck90aGVyMTI=";
export const ID = "019a5b0c-9f3e-7cc1-8d2e-0123456789ab";
export const NOW_SECONDS = 1_762_201_570;
export const TIMESTAMP = "2025-11-03T20:26:10.344522Z";

export interface SignedOptions {
  readonly id?: string;
  readonly timestamp?: number;
  readonly secret?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as the sender makes it. */
export function signed(body: string | Buffer, options: SignedOptions = {}): ReceivedRequest {
  const { id = ID, timestamp = NOW_SECONDS, secret = SECRET, contentType = "application/json", headers } = options;
  const bytes = Buffer.from(body);
  return {
    method: "POST",
    headers: {
      "content-type": contentType,
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": signV1([keyOf(parseSecret(secret))], id, timestamp, bytes),
      ...headers,
    },
    body: bytes,
  };
}

function keyOf(parsed: ParsedSecret) {
  if (parsed.kind === "problem") {
    throw new Error(parsed.problem);
  }
  return parsed.key;
}

export function envelope(payload: string, type = "order.paid"): string {
  return `{"type":${JSON.stringify(type)},"timestamp":"${TIMESTAMP}","data":${payload}}`;
}

export function item(payload: string, id: string = randomUUID(), type = "order.paid"): string {
  return `{"id":${JSON.stringify(id)},${envelope(payload, type).slice(1)}`;
}

/** A store that remembers ids, and nothing more. */
export function setStore(): Store<string> & { readonly ids: Set<string> } {
  const ids = new Set<string>();
  return {
    ids,
    async once({ id }, handle) {
      if (ids.has(id)) {
        return "duplicate";
      }
      await handle("a transaction");
      ids.add(id);
      return "handled";
    },
  };
}

/** A handler that keeps what it was given, and outcomes as the log is told them. */
export function notes() {
  const events: ReceivedEvent[] = [];
  const outcomes: Outcome[] = [];
  return {
    events,
    outcomes,
    handle: (event: ReceivedEvent) => {
      events.push(event);
    },
    log: (outcome: Outcome) => {
      outcomes.push(outcome);
    },
  };
}
