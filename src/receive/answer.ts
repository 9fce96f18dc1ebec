import { ReceiveError } from "./receiveError.ts";
import { type Rejection, rejected } from "./rejection.ts";
import type { Outcome as StoreOutcome } from "./store.ts";

/** What to answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the log: it is never sent. */
  readonly outcome: Outcome;
}

/** What became of a request. */
export type Outcome = Received | Consented | Rejection | Failed;

/** The request was verified, and this is what became of its events. */
export interface Received {
  readonly kind: "received";
  readonly webhookId: string;
  readonly events: readonly EventResult[];
}

/** A sender asked whether it may send events here, and may. */
export interface Consented {
  readonly kind: "consented";
  readonly origin: string;
}

/** Something failed on this side, and the request should come again. */
export interface Failed {
  readonly kind: "failed";
  /** Undefined if that was before the request was verified. */
  readonly webhookId: string | undefined;
  readonly events: readonly EventResult[];
  /** What was thrown first. */
  readonly error: unknown;
}

/** What became of one event. */
export interface EventResult {
  readonly id: string;
  readonly type: string;
  /** `ignored` and `refused`: there is no handler for its type. `failed`: its handler or the store threw. */
  readonly result: StoreOutcome | "ignored" | "refused" | "failed";
  /** What was thrown. */
  readonly error?: unknown;
}

/** When a sender should ask again if public keys cannot be fetched. */
const RETRY_AFTER_S = "30";

/** The same text for every reason: a stranger who tries learns nothing. */
const TEXTS: Readonly<Record<number, string>> = {
  200: "received",
  400: "not a webhook",
  401: "not verified",
  405: "webhooks are sent by POST",
  413: "too large",
  415: "not understood",
  422: "not understood",
  500: "failed",
  503: "failed",
};

/** The answer to a request of which this became. */
export function answerTo(result: Outcome): Answer {
  const outcome = result.kind === "received" ? judge(result) : result;
  switch (outcome.kind) {
    case "received":
      return answer(200, outcome);
    case "consented":
      return answer(200, outcome, { "webhook-allowed-origin": outcome.origin });
    case "rejected":
      return answer(outcome.status, outcome, outcome.status === 405 ? { allow: "POST" } : {});
    case "failed":
      return failure(outcome);
  }
}

/** A request has failed if one of its events has. */
function judge(received: Received): Outcome {
  const failed = received.events.find(({ result }) => result === "failed");
  if (failed !== undefined) {
    return { ...received, kind: "failed", error: failed.error };
  }
  return received.events.some(({ result }) => result === "refused") ? rejected("event_type_unknown") : received;
}

function failure(outcome: Failed): Answer {
  switch (outcome.error instanceof ReceiveError ? outcome.error.code : undefined) {
    case "no_keys":
      return answer(503, outcome, { "retry-after": RETRY_AFTER_S });
    case "timed_out":
      return answer(503, outcome);
    default:
      return answer(500, outcome);
  }
}

function answer(status: number, outcome: Outcome, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
    body: `${TEXTS[status] ?? ""}\n`,
    outcome,
  };
}
