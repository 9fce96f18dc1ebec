import type { Outcome } from "./answer.ts";
import { parseDecryptionKey } from "./decryptionKeys.ts";
import type { ReceivedEvent } from "./event.ts";
import { FORMATS, type FormatName, SIGNED_FORMATS, UNSIGNED_FORMATS } from "./formatNames.ts";
import { parsePublicKey, parseSecret, type VerifyingKey } from "./keys.ts";
import { logToConsole } from "./log.ts";
import type { Opener } from "./open.ts";
import type { Handler, Handlers, ReceiverOptions } from "./options.ts";
import { kindOf, ReceiveError } from "./receiveError.ts";
import { isTrustworthy, remoteSource } from "./remoteSource.ts";
import type { Store } from "./store.ts";

/** Options that were found to be good, with what the others are by default. */
export interface Settings<Tx> extends Opener {
  readonly store: Store<Tx>;
  readonly handlers: ReadonlyMap<string, Handler<ReceivedEvent, Tx>>;
  readonly onUnknown: "accept" | "refuse" | Handler<ReceivedEvent, Tx>;
  readonly formats: ReadonlySet<FormatName>;
  readonly origins: readonly string[];
  readonly bodyBytesMax: number;
  readonly log: (outcome: Outcome) => unknown;
}

const NAMES: Readonly<Record<keyof ReceiverOptions<object, unknown>, true>> = {
  secrets: true,
  publicKeys: true,
  jwksUrl: true,
  decryptionKeys: true,
  store: true,
  handlers: true,
  onUnknown: true,
  formats: true,
  origins: true,
  tolerance: true,
  bodyBytesMax: true,
  log: true,
  now: true,
};

/** Every official library of Standard Webhooks tolerates as much. */
const TOLERANCE_SECONDS = 300;
/** A later one would let a request be sent again that the store has forgotten. */
const TOLERANCE_SECONDS_MAX = 86_400;
const BODY_BYTES_MAX = 10 * 1024 * 1024;

/** Judges options as they came, because not every caller has types. Throws ReceiveError. */
export function readOptions<Events extends object, Tx>(options: ReceiverOptions<Events, Tx>): Settings<Tx> {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(NAMES, name)) {
      throw wrong(name, `there is no option of that name; there are ${Object.keys(NAMES).join(", ")}`);
    }
  }
  const { onUnknown = "accept", log = logToConsole, now = Date.now } = options;
  if (onUnknown !== "accept" && onUnknown !== "refuse" && typeof onUnknown !== "function") {
    throw wrong("onUnknown", 'it is "accept", "refuse" or a handler');
  }
  return {
    keys: keysOf(options),
    remoteKeys: options.jwksUrl === undefined ? null : remoteSource(jwksUrlOf(options.jwksUrl), now),
    decryptionKeys: listOf("decryptionKeys", options.decryptionKeys).map((given, at) =>
      goodOf(`decryptionKeys[${at}]`, parseDecryptionKey(given)),
    ),
    toleranceSeconds: numberOf("tolerance", options.tolerance ?? TOLERANCE_SECONDS, 1, TOLERANCE_SECONDS_MAX),
    now: functionOf("now", now),
    store: storeOf(options.store),
    handlers: handlersOf(options.handlers),
    onUnknown,
    formats: formatsOf(options.formats ?? SIGNED_FORMATS),
    origins: textsOf("origins", options.origins),
    bodyBytesMax: numberOf("bodyBytesMax", options.bodyBytesMax ?? BODY_BYTES_MAX, 1, Number.MAX_SAFE_INTEGER),
    log: functionOf("log", log),
  };
}

function keysOf<Events extends object, Tx>(options: ReceiverOptions<Events, Tx>): readonly VerifyingKey[] {
  const keys = [
    ...textsOf("secrets", options.secrets).map((text, at) => goodOf(`secrets[${at}]`, parseSecret(text))),
    ...textsOf("publicKeys", options.publicKeys).map((text, at) => goodOf(`publicKeys[${at}]`, parsePublicKey(text))),
  ];
  if (keys.length === 0 && options.jwksUrl === undefined) {
    throw wrong(
      "secrets",
      "there is no key to verify with; give the endpoint's secret (whsec_…), its publicKeys or its jwksUrl",
    );
  }
  return keys;
}

function jwksUrlOf(url: unknown): string {
  if (typeof url !== "string" || !isTrustworthy(url)) {
    throw wrong("jwksUrl", "it is no URL of https; without TLS, anyone on the way could give you a key");
  }
  return url;
}

function listOf(name: string, list: unknown): readonly unknown[] {
  if (list === undefined) {
    return [];
  }
  if (!Array.isArray(list)) {
    throw wrong(name, `it is ${kindOf(list)}; give an array`);
  }
  return list;
}

function textsOf(name: string, texts: unknown): readonly string[] {
  return listOf(name, texts).map((text, at) => {
    if (typeof text !== "string") {
      throw wrong(`${name}[${at}]`, `it is ${kindOf(text)}; give a string: it may be missing in the environment`);
    }
    return text;
  });
}

type Parsed<Key> = { readonly kind: "key"; readonly key: Key } | { readonly kind: "problem"; readonly problem: string };

function goodOf<Key>(name: string, parsed: Parsed<Key>): Key {
  if (parsed.kind === "problem") {
    throw wrong(name, `it ${parsed.problem}`);
  }
  return parsed.key;
}

function numberOf(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw wrong(name, `it is not a whole number from ${min} to ${max}`);
}

function functionOf<Wanted>(name: string, value: Wanted): Wanted {
  if (typeof value !== "function") {
    throw wrong(name, `it is ${kindOf(value)}; give a function`);
  }
  return value;
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

function handlersOf<Events extends object, Tx>(
  handlers: Handlers<Events, Tx>,
): ReadonlyMap<string, Handler<ReceivedEvent, Tx>> {
  if (typeof handlers !== "object" || handlers === null) {
    throw wrong("handlers", `it is ${kindOf(handlers)}; give an object with a function for each type of events`);
  }
  const given = Object.entries<unknown>(handlers).filter(([, handler]) => handler !== undefined);
  return new Map(
    given.map(([type, handler]) => [
      type,
      functionOf(`handlers[${JSON.stringify(type)}]`, handler) as Handler<ReceivedEvent, Tx>,
    ]),
  );
}

function formatsOf(formats: readonly FormatName[]): ReadonlySet<FormatName> {
  if (!Array.isArray(formats) || formats.length === 0) {
    throw wrong("formats", `give an array of ${FORMATS.join(", ")}`);
  }
  const unknown = formats.findIndex((format) => !FORMATS.includes(format));
  if (unknown !== -1) {
    throw wrong(`formats[${unknown}]`, `it is none of ${FORMATS.join(", ")}`);
  }
  const unsigned = formats.find((format) => UNSIGNED_FORMATS.includes(format));
  if (unsigned !== undefined && formats.length > 1) {
    throw wrong(
      "formats",
      `${unsigned} stands beside others; only headers tell it from them, and no signature covers headers: make a receiver for it alone`,
    );
  }
  return new Set(formats);
}

function wrong(name: string, problem: string): ReceiveError {
  return new ReceiveError("bad_options", `cannot make a receiver with the option ${name}: ${problem}`);
}
