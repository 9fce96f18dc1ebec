/**
 * Connections by origin. An exchange asks for a connection with `request` and begins at once if a place is free, or
 * later. It gives the connection back with `release`, or with `discard` if nothing more may go over it.
 */
import { monotonicMs } from "../ground/clock.ts";
import { type Carried, Connection, type ConnectionOptions, type ConnectionOwner, type Pool } from "./connection.ts";

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

export class Pools implements ConnectionOwner {
  readonly #options: PoolsOptions;
  /** In the order of their last use, the longest unused first. */
  readonly #pools = new Map<string, Pool>();
  /** What waits for a place among the origins; empty unless all of them are busy. */
  #waitingForPool: Carried[] = [];
  /** The pool that is at the end of that order. */
  #newest: Pool | undefined;
  /** Reused connections whose requests are written at the end of this turn of the event loop. */
  #held: Connection[] = [];
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

  /** Puts the request on a connection now, or as soon as there is a place. */
  request(carried: Carried): void {
    const pool = this.#poolFor(carried);
    if (pool === undefined) {
      this.#waitingForPool.push(carried);
      return;
    }
    const idle = this.#takeIdle(pool, carried.startedMs);
    if (idle !== undefined) {
      this.#reuse(idle, carried);
    } else if (pool.connections.size < this.#options.connectionsPerOrigin) {
      this.#connect(pool, carried);
    } else {
      pool.waiting.push(carried);
    }
  }

  /** A request that waits for a connection does not go out any more. */
  withdraw(carried: Carried): void {
    const pool = this.#pools.get(carried.poolKey);
    if (pool !== undefined && remove(pool.waiting, carried)) {
      this.#yieldPlace(pool);
    }
    remove(this.#waitingForPool, carried);
  }

  /** The exchange is over and the connection may carry another. */
  release(connection: Connection, nowMs: number): void {
    const { pool } = connection;
    connection.release(nowMs);
    if (connection.idleUntilMs <= nowMs) {
      this.discard(connection);
      return;
    }
    const next = pool.waiting.shift();
    if (next !== undefined) {
      this.#reuse(connection, next);
      return;
    }
    connection.idle = true;
    pool.idle.push(connection);
    this.#idleCount += 1;
    this.#yieldPlace(pool);
    if (this.#idleCount > this.#options.idleMax) {
      this.#closeLongestIdle();
    }
  }

  /** Nothing more goes over the connection; whatever it is still doing is cut off. */
  discard(connection: Connection): void {
    const { pool } = connection;
    if (!this.#drop(connection)) {
      return;
    }
    const next = pool.waiting.shift();
    if (next !== undefined) {
      this.#connect(pool, next);
    } else {
      this.#yieldPlace(pool);
    }
  }

  /** Discards the connection, and puts the request on one that has carried nothing. */
  beginAnew(connection: Connection, carried: Carried): void {
    this.#drop(connection);
    this.#connect(connection.pool, carried);
  }

  onOpened(): void {
    this.#socketsOpen += 1;
  }

  onSocketClosed(): void {
    this.#socketsOpen -= 1;
  }

  onIdleLost(connection: Connection): void {
    this.discard(connection);
  }

  /** Cuts off what is left, and resolves when every socket is closed. */
  async close(): Promise<void> {
    for (const pool of this.#pools.values()) {
      this.#closePool(pool);
    }
    await Promise.all(this.#closing);
  }

  #poolFor({ poolKey, startedMs, origin }: Carried): Pool | undefined {
    const newest = this.#newest;
    if (newest?.key === poolKey) {
      newest.lastUsedMs = startedMs;
      return newest;
    }
    const pool = this.#pools.get(poolKey) ?? this.#newPool(poolKey, origin.secure);
    if (pool !== undefined) {
      pool.lastUsedMs = startedMs;
      this.#pools.delete(poolKey);
      this.#pools.set(poolKey, pool);
      this.#newest = pool;
    }
    return pool;
  }

  /** Undefined if there are as many as there may be, and all of them are busy. */
  #newPool(key: string, secure: boolean): Pool | undefined {
    if (this.#pools.size >= this.#options.originsMax && !this.#evictLongestIdle()) {
      return undefined;
    }
    const { originIdleMs, keepAliveMs, keepAliveMaxMs } = this.#options;
    const everyMs = Math.min(originIdleMs, keepAliveMs, keepAliveMaxMs) / 4;
    this.#sweeper ??= setInterval(() => this.#sweep(), Math.min(1_000, Math.max(10, everyMs))).unref();
    return { key, secure, connections: new Set(), idle: [], waiting: [], lastUsedMs: 0 };
  }

  #connect(pool: Pool, carried: Carried): void {
    const connection = new Connection(pool, this.#options, this);
    pool.connections.add(connection);
    carried.onConnection(connection);
    connection.dialFor(carried);
  }

  /**
   * The request is written after what the sockets have received by now has been read. If the receiver has closed the
   * connection, or has sent something unasked that could be taken for the answer, the request goes over another one.
   */
  #reuse(connection: Connection, carried: Carried): void {
    carried.onConnection(connection);
    connection.hold(carried);
    this.#held.push(connection);
    if (this.#held.length === 1) {
      setImmediate(() => this.#writeHeld());
    }
  }

  #writeHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const connection of held) {
      connection.write();
    }
  }

  /** The idle connection that was used last, unless its time is over. */
  #takeIdle(pool: Pool, nowMs: number): Connection | undefined {
    for (;;) {
      const connection = pool.idle.pop();
      if (connection === undefined) {
        return undefined;
      }
      connection.idle = false;
      this.#idleCount -= 1;
      if (connection.idleUntilMs > nowMs) {
        return connection;
      }
      this.#drop(connection);
    }
  }

  /** A pool that has become idle gives its place to those who wait for one. */
  #yieldPlace(pool: Pool): void {
    if (this.#waitingForPool.length === 0 || isBusy(pool)) {
      return;
    }
    this.#closePool(pool);
    const waiting = this.#waitingForPool;
    this.#waitingForPool = [];
    for (const carried of waiting) {
      this.request(carried);
    }
  }

  #sweep(): void {
    const nowMs = monotonicMs();
    const oldestMs = nowMs - this.#options.originIdleMs;
    for (const pool of this.#pools.values()) {
      for (const connection of pool.idle.filter((each) => each.idleUntilMs <= nowMs || each.isFlooded)) {
        this.#drop(connection);
      }
      if (pool.lastUsedMs <= oldestMs && !isBusy(pool)) {
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
    if (this.#newest === pool) {
      this.#newest = undefined;
    }
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
