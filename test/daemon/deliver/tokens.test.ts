import assert from "node:assert/strict";
import { test } from "node:test";
import { type Given, Tokens } from "../../../src/daemon/deliver/tokens.ts";
import type { Attempt } from "../../../src/domain/attempt.ts";
import { unsent } from "../../../src/http/failures.ts";
import type { TokenClient } from "../../../src/http/oauth2.ts";
import type { OutgoingRequest } from "../../../src/http/request.ts";

const CLIENT: TokenClient = {
  ...{ url: "https://login.test/token", clientId: "one", clientSecret: "two", method: "client_secret_basic" },
  ...{ scope: null, audience: null },
};

const ISSUED: Attempt = {
  ...unsent("auth", ""),
  ...{ failureKind: null, error: null, httpStatus: 200 },
  responseBody: JSON.stringify({ access_token: "token-1", token_type: "Bearer" }),
};

test("the time that one has left ends its own wait, and not the request that others wait for, too", async () => {
  const asked: { readonly request: OutgoingRequest; readonly done: (attempt: Attempt) => void }[] = [];
  const tokens = new Tokens((request, done) => void asked.push({ request, done }));
  const first = Promise.withResolvers<Given>();
  tokens.get("id", CLIENT, { requestMs: 15_000, waitMs: 1 }, first.resolve);
  const second = Promise.withResolvers<Given>();
  tokens.get("id", CLIENT, { requestMs: 15_000, waitMs: 15_000 }, second.resolve);
  const given = await first.promise;
  assert.equal(given.kind === "failed" && given.failureKind, "timeout");
  assert.deepEqual(
    asked.map(({ request }) => request.timeoutMs),
    [15_000],
  );
  asked[0]?.done(ISSUED);
  assert.deepEqual(await second.promise, { kind: "token", token: "token-1", lifetimeMs: 300_000 });
});
