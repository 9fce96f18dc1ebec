import { RESPONSE_BYTES_KEPT, RESPONSE_BYTES_READ } from "./answer.ts";
import { Dialer, type Resolver, systemResolver } from "./egress/dial.ts";
import { OwnServers } from "./egress/own.ts";
import type { EgressPolicy } from "./egress/policy.ts";
import type { EgressProxy } from "./egress/proxy.ts";
import { type Done, Exchange, type ExchangeContext } from "./exchange.ts";
import { unsent } from "./failures.ts";
import { InProgress } from "./inProgress.ts";
import { CONNECTIONS_IDLE_MAX, Pools } from "./pools.ts";
import type { OutgoingRequest } from "./request.ts";
import { Targets } from "./target.ts";

export interface SenderOptions {
  readonly policy: EgressPolicy;
  /** Refused whatever the policy allows. */
  readonly own?: OwnServers;
  /** Every connection goes through it. */
  readonly proxy?: EgressProxy;
  /** Origins with open connections at the same time. */
  readonly originsMax?: number;
  readonly connectionsPerOrigin?: number;
  /** Idle connections over all origins. */
  readonly idleMax?: number;
  /** After this many bytes of a body the connection is closed, and the answer counts as it is. */
  readonly responseBytesRead?: number;
  /** Names and values of headers and the bytes of the body together, as recorded for each attempt. */
  readonly responseBytesKept?: number;
  readonly responseHeaderBytesMax?: number;
  /** Resolving, connecting, the tunnel and the TLS handshakes together. */
  readonly connectTimeoutMs?: number;
  readonly keepAliveMs?: number;
  readonly keepAliveMaxMs?: number;
  readonly originIdleMs?: number;
  readonly resolve?: Resolver;
  /** PEM; trusted in addition to those that Node.js trusts. */
  readonly trustedCertificates?: readonly string[];
}

export interface SenderStats {
  readonly requestsInFlight: number;
  readonly originsOpen: number;
  readonly socketsOpen: number;
  /** TCP connects begun since the start. */
  readonly connects: number;
}

/** Sends signed bodies, and reports the attempt of each. `close` stops it for good. */
export class Sender {
  readonly #dialer: Dialer;
  readonly #pools: Pools;
  readonly #context: ExchangeContext;
  readonly #targets: Targets;
  readonly #inProgress = new InProgress();
  #closed: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(options: SenderOptions) {
    this.#targets = new Targets(options.policy);
    const responseHeaderBytesMax = options.responseHeaderBytesMax ?? 16_384;
    this.#dialer = new Dialer({
      policy: options.policy,
      own: options.own ?? new OwnServers([]),
      proxy: options.proxy,
      responseHeaderBytesMax,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      resolve: options.resolve ?? systemResolver,
      trustedCertificates: options.trustedCertificates ?? [],
    });
    this.#pools = new Pools({
      dialer: this.#dialer,
      originsMax: options.originsMax ?? 1_024,
      connectionsPerOrigin: options.connectionsPerOrigin ?? 50,
      idleMax: options.idleMax ?? CONNECTIONS_IDLE_MAX,
      originIdleMs: options.originIdleMs ?? 60_000,
      keepAliveMs: options.keepAliveMs ?? 4_000,
      keepAliveMaxMs: options.keepAliveMaxMs ?? 30_000,
      responseHeaderBytesMax,
      responseBytesRead: options.responseBytesRead ?? RESPONSE_BYTES_READ,
    });
    this.#context = {
      pools: this.#pools,
      responseBytesKept: options.responseBytesKept ?? RESPONSE_BYTES_KEPT,
      onDone: (exchange) => this.#settle(exchange),
    };
  }

  get stats(): SenderStats {
    return {
      requestsInFlight: this.#inProgress.size,
      originsOpen: this.#pools.originsOpen,
      socketsOpen: this.#pools.socketsOpen,
      connects: this.#dialer.connects,
    };
  }

  /**
   * One request, or two if a reused connection turns out to be dead. Whatever the receiver does, and whatever the request
   * contains, `done` hears of one attempt; before the call returns if nothing was sent.
   *
   * @throws Error if the sender is closed
   */
  send(request: OutgoingRequest, done: Done): void {
    if (this.#closed !== undefined) {
      throw new Error("the sender is closed");
    }
    const target = this.#targets.get(request.url);
    const { fault } = request.fixed;
    const certificateFault = request.clientCertificate?.fault;
    if (target.kind === "refused") {
      done(unsent("blocked", `egress refused the URL: ${target.reason}`));
    } else if (fault !== undefined) {
      done(unsent("protocol", fault));
    } else if (certificateFault !== undefined) {
      done(unsent("tls", certificateFault));
    } else {
      const exchange = new Exchange(this.#context, target, request, done);
      this.#inProgress.add(exchange);
      this.#pools.request(exchange);
    }
  }

  /** Accepts no more, waits for requests in progress (each has its deadline), and closes every socket. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#drain().then(() => this.#pools.close());
    return this.#closed;
  }

  /** Cuts off requests in progress, which end as resets. Accepts no more, and resolves when every socket is closed. */
  abort(): Promise<void> {
    const closed = this.close();
    this.#inProgress.each((exchange) => exchange.abort());
    return closed;
  }

  #settle(exchange: Exchange): void {
    this.#inProgress.delete(exchange);
    if (this.#inProgress.size === 0) {
      this.#drained?.();
    }
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#inProgress.size === 0) {
        resolve();
      } else {
        this.#drained = resolve;
      }
    });
  }
}
