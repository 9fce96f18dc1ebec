import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { headerText } from "../../src/format/headerText.ts";

test("visible ASCII stays as it is, and the rest is percent-encoded", () => {
  for (const [text, expected] of [
    ["order.paid", "order.paid"],
    ["orders/create:v2-beta_1", "orders/create:v2-beta_1"],
    ["customer 42", "customer%2042"],
    ["50%", "50%25"],
    ['say "x"', "say%20%22x%22"],
    ["Zoë", "Zo%C3%AB"],
    ["東京🚂", "%E6%9D%B1%E4%BA%AC%F0%9F%9A%82"],
    ["a\r\nx-injected: b", "a%0D%0Ax-injected:%20b"],
    ["\0\t\x7f", "%00%09%7F"],
  ] as const) {
    assert.equal(headerText(text), expected);
  }
});

test("any text comes back from visible ASCII", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const encoded = headerText(text);
      assert.match(encoded, /^[!-~]*$/);
      assert.equal(decodeURIComponent(encoded), text.toWellFormed());
    }),
  );
});
