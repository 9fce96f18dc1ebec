import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import { problem } from "../serve/problem.ts";

/** `incoming` and `outgoing` of a request are Node's. */
export interface ConsoleEnv {
  readonly Bindings: HttpBindings;
}

export type ConsoleApp = Hono<ConsoleEnv>;
export type ConsoleContext = Context<ConsoleEnv>;

export const API_PATH = "/api/v1";
export const JSON_TYPE = { "content-type": "application/json" };

/** The answer to a request that shows no key or session, or none that is valid. */
export function stranger(): Response {
  const hint = "Send Authorization: Bearer and a key, which postrider.create_api_key() makes.";
  return problem(401, "no key, or none that is valid", { "www-authenticate": "Bearer" }, { hint });
}

/** The answer to what another site made a browser send. */
export function foreign(): Response {
  return problem(403, "another site sent it", {}, { hint: "Send what writes from the dashboard itself, as JSON." });
}

export function isJson(context: ConsoleContext): boolean {
  return /^application\/json\b/i.test(context.req.header("content-type") ?? "");
}
