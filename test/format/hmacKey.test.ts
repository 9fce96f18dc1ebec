import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { HmacKey } from "../../src/format/hmacKey.ts";

function reference(key: Uint8Array, prefix: string, message: Buffer | string): string {
  return createHmac("sha256", key).update(prefix).update(message).digest("base64");
}

test("it makes the digests of Node's HMAC, for text and for bytes", () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 64 });
  const message = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
  );
  fc.assert(
    fc.property(bytes, fc.string({ unit: "grapheme-ascii" }), message, (key, prefix, message) => {
      assert.equal(new HmacKey(Buffer.from(key)).digest(prefix, message), reference(key, prefix, message));
    }),
    { numRuns: 1_000 },
  );
});

test("messages of every size around the limit have the digests of Node's HMAC", () => {
  const key = Buffer.alloc(32, 7);
  const hmacKey = new HmacKey(key);
  for (const length of [21_000, 21_819, 21_820, 21_821, 22_000, 65_400, 65_450, 65_466, 65_467, 65_536, 70_000]) {
    for (const message of ["x".repeat(length), "\u20ac".repeat(length), Buffer.alloc(length, 1)]) {
      assert.equal(hmacKey.digest("id.1.", message), reference(key, "id.1.", message), `${length}`);
    }
  }
});

test("a key longer than a block is refused", () => {
  assert.throws(() => new HmacKey(Buffer.alloc(65)), /at most 64 bytes, not 65/);
});

test("no inspection shows its bytes", () => {
  const key = Buffer.from("a secret that nobody may see");
  const shown = inspect(new HmacKey(key), { depth: 9, showHidden: true });
  assert.equal(shown.includes("61 20 73 65"), false);
  assert.equal(JSON.stringify(new HmacKey(key)), "{}");
});
