import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { makePrivateKey, parsePrivateKey, parsePublicKey } from "../../src/format/ed25519.ts";
import { type MixedKeys, parseSecret, parseVerifyingKey, signMixed, verifySignature } from "../../src/format/sign.ts";

const VECTORS: {
  readonly whsk: string;
  readonly whpk: string;
  readonly vectors: readonly {
    readonly name: string;
    readonly secret: string;
    readonly id: string;
    readonly timestamp: number;
    readonly body: string;
    readonly v1: string;
    readonly v1a: string;
  }[];
} = JSON.parse(readFileSync(new URL("./standardWebhooks.json", import.meta.url), "utf8"));

const NOW = 1_700_000_000;

function privateKeyOf(text: string) {
  const parsed = parsePrivateKey(text);
  assert.ok(parsed.kind === "key");
  return parsed.key;
}

function hmacKeyOf(text: string) {
  const parsed = parseSecret(text);
  assert.ok(parsed.kind === "key");
  return parsed.key;
}

function verifyingKeyOf(text: string) {
  const parsed = parseVerifyingKey(text);
  assert.ok(parsed.kind === "key", parsed.kind === "problem" ? parsed.problem : "");
  return parsed.key;
}

function publicKeyOf(privateKey: string): string {
  return `whpk_${Buffer.from(privateKey.slice(5), "base64").subarray(32).toString("base64")}`;
}

function resultOf(keys: readonly string[], signature: string, body: Buffer | string = "{}", id = "msg_1"): string {
  const headers = { id, timestamp: String(NOW), signature };
  const result = verifySignature(keys.map(verifyingKeyOf), headers, body, NOW);
  return result.kind === "verified" ? "verified" : result.reason;
}

for (const vector of VECTORS.vectors) {
  test(`the vector ${vector.name} is signed and verified, alone and beside HMAC`, () => {
    const ed25519 = [privateKeyOf(VECTORS.whsk)];
    const sign = (keys: MixedKeys, body: string | Buffer) => signMixed(keys, vector.id, vector.timestamp, body);
    for (const body of [vector.body, Buffer.from(vector.body)]) {
      assert.equal(sign({ hmac: [], ed25519 }, body), vector.v1a);
      assert.equal(sign({ hmac: [hmacKeyOf(vector.secret)], ed25519 }, body), `${vector.v1} ${vector.v1a}`);
    }
    for (const key of [VECTORS.whpk, vector.secret]) {
      const headers = { id: vector.id, timestamp: String(vector.timestamp), signature: `${vector.v1} ${vector.v1a}` };
      const result = verifySignature([verifyingKeyOf(key)], headers, Buffer.from(vector.body), vector.timestamp);
      assert.equal(result.kind, "verified");
    }
  });
}

test("a key that was made is written as Standard Webhooks writes it, and its public half verifies", () => {
  const made = makePrivateKey();
  assert.match(made, /^whsk_[A-Za-z0-9+/]{86}==$/);
  assert.notEqual(makePrivateKey(), made);
  const header = signMixed({ hmac: [], ed25519: [privateKeyOf(made)] }, "msg_1", NOW, "{}");
  assert.match(header, /^v1a,[A-Za-z0-9+/]{86}==$/);
  assert.equal(resultOf([publicKeyOf(made)], header), "verified");
  assert.equal(resultOf([publicKeyOf(makePrivateKey())], header), "signature_mismatch");
  assert.equal(resultOf([publicKeyOf(makePrivateKey()), publicKeyOf(made)], header), "verified");
});

test("the signature is one of ed25519 over id, timestamp and body for whoever has only the documented key", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      const made = makePrivateKey();
      const header = signMixed({ hmac: [], ed25519: [privateKeyOf(made)] }, "msg_1", NOW, Buffer.from(bytes));
      // RFC 8410: what stands before the 32 bytes in a public key's DER.
      const der = Buffer.concat([
        Buffer.from("302a300506032b6570032100", "hex"),
        Buffer.from(publicKeyOf(made).slice(5), "base64"),
      ]);
      const signed = Buffer.concat([Buffer.from(`msg_1.${NOW}.`), bytes]);
      const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
      assert.ok(verify(null, signed, publicKey, Buffer.from(header.slice(4), "base64")));
    }),
    { numRuns: 20 },
  );
});

