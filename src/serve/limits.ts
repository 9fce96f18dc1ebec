import type { Rate } from "./rateLimit.ts";

/** What one client, and all together, may cost the process that delivers. */
export interface Limits {
  readonly connectionsMax: number;
  /** Of one address; of one /64 network with IPv6. Clients behind a proxy share the proxy's address. */
  readonly connectionsPerAddressMax: number;
  /** New ones of one address or network. */
  readonly connectionRate: Rate;
  /** Requests of one address, or one /64 network; and as many health checks beside them. */
  readonly requestRate: Rate;
  readonly requestsPerConnectionMax: number;
  /** All header lines together, and the request line. */
  readonly headerBytesMax: number;
  readonly headersMax: number;
  /** 0: no route takes a body. */
  readonly bodyBytesMax: number;
  /** From the first byte of a request, or the start of a connection, to the end of its headers. */
  readonly headersMs: number;
  /** To the end of its body. */
  readonly requestMs: number;
  /** Without a byte in either direction, while an answer is awaited or read. */
  readonly idleMs: number;
  /** Between two requests of a connection. */
  readonly keepAliveMs: number;
  /** How often the two times above are compared with the clock. */
  readonly checkMs: number;
}

/**
 * A connection takes some 20 KiB, so all of them take 20 MiB. A request that only waits may wait shorter than `idleMs`.
 */
export const LIMITS: Limits = {
  connectionsMax: 1_000,
  connectionsPerAddressMax: 250,
  connectionRate: { perSecond: 200, burst: 400 },
  requestRate: { perSecond: 200, burst: 400 },
  requestsPerConnectionMax: 10_000,
  headerBytesMax: 8_192,
  headersMax: 64,
  bodyBytesMax: 0,
  headersMs: 10_000,
  requestMs: 30_000,
  idleMs: 60_000,
  keepAliveMs: 10_000,
  checkMs: 1_000,
};
