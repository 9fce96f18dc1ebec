import type { DataRef } from "./format.ts";
import { makeToken, type TokenKey } from "./payloadToken.ts";

/** Where the listener has payloads; a token follows. */
export const PAYLOADS_PATH = "/payloads/";

/** A weekend, and a day more: a receiver may note an event and fetch its payload when it comes to it. */
const VALID_SECONDS = 259_200;

/** Where the payload of an event can be fetched that is sent now. `publicUrl` is that of the listener, without a slash. */
export function makeDataRef(
  publicUrl: string,
  key: TokenKey,
  payload: { readonly endpointId: string; readonly eventId: string; readonly bytes: number | null },
  nowSeconds: number,
): DataRef {
  const { endpointId, eventId, bytes } = payload;
  const expiresSeconds = nowSeconds + VALID_SECONDS;
  return {
    url: `${publicUrl}${PAYLOADS_PATH}${makeToken(key, { endpointId, eventId, expiresSeconds })}`,
    bytes,
    expires: new Date(expiresSeconds * 1_000).toISOString(),
  };
}

/** What is secret in the URL. */
export function tokenIn({ url }: DataRef): string {
  return url.slice(url.lastIndexOf("/") + 1);
}
