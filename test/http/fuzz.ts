/**
 * `npm run fuzz [-- CASES [SEED]]`: our HTTP client beside undici and Node's own, over answers that are well-formed or
 * mutilated and cut at random places. Prints how many differences each rule explains, and fails if any is left.
 */
import { Dice, makeCase } from "./answerCases.ts";
import { compare } from "./differences.ts";

// Only messages are compared, and undici makes an error of each refusal: traces took a fifth of the CPU.
Error.stackTraceLimit = 0;

const cases = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? 0);
const counts = new Map<string, number>();
let mutilated = 0;
let accepted = 0;
let unexplained = 0;

for (let index = 0; index < cases; index += 1) {
  const answer = makeCase(new Dice(seed + index));
  const { ours, differences } = await compare(answer);
  mutilated += answer.isMutilated ? 1 : 0;
  accepted += "refused" in ours ? 0 : 1;
  for (const { peer, rule, ours, theirs } of differences) {
    if (rule === undefined) {
      unexplained += 1;
      console.log(JSON.stringify({ seed: seed + index, peer, bytes: answer.bytes.toString("latin1"), ours, theirs }));
    } else {
      counts.set(`${peer}: ${rule}`, (counts.get(`${peer}: ${rule}`) ?? 0) + 1);
    }
  }
}

console.log(
  `${cases} answers, ${mutilated} of them mutilated; ${accepted} accepted, ${unexplained} unexplained differences`,
);
for (const [rule, count] of [...counts].sort((one, other) => other[1] - one[1])) {
  console.log(`${String(count).padStart(8)}  ${rule}`);
}
process.exitCode = unexplained === 0 ? 0 : 1;
