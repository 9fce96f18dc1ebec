import type { Rate } from "../serve/rateLimit.ts";
import type { TrustedUsers } from "../serve/trustedUsers.ts";
import type { ConsoleDatabase } from "./consoleDatabase.ts";
import { addRoutes, makeGuardedApp } from "./guardedApp.ts";
import { API_PATH, type ConsoleApp, JSON_TYPE } from "./http.ts";
import { openApiText } from "./openapi.ts";
import { Operations } from "./operations.ts";
import { addPage } from "./page.ts";
import { postgresProblem } from "./problems.ts";
import type { ComposeRequest } from "./requests.ts";
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
  const app = makeGuardedApp({
    ...{ name: "the API", hosts, hostsSetting: "POSTRIDER_API_HOSTS" },
    ...{ problemOf: (thrown) => postgresProblem(thrown), onError },
  });
  const operations = new Operations({ database, rate: keyRate, users, compose });
  addSessions(app, database, users);
  addRoutes(app, API_PATH, ROUTES, (route, context) => operations.answer(route, context));
  addPage(app, "dashboard");
  app.get("/openapi.json", (context) => context.body(openApiText(), 200, JSON_TYPE));
  return app;
}
