/**
 * A TCP proxy that misbehaves on demand. One proxy is one route: one port and one target. Each connection is a
 * link of two sockets; "up" is from the client to the target, "down" is the way back.
 *
 *   pass       bytes go through
 *   cut        every link is reset, and new connections are reset as soon as they are accepted
 *   half_open  connections stay open and are accepted, and everything sent is swallowed, including FIN and RST
 *   slow       each piece waits, and then trickles if a rate is given
 *   cut_after  a link is reset after this many more bytes in that direction
 *
 * A link that has swallowed bytes can never be whole again: when the mode ends it is reset, or stays silent in that
 * direction for the rest of its life, as behind a firewall that has forgotten it.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export type Direction = "up" | "down";

export type ProxyMode =
  | { readonly kind: "pass" }
  | { readonly kind: "cut" }
  | {
      readonly kind: "half_open";
      readonly direction: Direction | "both";
      /** What happens to links that have swallowed bytes when the mode ends. */
      readonly afterwards: "reset" | "silent";
    }
  | { readonly kind: "slow"; readonly latencyMs: number; readonly bytesPerSecond: number | null }
  | { readonly kind: "cut_after"; readonly direction: Direction; readonly bytes: number };

export const PASS: ProxyMode = { kind: "pass" };

export interface ProxyStats {
  readonly open: number;
  /** Since the start. */
  readonly connections: number;
  readonly refused: number;
  readonly resets: number;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly swallowedBytes: number;
}

/** The other end of a silent link learns so late that its peer has gone; a kernel's keepalive would take longer. */
const SILENT_LINGER_MS = 10_000;
const TRICKLE_INTERVAL_MS = 50;
const HOST = "127.0.0.1";

/** Default: the loopback, and from there to there. */
export interface ProxyHosts {
  readonly host?: string;
  readonly targetHost?: () => string;
}

export class FaultProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: () => number;
  readonly #targetHost: () => string;
  readonly #links = new Set<Link>();
  #mode: ProxyMode = PASS;
  #connections = 0;
  #refused = 0;
  #resets = 0;
  readonly #bytes = { up: 0, down: 0, swallowed: 0 };

  private constructor(server: Server, port: number, targetPort: () => number, targetHost: () => string) {
    this.#server = server;
    this.port = port;
    this.#targetPort = targetPort;
    this.#targetHost = targetHost;
    server.on("connection", (socket) => this.#accept(socket));
  }

  /** The target is asked for its port at each connection, so that it may move. */
  static async start(targetPort: () => number, hosts: ProxyHosts = {}): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, hosts.host ?? HOST);
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new Error("the proxy is not listening");
    }
    return new FaultProxy(server, address.port, targetPort, hosts.targetHost ?? (() => HOST));
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  get stats(): ProxyStats {
    return {
      open: this.#links.size,
      connections: this.#connections,
      refused: this.#refused,
      resets: this.#resets,
      upBytes: this.#bytes.up,
      downBytes: this.#bytes.down,
      swallowedBytes: this.#bytes.swallowed,
    };
  }

  set(mode: ProxyMode): void {
    const former = this.#mode;
    this.#mode = mode;
    for (const link of this.#links) {
      link.passedBytes = { up: 0, down: 0 };
      if (former.kind === "half_open" && former.afterwards === "reset" && link.isSilent) {
        this.#reset(link);
      }
    }
    if (mode.kind === "cut") {
      this.sever();
    }
  }

  /** Resets every link there is; the mode stays. */
  sever(): void {
    for (const link of this.#links) {
      this.#reset(link);
    }
  }

  /** Resolves when no socket is left. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    const ended = [...this.#links].map((link) => link.ended());
    for (const link of this.#links) {
      link.destroy();
    }
    await Promise.all([closed, ...ended]);
  }

  #accept(client: Socket): void {
    this.#connections += 1;
    if (this.#mode.kind === "cut") {
      this.#refused += 1;
      client.on("error", () => {});
      resetSocket(client);
      return;
    }
    const target = connect({ port: this.#targetPort(), host: this.#targetHost(), allowHalfOpen: true, noDelay: true });
    const link = new Link(client, target);
    this.#links.add(link);
    this.#direct(link, "up", client, target);
    this.#direct(link, "down", target, client);
  }

  #direct(link: Link, direction: Direction, from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => this.#take(link, direction, chunk, from, to));
    from.on("end", () => {
      if (!this.#swallows(link, direction)) {
        link.inOrder(direction, async () => {
          to.end();
        });
      }
    });
    from.on("error", () => {
      // Its close follows, and says what there is to say.
    });
    from.on("close", (hadError) => this.#leave(link, direction, hadError, to));
  }

  #take(link: Link, direction: Direction, chunk: Buffer, from: Socket, to: Socket): void {
    if (this.#swallows(link, direction)) {
      link.silent.add(direction);
      this.#bytes.swallowed += chunk.length;
      return;
    }
    this.#bytes[direction] += chunk.length;
    const mode = this.#mode;
    if (mode.kind === "cut_after" && mode.direction === direction) {
      const left = mode.bytes - link.passedBytes[direction];
      link.passedBytes[direction] += chunk.length;
      if (chunk.length >= left) {
        to.write(chunk.subarray(0, Math.max(0, left)), () => this.#reset(link));
        return;
      }
    }
    if (mode.kind === "slow" || link.isBehind(direction)) {
      from.pause();
      link.inOrder(direction, async () => {
        await this.#trickle(link, direction, chunk, to);
        from.resume();
      });
    } else if (!to.write(chunk)) {
      from.pause();
      to.once("drain", () => from.resume());
    }
  }

  async #trickle(link: Link, direction: Direction, chunk: Buffer, to: Socket): Promise<void> {
    const { signal } = link.ending;
    if (this.#mode.kind === "slow") {
      await pause(this.#mode.latencyMs, undefined, { signal });
    }
    let sent = 0;
    while (sent < chunk.length && !this.#swallows(link, direction)) {
      const rate = this.#mode.kind === "slow" ? this.#mode.bytesPerSecond : null;
      const size = rate === null ? chunk.length : Math.max(1, Math.floor((rate * TRICKLE_INTERVAL_MS) / 1_000));
      to.write(chunk.subarray(sent, sent + size));
      sent += size;
      if (sent < chunk.length) {
        await pause(TRICKLE_INTERVAL_MS, undefined, { signal });
      }
    }
    if (sent < chunk.length) {
      link.silent.add(direction);
      this.#bytes.swallowed += chunk.length - sent;
    }
  }

  #swallows(link: Link, direction: Direction): boolean {
    const mode = this.#mode;
    return (
      link.silent.has(direction) ||
      (mode.kind === "half_open" && (mode.direction === "both" || mode.direction === direction))
    );
  }

  /** One of the two sockets is gone: the other one follows, at once or when it would have noticed. */
  #leave(link: Link, direction: Direction, hadError: boolean, other: Socket): void {
    if (this.#swallows(link, direction) && !link.ending.signal.aborted && !other.destroyed) {
      link.linger(SILENT_LINGER_MS);
    } else if (hadError) {
      this.#reset(link);
    } else {
      link.inOrder(direction, async () => {
        other.destroySoon();
      });
    }
    if (link.isGone) {
      link.destroy();
      this.#links.delete(link);
    }
  }

  #reset(link: Link): void {
    if (!link.ending.signal.aborted) {
      this.#resets += 1;
      link.reset();
    }
  }
}

