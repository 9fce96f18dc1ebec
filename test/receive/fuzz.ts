/**
 * `npm run fuzz:receive [-- CASES [SEED]]`: the receiver over requests of every format, whole, spoiled and then signed, or
 * signed and then spoiled. Prints how many had which status, and fails if any had what it must not have.
 */
import { Dice } from "../http/answerCases.ts";
import { makeCase } from "./fuzzCases.ts";
import { Judge } from "./judge.ts";

const cases = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? 0);
const judge = new Judge();
const counts = new Map<string, number>();
let faults = 0;

for (let index = 0; index < cases; index += 1) {
  const request = await makeCase(new Dice(seed + index));
  const { status, fault } = await judge.judge(request);
  const kind = `${request.kind}: ${status}`;
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
  if (fault !== undefined) {
    faults += 1;
    console.log(JSON.stringify({ seed: seed + index, fault, ...request, body: request.body.toString("latin1") }));
  }
}

console.log(`${cases} requests, ${faults} of them with a fault`);
for (const [kind, count] of [...counts].sort()) console.log(`${String(count).padStart(8)}  ${kind}`);
process.exitCode = faults === 0 ? 0 : 1;
