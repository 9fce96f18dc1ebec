import { append, type BodyText } from "./bodyText.ts";
import { readTokens, type Token, tokenOfValue } from "./jsonTokens.ts";

/**
 * JSON as XML by the mapping of `fn:json-to-xml` in XPath and XQuery Functions 3.1 (§17.5.3), with its options `escape` true
 * and `duplicates` retain. So the element `number` has the text of the number, repeated keys are all there, and what XML
 * 1.0 cannot carry is written as in JSON, in an element with `escaped="true"` or under a key with `escaped-key="true"`.
 * Source: https://www.w3.org/TR/xpath-functions-31/#func-json-to-xml
 */
const NAMESPACE = "http://www.w3.org/2005/xpath-functions";

interface Element {
  readonly name: string;
  /** The start tag of one that has no attributes. */
  readonly start: string;
  readonly end: string;
}

const ELEMENTS: Readonly<Record<Token, Element>> = {
  "{": element("map"),
  "}": element("map"),
  "[": element("array"),
  "]": element("array"),
  key: element(""),
  string: element("string"),
  number: element("number"),
  true: element("boolean"),
  false: element("boolean"),
  null: element("null"),
};

function element(name: string): Element {
  return { name, start: `<${name}>`, end: `</${name}>` };
}

/** Appends the element that JSON text becomes, until the body is too long. */
export function appendJsonAsXml(body: BodyText, json: string): void {
  append(body, `<${ELEMENTS[tokenOfValue(json, 0)].name} xmlns="${NAMESPACE}"`);
  /** The start tag of the next element is written, but for its end: the element is the outermost one, or has a key. */
  let isBegun = true;
  readTokens(json, (token, from, to) => {
    const { name, start, end } = ELEMENTS[token];
    if (token === "}" || token === "]") {
      return append(body, end);
    }
    if (token === "key") {
      isBegun = true;
      append(body, `<${ELEMENTS[tokenOfValue(json, to + 1)].name} key="`);
      return append(body, appendText(body, json, from, to) ? '" escaped-key="true"' : '"');
    }
    const wasBegun = isBegun;
    isBegun = false;
    switch (token) {
      case "{":
      case "[":
        return append(body, wasBegun ? ">" : start);
      case "null":
        return append(body, wasBegun ? "/>" : "<null/>");
      case "string":
        if (specialAt(json, from, to) === to) {
          append(body, wasBegun ? ">" : start);
          append(body, json.slice(from, to));
          return append(body, end);
        }
        append(body, wasBegun ? "" : `<${name}`);
        append(body, isEscaped(json, from, to) ? ' escaped="true">' : ">");
        appendText(body, json, from, to);
        return append(body, end);
      default:
        return append(body, (wasBegun ? ">" : start) + json.slice(from, to) + end);
    }
  });
}

/** Where a string cannot be copied; the quote ends it. A surrogate that is not alone is half of a character that can. */
const SPECIAL = /["\\&<>\x7f-\x9f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Writes what is within the quotes of a string of JSON, and says whether it had to be escaped as in JSON. */
function appendText(body: BodyText, json: string, from: number, to: number): boolean {
  return readText(json, from, to, (text) => append(body, text));
}

function isEscaped(json: string, from: number, to: number): boolean {
  return readText(json, from, to, null);
}

/** Whether the text has a backslash: without `write` it ends at the first one. */
function readText(json: string, from: number, to: number, write: ((text: string) => boolean) | null): boolean {
  let hasBackslash = false;
  let at = from;
  while (at < to) {
    const special = specialAt(json, at, to);
    if (write !== null && special > at && !write(json.slice(at, special))) {
      return hasBackslash;
    }
    if (special === to) {
      return hasBackslash;
    }
    const { text, length } = characterAt(json, special);
    hasBackslash ||= text.startsWith("\\");
    if (write === null ? hasBackslash : !write(text)) {
      return hasBackslash;
    }
    at = special + length;
  }
  return hasBackslash;
}

/** Where the next character is that cannot be copied; `to` if there is none. */
function specialAt(json: string, from: number, to: number): number {
  SPECIAL.lastIndex = from;
  // `exec` would make an object for each string.
  return SPECIAL.test(json) ? Math.min(SPECIAL.lastIndex - 1, to) : to;
}

interface Character {
  /** As XML has it. */
  readonly text: string;
  /** In the JSON text. */
  readonly length: number;
}

/** A character that cannot be copied. */
function characterAt(json: string, at: number): Character {
  if (json[at] !== "\\") {
    const [text, units] = characterOf(json.charCodeAt(at), json.charCodeAt(at + 1));
    return { text, length: units };
  }
  if (json[at + 1] === "u") {
    const [text, units] = characterOf(escapedUnit(json, at), escapedUnit(json, at + 6));
    return { text, length: 6 * units };
  }
  const escaped = json.slice(at, at + 2);
  return { text: escaped === "\\/" ? "/" : escaped === '\\"' ? "&quot;" : escaped, length: 2 };
}

/** The code unit of `\uXXXX`; NaN if there is none. */
function escapedUnit(json: string, at: number): number {
  return json.startsWith("\\u", at) ? Number.parseInt(json.slice(at + 2, at + 6), 16) : Number.NaN;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const ESCAPES: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\\": "\\\\",
};

/** The character that begins with a code unit, as XML has it, and of how many units it is. */
function characterOf(unit: number, next: number): readonly [text: string, units: 1 | 2] {
  if (isHigh(unit) && isLow(next)) {
    return [String.fromCharCode(unit, next), 2];
  }
  const character = String.fromCharCode(unit);
  const isForbidden = unit < 0x20 || (unit >= 0x7f && unit <= 0x9f) || isHigh(unit) || isLow(unit) || unit >= 0xfffe;
  const escaped = ESCAPES[character] ?? (isForbidden ? `\\u${unit.toString(16).toUpperCase().padStart(4, "0")}` : null);
  return [escaped ?? ENTITIES[character] ?? character, 1];
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
