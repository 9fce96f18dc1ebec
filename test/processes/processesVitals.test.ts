import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { test } from "node:test";
import { ProcessesVitals } from "../../src/processes/processesVitals.ts";
import type { Question } from "../../src/processes/supervised.ts";

/** Stands for a daemon's process, which answers at once or cannot be asked. */
function addProcess(vitals: ProcessesVitals, isThere: () => boolean): readonly Question["about"][] {
  const asked: Question["about"][] = [];
  const child = {
    send({ id, about }: Question, done: (error: Error | null) => void): void {
      asked.push(about);
      if (isThere()) {
        vitals.answered(child as unknown as ChildProcess, { kind: "answer", id, answer: { reasons: [], notes: [] } });
      } else {
        done(new Error("the channel is closed"));
      }
    },
  };
  vitals.add(child as unknown as ChildProcess);
  return asked;
}

test("what processes have in common is asked of one that has answered", async () => {
  const vitals = new ProcessesVitals(3);
  let isFirstThere = false;
  const asked = [() => isFirstThere, () => true, () => true].map((isThere) => addProcess(vitals, isThere));
  const scraped = async () => {
    const before = asked.map(({ length }) => length);
    await vitals.metrics();
    return asked.map((abouts, index) => abouts[before[index] ?? 0]);
  };
  assert.deepEqual(await scraped(), ["metrics", "ownMetrics", "ownMetrics"]);
  assert.deepEqual(await scraped(), ["ownMetrics", "metrics", "ownMetrics"]);
  isFirstThere = true;
  assert.deepEqual(await scraped(), ["ownMetrics", "metrics", "ownMetrics"]);
  assert.deepEqual(await scraped(), ["metrics", "ownMetrics", "ownMetrics"]);
});
