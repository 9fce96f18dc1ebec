import { type Answered, ask, detailOf, type FetchOptions, parsedReport, Tries, type Unanswered } from "./ask.ts";
import { FetchError } from "./fetchError.ts";
import { readKeyOptions } from "./keyOptions.ts";
import type { Opener } from "./open.ts";
import type { PullOptions } from "./pullOptions.ts";
import { type ReadPage, readPage } from "./pullPage.ts";
import { ReceiveError } from "./receiveError.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
const WAIT_S_MAX = 30;
/** Beyond the wait, until the answer begins. */
const ANSWER_MS_MAX = 60_000;
/** An event comes alone if it is large, encrypted at most 64 MiB. */
const PAGE_BYTES_MAX = 128 * 1024 * 1024;
/** How long the last request may take once everything is to end. */
const LAST_MS_MAX = 5_000;
const WHAT = "events";

/** The pages of one endpoint, in turn. */
export class Pages {
  readonly #options: PullOptions;
  readonly #limit: number;
  readonly #waitSeconds: number;
  readonly #opener: Opener;
  #after: string | undefined;

  constructor(options: PullOptions) {
    this.#options = options;
    this.#limit = wholeNumber("limit", options.limit ?? LIMIT_DEFAULT, 1, LIMIT_MAX);
    this.#waitSeconds = wholeNumber("waitSeconds", options.waitSeconds ?? WAIT_S_MAX, 0, WAIT_S_MAX);
    this.#opener = readKeyOptions(options);
    this.#after = options.after;
    refuseBadUrl(options.url);
  }

  acknowledge({ next }: ReadPage): void {
    this.#after = next;
  }

  /** Null once the signal is aborted. */
  async next(): Promise<ReadPage | null> {
    const tries = new Tries(WHAT, Number.POSITIVE_INFINITY, this.#options);
    try {
      for (;;) {
        const answered = await this.#ask(this.#limit, this.#waitSeconds, this.#options);
        const page = await this.#judge(answered).catch(passingProblem);
        if (page !== null && "problem" in page) {
          await tries.again(page);
        } else if (page !== null) {
          return page;
        }
      }
    } catch (thrown) {
      if (thrown instanceof FetchError && thrown.code === "stopped") {
        return null;
      }
      throw thrown;
    }
  }

  /** Acknowledges the last page by asking for what follows, which is not handled, and comes again. */
  async end(): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), LAST_MS_MAX);
    try {
      await this.#ask(1, 0, { signal: late.signal, fetch: this.#options.fetch });
    } catch {
      // The page comes again, as it does after a crash.
    } finally {
      clearTimeout(timer);
    }
  }

  #ask(limit: number, waitSeconds: number, options: FetchOptions): Promise<Answered> {
    const { url, token } = this.#options;
    const after = this.#after === undefined ? "" : `&after=${encodeURIComponent(this.#after)}`;
    const question = {
      what: WHAT,
      url: `${url}?limit=${limit}&wait=${waitSeconds}${after}`,
      headers: async () => ({
        accept: "application/json",
        authorization: `Bearer ${sendable(typeof token === "function" ? await token() : token)}`,
      }),
      answerMsMax: waitSeconds * 1_000 + ANSWER_MS_MAX,
      bytesMax: PAGE_BYTES_MAX,
      triesMax: Number.POSITIVE_INFINITY,
    };
    return ask(question, options);
  }

  /** Null if it is to be asked again, behind a gap. */
  async #judge(answered: Answered): Promise<ReadPage | null> {
    if (answered.status === 200) {
      return readPage(this.#opener, answered);
    }
    const resumeAfter = parsedReport(answered.body)?.resume_after;
    const { onGap } = this.#options;
    if (answered.status === 410 && typeof resumeAfter === "string" && onGap !== undefined) {
      await onGap({ after: this.#after, resumeAfter });
      this.#after = resumeAfter;
      return null;
    }
    throw refusal(answered);
  }
}

/** Public keys that cannot be fetched now may be there for the next try. Throws again what a person must mend. */
function passingProblem(thrown: unknown): Unanswered {
  if (thrown instanceof ReceiveError && thrown.code === "no_keys") {
    return { problem: "the public keys could not be fetched", status: undefined, retryAfterMs: null };
  }
  throw thrown;
}

const REMEDIES: Readonly<Record<number, string>> = {
  400: "give the cursor of this endpoint, or none",
  401: "give a token of create_pull_token that is in force, and the endpoint's id in the URL",
  403: "have the endpoint enabled",
  404: "give the URL https://LISTENER/v1/endpoints/ID/events",
  410: "decide whether what is gone matters, and give onGap, or no cursor",
};

function refusal({ status, body }: Answered): FetchError {
  const detail = detailOf({ body });
  const found = `they were answered with ${status}${detail === "" ? "" : ` (${detail})`}`;
  const remedy = REMEDIES[status] ?? "see what answers at the URL";
  return new FetchError(status === 410 ? "gone" : "refused", `cannot fetch ${WHAT}: ${found}; ${remedy}`, status);
}

function wholeNumber(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw badOption(`${name} is ${value}`, `use a whole number from ${min} to ${max}`);
  }
  return value;
}

/** An error of fetch about a header would quote the token. */
function sendable(token: unknown): string {
  if (typeof token !== "string" || !/^[!-~]+$/.test(token)) {
    throw badOption("the token is missing, or has blanks or line breaks", "use it as create_pull_token returned it");
  }
  return token;
}

function refuseBadUrl(url: string): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol) || /[?#]/.test(url)) {
    throw badOption("the url is none of http or https, or has a query", "use https://LISTENER/v1/endpoints/ID/events");
  }
}

function badOption(found: string, remedy: string): FetchError {
  return new FetchError("bad_options", `cannot fetch ${WHAT}: ${found}; ${remedy}`);
}
