/** Asking a receiver for its consent: the handshake of CloudEvents' HTTP webhook specification, §4. */
import type { Attempt } from "../domain/attempt.ts";
import type { ClientCertificate } from "./egress/clientCertificate.ts";
import { fixHeaders, type OutgoingRequest } from "./request.ts";

/** The name under which consent is asked for: the host of a URL, or what is written like one. */
export function sendingHost(source: string): string {
  const host = URL.canParse(source) ? new URL(source).hostname : source;
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host) ? host.toLowerCase() : "postrider";
}

/** Says to the receiver of each delivery whose consent it rests on. */
export function originLine(host: string): string {
  return `webhook-request-origin: ${host}\r\n`;
}

export interface HandshakeTarget {
  readonly url: string;
  /** By name; what says who sends, if the receiver lets nobody in without. */
  readonly headers: Readonly<Record<string, string>>;
  readonly clientCertificate: ClientCertificate | null;
  readonly credentialId: string | null;
  /** The most requests per minute that it will be sent; null if there is no limit. */
  readonly ratePerMinute: number | null;
}

export function handshakeRequest(target: HandshakeTarget, host: string, timeoutMs: number): OutgoingRequest {
  const { url, headers, clientCertificate, credentialId, ratePerMinute } = target;
  const rate = ratePerMinute === null ? "" : `webhook-request-rate: ${ratePerMinute}\r\n`;
  return {
    method: "OPTIONS",
    url,
    fixed: fixHeaders(headers),
    lines: originLine(host) + rate,
    body: Buffer.alloc(0),
    ...(clientCertificate !== null && { clientCertificate }),
    ...(credentialId !== null && { credentialId }),
    timeoutMs,
  };
}

export type Consent =
  | { readonly kind: "granted"; readonly ratePerMinute: number | null }
  /** `reason` is one sentence. */
  | { readonly kind: "refused"; readonly reason: string };

const RATE_MAX = 2_147_483_647;

/** A status alone is no consent: many servers answer OPTIONS with 200, whatever it is for. */
export function readConsent({ failureKind, httpStatus, error, responseHeaders }: Attempt, host: string): Consent {
  if (failureKind !== null) {
    return refused(httpStatus === 405 ? "the receiver answered 405: it does not know the handshake" : String(error));
  }
  const origin = responseHeaders?.["webhook-allowed-origin"]?.trim();
  if (origin === undefined) {
    return refused(`the receiver answered ${httpStatus}, without WebHook-Allowed-Origin`);
  }
  if (origin !== "*" && origin.toLowerCase() !== host) {
    return refused(`the receiver allows another origin than ${host}`);
  }
  const rate = responseHeaders?.["webhook-allowed-rate"]?.trim();
  const ratePerMinute = rate !== undefined && /^[0-9]{1,10}$/.test(rate) ? Number(rate) : null;
  return ratePerMinute === 0
    ? refused("the receiver allows a rate of 0")
    : { kind: "granted", ratePerMinute: ratePerMinute === null ? null : Math.min(ratePerMinute, RATE_MAX) };
}

function refused(reason: string): Consent {
  return { kind: "refused", reason };
}
