import assert from "node:assert/strict";
import { test } from "node:test";
import { bearerToken, isTokenOf, makeToken, tokenDigest } from "../../src/listen/token.ts";

test("a token has 256 bits, and its digest is what is compared", () => {
  const token = makeToken();
  assert.match(token, /^prt_[\w-]{43}$/);
  assert.equal(Buffer.from(token.slice(4), "base64url").length, 32);
  assert.notEqual(makeToken(), token);
  const other = tokenDigest(makeToken());
  assert.ok(isTokenOf(token, [other, tokenDigest(token)]));
  assert.ok(!isTokenOf(token, [other]));
  assert.ok(!isTokenOf(token, []));
  assert.ok(!isTokenOf(token, [tokenDigest(token).subarray(1)]));
});

test("a token is read from the header that carries it, and anything else is none", () => {
  const token = makeToken();
  assert.equal(bearerToken(`Bearer ${token}`), token);
  assert.equal(bearerToken(`bearer  ${token} `), token);
  for (const header of [
    undefined,
    "",
    token,
    `Basic ${token}`,
    `Bearer ${token}x`,
    "Bearer prt_",
    `Bearer ${token} x`,
  ]) {
    assert.equal(bearerToken(header), null);
  }
});
