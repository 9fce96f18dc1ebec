/** Runs the trials of all parts, round by round, so that those that are compared meet the same machine. */
import { messageOf } from "../../src/ground/errors.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import type { PartResult } from "./report.ts";
import { inTurn } from "./statistics.ts";

export interface PartPlan {
  readonly name: string;
  readonly prepare: (options: BenchOptions) => Promise<Part>;
  readonly rounds: number;
}

/** A trial that fails has no measures, and the process's exit status says that one has. */
export async function measure(
  plans: readonly PartPlan[],
  options: BenchOptions,
  interruption: AbortSignal,
): Promise<PartResult[]> {
  const results: (PartResult & { readonly part: Part; readonly rounds: number })[] = [];
  try {
    for (const { name, prepare, rounds } of plans) {
      console.error(`preparing ${name}`);
      const part = await prepare(options);
      results.push({ part, rounds, subjects: new Map(part.trials.map(({ subject }) => [subject, []])) });
    }
    const last = Math.max(...plans.map(({ rounds }) => rounds));
    for (let round = 1; round <= last && !interruption.aborted; round += 1) {
      for (const { part, subjects } of inTurn(results, round).filter(({ rounds }) => round <= rounds)) {
        await measureRound(part, subjects, round, interruption);
      }
    }
    return results;
  } finally {
    for (const { part } of results) {
      await part.stop();
    }
  }
}

async function measureRound(
  part: Part,
  subjects: PartResult["subjects"],
  round: number,
  interruption: AbortSignal,
): Promise<void> {
  for (const trial of inTurn(part.trials, round)) {
    if (interruption.aborted) {
      return;
    }
    const label = `round ${round}, ${part.name}: ${trial.subject}`;
    let measures: Measures | undefined;
    try {
      measures = await trial.run();
      console.error(label);
    } catch (thrown) {
      // The other trials have their worth without this one.
      console.error(`${label} failed: ${causes(thrown)}`);
      process.exitCode = 1;
    }
    subjects.get(trial.subject)?.push(measures);
  }
}

export function causes(thrown: unknown): string {
  const rest = thrown instanceof Error && thrown.cause !== undefined ? `: ${causes(thrown.cause)}` : "";
  return `${messageOf(thrown)}${rest}`;
}
