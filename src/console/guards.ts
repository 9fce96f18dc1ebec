import { isIP } from "node:net";

/**
 * Whether the API may be asked under this name. Another one would be a page of a stranger whose name was pointed at this
 * machine, in the browser of somebody who is logged in. An address is no such name.
 */
export function isKnownHost(host: string | undefined, hosts: readonly string[]): boolean {
  const name = (host ?? "localhost").replace(/:\d+$/, "").toLowerCase();
  return (
    name === "localhost" ||
    isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0 ||
    hosts.some((each) => each.toLowerCase() === name)
  );
}

interface HeadersOf {
  readonly method: string;
  header(name: string): string | undefined;
}

/**
 * Whether the dashboard itself sent it, or it only reads. A browser adds the cookie to whatever another site makes it
 * send; but a site says where it is, and cannot declare JSON without being asked for leave, which nobody gives.
 */
export function isOwnWrite(request: HeadersOf): boolean {
  if (request.method === "GET" || request.method === "HEAD") {
    return true;
  }
  return isOwnSite(request) && /^application\/json\b/i.test(request.header("content-type") ?? "");
}

/** Whether no page of another site sent it, as far as a browser says. What is no browser says nothing. */
export function isOwnSite(request: HeadersOf): boolean {
  const site = request.header("sec-fetch-site");
  const origin = request.header("origin");
  return site === undefined ? origin === undefined || isOwn(origin, request.header("host")) : site === "same-origin";
}

function isOwn(origin: string, host: string | undefined): boolean {
  return URL.parse(origin)?.host === host;
}
