import { createHash } from "node:crypto";
import { defineStatement, type Queryable } from "../db/statements.ts";
import { problem } from "../serve/problem.ts";
import type { Caller } from "./caller.ts";
import { type ConsoleContext, JSON_TYPE } from "./http.ts";
import type { Route } from "./route.ts";

const beginApiRequest = defineStatement("begin_api_request", {
  params: { requestId: "text", requestHash: "text" },
  columns: { state: ["new", "in progress", "another", "done"], status: "smallint?", answer: "text?" },
});
const keepApiRequest = defineStatement("keep_api_request", {
  params: { requestId: "text", requestHash: "text", status: "smallint", answer: "text" },
  columns: { keep_api_request: "void" },
});

/** How long an answer is kept, in hours. */
export const KEPT_HOURS = 24;

/** As the draft of the IETF has it, with quotation marks around it, or without, as most clients send it. */
const KEY = /^(?:"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/** A request that must not be done twice. */
export interface KeyedRequest {
  readonly key: string;
  /** Of the key and of what is asked. A password in it cannot be guessed from its hash, because the key is kept nowhere. */
  readonly hash: string;
}

/** Whether the key of a request is looked at. Every other method may be repeated anyway, and an event has its own key. */
export function takesIdempotencyKey({ method, takes }: Pick<Route, "method" | "takes">): boolean {
  return method === "POST" && !Object.values(takes).some(({ from }) => from === "content");
}

/** Null without a key; or what is wrong with it. */
export function readKeyed(route: Route, context: ConsoleContext, body: string): KeyedRequest | Response | null {
  const given = context.req.header("idempotency-key");
  if (given === undefined || route.method !== "POST") {
    return null;
  }
  if (!takesIdempotencyKey(route)) {
    const hint = "Give each event an idempotency_key: the outbox keeps it as long as the event.";
    return problem(400, "events are not published under an Idempotency-Key", {}, { hint });
  }
  const [, quoted, plain] = KEY.exec(given) ?? [];
  const key = quoted ?? plain;
  if (key === undefined) {
    const hint = "Send 1 to 255 visible characters of ASCII, such as a random UUID.";
    return problem(400, "Idempotency-Key is not a key", {}, { hint });
  }
  const { method, url } = context.req;
  const { pathname, search } = new URL(url);
  return { key, hash: hashOf([key, method, `${pathname}${search}`, body]) };
}

/**
 * Answers a request as it was answered before, or does it and keeps the answer, in the same transaction. What was not done
 * may be tried again with the same key.
 */
export async function answerOnce(
  { key, hash: requestHash }: KeyedRequest,
  { route, caller, transaction }: { readonly route: Route; readonly caller: Caller; readonly transaction: Queryable },
  answer: () => Promise<Response>,
): Promise<Response> {
  const requestId = hashOf([caller.id, key]);
  const { rows } = await transaction.run(beginApiRequest, { requestId, requestHash });
  const [found] = rows;
  switch (found?.state) {
    case "in progress":
      return problem(409, "a request with this Idempotency-Key is in progress", { "retry-after": "1" });
    case "another": {
      const hint = "Make a new key for each request, and use it again only to repeat that request.";
      return problem(422, "this Idempotency-Key was used for another request", {}, { hint });
    }
    case "done":
      return repeated(found.status ?? 204, found.answer ?? "");
    default: {
      const response = await answer();
      if (response.ok) {
        const text = withoutShownOnce(route, await response.clone().text());
        await transaction.run(keepApiRequest, { requestId, requestHash, status: response.status, answer: text });
      }
      return response;
    }
  }
}

const REPEATED = { "idempotent-replayed": "true" };

function repeated(status: number, answer: string): Response {
  return new Response(answer === "" ? null : answer, {
    status,
    headers: answer === "" ? REPEATED : { ...REPEATED, ...JSON_TYPE },
  });
}

/** What is shown once is not kept. */
function withoutShownOnce({ shownOnce = [] }: Route, text: string): string {
  if (shownOnce.length === 0) {
    return text;
  }
  const hidden = Object.fromEntries(shownOnce.map((name) => [name, null]));
  return JSON.stringify({ ...JSON.parse(text), ...hidden, note: NOTE });
}

const NOTE = "It was done when it was first asked for. What is shown once was in that answer, and is not shown again.";

/** Parts cannot run into each other: each is preceded by its length. */
function hashOf(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  return hash.digest("hex");
}
