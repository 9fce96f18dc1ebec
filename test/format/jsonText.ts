/** JSON as text: what may be inserted, and a strict reader of it that shares nothing with the formats. */
import fc from "fast-check";

/** Any JSON text that Postgres accepts for the type json: numbers of any size, repeated keys, escapes, blanks. */
export const anyJson: fc.Arbitrary<string> = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    spaced(fc.oneof(fc.constantFrom("true", "false", "null"), anyNumber(), anyString())),
    spaced(listOf("[", "]", tie("json"))),
    spaced(
      listOf(
        "{",
        "}",
        fc.tuple(spaced(anyString()), tie("json")).map(([key, value]) => `${key}:${value}`),
      ),
    ),
  ),
})).json;

function listOf(open: string, close: string, item: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(item, { maxLength: 6 }), anyBlank())
    .map(([items, blank]) => `${open}${items.length === 0 ? blank : items.join(",")}${close}`);
}

function spaced(json: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(anyBlank(), json, anyBlank()).map((parts) => parts.join(""));
}

function anyBlank(): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: fc.constant(""), weight: 4 },
    fc.string({ unit: fc.constantFrom(..." \t\n\r"), maxLength: 3 }),
  );
}

export function anyNumber(): fc.Arbitrary<string> {
  return fc.stringMatching(/^-?(?:0|[1-9]\d{0,30})(?:\.\d{1,20})?(?:[eE][+-]?\d{1,4})?$/);
}

/** With any character as itself, and any code unit as an escape, half a pair too. */
function anyString(): fc.Arbitrary<string> {
  const raw = fc
    .string({ unit: "binary", minLength: 1, maxLength: 3 })
    .map((text) => JSON.stringify(text).slice(1, -1));
  const plain = fc.string({
    unit: fc.constantFrom("a", " ", "&", "<", ">", "]]>", "'", "\x7f", "\x85", "\ufffe", "\u2028", "🚂", "é"),
  });
  const escaped = fc.constantFrom(
    '\\"',
    "\\\\",
    "\\/",
    "\\b",
    "\\f",
    "\\n",
    "\\r",
    "\\t",
    "\\u0000",
    "\\ud83d",
    "\\uDE82",
  );
  const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => `\\u${code.toString(16).padStart(4, "0")}`);
  return fc.array(fc.oneof(raw, plain, escaped, unit), { maxLength: 6 }).map((parts) => `"${parts.join("")}"`);
}

const TOKEN =
  /[ \t\n\r]*(?:([[\]{}:,])|(true|false|null)|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![0-9.eE+-])|("(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"))[ \t\n\r]*/y;

/**
 * What a JSON text says, token by token: the text of each number, and each string as its code units. Two texts with the
 * same tokens differ in blanks and escapes alone.
 */
export function tokensOf(json: string): readonly string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < json.length) {
    const at = TOKEN.lastIndex;
    const [found, mark, word, number, string] = TOKEN.exec(json) ?? [];
    if (found === undefined) {
      throw new Error(`no JSON at character ${at}: ${json.slice(at, at + 40)}`);
    }
    // JSON.parse judges what may be in a string.
    tokens.push(mark ?? word ?? number ?? unitsOf(JSON.parse(string ?? "")));
  }
  return tokens;
}

export function unitsOf(text: string): string {
  return `"${Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16)).join(" ")}"`;
}

/** The text of a token that is a string. */
export function textOf(units: string): string {
  return String.fromCharCode(...[...units.matchAll(/[0-9a-f]+/g)].map(([unit]) => Number.parseInt(unit, 16)));
}

/** The tokens of the value of the first member of that name, in a text whose outermost value is an object. */
export function memberOf(json: string, name: string): readonly string[] {
  return memberOfTokens(tokensOf(json), name);
}

export function memberOfTokens(tokens: readonly string[], name: string): readonly string[] {
  const member = partsOf(tokens).find((part) => part[0] === unitsOf(name) && part[1] === ":");
  if (member === undefined) {
    throw new Error(`there is no member ${name}`);
  }
  return member.slice(2);
}

/** The tokens of each element of a text whose outermost value is an array. */
export function elementsOf(json: string): readonly (readonly string[])[] {
  const tokens = tokensOf(json);
  if (tokens[0] !== "[") {
    throw new Error(`an array begins with ${tokens[0]}`);
  }
  return partsOf(tokens);
}

/** What stands between the commas of an array or an object. */
function partsOf(tokens: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    depth -= token === "]" || token === "}" ? 1 : 0;
    if (depth === 1 && token === ",") {
      parts.push([]);
    } else if (depth > 0) {
      parts.at(-1)?.push(token);
    }
    depth += token === "[" || token === "{" ? 1 : 0;
  }
  return parts.filter((part) => part.length > 0);
}
