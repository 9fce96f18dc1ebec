import { Refusal, Unreachable } from "./api.ts";
import { type Call, send } from "./operation.ts";

export interface Tally {
  readonly done: number;
  readonly refused: number;
  /** The words of the first refusal. */
  readonly why: unknown;
}

const AT_ONCE = 4;
const TOO_OFTEN_MS = 1_000;

/** Sends each call, a few at once. A refusal is counted, and ends nothing; an API that is away ends it, by rejecting. */
export async function sendAll(
  calls: readonly Call[],
  onStep: (tally: Tally) => void,
  signal: AbortSignal,
): Promise<void> {
  const left = calls.values();
  let tally: Tally = { done: 0, refused: 0, why: null };
  const work = async (): Promise<void> => {
    for (const each of left) {
      if (signal.aborted) return;
      const error = await refusalOf(each);
      tally =
        error === null
          ? { ...tally, done: tally.done + 1 }
          : { ...tally, refused: tally.refused + 1, why: tally.why ?? error };
      onStep(tally);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Null if it was done. */
async function refusalOf(each: Call): Promise<unknown> {
  for (;;) {
    try {
      await send(each);
      return null;
    } catch (error) {
      if (error instanceof Unreachable || (error instanceof Refusal && error.problem.status === 401)) {
        throw error;
      }
      if (!(error instanceof Refusal && error.problem.status === 429)) {
        return error;
      }
      await new Promise((resolve) => setTimeout(resolve, TOO_OFTEN_MS));
    }
  }
}
