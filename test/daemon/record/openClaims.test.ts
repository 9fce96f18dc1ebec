import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenClaims } from "../../../src/daemon/record/openClaims.ts";

test("results of a lost identity do not count for the claim that its daemon has taken over since", () => {
  const claims = new OpenClaims();
  claims.open("1", "first", 2);
  claims.forget("first");
  claims.open("1", "second", 2);
  const two = new Map([["1", 2]]);
  assert.deepEqual(claims.finishedBy("first", two), []);
  claims.noteRecorded("first", two, []);
  assert.deepEqual(claims.of("second"), ["1"], "else it would be adopted, and its deliveries made, once more");
  assert.deepEqual(claims.finishedBy("second", two), ["1"]);
  claims.noteRecorded("second", two, []);
  assert.deepEqual(claims.of("second"), []);
});