test("a changed body, id or signature is a mismatch, and another spelling of the signature as well", () => {
  const made = makePrivateKey();
  const header = signMixed({ hmac: [], ed25519: [privateKeyOf(made)] }, "msg_1", NOW, "{}");
  const keys = [publicKeyOf(made)];
  assert.equal(resultOf(keys, header, "{ }"), "signature_mismatch");
  assert.equal(resultOf(keys, header, "{}", "msg_2"), "signature_mismatch");
  for (const signature of [
    header.slice(0, -2),
    `${header}=`,
    `${header.slice(0, 20)}\t${header.slice(20)}`,
    "v1a,AAAA",
  ]) {
    assert.equal(resultOf(keys, signature), "signature_mismatch", signature);
  }
});

test("a key verifies signatures of its version alone, and says so if there are none", () => {
  const made = makePrivateKey();
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const v1a = signMixed({ hmac: [], ed25519: [privateKeyOf(made)] }, "msg_1", NOW, "{}");
  assert.equal(resultOf([secret], v1a), "signature_unknown");
  assert.equal(resultOf([publicKeyOf(made)], v1a.replace("v1a", "v1")), "signature_unknown");
  assert.equal(resultOf([secret, publicKeyOf(made)], v1a), "verified");
});

test("keys sign in their order, and nothing is signed by HMAC alone that wants ed25519 as well", () => {
  const [first, second] = [makePrivateKey(), makePrivateKey()].map(privateKeyOf);
  assert.ok(first !== undefined && second !== undefined);
  const hmac = [hmacKeyOf(`whsec_${Buffer.alloc(32, 7).toString("base64")}`)];
  const of = (keys: MixedKeys) => signMixed(keys, "msg_1", NOW, "{}");
  assert.equal(
    of({ hmac: [], ed25519: [first, second] }),
    `${of({ hmac: [], ed25519: [first] })} ${of({ hmac: [], ed25519: [second] })}`,
  );
  assert.throws(() => of({ hmac, ed25519: [] }), /without a key/);
});

test("a header full of signatures costs a receiver no more than twenty checks a key", () => {
  const made = makePrivateKey();
  const good = signMixed({ hmac: [], ed25519: [privateKeyOf(made)] }, "msg_1", NOW, "{}");
  const bad = `v1a,${Buffer.alloc(64).toString("base64")}`;
  assert.equal(resultOf([publicKeyOf(made)], [...Array(19).fill(bad), good].join(" ")), "verified");
  assert.equal(resultOf([publicKeyOf(made)], [...Array(20).fill(bad), good].join(" ")), "signature_mismatch");
});

test("what is no key is refused without being repeated", () => {
  const good = makePrivateKey();
  const bytes = Buffer.from(good.slice(5), "base64");
  const foreign = Buffer.concat([bytes.subarray(0, 32), Buffer.from(makePrivateKey().slice(5), "base64").subarray(32)]);
  for (const text of ["", "whsk_", good.slice(0, -1), `${good} `, `whsk_${bytes.subarray(0, 32).toString("base64")}`]) {
    const parsed = parsePrivateKey(text);
    assert.ok(parsed.kind === "problem");
    assert.equal(parsed.problem, "is not whsk_ and the padded base64 of 64 bytes");
  }
  const parsed = parsePrivateKey(`whsk_${foreign.toString("base64")}`);
  assert.ok(parsed.kind === "problem");
  assert.match(parsed.problem, /does not belong/);
  for (const text of ["whpk_", VECTORS.whpk.slice(0, -1), `whpk_${bytes.toString("base64")}`]) {
    assert.equal(parsePublicKey(text).kind, "problem");
  }
  const asVerifier = parseVerifyingKey(good);
  assert.ok(asVerifier.kind === "problem");
  assert.match(asVerifier.problem, /private key.*whpk_/);
});
