import { makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { endsWithin } from "../ground/endsWithin.ts";
import { messageOf } from "../ground/errors.ts";
import {
  type ConnectionConfig,
  devoteSession,
  type OpenSession,
  openSession,
  type Purpose,
  queryTimeoutOf,
} from "./connect.ts";
import { isOneTooMany } from "./pgErrors.ts";
import { type Queryable, queryable } from "./statements.ts";

const IDLE_TIMEOUT_MS = 300_000;
/** If the primary moves behind an unchanged name, that is noticed when the connections age out, at the latest. */
const LIFETIME_MAX_MS = 1_800_000;
const WAIT_MAX_MS = 10_000;
/** Maintenance lets the others go first for so long. With always more to do than sessions, it would never have one. */
const YIELD_MS = 5_000;
/** A session counts as open until the server has closed it, because a limit counts it; on a dead link that never shows. */
const GOODBYE_MS = 1_000;
/** When to ask for more sessions than were granted. The server logs each refusal. */
const REFUSED_FIRST_MS = 10_000;
const REFUSED_LAST_MS = 300_000;

export interface SessionPoolOptions {
  readonly config: ConnectionConfig;
  /** Sessions at a time. */
  readonly max: number;
  /** See SessionOptions. */
  readonly preparedStatements?: boolean | undefined;
  readonly ownSession?: boolean | undefined;
  /** Hears how many sessions the pool works with after one more was refused, and why; null: it has all that it wishes. */
  readonly onGranted?: (sessions: number, refusal: string | null) => void;
}

/** One session while it is lent. It goes back to the pool with `giveBack`. */
export interface Session extends OpenSession {
  readonly purpose: Purpose;
  readonly through: Queryable;
}

interface Seat extends OpenSession {
  readonly expiresAtMs: number;
  purpose: Purpose;
  through: Queryable;
  idleTimer: NodeJS.Timeout | undefined;
}

interface Waiter {
  readonly purpose: Purpose;
  readonly sinceMs: number;
  readonly resolve: (seat: Seat) => void;
  readonly reject: (thrown: unknown) => void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Sessions for several purposes, so many at a time. A statement gets a session of its purpose if one is idle, then a new
 * one, and if there may be no more, one of another purpose, which is set up for this one. So a single session does all
 * work, only slower.
 *
 * If a further session is refused (the limit of a role, a database, the server or a pooler), those that are open do the
 * work, and the pool asks for more again after a pause that grows.
 */
export class SessionPool {
  readonly #options: SessionPoolOptions;
  #ownSession: boolean | undefined;
  readonly #open = new Set<Seat>();
  /** The one used last is at the end. */
  #idle: Seat[] = [];
  readonly #waiting: Waiter[] = [];
  /** Sessions that are being made or closed. */
  #changing = 0;
  /** How many were granted when one was refused; holds for a while. */
  #granted: number;
  #refusedUntilMs = 0;
  readonly #backoff = makeBackoff({ firstMs: REFUSED_FIRST_MS, lastMs: REFUSED_LAST_MS });
  #isEnding = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: SessionPoolOptions) {
    this.#options = options;
    this.#ownSession = options.ownSession;
    this.#granted = options.max;
  }

  /** Open ones and those being made or closed. */
  get count(): number {
    return this.#open.size + this.#changing;
  }

  /** For sessions that are opened from now on: whether they are ours, or lent by a pooler for one transaction. */
  set ownSession(isOwn: boolean) {
    this.#ownSession = isOwn;
  }

  /** Rejects with the error of the server or the link, or when none is free for ten seconds. */
  async lend(wish: Purpose): Promise<Session> {
    if (this.#isEnding) {
      throw new Error("Connection terminated: the pool has ended");
    }
    const seat = this.#takeIdle(wish) ?? (await this.#wait(wish));
    // A single session must not be kept for minutes, because the lease depends on it. Only now it is known to be single.
    const purpose = wish === "maintain" && this.#limit === 1 && this.#options.max > 1 ? "pipeline" : wish;
    if (seat.purpose !== purpose) {
      await this.#devote(seat, purpose);
    }
    return seat;
  }

  /** `isUsable` is false if the session is in doubt; it is closed then. */
  giveBack(session: Session, isUsable: boolean): void {
    const seat = session as Seat;
    if (!this.#open.has(seat)) {
      return;
    }
    const isSurplus = this.#open.size > this.#limit;
    if (!isUsable || this.#isEnding || isSurplus || monotonicMs() > seat.expiresAtMs) {
      void this.#close(seat);
      return;
    }
    seat.idleTimer = setTimeout(() => void this.#close(seat), IDLE_TIMEOUT_MS);
    this.#idle.push(seat);
    this.#serve();
  }

  /** Another part of the daemon was refused a connection that it needs more: this pool goes on with one less. */
  yieldOne(thrown: unknown): void {
    if (!isOneTooMany(thrown)) {
      return;
    }
    this.#lower(Math.max(1, this.#open.size - 1), thrown);
    const [longestIdle] = this.#idle;
    if (longestIdle !== undefined && this.#open.size > this.#limit) {
      void this.#close(longestIdle);
    }
  }

  /** Waits for sessions that are lent, then closes every one. */
  end(): Promise<void> {
    this.#isEnding = true;
    for (const waiter of this.#waiting.splice(0)) {
      clearTimeout(waiter.timer);
      waiter.reject(new Error("Connection terminated: the pool has ended"));
    }
    for (const seat of [...this.#idle]) {
      void this.#close(seat);
    }
    this.#noteEnd();
    return this.#ended.promise;
  }

  get #limit(): number {
    return monotonicMs() < this.#refusedUntilMs ? this.#granted : this.#options.max;
  }

  /** An idle session of this purpose; of any other only if no more may be opened. */
  #takeIdle(purpose: Purpose): Seat | null {
    const same = this.#idle.findLastIndex((seat) => seat.purpose === purpose || !seat.isOwn);
    const index = same < 0 && this.count >= this.#limit ? 0 : same;
    const [seat] = index < 0 ? [] : this.#idle.splice(index, 1);
    clearTimeout(seat?.idleTimer);
    return seat ?? null;
  }

  #wait(purpose: Purpose): Promise<Seat> {
    const { promise, resolve, reject } = Promise.withResolvers<Seat>();
    this.#queue({ purpose, sinceMs: monotonicMs(), resolve, reject, timer: undefined });
    this.#serve();
    return promise;
  }

  #queue(waiter: Waiter): void {
    waiter.timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.reject(new Error("timeout exceeded when waiting for a free connection"));
    }, WAIT_MAX_MS);
    this.#waiting.push(waiter);
  }

  #serve(): void {
    while (this.#waiting.length > 0 && !this.#isEnding) {
      // Maintenance can wait, and may take long.
      const yieldingMs = monotonicMs() - YIELD_MS;
      const next = this.#waiting.findIndex(({ purpose, sinceMs }) => purpose !== "maintain" || sinceMs <= yieldingMs);
      const index = Math.max(0, next);
      const waiter = this.#waiting[index];
      const seat = waiter === undefined ? null : this.#takeIdle(waiter.purpose);
      if (waiter === undefined || (seat === null && this.count >= this.#limit)) {
        return;
      }
      this.#waiting.splice(index, 1);
      clearTimeout(waiter.timer);
      if (seat === null) {
        void this.#openFor(waiter);
      } else {
        waiter.resolve(seat);
      }
    }
  }

  async #openFor(waiter: Waiter): Promise<void> {
    this.#changing += 1;
    try {
      const seat = await this.#openSeat(waiter.purpose);
      this.#changing -= 1;
      this.#open.add(seat);
      this.#noteGranted();
      waiter.resolve(seat);
    } catch (thrown) {
      this.#changing -= 1;
      if (isOneTooMany(thrown) && this.count > 0 && !this.#isEnding) {
        this.#lower(this.count, thrown);
        this.#queue(waiter);
      } else {
        waiter.reject(thrown);
      }
    }
    this.#serve();
    this.#noteEnd();
  }

  async #openSeat(purpose: Purpose): Promise<Seat> {
    const { config, preparedStatements } = this.#options;
    const session = await openSession({ config, purpose, ownSession: this.#ownSession });
    const seat: Seat = {
      ...session,
      purpose,
      expiresAtMs: monotonicMs() + LIFETIME_MAX_MS,
      through: queryable(session.client, { preparedStatements: preparedStatements ?? session.isOwn }),
      idleTimer: undefined,
    };
    // A session that the server ends says so before its connection is closed.
    session.client.once("error", () => this.#forget(seat));
    session.client.once("end", () => this.#forget(seat));
    return seat;
  }

  async #devote(seat: Seat, purpose: Purpose): Promise<void> {
    const { config, preparedStatements } = this.#options;
    if (seat.isOwn) {
      try {
        await devoteSession(seat.client, config, purpose);
      } catch (thrown) {
        this.giveBack(seat, false);
        throw thrown;
      }
    }
    seat.purpose = purpose;
    seat.through = queryable(seat.client, {
      preparedStatements: preparedStatements ?? seat.isOwn,
      queryTimeoutMs: queryTimeoutOf(purpose),
    });
  }

  /** Those that are refused at once count once for the pause. */
  #lower(granted: number, thrown: unknown): void {
    const nowMs = monotonicMs();
    this.#granted = granted;
    if (this.#refusedUntilMs <= nowMs) {
      this.#refusedUntilMs = nowMs + this.#backoff.nextMs();
    }
    // Those being made may be refused as well.
    this.#options.onGranted?.(Math.min(granted, this.#open.size), messageOf(thrown));
  }

  #noteGranted(): void {
    if (this.#open.size === this.#options.max) {
      this.#backoff.reset();
      this.#options.onGranted?.(this.#open.size, null);
    }
  }

  async #close(seat: Seat): Promise<void> {
    this.#changing += 1;
    this.#forget(seat);
    await endsWithin(
      seat.client.end().catch(() => {
        // It was lost already.
      }),
      GOODBYE_MS,
    );
    this.#changing -= 1;
    this.#serve();
    this.#noteEnd();
  }

  #forget(seat: Seat): void {
    clearTimeout(seat.idleTimer);
    this.#open.delete(seat);
    this.#idle = this.#idle.filter((other) => other !== seat);
    this.#serve();
    this.#noteEnd();
  }

  #noteEnd(): void {
    if (this.#isEnding && this.count === 0) {
      this.#ended.resolve();
    }
  }
}
