import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allMembers, itemTexts } from "../../src/receive/json.ts";

/** A text of JSON with blanks wherever they may be. */
function spaced(value: unknown, blank: string): string {
  return JSON.stringify(value, null, blank);
}

const BLANKS = fc.constantFrom("", " ", "\t", "\n");

test("elements keep their texts, whatever stands in their strings", () => {
  const written = ["1.10", "12345678901234567890", '"a, [b]: \\"c\\" {}\\\\"', '{ "x" :[ ] }', "null", '"\\u005b"'];
  assert.deepEqual(itemTexts(` [ ${written.join(" ,\n ")} ] `), written);
  assert.deepEqual(itemTexts(" [ ] "), []);
  assert.deepEqual(itemTexts('[""]'), ['""']);
});

test("members keep their order, and each of a repeated name", () => {
  assert.deepEqual(allMembers('{ "n" : 1.0, "n":1e400,"a\\"}":{"b":[1,{}]} ,"":[] }'), [
    ["n", "1.0"],
    ["n", "1e400"],
    ['a"}', '{"b":[1,{}]}'],
    ["", "[]"],
  ]);
  assert.deepEqual(allMembers("{}"), []);
});

test("any array and any object is taken apart into the texts of its parts", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue({ maxDepth: 4 })), BLANKS, (values, blank) => {
      const texts = itemTexts(spaced(values, blank));
      assert.deepEqual(JSON.parse(`[${texts.join()}]`), JSON.parse(JSON.stringify(values)));
      assert.equal(texts.length, values.length);
    }),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), BLANKS, (object, blank) => {
      const texts = allMembers(spaced(object, blank));
      const made = texts.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join();
      assert.deepEqual(JSON.parse(`{${made}}`), JSON.parse(JSON.stringify(object)));
    }),
    { numRuns: 200 },
  );
});

test("a string of a million quotes takes no longer than one without any", () => {
  const text = `["${'\\"'.repeat(1_000_000)}", 1]`;
  assert.equal(itemTexts(text)[1], "1");
});
