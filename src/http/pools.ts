/**
 * Connections by origin. An exchange asks for a connection with `request` and is begun at once, when a place is free,
 * or later; it gives the connection back with `release`, or with `discard` when nothing more may go over it.
 *
 * A connection is one undici `Client` with at most one socket. undici's `Pool` would be the obvious part, and three
 * things speak against it: it does not say which socket a request went over, and a retry is only right where that
 * socket was reused; it cannot be told to use a fresh one; and an idle `Pool` holds 18.7 kB and takes 70 µs to build,
 * against 1.4 kB and 6 µs of a `Client`. Its `Agent` also scans all its origins at each disconnect.
 */
import { Client } from "undici";
import { monotonicMs } from "../ground/clock.ts";
import { type Dialer, DialFailure, type Origin } from "./egress/dial.ts";

export interface PoolsOptions {
  readonly dialer: Dialer;
  /** Origins with connections at the same time; the longest idle one is closed to make room. */
  readonly originsMax: number;
  readonly connectionsPerOrigin: number;
  /** Idle connections over all origins; beyond that, one of the origin that has been unused for longest is closed. */
  readonly idleMax: number;
  /** An origin without a request for so long is closed. */
  readonly originIdleMs: number;
  readonly headersTimeoutMs: number;
  /** Between two pieces of the body. */
  readonly bodyTimeoutMs: number;
  /** How long an idle socket is kept where the receiver does not say. */
  readonly keepAliveMs: number;
  /** The most that a receiver's `keep-alive: timeout=` can ask for. */
  readonly keepAliveMaxMs: number;
  readonly responseHeaderBytesMax: number;
}

/** What waits for a connection. */
export interface Waiter {
  readonly origin: Origin;
  readonly originKey: string;
  begin(connection: Connection): void;
}

interface Pool {
  readonly key: string;
  /** Every connection of the origin, idle or busy. */
  readonly connections: Set<Connection>;
  /** The last one used is at the end and is taken first, so that the others can go idle and close. */
  readonly idle: Connection[];
  readonly waiting: Waiter[];
  lastUsedMs: number;
}

export class Pools {
  readonly #options: PoolsOptions;
  /** In the order of last use, the longest unused first. */
  readonly #pools = new Map<string, Pool>();
  /** Waits for a place among the origins; only used while all of them are busy. */
  #waitingForPool: Waiter[] = [];
  readonly #closing = new Set<Promise<void>>();
  #sweeper: NodeJS.Timeout | undefined;
  #socketsOpen = 0;
  #idleCount = 0;

  constructor(options: PoolsOptions) {
    this.#options = options;
  }

  get originsOpen(): number {
    return this.#pools.size;
  }

  get socketsOpen(): number {
    return this.#socketsOpen;
  }

  /** Begins the waiter on a connection now, or as soon as there is a place. */
  request(waiter: Waiter): void {
    const pool = this.#poolFor(waiter);
    if (pool === undefined) {
      this.#waitingForPool.push(waiter);
      return;
    }
    const idle = pool.idle.pop();
    if (idle !== undefined) {
      idle.idle = false;
      this.#idleCount -= 1;
      waiter.begin(idle);
    } else if (pool.connections.size < this.#options.connectionsPerOrigin) {
      waiter.begin(this.#connect(pool, waiter.origin));
    } else {
      pool.waiting.push(waiter);
    }
  }

  /** The waiter will not be begun any more. */
  withdraw(waiter: Waiter): void {
    const pool = this.#pools.get(waiter.originKey);
    if (pool !== undefined && remove(pool.waiting, waiter)) {
      this.#settle(pool);
    }
    remove(this.#waitingForPool, waiter);
  }

  /** The exchange is over and the connection may carry another. */
  release(connection: Connection): void {
    const pool = connection.pool;
    const next = pool.waiting.shift();
    if (next === undefined) {
      connection.idle = true;
      pool.idle.push(connection);
      this.#idleCount += 1;
      this.#settle(pool);
      if (this.#idleCount > this.#options.idleMax) {
        this.#closeLongestIdle();
      }
    } else {
      // We stand inside undici's parser, at the end of an answer. A request dispatched from here would skip its check
      // for bytes that the receiver sent unasked, which is what keeps one answer from being taken for the next.
      queueMicrotask(() => next.begin(connection));
    }
  }

  /** Nothing more goes over the connection; whatever it still does is cut off. */
  discard(connection: Connection): void {
    const pool = connection.pool;
    if (!this.#drop(connection)) {
      return;
    }
    const next = pool.waiting.shift();
    if (next !== undefined) {
      next.begin(this.#connect(pool, next.origin));
    } else {
      this.#settle(pool);
    }
  }

  /** Discards the connection, and begins the waiter on one that has carried nothing. */
  beginAnew(connection: Connection, waiter: Waiter): void {
    this.#drop(connection);
    waiter.begin(this.#connect(connection.pool, waiter.origin));
  }

  /** Cuts off what is left, and resolves when every socket is closed. */
  async close(): Promise<void> {
    for (const pool of this.#pools.values()) {
      this.#closePool(pool);
    }
    await Promise.all(this.#closing);
  }

  #poolFor(waiter: Waiter): Pool | undefined {
    const known = this.#pools.get(waiter.originKey);
    if (known !== undefined) {
      known.lastUsedMs = monotonicMs();
      this.#pools.delete(known.key);
      this.#pools.set(known.key, known);
      return known;
    }
    if (this.#pools.size >= this.#options.originsMax && !this.#evictLongestIdle()) {
      return undefined;
    }
    const pool: Pool = {
      key: waiter.originKey,
      connections: new Set(),
      idle: [],
      waiting: [],
      lastUsedMs: monotonicMs(),
    };
    this.#pools.set(pool.key, pool);
    this.#sweeper ??= setInterval(() => this.#sweep(), Math.max(10, this.#options.originIdleMs / 4)).unref();
    return pool;
  }

  #connect(pool: Pool, origin: Origin): Connection {
    const connection = new Connection(pool, origin, this.#options, (event) => {
      switch (event) {
        case "opened":
          this.#socketsOpen += 1;
          return;
        case "closed":
          this.#socketsOpen -= 1;
          return;
        case "disconnected":
          // A busy connection's exchange hears of it from undici, or undici connects again for it.
          if (connection.idle) {
            this.discard(connection);
          }
      }
    });
    pool.connections.add(connection);
    return connection;
  }

  /** A pool that has become idle gives its place to those who wait for one. */
  #settle(pool: Pool): void {
    if (this.#waitingForPool.length === 0 || isBusy(pool)) {
      return;
    }
    this.#closePool(pool);
    const waiting = this.#waitingForPool;
    this.#waitingForPool = [];
    for (const waiter of waiting) {
      this.request(waiter);
    }
  }

  #sweep(): void {
    const oldest = monotonicMs() - this.#options.originIdleMs;
    for (const pool of this.#pools.values()) {
      if (pool.lastUsedMs > oldest) {
        return;
      }
      if (!isBusy(pool)) {
        this.#closePool(pool);
      }
    }
  }

