import assert from "node:assert/strict";
import { test } from "node:test";
import { type AttemptResult, decide, decideBatch } from "../../src/domain/decide.ts";
import { FAILURE_KINDS } from "../../src/domain/failureKind.ts";
import { makeRetryPolicy } from "../../src/domain/retryPolicy.ts";

interface Lists {
  readonly retryOn?: readonly string[];
  readonly giveUpOn?: readonly string[];
}

function positionWith({ retryOn, giveUpOn }: Lists) {
  const retryPolicy = makeRetryPolicy(retryOn ?? null, giveUpOn ?? []);
  return { scheduleMs: [5_000], retryPolicy, attemptInSchedule: 1, random: () => 0.5, nowMs: 0 };
}

function answered(httpStatus: number): AttemptResult {
  return { httpStatus, failureKind: "status", responseHeaders: {} };
}

function statesOf(lists: Lists, statuses: readonly number[]) {
  return statuses.map((status) => decide(answered(status), positionWith(lists)).state);
}

test("without either list there is no policy to ask", () => {
  assert.equal(makeRetryPolicy(null, []), null);
});

test("a status of give_up_on exhausts a delivery at once, and says so", () => {
  assert.deepEqual(decide(answered(422), positionWith({ giveUpOn: ["400", "422"] })), {
    state: "exhausted",
    reason: "the receiver answered 422, which the endpoint's give_up_on names",
  });
  assert.deepEqual(statesOf({ giveUpOn: ["400", "422"] }, [400, 404, 500]), ["exhausted", "pending", "pending"]);
  assert.deepEqual(statesOf({ giveUpOn: ["4xx"] }, [399, 400, 499, 500]), [
    ...["pending", "exhausted", "exhausted", "pending"],
  ]);
});

test("with retry_on, no other status is retried", () => {
  assert.deepEqual(decide(answered(404), positionWith({ retryOn: ["429", "5xx"] })), {
    state: "exhausted",
    reason: "the receiver answered 404, which the endpoint's retry_on does not name",
  });
  assert.deepEqual(statesOf({ retryOn: ["429", "5xx"] }, [301, 428, 429, 500, 503]), [
    ...["exhausted", "exhausted", "pending", "pending", "pending"],
  ]);
  assert.deepEqual(statesOf({ retryOn: [] }, [301, 500]), ["exhausted", "exhausted"]);
});

test("a status beyond the classes is retried unless retry_on says which are", () => {
  assert.deepEqual(statesOf({ giveUpOn: ["3xx", "4xx", "5xx"] }, [101, 999]), ["pending", "pending"]);
  assert.deepEqual(statesOf({ retryOn: ["5xx"] }, [101, 999]), ["exhausted", "exhausted"]);
});

test("without an answer, or with one that broke off, an attempt is retried whatever the lists say", () => {
  const lists = { retryOn: [], giveUpOn: ["3xx", "4xx", "5xx"] };
  for (const failureKind of FAILURE_KINDS) {
    const unanswered = { httpStatus: null, failureKind, responseHeaders: null };
    assert.equal(decide(unanswered, positionWith(lists)).state, "pending", failureKind);
  }
  assert.equal(decide({ ...answered(200), failureKind: "reset" }, positionWith(lists)).state, "pending");
});

test("410 disables the endpoint whatever the lists say", () => {
  for (const lists of [{ giveUpOn: ["410"] }, { giveUpOn: ["4xx"] }, { retryOn: [] }]) {
    const decision = decide(answered(410), positionWith(lists));
    assert.ok(decision.state === "discarded" && decision.endpointGone);
  }
});

test("a batch that is given up leaves each delivery one attempt alone", () => {
  assert.deepEqual(decideBatch(answered(422), positionWith({ giveUpOn: ["4xx"] })), {
    state: "pending",
    waitMs: 0,
    leavesBatch: true,
  });
});
