/**
 * Dialling: a host name becomes a connected socket whose peer egress has judged. Resolve, judge every answer, dial the
 * judged address (never the name, which would be resolved a second time and might answer differently), and judge the
 * peer once more before a byte is written.
 */
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { connect as connectTcp, type Socket } from "node:net";
import * as tls from "node:tls";
import { connect as connectTls, createSecureContext, type SecureContext } from "node:tls";
import { monotonicMs } from "../../ground/clock.ts";
import { codeOf, connectFailure, DialFailure, dnsSentence, hostAndPort, type Origin } from "./dialFailure.ts";
import { type EgressPolicy, judgeAddress, literalOf } from "./policy.ts";

/** Further answers are judged but not dialled. */
const ADDRESSES_DIALLED_MAX = 4;
/** Session tickets kept for resumption, about 2 kB each. */
const TLS_SESSIONS_MAX = 1_000;
const TCP_KEEP_ALIVE_DELAY_MS = 60_000;

/** All addresses of a name, in the order to dial them. Rejects with an error whose `code` says why there are none. */
export type Resolver = (hostname: string) => Promise<readonly LookupAddress[]>;

/**
 * What every socket reads into: the bytes are given to its `OnRead` in the same turn, before another read. A buffer a read
 * would cost a request a microsecond, and one a socket 64 KiB.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/** Hears of so many bytes, which are overwritten after the call. Returns true, because the socket would pause otherwise. */
export type OnRead = (length: number, bytes: Uint8Array) => boolean;

interface Call {
  readonly origin: Origin;
  readonly onRead: OnRead;
}

export interface DialerOptions {
  readonly policy: EgressPolicy;
  /** Resolving, connecting and the TLS handshake together. */
  readonly connectTimeoutMs: number;
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
  readonly #secureContext: SecureContext;
  readonly #sessions = new Map<string, Buffer>();
  readonly #lookups = new Map<string, Promise<readonly LookupAddress[]>>();
  #connects = 0;

