import type { HttpBindings } from "@hono/node-server";
import type { Context, Handler, Hono } from "hono";
import { problem } from "../serve/problem.ts";

/** `incoming` and `outgoing` of a request are Node's. */
export interface ListenerEnv {
  readonly Bindings: HttpBindings;
}

export type ListenerApp = Hono<ListenerEnv>;
export type ListenerContext = Context<ListenerEnv>;

export interface Route {
  /** In hono's notation. */
  readonly path: string;
  /** GET also answers HEAD. */
  readonly methods: Readonly<Partial<Record<"GET" | "POST" | "DELETE", Handler<ListenerEnv>>>>;
  /**
   * Who may have it. A proxy may expose all that is for receivers, who are strangers to each other. What is for operators
   * answers only to requests that no proxy passed on.
   */
  readonly audience: "receivers" | "operators";
}

/** What a proxy adds to a request that it passes on. Those that add nothing must not expose what is for operators. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

export function addRoute(app: ListenerApp, { path, methods, audience }: Route): void {
  if (audience === "operators") {
    app.use(path, async (context, next) => (isPassedOn(context) ? notFound() : await next()));
  }
  for (const [method, handler] of Object.entries(methods)) {
    app.on(method, path, handler);
  }
  const allow = Object.keys(methods).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  app.all(path, () => problem(405, undefined, { allow: allow.join(", ") }));
}

/** Says nothing else: an unknown path, id or token looks like any other. */
export function notFound(): Response {
  return problem(404);
}

function isPassedOn(context: ListenerContext): boolean {
  return PROXY_HEADERS.some((name) => context.req.header(name) !== undefined);
}
