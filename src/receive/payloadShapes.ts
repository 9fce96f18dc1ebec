import type { FetchOptions } from "./ask.ts";
import type { UnfetchedEvent } from "./event.ts";

/** An event, as far as its payload is concerned. */
export type PayloadOf<Data = unknown> = Pick<
  UnfetchedEvent<string, Data>,
  "data" | "dataText" | "large" | "isTypeSigned"
>;

/** How the payload of a thin event is fetched. */
export interface PayloadOptions extends FetchOptions {
  /**
   * The origins that may be asked, such as `https://events.example.com`. Needed for a URL that no signature covers; with it,
   * no other one is asked for any event.
   */
  readonly origins?: readonly string[] | undefined;
  /** How many tries in a row may fail before it is given up. Default: 5. */
  readonly triesMax?: number | undefined;
}

export interface WholePayloadOptions extends PayloadOptions {
  /** A larger payload is refused, because it would be in memory at once. Default: 64 MiB. */
  readonly bytesMax?: number | undefined;
}

export interface PayloadPagesOptions extends PayloadOptions {
  /** Elements of a page, at most 10,000. Default: 1,000. A page also ends at 4 MiB. */
  readonly limit?: number | undefined;
  /** `next` of the last page that was handled, also if that came with another URL of the same event. */
  readonly after?: string | undefined;
}

/** An element of an array, or a member of an object. */
export interface PayloadElement {
  /** Of a member; undefined for an element of an array. */
  readonly name: string | undefined;
  readonly data: unknown;
  /** Its JSON text exactly as the application wrote it. */
  readonly dataText: string;
}

export interface PayloadPage {
  readonly elements: readonly PayloadElement[];
  /** Where the next page begins: to be kept by whoever wants to go on after a crash. Null after the last page. */
  readonly next: string | null;
}

export interface WholePayload<Data = unknown> {
  readonly data: Data;
  /** The JSON text exactly as the application wrote it. */
  readonly dataText: string;
}
