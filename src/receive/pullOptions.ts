import type { FetchOptions } from "./ask.ts";
import type { NamesOf } from "./judgedOption.ts";
import { KEY_OPTIONS } from "./keyOptions.ts";
import type { KeyOptions } from "./options.ts";

/** A pull endpoint, and how it is asked. */
export interface PullOptions extends KeyOptions, FetchOptions {
  /** `https://LISTENER/v1/endpoints/ID/events` */
  readonly url: string;
  /** As `create_pull_token` returned it. A function is asked before each request. */
  readonly token: string | (() => string | Promise<string>);
  /** Events of a page, at most 1000. Default: 100. A page also ends at 1 MiB. */
  readonly limit?: number | undefined;
  /** How long the server may wait for an event before it answers. Default: 30, which is its maximum. */
  readonly waitSeconds?: number | undefined;
  /**
   * The cursor to begin behind: `next` of the last page that was handled. Default: the first event that nobody has
   * acknowledged, which is what a single process wants.
   */
  readonly after?: string | undefined;
  /**
   * Called if events behind the cursor are past their retention, and so are lost to this process. It goes on with the first
   * one that is kept. Default: the iteration rejects with FetchError `gone`, because only a person can judge that.
   */
  readonly onGap?: ((gap: Gap) => void | Promise<void>) | undefined;
}

export interface Gap {
  readonly after: string | undefined;
  readonly resumeAfter: string;
}

export const PULL_OPTIONS: NamesOf<PullOptions> = {
  ...KEY_OPTIONS,
  url: true,
  token: true,
  limit: true,
  waitSeconds: true,
  after: true,
  onGap: true,
  signal: true,
  fetch: true,
  onRetry: true,
};
