import assert from "node:assert/strict";
import { createDecipheriv, randomBytes } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { isSealed, open, parseSealingKey, type SealingKey, seal, sealedBy } from "../../src/secrets/sealing.ts";

const OWNER = { endpointId: "0190a000-0000-7000-8000-000000000001", kind: "hmac" };
const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;

function keyOf(bytes: Buffer): SealingKey {
  const key = parseSealingKey(bytes.toString("base64"));
  assert.ok(key !== null);
  return key;
}

const BYTES = Buffer.alloc(32, 1);
const KEY = keyOf(BYTES);
const OTHER = keyOf(Buffer.alloc(32, 2));

test("what was sealed opens with the key, whichever place it has among the others, and each sealing is another one", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (secret) => {
      const sealed = seal(KEY, OWNER, secret.toWellFormed());
      assert.notEqual(sealed, seal(KEY, OWNER, secret.toWellFormed()));
      assert.deepEqual(open([OTHER, KEY], OWNER, sealed), { kind: "opened", secret: secret.toWellFormed() });
    }),
  );
});

test("what is not sealed is returned as it is, with keys and without", () => {
  assert.deepEqual(open([], OWNER, SECRET), { kind: "opened", secret: SECRET });
  assert.deepEqual(open([KEY], OWNER, SECRET), { kind: "opened", secret: SECRET });
});

test("the form is the documented one: whoever has the key opens it without this program", () => {
  const sealed = seal(KEY, OWNER, SECRET);
  assert.match(sealed, /^sealed:v1:[0-9a-f]{16}:[A-Za-z0-9+/]+={0,2}$/);
  const bytes = Buffer.from(sealed.split(":")[3] ?? "", "base64");
  const decipher = createDecipheriv("aes-256-gcm", BYTES, bytes.subarray(0, 12))
    .setAAD(Buffer.from(`postrider:endpoint_secret:v1:${OWNER.endpointId}:hmac`))
    .setAuthTag(bytes.subarray(-16));
  assert.equal(Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString(), SECRET);
});

test("it opens for no other endpoint, purpose or key, and not if a character was changed", () => {
  const sealed = seal(KEY, OWNER, SECRET);
  const problemOf = (keys: readonly SealingKey[], owner: typeof OWNER, stored: string) => {
    const opened = open(keys, owner, stored);
    assert.ok(opened.kind === "problem", stored);
    assert.ok(!opened.problem.includes(SECRET));
    return opened.problem;
  };
  assert.match(
    problemOf([KEY], { ...OWNER, endpointId: OWNER.endpointId.replace(/1$/, "2") }, sealed),
    /another endpoint/,
  );
  assert.match(problemOf([KEY], { ...OWNER, kind: "ed25519" }, sealed), /does not open/);
  assert.match(
    problemOf([OTHER], OWNER, sealed),
    new RegExp(`key ${KEY.id}, which is not in POSTRIDER_ENCRYPTION_KEYS`),
  );
  assert.match(problemOf([], OWNER, sealed), /not in POSTRIDER_ENCRYPTION_KEYS/);
  const head = `sealed:v1:${KEY.id}:`;
  const bytes = Buffer.from(sealed.slice(head.length), "base64");
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ 1;
    problemOf([KEY], OWNER, head + changed.toString("base64"));
  }
  for (const stored of [
    "sealed:",
    "sealed:v2:x",
    head,
    `${head}AAAA`,
    head + bytes.subarray(0, 27).toString("base64"),
  ]) {
    problemOf([KEY], OWNER, stored);
  }
});

test("a key is 32 bytes in base64, in base64url or in hexadecimal digits, and each spelling is the same key", () => {
  const bytes = randomBytes(32);
  const spellings = ["base64", "base64url", "hex"] as const;
  const ids = spellings.map((encoding) => parseSealingKey(bytes.toString(encoding))?.id);
  assert.equal(new Set(ids).size, 1);
  assert.equal(parseSealingKey(bytes.toString("hex").toUpperCase())?.id, ids[0]);
  assert.notEqual(ids[0], KEY.id);
  for (const wrong of [
    "",
    "secret",
    bytes.subarray(1).toString("base64"),
    `${bytes.toString("base64")}A`,
    "!".repeat(44),
  ]) {
    assert.equal(parseSealingKey(wrong), null, wrong);
  }
});

test("no inspection shows a key, and what sealed it can be told from the stored text", () => {
  assert.ok(!inspect(KEY, { depth: 9, showHidden: true }).includes("1, 1, 1"));
  assert.ok(!JSON.stringify(KEY).includes(BYTES.toString("base64")));
  const sealed = seal(KEY, OWNER, SECRET);
  assert.deepEqual([isSealed(sealed), isSealed(SECRET)], [true, false]);
  assert.deepEqual([sealedBy(sealed), sealedBy(SECRET)], [KEY.id, null]);
});