class Link {
  readonly silent = new Set<Direction>();
  /** Since the mode was set. */
  passedBytes = { up: 0, down: 0 };
  /** Aborted when the link ends, so that nothing waits any more for its turn. */
  readonly ending = new AbortController();
  readonly #sockets: readonly [Socket, Socket];
  readonly #behind = { up: 0, down: 0 };
  readonly #lines = { up: Promise.resolve(), down: Promise.resolve() };
  #lingering: NodeJS.Timeout | null = null;

  constructor(client: Socket, target: Socket) {
    this.#sockets = [client, target];
  }

  get isSilent(): boolean {
    return this.silent.size > 0;
  }

  get isGone(): boolean {
    return this.#sockets.every(({ destroyed }) => destroyed);
  }

  isBehind(direction: Direction): boolean {
    return this.#behind[direction] > 0;
  }

  /** Runs the work after all earlier work in this direction. */
  inOrder(direction: Direction, work: () => Promise<void>): void {
    this.#behind[direction] += 1;
    this.#lines[direction] = this.#lines[direction]
      .then(work)
      .catch(() => {
        // The link has ended meanwhile.
      })
      .finally(() => {
        this.#behind[direction] -= 1;
      });
  }

  /** Resolves when both sockets are closed. */
  async ended(): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => (socket.closed ? null : once(socket, "close"))));
  }

  linger(lingerMs: number): void {
    this.#lingering ??= setTimeout(() => this.destroy(), lingerMs).unref();
  }

  destroy(): void {
    this.ending.abort();
    clearTimeout(this.#lingering ?? undefined);
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  reset(): void {
    this.ending.abort();
    clearTimeout(this.#lingering ?? undefined);
    for (const socket of this.#sockets) {
      if (!socket.destroyed) {
        resetSocket(socket);
      }
    }
  }
}

/**
 * Node cannot reset a socket that is just being shut down: it reports EINVAL, never closes the socket, and the process does
 * not end because of it. Such a socket is closed.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) {
    socket.destroy();
  } else {
    socket.resetAndDestroy();
  }
}
