import type { EventResult } from "./answer.ts";
import { makeBackoff, pause } from "./backoff.ts";
import type { EventOf, ReceivedEvent } from "./event.ts";
import { handleOne } from "./handleOne.ts";
import { HANDLING_OPTIONS, type Handling, readHandling } from "./handling.ts";
import { type NamesOf, refuseUnknown } from "./judgedOption.ts";
import type { AnyEvents, HandlingOptions } from "./options.ts";
import { PULL_OPTIONS, type PullOptions } from "./pullOptions.ts";
import type { ReadPage } from "./pullPage.ts";
import { Pages } from "./pullPages.ts";
import { tell } from "./tell.ts";

export interface PulledPage<Events extends object = AnyEvents> {
  readonly events: readonly EventOf<Events>[];
  /** The cursor behind this page. Several processes of one endpoint each keep theirs, in the transaction of the page. */
  readonly next: string;
}

/** What `pull` does with the events that it fetches. */
export interface PullHandlingOptions<Events extends object, Tx> extends PullOptions, HandlingOptions<Events, Tx> {
  /**
   * Called once all events of a page are handled, before the next one is asked for: where several processes fetch from one
   * endpoint, each stores its cursor here. If it rejects, so does `pull`.
   */
  readonly onPage?: ((page: { readonly next: string }) => void | Promise<void>) | undefined;
  /**
   * Called each time an event has failed, or been refused for want of a handler. `retry`, the default, tries again with
   * growing waits, and nothing behind it is handled until then. `skip` acknowledges the event although it was not handled.
   */
  readonly onFailed?: ((failed: FailedEvent) => "retry" | "skip" | Promise<"retry" | "skip">) | undefined;
}

const PULL_HANDLING_OPTIONS: NamesOf<PullHandlingOptions<object, unknown>> = {
  ...PULL_OPTIONS,
  ...HANDLING_OPTIONS,
  onPage: true,
  onFailed: true,
};

export interface FailedEvent {
  readonly event: ReceivedEvent;
  readonly error: unknown;
  /** How often it has failed in a row, in this process. */
  readonly failures: number;
}

/**
 * Fetches the events of a pull endpoint and handles each once, in their order, until the signal is aborted. A process that
 * is killed loses nothing: what it had not handled comes again. Rejects with FetchError for what a person must mend.
 *
 * ```ts
 * await pull({ url, token, secrets, store: postgresInbox(pool), handlers, signal });
 * ```
 */
export async function pull<Tx = unknown>(options: PullHandlingOptions<AnyEvents, Tx>): Promise<void> {
  refuseUnknown(options, PULL_HANDLING_OPTIONS);
  const handling = readHandling(options);
  for await (const page of readPages(options)) {
    const events = await handlePage(handling, page, options);
    if (events === null) {
      return;
    }
    void tell(handling, { kind: "received", webhookId: page.webhookId, events });
    await options.onPage?.({ next: page.next });
  }
}

/** Null if the signal was aborted before the page was done. */
async function handlePage<Tx>(
  handling: Handling<Tx>,
  { events, webhookId }: ReadPage,
  options: PullHandlingOptions<AnyEvents, Tx>,
): Promise<readonly EventResult[] | null> {
  const results: EventResult[] = [];
  for (const event of events) {
    const result = await handleUntilDone(handling, event, { ...options, webhookId });
    if (result === null) {
      return null;
    }
    results.push(result);
  }
  return results;
}

interface Trying {
  readonly webhookId: string;
  readonly signal?: PullOptions["signal"];
  readonly onFailed?: PullHandlingOptions<object, unknown>["onFailed"];
}

async function handleUntilDone<Tx>(
  handling: Handling<Tx>,
  event: ReceivedEvent,
  { webhookId, signal, onFailed }: Trying,
): Promise<EventResult | null> {
  const backoff = makeBackoff();
  for (let failures = 1; ; failures += 1) {
    if (signal?.aborted) {
      return null;
    }
    const result = await handleOne(handling, event);
    if (result.result !== "failed" && result.result !== "refused") {
      return result;
    }
    void tell(handling, { kind: "failed", webhookId, events: [result], error: result.error });
    if ((await onFailed?.({ event, error: result.error, failures })) === "skip") {
      return result;
    }
    await pause(backoff.nextMs(null), signal);
  }
}

/**
 * The pages of a pull endpoint, without end: until the signal is aborted. Whoever asks for the next page acknowledges the
 * one before, so what was not handled to its end comes again, in this process or the next. What fails in passing is asked
 * again, with growing waits. Rejects with FetchError for what a person must mend.
 */
export async function* pullPages<Events extends object = AnyEvents>(
  options: PullOptions,
): AsyncGenerator<PulledPage<Events>, void, undefined> {
  refuseUnknown(options, PULL_OPTIONS);
  for await (const { events, next } of readPages(options)) {
    // Nothing but the catalogue says what they are.
    yield { events: events as readonly EventOf<Events>[], next };
  }
}

async function* readPages(options: PullOptions): AsyncGenerator<ReadPage, void, undefined> {
  const pages = new Pages(options);
  for (;;) {
    const page = await pages.next();
    if (page === null) {
      return;
    }
    if (page.events.length > 0) {
      yield page;
    }
    pages.acknowledge(page);
    if (options.signal?.aborted) {
      await pages.end();
      return;
    }
  }
}

/** The events of all pages. An event is acknowledged, with its page, once the one behind that page is asked for. */
export async function* pullEvents<Events extends object = AnyEvents>(
  options: PullOptions,
): AsyncGenerator<EventOf<Events>, void, undefined> {
  for await (const { events } of pullPages<Events>(options)) {
    for (const [index, event] of events.entries()) {
      yield event;
      if (options.signal?.aborted && index < events.length - 1) {
        return;
      }
    }
  }
}
