import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import pgListen, { type Subscriber } from "pg-listen";
import { type Backoff, makeBackoff } from "../ground/backoff.ts";
import { messageOf } from "../ground/errors.ts";
import type { ConnectionConfig } from "./connect.ts";

/**
 * Listens for NOTIFY on one channel. A notification is a hint and carries nothing.
 *
 * pg-listen is the listener, kept on a short lead: left alone it gives up after three seconds without a server, leaks
 * its session when it is closed while it reconnects, and stays half subscribed where LISTEN is refused. So it never
 * reconnects by itself (`retryLimit: 1` is no attempt at all): on the first sign of trouble it is thrown away, and a new
 * one is made.
 *
 *   connecting  a session is being made, and asked to listen
 *   listening   every few seconds it notifies itself, on a channel of its own
 *   checking    it waits to hear that
 *   lost        it waits to connect again
 *   stopped
 *
 * The echo is the whole way there and back: it stays out on a link that has died without a word, in a session whose
 * LISTEN was taken back by a pooler (which answers queries all the same), on a server that has become a standby, and
 * while commits that notify hang.
 */
export interface ListenerOptions {
  readonly config: ConnectionConfig;
  readonly channel: string;
  readonly onNotification: () => void;
  readonly onListening: () => Promise<void>;
  readonly onLost: (error: string) => void;
  /** What differs from LISTENER_TIMING. */
  readonly timing?: Partial<ListenerTiming>;
}

export interface ListenerTiming {
  readonly checkIntervalMs: number;
  /** For the echo, and for the answer to LISTEN. */
  readonly checkTimeoutMs: number;
  /** The first and the longest pause before an attempt to connect again (ground/backoff.ts). */
  readonly pauseFirstMs: number;
  readonly pauseLastMs: number;
}

/** A sleeper that is deaf makes every insert notify, so it is to know within a few seconds: 6 at most. */
export const LISTENER_TIMING: ListenerTiming = {
  checkIntervalMs: 3_000,
  checkTimeoutMs: 3_000,
  pauseFirstMs: 100,
  pauseLastMs: 10_000,
};

export class Listener {
  readonly #options: ListenerOptions;
  readonly #timing: ListenerTiming;
  #subscriber: Subscriber | null = null;
  #socket: Duplex | null = null;
  /** The next check, the end of one, or the next attempt to connect. */
  #timer: NodeJS.Timeout | null = null;
  #connecting: Promise<void> | null = null;
  readonly #backoff: Backoff;
  #isListening = false;
  #isStopped = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#timing = { ...LISTENER_TIMING, ...options.timing };
    this.#backoff = makeBackoff({ firstMs: this.#timing.pauseFirstMs, lastMs: this.#timing.pauseLastMs });
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  /** Resolves after the first attempt to connect, whether it succeeded or not: until one does, the caller polls. */
  async start(): Promise<void> {
    this.#connecting = this.#connect();
    await this.#connecting;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer ?? undefined);
    await this.#connecting;
    clearTimeout(this.#timer ?? undefined);
    await this.#part();
  }

  /** Throws the connection away and makes another, which may lead elsewhere. */
  renew(reason: string): void {
    if (this.#subscriber !== null) {
      this.#lose(this.#subscriber, new Error(reason));
    }
  }

  async #connect(): Promise<void> {
    const { channel, onListening, onNotification } = this.#options;
    const echoChannel = `${channel}_echo_${randomBytes(8).toString("hex")}`;
    const subscriber = this.#subscribe();
    this.#subscriber = subscriber;
    subscriber.events.on("error", (error) => this.#lose(subscriber, error));
    subscriber.events.on("notification", (heard) => {
      if (heard.channel === echoChannel) {
        this.#proven(subscriber, echoChannel);
      } else {
        onNotification();
      }
    });
    try {
      await subscriber.connect();
      await subscriber.listenTo(channel);
      await subscriber.listenTo(echoChannel);
    } catch (thrown) {
      this.#lose(subscriber, thrown);
      return;
    }
    if (this.#subscriber === subscriber && !this.#isStopped) {
      this.#isListening = true;
      this.#checkLater(subscriber, echoChannel);
      await onListening();
      // Whatever was notified while nobody listened.
      onNotification();
    }
  }

  /** The socket is ours, so that a session in doubt can be let go of without waiting for its last word. */
  #subscribe(): Subscriber {
    const { config } = this.#options;
    return pgListen.default(
      {
        ...config,
        application_name: `${config.application_name ?? "postrider"}/listen`,
        query_timeout: this.#timing.checkTimeoutMs,
        stream: () => this.#openSocket(),
      },
      { parse: (payload) => payload, paranoidChecking: false, retryLimit: 1 },
    );
  }

  #openSocket(): Duplex {
    const { stream } = this.#options.config;
    const socket = (typeof stream === "function" ? stream() : stream) ?? new Socket();
    this.#socket = socket;
    return socket;
  }

  #checkLater(subscriber: Subscriber, echoChannel: string): void {
    this.#timer = setTimeout(() => this.#check(subscriber, echoChannel), this.#timing.checkIntervalMs);
  }

  #check(subscriber: Subscriber, echoChannel: string): void {
    const { checkTimeoutMs } = this.#timing;
    this.#timer = setTimeout(
      () => this.#lose(subscriber, new Error(`it has not heard its own notification within ${checkTimeoutMs} ms`)),
      checkTimeoutMs,
    );
    subscriber.notify(echoChannel)?.catch((thrown: unknown) => this.#lose(subscriber, thrown));
  }

  /** Only now is it known to hear: one that is lost right after each LISTEN is made anew more and more slowly. */
  #proven(subscriber: Subscriber, echoChannel: string): void {
    if (this.#subscriber === subscriber && this.#isListening && !this.#isStopped) {
      clearTimeout(this.#timer ?? undefined);
      this.#backoff.reset();
      this.#checkLater(subscriber, echoChannel);
    }
  }

  #lose(subscriber: Subscriber, thrown: unknown): void {
    if (this.#subscriber !== subscriber) {
      return;
    }
    this.#isListening = false;
    if (this.#isStopped) {
      return;
    }
    const socket = this.#socket;
    void this.#part();
    socket?.destroy();
    this.#connectLater();
    this.#options.onLost(messageOf(thrown));
  }

  #connectLater(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = setTimeout(() => {
      this.#connecting = this.#connect();
    }, this.#backoff.nextMs());
  }

  /** Says goodbye to the session, as far as that is possible. */
  async #part(): Promise<void> {
    const subscriber = this.#subscriber;
    this.#subscriber = null;
    this.#socket = null;
    this.#isListening = false;
    try {
      await subscriber?.close();
    } catch {
      // It was lost already; its socket is gone or goes with it.
    }
  }
}
