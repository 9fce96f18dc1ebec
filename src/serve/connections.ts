import { isIPv6, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Rate, RateLimit } from "./rateLimit.ts";
import { SerialSocket } from "./serialSocket.ts";

interface ConnectionsLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly connectionRate: Rate;
  readonly headerBytesMax: number;
  readonly bodyBytesMax: number;
}

/**
 * The open connections by the network that they come from. If all places are taken, the network with the most connections
 * loses one without a request, so a client with many cannot keep the others out, such as a health check whose failure
 * would restart the daemon.
 */
export class Connections {
  readonly #limits: ConnectionsLimits;
  readonly #rate: RateLimit;
  /** The oldest first. */
  readonly #byNetwork = new Map<string, Set<SerialSocket>>();
  /** Each with its request in progress, if it has one. */
  readonly #isBusy = new Map<Duplex, boolean>();

  #isStopping = false;

  constructor(limits: ConnectionsLimits) {
    this.#limits = limits;
    this.#rate = new RateLimit(limits.connectionRate);
  }

  /** The connection as the HTTP server may see it. Null if there are too many, or too many lately; it is closed then. */
  admit(socket: Socket): SerialSocket | null {
    const network = networkOf(socket.remoteAddress ?? "");
    const open = this.#byNetwork.get(network) ?? new Set();
    const { connectionsMax, connectionsPerAddressMax, headerBytesMax, bodyBytesMax } = this.#limits;
    const isFull = this.#isBusy.size >= connectionsMax;
    if (
      open.size >= connectionsPerAddressMax ||
      this.#rate.take(network) > 0 ||
      (isFull && !this.#makeRoom(open.size + 1))
    ) {
      socket.on("error", () => {});
      socket.destroy();
      return null;
    }
    const admitted = new SerialSocket(socket, headerBytesMax + bodyBytesMax);
    this.#byNetwork.set(network, open.add(admitted));
    this.#isBusy.set(admitted, false);
    admitted.once("close", () => this.#remove(network, admitted));
    return admitted;
  }

  isBusy(socket: Duplex): boolean {
    return this.#isBusy.get(socket) === true;
  }

  requestStarted(socket: Duplex): void {
    if (this.#isBusy.has(socket)) {
      this.#isBusy.set(socket, true);
    }
  }

  /** The body of the request in progress may pass. */
  admitBody(socket: Duplex, bytes: number): void {
    if (socket instanceof SerialSocket) {
      socket.admitBody(bytes);
    }
  }

  requestEnded(socket: Duplex): void {
    if (!this.#isBusy.has(socket)) {
      return;
    }
    this.#isBusy.set(socket, false);
    if (this.#isStopping) {
      socket.end();
    } else if (socket instanceof SerialSocket) {
      socket.answered();
    }
  }

  /** Closes every connection as soon as it has no request in progress. */
  stop(): void {
    this.#isStopping = true;
    for (const [socket, isBusy] of this.#isBusy) {
      if (!isBusy) {
        socket.destroy();
      }
    }
  }

  /** Takes a place from a network that has more than `count`. False if there is none to take. */
  #makeRoom(count: number): boolean {
    let most: readonly [string, ReadonlySet<SerialSocket>] = ["", new Set()];
    for (const each of this.#byNetwork) {
      most = each[1].size > most[1].size ? each : most;
    }
    const [network, open] = most;
    const idle = open.size > count ? [...open].find((socket) => !this.isBusy(socket)) : undefined;
    if (idle === undefined) {
      return false;
    }
    this.#remove(network, idle);
    idle.destroy();
    return true;
  }

  #remove(network: string, socket: SerialSocket): void {
    const open = this.#byNetwork.get(network);
    open?.delete(socket);
    if (open?.size === 0) {
      this.#byNetwork.delete(network);
    }
    this.#isBusy.delete(socket);
  }
}

/** An IPv4 address itself, and of an IPv6 address the first 64 bits, because a host has all the others. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  // The test of Node takes microseconds, and a flood of connections comes mostly over IPv4.
  if (!plain.includes(":") || !isIPv6(plain)) {
    return plain;
  }
  const [head = "", tail = ""] = plain.split("%", 1)[0]?.split("::") ?? [];
  const before = head.split(":").filter((group) => group !== "");
  const after = tail.split(":").filter((group) => group !== "");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
