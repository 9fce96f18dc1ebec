import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { byteRangeOf } from "../../src/listen/byteRange.ts";

const PAYLOAD = { size: 100, etag: '"e"' };

for (const [range, expected] of [
  ["bytes=0-0", { kind: "part", from: 0, to: 1 }],
  ["bytes=10-", { kind: "part", from: 10, to: 100 }],
  ["bytes=-10", { kind: "part", from: 90, to: 100 }],
  ["bytes=-1000", { kind: "part", from: 0, to: 100 }],
  ["bytes=90-1000", { kind: "part", from: 90, to: 100 }],
  ["BYTES=0-1", { kind: "part", from: 0, to: 2 }],
  ["bytes=100-", { kind: "unsatisfiable" }],
  ["bytes=-0", { kind: "unsatisfiable" }],
  ["bytes=5-4", { kind: "whole" }],
  ["bytes=0-1,5-6", { kind: "whole" }],
  ["bytes=-", { kind: "whole" }],
  ["lines=0-1", { kind: "whole" }],
  ["bytes=99999999999999999999-", { kind: "whole" }],
] as const) {
  test(`${range} of 100 bytes is ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(byteRangeOf(range, undefined, PAYLOAD), expected);
  });
}

test("a range applies only to the payload that the client has a part of", () => {
  assert.equal(byteRangeOf("bytes=1-2", '"e"', PAYLOAD).kind, "part");
  for (const ifRange of ['"f"', 'W/"e"', "Mon, 30 Nov 2026 00:00:00 GMT", ""]) {
    assert.equal(byteRangeOf("bytes=1-2", ifRange, PAYLOAD).kind, "whole");
  }
});

test("no range leads outside the payload", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,20}-\d{0,20}$/)), fc.nat(1_000), (range, size) => {
      const found = byteRangeOf(range, undefined, { size, etag: "" });
      assert.ok(found.kind !== "part" || (found.from >= 0 && found.from < found.to && found.to <= size));
    }),
  );
});
