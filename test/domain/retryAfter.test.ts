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

test("seconds are read however they are written", () => {
  for (const [text, waitMs] of [
    ["45.0", 45_000],
    ["45.5", 45_500],
    ["45.", 45_000],
    [".5", 500],
    ["0.0", 0],
    ["+45", 45_000],
    ["045", 45_000],
    ["\t45 ", 45_000],
    ["\u00a045\u00a0", 45_000],
    ['"45"', 45_000],
    ["45s", 45_000],
    ["45 seconds", 45_000],
    ["1 sec", 1_000],
  ] as const) {
    assert.equal(parseRetryAfterMs(text, undefined, NOW_MS), waitMs, text);
  }
});

test("dates are read however they are written", () => {
  for (const text of [
    "Sun, 6 Nov 1994 08:49:47 GMT",
    "Sun,  06  Nov  1994  08:49:47  GMT",
    "sun, 06 nov 1994 08:49:47 gmt",
    "06 Nov 1994 08:49:47 GMT",
    "Tue, 06 Nov 1994 08:49:47 GMT",
    "Sun, 06 Nov 1994 8:49:47 GMT",
    "Sun, 06 Nov 1994 08:49:47 UTC",
    "Sun, 06 Nov 1994 08:49:47 UT",
    "Sun, 06 Nov 1994 08:49:47 Z",
    "Sun, 06 Nov 1994 08:49:47 +0000",
    "Sun, 06 Nov 1994 09:49:47 +0100",
    "Sun, 06 Nov 1994 03:19:47 -0530",
    "Sun, 06-Nov-1994 08:49:47 GMT",
    "Sun, 06 Nov 94 08:49:47 GMT",
    "Sun Nov 6 08:49:47 1994",
    "Sun Nov 06 08:49:47 UTC 1994",
    '"Sun, 06 Nov 1994 08:49:47 GMT"',
    "1994-11-06T08:49:47Z",
    "1994-11-06T08:49:47.5Z",
    "1994-11-06 09:49:47+01:00",
  ]) {
    assert.equal(parseRetryAfterMs(text, "sun, 6 nov 1994 08:49:37 utc", 0), 10_000, text);
  }
});

test("of several values the longest wait counts, and what cannot be read is left out", () => {
  for (const [text, waitMs] of [
    ["5, 10", 10_000],
    ["10,5", 10_000],
    ["10, soon", 10_000],
    [", 10,", 10_000],
    ["-1, 10", 10_000],
    [`5, ${new Date(NOW_MS + 20_000).toUTCString()}`, 20_000],
    [`${new Date(NOW_MS + 20_000).toUTCString()}, 30`, 30_000],
    [`${new Date(NOW_MS).toUTCString()}, Sunday, 06-Nov-94 08:49:47 GMT`, 10_000],
  ] as const) {
    assert.equal(parseRetryAfterMs(text, NOW_TEXT, NOW_MS), waitMs, text);
  }
});

test("anything but seconds or a date counts as not given", () => {
  const texts = [
    undefined,
    "",
    "soon",
    "-1",
    "-45.0",
    "- 1",
    ".",
    "1.2.3",
    "1e3",
    "0x10",
    "1_000",
    "NaN",
    "Infinity",
    "5;q=1",
    "5 minutes",
    "5000ms",
    "1994-11-06",
    "1994-11-06T08:49:37",
    "1994-13-06T08:49:37Z",
    "08:49:37",
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
