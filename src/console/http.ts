import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import { problem } from "../serve/problem.ts";
import type { TrustedUsers } from "../serve/trustedUsers.ts";
import { type Identified, identify } from "./caller.ts";

/** `incoming` and `outgoing` of a request are Node's. */
export interface ConsoleEnv {
  readonly Bindings: HttpBindings;
}

export type ConsoleApp = Hono<ConsoleEnv>;
export type ConsoleContext = Context<ConsoleEnv>;

export const API_PATH = "/api/v1";
export const JSON_TYPE = { "content-type": "application/json" };

/** Who asks. */
export function identifyIn({ req, env }: ConsoleContext, users: TrustedUsers | null): Identified {
  const { rawHeaders, socket } = env.incoming;
  const shown = { authorization: req.header("authorization"), cookies: req.header("cookie") };
  return identify({ ...shown, rawHeaders, remoteAddress: socket.remoteAddress }, users);
}

/** The answer to a request whose proxy is not set up as it must be. */
export function mistaken(found: string): Response {
  const hint = "Let the proxy remove what a client sends in the headers that it sets.";
  return problem(400, found, {}, { hint });
}

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
