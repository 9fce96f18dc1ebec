import type { HeaderMap } from "./headers.ts";

/** Who asks for consent: a host, or whatever else a sender calls itself. */
const ORIGIN = /^[!-~]{1,255}$/;

/**
 * The origin of a sender that asks whether it may send events here, by the webhook specification of CloudEvents (§4); null
 * if it is none of `origins`, and need not be told more.
 */
export function consentedOrigin(headers: HeaderMap, origins: readonly string[]): string | null {
  const origin = headers.get("webhook-request-origin");
  return origin !== undefined && ORIGIN.test(origin) && origins.includes(origin) ? origin : null;
}
