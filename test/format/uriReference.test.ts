import assert from "node:assert/strict";
import { test } from "node:test";
import { isUri, isUriReference } from "../../src/format/uriReference.ts";

const URIS = [
  "https://shop.example.com/orders",
  "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
  "mailto:a@b.example",
  "http://[::1]:8080/a//b?c=/?d#e?f/g",
  "a:",
  "a:/",
  "http://a:b@c:/",
  "http://%41/%20",
];
const RELATIVE = ["", "postrider", "/orders", "//host/orders", "a/b:c", "?q", "#f", "./a:b", "..", "%20"];
const NEITHER = [
  "a b",
  "a:b c",
  "1:a",
  ":a",
  "a\n",
  "http://a/%2",
  "http://a/%zz",
  "http://[x/",
  "ä",
  "a#b#c",
  "http://a\\b",
  '"',
  "<a>",
  "a\0",
];

test("URI references are those of RFC 3986", () => {
  for (const text of URIS) assert.ok(isUri(text) && isUriReference(text), text);
  for (const text of RELATIVE) assert.ok(!isUri(text) && isUriReference(text), text);
  for (const text of NEITHER) assert.ok(!isUri(text) && !isUriReference(text), text);
});

test("a long text that is nearly one is judged at once", () => {
  for (const text of ["a/".repeat(50_000), "a:".repeat(50_000), "@".repeat(100_000), "%20".repeat(30_000)]) {
    const startedMs = performance.now();
    assert.ok(!isUriReference(`${text} `));
    assert.ok(performance.now() - startedMs < 1_000);
  }
});
