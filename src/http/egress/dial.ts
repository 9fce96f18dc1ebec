/**
 * Dialling: a host name becomes a connected socket whose peer egress has judged. Resolve, judge every answer, dial the
 * judged address (never the name, which would be resolved a second time and might answer differently), and judge the
 * peer once more before a byte of a request is written.
 *
 * With an egress proxy every connection goes through a tunnel, also for plain http, so that there is one way and one set
 * of limits. The proxy resolves the receiver's name: egress then judges what the URL says (scheme, port, the name by the
 * rules, a literal address), and only the proxy can judge the address of a name. The address of the proxy itself is the
 * operator's word and is not judged, because it is often a private one.
 */
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { connect as connectTcp, type Socket } from "node:net";
import { monotonicMs } from "../../ground/clock.ts";
import {
  codeOf,
  connectFailure,
  DialFailure,
  dnsSentence,
  handshakeFailure,
  hostAndPort,
  type Origin,
} from "./dialFailure.ts";
import type { OwnServers } from "./own.ts";
import {
  type AddressVerdict,
  type EgressPolicy,
  isOwnName,
  judgeAddress,
  judgeUnresolved,
  literalOf,
} from "./policy.ts";
import type { EgressProxy } from "./proxy.ts";
import { rawBytesRead } from "./rawBytes.ts";
import { readingBy } from "./reading.ts";
import { takeStep } from "./socketStep.ts";
import { type Call, TlsClient } from "./tls.ts";
import { takeCertificate } from "./tlsFailure.ts";
import { Tunnel } from "./tunnel.ts";

/** Further answers are judged but not dialled. */
const ADDRESSES_DIALLED_MAX = 4;
const TCP_KEEP_ALIVE_DELAY_MS = 60_000;
/** OpenSSL reads a chain of certificates of up to 100 kB, and without end what it passes over. */
const HANDSHAKE_BYTES_MAX = 262_144;
const HANDSHAKE_LOOK_MS = 25;

/** All addresses of a name, in the order to dial them. Rejects with an error whose `code` says why there are none. */
export type Resolver = (hostname: string) => Promise<readonly LookupAddress[]>;

/** The first stretch of a connection: to the receiver, or to the proxy. */
interface Hop extends Call {
  readonly isJudged: boolean;
}

export interface DialerOptions {
  readonly policy: EgressPolicy;
  /** Refused whatever the policy allows. */
  readonly own: OwnServers;
  readonly proxy: EgressProxy | undefined;
  /** Resolving, connecting, the tunnel and the TLS handshakes together. */
  readonly connectTimeoutMs: number;
  /** Of the proxy's answer. */
  readonly responseHeaderBytesMax: number;
  readonly resolve: Resolver;
  /** PEM; trusted in addition to those that Node.js trusts. */
  readonly trustedCertificates: readonly string[];
}

/** The system's resolver: /etc/hosts and search lists count, as they do for every other program on the machine. */
export function systemResolver(hostname: string): Promise<LookupAddress[]> {
  return lookup(hostname, { all: true });
}

