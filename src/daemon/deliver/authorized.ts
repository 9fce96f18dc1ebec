import type { Attempt } from "../../domain/attempt.ts";
import type { FailureKind } from "../../domain/failureKind.ts";
import { monotonicMs, unixMs } from "../../ground/clock.ts";
import { unsent } from "../../http/failures.ts";
import type { TokenClient } from "../../http/oauth2.ts";
import type { OutgoingRequest, Send } from "../../http/request.ts";
import type { Auth } from "./auth.ts";
import { withoutSecrets } from "./hide.ts";
import type { Tokens } from "./tokens.ts";

export interface AuthorizedParts {
  readonly send: Send;
  readonly tokens: Pick<Tokens, "get" | "forget">;
}

/** What is to be sent, and until when. */
export interface AuthorizedRequest {
  /** For all of it: the token, the request, and the request again. */
  readonly timeoutMs: number;
  /** Whether a request may still begin after a wait. */
  readonly mayBegin: () => boolean;
  /** Signed when it is asked for, because the wait for a token may take a while. */
  readonly request: () => OutgoingRequest;
}

/** Hears once of the attempt; of null if it must not begin any more. */
type Done = (attempt: Attempt | null) => void;

/** Sends a request that says who sends. Without the token that it needs, it is not sent. */
export function sendAuthorized(parts: AuthorizedParts, auth: Auth, wanted: AuthorizedRequest, done: Done): void {
  const hide: Done = (attempt) => done(attempt === null ? null : withoutSecrets(attempt, auth.secrets));
  if (auth.client === null) {
    parts.send({ ...wanted.request(), credentialId: auth.id }, hide);
  } else {
    new TokenAttempt(parts, auth, auth.client, wanted, done).begin();
  }
}

const UNAUTHORIZED = 401;

/** One attempt that needs a token. If the receiver refuses the token, it gets a request with a new one, once. */
class TokenAttempt {
  readonly #parts: AuthorizedParts;
  readonly #auth: Auth;
  readonly #client: TokenClient;
  readonly #wanted: AuthorizedRequest;
  readonly #done: Done;
  readonly #startedMs = monotonicMs();
  readonly #startedAtMs = unixMs();
  /** The request with the first token, once it was refused. */
  #refused: Attempt | undefined;

  constructor(parts: AuthorizedParts, auth: Auth, client: TokenClient, wanted: AuthorizedRequest, done: Done) {
    this.#parts = parts;
    this.#auth = auth;
    this.#client = client;
    this.#wanted = wanted;
    this.#done = done;
  }

  begin(): void {
    const limits = { requestMs: this.#wanted.timeoutMs, waitMs: this.#leftMs() };
    this.#parts.tokens.get(this.#auth.id, this.#client, limits, (given) => {
      if (given.kind === "failed") {
        this.#fail(given.failureKind, given.error);
      } else {
        this.#send(given.token);
      }
    });
  }

  #send(token: string): void {
    if (!this.#wanted.mayBegin()) {
      this.#done(this.#refused ?? null);
      return;
    }
    const request = this.#wanted.request();
    const authorized = {
      ...request,
      lines: `${request.lines}authorization: Bearer ${token}\r\n`,
      credentialId: this.#auth.id,
      timeoutMs: this.#leftMs(),
    };
    this.#parts.send(authorized, (attempt) => this.#answered(withoutSecrets(attempt, [token]), token));
  }

  #answered(attempt: Attempt, token: string): void {
    // A sender that is closed takes no request for a token either, and would be so in the middle of ending the others.
    if (attempt.httpStatus !== UNAUTHORIZED || this.#refused !== undefined || !this.#wanted.mayBegin()) {
      this.#end(attempt);
      return;
    }
    this.#refused = attempt;
    this.#parts.tokens.forget(this.#auth.id, token);
    this.begin();
  }

  #fail(kind: FailureKind, error: string): void {
    const refused = this.#refused === undefined ? "" : "the receiver answered 401, and ";
    this.#end(unsent(kind, `${refused}${error}`));
  }

  /** As one attempt, which took the time of all of it, and counts the requests that the receiver was sent. */
  #end(attempt: Attempt): void {
    this.#done({
      ...attempt,
      startedAtMs: this.#startedAtMs,
      durationMs: Math.round(monotonicMs() - this.#startedMs),
      requests: attempt.requests + (this.#refused?.requests ?? 0),
    });
  }

  #leftMs(): number {
    return Math.max(1, this.#wanted.timeoutMs - Math.ceil(monotonicMs() - this.#startedMs));
  }
}
