import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf, redacted } from "../../src/telemetry/redact.ts";

test("a secret that is passed by mistake is blanked, and so is whatever is nested", () => {
  const text = JSON.stringify([
    redacted({ secret: "whsec_x", authorization: "Basic x", database_url: "postgres://x" }),
    redacted({ headers: { authorization: "Bearer x", "webhook-signature": "v1,x" } }),
    redacted({ request: { headers: { cookie: "x", "proxy-authorization": "x" } } }),
    redacted({ config: { databaseUrl: "postgres://x", listenUrl: null } }),
    redacted({ endpoints: [{ id: 1, secrets: ["whsec_x"] }] }),
    redacted({ "webhook-signature": "v1,x", "x-api-key": "x" }),
  ]);
  assert.doesNotMatch(text, /whsec_x|Basic x|Bearer x|postgres:|v1,x|"x"/);
});

test("a field without a secret is left as it is, and so is the caller's object", () => {
  const fields = { secret: "whsec_x", listen_url: null, path: "/x", attempts: 2, compressed: ["a.gz", "b.gz"] };
  assert.deepEqual(redacted(fields), { ...fields, secret: "[redacted]" });
  assert.equal(fields.secret, "whsec_x");
});

test("a URL is told as its origin: what follows may be a secret", () => {
  assert.equal(originOf("https://user:pw@example.com:8443/hooks/a?token=x#y"), "https://example.com:8443");
  assert.equal(originOf("https://example.com"), "https://example.com");
  for (const text of ["user:pw@nowhere/x", "pw@nowhere", "postgres://user:pw@db/app", ""]) {
    assert.equal(originOf(text), "(not an http URL)");
  }
});
