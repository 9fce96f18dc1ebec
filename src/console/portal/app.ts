import type { Database } from "../../db/database.ts";
import { serverAnswer } from "../../db/pgErrors.ts";
import { problem } from "../../serve/problem.ts";
import type { Rate } from "../../serve/rateLimit.ts";
import { answerTo } from "../answers.ts";
import { conditional, readRequest } from "../exchange.ts";
import { addRoutes, makeGuardedApp } from "../guardedApp.ts";
import { isOwnSite } from "../guards.ts";
import { type ConsoleApp, type ConsoleContext, JSON_TYPE } from "../http.ts";
import { addPage } from "../page.ts";
import { postgresProblem } from "../problems.ts";
import type { ComposeRequest } from "../requests.ts";
import { ToldLimit } from "../toldLimit.ts";
import { Turns, tooSlow } from "../turns.ts";
import { KnownTokens } from "./knownTokens.ts";
import { portalOpenApiText } from "./openapi.ts";
import { type Capability, PORTAL_PATH, type PortalRoute } from "./route.ts";
import { PORTAL_ROUTES } from "./routes.ts";
import { tokenHashOf, visit } from "./visit.ts";

export interface PortalOptions {
  readonly database: Database;
  /** Names, besides addresses and localhost, under which the portal may be asked. */
  readonly hosts: readonly string[];
  /** Sites that may embed it. */
  readonly origins: readonly string[];
  /** Of the requests of one token. */
  readonly tokenRate?: Rate;
  /** An error that nobody expected. The client learns nothing of it. */
  readonly onError: (message: string) => void;
}

/** A page asks for a few things at once, and then for what changes every few seconds. */
const TOKEN_RATE: Rate = { perSecond: 10, burst: 100 };

/** The portal: every route of its table, and the document that describes them. */
export function makePortalApp({ database, hosts, origins, tokenRate, onError }: PortalOptions): ConsoleApp {
  const app = makeGuardedApp({
    ...{ name: "the portal", hosts, hostsSetting: "POSTRIDER_PORTAL_HOSTS" },
    ...{ problemOf: portalProblem, onError },
  });
  const limit = new ToldLimit("token", tokenRate ?? TOKEN_RATE);
  const visits = { database, turns: new Turns(), known: new KnownTokens() };
  app.get(`${PORTAL_PATH}/embedding`, (context) => context.json({ origins }));
  addRoutes(app, PORTAL_PATH, PORTAL_ROUTES, async (route, context) => {
    if (!isOwnSite(context.req)) {
      return problem(403, "another site sent it", {}, { hint: "Ask from the portal's own page, or from no browser." });
    }
    const tokenHash = tokenHashOf(context.req.header("authorization"));
    return tokenHash === null
      ? stranger()
      : limit.answer(tokenHash, async () =>
          conditional(context, await answer({ ...visits, tokenHash }, route, context)),
        );
  });
  addPage(app, "portal", origins);
  app.get("/openapi.json", (context) => context.body(portalOpenApiText(), 200, JSON_TYPE));
  return app;
}

/** No route of the portal shows a request. */
const composeNothing: ComposeRequest = async () => ({ kind: "cannot sign" });

interface Visitor {
  readonly database: Database;
  readonly turns: Turns;
  readonly known: KnownTokens;
  readonly tokenHash: string;
}

async function answer(visitor: Visitor, route: PortalRoute, context: ConsoleContext): Promise<Response> {
  const line = await lineOf(visitor);
  if (line instanceof Response) {
    return line;
  }
  const { database, turns, tokenHash } = visitor;
  const read = await readRequest(route, context);
  if (read instanceof Response) {
    return read;
  }
  const visited = await turns.take(line, () =>
    visit(database, tokenHash, route, (transaction) => answerTo(route, read.asked, transaction, composeNothing)),
  );
  switch (visited?.kind) {
    case undefined:
      return tooSlow();
    case "stranger":
      return stranger();
    case "lacking":
      return lacking(route.scope);
    case "done":
      return visited.value;
  }
}

/** The line of tokens that come for the first time. */
const UNKNOWN = "unknown";

/**
 * In which line the token waits for its turn: in its tenant's, or if the application has none, in one of its own. Whose it
 * is is found out in one line for all, before anything of a body is read: any number of made-up tokens, or of tokens of one
 * tenant, leaves connections to others.
 */
async function lineOf({ database, turns, known, tokenHash }: Visitor): Promise<string | Response> {
  let tenant = known.tenantOf(tokenHash);
  if (tenant === undefined) {
    const visited = await turns.take(UNKNOWN, () =>
      visit(database, tokenHash, { scope: null, method: "GET" }, async () => {}),
    );
    if (visited?.kind !== "done") {
      return visited === null ? tooSlow() : stranger();
    }
    ({ tenant } = visited);
    known.add(tokenHash, tenant);
  }
  return tenant === "" ? tokenHash : `tenant ${tenant}`;
}

function stranger(): Response {
  const hint = "Send Authorization: Bearer and a token that the application made, and ask it for another one in time.";
  return problem(401, "no token, or none that is valid", { "www-authenticate": "Bearer" }, { hint });
}

function lacking(capability: Capability | null): Response {
  return problem(
    403,
    `the token lacks the capability ${capability}`,
    {},
    { hint: "The application decides what its tokens may do.", capability: String(capability) },
  );
}

const INSUFFICIENT_PRIVILEGE = "42501";

/** A tenant runs no SQL. That the login of the portal lacks a role is for operators to know. */
function portalProblem(thrown: unknown): Response | null {
  const lacksRole = serverAnswer(thrown)?.sqlstate === INSUFFICIENT_PRIVILEGE;
  return lacksRole ? null : postgresProblem(thrown, (hint) => !/\bpostrider[._]|\bselect\b/i.test(hint));
}
