import type { Queryable } from "../db/statements.ts";
import type { Scope } from "../domain/scope.ts";
import { problem } from "../serve/problem.ts";
import { type Rate, RateLimit } from "../serve/rateLimit.ts";
import type { TrustedUsers } from "../serve/trustedUsers.ts";
import { answerTo } from "./answers.ts";
import { type Asked, readAsked } from "./asked.ts";
import { type Caller, type Credential, isAmbient, ROLES } from "./caller.ts";
import type { ConsoleDatabase } from "./consoleDatabase.ts";
import { isOwnWrite } from "./guards.ts";
import { type ConsoleContext, foreign, identifyIn, isJson, mistaken, stranger } from "./http.ts";
import { answerOnce, type KeyedRequest, readKeyed } from "./idempotency.ts";
import { type ComposeRequest, isSigned } from "./requests.ts";
import type { Route } from "./route.ts";

/** A screen asks for a few things every two seconds. */
const KEY_RATE: Rate = { perSecond: 50, burst: 200 };

export interface OperationsOptions {
  readonly database: ConsoleDatabase;
  /** Of the requests of one key, or one user. */
  readonly rate?: Rate | undefined;
  readonly users: TrustedUsers | null;
  readonly compose: ComposeRequest;
}

/** Answers requests for the routes of the table: who asks, what for, and what Postgres says to it. */
export class Operations {
  readonly #database: ConsoleDatabase;
  readonly #rate: Rate;
  readonly #limit: RateLimit;
  readonly #users: TrustedUsers | null;
  readonly #compose: ComposeRequest;

  constructor({ database, rate = KEY_RATE, users, compose }: OperationsOptions) {
    this.#database = database;
    this.#rate = rate;
    this.#limit = new RateLimit(rate);
    this.#users = users;
    this.#compose = compose;
  }

  async answer(route: Route, context: ConsoleContext): Promise<Response> {
    const credential = identifyIn(context, this.#users);
    if (credential.kind === "nobody") {
      return stranger();
    }
    if (credential.kind === "mistake") {
      return mistaken(credential.problem);
    }
    if (isAmbient(credential) && !isOwnWrite(context.req)) {
      return foreign();
    }
    const waitMs = this.#limit.take(credential.hash);
    const response =
      waitMs > 0
        ? problem(429, undefined, { "retry-after": String(Math.ceil(waitMs / 1_000)) })
        : conditional(context, await this.#answer(route, context, credential));
    this.#tellRate(response, credential, waitMs);
    return response;
  }

  async #answer(route: Route, context: ConsoleContext, credential: Credential): Promise<Response> {
    const read = await readRequest(route, context);
    if (read instanceof Response) {
      return read;
    }
    const { asked, keyed } = read;
    const isNoted = route.answer.kind === "request" && isSigned(asked.values);
    const work = (transaction: Queryable, caller: Caller) => {
      const answer = () => answerTo(route, asked, transaction, this.#compose);
      return keyed === null ? answer() : answerOnce(keyed, { route, caller, transaction }, answer);
    };
    const done = await this.#database.act(credential, route, work, isNoted);
    switch (done.kind) {
      case "stranger":
        return stranger();
      case "lacking":
        return lacking(done.scope, done.caller);
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

interface ReadRequest {
  readonly asked: Extract<Asked, { readonly kind: "asked" }>;
  readonly keyed: KeyedRequest | null;
}

async function readRequest(route: Route, context: ConsoleContext): Promise<ReadRequest | Response> {
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
  if (asked.kind === "mistake") {
    return problem(400, asked.found, {}, { hint: asked.hint });
  }
  const keyed = readKeyed(route, context, body);
  return keyed instanceof Response ? keyed : { asked, keyed };
}

function lacking(scope: Scope, { kind, name }: Caller): Response {
  const hint =
    kind === "key"
      ? `Make a key that has it: select postrider.create_api_key('…', '{${scope}}').`
      : "Let POSTRIDER_TRUSTED_GROUPS give it to a group that the user is in.";
  const found = `the ${kind} ${JSON.stringify(name)} lacks the scope ${scope}`;
  return problem(403, found, {}, { hint, scope, role: ROLES[scope] });
}

/** What the client has already is not sent again. The answer to a change is always sent. */
function conditional(context: ConsoleContext, response: Response): Response {
  if (context.req.method !== "GET" && context.req.method !== "HEAD") {
    return response;
  }
  const tag = response.headers.get("etag");
  const known = (context.req.header("if-none-match") ?? "").split(",").map((each) => each.trim());
  return tag !== null && known.includes(tag) ? new Response(null, { status: 304, headers: { etag: tag } }) : response;
}