  #closeLongestIdle(): void {
    for (const pool of this.#pools.values()) {
      const [connection] = pool.idle;
      if (connection !== undefined) {
        this.#drop(connection);
        return;
      }
    }
  }

  #evictLongestIdle(): boolean {
    for (const pool of this.#pools.values()) {
      if (!isBusy(pool)) {
        this.#closePool(pool);
        return true;
      }
    }
    return false;
  }

  #closePool(pool: Pool): void {
    this.#pools.delete(pool.key);
    for (const connection of pool.connections) {
      this.#drop(connection);
    }
    if (this.#pools.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
  }

  #drop(connection: Connection): boolean {
    const pool = connection.pool;
    if (!pool.connections.delete(connection)) {
      return false;
    }
    if (connection.idle) {
      remove(pool.idle, connection);
      this.#idleCount -= 1;
    }
    const closed = connection.destroy().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
    return true;
  }
}

type ConnectionEvent = "opened" | "closed" | "disconnected";

export class Connection {
  readonly pool: Pool;
  readonly client: Client;
  /** Requests written to the present socket; above one, the socket has been reused. */
  requestsWritten = 0;
  idle = false;
  #abandon: AbortController | undefined;
  #unsent: () => number = () => 0;

  constructor(pool: Pool, origin: Origin, options: PoolsOptions, report: (event: ConnectionEvent) => void) {
    this.pool = pool;
    this.client = new Client(pool.key, {
      // The receiver is not trusted, and pipelined answers are matched by their position alone.
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMaxMs,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: options.bodyTimeoutMs,
      maxHeaderSize: options.responseHeaderBytesMax,
      connect: (_, callback) => {
        const abandon = new AbortController();
        this.#abandon = abandon;
        options.dialer.dial(origin, abandon.signal).then(
          (socket) => {
            this.#abandon = undefined;
            this.#unsent = () => socket.writableLength;
            this.requestsWritten = 0;
            report("opened");
            socket.once("close", () => report("closed"));
            callback(null, socket);
          },
          (error) => {
            this.#abandon = undefined;
            callback(error, null);
          },
        );
      },
    });
    this.client.on("disconnect", () => report("disconnected"));
  }

  /** Bytes of the request that the receiver has not taken yet. */
  get unsentBytes(): number {
    return this.#unsent();
  }

  /** Gives up dialling, drops what is not written, closes the socket. Resolves when it is closed. */
  destroy(): Promise<void> {
    this.#abandon?.abort(new DialFailure("connect", "the connection is not needed any more"));
    return this.client.destroy();
  }
}

function isBusy(pool: Pool): boolean {
  return pool.waiting.length > 0 || pool.connections.size > pool.idle.length;
}

function remove<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index === -1) {
    return false;
  }
  list.splice(index, 1);
  return true;
}
