import { jsonText } from "./jsonText.ts";
import type { PublishedEvent } from "./outbox.ts";
import { kindOf, PublishError } from "./publishError.ts";

/** What a test expects of an event. What is left out may be anything. */
export interface ExpectedEvent {
  readonly eventType?: string;
  /**
   * A part of the payload: an object may have more properties than this, at any depth, but none that is undefined here.
   * Lists have the same length, and their elements are compared likewise. All is compared as JSON, so a Date equals the
   * text that publishing makes of it.
   */
  readonly payload?: unknown;
  /** The whole text of the payload. */
  readonly json?: string;
  readonly id?: string;
  readonly tenant?: string;
  readonly orderingKey?: string | null;
  readonly deliverAt?: Date | null;
  readonly idempotencyKey?: string | null;
  /** A part of the attributes, like the payload; null for an event without. */
  readonly attributes?: Readonly<Record<string, unknown>> | null;
}

export interface Expectation {
  /** The expected event in a sentence. */
  readonly text: string;
  /** The first thing that is different in this event, as "payload.order_id is 41, not 42". Null if nothing is. */
  differenceFrom(event: PublishedEvent): string | null;
}

const FIELDS = [
  "eventType",
  "payload",
  "json",
  "id",
  "tenant",
  "orderingKey",
  "deliverAt",
  "idempotencyKey",
  "attributes",
] as const satisfies readonly (keyof ExpectedEvent)[];

const TEXT_CHARACTERS_MAX = 300;

/** Reads what a test expects. A misspelt field would otherwise make an assertion that always holds, or never. */
export function expectationOf(expected: unknown): Expectation {
  if (typeof expected !== "object" || expected === null || Array.isArray(expected)) {
    throw bad(`it is ${kindOf(expected)}; pass { eventType, payload }`);
  }
  const unknown = Object.keys(expected).find((name) => !FIELDS.some((field) => field === name));
  if (unknown !== undefined) {
    throw bad(`${JSON.stringify(unknown)} is not a field of an event; the fields are ${FIELDS.join(", ")}`);
  }
  const given = Object.entries(expected);
  const empty = given.find(([, value]) => value === undefined);
  if (empty !== undefined) {
    throw bad(`its ${empty[0]} is undefined; give a value, or leave it out`);
  }
  if (given.length === 0) {
    throw bad("no field is given; name at least its eventType");
  }
  const text = jsonText(expected, "the expected event");
  const wanted: unknown = JSON.parse(
    JSON.stringify(expected, (_, value: unknown) => (value === undefined ? ABSENT : value)),
  );
  return {
    text: shortened(text),
    differenceFrom: (event) => difference(JSON.parse(JSON.stringify(event)), wanted, ""),
  };
}

/**
 * Stands for a property that is undefined in an expected payload. Publishing leaves such a property out, so the event
 * must not have it. If it were left out here too, `{ order_id: undefined }` would match every order.
 */
const ABSENT = "\u001e undefined";

/** The first thing in which `found` lacks what `expected` has, or has something else. */
function difference(found: unknown, expected: unknown, path: string): string | null {
  if (expected === ABSENT) {
    return found === undefined ? null : `${path} is ${shortened(JSON.stringify(found))}, and should not be there`;
  }
  if (Array.isArray(expected)) {
    return differenceOfLists(found, expected, path);
  }
  if (typeof expected === "object" && expected !== null) {
    return differenceOfObjects(found, expected, path);
  }
  return found === expected ? null : isNot(found, expected, path);
}

function differenceOfLists(found: unknown, expected: readonly unknown[], path: string): string | null {
  if (!Array.isArray(found) || found.length !== expected.length) {
    return isNot(found, expected, path);
  }
  return firstOf(expected, (each, index) => difference(found[index], each, `${path}[${index}]`));
}

function differenceOfObjects(found: unknown, expected: object, path: string): string | null {
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    return isNot(found, expected, path);
  }
  const properties = new Map(Object.entries(found));
  return firstOf(Object.entries(expected), ([name, each]) => difference(properties.get(name), each, below(path, name)));
}

function firstOf<Item>(items: readonly Item[], differenceAt: (item: Item, index: number) => string | null) {
  for (const [index, item] of items.entries()) {
    const found = differenceAt(item, index);
    if (found !== null) return found;
  }
  return null;
}

function below(path: string, name: string): string {
  const isWord = /^[A-Za-z_$][\w$]*$/.test(name);
  return isWord ? `${path}${path === "" ? "" : "."}${name}` : `${path}[${JSON.stringify(name)}]`;
}

function isNot(found: unknown, expected: unknown, path: string): string {
  return found === undefined
    ? `${path} is missing`
    : `${path} is ${shortened(JSON.stringify(found))}, not ${shortened(JSON.stringify(expected))}`;
}

export function shortened(text: string): string {
  return text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX)}…` : text;
}

function bad(found: string): PublishError {
  return new PublishError("bad_event", `cannot look for an event: ${found}`);
}
