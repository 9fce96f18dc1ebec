import assert from "node:assert/strict";
import { test } from "node:test";
import { type Next, Pace } from "../../../src/daemon/wake/pace.ts";

const SLEEP_ON: Next = { stayAwake: false, inMs: null };

test("a sleeper sleeps on while events come one by one", () => {
  const pace = new Pace();
  for (let event = 0; event < 100; event += 1) {
    // A claim now and then is overtaken.
    assert.deepEqual(pace.next("complete", "sleeping", event % 3 > 0), SLEEP_ON);
    assert.equal(pace.asksForSleep("sleeping"), false);
  }
});

for (const found of ["complete", "empty"] as const) {
  test(`a sleeper wakes up if one claim after another is overtaken, also if each is ${found}`, () => {
    const pace = new Pace();
    assert.deepEqual(pace.next(found, "sleeping", true), SLEEP_ON);
    assert.deepEqual(pace.next(found, "sleeping", true), SLEEP_ON);
    assert.equal(pace.next(found, "sleeping", true).stayAwake, true);
  });
}

test("a page behind which there is more wakes a sleeper at once, and the next look follows", () => {
  assert.deepEqual(new Pace().next("page", "sleeping", false), { stayAwake: true, inMs: 0 });
});

test("a daemon that is awake asks for sleep once it has found nothing for some 15 ms, and looks every 50 ms while drowsy", () => {
  const pace = new Pace();
  const pauses: Next["inMs"][] = [];
  while (!pace.asksForSleep("awake")) {
    pauses.push(pace.next("empty", "awake", false).inMs);
  }
  assert.deepEqual([...pauses], [1, 2, 2, 2, 2, 2, 2, 2]);
  for (let look = 0; look < 5; look += 1) {
    pauses.push(pace.next("empty", "awake", false).inMs);
  }
  assert.deepEqual(pauses.slice(8), [4, 8, 16, 32, 50]);
  assert.deepEqual(pace.next("complete", "awake", false), { stayAwake: true, inMs: 1 });
  assert.equal(pace.asksForSleep("awake"), false, "it lingers anew");
});

test("one that naps asks before each look, and stays awake if it has found something", () => {
  const pace = new Pace();
  assert.equal(pace.asksForSleep("napping"), true);
  assert.deepEqual(pace.next("empty", "napping", false), SLEEP_ON);
  assert.equal(pace.next("complete", "napping", false).stayAwake, true);
});

test("while sending is off, a daemon stays awake, looks at the poll, and does not ask for sleep", () => {
  const pace = new Pace();
  for (let look = 0; look < 10; look += 1) {
    assert.deepEqual(pace.next("off", "awake", false), { stayAwake: true, inMs: null });
    assert.equal(pace.asksForSleep("awake"), false);
  }
});
