/** A part of a JSON text. `from` and `to` of a string and a key are within its quotes. */
export type Token = "{" | "}" | "[" | "]" | "key" | "string" | "number" | "true" | "false" | "null";

/** Hears each token in the order of the text; false: no more are wanted. */
export type OnToken = (token: Token, from: number, to: number) => boolean;

/**
 * Reads JSON text without making anything of it: numbers stay text, keys keep their order, and nothing is looked up.
 *
 * It keeps no stack, because `]` and `}` say what they close, and a string before a colon is a key. So the memory that it
 * takes does not depend on how deep the text is nested. The text must be JSON, as Postgres has checked: what cannot begin
 * a token throws, but commas and brackets are not judged.
 */
export function readTokens(json: string, onToken: OnToken): void {
  let at = afterBlanks(json, 0);
  while (at < json.length) {
    const token = tokenAt(json, at);
    const isQuoted = token === "string";
    const from = isQuoted ? at + 1 : at;
    const to = isQuoted ? closingQuote(json, from) : from + lengthOf(token, json, from);
    const next = afterBlanks(json, isQuoted ? to + 1 : to);
    const isKey = isQuoted && json.charCodeAt(next) === COLON;
    if (!onToken(isKey ? "key" : token, from, to)) {
      return;
    }
    at = isSeparator(json.charCodeAt(next)) ? afterBlanks(json, next + 1) : next;
  }
}

/** The token of the value that begins at `at`, or after blanks and a colon behind it; for a reader that has a key. */
export function tokenOfValue(json: string, at: number): Token {
  const next = afterBlanks(json, at);
  return tokenAt(json, json.charCodeAt(next) === COLON ? afterBlanks(json, next + 1) : next);
}

const ESCAPED: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** The text of a string, of which `quoted` is what is within its quotes. */
export function stringOf(quoted: string): string {
  return quoted.replace(/\\(?:u([0-9A-Fa-f]{4})|(.))/g, (_, unit?: string, escaped = "") =>
    unit === undefined ? (ESCAPED[escaped] ?? escaped) : String.fromCharCode(Number.parseInt(unit, 16)),
  );
}

const COLON = 0x3a;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function tokenAt(json: string, at: number): Exclude<Token, "key"> {
  const code = json.charCodeAt(at);
  switch (code) {
    case 0x7b:
      return "{";
    case 0x7d:
      return "}";
    case 0x5b:
      return "[";
    case 0x5d:
      return "]";
    case QUOTE:
      return "string";
    case 0x74:
      return "true";
    case 0x66:
      return "false";
    case 0x6e:
      return "null";
    default:
      if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
        return "number";
      }
      throw new Error(`JSON has no token at character ${at}`);
  }
}

/** Of a token that is not a string. */
function lengthOf(token: Token, json: string, from: number): number {
  switch (token) {
    case "number":
      return endOfNumber(json, from) - from;
    case "true":
    case "null":
      return 4;
    case "false":
      return 5;
    default:
      return 1;
  }
}

function endOfNumber(json: string, from: number): number {
  let at = from;
  while (isOfNumber(json.charCodeAt(at))) {
    at += 1;
  }
  return at;
}

/** Digits, signs, the point and e. */
function isOfNumber(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2e || code === 0x2d || code === 0x2b || (code | 0x20) === 0x65;
}

/** A quote closes a string unless it follows an odd number of backslashes. */
function closingQuote(json: string, from: number): number {
  for (let at = json.indexOf('"', from); at !== -1; at = json.indexOf('"', at + 1)) {
    let before = at - 1;
    while (before >= from && json.charCodeAt(before) === BACKSLASH) {
      before -= 1;
    }
    if ((at - before) % 2 === 1) {
      return at;
    }
  }
  throw new Error(`JSON does not end the string at character ${from}`);
}

function afterBlanks(json: string, from: number): number {
  let at = from;
  while (isBlank(json.charCodeAt(at))) {
    at += 1;
  }
  return at;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function isSeparator(code: number): boolean {
  return code === COLON || code === COMMA;
}
