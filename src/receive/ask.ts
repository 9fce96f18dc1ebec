import { type Backoff, makeBackoff, pause } from "./backoff.ts";
import { Exchange, type Fetch, type StopSignal } from "./exchange.ts";
import { FetchError } from "./fetchError.ts";

/** What all that is fetched can be given. */
export interface FetchOptions {
  /** An `AbortSignal` that ends it. */
  readonly signal?: StopSignal | undefined;
  /** Default: the global one. */
  readonly fetch?: Fetch | undefined;
  /** Told before each wait for another try, for a log. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

export interface Retry {
  /** What went wrong, as a clause; nothing of it is secret. */
  readonly problem: string;
  /** Tries that have failed in a row. */
  readonly failures: number;
  readonly waitMs: number;
}

export interface Question {
  /** What is asked for, as in "a page of events". */
  readonly what: string;
  readonly url: string;
  /** Made for each try, because a token may be another one by then. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  readonly answerMsMax: number;
  readonly bytesMax: number;
  /** How many tries in a row may fail. Infinity for a question that is asked until it is answered. */
  readonly triesMax: number;
}

export interface Answered {
  readonly status: number;
  header(name: string): string | null;
  readonly body: Uint8Array;
}

/** How a try ended that has no answer. */
export interface Unanswered {
  readonly problem: string;
  readonly status: number | undefined;
  readonly retryAfterMs: number | null;
}

/** Failures in a row, and the waits between them. */
export class Tries {
  readonly #what: string;
  readonly #max: number;
  readonly #options: FetchOptions;
  readonly #backoff: Backoff = makeBackoff();
  #failures = 0;

  constructor(what: string, max: number, options: FetchOptions) {
    this.#what = what;
    this.#max = max;
    this.#options = options;
  }

  /** Waits for the next try. Rejects if there is none, because there were too many or the signal was aborted. */
  async again({ problem, status, retryAfterMs }: Unanswered): Promise<void> {
    const { signal, onRetry } = this.#options;
    this.refuseStopped();
    this.#failures += 1;
    if (this.#failures >= this.#max) {
      throw new FetchError(
        "unreachable",
        `cannot fetch ${this.#what}: ${problem}, ${this.#failures} times in a row; try again later`,
        status,
      );
    }
    const waitMs = this.#backoff.nextMs(retryAfterMs);
    onRetry?.({ problem, failures: this.#failures, waitMs });
    await pause(waitMs, signal);
    this.refuseStopped();
  }

  progress(): void {
    this.#failures = 0;
    this.#backoff.reset();
  }

  refuseStopped(): void {
    if (this.#options.signal?.aborted) {
      throw new FetchError("stopped", `stopped fetching ${this.#what}: the signal was aborted`);
    }
  }
}

/**
 * The answer to a question, read to its end. What another try may not meet is asked again: no answer, one that breaks
 * off, 408, 425, 429 and 5xx. Every other status is the caller's to judge.
 */
export async function ask(question: Question, options: FetchOptions): Promise<Answered> {
  const tries = new Tries(question.what, question.triesMax, options);
  for (;;) {
    tries.refuseStopped();
    const answer = await askOnce(question, options);
    if (!("problem" in answer)) {
      return answer;
    }
    await tries.again(answer);
  }
}

async function askOnce(question: Question, { signal, fetch }: FetchOptions): Promise<Answered | Unanswered> {
  const { url, answerMsMax } = question;
  const opened = await Exchange.open({ url, headers: await question.headers(), signal, fetch, answerMsMax });
  if (opened.kind === "broken") {
    return { problem: opened.problem, status: undefined, retryAfterMs: null };
  }
  const { exchange } = opened;
  try {
    const passing = passingFailure(exchange);
    if (passing !== null) {
      return passing;
    }
    const body = await readBody(exchange, question);
    return typeof body === "string"
      ? { problem: body, status: exchange.status, retryAfterMs: null }
      : { status: exchange.status, header: (name) => exchange.header(name), body };
  } finally {
    exchange.close();
  }
}

/** Null if the status says something that stays so. */
export function passingFailure(exchange: Exchange): Unanswered | null {
  const { status } = exchange;
  const isPassing = status >= 500 || [408, 425, 429].includes(status);
  return isPassing ? { problem: `it was answered with ${status}`, status, retryAfterMs: retryAfterMs(exchange) } : null;
}

/** Seconds, as the listener says them. Null for dates too: then the waits between tries are long enough. */
function retryAfterMs(exchange: Exchange): number | null {
  const text = exchange.header("retry-after") ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : null;
}

/** A sentence if it breaks off. Rejects if it is too large. */
async function readBody(exchange: Exchange, { what, bytesMax }: Question): Promise<Uint8Array | string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const read = await exchange.read();
    if (read.kind === "end") {
      return joined(chunks, length);
    }
    if (read.kind === "broken") {
      return read.problem;
    }
    length += read.bytes.length;
    if (length > bytesMax) {
      throw new FetchError("too_large", `cannot fetch ${what}: it has more than ${bytesMax} bytes`, exchange.status);
    }
    chunks.push(read.bytes);
  }
}

export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const only = chunks[0];
  if (chunks.length === 1 && only !== undefined) {
    return only;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The sentence of a problem report (RFC 9457), to be shown to a person; empty if there is none. */
export function detailOf({ body }: Pick<Answered, "body">): string {
  const report = parsedReport(body);
  const detail = typeof report?.detail === "string" ? report.detail : "";
  return detail.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ").slice(0, 300);
}

export function parsedReport(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
