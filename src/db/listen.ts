import pgListen, { type Subscriber } from "pg-listen";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { ConnectionConfig } from "./connection.ts";

/**
 * Listens for NOTIFY on one channel. A notification is a hint and carries nothing.
 *
 * pg-listen is the listener, kept on a short lead: left alone it gives up after three seconds without a server, leaks
 * its session when it is closed while it reconnects, and stays half subscribed where LISTEN is refused. So it never
 * reconnects by itself (`retryLimit: 1` is no attempt at all): on the first sign of trouble it is thrown away, and a new
 * one is made. States: connecting, listening, lost (waiting to connect again), stopped.
 */
export interface ListenerOptions {
  readonly config: ConnectionConfig;
  readonly channel: string;
  readonly log: Log;
  readonly onNotification: () => void;
  readonly onListening: () => Promise<void>;
  readonly onLost: (error: string) => void;
}

/** A link that has died without a word is found out by a query that is not answered. */
const CHECK_INTERVAL_MS = 10_000;
const CHECK_TIMEOUT_MS = 5_000;
const REBUILD_FIRST_MS = 100;
const REBUILD_LAST_MS = 10_000;

export class Listener {
  readonly #options: ListenerOptions;
  #subscriber: Subscriber | null = null;
  #timer: NodeJS.Timeout | null = null;
  #connecting: Promise<void> | null = null;
  #rebuildMs = REBUILD_FIRST_MS;
  #isListening = false;
  #isStopped = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
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
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    await this.#connecting;
    await this.#discard();
  }

  /** Throws the connection away and makes another, which may lead elsewhere. */
  renew(reason: string): void {
    if (this.#subscriber !== null) {
      this.#lose(this.#subscriber, new Error(reason));
    }
  }

  async #connect(): Promise<void> {
    const { config, channel, log } = this.#options;
    const subscriber = pgListen.default(
      {
        ...config,
        application_name: `${config.application_name ?? "postrider"}/listen`,
        query_timeout: CHECK_TIMEOUT_MS,
      },
      { parse: (payload) => payload, paranoidChecking: CHECK_INTERVAL_MS, retryLimit: 1 },
    );
    this.#subscriber = subscriber;
    subscriber.events.on("error", (error) => this.#lose(subscriber, error));
    subscriber.events.on("notification", () => this.#options.onNotification());
    try {
      await subscriber.connect();
      await subscriber.listenTo(channel);
    } catch (thrown) {
      this.#lose(subscriber, thrown);
      return;
    }
    if (this.#subscriber === subscriber) {
      this.#isListening = true;
      log.debug({ event: "listener.connected" });
      await this.#options.onListening();
      if (this.#subscriber === subscriber) {
        this.#rebuildMs = REBUILD_FIRST_MS;
      }
      // Whatever was notified while nobody listened.
      this.#options.onNotification();
    }
  }

  #lose(subscriber: Subscriber, thrown: unknown): void {
    if (this.#subscriber !== subscriber) {
      return;
    }
    const wasListening = this.#isListening;
    this.#isListening = false;
    if (this.#isStopped) {
      return;
    }
    // One line when it is lost; the tries after that are for debugging.
    this.#options.log[wasListening ? "warn" : "debug"]({ event: "listener.lost", error: messageOf(thrown) });
    this.#options.onLost(messageOf(thrown));
    void this.#discard();
    this.#timer = setTimeout(
      () => {
        this.#connecting = this.#connect();
      },
      this.#rebuildMs * (0.5 + Math.random()),
    );
    this.#rebuildMs = Math.min(REBUILD_LAST_MS, this.#rebuildMs * 2);
  }

  async #discard(): Promise<void> {
    const subscriber = this.#subscriber;
    this.#subscriber = null;
    this.#isListening = false;
    try {
      await subscriber?.close();
    } catch {
      // It was lost already; its socket is gone or goes with it.
    }
  }
}
