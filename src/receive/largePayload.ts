import type { LargePayload } from "./event.ts";
import { MalformedBody } from "./malformedBody.ts";

const URL_PATTERN = /^https?:\/\/[!-~]{1,4000}$/i;

/** Where a thin event says that its payload is. Throws if it says it wrongly. */
export function largePayloadOf(url: unknown, size: unknown, expires: unknown): LargePayload {
  if (typeof url !== "string" || !URL_PATTERN.test(url)) {
    throw new MalformedBody("the place of its payload is not a URL of http or https");
  }
  if (size !== undefined && !(Number.isSafeInteger(size) && Number(size) >= 0)) {
    throw new MalformedBody("the size of its payload is not a number of bytes");
  }
  if (typeof expires !== "string" || Number.isNaN(Date.parse(expires))) {
    throw new MalformedBody("the time until which its payload can be fetched is none");
  }
  return { url, size: size === undefined ? undefined : Number(size), expires };
}
