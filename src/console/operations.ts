import { problem } from "../serve/problem.ts";
import { type Rate, RateLimit } from "../serve/rateLimit.ts";
import { answerTo } from "./answers.ts";
import { type Asked, readAsked } from "./asked.ts";
import { type Credential, credentialOf, ROLES } from "./caller.ts";
import type { ConsoleDatabase } from "./consoleDatabase.ts";
import { isOwnWrite } from "./guards.ts";
import { type ConsoleContext, foreign, isJson, stranger } from "./http.ts";
import type { Route, Scope } from "./route.ts";

/** A screen asks for a few things every two seconds. */
const KEY_RATE: Rate = { perSecond: 50, burst: 200 };

/** Answers requests for the routes of the table: who asks, what for, and what Postgres says to it. */
export class Operations {
  readonly #database: ConsoleDatabase;
  readonly #rate: Rate;
  readonly #limit: RateLimit;

  constructor(database: ConsoleDatabase, rate: Rate = KEY_RATE) {
    this.#database = database;
    this.#rate = rate;
    this.#limit = new RateLimit(rate);
  }

  async answer(route: Route, context: ConsoleContext): Promise<Response> {
    const credential = credentialOf(context.req.header("authorization"), context.req.header("cookie"));
    if (credential === null) {
      return stranger();
    }
    if (credential.kind === "session" && !isOwnWrite(context.req)) {
      return foreign();
    }
    const waitMs = this.#limit.take(credential.hash);
    const response =
      waitMs > 0
        ? problem(429, undefined, { "retry-after": String(Math.ceil(waitMs / 1_000)) })
        : conditional(context, await this.#answerOnce(route, context, credential));
    this.#tellRate(response, credential, waitMs);
    return response;
  }

  async #answerOnce(route: Route, context: ConsoleContext, credential: Credential): Promise<Response> {
    const asked = await readRequest(route, context);
    if (asked instanceof Response) {
      return asked;
    }
    const done = await this.#database.act(credential, route, (transaction) => answerTo(route, asked, transaction));
    switch (done.kind) {
      case "stranger":
        return stranger();
      case "lacking":
        return lacking(route.scope, done.caller.name);
      case "done":
        return done.value;
    }
  }

  /** By the draft of the IETF, draft-ietf-httpapi-ratelimit-headers-10. */
  #tellRate({ headers }: Response, { hash }: Credential, waitMs: number): void {
    const { burst, perSecond } = this.#rate;
    headers.set("ratelimit-policy", `"key";q=${burst};w=${Math.ceil(burst / perSecond)}`);
    headers.set("ratelimit", `"key";r=${this.#limit.left(hash)};t=${Math.ceil(waitMs / 1_000)}`);
  }
}

type Bound = Extract<Asked, { readonly kind: "asked" }>;

async function readRequest(route: Route, context: ConsoleContext): Promise<Bound | Response> {
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
  return asked.kind === "asked" ? asked : problem(400, asked.found, {}, { hint: asked.hint });
}

function lacking(scope: Scope, name: string): Response {
  const hint = `Make a key that has it: select postrider.create_api_key('…', '{${scope}}').`;
  return problem(
    403,
    `the key ${JSON.stringify(name)} lacks the scope ${scope}`,
    {},
    { hint, scope, role: ROLES[scope] },
  );
}

/** What the client has already is not sent again. */
function conditional(context: ConsoleContext, response: Response): Response {
  const tag = response.headers.get("etag");
  const known = (context.req.header("if-none-match") ?? "").split(",").map((each) => each.trim());
  return tag !== null && known.includes(tag) ? new Response(null, { status: 304, headers: { etag: tag } }) : response;
}
