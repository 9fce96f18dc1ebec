import type { Outcome } from "./answer.ts";
import type { ReceivedEvent } from "./event.ts";
import { functionOf, type NamesOf, numberOf, refuseUnknown, wrong } from "./judgedOption.ts";
import { consoleLog } from "./log.ts";
import type { Handler, HandlingOptions } from "./options.ts";
import type { WholePayloadOptions } from "./payloadShapes.ts";
import { kindOf } from "./receiveError.ts";
import type { Store } from "./store.ts";
import { Turns } from "./turns.ts";

export const HANDLING_OPTIONS: NamesOf<HandlingOptions<object, unknown>> = {
  store: true,
  handlers: true,
  streamingHandlers: true,
  payloads: true,
  onUnknown: true,
  handlerTimeoutMs: true,
  log: true,
};

const PAYLOAD_OPTIONS: NamesOf<WholePayloadOptions> = {
  signal: true,
  fetch: true,
  onRetry: true,
  origins: true,
  triesMax: true,
  bytesMax: true,
};

/** Far more than a sender waits for an answer. */
const HANDLER_TIMEOUT_MS = 300_000;
/** As long as a timer can be. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
/** How long an event waits while the payload of another request with it is fetched. */
const FETCHING_MS_MAX = 10_000;

/** What is done with events: options that were found to be good, with what the others are by default. */
export interface Handling<Tx> {
  readonly store: Store<Tx>;
  readonly handlers: HandlerMap<Tx>;
  readonly streamingHandlers: HandlerMap<Tx>;
  readonly payloads: WholePayloadOptions;
  /** Of requests with the same event, one at a time fetches its payload. */
  readonly fetching: Turns;
  readonly handlerTimeoutMs: number;
  readonly onUnknown: "accept" | "refuse" | Handler<ReceivedEvent, Tx>;
  readonly log: (outcome: Outcome) => unknown;
}

/** By the type of events. */
type HandlerMap<Tx> = ReadonlyMap<string, Handler<ReceivedEvent, Tx>>;

/** Judges options as they came. Throws ReceiveError. */
export function readHandling<Events extends object, Tx>(options: HandlingOptions<Events, Tx>): Handling<Tx> {
  const { onUnknown = "accept", log = consoleLog(), payloads = {}, handlerTimeoutMs = HANDLER_TIMEOUT_MS } = options;
  if (onUnknown !== "accept" && onUnknown !== "refuse" && typeof onUnknown !== "function") {
    throw wrong("onUnknown", 'it is "accept", "refuse" or a handler');
  }
  const handlers = handlersOf<Tx>("handlers", options.handlers);
  const streamingHandlers = handlersOf<Tx>("streamingHandlers", options.streamingHandlers ?? {});
  const twice = [...handlers.keys()].find((type) => streamingHandlers.has(type));
  if (twice !== undefined) {
    throw wrong("streamingHandlers", `${JSON.stringify(twice)} is in handlers, too; leave out one of them`);
  }
  return {
    ...{ store: storeOf(options.store), handlers, streamingHandlers, onUnknown },
    payloads: payloadsOf(payloads),
    fetching: new Turns(FETCHING_MS_MAX),
    handlerTimeoutMs: numberOf("handlerTimeoutMs", handlerTimeoutMs, 1, TIMEOUT_MS_MAX),
    log: functionOf("log", log),
  };
}

function storeOf<Tx>(store: Store<Tx>): Store<Tx> {
  if (typeof store?.once !== "function") {
    throw wrong(
      "store",
      `it is ${kindOf(store)}; give postgresInbox(…), or memoryInbox(), which forgets when the process ends`,
    );
  }
  return store;
}

function payloadsOf(payloads: unknown): WholePayloadOptions {
  if (!isPlainObject(payloads)) {
    throw wrong("payloads", "it is no plain object; give one such as { bytesMax: 1_000_000 }");
  }
  refuseUnknown(payloads, PAYLOAD_OPTIONS);
  return payloads;
}

function handlersOf<Tx>(name: string, handlers: unknown): HandlerMap<Tx> {
  if (!isPlainObject(handlers)) {
    throw wrong(name, `it is ${kindOf(handlers)}; give a plain object with a function for each type of events`);
  }
  const given = Object.entries<unknown>({ ...handlers }).filter(([, handler]) => handler !== undefined);
  const pattern = given.find(([type]) => type.includes("*"));
  if (pattern !== undefined) {
    throw wrong(
      `${name}[${JSON.stringify(pattern[0])}]`,
      "a handler is for one type, by its whole name; give each type its own, and onUnknown for all others",
    );
  }
  return new Map(
    given.map(([type, handler]) => [
      type,
      functionOf(`${name}[${JSON.stringify(type)}]`, handler) as Handler<ReceivedEvent, Tx>,
    ]),
  );
}

/** A map, or an object whose methods are those of its class, would look as if it had no handlers. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  // That of a module has none, and that of another realm is not ours.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
