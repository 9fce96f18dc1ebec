/** An `AbortSignal`, by the part that is used, so that these types need no others. */
export interface StopSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What of `fetch` is used. Pass your own to go through a proxy. */
export type Fetch = (url: string, init: never) => Promise<FetchedResponse>;

export interface FetchedResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): FetchedReader } | null;
}

export interface FetchedReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

export interface ExchangeOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: StopSignal | undefined;
  readonly fetch: Fetch | undefined;
  /** How long the answer may take to begin. */
  readonly answerMsMax: number;
}

/** A failure is one that another try may not meet. */
export type Opened = { readonly kind: "opened"; readonly exchange: Exchange } | Broken;

export type Read = { readonly kind: "bytes"; readonly bytes: Uint8Array } | { readonly kind: "end" } | Broken;

export interface Broken {
  readonly kind: "broken";
  /** A clause for a person; it has nothing of the URL. */
  readonly problem: string;
}

/** How long a connection may stand still while an answer is read. */
const STILL_MS_MAX = 60_000;

/**
 * One GET, without following redirects: they would carry the token, or the URL that is one, to another server. Its answer
 * is read bytes by bytes, and none of it is kept. Whoever opened it must close it.
 */
export class Exchange {
  readonly status: number;
  readonly #response: FetchedResponse;
  readonly #reader: FetchedReader | undefined;
  readonly #cut: Cut;

  private constructor(response: FetchedResponse, cut: Cut) {
    this.status = response.status;
    this.#response = response;
    this.#reader = response.body?.getReader();
    this.#cut = cut;
  }

  static async open({ url, headers, signal, fetch, answerMsMax }: ExchangeOptions): Promise<Opened> {
    const cut = new Cut(signal, url);
    const ask = (fetch ?? globalThis.fetch) as (url: string, init: object) => Promise<FetchedResponse>;
    const response = await cut.within(answerMsMax, () => ask(url, { headers, redirect: "manual", signal: cut.signal }));
    if (response.kind === "broken") {
      cut.end();
      return response;
    }
    return { kind: "opened", exchange: new Exchange(response.value, cut) };
  }

  header(name: string): string | null {
    return this.#response.headers.get(name);
  }

  async read(): Promise<Read> {
    const reader = this.#reader;
    if (reader === undefined) {
      return { kind: "end" };
    }
    const read = await this.#cut.within(STILL_MS_MAX, () => reader.read());
    if (read.kind === "broken") {
      return read;
    }
    const { done, value } = read.value;
    return done ? { kind: "end" } : { kind: "bytes", bytes: value ?? new Uint8Array() };
  }

  /** Ends the connection if the answer was not read to its end. May be called again. */
  close(): void {
    this.#cut.end();
  }
}

type Within<Value> = { readonly kind: "done"; readonly value: Value } | Broken;

/** What ends an exchange early: the caller's signal, and time. */
class Cut {
  readonly #controller = new AbortController();
  readonly #outer: StopSignal | undefined;
  readonly #url: string;
  readonly #stop = (): void => this.#controller.abort();

  constructor(outer: StopSignal | undefined, url: string) {
    this.#outer = outer;
    this.#url = url;
    outer?.addEventListener("abort", this.#stop);
    if (outer?.aborted) {
      this.#stop();
    }
  }

  get signal(): unknown {
    return this.#controller.signal;
  }

  async within<Value>(ms: number, work: () => Promise<Value>): Promise<Within<Value>> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#stop();
    }, ms);
    try {
      return { kind: "done", value: await work() };
    } catch (thrown) {
      const problem = isLate ? `nothing came for ${ms / 1_000} s` : this.#problemOf(thrown);
      return { kind: "broken", problem };
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    this.#outer?.removeEventListener("abort", this.#stop);
    this.#stop();
  }

  /** Node names the reason in the cause; other runtimes write the URL into the message. */
  #problemOf(thrown: unknown): string {
    if (this.#outer?.aborted) {
      return "it was stopped";
    }
    const { cause } = thrown instanceof Error ? thrown : {};
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
    const message = thrown instanceof Error ? thrown.message : "";
    return typeof code === "string"
      ? `the connection failed: ${code}`
      : `the connection failed: ${this.#hidden(message)}`;
  }

  #hidden(message: string): string {
    return message.replaceAll(this.#url, "(the URL)").slice(0, 200);
  }
}
