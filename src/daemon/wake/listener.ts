import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import pgListen, { type Subscriber } from "pg-listen";
import { applicationName, type ConnectionConfig } from "../../db/connect.ts";
import type { Way } from "../../db/tls.ts";
import { messageOf } from "../../ground/errors.ts";

/**
 * One connection that listens for NOTIFY on one channel. A notification is a hint; its payload says where to look.
 *
 * pg-listen does the listening, on a short lead: left alone it gives up after three seconds without a server, leaks its
 * session if it is closed while it reconnects, and stays half subscribed if LISTEN is refused. So it never reconnects by
 * itself (`retryLimit: 1` means no attempt at all): a connection in doubt is lost, and its owner opens a new one.
 *
 * Every few seconds it notifies itself, on a channel that only it uses. This echo tests the whole way there and back: it does not
 * come over a link that has died silently, in a session whose LISTEN a pooler took back (such a session still answers
 * queries), from a server that has become a standby, or while commits that notify hang.
 */
export interface ListenerOptions {
  readonly config: ConnectionConfig;
  readonly channel: string;
  readonly checkIntervalMs: number;
  /** For the echo, and for the answer to LISTEN. */
  readonly checkTimeoutMs: number;
  readonly onNotification: (payload: string) => void;
  /** The echo came. Before the first one, nothing shows that this connection hears anything. */
  readonly onEcho: () => void;
}

/** Tells what another session notifies from the listener's own. */
const TEST = "test";

export class Listener {
  /** Resolves with the reason when the connection is in doubt; it is closed then. */
  readonly lost: Promise<string>;
  readonly #options: ListenerOptions;
  readonly #subscriber: Subscriber;
  readonly #echoChannel: string;
  readonly #lose: (reason: string) => void;
  #socket: Duplex | null = null;
  /** What the session of the gate has notified is heard. */
  #onTest: () => void = () => {};
  #testTimer: NodeJS.Timeout | undefined;
  /** The next check, or the end of one. */
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  /** Rejects if the server cannot be reached or does not let it listen. */
  static async open(options: ListenerOptions): Promise<Listener> {
    return options.config.tls.connect((ssl) => Listener.#open(options, ssl));
  }

  static async #open(options: ListenerOptions, ssl: Way): Promise<Listener> {
    const listener = new Listener(options, ssl);
    const failed = listener.lost.then((reason) => Promise.reject(new Error(reason)));
    try {
      await Promise.race([listener.#listen(), failed]);
    } catch (thrown) {
      listener.#drop(messageOf(thrown));
      throw thrown;
    }
    failed.catch(() => {
      // Lost later: its owner hears of it by `lost`.
    });
    listener.#checkLater();
    return listener;
  }

  private constructor(options: ListenerOptions, ssl: Way) {
    const { channel, config, checkTimeoutMs } = options;
    this.#options = options;
    this.#echoChannel = `${channel}_echo_${randomBytes(8).toString("hex")}`;
    const lost = Promise.withResolvers<string>();
    this.lost = lost.promise;
    this.#lose = lost.resolve;
    this.#subscriber = pgListen.default(
      {
        ...config,
        ssl,
        application_name: applicationName(config, "listen"),
        query_timeout: checkTimeoutMs,
        stream: () => this.#openSocket(),
      },
      { parse: (payload) => payload, paranoidChecking: false, retryLimit: 1 },
    );
    this.#subscriber.events.on("error", (error) => this.#drop(messageOf(error)));
    this.#subscriber.events.on("notification", ({ channel: heard, payload }) =>
      this.#hear(heard, String(payload ?? "")),
    );
  }

  /**
   * Resolves when it hears what another session notifies; it is lost if it does not. While a name moves from one server to
   * another, the two may be at different ones, and the server that was left may go on for as long as it likes.
   */
  async hears(notify: (channel: string, payload: string) => Promise<unknown>): Promise<void> {
    const { checkTimeoutMs } = this.#options;
    const heard = Promise.withResolvers<void>();
    this.#onTest = heard.resolve;
    this.#testTimer = setTimeout(
      () => this.#drop(`it does not hear the server of the gate within ${checkTimeoutMs} ms`),
      checkTimeoutMs,
    );
    await notify(this.#echoChannel, TEST);
    await heard.promise;
    clearTimeout(this.#testTimer);
  }

  /** Says goodbye to the session, as far as that is possible. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer ?? undefined);
    clearTimeout(this.#testTimer);
    try {
      await this.#subscriber.close();
    } catch {
      // It was lost already; its socket is gone or goes with it.
    }
  }

  async #listen(): Promise<void> {
    await this.#subscriber.connect();
    await this.#subscriber.listenTo(this.#options.channel);
    await this.#subscriber.listenTo(this.#echoChannel);
  }

  /** The socket is ours, so that a session in doubt can be dropped without waiting for its last word. */
  #openSocket(): Duplex {
    const { stream } = this.#options.config;
    this.#socket = (typeof stream === "function" ? stream() : stream) ?? new Socket();
    return this.#socket;
  }

  #hear(channel: string, payload: string): void {
    if (this.#isClosed) {
      return;
    }
    if (channel === this.#echoChannel && payload === TEST) {
      this.#onTest();
    } else if (channel === this.#echoChannel) {
      clearTimeout(this.#timer ?? undefined);
      this.#checkLater();
      this.#options.onEcho();
    } else {
      this.#options.onNotification(payload);
    }
  }

  #checkLater(): void {
    if (!this.#isClosed) {
      this.#timer = setTimeout(() => this.#check(), this.#options.checkIntervalMs);
    }
  }

  #check(): void {
    const { checkTimeoutMs } = this.#options;
    this.#timer = setTimeout(
      () => this.#drop(`it has not heard its own notification within ${checkTimeoutMs} ms`),
      checkTimeoutMs,
    );
    this.#subscriber.notify(this.#echoChannel)?.catch((thrown: unknown) => this.#drop(messageOf(thrown)));
  }

  #drop(reason: string): void {
    if (!this.#isClosed) {
      void this.close();
      this.#socket?.destroy();
      this.#lose(reason);
    }
  }
}
