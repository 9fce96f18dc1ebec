import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseRetryAfterMs, RETRY_AFTER_MAX_MS } from "../../src/domain/retryAfter.ts";

const NOW_TEXT = "Sun, 06 Nov 1994 08:49:37 GMT";
const NOW_MS = Date.UTC(1994, 10, 6, 8, 49, 37);

test("seconds are seconds", () => {
  assert.equal(parseRetryAfterMs("120", undefined, NOW_MS), 120_000);
  assert.equal(parseRetryAfterMs(" 0 ", undefined, NOW_MS), 0);
});

test("a date is counted from the date header, whatever this machine's clock says", () => {
  assert.equal(parseRetryAfterMs("Sun, 06 Nov 1994 08:50:07 GMT", NOW_TEXT, NOW_MS + 86_400_000), 30_000);
});

test("a date is counted from now if the date header is missing or is not a date", () => {
  assert.equal(parseRetryAfterMs("Sun, 06 Nov 1994 08:50:07 GMT", undefined, NOW_MS), 30_000);
  assert.equal(parseRetryAfterMs("Sun, 06 Nov 1994 08:50:07 GMT", "yesterday", NOW_MS), 30_000);
});

test("all three forms of an HTTP-date are read", () => {
  for (const form of ["Sun, 06 Nov 1994 08:49:47 GMT", "Sunday, 06-Nov-94 08:49:47 GMT", "Sun Nov  6 08:49:47 1994"]) {
    assert.equal(parseRetryAfterMs(form, undefined, NOW_MS), 10_000, form);
  }
});

test("a year of two digits is at most 50 years ahead", () => {
  const now = Date.UTC(2026, 0, 1);
  assert.equal(parseRetryAfterMs("Sunday, 06-Nov-94 08:49:37 GMT", undefined, now), 0);
  assert.equal(parseRetryAfterMs("Thursday, 01-Jan-26 00:00:01 GMT", undefined, now), 1_000);
  assert.equal(parseRetryAfterMs("Wednesday, 01-Jan-76 00:00:00 GMT", undefined, now), RETRY_AFTER_MAX_MS);
});

test("a date in the past asks for no wait", () => {
  assert.equal(parseRetryAfterMs("Sun, 06 Nov 1994 08:49:36 GMT", NOW_TEXT, NOW_MS), 0);
});

test("an absurd wait is bounded", () => {
  assert.equal(parseRetryAfterMs("9".repeat(400), undefined, NOW_MS), RETRY_AFTER_MAX_MS);
  assert.equal(parseRetryAfterMs("Fri, 31 Dec 9999 23:59:59 GMT", undefined, NOW_MS), RETRY_AFTER_MAX_MS);
});

test("anything but seconds or a date counts as not given", () => {
  const texts = [
    undefined,
    "",
    "soon",
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "5, 10",
    "5;q=1",
    "1994-11-06T08:49:37Z",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 CET",
    "Nov 6",
  ];
  for (const text of texts) {
    assert.equal(parseRetryAfterMs(text, NOW_TEXT, NOW_MS), null, String(text));
  }
});

test("every HTTP-date within a year is read to the second", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 31_536_000 }), (seconds) => {
      const text = new Date(NOW_MS + seconds * 1_000).toUTCString();
      assert.equal(parseRetryAfterMs(text, NOW_TEXT, 0), seconds * 1_000);
    }),
  );
});

test("headers of any content give a bounded wait or none", () => {
  fc.assert(
    fc.property(anyText(200), fc.option(anyText(10)), (text, date) => {
      const wait = parseRetryAfterMs(text, date ?? undefined, NOW_MS);
      assert.ok(wait === null || (wait >= 0 && wait <= RETRY_AFTER_MAX_MS));
    }),
  );
});

test("a very long header is refused in no time", () => {
  const startedMs = performance.now();
  parseRetryAfterMs(`${"1".repeat(100_000)}x`, "Sun, ".repeat(20_000), NOW_MS);
  // It takes a millisecond. Work that is quadratic in digits or days takes many seconds.
  assert.ok(performance.now() - startedMs < 1_000);
});

/** Also halves of surrogate pairs. fast-check's own way to say so takes seconds to be made. */
function anyText(maxLength: number): fc.Arbitrary<string> {
  return fc.array(fc.nat(0xffff), { maxLength }).map((codes) => String.fromCharCode(...codes));
}
