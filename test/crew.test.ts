/** How many test files run at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Crew, type CrewSize } from "./support/crew.ts";

const [BUSY, IDLE] = [0, 1];

/** A crew whose jobs end when they are told to. */
function crewWith(count: number, size: CrewSize) {
  const running: PromiseWithResolvers<void>[] = [];
  const crew = new Crew(
    Array(count).keys(),
    () => {
      const job = Promise.withResolvers<void>();
      running.push(job);
      return job.promise;
    },
    size,
  );
  const end = async () => {
    running.shift()?.resolve();
    await turn();
  };
  return { crew, running, end };
}

test("as many jobs as must run at once do, one more at each look while cores idle, and never more than the most", async () => {
  const { crew, running } = crewWith(10, { min: 2, max: 4 });
  assert.equal(running.length, 2);
  crew.look(BUSY);
  assert.equal(running.length, 2);
  for (const expected of [3, 4, 4]) {
    crew.look(IDLE);
    assert.equal(running.length, expected);
  }
});

test("once no core idles, no job follows those that are too many", async () => {
  const { crew, running, end } = crewWith(20, { min: 2, max: 4 });
  for (let looks = 0; looks < 2; looks++) crew.look(IDLE);
  await end();
  assert.equal(running.length, 4);
  crew.look(BUSY);
  for (const expected of [3, 2, 2, 2]) {
    await end();
    assert.equal(running.length, expected);
  }
});

test("it is finished when every job is done, and has failed when one has", async () => {
  const { crew, running, end } = crewWith(5, { min: 2, max: 4 });
  crew.look(IDLE);
  let isFinished = false;
  const finished = crew.finish().then(() => {
    isFinished = true;
  });
  for (let ended = 0; ended < 5; ended++) {
    assert.ok(!isFinished);
    await end();
  }
  await finished;
  assert.equal(running.length, 0);

  const failing = crewWith(5, { min: 2, max: 4 });
  failing.running[1]?.reject(new Error("on purpose"));
  await assert.rejects(failing.crew.finish(), /on purpose/);
});
