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
  claims.noteRecorded("first", two, [], "one");
  assert.deepEqual(claims.of("second"), ["1"], "else it would be adopted, and its deliveries made, once more");
  assert.deepEqual(claims.finishedBy("second", two), [{ id: "1", epoch: "one" }]);
  claims.noteRecorded("second", two, [], "one");
  assert.deepEqual(claims.of("second"), []);
});

test("a claim whose results were recorded in two epochs stays in doubt, whatever the present one is", () => {
  const claims = new OpenClaims();
  claims.open("1", "daemon", 3);
  claims.open("2", "daemon", 1);
  const one = new Map([["1", 1]]);
  claims.noteRecorded("daemon", one, [], "before");
  claims.noteRecorded("daemon", one, [], "after");
  assert.deepEqual(claims.finishedBy("daemon", one), [{ id: "1", epoch: null }]);
  claims.noteRecorded("daemon", one, ["1"], "after");
  assert.deepEqual(claims.finishedBy("daemon", new Map([["2", 1]])), [
    { id: "1", epoch: null },
    { id: "2", epoch: "after" },
  ]);
});

test("a finished claim that stays keeps the epoch of its records", () => {
  const claims = new OpenClaims();
  claims.open("1", "daemon", 1);
  claims.noteRecorded("daemon", new Map([["1", 1]]), ["1"], "before");
  claims.noteRecorded("daemon", new Map(), ["1"], "after");
  assert.deepEqual(claims.finishedBy("daemon", new Map()), [{ id: "1", epoch: "before" }]);
});

test("a claim whose number was given anew while the lost one was open stays in doubt", () => {
  const claims = new OpenClaims();
  claims.open("1", "daemon", 3);
  claims.open("1", "daemon", 2);
  const one = new Map([["1", 1]]);
  claims.noteRecorded("daemon", one, [], "after");
  assert.deepEqual(claims.finishedBy("daemon", one), [{ id: "1", epoch: null }]);
});
