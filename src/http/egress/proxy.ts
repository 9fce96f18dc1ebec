import type { Origin } from "./dialFailure.ts";

/** The HTTP proxy through which every connection goes. The operator configures it, and egress does not judge it. */
export interface EgressProxy {
  /** `secure`: TLS to the proxy itself. */
  readonly origin: Origin;
  /** The value of `proxy-authorization`, a secret; undefined if the proxy asks for none. */
  readonly authorization: string | undefined;
}

export type ProxyParse =
  | { readonly kind: "proxy"; readonly proxy: EgressProxy }
  /** Never quotes the URL, which may hold a password. */
  | { readonly kind: "problem"; readonly remedy: string };

/** @param text `http://proxy.example:3128` or `https://…`, with `user:password@` before the host if the proxy wants it */
export function parseProxy(text: string): ProxyParse {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\/[^/]/i.test(text)) {
    return { kind: "problem", remedy: "write the proxy as http://HOST:PORT or https://HOST:PORT" };
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return { kind: "problem", remedy: "leave out what stands behind the proxy's port: CONNECT has no path" };
  }
  const credentials = credentialsOf(url);
  if (credentials === undefined) {
    return {
      kind: "problem",
      remedy: "percent-encode the user name and the password of the proxy; the name must not contain a colon",
    };
  }
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  return port === 0
    ? { kind: "problem", remedy: "give the proxy a port from 1 to 65535" }
    : {
        kind: "proxy",
        proxy: { origin: { secure, hostname: url.hostname, port }, authorization: basic(credentials) },
      };
}

interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Undefined if no `Basic` can carry them. RFC 7617 §2: the first colon ends the name. */
function credentialsOf(url: URL): Credentials | undefined {
  try {
    const credentials = { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
    return credentials.user.includes(":") ? undefined : credentials;
  } catch {
    return undefined;
  }
}

function basic({ user, password }: Credentials): string | undefined {
  return user === "" && password === "" ? undefined : `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
