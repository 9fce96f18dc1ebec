import { joined } from "./ask.ts";
import { badOption, parsed, refuseLarge, textOf } from "./payloadError.ts";
import { fetchPage, pageAtHand, textAtHand } from "./payloadPage.ts";
import { bytesAt } from "./payloadPart.ts";
import type {
  PayloadElement,
  PayloadOf,
  PayloadOptions,
  PayloadPage,
  PayloadPagesOptions,
  WholePayload,
  WholePayloadOptions,
} from "./payloadShapes.ts";
import { payloadUrl } from "./payloadUrl.ts";

const WHOLE_BYTES_MAX = 64 * 1024 * 1024;
const LIMIT_DEFAULT = 1_000;
const LIMIT_MAX = 10_000;

/**
 * The pages of a payload that is an array or an object, each fetched when it is asked for. A page whose connection breaks is
 * fetched again, so each element comes once. A payload that came with its event is one page. Rejects with FetchError.
 *
 * ```ts
 * for await (const { elements, next } of payloadPages(event)) { … }
 * ```
 */
export async function* payloadPages(
  event: PayloadOf,
  { limit = LIMIT_DEFAULT, after, ...options }: PayloadPagesOptions = {},
): AsyncGenerator<PayloadPage, void, undefined> {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw badOption(`limit is ${limit}; use a whole number from 1 to ${LIMIT_MAX}`);
  }
  if (event.large === undefined) {
    yield pageAtHand(event, after);
    return;
  }
  const url = payloadUrl(event.large, event.isTypeSigned, options.origins);
  let cursor: string | null = after ?? "";
  while (cursor !== null) {
    const place: string = cursor === "" ? "" : `&after=${encodeURIComponent(cursor)}`;
    const page: PayloadPage = await fetchPage(`${url}?limit=${limit}${place}`, options);
    yield page;
    cursor = page.next;
  }
}

/** The elements of all pages, one after the other. */
export async function* payloadElements(
  event: PayloadOf,
  options: PayloadPagesOptions = {},
): AsyncGenerator<PayloadElement, void, undefined> {
  for await (const { elements } of payloadPages(event, options)) {
    yield* elements;
  }
}

/** The whole payload: fetched, or what came with the event. Rejects with FetchError, also if it is larger than `bytesMax`. */
export async function fetchPayload<Data>(
  event: PayloadOf<Data>,
  { bytesMax = WHOLE_BYTES_MAX, ...options }: WholePayloadOptions = {},
): Promise<WholePayload<Data>> {
  if (event.large === undefined) {
    return { data: event.data as Data, dataText: textAtHand(event) };
  }
  refuseLarge(event.large.size ?? 0, bytesMax);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of payloadBytes(event, options)) {
    length += bytes.length;
    refuseLarge(length, bytesMax);
    chunks.push(bytes);
  }
  const dataText = textOf(joined(chunks, length));
  // Nothing but the catalogue says what it is, as for a payload that comes with its event.
  return { data: parsed(dataText) as Data, dataText };
}

/**
 * The bytes of the payload, as they come: for what goes to a file or another server. If the connection breaks, it goes on
 * where it broke. Rejects with FetchError.
 */
export async function* payloadBytes(
  event: PayloadOf,
  options: PayloadOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (event.large === undefined) {
    yield new TextEncoder().encode(textAtHand(event));
    return;
  }
  yield* bytesAt(payloadUrl(event.large, event.isTypeSigned, options.origins), options);
}
