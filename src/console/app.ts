import { Hono } from "hono";
import { messageOf } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import { problem } from "../serve/problem.ts";
import type { Rate } from "../serve/rateLimit.ts";
import type { TrustedUsers } from "../serve/trustedUsers.ts";
import type { ConsoleDatabase } from "./consoleDatabase.ts";
import { addDashboard } from "./dashboard.ts";
import { isKnownHost } from "./guards.ts";
import { API_PATH, type ConsoleApp, type ConsoleEnv, JSON_TYPE } from "./http.ts";
import { openApiText } from "./openapi.ts";
import { Operations } from "./operations.ts";
import { postgresProblem } from "./problems.ts";
import type { ComposeRequest } from "./requests.ts";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { addSessions } from "./sessions.ts";

export interface ConsoleOptions {
  readonly database: ConsoleDatabase;
  /** Names, besides addresses and localhost, under which the API may be asked. */
  readonly hosts: readonly string[];
  /** Of the requests of one key, or one user. */
  readonly keyRate?: Rate;
  /** Those whom a proxy names; null if none is trusted. */
  readonly users?: TrustedUsers | null;
  /** Makes the requests that people look at. */
  readonly compose: ComposeRequest;
  /** An error that nobody expected. The client learns nothing of it. */
  readonly onError: (message: string) => void;
}

/** The API: every route of the table, the sessions of the dashboard, and the document that describes them. */
export function makeConsoleApp(options: ConsoleOptions): ConsoleApp {
  const { database, hosts, keyRate, users = null, compose, onError } = options;
  const app = new Hono<ConsoleEnv>();
  addGuards(app, hosts);
  app.notFound(() => problem(404));
  app.onError((thrown) => {
    const answer = postgresProblem(thrown);
    if (answer === null) {
      onError(messageOf(thrown));
    }
    return answer ?? problem(500);
  });
  addSessions(app, database, users);
  addOperations(app, new Operations({ database, rate: keyRate, users, compose }));
  addDashboard(app);
  app.get("/openapi.json", (context) => context.body(openApiText(), 200, JSON_TYPE));
  return app;
}

function addOperations(app: ConsoleApp, operations: Operations): void {
  for (const [path, routes] of byPath(ROUTES)) {
    for (const route of routes) {
      app.on(route.method, path, (context) => operations.answer(route, context));
    }
    const allow = routes.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    app.all(path, () => problem(405, undefined, { allow: allow.join(", ") }));
  }
}

/** In the notation of hono. */
function byPath(routes: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  const grouped = new Map<string, readonly Route[]>();
  for (const route of routes) {
    const path = `${API_PATH}${route.path.replaceAll(/\{(\w+)\}/g, ":$1")}`;
    grouped.set(path, [...(grouped.get(path) ?? []), route]);
  }
  return grouped;
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

/** What holds for every answer, and what is refused whoever asks. */
function addGuards(app: ConsoleApp, hosts: readonly string[]): void {
  app.use(async (context, next) => {
    if (isKnownHost(context.req.header("host"), hosts)) {
      await next();
    } else {
      const hint = "Ask by an address or by localhost, or name the host in POSTRIDER_API_HOSTS.";
      context.res = problem(421, "the API does not answer under this name", {}, { hint });
    }
    const { headers } = context.res;
    for (const [name, value] of Object.entries(HEADERS)) {
      headers.set(name, value);
    }
    for (const [name, value] of Object.entries(DEFAULT_HEADERS)) {
      if (!headers.has(name)) {
        headers.set(name, value);
      }
    }
  });
}
