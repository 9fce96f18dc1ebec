import type { Outcome } from "./answer.ts";
import type { Handling } from "./handling.ts";

/** Tells the log. One that is broken must not make events come again, and one that is slow must not delay anything. */
export async function tell<Tx>({ log }: Pick<Handling<Tx>, "log">, outcome: Outcome): Promise<void> {
  try {
    await log(outcome);
  } catch {
    // It has nowhere else to be told.
  }
}
