import type { RemoteKeys } from "./jwks.ts";
import type { RemoteSource } from "./open.ts";

/** The keys at a URL. The library that reads them is loaded when the first signature of ed25519 comes. */
export function remoteSource(url: string, now: () => number): RemoteSource {
  let loading: Promise<RemoteKeys> | null = null;
  const load = () => {
    loading ??= import("./jwks.ts").then((jwks) => new jwks.RemoteKeys(url, now));
    return loading;
  };
  return {
    current: async () => (await load()).current(),
    renewed: async () => (await load()).renewed(),
  };
}

/** Whether a URL may be trusted to name keys: nobody on the way can give another answer. */
export function isTrustworthy(url: string): boolean {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: "", hostname: "" };
  return protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
}
