import type { DataRef, FormattedEvent } from "./format.ts";
import { readTokens, stringOf, type Token } from "./jsonTokens.ts";
import { isTraceparent } from "./traceparent.ts";

/** Attributes that take more, as the text of JSON, do not come with a claim. */
export const ATTRIBUTES_BYTES_MAX = 4_096;

/** An attribute of a CloudEvent beyond those that Postrider fills in. */
export interface Attribute {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "uri" | "timestamp";
  /** The canonical text of the value. */
  readonly text: string;
}

/** Filled in by Postrider, or the name of the data. */
const RESERVED = new Set(["specversion", "id", "source", "type", "time", "datacontenttype", "data"]);

/** What a thin event says of its payload. */
const OF_THIN = new Set(["dataref", "datarefsize", "datarefexpires"]);

const INTEGER_MIN = -2_147_483_648;
const INTEGER_MAX = 2_147_483_647;

/** The attributes of an event that a CloudEvent can carry, in the order in which Postgres has them. */
export function cloudEventsAttributes({ attributes }: FormattedEvent): readonly Attribute[] {
  return attributes === null
    ? []
    : judged(attributes).flatMap((result) => (typeof result === "string" ? [] : [result]));
}

/**
 * The attributes of a thin event. `dataref` is an extension of CloudEvents; the other two are like it. An application's
 * attributes of these names would be about another place.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/dataref.md
 */
export function thinAttributes(event: FormattedEvent, { url, bytes, expires }: DataRef): readonly Attribute[] {
  return [
    ...cloudEventsAttributes(event).filter(({ name }) => !OF_THIN.has(name)),
    { name: "dataref", type: "uri", text: url },
    ...(bytes === null ? [] : [{ name: "datarefsize", type: "integer", text: String(bytes) } as const]),
    { name: "datarefexpires", type: "timestamp", text: expires },
  ];
}

/** A clause for each attribute of an event that a CloudEvent cannot carry. It shows no value. */
export function leftOutOf({ attributes, hasLargeAttributes, createdAt }: FormattedEvent): readonly string[] {
  return [
    ...(isTimestamp(createdAt) ? [] : ["time: the event was created at no time that RFC 3339 can say"]),
    ...(hasLargeAttributes ? [`all attributes: they take more than ${ATTRIBUTES_BYTES_MAX} bytes`] : []),
    ...(attributes === null ? [] : judged(attributes).filter((result) => typeof result === "string")),
  ];
}

/** As RFC 3339 has it, in UTC; `eventTime` writes the others as Postgres does. */
export function isTimestamp(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/.test(text);
}

/** Each attribute, or why it is left out. One that is null is not set. */
function judged(json: string): readonly (Attribute | string)[] {
  const results: (Attribute | string)[] = [];
  let name = "";
  let depth = 0;
  readTokens(json, (token, from, to) => {
    if (token === "}" || token === "]") {
      depth -= 1;
    } else if (depth === 1) {
      if (token === "key") {
        name = stringOf(json.slice(from, to));
      } else if (token !== "null") {
        results.push(judge(name, token, json.slice(from, to)));
      }
    }
    if (token === "{" || token === "[") {
      depth += 1;
    }
    return true;
  });
  return results;
}

function judge(name: string, token: Token, text: string): Attribute | string {
  const shown = JSON.stringify(name.slice(0, 100));
  if (RESERVED.has(name)) {
    return `${shown}: Postrider fills it in`;
  }
  if (!/^[a-z0-9]+$/.test(name)) {
    return `${shown}: a name of CloudEvents has only lower-case letters and digits`;
  }
  switch (token) {
    case "true":
    case "false":
      return checked({ name, type: "boolean", text });
    case "number":
      return checked({ name, type: isInteger(text) ? "integer" : "string", text });
    case "string":
      return checked({ name, type: "string", text: stringOf(text) });
    default:
      return `${shown}: its value is ${token === "{" ? "an object" : "a list"}`;
  }
}

/** A scheme and characters of RFC 3986: enough to be put into any header or document. */
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=%-]+$/;

/** CloudEvents has no number but this one. Any other is a string, so that its digits stay. */
function isInteger(text: string): boolean {
  return /^-?(?:0|[1-9]\d{0,9})$/.test(text) && Number(text) >= INTEGER_MIN && Number(text) <= INTEGER_MAX;
}

/** What CloudEvents and its extensions say of the attributes that they name; those are strings. */
function checked(attribute: Attribute): Attribute | string {
  const { name, text } = attribute;
  switch (name) {
    case "subject":
      return text === "" ? '"subject": it is empty' : checkedText({ ...attribute, type: "string" });
    case "dataschema":
      return URI.test(text) ? { ...attribute, type: "string" } : '"dataschema": its value is not an absolute URI';
    case "traceparent":
      return isTraceparent(text) ? attribute : '"traceparent": its value is not one of W3C Trace Context';
    default:
      return checkedText(attribute);
  }
}

/** CloudEvents 1.0.2, "Type System": what a String must not hold. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;

function checkedText(attribute: Attribute): Attribute | string {
  return FORBIDDEN.test(attribute.text)
    ? `${JSON.stringify(attribute.name)}: its value has a control character or a noncharacter`
    : attribute;
}
