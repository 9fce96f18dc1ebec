import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readTokens, stringOf } from "../../src/format/jsonTokens.ts";
import { anyJson, tokensOf, unitsOf } from "./jsonText.ts";

/** The tokens of a text, without commas and colons. */
function read(json: string): readonly string[] {
  const tokens: string[] = [];
  readTokens(json, (token, from, to) => {
    const text = json.slice(from, to);
    tokens.push(token === "key" || token === "string" ? unitsOf(stringOf(text)) : text);
    return true;
  });
  return tokens;
}

test("the tokens are those of a strict reader, on any JSON", () => {
  fc.assert(
    fc.property(anyJson, (json) => {
      assert.deepEqual(
        read(json),
        tokensOf(json).filter((token) => token !== "," && token !== ":"),
      );
    }),
  );
});

test("a string is a key if a colon follows it, whatever blanks are between them", () => {
  const kinds: string[] = [];
  readTokens('{"a" \n: "b", "c:": ["d"]}', (token) => {
    kinds.push(token);
    return true;
  });
  assert.deepEqual(kinds, ["{", "key", "string", "key", "[", "string", "]", "}"]);
});

test("reading ends when no more tokens are wanted", () => {
  let count = 0;
  readTokens("[1,2,3]", () => {
    count += 1;
    return count < 2;
  });
  assert.equal(count, 2);
});

test("what is no JSON ends in an error, and not in an endless loop", () => {
  for (const text of ["x", '"a', '"a\\"', "[1;2]", "\u00a01"]) {
    assert.throws(() => read(text), /JSON (?:has no token|does not end the string) at character/);
  }
});
