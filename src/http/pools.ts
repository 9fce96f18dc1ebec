/**
 * Connections by origin. An exchange asks for a connection with `request` and begins at once if a place is free, or
 * later. It gives the connection back with `release`, or with `discard` if nothing more may go over it.
 */
import { monotonicMs } from "../ground/clock.ts";
import { Connection, type ConnectionOptions, type Pool, type Waiter } from "./connection.ts";
import type { Origin } from "./egress/dialFailure.ts";

/** Over all origins: a burst that moves from one origin to the next would leave its width behind at each. */
export const CONNECTIONS_IDLE_MAX = 1_024;

export interface PoolsOptions extends ConnectionOptions {
  /** Origins with connections at the same time; the longest idle one is closed to make room. */
  readonly originsMax: number;
  readonly connectionsPerOrigin: number;
  /** Idle connections over all origins; beyond that, one of the origin that has been unused for longest is closed. */
  readonly idleMax: number;
  /** An origin without a request for this long is closed. */
  readonly originIdleMs: number;
}

export class Pools {
  readonly #options: PoolsOptions;
  /** In the order of their last use, the longest unused first. */
  readonly #pools = new Map<string, Pool>();
  /** Waiters for a place among the origins; empty unless all of them are busy. */
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

  /** The waiter does not begin any more. */
  withdraw(waiter: Waiter): void {
    const pool = this.#pools.get(waiter.originKey);
    if (pool !== undefined && remove(pool.waiting, waiter)) {
      this.#yieldPlace(pool);
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
      this.#yieldPlace(pool);
      if (this.#idleCount > this.#options.idleMax) {
        this.#closeLongestIdle();
      }
    } else {
      // We are inside undici's parser, at the end of an answer. A request dispatched from here would skip its check for
      // bytes that the receiver sent unasked, and that check keeps one answer from being taken for the next.
      queueMicrotask(() => next.begin(connection));
    }
  }

  /** Nothing more goes over the connection; whatever it is still doing is cut off. */
  discard(connection: Connection): void {
    const pool = connection.pool;
    if (!this.#drop(connection)) {
      return;
    }
    const next = pool.waiting.shift();
    if (next !== undefined) {
      next.begin(this.#connect(pool, next.origin));
    } else {
      this.#yieldPlace(pool);
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
  #yieldPlace(pool: Pool): void {
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
