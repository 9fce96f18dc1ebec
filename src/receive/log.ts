import type { EventResult, Outcome } from "./answer.ts";

/** Tells the console of requests that were refused or failed: one line each, with nothing that a stranger wrote. */
export function logToConsole(outcome: Outcome): void {
  switch (outcome.kind) {
    case "rejected":
      console.warn(`postrider/receive refused a request: ${outcome.reason}`);
      return;
    case "failed":
      console.error(`postrider/receive failed with ${subjectOf(outcome.events)}:`, outcome.error);
      return;
    case "received":
    case "consented":
  }
}

function subjectOf(events: readonly EventResult[]): string {
  const failed = events.filter(({ result }) => result === "failed");
  return failed.length === 0 ? "a request" : failed.map(({ id }) => `event ${id}`).join(", ");
}
