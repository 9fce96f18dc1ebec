import { detailOf } from "./ask.ts";
import { FetchError } from "./fetchError.ts";

/** How errors name what is fetched. */
export const WHAT = "the payload of an event";

/** Until an answer begins. */
export const ANSWER_MS_MAX = 60_000;
/** How many tries in a row may fail, by default. */
export const TRIES_MAX = 5;

export function refusal(status: number, body: Uint8Array): FetchError {
  const detail = detailOf({ body });
  const answer = `it was answered with ${status}${detail === "" ? "" : ` (${detail})`}`;
  switch (status) {
    case 410:
      return new FetchError(
        "gone",
        `cannot fetch ${WHAT}: ${answer}; if it has expired, have the event sent again`,
        status,
      );
    case 404:
      return new FetchError("gone", `cannot fetch ${WHAT}: ${answer}; have the event sent again`, status);
    default:
      return new FetchError(
        "refused",
        `cannot fetch ${WHAT}: ${answer}; see whether its URL reaches the sender`,
        status,
      );
  }
}

export function refuseLarge(bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) {
    throw new FetchError(
      "too_large",
      `cannot fetch ${WHAT} at once: it has more than ${bytesMax} bytes; use payloadPages, or payloadBytes`,
    );
  }
}

export function badOption(found: string): FetchError {
  return new FetchError("bad_options", `cannot fetch ${WHAT}: ${found}`);
}

export function malformed(found: string): FetchError {
  return new FetchError("malformed", `cannot read ${WHAT}: ${found}; see what answers at its URL`);
}

export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("it is not UTF-8");
  }
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("it is not JSON");
  }
}
