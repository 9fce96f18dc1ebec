import type { Outcome } from "./answer.ts";
import type { PrivateJwk } from "./decryptionKeys.ts";
import type { ReceivedEvent, UnfetchedEvent } from "./event.ts";
import type { StopSignal } from "./exchange.ts";
import type { FormatName } from "./formatNames.ts";
import type { WholePayloadOptions } from "./payloadShapes.ts";
import type { Store } from "./store.ts";

/** Any event types, with any payloads. */
export type AnyEvents = Readonly<Record<string, unknown>>;

export interface HandlerContext<Tx> {
  /** What the store gives for working in the transaction that remembers the event. */
  readonly transaction: Tx;
  /** An `AbortSignal`: aborted when the handler has run for `handlerTimeoutMs`, and its transaction is rolled back. */
  readonly signal: HandlerSignal;
}

/** The global `AbortSignal`, where the types of the platform have it. */
export type HandlerSignal = typeof globalThis extends { AbortSignal: { prototype: infer Type } } ? Type : StopSignal;

/** Has the effect of an event. If it throws, everything is undone, and the event comes again. What it returns is awaited. */
export type Handler<Event, Tx> = (event: Event, context: HandlerContext<Tx>) => unknown;

/** A handler for each type of events, by its name. */
export type Handlers<Events extends object, Tx> = {
  readonly [Type in keyof Events & string]?: Handler<ReceivedEvent<Type, Events[Type]>, Tx>;
};

/** A handler for each type of events that may come without its payload. */
export type StreamingHandlers<Events extends object, Tx> = {
  readonly [Type in keyof Events & string]?: Handler<UnfetchedEvent<Type, Events[Type]>, Tx>;
};

/** With what requests, and pages of events, are verified and decrypted. */
export interface KeyOptions {
  /** The endpoint's secrets (`whsec_…`): during a rotation both. One good signature is enough, whatever key made it. */
  readonly secrets?: readonly string[] | undefined;
  /** The sender's public keys (`whpk_…`), if the endpoint signs with ed25519. */
  readonly publicKeys?: readonly string[] | undefined;
  /** Where the sender publishes its public keys, as a JWK Set. They are kept for five minutes. */
  readonly jwksUrl?: string | undefined;
  /** Private JWKs, or their texts, of X25519, P-256 or RSA, if the endpoint encrypts. Bodies may still come unencrypted. */
  readonly decryptionKeys?: readonly PrivateJwk[] | undefined;
  /** How many seconds ago, or ahead, a request may have been signed. Default: 300. */
  readonly tolerance?: number | undefined;
  /** The clock, in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** What is done with events. */
export interface HandlingOptions<Events extends object, Tx> {
  /** What remembers which events were handled. */
  readonly store: Store<Tx>;
  /** A payload that did not come with its event is fetched before the handler runs. */
  readonly handlers: Handlers<Events, Tx>;
  /**
   * Handlers that get the event as it came, and fetch a large payload themselves: in pages (`payloadPages`,
   * `payloadElements`), in bytes (`payloadBytes`), or not at all. A type is here or in `handlers`.
   */
  readonly streamingHandlers?: StreamingHandlers<Events, Tx> | undefined;
  /** How payloads are fetched for `handlers`. */
  readonly payloads?: WholePayloadOptions | undefined;
  /**
   * What to do with an event for whose type there is no handler. `accept`, the default: answer 200, and remember nothing, so
   * that it can be sent again once there is one. `refuse`: answer 422, so that it comes again by the sender's schedule.
   */
  readonly onUnknown?: "accept" | "refuse" | Handler<ReceivedEvent, Tx> | undefined;
  /**
   * How long a handler may run. After that its `signal` is aborted, what it did is undone, and the event comes again.
   * Default: 300,000, five minutes.
   */
  readonly handlerTimeoutMs?: number | undefined;
  /** Told what became of each request. By default the console is told of those that were refused or failed, and once of each type without a handler. */
  readonly log?: ((outcome: Outcome) => unknown) | undefined;
}

export interface ReceiverOptions<Events extends object, Tx> extends KeyOptions, HandlingOptions<Events, Tx> {
  /**
   * In which formats requests may be. By default all whose bodies say what they are. `raw` and `cloudevents-binary` say it in
   * headers, which no signature covers, so they must be named, each alone.
   */
  readonly formats?: readonly FormatName[] | undefined;
  /** Which senders may send events here, if the endpoint asks for consent by a handshake. Default: none. */
  readonly handshakeOrigins?: readonly string[] | undefined;
  /** Default: 10 MiB. */
  readonly bodyBytesMax?: number | undefined;
}
