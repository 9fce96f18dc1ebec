import type { Queryable } from "../db/statements.ts";
import type { Scope } from "../domain/scope.ts";
import { problem } from "../serve/problem.ts";
import type { Rate } from "../serve/rateLimit.ts";
import type { TrustedUsers } from "../serve/trustedUsers.ts";
import { answerTo } from "./answers.ts";
import { type Caller, type Credential, isAmbient, ROLES } from "./caller.ts";
import type { ConsoleDatabase } from "./consoleDatabase.ts";
import { conditional, readRequest } from "./exchange.ts";
import { isOwnSite, isOwnWrite } from "./guards.ts";
import { type ConsoleContext, foreign, identifyIn, mistaken, stranger } from "./http.ts";
import { answerOnce, readKeyed } from "./idempotency.ts";
import { type ComposeRequest, isSigned } from "./requests.ts";
import type { Route } from "./route.ts";
import { ToldLimit } from "./toldLimit.ts";
import { Turns, tooSlow } from "./turns.ts";

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
  readonly #limit: ToldLimit;
  readonly #turns = new Turns();
  readonly #users: TrustedUsers | null;
  readonly #compose: ComposeRequest;

  constructor({ database, rate = KEY_RATE, users, compose }: OperationsOptions) {
    this.#database = database;
    this.#limit = new ToldLimit("key", rate);
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
    return this.#limit.answer(credential.hash, async () =>
      conditional(context, await this.#answer(route, context, credential)),
    );
  }

  async #answer(route: Route, context: ConsoleContext, credential: Credential): Promise<Response> {
    const read = await readRequest(route, context);
    if (read instanceof Response) {
      return read;
    }
    const { asked, body } = read;
    const keyed = readKeyed(route, context, body);
    if (keyed instanceof Response) {
      return keyed;
    }
    const isNoted = route.answer.kind === "request" && isSigned(asked.values);
    if (isNoted && isAmbient(credential) && !isOwnSite(context.req)) {
      // What is noted in the audit is a write, although it is a GET.
      return foreign();
    }
    const work = (transaction: Queryable, caller: Caller) => {
      const answer = () => answerTo(route, asked, transaction, this.#compose);
      return keyed === null ? answer() : answerOnce(keyed, { route, caller, transaction }, answer);
    };
    const done = await this.#turns.take(credential.hash, () => this.#database.act(credential, route, work, isNoted));
    switch (done?.kind) {
      case undefined:
        return tooSlow();
      case "stranger":
        return stranger();
      case "lacking":
        return lacking(done.scope, done.caller);
      case "done":
        return done.value;
    }
  }
}

function lacking(scope: Scope, { kind, name }: Caller): Response {
  const hint =
    kind === "key"
      ? `Make a key that has it: select postrider.create_api_key('…', '{${scope}}').`
      : "Let POSTRIDER_TRUSTED_GROUPS give it to a group that the user is in.";
  const found = `the ${kind} ${JSON.stringify(name)} lacks the scope ${scope}`;
  return problem(403, found, {}, { hint, scope, role: ROLES[scope] });
}
