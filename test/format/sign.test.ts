import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import {
  parseSecret,
  REJECTIONS,
  type SignedHeaders,
  type SigningKey,
  signV1,
  type Verification,
  verifySignature,
} from "../../src/format/sign.ts";

interface Vectors {
  readonly vectors: readonly {
    readonly name: string;
    readonly secret: string;
    readonly id: string;
    readonly timestamp: number;
    readonly body: string;
    readonly v1: string;
    readonly v1a: string;
  }[];
  readonly rotation: {
    readonly id: string;
    readonly timestamp: number;
    readonly body: string;
    readonly header: string;
  };
}

const VECTORS: Vectors = JSON.parse(readFileSync(new URL("./standardWebhooks.json", import.meta.url), "utf8"));

const NOW = 1_700_000_000;
const OFFICIAL_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

function keyOf(secret: string): SigningKey {
  const parsed = parseSecret(secret);
  assert.equal(parsed.kind, "key");
  assert.ok(parsed.kind === "key");
  return parsed.key;
}

function secretOf(bytes: Uint8Array): string {
  return `whsec_${Buffer.from(bytes).toString("base64")}`;
}

function problemOf(secret: string): string {
  const parsed = parseSecret(secret);
  assert.ok(parsed.kind === "problem");
  return parsed.problem;
}

function reasonOf(verification: Verification): string {
  return verification.kind === "verified" ? "verified" : verification.reason;
}

/** A good request, changed by `change`, as the receiver sees it. */
function verifyChanged(change: Partial<SignedHeaders>, body = '{"a":1}', keys = [keyOf(OFFICIAL_SECRET)]): string {
  const signed = signV1([keyOf(OFFICIAL_SECRET)], "msg_1", NOW, '{"a":1}');
  const headers = { id: "msg_1", timestamp: String(NOW), signature: signed, ...change };
  return reasonOf(verifySignature(keys, headers, body, NOW));
}

for (const vector of VECTORS.vectors) {
  test(`the vector ${vector.name} is signed as every official library signs it`, () => {
    const keys = [keyOf(vector.secret)];
    assert.equal(signV1(keys, vector.id, vector.timestamp, vector.body), vector.v1);
    assert.equal(signV1(keys, vector.id, vector.timestamp, Buffer.from(vector.body)), vector.v1);
  });

  test(`the vector ${vector.name} is verified`, () => {
    const headers = { id: vector.id, timestamp: String(vector.timestamp), signature: `${vector.v1a} ${vector.v1}` };
    const verification = verifySignature([keyOf(vector.secret)], headers, Buffer.from(vector.body), vector.timestamp);
    assert.deepEqual(verification, { kind: "verified", id: vector.id, timestampSeconds: vector.timestamp });
  });
}

test("several keys sign in their order, separated by spaces", () => {
  const first = keyOf(secretOf(Buffer.alloc(24, 1)));
  const second = keyOf(secretOf(Buffer.alloc(32, 2)));
  const header = signV1([first, second], "msg_1", NOW, "{}");
  assert.equal(header, `${signV1([first], "msg_1", NOW, "{}")} ${signV1([second], "msg_1", NOW, "{}")}`);
});

test("during a rotation the old and the new secret both verify", () => {
  const oldKey = keyOf(secretOf(Buffer.alloc(24, 1)));
  const newKey = keyOf(secretOf(Buffer.alloc(24, 2)));
  const headers = { id: "msg_1", timestamp: String(NOW), signature: signV1([newKey, oldKey], "msg_1", NOW, "{}") };
  assert.equal(verifySignature([oldKey], headers, "{}", NOW).kind, "verified");
  assert.equal(verifySignature([newKey], headers, "{}", NOW).kind, "verified");
  assert.equal(verifySignature([keyOf(OFFICIAL_SECRET), oldKey], headers, "{}", NOW).kind, "verified");
  assert.equal(reasonOf(verifySignature([keyOf(OFFICIAL_SECRET)], headers, "{}", NOW)), "signature_mismatch");
});

test("nothing is signed without a key", () => {
  assert.throws(() => signV1([], "msg_1", NOW, "{}"), /without a key/);
});

test("what was signed is verified, whatever the bytes, the secret and the distance within the tolerance", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 24, maxLength: 64 }),
      fc.uint8Array({ maxLength: 2_000 }),
      fc.integer({ min: -300, max: 300 }),
      (secret, bytes, distance) => {
        const key = keyOf(secretOf(secret));
        const body = Buffer.from(bytes);
        const headers = { id: "msg_1", timestamp: String(NOW), signature: signV1([key], "msg_1", NOW, body) };
        assert.equal(reasonOf(verifySignature([key], headers, body, NOW + distance)), "verified");
      },
    ),
  );
});

test("one changed bit in the body is a mismatch", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), fc.nat(), (bytes, position) => {
      const key = keyOf(OFFICIAL_SECRET);
      const body = Buffer.from(bytes);
      const headers = { id: "msg_1", timestamp: String(NOW), signature: signV1([key], "msg_1", NOW, body) };
      const bit = position % (body.length * 8);
      body.writeUInt8(body.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.equal(reasonOf(verifySignature([key], headers, body, NOW)), "signature_mismatch");
    }),
  );
});