  constructor(options: DialerOptions) {
    this.#options = options;
    // One context for all: otherwise every tls.connect builds its own.
    this.#secureContext = createSecureContext(
      options.trustedCertificates.length === 0
        ? {}
        : // Not imported by name: an old Node would then refuse to load the bundle, and could not say that it is too old.
          { ca: [...tls.getCACertificates("default"), ...options.trustedCertificates] },
    );
  }

  /** TCP connects begun so far; a blocked address adds none. */
  get connects(): number {
    return this.#connects;
  }

  /**
   * @param signal Aborted, with the reason to reject with, when the socket is no longer needed.
   * @param onRead Called with each piece that the socket receives.
   * @throws DialFailure
   */
  async dial(origin: Origin, signal: AbortSignal, onRead: OnRead): Promise<Socket> {
    const deadline = new AbortController();
    const either = AbortSignal.any([signal, deadline.signal]);
    const timer = setTimeout(() => {
      const where = hostAndPort(origin);
      deadline.abort(
        new DialFailure("timeout", `no connection to ${where} within ${this.#options.connectTimeoutMs} ms`),
      );
    }, this.#options.connectTimeoutMs);
    const until = monotonicMs() + this.#options.connectTimeoutMs;
    try {
      return await this.#dialAny({ origin, onRead }, await this.#addressesOf(origin, either), either, until);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * One refused address refuses the name. A name that resolves half outside and half inside is either an attack or a
   * mistake. If only the refused addresses were dropped, the order of the day's answers would decide which half is
   * dialled; a refusal is the same every time, and its sentence names the address.
   */
  async #addressesOf(origin: Origin, signal: AbortSignal): Promise<readonly string[]> {
    const literal = literalOf(origin.hostname);
    const addresses = literal === undefined ? await this.#resolve(origin.hostname, signal) : [literal];
    for (const address of addresses) {
      this.#refuseUnlessAllowed(address, origin);
    }
    return addresses.slice(0, ADDRESSES_DIALLED_MAX);
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

  async #dialAny(call: Call, addresses: readonly string[], signal: AbortSignal, until: number): Promise<Socket> {
    for (const [index, address] of addresses.entries()) {
      const left = addresses.length - index;
      if (left === 1) {
        return this.#connect(call, address, signal);
      }
      // An address that swallows packets may use only its share of the time, so that the next ones have theirs.
      const share = AbortSignal.timeout(Math.max(1, Math.floor((until - monotonicMs()) / left)));
      try {
        return await this.#connect(call, address, AbortSignal.any([signal, share]));
      } catch (error) {
        if (signal.aborted || (error instanceof DialFailure && error.kind === "blocked")) {
          throw error;
        }
      }
    }
    // Not reached: the last address has returned or thrown, and there is at least one.
    throw new DialFailure("dns", dnsSentence(call.origin.hostname, "no addresses"));
  }

  #connect(call: Call, address: string, signal: AbortSignal): Promise<Socket> {
    const { origin } = call;
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      this.#connects += 1;
      const socket = origin.secure ? this.#startTls(call, address) : startTcp(call, address);
      let connected = false;
      const fail = (reason: unknown): void => {
        signal.removeEventListener("abort", onAbort);
        socket.destroy();
        reject(reason);
      };
      const onAbort = (): void => fail(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      // Never removed: an error between our last listener and the connection's first would otherwise end the process.
      socket.on("error", (error) => fail(connectFailure(origin, address, error, connected)));
      socket.once("connect", () => {
        connected = true;
        const peer = socket.remoteAddress;
        if (peer === undefined) {
          // A peer that has already reset the connection has no address: nothing to judge, and nothing to send to.
          fail(
            new DialFailure("connect", `no connection to ${hostAndPort(origin)} (${address}): it was reset at once`),
          );
          return;
        }
        try {
          this.#refuseUnlessAllowed(peer, origin);
        } catch (refusal) {
          fail(refusal);
        }
      });
      socket.once(origin.secure ? "secureConnect" : "connect", () => {
        signal.removeEventListener("abort", onAbort);
        if (!socket.destroyed) {
          resolve(socket);
        }
      });
      socket.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_DELAY_MS);
    });
  }

  #startTls({ origin, onRead }: Call, address: string): Socket {
    const key = `${origin.hostname}:${origin.port}`;
    const session = this.#sessions.get(key);
    // Documented for tls.connect; its types do not know it.
    const reading = { onread: { buffer: READ_BUFFER, callback: onRead } };
    const socket = connectTls({
      ...reading,
      host: address,
      port: origin.port,
      // RFC 6066 has no server name for addresses; the certificate is then checked against the address itself.
      servername: literalOf(origin.hostname) === undefined ? origin.hostname : "",
      // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED in the environment would otherwise turn it off for every receiver.
      rejectUnauthorized: true,
      ALPNProtocols: ["http/1.1"],
      secureContext: this.#secureContext,
      ...(session === undefined ? {} : { session }),
    });
    socket.on("session", (ticket) => this.#keepSession(key, ticket));
    return socket;
  }

  #keepSession(key: string, ticket: Buffer): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, ticket);
    if (this.#sessions.size > TLS_SESSIONS_MAX) {
      for (const oldest of this.#sessions.keys()) {
        this.#sessions.delete(oldest);
        return;
      }
    }
  }

  #refuseUnlessAllowed(address: string, origin: Origin): void {
    const verdict = judgeAddress(
      this.#options.policy,
      address,
      literalOf(origin.hostname) === undefined ? origin.hostname : undefined,
    );
    if (verdict.verdict === "refused") {
      throw new DialFailure("blocked", `egress refused ${hostAndPort(origin)}: ${verdict.reason}`);
    }
  }
}

function startTcp({ origin, onRead }: Call, address: string): Socket {
  return connectTcp({ host: address, port: origin.port, onread: { buffer: READ_BUFFER, callback: onRead } });
}

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
