import { Socket } from "node:net";
import { keepNewest } from "../ground/keepNewest.ts";
import type { ConnectionConfig } from "./connect.ts";

/** More than the servers of any cluster. */
const PEERS_MAX = 64;
const THIS_MACHINE = "127.0.0.1";

export interface SocketPeer {
  readonly address: string;
  readonly port: number;
}

/**
 * The sockets of one daemon's connections, which can all be cut at once. node-postgres says goodbye on an idle connection
 * and then waits, without a deadline, for the server to close it. On a dead link it waits forever.
 */
export class Sockets {
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Map<string, SocketPeer>();
  #isCut = false;

  /** The same configuration, with its sockets opened here. */
  through(config: ConnectionConfig): ConnectionConfig {
    return { ...config, stream: () => this.#open() };
  }

  /** Connections that are open or being made. */
  get openCount(): number {
    return this.#sockets.size;
  }

  /**
   * Where connections have led, over TCP, and where the servers behind them said that they listen; the last ones if there
   * were many.
   */
  get peers(): Iterable<SocketPeer> {
    return this.#peers.values();
  }

  /**
   * Notes where a server says that it listens: with a pooler, connections lead elsewhere. Without an address it was reached
   * over a Unix socket, so it is on the machine of whatever is connected to.
   */
  noteServer(address: string | null, port: number): void {
    const hosts = [...this.#peers.values()].map((peer) => peer.address);
    for (const host of address === null ? new Set([THIS_MACHINE, ...hosts]) : [address]) {
      this.#keep({ address: host, port });
    }
  }

  /** Ends every connection without a goodbye. From now on new ones fail. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) {
      socket.destroy(stopped());
    }
  }

  #open(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.once("connect", () => this.#note(socket));
    if (this.#isCut) {
      setImmediate(() => socket.destroy(stopped()));
    }
    return socket;
  }

  #note({ remoteAddress: address, remotePort: port }: Socket): void {
    if (address === undefined || port === undefined) {
      return;
    }
    this.#keep({ address, port });
  }

  #keep(peer: SocketPeer): void {
    keepNewest(this.#peers, `${peer.address} ${peer.port}`, peer, PEERS_MAX);
  }
}

/** Uses node-postgres's message for a lost connection, so the error is classified as one. */
function stopped(): Error {
  return new Error("Connection terminated: the daemon has stopped");
}
