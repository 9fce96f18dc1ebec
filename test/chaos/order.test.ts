import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeOrder, type KeyedEvent } from "./order.ts";
import type { ReceivedRequest } from "./receiver.ts";

const FIRST: KeyedEvent = { id: "first", key: "a", place: 1 };
const SECOND: KeyedEvent = { id: "second", key: "a", place: 2 };
const THIRD: KeyedEvent = { id: "third", key: "a", place: 3 };
const OTHER: KeyedEvent = { id: "other", key: "b", place: 1 };

const accepted = (atMs: number): ReceivedRequest => ({ atMs, status: 200, answeredAtMs: atMs + 5 });
const failed = (atMs: number): ReceivedRequest => ({ atMs, status: 500, answeredAtMs: atMs + 5 });
const hung = (atMs: number): ReceivedRequest => ({ atMs, status: null, answeredAtMs: null });

function overtakenBy(
  history: Readonly<Record<string, readonly ReceivedRequest[]>>,
  passedOverAtMs: Readonly<Record<string, number>> = {},
): string[] {
  // The outbox is read in any order.
  const events = [THIRD, OTHER, FIRST, SECOND].filter(({ id }) => id in history);
  return judgeOrder(events, new Map(Object.entries(history)), (id) => passedOverAtMs[id]).map(
    (text) => text.split(/[ ,]/)[1] ?? "",
  );
}

test("one event of a key after the other is in order, and keys do not wait for each other", () => {
  const history = { first: [failed(0), accepted(100)], second: [hung(105), accepted(300)], other: [accepted(1)] };
  assert.deepEqual(overtakenBy(history), []);
});

test("what arrives again after later events of its key is in order", () => {
  const history = { first: [accepted(0), accepted(40)], second: [accepted(20), accepted(50)], third: [accepted(30)] };
  assert.deepEqual(overtakenBy(history), []);
});

test("an event that arrives before an earlier one breaks the order", () => {
  assert.deepEqual(overtakenBy({ first: [accepted(50)], second: [accepted(10)] }), ["second"]);
});

test("an event that arrives while an earlier one waits for its retry breaks the order", () => {
  assert.deepEqual(overtakenBy({ first: [failed(0), accepted(100)], second: [accepted(50)] }), ["second"]);
});

test("an event that arrives while an earlier one is in progress breaks the order", () => {
  assert.deepEqual(overtakenBy({ first: [accepted(0)], second: [failed(3), accepted(20)] }), ["second"]);
});

test("an event is compared with all that come before it, and not with the last one alone", () => {
  const history = { first: [accepted(100)], second: [accepted(0)], third: [accepted(50)] };
  assert.deepEqual(overtakenBy(history), ["second", "third"]);
});

test("what arrives behind an event that never was accepted breaks the order", () => {
  assert.deepEqual(overtakenBy({ first: [hung(0)], second: [accepted(50)] }), ["second"]);
});

test("what arrives behind an event that halts its key breaks the order before that is passed over, and not after it", () => {
  const history = { first: [failed(0)], second: [accepted(50)] };
  assert.deepEqual(overtakenBy(history, { first: 60 }), ["second"]);
  assert.deepEqual(overtakenBy(history, { first: 40 }), []);
});
