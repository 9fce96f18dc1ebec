/** Which public keys an endpoint may have, and what an error says of one that it may not. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type pg from "pg";
import { KEY_KINDS, makeKeyPair } from "../format/jweReader.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint } from "../support/engine.ts";

const database = useDatabase();

const OKP = makeKeyPair("X25519").publicJwk;
const EC = makeKeyPair("P-256").publicJwk;
const RSA = makeKeyPair("RSA").publicJwk;
const bytes = (count: number, fill: number) => Buffer.alloc(count, fill).toString("base64url");

function set(jwk: unknown): Promise<string> {
  return createEndpoint(database.pool, [], { options: { encryption_key: jwk } });
}

for (const kind of KEY_KINDS) {
  const { publicJwk, privateJwk } = makeKeyPair(kind);

  test(`a public key of ${kind} is taken, and kept as it is`, async () => {
    const alg = kind === "RSA" ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
    const ops = kind === "RSA" ? ["encrypt", "wrapKey"] : ["deriveKey"];
    for (const jwk of [
      publicJwk,
      { ...publicJwk, kid: "2026", use: "enc", alg, key_ops: ops, ext: true, x5c: ["a"] },
    ]) {
      const endpoint = await set(jwk);
      assert.deepEqual(
        await askFor(database.pool, "select encryption_key from postrider.endpoint where id = $1", [endpoint]),
        jwk,
      );
    }
  });

  test(`a private key of ${kind} is refused, and no part of it is shown`, async () => {
    for (const statement of [
      "insert into postrider.endpoint (url, encryption_key) values ('http://receiver.test/', $1)",
      "select postrider.create_endpoint('http://receiver.test/', options => jsonb_build_object('encryption_key', $1::jsonb))",
    ]) {
      await assert.rejects(database.pool.query(statement, [JSON.stringify(privateJwk)]), (error: pg.DatabaseError) => {
        const shown = JSON.stringify({ ...error, message: error.message });
        assert.match(error.message, /^the encryption key is private$/);
        assert.ok(!shown.includes(String(privateJwk.d)) && !shown.includes(String(publicJwk.x ?? publicJwk.n)), shown);
        return true;
      });
    }
  });
}

test("the key can be taken away, and null is no key", async () => {
  const endpoint = await set(OKP);
  await database.pool.query("update postrider.endpoint set encryption_key = null where id = $1", [endpoint]);
  const none = await set(null);
  for (const id of [endpoint, none]) {
    assert.equal(
      await askFor(database.pool, "select encryption_key from postrider.endpoint where id = $1", [id]),
      null,
    );
  }
});

test("an array of operations that WebCrypto leaves empty for the public half is taken", async () => {
  await set({ ...OKP, key_ops: [] });
  await set({ ...EC, key_ops: [] });
});

describe("refused is", () => {
  const lastBit = (text: string | undefined) => `${text?.slice(0, -1)}${text?.endsWith("B") ? "C" : "B"}`;
  const cases: readonly (readonly [what: string, jwk: unknown, message: RegExp])[] = [
    ["a text", "s3cret", /is not a JSON object/],
    ["a list", [OKP], /is not a JSON object/],
    ["an empty object", {}, /has no kty of OKP, EC or RSA/],
    ["a set", { keys: [OKP] }, /is a set of keys/],
    ["a symmetric key", { kty: "oct", k: bytes(32, 1) }, /is symmetric/],
    ["a key with k", { ...OKP, k: "s3cret" }, /is symmetric/],
    ["a private member that is null", { ...OKP, d: null }, /is private/],
    ["a prime", { ...RSA, p: "s3cret" }, /is private/],
    ["Ed25519", { ...OKP, crv: "Ed25519" }, /has another curve than X25519/],
    ["X448", { ...OKP, crv: "X448" }, /has another curve than X25519/],
    ["P-384", { ...EC, crv: "P-384" }, /has another curve than P-256/],
    ["a curve of the other type", { ...EC, crv: "X25519" }, /has another curve than P-256/],
    ["no curve", { ...OKP, crv: undefined }, /has another curve than X25519/],
    ["a short x", { ...OKP, x: bytes(31, 1) }, /has an x that/],
    ["a long x", { ...OKP, x: bytes(33, 1) }, /has an x that/],
    ["an x with padding", { ...OKP, x: `${OKP.x}=` }, /has an x that/],
    ["an x in standard base64", { ...OKP, x: Buffer.alloc(32, 255).toString("base64").slice(0, 43) }, /has an x that/],
    ["an x with a line end", { ...OKP, x: `${OKP.x}\n` }, /has an x that/],
    ["an x that is a number", { ...OKP, x: 12 }, /has an x that/],
    ["another spelling of x", { ...OKP, x: `${bytes(32, 0).slice(0, -1)}B` }, /has an x that/],
    ["no y", { ...EC, y: undefined }, /has a y that/],
    ["a short y", { ...EC, y: bytes(31, 1) }, /has a y that/],
    ["RSA of 2048 bits", { ...RSA, n: bytes(256, 255) }, /is shorter than 3072 bits/],
    ["RSA of 3071 bits", { ...RSA, n: bytes(384, 127) }, /is shorter than 3072 bits/],
    ["RSA of 8200 bits", { ...RSA, n: bytes(1025, 255) }, /is longer than 8192 bits/],
    ["an even n", { ...RSA, n: bytes(384, 254) }, /has an even n/],
    [
      "zeros before n",
      { ...RSA, n: Buffer.concat([Buffer.alloc(1), Buffer.alloc(384, 255)]).toString("base64url") },
      /has an n that/,
    ],
    ["another spelling of n", { ...RSA, n: lastBit(bytes(385, 255)) }, /has an n that/],
    ["an n that is a number", { ...RSA, n: 3 }, /has an n that/],
    ["no n", { ...RSA, n: undefined }, /has an n that/],
    ["an e of 3", { ...RSA, e: "Aw" }, /has another e than AQAB/],
    ["an e with zeros", { ...RSA, e: "AAEAAQ" }, /has another e than AQAB/],
    ["no e", { ...RSA, e: undefined }, /has another e than AQAB/],
    ["an alg that signs", { ...RSA, alg: "RS256" }, /is for another algorithm than RSA-OAEP-256/],
    ["RSA-OAEP with SHA-1", { ...RSA, alg: "RSA-OAEP" }, /is for another algorithm than RSA-OAEP-256/],
    ["an alg of 128 bits", { ...EC, alg: "ECDH-ES+A128KW" }, /is for another algorithm than ECDH-ES\+A256KW/],
    ["an alg that is no text", { ...EC, alg: null }, /is for another algorithm than ECDH-ES\+A256KW/],
    ["the use of signing", { ...EC, use: "sig" }, /has another use than enc/],
    ["key_ops that verify", { ...EC, key_ops: ["verify"] }, /has key_ops that do not allow/],
    ["key_ops of RSA without encrypt", { ...RSA, key_ops: [] }, /has key_ops that do not allow/],
    ["key_ops that are no list", { ...EC, key_ops: "deriveKey" }, /has key_ops that do not allow/],
    ["a kid that is a number", { ...OKP, kid: 1 }, /has a kid that is not a text/],
    ["an empty kid", { ...OKP, kid: "" }, /has a kid that is not a text/],
    ["a long kid", { ...OKP, kid: "x".repeat(256) }, /has a kid that is not a text/],
    ["a long certificate", { ...OKP, x5c: ["x".repeat(20_000)] }, /has more than 16384 characters/],
  ];
  for (const [what, jwk, message] of cases) {
    test(what, async () => {
      await assert.rejects(set(jwk), (error: pg.DatabaseError) => {
        assert.match(error.message, message);
        assert.equal(error.code, "23514");
        assert.equal(error.constraint, "encryption_key is a public JWK that can encrypt");
        assert.equal(error.detail, undefined);
        assert.ok((error.hint ?? "") !== "");
        assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /s3cret/);
        return true;
      });
    });
  }
});
