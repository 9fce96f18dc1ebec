import assert from "node:assert/strict";
import { test } from "node:test";
import { connectFailure, handshakeFailure } from "../../../src/http/egress/dialFailure.ts";

test("a step that fails without a code, or without an error, still says what was found", () => {
  for (const [failure, sentence] of [
    [connectFailure("a:1", undefined), "no connection to a:1: it was closed at once"],
    [connectFailure("a:1", new Error("odd")), "no connection to a:1: odd"],
    [handshakeFailure("a:1", undefined), "the TLS handshake with a:1 failed: the peer closed the connection"],
    [handshakeFailure("a:1", new TypeError("odd")), "the TLS handshake with a:1 failed: TypeError"],
  ] as const) {
    assert.equal(failure.message, sentence);
  }
});
