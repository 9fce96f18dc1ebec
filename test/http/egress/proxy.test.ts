import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProxy } from "../../../src/http/egress/proxy.ts";

for (const [text, secure, hostname, port, authorization] of [
  ["http://proxy.internal:3128", false, "proxy.internal", 3128, undefined],
  ["http://proxy.internal", false, "proxy.internal", 80, undefined],
  ["https://proxy.internal/", true, "proxy.internal", 443, undefined],
  ["HTTPS://10.0.0.7:8443", true, "10.0.0.7", 8443, undefined],
  ["http://[fd00::1]:3128", false, "[fd00::1]", 3128, undefined],
  ["http://user:secret@proxy.internal:3128", false, "proxy.internal", 3128, "user:secret"],
  ["http://user@proxy.internal:3128", false, "proxy.internal", 3128, "user:"],
  ["http://user%40corp:p%3Aw%2F%20%C3%A9@proxy.internal:3128", false, "proxy.internal", 3128, "user@corp:p:w/ é"],
] as const) {
  test(`the proxy ${text} is read`, () => {
    const header = authorization && `Basic ${Buffer.from(authorization).toString("base64")}`;
    assert.deepEqual(parseProxy(text), {
      kind: "proxy",
      proxy: { origin: { secure, hostname, port }, authorization: header },
    });
  });
}

for (const text of [
  "",
  "proxy.internal:3128",
  "socks5://user:secret@proxy.internal:1080",
  "http:///secret",
  "http:user:secret@proxy.internal",
  "http://user:secret@",
  "http://user:secret@proxy.internal:99999",
  "http://user:secret@proxy.internal:0",
  "http://user:secret@proxy.internal/path",
  "http://user:secret@proxy.internal/?query",
  "http://user:secret@proxy.internal/#fragment",
  "http://user:secret%@proxy.internal",
  "http://us%3Aer:secret@proxy.internal",
]) {
  test(`the proxy ${JSON.stringify(text)} is refused, and the sentence does not quote it`, () => {
    const parsed = parseProxy(text);
    assert.equal(parsed.kind, "problem");
    assert.doesNotMatch(JSON.stringify(parsed), /secret|internal/);
  });
}
