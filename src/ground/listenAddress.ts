import { isIPv6 } from "node:net";

/** Where a server of this program listens: a name or an address without brackets, and a port. */
export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

const PORT_MAX = 65_535;
const IN_BRACKETS = /^\[([^\]]*)\]:(\d{1,5})$/;
const NAMED = /^([\w.-]+):(\d{1,5})$/;

/** Reads `HOST:PORT`, or `[ADDRESS]:PORT` with an IPv6 address; null if it is neither. */
export function parseListenAddress(text: string): ListenAddress | null {
  const bracketed = IN_BRACKETS.exec(text);
  const [, host, port] = bracketed ?? NAMED.exec(text) ?? [];
  if (host === undefined || Number(port) > PORT_MAX || (bracketed !== null && !isIPv6(host))) {
    return null;
  }
  return { host, port: Number(port) };
}

/** As parseListenAddress reads it. */
export function listenAddressText({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
