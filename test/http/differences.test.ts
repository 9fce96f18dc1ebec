import assert from "node:assert/strict";
import { test } from "node:test";
import { Dice, makeCase } from "./answerCases.ts";
import { compare } from "./differences.ts";

/** `npm run fuzz` does the same with a million. */
const CASES = 2_000;

test("undici and Node's client read answers, whole or mutilated, as ours does, or a rule says why not", async () => {
  const seed = Math.floor(Date.now() / 1_000);
  let accepted = 0;
  for (let index = 0; index < CASES; index += 1) {
    const answer = makeCase(new Dice(seed + index));
    const { ours, differences } = await compare(answer);
    accepted += "refused" in ours ? 0 : 1;
    const unexplained = differences.filter(({ rule }) => rule === undefined);
    assert.deepEqual(unexplained, [], `seed ${seed + index}: ${JSON.stringify(answer.bytes.toString("latin1"))}`);
  }
  assert.ok(accepted > CASES / 4 && accepted < (CASES * 3) / 4, `${accepted} accepted`);
});
