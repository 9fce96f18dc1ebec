import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { bearerToken, isTokenOf } from "../../src/listen/token.ts";

/** As create_pull_token makes it. */
const TOKEN = `prt_${"aB-_9".repeat(8)}xyz`;

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

test("the digest of a token is what is compared", () => {
  const other = digestOf(`${TOKEN.slice(0, -1)}y`);
  assert.ok(isTokenOf(TOKEN, [other, digestOf(TOKEN)]));
  assert.ok(!isTokenOf(TOKEN, [other]));
  assert.ok(!isTokenOf(TOKEN, []));
  assert.ok(!isTokenOf(TOKEN, [digestOf(TOKEN).subarray(1)]));
});

test("a token is read from the header that carries it, and anything else is none", () => {
  assert.equal(bearerToken(`Bearer ${TOKEN}`), TOKEN);
  assert.equal(bearerToken(`bearer  ${TOKEN} `), TOKEN);
  for (const header of [
    undefined,
    "",
    TOKEN,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    "Bearer prt_",
    `Bearer ${TOKEN} x`,
  ]) {
    assert.equal(bearerToken(header), null);
  }
});
