import type { Outcome } from "./answer.ts";
import type { ReceivedEvent } from "./event.ts";
import { functionOf, wrong } from "./judgedOption.ts";
import { consoleLog } from "./log.ts";
import type { Handler, HandlingOptions } from "./options.ts";
import type { WholePayloadOptions } from "./payloadShapes.ts";
import { kindOf } from "./receiveError.ts";
import type { Store } from "./store.ts";

/** What is done with events: options that were found to be good, with what the others are by default. */
export interface Handling<Tx> {
  readonly store: Store<Tx>;
  readonly handlers: HandlerMap<Tx>;
  readonly streamingHandlers: HandlerMap<Tx>;
  readonly payloads: WholePayloadOptions;
  readonly onUnknown: "accept" | "refuse" | Handler<ReceivedEvent, Tx>;
  readonly log: (outcome: Outcome) => unknown;
}

/** By the type of events. */
type HandlerMap<Tx> = ReadonlyMap<string, Handler<ReceivedEvent, Tx>>;

/** Judges options as they came. Throws ReceiveError. */
export function readHandling<Events extends object, Tx>(options: HandlingOptions<Events, Tx>): Handling<Tx> {
  const { onUnknown = "accept", log = consoleLog(), payloads = {} } = options;
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
    ...{ store: storeOf(options.store), handlers, streamingHandlers, payloads, onUnknown },
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

function handlersOf<Tx>(name: string, handlers: unknown): HandlerMap<Tx> {
  if (typeof handlers !== "object" || handlers === null) {
    throw wrong(name, `it is ${kindOf(handlers)}; give an object with a function for each type of events`);
  }
  const given = Object.entries<unknown>({ ...handlers }).filter(([, handler]) => handler !== undefined);
  return new Map(
    given.map(([type, handler]) => [
      type,
      functionOf(`${name}[${JSON.stringify(type)}]`, handler) as Handler<ReceivedEvent, Tx>,
    ]),
  );
}