export class Dialer {
  readonly #options: DialerOptions;
  readonly #tls: TlsClient;
  readonly #lookups = new Map<string, Promise<readonly LookupAddress[]>>();
  #connects = 0;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#tls = new TlsClient(options.trustedCertificates);
  }

  /** TCP connects begun so far; a blocked address adds none. */
  get connects(): number {
    return this.#connects;
  }

  /**
   * @param signal Aborted, with the reason to reject with, when the socket is no longer needed.
   * @throws DialFailure
   */
  async dial(call: Call, signal: AbortSignal): Promise<Socket> {
    const { proxy } = this.#options;
    const socket = await this.#inTime(this.#wayTo(call.origin), (deadline, until) => {
      const either = AbortSignal.any([signal, deadline]);
      return proxy === undefined
        ? this.#reach({ ...call, isJudged: true }, either, until)
        : this.#dialThrough(proxy, call, either, until);
    });
    if (socket.destroyed) {
      // The caller would listen too late.
      throw connectFailure(this.#wayTo(call.origin), socket.errored ?? undefined);
    }
    return socket;
  }

  async #dialThrough(proxy: EgressProxy, call: Call, signal: AbortSignal, until: number): Promise<Socket> {
    const { origin } = call;
    const literal = literalOf(origin.hostname);
    await this.#refuseOwn(literal === undefined ? [] : [literal], origin, signal);
    if (literal !== undefined) {
      this.#refuseUnlessAllowed(literal, origin);
    } else {
      refuseIf(judgeUnresolved(this.#options.policy, origin.hostname), origin);
    }
    const tunnel = new Tunnel(proxy, origin, call.onRead, this.#options.responseHeaderBytesMax);
    const onRead: Call["onRead"] = (length, bytes) => tunnel.read(length, bytes);
    const socket = await this.#reachProxy(proxy, onRead, signal, until);
    await takeStep({
      socket,
      signal,
      failureOf: (error) => tunnel.failureOf(error),
      begin: (done) => tunnel.open(socket, done),
    });
    if (!origin.secure) {
      return socket;
    }
    const secured = this.#tls.startOver(socket, call);
    secured.on("error", ignore);
    return shakeHands(secured, origin, this.#wayTo(origin), signal);
  }

  /**
   * Connects to the proxy, if there is one, and asks it for nothing.
   *
   * @throws DialFailure
   */
  async tryProxy(): Promise<void> {
    const { proxy } = this.#options;
    if (proxy !== undefined) {
      const socket = await this.#inTime(hostAndPort(proxy.origin), (deadline, until) =>
        this.#reachProxy(proxy, () => true, deadline, until),
      );
      socket.destroy();
    }
  }

  /**
   * @param where whereto, for the sentence that says that it took too long
   * @param reach what must not take longer than a connection may, by the signal and until the time that it is given
   */
  async #inTime(where: string, reach: (deadline: AbortSignal, until: number) => Promise<Socket>): Promise<Socket> {
    const { connectTimeoutMs } = this.#options;
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      const found = `no connection to ${where} within ${connectTimeoutMs} ms`;
      deadline.abort(new DialFailure("timeout", found));
    }, connectTimeoutMs);
    try {
      return await reach(deadline.signal, monotonicMs() + connectTimeoutMs);
    } finally {
      clearTimeout(timer);
    }
  }

  async #reachProxy(proxy: EgressProxy, onRead: Call["onRead"], signal: AbortSignal, until: number): Promise<Socket> {
    try {
      return await this.#reach(
        { origin: proxy.origin, clientCertificate: undefined, onRead, isJudged: false },
        signal,
        until,
      );
    } catch (error) {
      throw error instanceof DialFailure
        ? new DialFailure("proxy", `the egress proxy is out of reach: ${error.message}`)
        : error;
    }
  }

  #wayTo(origin: Origin): string {
    const { proxy } = this.#options;
    return hostAndPort(origin) + (proxy === undefined ? "" : ` through the egress proxy ${hostAndPort(proxy.origin)}`);
  }

  async #reach(hop: Hop, signal: AbortSignal, until: number): Promise<Socket> {
    return this.#dialAny(hop, await this.#addressesOf(hop, signal), signal, until);
  }

  /**
   * One refused address refuses the name. A name that resolves half outside and half inside is either an attack or a
   * mistake. If only the refused addresses were dropped, the order of the day's answers would decide which half is
   * dialled; a refusal is the same every time, and its sentence names the address. This machine's own names are different:
   * they have the loopback address of either family, and only one of the two may be allowed.
   */
  async #addressesOf({ origin, isJudged }: Hop, signal: AbortSignal): Promise<readonly string[]> {
    const literal = literalOf(origin.hostname);
    const addresses = literal === undefined ? await this.#resolve(origin.hostname, signal) : [literal];
    if (isJudged) {
      await this.#refuseOwn(addresses, origin, signal);
    }
    const dialled = isJudged ? this.#allowedOf(addresses, origin) : addresses;
    return dialled.slice(0, ADDRESSES_DIALLED_MAX);
  }

  async #refuseOwn(addresses: readonly string[], origin: Origin, signal: AbortSignal): Promise<void> {
    const name = literalOf(origin.hostname) ?? origin.hostname;
    // What has no address now is told by its name, and by where connections to it have led.
    const resolve = (hostname: string) => this.#resolve(hostname, signal).catch(() => []);
    const reason = await this.#options.own.refusalOf(name, origin.port, addresses, resolve);
    signal.throwIfAborted();
    if (reason !== undefined) {
      throw new DialFailure("blocked", `egress refused ${hostAndPort(origin)}: ${reason}`);
    }
  }

  #allowedOf(addresses: readonly string[], origin: Origin): readonly string[] {
    const allowed = isOwnName(origin.hostname)
      ? addresses.filter((address) => this.#judge(address, origin).verdict === "allowed")
      : [];
    if (allowed.length > 0) {
      return allowed;
    }
    for (const address of addresses) {
      this.#refuseUnlessAllowed(address, origin);
    }
    return addresses;
  }

  async #resolve(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    // getaddrinfo cannot be cancelled and runs on half of libuv's threads: fifty connections to one slow name must
    // share one lookup.
    let pending = this.#lookups.get(hostname);
    if (pending === undefined) {
      pending = this.#options.resolve(hostname).finally(() => this.#lookups.delete(hostname));
      this.#lookups.set(hostname, pending);
    }
    let answers: readonly LookupAddress[];
    try {
      answers = await unlessAborted(pending, signal);
    } catch (error) {
      throw error instanceof DialFailure ? error : new DialFailure("dns", dnsSentence(hostname, codeOf(error)));
    }
    if (answers.length === 0) {
      throw new DialFailure("dns", dnsSentence(hostname, "no addresses"));
    }
    return answers.map((answer) => answer.address);
  }

  async #dialAny(hop: Hop, addresses: readonly string[], signal: AbortSignal, until: number): Promise<Socket> {
    for (const [index, address] of addresses.entries()) {
      const left = addresses.length - index;
      if (left === 1) {
        return this.#connect(hop, address, signal);
      }
      // An address that swallows packets may use only its share of the time, so that the next ones have theirs.
      const share = AbortSignal.timeout(Math.max(1, Math.floor((until - monotonicMs()) / left)));
      try {
        return await this.#connect(hop, address, AbortSignal.any([signal, share]));
      } catch (error) {
        if (signal.aborted || (error instanceof DialFailure && error.kind === "blocked")) {
          throw error;
        }
      }
    }
    // Not reached: the last address has returned or thrown, and there is at least one.
    throw new DialFailure("dns", dnsSentence(hop.origin.hostname, "no addresses"));
  }

  async #connect(hop: Hop, address: string, signal: AbortSignal): Promise<Socket> {
    const { origin } = hop;
    const where = `${hostAndPort(origin)} (${address})`;
    signal.throwIfAborted();
    this.#connects += 1;
    const socket = origin.secure ? this.#tls.connect(hop, address) : startTcp(hop, address);
    socket.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_DELAY_MS);
    socket.on("error", ignore);
    const failureOf = (error: Error | undefined): DialFailure => connectFailure(where, error);
    await takeStep({ socket, signal, failureOf, begin: (done) => void socket.once("connect", done) });
    if (hop.isJudged) {
      this.#judgePeer(socket, origin, where);
    }
    return origin.secure ? shakeHands(socket, origin, where, signal) : socket;
  }

  #judgePeer(socket: Socket, origin: Origin, where: string): void {
    const peer = socket.remoteAddress;
    try {
      if (peer === undefined) {
        // A peer that has already reset the connection has no address: nothing to judge, and nothing to send to.
        throw new DialFailure("connect", `no connection to ${where}: it was reset at once`);
      }
      this.#refuseUnlessAllowed(peer, origin);
    } catch (refusal) {
      socket.destroy();
      throw refusal;
    }
  }

  #refuseUnlessAllowed(address: string, origin: Origin): void {
    refuseIf(this.#judge(address, origin), origin);
  }

  #judge(address: string, { hostname }: Origin): AddressVerdict {
    return judgeAddress(this.#options.policy, address, literalOf(hostname) === undefined ? hostname : undefined);
  }
}

