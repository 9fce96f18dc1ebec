/** Thrown by what reads a body, and caught where reading begins. The message is a clause with nothing that the sender wrote. */
export class MalformedBody extends Error {}

/** The members of an object; throws if the value is none. */
export function membersOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MalformedBody(`${what} is not an object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** More than a sender puts into one request or page. */
const ITEMS_MAX = 10_000;

/** The items of a list of events; throws if the value is none, or too long. */
export function itemsOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) {
    throw new MalformedBody("the list of its events is not an array");
  }
  if (value.length > ITEMS_MAX) {
    throw new MalformedBody(`it has more than ${ITEMS_MAX} events`);
  }
  return value;
}

const TYPE = /^[^\p{Cc}\p{Cs}]{1,255}$/u;
const ID = /^[!-~]{1,256}$/;

/** An id from a body or a header: short, and without anything that a database or a log could stumble over. */
export function idOf(value: unknown, what: string): string {
  if (typeof value === "string" && ID.test(value)) {
    return value;
  }
  throw new MalformedBody(`${what} has no id of 1 to 256 visible ASCII characters`);
}

/** An event's type. */
export function typeOf(value: unknown, what: string): string {
  if (typeof value === "string" && TYPE.test(value)) {
    return value;
  }
  throw new MalformedBody(`${what} has no type of 1 to 255 characters`);
}
