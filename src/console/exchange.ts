import { problem } from "../serve/problem.ts";
import { type Asked, readAsked } from "./asked.ts";
import { type ConsoleContext, isJson } from "./http.ts";
import type { AnyRoute } from "./route.ts";

export interface ReadRequest {
  readonly asked: Extract<Asked, { readonly kind: "asked" }>;
  /** As it was written; empty without one. */
  readonly body: string;
}

/** What a request asks of a route, or the answer that says what is wrong with it. */
export async function readRequest(route: AnyRoute, context: ConsoleContext): Promise<ReadRequest | Response> {
  const takesBody = Object.values(route.takes).some(({ from }) => ["body", "content", "members"].includes(from));
  const body = takesBody ? await context.req.text() : "";
  if (body !== "" && !isJson(context)) {
    return problem(415, "the body is not declared as JSON", {}, { hint: "Send Content-Type: application/json." });
  }
  const asked = readAsked(route, {
    path: context.req.param(),
    query: new URL(context.req.url).searchParams,
    body: body === "" ? null : body,
    ifMatch: context.req.header("if-match"),
  });
  return asked.kind === "asked" ? { asked, body } : problem(400, asked.found, {}, { hint: asked.hint });
}

/** What the client has already is not sent again. The answer to a change is always sent. */
export function conditional(context: ConsoleContext, response: Response): Response {
  if (context.req.method !== "GET" && context.req.method !== "HEAD") {
    return response;
  }
  const tag = response.headers.get("etag");
  const known = (context.req.header("if-none-match") ?? "").split(",").map((each) => each.trim());
  return tag !== null && known.includes(tag) ? new Response(null, { status: 304, headers: { etag: tag } }) : response;
}
