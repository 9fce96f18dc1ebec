import assert from "node:assert/strict";
import { test } from "node:test";
import { tracestateIn } from "../../src/format/tracestate.ts";

function withState(tracestate: unknown): string {
  return JSON.stringify({ subject: "o1", tracestate });
}

test("the tracestate of an event is found among its attributes", () => {
  for (const state of [
    "rojo=00f067aa0ba902b7",
    "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
    "1234-tenant@vendor=a b",
    "a=1, b=2",
    Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(","),
  ]) {
    assert.equal(tracestateIn(withState(state)), state);
  }
});

test("what W3C Trace Context does not allow, or what could add a line to a request, is no tracestate", () => {
  for (const state of [
    "",
    "a",
    "A=1",
    "a=",
    "a=b=c",
    "a=1,,b=2",
    "a=1\r\nx-forged: 1",
    "a=\u00e9",
    "a=1\n",
    `a=${"x".repeat(511)}`,
    Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(","),
    null,
    7,
    { a: 1 },
  ]) {
    assert.equal(tracestateIn(withState(state)), null, JSON.stringify(state));
  }
});

test("attributes without one have none", () => {
  for (const attributes of [null, "{}", '{"note": "\\"tracestate\\""}', '{"deep": {"tracestate": "a=1"}}']) {
    assert.equal(tracestateIn(attributes), null);
  }
});
