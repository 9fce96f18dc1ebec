import type { FailureKind } from "../../domain/failureKind.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { readTokenAnswer, type TokenClient, tokenRequest } from "../../http/oauth2.ts";
import type { Send } from "../../http/request.ts";

/** A token, or why there is none. */
export type Given =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "failed"; readonly failureKind: FailureKind; readonly error: string };

/** A token is used for nine tenths of its lifetime, and not in the last minute of a long one. */
const MARGIN_SHARE = 0.1;
const MARGIN_MAX_MS = 60_000;
/** Clients whose tokens are kept, up to 8 KiB each; the least recently used go first. */
const CLIENTS_MAX = 2_000;

export interface TokenLimits {
  /** For the request, which others wait for as well: it does not end with the time that one of them has left. */
  readonly requestMs: number;
  readonly waitMs: number;
}

interface Kept {
  token: string | null;
  /** By the monotonic clock. */
  goodUntilMs: number;
  /** Those who wait for the request in progress; null if there is none. */
  waiting: Set<(given: Given) => void> | null;
}

/**
 * The tokens of endpoints. Each client asks its server once at a time, and everyone who needs the token waits for that
 * request, for as long as they may. Keyed by the client and not by the endpoint's revision, so an edit of another option
 * needs no new token.
 */
export class Tokens {
  readonly #send: Send;
  readonly #clientsMax: number;
  readonly #kept = new Map<string, Kept>();

  constructor(send: Send, clientsMax = CLIENTS_MAX) {
    this.#send = send;
    this.#clientsMax = clientsMax;
  }

  /**
   * @param id of the client: another one for another endpoint and another credential
   * @param done is called once, within `waitMs`; before this returns if the token is there
   */
  get(id: string, client: TokenClient, { requestMs, waitMs }: TokenLimits, done: (given: Given) => void): void {
    const kept = this.#use(id);
    if (kept.token !== null && monotonicMs() < kept.goodUntilMs) {
      done({ kind: "token", token: kept.token });
      return;
    }
    const waiting = kept.waiting ?? new Set();
    const answer = (given: Given): void => {
      clearTimeout(timer);
      waiting.delete(answer);
      done(given);
    };
    const timer = setTimeout(
      () => answer({ kind: "failed", failureKind: "timeout", error: "the token endpoint gave no token in time" }),
      waitMs,
    );
    waiting.add(answer);
    if (kept.waiting === null) {
      kept.waiting = waiting;
      this.#ask(kept, client, requestMs);
    }
  }

  /** The receiver has refused this token. One that came meanwhile stays. */
  forget(id: string, token: string): void {
    const kept = this.#kept.get(id);
    if (kept?.token === token) {
      kept.token = null;
    }
  }

  #ask(kept: Kept, client: TokenClient, requestMs: number): void {
    const askedMs = monotonicMs();
    kept.token = null;
    this.#send(tokenRequest(client, requestMs), (attempt) => {
      const issued = readTokenAnswer(attempt);
      const waiting = kept.waiting ?? new Set();
      kept.waiting = null;
      if (issued.kind === "token") {
        kept.token = issued.token;
        kept.goodUntilMs = askedMs + issued.lifetimeMs - Math.min(MARGIN_MAX_MS, issued.lifetimeMs * MARGIN_SHARE);
      }
      for (const answer of [...waiting]) {
        answer(issued);
      }
    });
  }

  #use(id: string): Kept {
    const kept = this.#kept.get(id) ?? { token: null, goodUntilMs: 0, waiting: null };
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    if (this.#kept.size > this.#clientsMax) {
      this.#evict();
    }
    return kept;
  }

  #evict(): void {
    for (const [id, { waiting }] of this.#kept) {
      if (waiting === null) {
        this.#kept.delete(id);
        return;
      }
    }
  }
}
