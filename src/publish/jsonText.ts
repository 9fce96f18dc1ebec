import { kindOf, PublishError } from "./publishError.ts";

/**
 * The value as JSON, by `JSON.stringify`: `toJSON` counts, and an undefined property is left out. Refuses what
 * JSON.stringify would replace silently: a function, NaN, an undefined element, a Map, an Error, bytes, a forgotten
 * await.
 */
export function jsonText(value: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, refuseLoss);
  } catch (thrown) {
    const found = thrown instanceof Loss ? thrown.message : `JSON.stringify says: ${firstLine(thrown)}`;
    throw cannotWrite(what, found, thrown);
  }
  if (text === undefined) {
    throw cannotWrite(what, `it is ${kindOf(value)}`);
  }
  return text;
}

class Loss extends Error {}

/** Called with the holder of each value, after toJSON. */
function refuseLoss(this: unknown, key: string, value: unknown): unknown {
  const lost = lossOf(this, key, value);
  if (lost !== null) {
    throw new Loss(key === "" ? `it is ${lost}` : `${JSON.stringify(key)} in it is ${lost}`);
  }
  return value;
}

function lossOf(holder: unknown, key: string, value: unknown): string | null {
  switch (typeof value) {
    case "undefined":
      return key === "" || Array.isArray(holder) ? "undefined" : null;
    case "function":
    case "symbol":
    case "bigint":
      return `a ${typeof value}`;
    case "number":
      return Number.isFinite(value) ? null : String(value);
    case "object":
      return lossOfObject(holder, key, value);
    default:
      return null;
  }
}

function lossOfObject(holder: unknown, key: string, value: object | null): string | null {
  if (value === null) {
    const before = (holder as Readonly<Record<string, unknown>>)[key];
    return before instanceof Date ? "an invalid Date" : null;
  }
  // Not by its constructor, because another realm, such as a test runner's, has a different one.
  switch (Object.prototype.toString.call(value)) {
    case "[object Array]":
    case "[object String]":
    case "[object Boolean]":
      return null;
    case "[object Number]":
      return Number.isFinite(value.valueOf()) ? null : String(value);
    case "[object Error]":
      return kindOf(value);
    default:
      return ArrayBuffer.isView(value) || isOpaque(value) ? kindOf(value) : null;
  }
}

/**
 * Whether JSON.stringify would see none of its state and write `{}`, as for a Map, a promise or a regular expression. It
 * does not see an Error's message either. Bytes would become an object with one property a byte.
 */
function isOpaque(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return !isPlain && Object.keys(value).length === 0;
}

function cannotWrite(what: string, found: string, cause?: unknown): PublishError {
  return new PublishError(
    "bad_payload",
    `cannot write ${what} as JSON: ${found}; pass values that JSON has (a bigint as a string, or the whole as text in json)`,
    cause === undefined || cause instanceof Loss ? undefined : { cause },
  );
}

/** V8 describes a circular structure in several lines. */
function firstLine(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).split("\n", 1)[0] ?? "";
}