function refuseIf(verdict: AddressVerdict, origin: Origin): void {
  if (verdict.verdict === "refused") {
    throw new DialFailure("blocked", `egress refused ${hostAndPort(origin)}: ${verdict.reason}`);
  }
}

function startTcp({ origin, onRead }: Hop, address: string): Socket {
  return connectTcp({ host: address, port: origin.port, ...readingBy(onRead) });
}

async function shakeHands(socket: Socket, { hostname }: Origin, where: string, signal: AbortSignal): Promise<Socket> {
  const failureOf = (error: Error | undefined): DialFailure =>
    error instanceof DialFailure ? error : handshakeFailure(where, error, takeCertificate(socket), hostname);
  const watch = setInterval(() => {
    if (rawBytesRead(socket) > HANDSHAKE_BYTES_MAX) {
      socket.destroy(
        new DialFailure("tls", `the TLS handshake with ${where} did not end within ${HANDSHAKE_BYTES_MAX} bytes`),
      );
    }
  }, HANDSHAKE_LOOK_MS);
  try {
    await takeStep({ socket, signal, failureOf, begin: (done) => void socket.once("secureConnect", done) });
  } finally {
    clearInterval(watch);
  }
  takeCertificate(socket);
  return socket;
}

/** Never removed: an error between our last listener and the connection's first would otherwise end the process. */
function ignore(): void {}

/** Rejects with the signal's reason as soon as it is aborted; the promise itself continues unobserved. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) {
      onAbort();
    }
  });
}
