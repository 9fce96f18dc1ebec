import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "../../src/receive/turns.ts";

const WAIT_MS = 60_000;

test("what has one name happens one after the other, in the order of asking, whether it succeeds or fails", async () => {
  const turns = new Turns(WAIT_MS);
  const said: string[] = [];
  const work =
    (name: string, fails = false) =>
    async () => {
      said.push(`${name} begins`);
      await new Promise(setImmediate);
      said.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([
    turns.take("one", work("a")),
    turns.take("one", work("b", true)),
    turns.take("one", work("c")),
  ]);
  assert.deepEqual(said, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
});

test("what has another name does not wait", async () => {
  const turns = new Turns(WAIT_MS);
  const ending = Promise.withResolvers<void>();
  const first = turns.take("one", () => ending.promise);
  assert.equal(await turns.take("other", async () => "done"), "done");
  ending.resolve();
  await first;
});

test("who has waited too long does not go ahead, and does not let others ahead either", async () => {
  const turns = new Turns(10);
  const ending = Promise.withResolvers<void>();
  const first = turns.take("one", () => ending.promise);
  const refuse = () => assert.fail("it must not run");
  for (let time = 0; time < 2; time++) {
    await assert.rejects(turns.take("one", refuse), { name: "ReceiveError", code: "busy" });
  }
  ending.resolve();
  await first;
  assert.equal(await turns.take("one", async () => "done"), "done");
});
