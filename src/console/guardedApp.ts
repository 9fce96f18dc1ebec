import { Hono } from "hono";
import { messageOf } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import { problem } from "../serve/problem.ts";
import { isKnownHost } from "./guards.ts";
import type { ConsoleApp, ConsoleContext, ConsoleEnv } from "./http.ts";
import type { AnyRoute } from "./route.ts";

export interface Guards {
  /** What it is, in a sentence: "the API". */
  readonly name: string;
  /** Names, besides addresses and localhost, under which it may be asked. */
  readonly hosts: readonly string[];
  /** The setting that lists them. */
  readonly hostsSetting: string;
  /** The answer to an error that Postgres gave; null: nobody expected it. */
  readonly problemOf: (thrown: unknown) => Response | null;
  /** An error that nobody expected. The client learns nothing of it. */
  readonly onError: (message: string) => void;
}

const HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "postrider-version": VERSION,
};

/** Those that an answer may have of its own. */
const DEFAULT_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
};

/** An application without routes: what holds for every answer, and what is refused whoever asks. */
export function makeGuardedApp({ name, hosts, hostsSetting, problemOf, onError }: Guards): ConsoleApp {
  const app = new Hono<ConsoleEnv>();
  app.use(async (context, next) => {
    if (isKnownHost(context.req.header("host"), hosts)) {
      await next();
    } else {
      const hint = `Ask by an address or by localhost, or name the host in ${hostsSetting}.`;
      context.res = problem(421, `${name} does not answer under this name`, {}, { hint });
    }
    const { headers } = context.res;
    for (const [header, value] of Object.entries(HEADERS)) {
      headers.set(header, value);
    }
    for (const [header, value] of Object.entries(DEFAULT_HEADERS)) {
      if (!headers.has(header)) {
        headers.set(header, value);
      }
    }
  });
  app.notFound(() => problem(404));
  app.onError((thrown) => {
    const answer = problemOf(thrown);
    if (answer === null) {
      onError(messageOf(thrown));
    }
    return answer ?? problem(500);
  });
  return app;
}

/** Every route of a table behind a path, and what is refused of other methods. */
export function addRoutes<Some extends AnyRoute>(
  app: ConsoleApp,
  base: string,
  table: readonly Some[],
  answer: (route: Some, context: ConsoleContext) => Promise<Response>,
): void {
  const paths = byPath(base, table);
  for (const [path, routes] of paths) {
    for (const route of routes) {
      app.on(route.method, path, (context) => answer(route, context));
    }
  }
  // Behind all of them: a name may be that of a path and fit a parameter of another.
  for (const [path, routes] of paths) {
    const allow = routes.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    app.all(path, () => problem(405, undefined, { allow: allow.join(", ") }));
  }
}

/** In the notation of hono. */
function byPath<Some extends AnyRoute>(base: string, routes: readonly Some[]): ReadonlyMap<string, readonly Some[]> {
  const grouped = new Map<string, readonly Some[]>();
  for (const route of routes) {
    const path = `${base}${route.path.replaceAll(/\{(\w+)\}/g, ":$1")}`;
    grouped.set(path, [...(grouped.get(path) ?? []), route]);
  }
  return grouped;
}
