import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nearest } from "../../src/ground/nearest.ts";

const COMMANDS = ["dev", "migrate", "run", "status", "receive"] as const;

test("a character too many, missing, wrong or swapped is near", () => {
  assert.equal(nearest("migrrate", COMMANDS), "migrate");
  assert.equal(nearest("migrte", COMMANDS), "migrate");
  assert.equal(nearest("ststus", COMMANDS), "status");
  assert.equal(nearest("recieve", COMMANDS), "receive");
  assert.equal(nearest("rnu", COMMANDS), "run");
});

test("a beginning is near, either way round", () => {
  assert.equal(nearest("public", ["public-only", "private-ok"]), "public-only");
  assert.equal(nearest("statuses", COMMANDS), "status");
});

test("case does not count", () => {
  assert.equal(nearest("RUN", COMMANDS), "run");
});

test("what is far from everything is near nothing", () => {
  assert.equal(nearest("publish", COMMANDS), null);
  assert.equal(nearest("x", COMMANDS), null);
  assert.equal(nearest("", COMMANDS), null);
  assert.equal(nearest("x".repeat(100_000), COMMANDS), null);
});

test("a candidate is nearest to itself, and the answer is always a candidate or null", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
      fc.string(),
      (candidates, word) => {
        for (const candidate of candidates) {
          assert.equal(nearest(candidate, candidates), candidate);
        }
        const answer = nearest(word, candidates);
        assert.ok(answer === null || candidates.includes(answer));
      },
    ),
  );
});
