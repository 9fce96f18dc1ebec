/** Encrypted bodies, opened by an implementation that shares nothing with the one that makes them. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BODY_BYTES_MAX } from "../../src/format/bodyText.ts";
import { type EncryptionKey, encryptBody, loadEncryptionKey, PLAINTEXT_BYTES_MAX } from "../../src/format/encrypt.ts";
import { decryptBody, loadDecryptionKey } from "../../src/receive/decrypt.ts";
import { anyJson } from "./jsonText.ts";
import { KEY_KINDS, makeKeyPair, openJwe } from "./jweReader.ts";

const ABOUT = {
  contentType: "application/cloudevents+json",
  webhookId: "019ab47e-2c00-7d3a-9f21-3b6f0c8e5a17",
  endpointId: "019ab47e-2c00-7000-8000-000000000001",
};

async function loaded(jwk: unknown): Promise<EncryptionKey> {
  const parsed = await loadEncryptionKey(jwk);
  assert.ok(parsed.kind === "key");
  return parsed.key;
}

for (const kind of KEY_KINDS) {
  describe(`a body encrypted to a key of ${kind}`, () => {
    const { publicJwk, privateJwk } = makeKeyPair(kind);

    test("is opened with the private key, and its header says what it is", async () => {
      const key = await loaded(publicJwk);
      const body = await encryptBody(key, Buffer.from('{"größe": 1.10}'), ABOUT);
      const { header, content } = openJwe(body, privateJwk);
      assert.equal(content.toString(), '{"größe": 1.10}');
      const { epk, ...rest } = header;
      assert.deepEqual(rest, {
        alg: kind === "RSA" ? "RSA-OAEP-256" : "ECDH-ES+A256KW",
        enc: "A256GCM",
        kid: key.kid,
        cty: "application/cloudevents+json",
        webhook_id: ABOUT.webhookId,
        endpoint_id: ABOUT.endpointId,
      });
      assert.equal(epk === undefined, kind === "RSA");
    });

    test("is opened whatever it is, and never encrypted in the same way twice", async () => {
      const key = await loaded(publicJwk);
      await fc.assert(
        fc.asyncProperty(anyJson, async (text) => {
          const [first, second] = await Promise.all([1, 2].map(() => encryptBody(key, Buffer.from(text), ABOUT)));
          assert.ok(first !== undefined && second !== undefined);
          assert.equal(openJwe(first, privateJwk).content.toString(), text);
          for (const member of ["iv", "encrypted_key", "ciphertext"]) {
            assert.notEqual(
              Reflect.get(JSON.parse(String(first)), member),
              Reflect.get(JSON.parse(String(second)), member),
            );
          }
        }),
        { numRuns: 20 },
      );
    });

    test("is refused if a bit of it or of its header was changed, or for another key", async () => {
      const body = await encryptBody(await loaded(publicJwk), Buffer.from('{"a": 1}'), ABOUT);
      const parsed = await loadDecryptionKey(JSON.stringify(privateJwk));
      assert.ok(parsed.kind === "key");
      const other = await loadDecryptionKey(JSON.stringify(makeKeyPair(kind).privateJwk));
      assert.ok(other.kind === "key");
      assert.equal((await decryptBody([parsed.key], body, ABOUT.webhookId)).kind, "decrypted");
      assert.equal((await decryptBody([parsed.key], body, "another")).kind, "rejected");
      assert.equal((await decryptBody([other.key], body, ABOUT.webhookId)).kind, "rejected");
      for (const member of ["protected", "ciphertext", "tag", "encrypted_key", "iv"]) {
        const jwe = JSON.parse(body.toString());
        const bytes = Buffer.from(jwe[member], "base64url");
        bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1;
        jwe[member] = bytes.toString("base64url");
        const changed = Buffer.from(JSON.stringify(jwe));
        assert.throws(() => openJwe(changed, privateJwk));
        assert.equal((await decryptBody([parsed.key], changed, ABOUT.webhookId)).kind, "rejected");
      }
    });

    test("is read with use, key_ops and alg that do not contradict, as WebCrypto and others write them", async () => {
      const ops = kind === "RSA" ? ["encrypt"] : [];
      const alg = kind === "RSA" ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
      const key = await loaded({ ...publicJwk, kid: "of 2026", use: "enc", key_ops: ops, alg, ext: true });
      assert.equal(key.kid, "of 2026");
      const body = await encryptBody(key, Buffer.from("1"), ABOUT);
      assert.equal(openJwe(body, privateJwk).content.toString(), "1");
    });
  });
}

test("a key without kid is named by its thumbprint", async () => {
  const { publicJwk } = makeKeyPair("P-256");
  const { crv, kty, x, y } = publicJwk;
  const thumbprint = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
  assert.equal((await loaded(publicJwk)).kid, thumbprint);
});

test("a point that is not on its curve is a problem", async () => {
  const ones = Buffer.alloc(32, 1).toString("base64url");
  for (const jwk of [
    { kty: "EC", crv: "P-256", x: ones, y: ones },
    { kty: "OKP", crv: "X25519", x: Buffer.alloc(32).toString("base64url") },
    {},
    null,
  ]) {
    assert.equal((await loadEncryptionKey(jwk)).kind, "problem");
  }
});

test("the longest body that is encrypted does not become longer than a body may be", async () => {
  const { publicJwk } = makeKeyPair("RSA");
  const key = await loaded({ ...publicJwk, kid: "é".repeat(255) });
  const body = Buffer.alloc(PLAINTEXT_BYTES_MAX, 0x20);
  const { length } = await encryptBody(key, body, ABOUT);
  assert.ok(length <= BODY_BYTES_MAX && length > BODY_BYTES_MAX - 10_000);
});

test("what is not a private JWK is refused as one, and not shown", async () => {
  const { publicJwk } = makeKeyPair("X25519");
  for (const text of ["", "s3cret", "null", '{"d": "s3cret"}', JSON.stringify(publicJwk)]) {
    const parsed = await loadDecryptionKey(text);
    assert.ok(parsed.kind === "problem");
    assert.doesNotMatch(parsed.problem, /s3cret/);
  }
});
