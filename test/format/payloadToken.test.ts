import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { makePrivateKey, parsePrivateKey } from "../../src/format/ed25519.ts";
import {
  isSignedBy,
  makeCursor,
  makeToken,
  readCursor,
  readToken,
  tokenKeysOf,
} from "../../src/format/payloadToken.ts";
import { parseSecret, type SigningKey } from "../../src/format/sign.ts";

function hmacKey(): SigningKey {
  const parsed = parseSecret(`whsec_${randomBytes(24).toString("base64")}`);
  assert.ok(parsed.kind === "key");
  return parsed.key;
}

function privateKey() {
  const parsed = parsePrivateKey(makePrivateKey());
  assert.ok(parsed.kind === "key");
  return parsed.key;
}

const GRANT = { endpointId: randomUUID(), eventId: randomUUID(), expiresSeconds: 4_000_000_000 };
const [KEY, OTHER, ED25519] = tokenKeysOf([hmacKey(), hmacKey()], [privateKey()]);
assert.ok(KEY !== undefined && OTHER !== undefined && ED25519 !== undefined);

test("a token says what it is for, and which key made it", () => {
  for (const key of [KEY, ED25519]) {
    const read = readToken(makeToken(key, GRANT));
    assert.ok(read !== null);
    const { signed, mac, ...grant } = read;
    assert.deepEqual(grant, GRANT);
    assert.ok(isSignedBy([OTHER, key], read));
    assert.ok(!isSignedBy([OTHER], read) && !isSignedBy([], read));
  }
});

test("a token that is changed anywhere, or spelled in another way, is none of the key's", () => {
  const token = makeToken(KEY, GRANT);
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom(..."AZaz09-_=+/. %"), (place, character) => {
      const changed = token.slice(0, place) + character + token.slice(place + 1);
      const read = readToken(changed);
      assert.ok(changed === token || read === null || !isSignedBy([KEY], read));
    }),
  );
  for (const odd of [`${token}=`, `${token}A`, token.slice(1), "", " ", token.replaceAll("-", "+"), `%00${token}`]) {
    const read = odd === token ? null : readToken(odd);
    assert.ok(read === null || !isSignedBy([KEY], read));
  }
});

test("a cursor leads to its place, in its payload alone", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 30), fc.boolean(), (at, isObject) => {
      const cursor = makeCursor(KEY, GRANT, { at, isObject });
      assert.deepEqual(readCursor([OTHER, KEY], GRANT, cursor), { at, isObject });
      assert.equal(readCursor([OTHER], GRANT, cursor), null);
      assert.equal(readCursor([KEY], { ...GRANT, eventId: randomUUID() }, cursor), null);
      assert.equal(readCursor([KEY], { ...GRANT, endpointId: randomUUID() }, cursor), null);
    }),
  );
});

test("a cursor that someone made up is refused", () => {
  const cursor = makeCursor(KEY, GRANT, { at: 7, isObject: false });
  const forged = Buffer.from(cursor, "base64url");
  forged[3] = 8;
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(forged.toString("base64url"), "", "7"), fc.string()), (text) => {
      assert.equal(readCursor([KEY], GRANT, text), null);
    }),
  );
});

test("no signature of a request is a token", () => {
  // What is signed of a request begins with an id, and a token's text with a word of its own.
  const read = readToken(makeToken(KEY, GRANT));
  assert.ok(read !== null);
  assert.notEqual(KEY.digest("", read.signed), KEY.digest("postrider:payload_token:v1:", read.signed));
});