test("headers of any content are answered with a reason, never an exception", () => {
  // Any text, halves of surrogate pairs included; fast-check's own way to say so takes seconds to be made.
  const text = fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes));
  const header = fc.option(text);
  fc.assert(
    fc.property(header, header, header, (id, timestamp, signature) => {
      const reason = reasonOf(verifySignature([keyOf(OFFICIAL_SECRET)], { id, timestamp, signature }, "{}", NOW));
      assert.ok(Object.hasOwn(REJECTIONS, reason));
    }),
  );
});

test("each of the three headers is required", () => {
  assert.equal(verifyChanged({}), "verified");
  assert.equal(verifyChanged({ id: undefined }), "id_missing");
  assert.equal(verifyChanged({ timestamp: null }), "timestamp_missing");
  assert.equal(verifyChanged({ signature: "" }), "signature_missing");
});

test("a timestamp with anything but one to twelve digits is malformed", () => {
  for (const timestamp of [
    "1700000000abc",
    " 1700000000",
    "1700000000000",
    "-1",
    "1.7e9",
    "1700000000.0",
    "+1700000000",
  ]) {
    assert.equal(verifyChanged({ timestamp }), "timestamp_malformed", timestamp);
  }
});

test("a timestamp beyond the tolerance is refused on either side, and one at its edge is not", () => {
  const key = keyOf(OFFICIAL_SECRET);
  const headers = { id: "msg_1", timestamp: String(NOW), signature: signV1([key], "msg_1", NOW, "{}") };
  assert.equal(reasonOf(verifySignature([key], headers, "{}", NOW + 300)), "verified");
  assert.equal(reasonOf(verifySignature([key], headers, "{}", NOW + 301)), "timestamp_too_old");
  assert.equal(reasonOf(verifySignature([key], headers, "{}", NOW - 300)), "verified");
  assert.equal(reasonOf(verifySignature([key], headers, "{}", NOW - 301)), "timestamp_too_new");
  assert.equal(reasonOf(verifySignature([key], headers, "{}", NOW + 11, 10)), "timestamp_too_old");
});

test("an id with a dot is refused, because another id, timestamp and body sign the same bytes", () => {
  const key = keyOf(OFFICIAL_SECRET);
  const signature = signV1([key], "a", NOW, `${NOW}.y`);
  assert.equal(signV1([key], `a.${NOW}`, NOW, "y"), signature);
  assert.equal(
    reasonOf(verifySignature([key], { id: `a.${NOW}`, timestamp: String(NOW), signature }, "y", NOW)),
    "id_malformed",
  );
});

test("a header that was sent twice and joined is malformed", () => {
  assert.equal(verifyChanged({ id: "msg_1, msg_1" }), "id_malformed");
  assert.equal(verifyChanged({ timestamp: `${NOW}, ${NOW}` }), "timestamp_malformed");
});

test("signatures of other versions are skipped, and are not enough alone", () => {
  const good = signV1([keyOf(OFFICIAL_SECRET)], "msg_1", NOW, '{"a":1}');
  assert.equal(verifyChanged({ signature: `v2,AAAA v1a,BBBB ${good} v3,CCCC` }), "verified");
  assert.equal(verifyChanged({ signature: `v2,${good.slice(3)}` }), "signature_unknown");
  assert.equal(verifyChanged({ signature: `v1a,${good.slice(3)}` }), "signature_unknown");
});

test("a truncated, empty or differently spelt signature is refused", () => {
  const good = signV1([keyOf(OFFICIAL_SECRET)], "msg_1", NOW, '{"a":1}');
  assert.equal(verifyChanged({ signature: "v1," }), "signature_unknown");
  assert.equal(verifyChanged({ signature: good.slice(0, -1) }), "signature_mismatch");
  assert.equal(verifyChanged({ signature: good.slice(0, 20) }), "signature_mismatch");
  assert.equal(verifyChanged({ signature: `${good}=` }), "signature_mismatch");
});

test("a body that was parsed and written again is a mismatch", () => {
  const key = keyOf(OFFICIAL_SECRET);
  const body = '{"n": 1.10}';
  const headers = { id: "msg_1", timestamp: String(NOW), signature: signV1([key], "msg_1", NOW, body) };
  const rewritten = JSON.stringify(JSON.parse(body));
  assert.equal(reasonOf(verifySignature([key], headers, rewritten, NOW)), "signature_mismatch");
});

test("a secret holds 24 to 64 bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const isGood = bytes.length >= 24 && bytes.length <= 64;
      assert.equal(parseSecret(secretOf(bytes)).kind, isGood ? "key" : "problem");
    }),
  );
});

test("anything but an HMAC secret is refused with the reason, and not repeated", () => {
  assert.match(problemOf("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="), /ed25519/);
  assert.match(problemOf("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="), /ed25519/);
  assert.match(problemOf("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), /start with whsec_/);
  assert.match(problemOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_"), /base64/);
  assert.match(problemOf(`${OFFICIAL_SECRET}\n`), /base64/);
  assert.match(problemOf("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), /base64/);
  assert.match(problemOf("whsec_"), /0 bytes/);
});

test('a problem continues the words "the secret"', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 6 }), (text) => {
      const parsed = parseSecret(text);
      assert.ok(parsed.kind === "problem");
      assert.match(parsed.problem, /^(is|does|holds) /);
    }),
  );
});
