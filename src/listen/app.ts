import { Hono } from "hono";
import { messageOf } from "../ground/errors.ts";
import { addHealth } from "./health.ts";
import { problem } from "./problem.ts";
import { type ListenerApp, type ListenerEnv, notFound } from "./routes.ts";
import type { Vitals } from "./vitals.ts";

export interface AppOptions {
  readonly vitals: Vitals;
  /** An error that nobody expected. The client learns nothing of it. */
  readonly onError: (message: string) => void;
}

/** Every route of the listener. openapi.json describes them, and a test compares the two. */
export function makeApp({ vitals, onError }: AppOptions): ListenerApp {
  const app = new Hono<ListenerEnv>();
  app.use(async (context, next) => {
    await next();
    const { headers } = context.res;
    headers.set("x-content-type-options", "nosniff");
    if (!headers.has("cache-control")) {
      headers.set("cache-control", "no-store");
    }
  });
  app.notFound(() => notFound());
  app.onError((thrown) => {
    onError(messageOf(thrown));
    return problem(500);
  });
  addHealth(app, vitals);
  return app;
}
